//! What sources outside say, what is still awaited of them, and the ledger of
//! everything that was sent to them.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    super::{chip::Chip, text::Plain, when::When},
    evidence::words,
};
use crate::{
    domain::{AskedKind, Reputation, SourceAnswer},
    store::egress::Egress,
};

/// One source's answer.
pub struct AnswerRow {
    /// The source.
    pub source: Plain,
    /// How it sees the value.
    pub chip: Chip,
    /// Its words.
    pub words: Plain,
    /// When it said so.
    pub at: String,
    /// Its details, `name: value`.
    pub details: Vec<Plain>,
}

impl AnswerRow {
    /// An answer as the page shows it.
    #[must_use]
    pub fn of(answer: &SourceAnswer) -> Self {
        Self {
            source: Plain::line(&answer.source, 40),
            chip: match answer.reputation {
                Reputation::Bad => Chip::failed("bad"),
                Reputation::Doubtful => Chip::alert("doubtful"),
                Reputation::Unlisted => Chip::new("calm", "M1 4h8v2H1z", "nothing known"),
                Reputation::Facts => Chip::new("info", "M4 1h2v2H4zM4 4h2v5H4z", "facts"),
                Reputation::Good => Chip::done("good"),
            },
            words: Plain::defanged_block(&answer.words.replace('\n', " "), 200),
            at: answer.asked_at.format("%Y-%m-%d %H:%M UTC").to_string(),
            details: answer
                .details
                .iter()
                .take(20)
                .map(|(name, value)| {
                    Plain::defanged_block(&format!("{name}: {value}").replace('\n', " "), 240)
                })
                .collect(),
        }
    }
}

/// A source that owes an answer.
pub struct AwaitedRow {
    /// The source.
    pub source: Plain,
    /// Why.
    pub why: Plain,
}

/// What was sent, once.
pub struct EgressRow {
    /// The source.
    pub source: Plain,
    /// Where it went.
    pub to: Plain,
    /// What went there.
    pub payload: Plain,
    /// What came of it.
    pub outcome: Plain,
    /// In one word.
    pub chip: Chip,
    /// When.
    pub at: When,
}

/// What is said of the message as a whole.
pub fn whole(answers: &[SourceAnswer]) -> Vec<AnswerRow> {
    answers
        .iter()
        .filter(|answer| answer.kind == AskedKind::Message)
        .take(20)
        .map(AnswerRow::of)
        .collect()
}

/// The sources that owe answers.
pub fn awaited(enrichment: &Value) -> Vec<AwaitedRow> {
    let Some(awaited) = enrichment.get("awaited").and_then(Value::as_object) else {
        return Vec::new();
    };
    awaited
        .iter()
        .take(40)
        .map(|(source, why)| AwaitedRow {
            source: Plain::line(source, 40),
            why: Plain::line(&words(Some(why)), 200),
        })
        .collect()
}

/// What was reported of the sender before, in one sentence.
pub fn history(enrichment: &Value) -> Option<Plain> {
    let history = enrichment.get("history").filter(|h| h.is_object())?;
    let number = |name| {
        history
            .get(name)
            .and_then(Value::as_u64)
            .unwrap_or_default()
    };
    let messages = number("messages");
    if messages == 0 {
        return Some(Plain::line("Nobody has reported this sender before.", 80));
    }
    let verdicts: Vec<String> = history
        .get("verdicts")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .take(7)
        .map(|pair| {
            let count = words(pair.get(1));
            format!("{count} {}", words(pair.get(0)))
        })
        .collect();
    let first = words(history.get("first_reported_at"));
    let day = first.get(..10).unwrap_or_default();
    let judged = if verdicts.is_empty() {
        String::new()
    } else {
        format!(" ({})", verdicts.join(", "))
    };
    let were = if messages == 1 { "message" } else { "messages" };
    Some(Plain::line(
        &format!("{messages} earlier {were} of this sender reported{judged}, the first on {day}."),
        300,
    ))
}

/// The ledger, at most 200 lines.
pub fn ledger(lines: &[Egress], now: DateTime<Utc>) -> Vec<EgressRow> {
    lines
        .iter()
        .take(200)
        .map(|line| EgressRow {
            source: Plain::line(&line.source, 40),
            to: Plain::defanged_block(&line.sent_to.replace('\n', " "), 300),
            payload: Plain::defanged_block(&line.payload.replace('\n', " "), 600),
            outcome: Plain::defanged_block(
                &line
                    .outcome
                    .as_deref()
                    .unwrap_or_default()
                    .replace('\n', " "),
                240,
            ),
            chip: match line.state.as_str() {
                "answered" => Chip::done("answered"),
                "failed" => Chip::alert("failed"),
                _ => Chip::busy("no answer yet"),
            },
            at: When::of(line.asked_at, now),
        })
        .collect()
}
