//! Answers of the process: cut to fit where they are written, and judged where
//! they are read. What reads hostile files may have been taken over by one, so
//! its answer is believed no more than the files are.

use sha2::{Digest, Sha256};

use crate::{
    file::{FileLimits, FileReport, Given, Hashes, Stop},
    message::Untrusted,
};

/// Bytes of a link's target.
const MAX_TARGET: usize = 8_192;
/// Rules that may have matched one file.
const MAX_RULES: usize = 50;
/// Characters of a rule's name or description, and of a note or a link's text.
const MAX_WORDS: usize = 200;
/// Characters of a file's name.
const MAX_NAME: usize = 255;
/// Characters of a claimed type.
const MAX_CLAIMED: usize = 120;

/// What can be said about a file without reading it.
pub(super) fn unread(file: &Given, stop: Stop) -> FileReport {
    let mut report = FileReport {
        place: file.place.clone(),
        name: file.name.clone().map(Untrusted::new),
        claimed: file.claimed.clone(),
        stops: vec![stop],
        ..FileReport::default()
    };
    shorten_words(&mut report);
    vouch(&mut report, file);
    report
}

/// The answer with every bound set again, or `None` where it does not answer what
/// was asked.
pub(super) fn judged(
    files: &[&Given],
    mut reports: Vec<FileReport>,
    limits: &FileLimits,
) -> Option<Vec<FileReport>> {
    if reports.len() != files.len() {
        return None;
    }
    let mut members_left = limits.members;
    for (file, report) in files.iter().zip(&mut reports) {
        if report.place != file.place {
            return None;
        }
        bound(report, limits, &mut members_left)?;
        vouch(report, file);
    }
    Some(reports)
}

/// Sets what this side knows for itself.
fn vouch(report: &mut FileReport, file: &Given) {
    report.size = file.bytes.len() as u64;
    report.hashes.sha256 = hex::encode(Sha256::digest(&file.bytes));
}

/// Bounds a report and its members; `None` where they lie deeper, or are more,
/// than anything that was asked for.
fn bound(report: &mut FileReport, limits: &FileLimits, members_left: &mut usize) -> Option<()> {
    let mut waiting = vec![(report, 0_usize)];
    while let Some((report, depth)) = waiting.pop() {
        if depth > limits.depth {
            return None;
        }
        shorten_words(report);
        shorten_lists(report, limits);
        for member in &mut report.members {
            member
                .place
                .strip_prefix(report.place.as_str())
                .and_then(|rest| rest.strip_prefix('/'))
                .filter(|rest| is_place(rest))?;
            *members_left = members_left.checked_sub(1)?;
            waiting.push((member, depth.saturating_add(1)));
        }
    }
    Some(())
}

/// A place is made of our own words and numbers.
fn is_place(rest: &str) -> bool {
    (1..=64).contains(&rest.len())
        && rest
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'/' | b'_' | b'-'))
}

fn shorten_words(report: &mut FileReport) {
    if let Some(name) = &mut report.name {
        shorten(name, MAX_NAME);
    }
    if report.claimed.chars().count() > MAX_CLAIMED {
        report.claimed = report.claimed.chars().take(MAX_CLAIMED).collect();
    }
    let Hashes {
        md5,
        sha1,
        sha256,
        tlsh,
    } = &mut report.hashes;
    for (digest, length) in [(md5, 32), (sha1, 40), (sha256, 64)] {
        if digest.len() != length || !is_hexadecimal(digest) {
            digest.clear();
        }
    }
    if tlsh
        .as_deref()
        .is_some_and(|t| t.len() != 72 || !t.strip_prefix("T1").is_some_and(is_hexadecimal))
    {
        *tlsh = None;
    }
    for note in &mut report.notes {
        shorten(&mut note.detail, MAX_WORDS);
    }
    for hit in &mut report.rules {
        for words in [
            Some(&mut hit.file),
            Some(&mut hit.rule),
            hit.description.as_mut(),
        ] {
            if let Some(words) = words.filter(|words| is_long(words, MAX_WORDS)) {
                *words = plain(words, MAX_WORDS);
            }
        }
    }
}

fn shorten_lists(report: &mut FileReport, limits: &FileLimits) {
    report.notes.truncate(limits.notes);
    report.rules.truncate(MAX_RULES);
    report.stops.sort_unstable();
    report.stops.dedup();
    report.links.truncate(limits.links);
    report
        .links
        .retain(|link| link.target.exposed().len() <= MAX_TARGET);
    for link in &mut report.links {
        shorten(&mut link.text, MAX_WORDS);
    }
    if let Some(text) = &report.text {
        let text = text.exposed();
        if text.len() > limits.text || text.contains('\0') {
            let mut kept: String = text.chars().filter(|c| *c != '\0').collect();
            kept.truncate(kept.floor_char_boundary(limits.text));
            report.text = Some(Untrusted::new(kept));
        }
    }
}

fn shorten(words: &mut Untrusted<String>, most: usize) {
    if is_long(words.exposed(), most) {
        *words = Untrusted::new(plain(words.exposed(), most));
    }
}

/// Whether words are longer than they may be or hold controls.
fn is_long(words: &str, most: usize) -> bool {
    words.chars().count() > most || words.chars().any(char::is_control)
}

fn plain(words: &str, most: usize) -> String {
    words
        .chars()
        .filter(|c| !c.is_control())
        .take(most)
        .collect()
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Drops the text of everything inside the files: the first step where an answer
/// is too long.
pub(super) fn without_inner_text(reports: &mut [FileReport]) {
    let mut waiting: Vec<&mut FileReport> =
        reports.iter_mut().flat_map(|r| &mut r.members).collect();
    while let Some(report) = waiting.pop() {
        if report.text.take().is_some() {
            cut(report);
        }
        waiting.extend(&mut report.members);
    }
}

/// Leaves of each file what it is and what rules it matched: the second step.
pub(super) fn without_members(reports: &mut [FileReport]) {
    for report in reports {
        report.members.clear();
        report.links.clear();
        report.notes.clear();
        report.text = None;
        // what it held is not known any more: it was not read whole
        if !report.stops.contains(&Stop::Members) {
            report.stops.push(Stop::Members);
        }
    }
}

fn cut(report: &mut FileReport) {
    if !report.stops.contains(&Stop::Kept) {
        report.stops.push(Stop::Kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{FileLink, LinkSource, Note, NoteKind, RuleHit};

    fn asked() -> Given {
        Given {
            place: "attachment:0".to_owned(),
            name: Some("a.zip".to_owned()),
            claimed: "application/zip".to_owned(),
            bytes: b"hello".to_vec(),
        }
    }

    fn report(place: &str) -> FileReport {
        FileReport {
            place: place.to_owned(),
            ..FileReport::default()
        }
    }

    fn judge(report: FileReport) -> Option<FileReport> {
        judged(&[&asked()], vec![report], &FileLimits::default()).map(|mut r| r.remove(0))
    }

    fn text(words: &str) -> Untrusted<String> {
        Untrusted::new(words.to_owned())
    }

    #[test]
    fn every_bound_is_set_again() {
        let limits = FileLimits::default();
        let long = "x\0\u{7}".repeat(400_000);
        let mut hostile = report("attachment:0");
        hostile.name = Some(text(&long));
        hostile.claimed = long.clone();
        hostile.size = 99;
        hostile.hashes.md5 = "zz".repeat(16);
        hostile.hashes.sha1 = "ab".repeat(20);
        hostile.hashes.tlsh = Some("T1".to_owned());
        hostile.text = Some(text(&long));
        hostile.stops = vec![Stop::Kept; 1_000];
        hostile.notes = vec![
            Note {
                kind: NoteKind::QrCode,
                detail: text(&long[..3_000]),
            };
            1_000
        ];
        hostile.links = (0..3_000_usize)
            .map(|n| FileLink {
                source: LinkSource::Click,
                target: text(&"t".repeat(if n == 0 { 9_000 } else { 9 })),
                text: text(&long[..1_000]),
            })
            .collect();
        hostile.rules = vec![
            RuleHit {
                file: long[..1_000].to_owned(),
                rule: "r".to_owned(),
                description: Some(long[..1_000].to_owned()),
            };
            99
        ];
        let kept = judge(hostile).unwrap();
        assert_eq!(kept.name.unwrap().exposed(), &"x".repeat(255));
        assert_eq!(kept.claimed.chars().count(), 120);
        assert_eq!(kept.size, 5);
        assert_eq!(kept.hashes.md5, "");
        assert_eq!(kept.hashes.sha1.len(), 40);
        assert!(kept.hashes.sha256.starts_with("2cf24dba"));
        assert_eq!(kept.hashes.tlsh, None);
        let kept_text = kept.text.unwrap();
        assert_eq!(kept_text.exposed().len(), limits.text);
        assert!(!kept_text.exposed().contains('\0'));
        assert_eq!(kept.stops, [Stop::Kept]);
        assert_eq!(kept.notes.len(), limits.notes);
        assert_eq!(kept.notes[0].detail.exposed(), &"x".repeat(200));
        assert_eq!(kept.links.len(), limits.links - 1);
        assert_eq!(kept.rules.len(), 50);
        assert_eq!(kept.rules[0].file, "x".repeat(200));
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        assert!(judge(report("attachment:0")).is_some());
        assert!(judge(report("attachment:1")).is_none());
        let two = vec![report("attachment:0"), report("attachment:1")];
        assert!(judged(&[&asked()], two, &FileLimits::default()).is_none());
        for place in [
            "attachment:1/0",
            "attachment:0",
            "attachment:0/",
            "attachment:0/<b>",
        ] {
            let mut outer = report("attachment:0");
            outer.members.push(report(place));
            assert!(judge(outer).is_none(), "{place}");
        }
        let mut deep = report(&format!("attachment:0{}", "/0".repeat(9)));
        for level in (0..9).rev() {
            let mut outer = report(&format!("attachment:0{}", "/0".repeat(level)));
            outer.members.push(deep);
            deep = outer;
        }
        assert!(judge(deep).is_none());
        let mut wide = report("attachment:0");
        wide.members = (0..501)
            .map(|n| report(&format!("attachment:0/{n}")))
            .collect();
        assert!(judge(wide.clone()).is_none());
        wide.members.pop();
        assert_eq!(judge(wide).unwrap().members.len(), 500);
    }

    #[test]
    fn a_file_that_was_not_read_is_still_known_by_its_digest() {
        let report = unread(&asked(), Stop::Memory);
        assert_eq!((report.place.as_str(), report.size), ("attachment:0", 5));
        assert_eq!(report.name.unwrap().exposed(), "a.zip");
        assert!(report.hashes.sha256.starts_with("2cf24dba"));
        assert_eq!(report.stops, [Stop::Memory]);
    }
}
