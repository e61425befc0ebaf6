//! What each fuzz target does with its input, and what must hold of it whatever
//! the input is. `tests/fuzz_findings.rs` gives every input kept in `findings/` to
//! the same functions.

use super::{
    enrich::observables::{observables, observables_of_files},
    file::{FileLimits, FileReport, Given, Rules, dissect},
    message::{Fingerprint, HtmlView, Limits, compare, parse, parse_with_files, unwrap_link},
};

/// The MIME border: parsing, observables, fingerprint, likeness with itself.
pub fn mime(bytes: &[u8]) {
    let (message, files) = parse_with_files(bytes, &Limits::default());
    let kept: usize = files.iter().map(|file| file.bytes.len()).sum();
    // a decoded text is at most three octets for each that came
    assert!(kept <= bytes.len() * 3 + 64, "more bytes than came: {kept}");
    let _ = observables(&message);
    let print = Fingerprint::of(&message);
    let _ = compare(&print, &print);
}

/// The reader of links: a body that is HTML, and the same as plain text.
pub fn urls(bytes: &[u8]) {
    let body = String::from_utf8_lossy(bytes);
    let view = HtmlView::of(&body, &Limits::default());
    assert!(view.links.len() <= Limits::default().urls);
    for kind in ["html", "plain"] {
        let mail =
            format!("From: a@b.example\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{body}");
        let message = parse(mail.as_bytes(), &Limits::default());
        for found in observables(&message) {
            let _ = (found.link.map(|link| link.may_leave()), found.defanged);
        }
    }
}

/// What rewritten links begin with; the first octet of an input chooses.
const FRONTS: [&str; 12] = [
    "",
    "https://urldefense.com/v3/__",
    "https://urldefense.proofpoint.com/v2/url?u=",
    "https://urldefense.proofpoint.com/v1/url?u=",
    "https://eur01.safelinks.protection.outlook.com/?url=",
    "https://secure-web.cisco.com/1x/",
    "https://linkprotect.cudasvc.com/url?a=",
    "https://protect2.fireeye.com/v1/url?k=x&u=",
    "https://scanmail.trustwave.com/?c=1&u=",
    "https://protect.checkpoint.com/v2/___",
    "https://eu-west-1.protection.sophos.com/?d=x&u=",
    "https://www.google.com/url?q=",
];

/// The decoder of rewritten links: what comes out is a link, or what went in.
pub fn rewriters(bytes: &[u8]) {
    let Some((front, tail)) = bytes.split_first() else {
        return;
    };
    let front = FRONTS[usize::from(*front) % FRONTS.len()];
    let link = format!("{front}{}", String::from_utf8_lossy(tail));
    let plain = unwrap_link(&link);
    // a browser follows `https:host` as well as `https://host`
    let scheme = plain.split(':').next().unwrap_or_default();
    let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    assert!(plain == link || web, "{link} became {plain}");
}

/// Limits small enough to be reached, also in a build that watches every step.
fn narrow() -> FileLimits {
    FileLimits {
        produced: 4 << 20,
        member: 2 << 20,
        members: 50,
        pixels: 250_000,
        ..FileLimits::default()
    }
}

/// Outlook messages and `winmail.dat`.
pub fn msg(bytes: &[u8]) {
    for name in ["a.msg", "winmail.dat"] {
        let reports = taken_apart(bytes, Some(name), &narrow());
        assert_eq!(reports.len(), 1);
    }
}

/// The walker of archives and documents.
pub fn archive(bytes: &[u8]) {
    let limits = narrow();
    let reports = taken_apart(bytes, None, &limits);
    let members = reports.iter().flat_map(FileReport::all).count();
    assert!(
        members <= limits.members + 1,
        "{members} files were looked at"
    );
}

fn taken_apart(bytes: &[u8], name: Option<&str>, limits: &FileLimits) -> Vec<FileReport> {
    let file = Given {
        place: "attachment:0".to_owned(),
        name: name.map(str::to_owned),
        claimed: String::new(),
        bytes: bytes.to_vec(),
    };
    let reports = dissect(&[file], &["infected".to_owned()], &Rules::none(), limits);
    let message = parse(b"From: a@b.example\r\n\r\n", &Limits::default());
    let _ = observables_of_files(&reports, &message);
    reports
}
