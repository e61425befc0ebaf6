//! Links found beside those of an independent reader (`links.py`).

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    process::Command,
};

use unhook::{
    enrich::{ObservableKind, observables},
    message::{Limits, parse, unwrap_link},
};
use url::Url;

use super::shared::folder;

/// The share of the reader's links that must be among the observables.
const FOUND: f64 = 0.99;
/// Mails of each label that are compared.
const OF_EACH: usize = 50;

/// A link as both sides are compared: parsed, without what sentences leave behind.
fn normal(link: &str) -> Option<String> {
    let link: String = link
        .chars()
        .filter(|c| {
            !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{ad}')
        })
        .collect();
    let link = link
        .trim()
        .trim_end_matches(['.', ',', ';', ':', '!', ')', ']', '>']);
    let mut url = Url::parse(link).ok()?;
    let host = url.host_str()?.trim_end_matches('.').to_owned();
    url.set_host(Some(&host)).ok()?;
    Some(url.as_str().trim_end_matches('/').to_owned())
}

/// Every nth file of each label, about fifty of each; all of them for a full look.
fn sample(dev: &Path) -> Vec<PathBuf> {
    let manifest = std::fs::read_to_string(dev.join("manifest.tsv")).unwrap();
    let rows: Vec<(&str, &str)> = manifest
        .lines()
        .skip(1)
        .map(|row| {
            let mut fields = row.split('\t');
            (fields.next().unwrap(), fields.next().unwrap())
        })
        .collect();
    let labels: HashSet<&str> = rows.iter().map(|row| row.1).collect();
    let mut files = Vec::new();
    for label in labels {
        let of_label: Vec<&str> = rows.iter().filter(|r| r.1 == label).map(|r| r.0).collect();
        let step = if std::env::var_os("UNHOOK_ALL").is_some() {
            1
        } else {
            (of_label.len() / OF_EACH).max(1)
        };
        files.extend(of_label.iter().step_by(step).map(|file| dev.join(file)));
    }
    files.sort();
    files
}

/// The links of a message in both forms, rewriters undone and as they stood.
fn ours(bytes: &[u8]) -> HashSet<String> {
    let mut links = HashSet::new();
    for observable in observables(&parse(bytes, &Limits::default())) {
        if observable.kind != ObservableKind::Url {
            continue;
        }
        links.extend(normal(&observable.value));
        let facts = observable.link.as_ref();
        links.extend(
            facts
                .and_then(|f| f.wrapped_form.as_deref())
                .and_then(normal),
        );
    }
    links
}

#[test]
fn an_independent_reader_finds_no_link_that_is_missed() {
    let Some(dev) = folder("corpora/dev") else {
        return;
    };
    let files = sample(&dev);
    assert!(files.len() >= 150, "{}", files.len());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/links.py");
    let (mut all, mut missed) = (0usize, Vec::new());
    for chunk in files.chunks(500) {
        let Ok(answer) = Command::new("python3").arg(&script).args(chunk).output() else {
            eprintln!("LEFT OUT: no python3");
            return;
        };
        assert!(answer.status.success(), "{:?}", answer.status);
        for line in String::from_utf8(answer.stdout).unwrap().lines() {
            let read: serde_json::Value = serde_json::from_str(line).unwrap();
            let file = read["file"].as_str().unwrap();
            let found = ours(&std::fs::read(file).unwrap());
            let theirs: HashSet<String> = read["urls"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|url| normal(url.as_str().unwrap()))
                // longer than any server takes; cut by design
                .filter(|url| url.len() <= 2_000)
                .collect();
            all += theirs.len();
            // of a link in several wrappings the first form is kept
            let plain =
                |url: &String| normal(&unwrap_link(url)).is_some_and(|u| found.contains(&u));
            let absent = theirs
                .into_iter()
                .filter(|url| !found.contains(url) && !plain(url));
            missed.extend(absent.map(|url| format!("{file}: {url}")));
        }
    }
    assert!(all > 200, "{all}");
    let share = (all - missed.len()) as f64 / all as f64;
    println!("{all} links, {} missed, {share:.4} found", missed.len());
    for link in missed.iter().take(400) {
        println!("missed {link}");
    }
    assert!(share >= FOUND, "{share:.4}");
}
