//! A message's observables with what is known of them, as a file for other tools.
//!
//! JSON holds the values as they are, for machines. In CSV, which spreadsheets
//! open, cells that would run as formulas are neutralised.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    domain::{AskedKind, SourceAnswer},
    store::submission::Submission,
    triage::lookups::Enrichment,
};

/// One observable of a message and what is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Indicator {
    /// `url`, `domain`, `ip`, `email`, `hash`, `phone`, `wallet`, `iban`, ...
    kind: String,
    /// The value; a stranger's text.
    value: String,
    /// The value fit to be shown.
    defanged: String,
    /// Where in the message it stands.
    places: Vec<String>,
    /// What it is to the message: `own` (the organisation's), `recipient`, `sender`,
    /// `followed`, `loaded`, `hop`, `file`, `mentioned`. Nothing that is `own` or
    /// `recipient` belongs on a blocklist.
    role: Option<String>,
    /// Why it is never sent out or fetched, when it is not.
    private: Option<String>,
    /// What sources say.
    sources: Vec<Said>,
}

/// What one source says of an observable.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Said {
    /// The source.
    source: String,
    /// `bad`, `doubtful`, `unlisted`, `facts`, `good`.
    reputation: &'static str,
    /// In its words.
    words: String,
    /// When it said so.
    at: chrono::DateTime<chrono::Utc>,
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// All observables of a submission, as triage wrote them.
pub(in crate::http) fn of(submission: &Submission) -> Vec<Indicator> {
    let known = Enrichment::of(submission.enrichment.as_ref());
    let list = submission
        .findings
        .as_ref()
        .and_then(|findings| findings.get("observables"))
        .and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .map(|observable| {
            let kind = text(observable.get("kind"));
            let value = text(observable.get("value"));
            let places: Vec<String> = observable
                .get("places")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .map(|place| text(Some(place)))
                .collect();
            Indicator {
                sources: known
                    .answers
                    .iter()
                    .filter(|answer| concerns(answer, &kind, &value))
                    .map(|answer| Said {
                        source: answer.source.clone(),
                        reputation: answer.reputation.as_str(),
                        words: answer.words.clone(),
                        at: answer.asked_at,
                    })
                    .collect(),
                places: if places.is_empty() {
                    vec![text(observable.get("place"))]
                } else {
                    places
                },
                private: observable
                    .get("private")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
                role: observable
                    .get("role")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
                defanged: text(observable.get("defanged")),
                kind,
                value,
            }
        })
        .collect()
}

/// Whether an answer is about an observable; what is known of a link's host stands
/// with the link.
pub(in crate::http) fn concerns(answer: &SourceAnswer, kind: &str, value: &str) -> bool {
    if answer.value == value {
        let same = match answer.kind {
            AskedKind::Sha256 => "hash",
            other => other.as_str(),
        };
        return same == kind;
    }
    answer.kind == AskedKind::Host
        && kind == "url"
        && url::Url::parse(value).is_ok_and(|url| url.host_str() == Some(answer.value.as_str()))
}

/// The table: kind, role, defanged value, value, places, private, sources.
///
/// # Errors
/// Never in memory; the writer's own otherwise.
pub(in crate::http) fn csv(indicators: &[Indicator]) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::WriterBuilder::new()
        .quote_style(csv::QuoteStyle::Always)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    table.write_record([
        "kind", "role", "defanged", "value", "places", "private", "sources",
    ])?;
    for each in indicators {
        let sources: Vec<String> = each
            .sources
            .iter()
            .map(|said| format!("{} {}: {}", said.source, said.reputation, said.words))
            .collect();
        table.write_record([
            neutral(&each.kind),
            neutral(each.role.as_deref().unwrap_or_default()),
            neutral(&each.defanged),
            neutral(&each.value),
            neutral(&each.places.join(" ")),
            neutral(each.private.as_deref().unwrap_or_default()),
            neutral(&sources.join("; ")),
        ])?;
    }
    table
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// A cell that no spreadsheet runs: control characters become spaces, and what a
/// formula, a macro call or a data link could begin with gets an apostrophe
/// before it (OWASP, CSV Injection; full-width forms are folded by some programs).
pub(in crate::http) fn neutral(cell: &str) -> String {
    let flat: String = cell
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let first = flat.chars().find(|c| {
        !c.is_whitespace()
            && !matches!(
                c,
                '\'' | '"' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}'
            )
    });
    let runs = matches!(
        first,
        Some(
            '=' | '+'
                | '-'
                | '@'
                | '|'
                | '%'
                | ';'
                | ','
                | '\u{ff1d}'
                | '\u{ff0b}'
                | '\u{ff0d}'
                | '\u{ff20}'
                | '\u{fe62}'
                | '\u{fe63}'
                | '\u{fe66}'
                | '\u{2212}'
        )
    );
    // behind a break of line or field some programs begin a cell anew
    let again = ["\",=", "\";=", "  ="]
        .iter()
        .any(|sign| flat.contains(sign));
    if runs || again || flat != cell {
        format!("'{flat}")
    } else {
        flat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_as_a_formula() {
        for cell in [
            "=1+1",
            "+1",
            "-1+1",
            "@SUM(1,1)",
            "\t=1+1",
            "\r\n=1+1",
            " =1+1",
            "|calc",
            "%=1",
            "\u{ff1d}1+1",
            "\u{feff}=1+1",
            "\u{200b}=1+1",
            "\u{0}=1+1",
            "a\r\n=1+1",
            "'=1+1",
            "\";=1+1;\"",
            "a\",=1+1,\"",
        ] {
            let neutral = neutral(cell);
            assert!(neutral.starts_with('\''), "{cell:?} became {neutral:?}");
            assert!(!neutral.contains(char::is_control), "{cell:?}");
        }
        assert_eq!(
            neutral("https://a.example/x?y=1"),
            "https://a.example/x?y=1"
        );
        assert_eq!(neutral("hxxps://a[.]example"), "hxxps://a[.]example");
    }

    #[test]
    fn every_cell_of_the_vectors_is_neutralised() {
        let shared = std::env::var("UNHOOK_SHARED")
            .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned());
        let Ok(text) = std::fs::read_to_string(format!("{shared}/vectors/csv/cells.json")) else {
            eprintln!("left out: no CSV vectors at {shared}");
            return;
        };
        let cells: Vec<String> = serde_json::from_str(&text).expect("a list");
        for cell in cells.iter().filter(|cell| cell.as_str() != "%0A-1") {
            assert!(neutral(cell).starts_with('\''), "{cell:?}");
        }
        // percent-encoded, it is text to a spreadsheet; the sign before it is ours
        assert_eq!(neutral("%0A-1"), "'%0A-1");
    }
}
