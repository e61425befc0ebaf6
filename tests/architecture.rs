//! The house rules, held by a test: which room may use which, which crate
//! belongs to which room, and what no file may contain.
//!
//! One crate has no crate walls, so the sources themselves are read. The rules
//! are data in `architecture/rules.rs`; the map they follow is `src/lib.rs`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "what a test or bench does not expect must stop it"
)]

#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/source.rs"]
mod source;

use std::{fs, path::Path};

use rules::{CEILING, judge};
use source::Source;

/// Every Rust file under `src/`, with its own text.
fn sources() -> Vec<(Source, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                found.push((Source::new(&name.replace('\\', "/"), &text), text));
            }
        }
    }
    found.sort_by(|a, b| a.0.path.cmp(&b.0.path));
    found
}

#[test]
fn every_file_keeps_the_house_rules() {
    let sources = sources();
    assert!(sources.len() > 20, "only {} files found", sources.len());
    let broken: Vec<String> = sources
        .iter()
        .flat_map(|(source, _)| judge(source))
        .map(|violation| violation.to_string())
        .collect();
    assert!(
        broken.is_empty(),
        "{} broken house rules:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

#[test]
fn every_room_of_the_map_has_a_place() {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let rooms: Vec<&str> = map
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert!(rooms.len() > 10, "the map lists {rooms:?}");
    for room in rooms {
        assert!(rules::is_known(room), "room `{room}` is not in the table");
    }
}

/// Long files are a question, not a fault: this prints them (`--no-capture`).
#[test]
fn long_files_are_reported() {
    for (source, text) in sources() {
        let lines = text.lines().count();
        let code = source.lines_of_code();
        if lines > 400 {
            println!(
                "question: src/{} has {lines} lines, {code} of code",
                source.path
            );
        }
        assert!(code <= CEILING, "src/{}: {code} lines of code", source.path);
    }
}

/// The rules broken by a snippet put at `path`.
fn broken(path: &str, text: &str) -> Vec<&'static str> {
    judge(&Source::new(path, text))
        .into_iter()
        .map(|violation| violation.rule)
        .collect()
}

#[test]
fn every_rule_catches_its_snippet() {
    let cases: &[(&str, &str, &str)] = &[
        ("domain/x.rs", "use crate::store::Db;", "layer"),
        (
            "store/x.rs",
            "use crate::{clock::Clock, jobs::Job};",
            "layer",
        ),
        (
            "store/x.rs",
            "use crate::{domain::{Pull, Report}, http};",
            "layer",
        ),
        ("store/x.rs", "fn f() { crate::mailbox::pull() }", "layer"),
        (
            "http/api/x.rs",
            "use crate::mailbox::MailProvider;",
            "layer",
        ),
        ("verdict/mod.rs", "use super::store::Db;", "layer"),
        (
            "verdict/model/x.rs",
            "use super::super::super::store::Db;",
            "layer",
        ),
        ("sim/mod.rs", "use crate::config::Config;", "layer"),
        ("mailbox/graph/mod.rs", "use crate::sim::Tenant;", "layer"),
        ("intake/mod.rs", "use unhook::http::routes;", "layer"),
        ("triage/mod.rs", "use crate::intake::accept;", "layer"),
        ("cellar/mod.rs", "", "layer"),
        ("triage/mod.rs", "use sea_orm::Entity;", "exclusive"),
        ("jobs/mod.rs", "fn f(p: &sqlx::Pool) {}", "exclusive"),
        ("remediation/x.rs", "use graph_rs_sdk::Graph;", "exclusive"),
        ("app.rs", "use google_gmail1::Gmail;", "exclusive"),
        ("app.rs", "use yup_oauth2 as oauth;", "exclusive"),
        ("triage/x.rs", "lettre::Message::builder();", "exclusive"),
        ("intake/x.rs", "use actix_web::web;", "exclusive"),
        ("http/util.rs", "", "drawer"),
        ("http/request_helper.rs", "", "drawer"),
        ("store/data/mod.rs", "", "drawer"),
        ("store/x.rs", "fn f() { x.unwrap(); }", "banned"),
        ("store/x.rs", "fn f() { todo!() }", "banned"),
        ("store/x.rs", "#[allow(dead_code)] fn f() {}", "banned"),
        ("store/x.rs", "#[expect(dead_code)] fn f() {}", "banned"),
        ("store/x.rs", "unsafe fn f() {}", "banned"),
        ("store/x.rs", "fn f() { println!() }", "prints"),
        ("enrich/x.rs", "let a = std::env::var(NAME);", "environment"),
        ("http/x.rs", "let q = \"SELECT id FROM reports\";", "sql"),
        (
            "http/x.rs",
            "let q = r#\"UPDATE pulls\n SET a = 1\"#;",
            "sql",
        ),
        ("jobs/x.rs", "match p { Provider::Gmail => 1 }", "provider"),
    ];
    for (path, text, rule) in cases {
        assert!(
            broken(path, text).contains(rule),
            "{path}: `{text}` must break `{rule}`, broke {:?}",
            broken(path, text)
        );
    }
    assert_eq!(
        broken("store/x.rs", &"\"a\",\n".repeat(CEILING + 1)),
        [""; 0]
    );
    let long = "fn f() {}\n".repeat(CEILING + 1);
    assert_eq!(broken("store/x.rs", &long), ["length"]);
}

#[test]
fn what_is_allowed_or_only_looks_broken_passes() {
    let cases: &[(&str, &str)] = &[
        (
            "http/api/x.rs",
            "use crate::{auth::Reporter, store::Db, domain};",
        ),
        (
            "intake/mod.rs",
            "use crate::triage::Triage; use super::clock;",
        ),
        (
            "verdict/model/x.rs",
            "use super::super::Weights; use super::store;",
        ),
        (
            "sim/graph/x.rs",
            "use crate::{domain::Pull, message, sim::Tenant}; use actix_web::web;",
        ),
        (
            "demo/mod.rs",
            "use crate::sim::Tenant; fn f() { println!() }",
        ),
        (
            "store/x.rs",
            "use sea_orm::Entity; let q = \"PRAGMA synchronous\";",
        ),
        (
            "domain/x.rs",
            "// use crate::store::Db; x.unwrap()\n/* todo!() /* unsafe */ */",
        ),
        (
            "domain/x.rs",
            "const A: &str = \"crate::store x.unwrap() todo!()\";",
        ),
        (
            "domain/x.rs",
            "const A: &str = r##\"a\"# crate::store \"##; const B: char = '\"';",
        ),
        (
            "domain/x.rs",
            "fn f<'a>(x: &'a str) -> char { '\\'' } const C: &[u8] = b\"unsafe\";",
        ),
        (
            "domain/x.rs",
            "#[cfg(test)]\nmod tests { use crate::store::Db; fn f() { x.unwrap(); } }",
        ),
        (
            "mailbox/tests.rs",
            "use crate::sim::Tenant; fn f() { x.unwrap(); }",
        ),
        (
            "store/x.rs",
            "#[expect(dead_code, reason = \"kept for the next row\")] fn f() {}",
        ),
        (
            "http/x.rs",
            "const TEXT: &str = \"Select a message FROM the list\";",
        ),
        ("metadata_reader.rs", ""),
    ];
    for (path, text) in cases {
        let rules: Vec<_> = broken(path, text)
            .into_iter()
            .filter(|_| *path != "metadata_reader.rs")
            .collect();
        assert!(rules.is_empty(), "{path}: `{text}` broke {rules:?}");
    }
    assert_eq!(
        broken("metadata_reader.rs", ""),
        ["layer"],
        "no drawer in `metadata`"
    );
}

#[test]
fn code_behind_a_test_module_is_still_judged() {
    let text = "#[cfg(test)]\nmod tests { fn f() { \"}\"; } }\nfn g() { x.unwrap(); }";
    let found = judge(&Source::new("store/x.rs", text));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].line, 3);
}
