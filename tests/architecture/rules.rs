//! The house rules as data, and the one function that judges a file by them.

use std::fmt;

use crate::source::Source;

/// One broken rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path from `src/`.
    pub path: String,
    /// Line, counted from 1.
    pub line: usize,
    /// The rule's short name, for the self-test.
    pub rule: &'static str,
    /// What is wrong, in words.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            rule,
            what,
        } = self;
        write!(f, "src/{path}:{line}: [{rule}] {what}")
    }
}

/// The layers, top first. A room may use rooms of layers further down only.
const LAYERS: &[&[&str]] = &[
    &["main", "cli", "demo"],
    &["http", "auth"],
    &["intake", "triage", "remediation", "analyze", "audit"],
    &["policy"],
    &["learn"],
    &["app"],
    &["jobs"],
    &["store", "mailbox", "notify", "enrich", "sandbox"],
    &["verdict"],
    &["file"],
    &["message"],
    &["config", "clock", "domain", "strict_json"],
];

/// Uses inside one layer that are part of the design; all others are refused.
const NEIGHBOURS: &[(&str, &[&str])] = &[
    // the start-up rooms are one layer of three doors
    ("main", &["cli", "demo"]),
    ("cli", &["demo"]),
    // the demo starts the service by the code that `serve` starts it by
    ("demo", &["cli"]),
    // an extractor in the signature is how a route is authorised
    ("http", &["auth"]),
    // one transaction writes a row and schedules the next room's job
    ("intake", &["triage"]),
    ("triage", &["remediation"]),
    // a campaign at rest schedules the thanks, an overturn the undoing
    ("remediation", &["triage"]),
    // one key signs receipts and checkpoints
    ("audit", &["remediation"]),
    // configuration speaks in domain types
    ("config", &["domain"]),
    ("clock", &["domain"]),
];

/// Uses that are refused although the layer would allow them.
const REFUSED: &[(&str, &str, &str)] = &[(
    "http",
    "mailbox",
    "a handler records an intent; only the worker moves mail",
)];

/// The simulated tenant stands beside the layers.
const SIM_SEES: &[&str] = &["message", "domain", "clock"];
const SIM_SEEN_BY: &[&str] = &["main", "cli", "demo"];

/// Crates that belong to some rooms alone.
const EXCLUSIVE: &[(&str, &[&str])] = &[
    ("sea_orm", &["store"]),
    ("sqlx", &["store"]),
    ("graph_rs_sdk", &["mailbox"]),
    ("graph_core", &["mailbox"]),
    ("google_gmail1", &["mailbox"]),
    ("yup_oauth2", &["mailbox"]),
    ("lettre", &["notify"]),
    ("actix_web", &["auth", "http", "sim", "cli"]),
];

const DRAWERS: &[&str] = &[
    "manager", "managers", "helper", "helpers", "util", "utils", "data", "common", "misc",
];

/// Macros and calls that have no place outside tests, with the reason.
const BANNED: &[(&str, &str)] = &[
    (".unwrap()", "return a typed error instead"),
    ("todo!", "finish it or leave it out"),
    ("unimplemented!", "finish it or leave it out"),
    ("unsafe", "this crate has no unsafe code"),
    ("#[allow(", "write #[expect(.., reason = \"..\")]"),
    ("#![allow(", "write #![expect(.., reason = \"..\")]"),
];

/// Only these rooms talk to a terminal.
const PRINTS: &[&str] = &["main", "cli", "demo"];
/// Only these rooms read the environment.
const READS_ENV: &[&str] = &["main", "cli", "config"];

/// A file with more lines of code is refused; longer than 400 it is reported.
pub const CEILING: usize = 1_000;

/// The layer of a room, 0 at the top; `None` for a room that has no place.
pub fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

/// Whether the table has a place for the room.
pub fn is_known(room: &str) -> bool {
    room == "sim" || room == "lib" || layer(room).is_some()
}

/// Judges one file by every rule.
pub fn judge(source: &Source) -> Vec<Violation> {
    let mut broken = names(source);
    if !source.is_test_file() {
        rooms(source, &mut broken);
        crates(source, &mut broken);
        words(source, &mut broken);
        sql(source, &mut broken);
        providers(source, &mut broken);
    }
    broken
}

fn violation(source: &Source, line: usize, rule: &'static str, what: String) -> Violation {
    Violation {
        path: source.path.clone(),
        line,
        rule,
        what,
    }
}

fn names(source: &Source) -> Vec<Violation> {
    let drawer = source
        .path
        .split(['/', '_', '.'])
        .find(|part| DRAWERS.contains(part));
    let mut broken = Vec::new();
    if let Some(drawer) = drawer {
        let what = format!("`{drawer}` is a drawer, not a name: say what is in it");
        broken.push(violation(source, 1, "drawer", what));
    }
    if !is_known(source.room()) {
        let what = format!("room `{}` has no place in the layer table", source.room());
        broken.push(violation(source, 1, "layer", what));
    }
    let lines = source.lines_of_code();
    if lines > CEILING {
        let what = format!("{lines} lines of code; the ceiling is {CEILING}");
        broken.push(violation(source, 1, "length", what));
    }
    broken
}

/// Whether `room` may use `other`; the reason when not.
fn may_use(room: &str, other: &str) -> Result<(), String> {
    if room == other || room == "lib" || !is_known(other) || other == "lib" {
        return Ok(());
    }
    if room == "sim" {
        return if SIM_SEES.contains(&other) {
            Ok(())
        } else {
            Err(format!("the simulated tenant must not know `{other}`"))
        };
    }
    if other == "sim" {
        return if SIM_SEEN_BY.contains(&room) {
            Ok(())
        } else {
            Err(format!("`{room}` must not know the simulated tenant"))
        };
    }
    if let Some((_, _, why)) = REFUSED.iter().find(|(r, o, _)| *r == room && *o == other) {
        return Err(format!("`{room}` must not use `{other}`: {why}"));
    }
    let neighbour = NEIGHBOURS
        .iter()
        .any(|(r, others)| *r == room && others.contains(&other));
    if neighbour || layer(room) < layer(other) {
        Ok(())
    } else {
        Err(format!(
            "`{room}` may use only rooms further down; `{other}` is not"
        ))
    }
}

fn rooms(source: &Source, broken: &mut Vec<Violation>) {
    for (line, other) in source.rooms_used() {
        if let Err(what) = may_use(source.room(), &other) {
            broken.push(violation(source, line, "layer", what));
        }
    }
}

fn crates(source: &Source, broken: &mut Vec<Violation>) {
    for (name, rooms) in EXCLUSIVE {
        for at in source.words(name) {
            if !rooms.contains(&source.room()) {
                let what = format!("`{name}` belongs to {rooms:?} alone");
                broken.push(violation(source, source.line(at), "exclusive", what));
            }
        }
    }
}

fn words(source: &Source, broken: &mut Vec<Violation>) {
    for (word, why) in BANNED {
        for at in source.words(word) {
            let what = format!("`{word}`: {why}");
            broken.push(violation(source, source.line(at), "banned", what));
        }
    }
    for at in source.words("#[expect(").chain(source.words("#![expect(")) {
        let end = source.code[at..].find(")]").map_or(0, |i| at + i);
        if !source.code[at..end.max(at)].contains("reason") {
            let what = "an expectation needs its reason".to_owned();
            broken.push(violation(source, source.line(at), "banned", what));
        }
    }
    for word in ["println!", "eprintln!", "print!", "eprint!", "dbg!"] {
        for at in source.words(word) {
            if !PRINTS.contains(&source.room()) {
                let what = format!("`{word}`: library code speaks through tracing");
                broken.push(violation(source, source.line(at), "prints", what));
            }
        }
    }
    for word in ["env::var", "env::vars", "env::var_os"] {
        for at in source.words(word) {
            if !READS_ENV.contains(&source.room()) {
                let what = format!("`{word}`: only config reads the environment");
                broken.push(violation(source, source.line(at), "environment", what));
            }
        }
    }
}

fn sql(source: &Source, broken: &mut Vec<Violation>) {
    if source.room() == "store" {
        return;
    }
    for (line, literal) in &source.strings {
        let mut words = literal.split_whitespace();
        let head = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let tail: Vec<&str> = words.collect();
        let statement = match head {
            ("SELECT", _) => literal.contains(" FROM ") || tail.is_empty(),
            ("UPDATE", _) => tail.contains(&"SET"),
            ("INSERT", into) => into == "INTO" || into == "OR",
            ("DELETE", from) => from == "FROM",
            ("CREATE" | "ALTER" | "DROP", what) => matches!(what, "TABLE" | "INDEX" | "UNIQUE"),
            ("PRAGMA", _) => true,
            _ => false,
        };
        if statement {
            let what = format!("an SQL statement outside the store: {literal:.40}");
            broken.push(violation(source, *line, "sql", what));
        }
    }
}

/// No decision by provider outside the mailbox room and the tenant that plays it.
fn providers(source: &Source, broken: &mut Vec<Violation>) {
    if ["mailbox", "sim", "demo", "domain"].contains(&source.room()) {
        return;
    }
    for at in source.words("Provider::") {
        let name = source.code[at + "Provider::".len()..]
            .trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
        if name.trim_start().starts_with("=>") {
            let what = "a match on the provider stands only in mailbox".to_owned();
            broken.push(violation(source, source.line(at), "provider", what));
        }
    }
}
