//! Hostile input: never a panic, always in bounded time, always an answer.

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
    time::{Duration, Instant},
};

use base64::Engine as _;
use chrono::DateTime;
use unhook::{
    analyze::{AnalyzeLine, analyze_bytes},
    config::policy::Policy,
    domain::Verdict,
    message::{Defect, Fingerprint, Limits, compare, parse},
    sandbox::Sandbox,
    verdict::Engine,
};

use super::shared::{folder, sandbox};

/// Far above what any input needs in an unoptimised build on a busy machine;
/// quadratic work on the largest of these inputs takes hours.
const MOST_TIME: Duration = Duration::from_secs(60);

/// One for all tests of this file.
static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| sandbox(2));
static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(Policy::default()).unwrap());

fn judge(name: &str, bytes: &[u8]) -> AnalyzeLine {
    let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let start = Instant::now();
    let line = analyze_bytes(name, bytes, &ENGINE, Some(&SANDBOX), now);
    let message = parse(bytes, &Limits::default());
    let print = Fingerprint::of(&message);
    let _ = compare(&print, &print);
    let took = start.elapsed();
    assert!(took < MOST_TIME, "{name} took {took:?}");
    assert_eq!(line.error, None);
    assert!(line.observables.len() <= 4_000, "{name}");
    serde_json::to_string(&line).unwrap();
    line
}

/// The same bytes with the other line ending.
fn other_endings(bytes: &[u8]) -> Vec<u8> {
    let crlf = bytes.windows(2).any(|pair| pair == b"\r\n");
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 40);
    for &byte in bytes {
        match byte {
            b'\r' if crlf => {}
            b'\n' if !crlf => out.extend_from_slice(b"\r\n"),
            other => out.push(other),
        }
    }
    out
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn as_attachment(name: &str, bytes: &[u8]) -> Vec<u8> {
    let coded = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!(
        "From: a@b.example\r\nSubject: file\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nsee the file\r\n--x\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{coded}\r\n--x--\r\n"
    )
    .into_bytes()
}

#[test]
fn hostile_mail_is_answered_with_either_line_ending() {
    let Some(hostile) = folder("corpora/hostile") else {
        return;
    };
    for path in files(&hostile) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        for bytes in [other_endings(&bytes), bytes] {
            let line = judge(&name, &bytes);
            let wanted = match name.get(..3).unwrap_or_default() {
                "008" | "009" => Some(Defect::TooDeep),
                "010" => Some(Defect::TooManyParts),
                "013" => Some(Defect::NotMail),
                "014" | "040" => Some(Defect::NulBytes),
                "016" => Some(Defect::DuplicateHeader("content-type".into())),
                "032" | "034" | "139" => Some(Defect::TooManyHeaders),
                "037" => Some(Defect::DuplicateHeader("from".into())),
                "081" => Some(Defect::TooManyLinks),
                _ => None,
            };
            if let Some(wanted) = wanted.filter(|_| !name.starts_with("139")) {
                assert!(line.defects.contains(&wanted), "{name}: {:?}", line.defects);
                if wanted.is_ambiguous() {
                    let clean = [Verdict::Benign, Verdict::Bulk, Verdict::Spam];
                    assert!(
                        !clean.contains(&line.verdict.unwrap()),
                        "{name} is called clean"
                    );
                }
            }
        }
    }
}

#[test]
fn bombs_are_answered_as_mail_and_as_files() {
    let Some(bombs) = folder("vectors/bombs") else {
        return;
    };
    for path in files(&bombs) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        judge(&name, &bytes);
        judge(&name, &other_endings(&bytes));
        judge(&name, &as_attachment(&name, &bytes));
    }
}

#[test]
fn mail_to_the_abuse_mailbox_parses() {
    let Some(abuse) = folder("vectors/abuse-mailbox") else {
        return;
    };
    for path in files(&abuse) {
        let bytes = std::fs::read(&path).unwrap();
        judge(&path.to_string_lossy(), &bytes);
    }
}

#[test]
fn naughty_strings_stand_anywhere_and_leave_neutral() {
    let Some(strings) = folder("vectors/strings/blns.json") else {
        return;
    };
    let strings: Vec<String> =
        serde_json::from_str(&std::fs::read_to_string(strings).unwrap()).unwrap();
    assert!(strings.len() > 100);
    for text in &strings {
        let flat = text.replace(['\r', '\n'], " ");
        let raw = format!(
            "From: \"{flat}\" <{flat}@x.example>\r\nTo: a@b.example\r\nSubject: {flat}\r\nMessage-ID: <{flat}>\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{text}</p><a href=\"{text}\">{text}</a>\r\n"
        );
        let line = judge(text, raw.as_bytes());
        let steering = |c: char| {
            c.is_control()
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}')
        };
        for signal in &line.signals {
            assert!(!signal.evidence.contains(steering), "{:?}", signal.evidence);
            assert!(!signal.evidence.contains("://"), "{:?}", signal.evidence);
        }
        for observable in &line.observables {
            assert!(!observable.defanged.as_str().contains(steering));
            assert!(!observable.defanged.as_str().contains("://"));
        }
        let message = parse(raw.as_bytes(), &Limits::default());
        let shown = message.subject.neutral(80);
        assert!(
            shown.chars().count() <= 80 && !shown.contains(steering),
            "{shown:?}"
        );
    }
}
