//! Evidence classes `language` and `attachments`: what it says and what it carries.

use crate::verdict::{case::Case, lure::purposes};

pub(super) fn run(case: &mut Case<'_>) {
    let hits = case.lures.clone();
    for (lure, hit) in purposes().zip(hits) {
        let Some(first) = hit.first else { continue };
        let evidence = format!("{} (\"{first}\")", lure.says);
        case.find(lure.id, "body", evidence);
        if hit.count >= 3 && lure.many != lure.id {
            case.find(
                lure.many,
                "body",
                format!("{}, in {} phrases", lure.says, hit.count),
            );
        }
    }
    disguise(case);
    address(case);
    wallet(case);
    files(case);
}

fn disguise(case: &mut Case<'_>) {
    if let Some(word) = case.disguised.first().cloned() {
        let evidence = format!(
            "words mix alphabets that look alike: {}",
            Case::shown(&word)
        );
        case.find("lure.disguised", "body", evidence);
    }
    let text = case.message.visible_text();
    let broken = text
        .chars()
        .zip(text.chars().skip(1))
        .zip(text.chars().skip(2))
        .filter(|((a, b), c)| {
            a.is_alphabetic()
                && c.is_alphabetic()
                && crate::message::is_invisible(*b)
                && !b.is_control()
                && *b != '\u{ad}'
        })
        .take(3)
        .count();
    if broken >= 3 {
        case.find(
            "lure.broken_words",
            "body",
            "invisible characters inside words",
        );
    }
    let subject = case.message.subject.exposed();
    if subject
        .chars()
        .any(|c| matches!(c, '\u{1F000}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}'))
    {
        case.find(
            "subject.pictures",
            "header:Subject",
            "pictures in the subject",
        );
    }
    if subject
        .chars()
        .any(|c| matches!(c, '\u{1D400}'..='\u{1D7FF}'))
    {
        case.find(
            "subject.fancy",
            "header:Subject",
            "the subject is written in mathematical letters",
        );
    }
    let letters = subject.chars().filter(|c| c.is_alphabetic()).count();
    let capitals = subject.chars().filter(|c| c.is_uppercase()).count();
    if letters >= 10 && capitals * 10 >= letters * 8 {
        case.find(
            "subject.capitals",
            "header:Subject",
            "a subject in capitals",
        );
    }
    let answers = subject
        .trim_start()
        .get(..3)
        .is_some_and(|s| s.eq_ignore_ascii_case("re:"));
    if answers && case.message.in_reply_to.is_empty() && case.message.references.is_empty() {
        case.find(
            "subject.false_reply",
            "header:Subject",
            "pretends to answer, but refers to nothing",
        );
    }
    if subject.trim().is_empty() {
        case.find("subject.empty", "header:Subject", "no subject");
    }
}

/// The recipient's address where a name should stand.
fn address(case: &mut Case<'_>) {
    let subject = case.message.subject.exposed().to_lowercase();
    let Some(person) = case.message.to.first() else {
        return;
    };
    let address = person.address.as_str();
    if address.len() < 6 {
        return;
    }
    if subject.contains(address) || (person.local().len() >= 5 && subject.contains(person.local()))
    {
        case.find(
            "subject.recipient",
            "header:Subject",
            "the recipient's address in the subject",
        );
    }
}

fn wallet(case: &mut Case<'_>) {
    let holds = case
        .message
        .visible_text()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(is_bitcoin);
    if holds {
        case.find(
            "lure.bitcoin_address",
            "body",
            "a Bitcoin address to pay to",
        );
    }
}

/// The form of a Bitcoin address: base58 of version 1 or 3, or bech32.
fn is_bitcoin(word: &str) -> bool {
    let base58 = (26..=35).contains(&word.len())
        && word.starts_with(['1', '3'])
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() && !b"0OIl".contains(&b))
        && word.bytes().any(|b| b.is_ascii_uppercase())
        && word.bytes().any(|b| b.is_ascii_lowercase())
        && word.bytes().filter(u8::is_ascii_digit).count() >= 2;
    let bech32 = (42..=62).contains(&word.len()) && word.starts_with("bc1");
    base58 || bech32
}

fn files(case: &mut Case<'_>) {
    for (index, file) in case.message.attachments.iter().enumerate() {
        let place = format!("attachment:{index}");
        let name = file
            .name
            .as_ref()
            .map(|n| n.exposed().to_lowercase())
            .unwrap_or_default();
        let name: String = name
            .chars()
            .filter(|c| !crate::message::is_invisible(*c))
            .collect();
        let ends = |list: &[&str]| list.iter().any(|end| name.trim_end().ends_with(end));
        let shown = Case::shown(&name);
        let program = ends(&[
            ".exe", ".scr", ".com", ".pif", ".bat", ".cmd", ".js", ".jse", ".vbs", ".vbe", ".wsf",
            ".hta", ".lnk", ".msi", ".jar", ".ps1", ".iso", ".img", ".vhd", ".vhdx", ".cpl",
            ".url", ".chm", ".one", ".xll",
        ]);
        let id = if program || file.magic.starts_with(b"MZ") {
            "file.program"
        } else if ends(&[".htm", ".html", ".shtml", ".xhtml", ".mht", ".svg"])
            || (file.is_html && !name.is_empty())
        {
            "file.html"
        } else if ends(&[".docm", ".xlsm", ".pptm", ".dotm", ".xlsb", ".xlam"]) {
            "file.macro"
        } else if ends(&[
            ".zip", ".rar", ".7z", ".gz", ".tar", ".ace", ".arj", ".cab", ".z", ".r00", ".lzh",
        ]) {
            "file.archive"
        } else if ends(&[
            ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".rtf", ".ppt", ".pptx",
        ]) {
            "file.document"
        } else if ends(&[".ics"]) || file.media_type == "text/calendar" {
            "file.calendar"
        } else {
            continue;
        };
        case.find(id, &place, format!("carries {} {shown}", kind(id)));
        let before = name.rsplit_once('.').map_or("", |(stem, _)| stem);
        if program
            && [".pdf", ".doc", ".docx", ".xls", ".jpg", ".png", ".txt"]
                .iter()
                .any(|end| before.trim_end().ends_with(end))
        {
            case.find(
                "file.double_ending",
                &place,
                format!("a program named as a document: {shown}"),
            );
        }
    }
}

fn kind(id: &str) -> &'static str {
    match id {
        "file.program" => "a program or shortcut",
        "file.html" => "a web page as a file",
        "file.macro" => "an Office file with macros",
        "file.archive" => "an archive",
        "file.calendar" => "a calendar entry",
        _ => "a document",
    }
}
