//! Rules of one's own: expressions in CEL over the documented facts of a message.
//!
//! What an expression may read:
//!
//! ```text
//! message   subject, text, words (small letters, accents off, one blank between and
//!           around), octets, html (bool), defects (list)
//! sender    address, local, domain, name, proven (bool)
//! answers   list of Reply-To addresses
//! links     list of url, host, domain, path, shown (host), text, place, private (bool)
//! files     list of name, kind, octets, notes (list)
//! auth      spf, dkim, dmarc, compauth as the own border recorded them, or ""
//! headers   map of the fields that begin with X-, names in small letters
//! found     list of the built-in rules that found something
//! model     malicious, spam, bulk, ham: the statistical model's probabilities
//! own       the organisation's domains
//! ```
//!
//! An expression that fails on a message (a missing member, a wrong type) has found
//! nothing, and the message says so.

use std::collections::BTreeMap;

use cel::{Context, Program, Value};
use serde::Serialize;

use super::{
    case::{Case, Finding, Own},
    model::Opinion,
};
use crate::{
    config::policy::{OwnRule, PolicyError},
    file::FileReport,
    message::AuthOutcome,
};

/// What an expression may read.
const VARIABLES: [&str; 10] = [
    "message", "sender", "answers", "links", "files", "auth", "headers", "found", "model", "own",
];
/// Loops in one expression; the lists they go through are a stranger's.
const MOST_LOOPS: usize = 2;
/// Links and files that expressions see.
const MOST_LISTED: usize = 100;
/// Characters of a text that expressions see.
const MOST_TEXT: usize = 65_536;

/// A rule, compiled.
#[derive(Debug)]
pub(super) struct Rule {
    id: String,
    program: Program,
    weight: f64,
    class: String,
    says: String,
}

impl Rule {
    /// Compiles a rule.
    pub fn compile(rule: &OwnRule) -> Result<Self, PolicyError> {
        let wrong = |why: String| PolicyError::new(format!("rules.{}.when", rule.name), why);
        let flat: String = rule.when.split_whitespace().collect();
        let loops: usize = [".exists(", ".exists_one(", ".all(", ".map(", ".filter("]
            .iter()
            .map(|word| flat.matches(word).count())
            .sum();
        if loops > MOST_LOOPS {
            return Err(wrong(format!("goes through more than {MOST_LOOPS} lists")));
        }
        let program = Program::compile(&rule.when).map_err(|errors| {
            let first = errors.errors.first();
            wrong(first.map_or_else(
                || "is no expression".to_owned(),
                |error| {
                    let (line, column) = error.pos;
                    format!("line {line}, column {column}: {}", error.msg)
                },
            ))
        })?;
        let references = program.references();
        let unknown = references
            .variables()
            .into_iter()
            .filter(|name| !VARIABLES.contains(name))
            // the variables of loops stand among them
            .find(|name| !is_loop_variable(&rule.when, name));
        if let Some(unknown) = unknown {
            let all = VARIABLES.join(", ");
            return Err(wrong(format!("reads `{unknown}`; there are {all}")));
        }
        Ok(Self {
            id: format!("own.{}", rule.name),
            program,
            weight: rule.weight,
            class: rule.class.clone(),
            says: rule.says.clone(),
        })
    }
}

/// Whether a name is bound by a loop of an expression, as `x` in `links.exists(x, ...)`.
fn is_loop_variable(expression: &str, name: &str) -> bool {
    expression.split('(').skip(1).any(|inside| {
        let bound = inside.split(',').next().unwrap_or_default();
        inside.contains(',') && bound.trim() == name
    })
}

/// Runs the rules over a case; what they find stands among its findings.
pub(super) fn run(rules: &[Rule], case: &mut Case<'_>, opinion: Option<&Opinion>) {
    if rules.is_empty() {
        return;
    }
    let context = match context(case, opinion) {
        Ok(context) => context,
        Err(why) => {
            tracing::error!(%why, "the facts cannot be shown to rules");
            return;
        }
    };
    let mut found = Vec::new();
    for rule in rules {
        let (weight, evidence) = match rule.program.execute(&context) {
            Ok(Value::Bool(true)) => (rule.weight, rule.says.clone()),
            Ok(Value::Bool(false)) => continue,
            Ok(_) => (0.0, "the rule gives neither true nor false".to_owned()),
            Err(error) => {
                // an error may quote what a stranger wrote
                let why = Case::shown(&error.to_string());
                (0.0, format!("the rule cannot read this message: {why}"))
            }
        };
        found.push(Finding {
            id: rule.id.clone().into(),
            evidence,
            place: "rule".to_owned(),
            own: Some(Own {
                weight,
                class: rule.class.clone(),
            }),
        });
    }
    drop(context);
    case.findings.extend(found);
}

#[derive(Serialize)]
struct Message<'c> {
    subject: &'c str,
    text: String,
    words: String,
    octets: u64,
    html: bool,
    defects: Vec<String>,
}

#[derive(Serialize)]
struct Sender<'c> {
    address: &'c str,
    local: &'c str,
    domain: &'c str,
    name: &'c str,
    proven: bool,
}

#[derive(Serialize)]
struct Link<'c> {
    url: &'c str,
    host: &'c str,
    domain: &'c str,
    path: String,
    shown: &'c str,
    text: &'c str,
    place: &'c str,
    private: bool,
}

#[derive(Serialize)]
struct File<'c> {
    name: &'c str,
    kind: String,
    octets: u64,
    notes: Vec<String>,
}

/// The name that a value has in JSON.
fn name_of(value: impl Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_TEXT).collect()
}

fn context(
    case: &Case<'_>,
    opinion: Option<&Opinion>,
) -> Result<Context<'static, 'static>, cel::SerializationError> {
    let message = case.message;
    let mut context = Context::default();
    let mut add = |name: &str, value: Result<Value, cel::SerializationError>| {
        context.add_variable_from_value(name, value?);
        Ok::<(), cel::SerializationError>(())
    };
    add(
        "message",
        cel::to_value(Message {
            subject: message.subject.exposed(),
            text: cut(message.visible_text()),
            words: cut(&case.text),
            octets: message.size,
            html: message.html.is_some(),
            defects: message.defects.iter().map(name_of).collect(),
        }),
    )?;
    let author = case.author;
    let address = author.map_or("", |author| author.address.as_str());
    let name = author.and_then(|author| author.name.as_ref());
    add(
        "sender",
        cel::to_value(Sender {
            address,
            local: address.rsplit_once('@').map_or("", |(local, _)| local),
            domain: author.map_or("", |author| author.domain()),
            name: name.map_or("", |name| name.exposed()),
            proven: case.is_proven(),
        }),
    )?;
    let answers: Vec<&str> = message
        .reply_to
        .iter()
        .map(|person| person.address.as_str())
        .collect();
    add("answers", cel::to_value(answers))?;
    let links: Vec<Link<'_>> = case
        .ways
        .iter()
        .take(MOST_LISTED)
        .map(|way| Link {
            url: way.url,
            host: &way.facts.host,
            domain: &way.facts.domain,
            path: url::Url::parse(way.url).map_or_else(|_| String::new(), |u| u.path().to_owned()),
            shown: way.facts.shown_host.as_deref().unwrap_or_default(),
            text: &way.facts.text,
            place: way.place,
            private: way.facts.private.is_some(),
        })
        .collect();
    add("links", cel::to_value(links))?;
    let files: Vec<File<'_>> = case
        .facts
        .files
        .iter()
        .flat_map(FileReport::all)
        .take(MOST_LISTED)
        .map(|file| File {
            name: file.name.as_ref().map_or("", |name| name.exposed()),
            kind: name_of(file.kind),
            octets: file.size,
            notes: file.notes.iter().map(|note| name_of(note.kind)).collect(),
        })
        .collect();
    add("files", cel::to_value(files))?;
    let auth = message.authentication(&case.facts.trusted_authserv_ids);
    let outcome = |outcome: Option<AuthOutcome>| outcome.map(name_of).unwrap_or_default();
    let auth: BTreeMap<&str, String> = [
        ("spf", outcome(auth.and_then(|auth| auth.spf))),
        ("dkim", outcome(auth.and_then(|auth| auth.dkim))),
        ("dmarc", outcome(auth.and_then(|auth| auth.dmarc))),
        ("compauth", outcome(auth.and_then(|auth| auth.compauth))),
    ]
    .into();
    add("auth", cel::to_value(auth))?;
    let headers: BTreeMap<&str, &str> = message
        .claims
        .marks
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    add("headers", cel::to_value(headers))?;
    let found: Vec<&str> = case.findings.iter().map(|f| f.id.as_ref()).collect();
    add("found", cel::to_value(found))?;
    let model = opinion.map(Opinion::by_name).unwrap_or_default();
    add("model", cel::to_value(model))?;
    add("own", cel::to_value(&case.facts.organisation_domains))?;
    Ok(context)
}
