//! Judging mail files offline, one answer a file.
//!
//! No organisation, no mailbox, no network: the same rules as for a reported
//! mail, on the bytes alone.

use std::{
    io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    config::policy::Policy,
    domain::{Signal, Verdict},
    enrich::observables,
    message::{Defect, Limits, Observable, parse},
    verdict::{Facts, assess},
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
    /// Probability of malice, 0 to 1; `None` when it was not read.
    pub score: Option<f64>,
    /// The reasons, heaviest first.
    pub signals: Vec<Signal>,
    /// What an analyst would look up.
    pub observables: Vec<Observable>,
    /// What is wrong with its form.
    pub defects: Vec<Defect>,
    /// Why it was not read.
    pub error: Option<String>,
}

/// Judges the bytes of one file. The topmost `Authentication-Results` is believed,
/// as the file comes from a mailbox of the caller's own.
#[must_use]
pub fn analyze_bytes(path: &str, bytes: &[u8], policy: &Policy, now: DateTime<Utc>) -> AnalyzeLine {
    let message = parse(bytes, &Limits::default());
    let observables = observables(&message);
    let facts = Facts {
        trusted_authserv_ids: vec!["*".to_owned()],
        received: message.date,
        now,
        ..Facts::default()
    };
    let assessment = assess(&message, &observables, &facts, policy);
    AnalyzeLine {
        path: path.to_owned(),
        sha256: Some(message.sha256),
        verdict: Some(assessment.verdict),
        score: Some(assessment.score),
        signals: assessment.signals,
        observables,
        defects: message.defects,
        error: None,
    }
}

/// Judges files and, in sorted order, every file below directories, giving each
/// line to `sink`. A file that cannot be read gives a line with `error`, and the
/// others go on. Links to directories are not followed. Gives whether every input
/// was read.
pub fn analyze_paths(
    paths: &[PathBuf],
    policy: &Policy,
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
            Ok(bytes) => sink(analyze_bytes(&path.to_string_lossy(), &bytes, policy, now)),
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
        score: None,
        signals: Vec::new(),
        observables: Vec::new(),
        defects: Vec::new(),
        error: Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_walked_in_order_and_what_is_unreadable_does_not_stop_it() {
        let dir = tempfile::tempdir().unwrap();
        let mail = b"From: a@b.example\r\nSubject: hi\r\n\r\nsome words for you\r\n";
        std::fs::create_dir(dir.path().join("b")).unwrap();
        std::fs::write(dir.path().join("b/2.eml"), mail).unwrap();
        std::fs::write(dir.path().join("a.eml"), mail).unwrap();
        std::fs::write(dir.path().join("c.eml"), b"").unwrap();
        let missing = dir.path().join("missing.eml");
        let mut lines = Vec::new();
        let complete = analyze_paths(
            &[missing, dir.path().to_owned()],
            &Policy::default(),
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
