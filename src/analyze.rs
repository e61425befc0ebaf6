//! Judging mail files offline, one answer a file.
//!
//! No organisation, no mailbox, no network: the same rules as for a reported
//! mail, on the bytes alone.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    domain::{Kind, Signal, Verdict},
    enrich::{merged, observables, observables_of_files},
    file::{FileReport, Given, left_out, words_that_may_be_passwords},
    message::{
        AuthResults, Border, Defect, Limits, MimePart, Observable, Path as Way, Protection,
        parse_with_files, path as way,
    },
    sandbox::Sandbox,
    verdict::{Engine, Facts},
};

/// The answer for one file; the members are the line's JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnalyzeLine {
    /// The file as it was named or found.
    pub path: String,
    /// SHA-256 of its bytes, lower-case hexadecimal; `None` when it was not read.
    pub sha256: Option<String>,
    /// The verdict; `None` when it was not read.
    pub verdict: Option<Verdict>,
    /// The kind of harm, where there is any.
    pub kind: Option<Kind>,
    /// Probability of malice, 0 to 1; `None` when it was not read.
    pub score: Option<f64>,
    /// The reasons, heaviest first.
    pub signals: Vec<Signal>,
    /// What would have made another verdict.
    pub changes: Vec<String>,
    /// The statistical model's probabilities of malicious, spam, bulk and ham.
    pub probabilities: BTreeMap<String, f64>,
    /// What an analyst would look up, of the message and of its files.
    pub observables: Vec<Observable>,
    /// What is wrong with its form.
    pub defects: Vec<Defect>,
    /// Its MIME parts.
    pub structure: Vec<MimePart>,
    /// Signatures and encryption around it.
    pub protection: Vec<Protection>,
    /// The way it took.
    pub received: Option<Way>,
    /// What the topmost server recorded.
    pub authentication: Option<AuthResults>,
    /// Its files, taken apart.
    pub files: Vec<FileReport>,
    /// Why it was not read.
    pub error: Option<String>,
}

/// Judges the bytes of one file. The topmost `Authentication-Results` is believed,
/// as the file comes from a mailbox of the caller's own. Its files are taken apart
/// in the processes of `sandbox`; without one they are not looked into.
#[must_use]
pub fn analyze_bytes(
    path: &str,
    bytes: &[u8],
    engine: &Engine,
    sandbox: Option<&Sandbox>,
    now: DateTime<Utc>,
) -> AnalyzeLine {
    let (message, carried) = parse_with_files(bytes, &Limits::default());
    let missing = sandbox.and_then(|_| left_out(&message, carried.len()));
    let mut files = match sandbox {
        Some(sandbox) if !carried.is_empty() => {
            let given: Vec<Given> = carried.into_iter().map(Given::from).collect();
            let passwords = words_that_may_be_passwords(message.visible_text());
            sandbox.dissect_blocking(given, passwords)
        }
        _ => Vec::new(),
    };
    files.extend(missing);
    let found = merged(
        &observables(&message),
        &observables_of_files(&files, &message),
    );
    let trusted = ["*".to_owned()];
    let facts = Facts {
        trusted_authserv_ids: trusted.to_vec(),
        received: message.date,
        now,
        files,
        ..Facts::default()
    };
    let assessment = engine.assess(&message, &found, &facts);
    AnalyzeLine {
        path: path.to_owned(),
        sha256: Some(message.sha256.clone()),
        verdict: Some(assessment.verdict),
        kind: assessment.kind,
        score: Some(assessment.score),
        signals: assessment.signals,
        changes: assessment.changes,
        probabilities: assessment.probabilities,
        observables: found,
        structure: message.structure.clone(),
        protection: message.protection.clone(),
        received: Some(way(&message, &Border::default(), None)),
        authentication: message.authentication(&trusted).cloned(),
        defects: message.defects,
        files: facts.files,
        error: None,
    }
}

/// Judges files and, in sorted order, every file below directories, giving each
/// line to `sink`. A file that cannot be read gives a line with `error`, and the
/// others go on. Links to directories are not followed. Gives whether every input
/// was read.
pub fn analyze_paths(
    paths: &[PathBuf],
    engine: &Engine,
    sandbox: Option<&Sandbox>,
    now: DateTime<Utc>,
    mut sink: impl FnMut(AnalyzeLine),
) -> bool {
    let mut complete = true;
    // a stack instead of recursion: depth of directories is the caller's
    let mut waiting: Vec<PathBuf> = paths.iter().rev().cloned().collect();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            match entries(&path) {
                Ok(inside) => waiting.extend(inside.into_iter().rev()),
                Err(error) => {
                    complete = false;
                    sink(unread(&path, &error));
                }
            }
            continue;
        }
        match std::fs::read(&path) {
            Ok(bytes) => sink(analyze_bytes(
                &path.to_string_lossy(),
                &bytes,
                engine,
                sandbox,
                now,
            )),
            Err(error) => {
                complete = false;
                sink(unread(&path, &error));
            }
        }
    }
    complete
}

fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut inside = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_symlink() && path.is_dir() {
            continue;
        }
        inside.push(path);
    }
    inside.sort();
    Ok(inside)
}

fn unread(path: &Path, error: &io::Error) -> AnalyzeLine {
    AnalyzeLine {
        path: path.to_string_lossy().into_owned(),
        sha256: None,
        verdict: None,
        kind: None,
        score: None,
        signals: Vec::new(),
        changes: Vec::new(),
        probabilities: BTreeMap::new(),
        observables: Vec::new(),
        defects: Vec::new(),
        structure: Vec::new(),
        protection: Vec::new(),
        received: None,
        authentication: None,
        files: Vec::new(),
        error: Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::policy::Policy;

    #[test]
    fn directories_are_walked_in_order_and_what_is_unreadable_does_not_stop_it() {
        let dir = tempfile::tempdir().unwrap();
        let mail = b"From: Ann <ann@b.example>\r\nTo: bob@c.example\r\nSubject: Re: minutes of the meeting\r\nIn-Reply-To: <1@c.example>\r\nMessage-ID: <2@b.example>\r\n\r\nHi Bob,\r\n\r\nthanks for the minutes. I think the second patch still breaks the build on my machine;\r\nshall we look at it on Thursday after the meeting?\r\n\r\nAnn\r\n";
        std::fs::create_dir(dir.path().join("b")).unwrap();
        std::fs::write(dir.path().join("b/2.eml"), mail).unwrap();
        std::fs::write(dir.path().join("a.eml"), mail).unwrap();
        std::fs::write(dir.path().join("c.eml"), b"").unwrap();
        let missing = dir.path().join("missing.eml");
        let mut lines = Vec::new();
        let complete = analyze_paths(
            &[missing, dir.path().to_owned()],
            &Engine::new(Policy::default()).unwrap(),
            None,
            DateTime::UNIX_EPOCH,
            |line| lines.push(line),
        );
        assert!(!complete);
        let ends: Vec<&str> = lines
            .iter()
            .map(|l| l.path.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(ends, ["missing.eml", "a.eml", "2.eml", "c.eml"]);
        assert!(lines[0].error.is_some() && lines[0].verdict.is_none());
        assert_eq!(lines[1].verdict, Some(Verdict::Benign));
        assert_eq!(lines[3].verdict, Some(Verdict::Unknown));
        let json = serde_json::to_value(&lines[1]).unwrap();
        for member in [
            "path",
            "sha256",
            "verdict",
            "score",
            "signals",
            "observables",
            "defects",
            "error",
        ] {
            assert!(json.get(member).is_some(), "{member}");
        }
    }
}
