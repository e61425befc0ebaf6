//! `GET /console/searches/{id}/receipt`: the coverage receipt as a page for printing.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde_json::Value;

use super::super::{
    fault::PageError, guard::Signed, page, sample::Words, shell::Shell, text::Plain,
};
use crate::{auth::Scope, domain::SearchId, remediation::receipt};

/// Rows of one list on paper; the file holds all.
const ROWS: usize = 500;

struct Fact {
    label: &'static str,
    value: Plain,
}

struct Gap {
    mailbox: Plain,
    cause: Plain,
    reason: Plain,
    tries: u64,
}

#[derive(Template)]
#[template(path = "receipt.html")]
struct ReceiptPage {
    shell: Shell,
    id: String,
    complete: bool,
    open: String,
    facts: Vec<Fact>,
    ways: Vec<Count>,
    gaps: Vec<Gap>,
    more: usize,
    outside: Vec<Plain>,
    key: Plain,
    head: Plain,
}

/// A name that is not ours alone, with its value.
struct Count {
    label: Plain,
    value: Plain,
}

fn number(receipt: &Value, pointer: &str) -> u64 {
    receipt
        .pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_default()
}

fn shown(receipt: &Value, pointer: &str) -> String {
    match receipt.pointer(pointer) {
        None | Some(Value::Null) => "—".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn facts(receipt: &Value) -> Vec<Fact> {
    let mut facts: Vec<Fact> = [
        ("Organisation", "/organisation"),
        ("Campaign", "/campaign"),
        ("Asked at", "/asked_at"),
        ("Through at", "/finished_at"),
        ("Written at", "/issued_at"),
        ("Mailboxes expected", "/mailboxes/expected"),
        ("Searched", "/mailboxes/searched"),
        ("Left out by the configuration", "/mailboxes/excluded"),
        ("Out of reach", "/mailboxes/unreachable"),
        ("Directory read at", "/directory/read_at"),
        ("Kept directory entries", "/directory/kept"),
        ("Copies found", "/copies/found"),
        ("Copies in quarantine", "/copies/pulled"),
        ("Waiting for a person", "/copies/for_review"),
        ("Came near and left out", "/left_out"),
        ("Forwards followed", "/forwards/followed"),
        ("Calls made", "/calls/made"),
        ("Fewest calls possible", "/calls/bound"),
        ("Half of the copies out of reach after, ms", "/time_ms/p50"),
        ("Nine of ten after, ms", "/time_ms/p90"),
        ("All after, ms", "/time_ms/p100"),
        (
            "Clicks averted by the order, estimate",
            "/order/clicks_averted_estimate",
        ),
        ("Formula of the estimate", "/order/formula"),
    ]
    .into_iter()
    .map(|(label, pointer)| Fact {
        label,
        value: Plain::line(&shown(receipt, pointer), 300),
    })
    .collect();
    for (label, pointer) in [
        ("Not searchable", "/not_searchable"),
        ("Variants not searched", "/variants_not_searched"),
    ] {
        if receipt.pointer(pointer).is_some_and(Value::is_string) {
            facts.push(Fact {
                label,
                value: Plain::line(&shown(receipt, pointer), 300),
            });
        }
    }
    let doubts = receipt.get("doubts").and_then(Value::as_array);
    for doubt in doubts.into_iter().flatten().filter_map(Value::as_str) {
        facts.push(Fact {
            label: "In doubt",
            value: Plain::line(doubt, 300),
        });
    }
    facts
}

impl ReceiptPage {
    fn of(shell: Shell, file: &Value) -> Self {
        let receipt = file.get("receipt").unwrap_or(&Value::Null);
        let list = |pointer: &str| {
            receipt
                .pointer(pointer)
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default()
        };
        let unreachable = list("/unreachable");
        let open: u64 = ["mailboxes", "retrying", "variants", "sent_mail", "forwards"]
            .iter()
            .map(|what| number(receipt, &format!("/still_open/{what}")))
            .sum();
        Self {
            shell,
            id: shown(receipt, "/search"),
            complete: receipt.get("complete").and_then(Value::as_bool) == Some(true),
            open: super::super::text::grouped(open),
            facts: facts(receipt),
            ways: receipt
                .pointer("/copies/by_way")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .map(|(way, n)| Count {
                    label: Plain::line(&way.replace('_', " "), 60),
                    value: Plain::line(&n.to_string(), 20),
                })
                .collect(),
            gaps: unreachable
                .iter()
                .take(ROWS)
                .map(|gap| Gap {
                    mailbox: Plain::line(&shown(gap, "/mailbox"), 120),
                    cause: Plain::line(&shown(gap, "/cause").replace('_', " "), 40),
                    reason: Plain::line(&shown(gap, "/reason"), 300),
                    tries: number(gap, "/tries"),
                })
                .collect(),
            more: unreachable.len().saturating_sub(ROWS),
            outside: list("/forwards/outside")
                .iter()
                .take(ROWS)
                .filter_map(Value::as_str)
                .map(|address| Plain::defanged(address, 120))
                .collect(),
            key: Plain::line(&shown(file, "/signature/key_id"), 40),
            head: Plain::line(&shown(receipt, "/chain/head"), 80),
        }
    }
}

/// `GET /console/searches/{id}/receipt`
pub(in super::super) async fn show(
    signed: Signed,
    path: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    signed.require(Scope::PullsRead)?;
    let id = path.parse::<SearchId>().map_err(|_| PageError::NotFound)?;
    let file = receipt::of(&signed.app, id).await?;
    let shell = Shell::of(&signed, "searches").await?;
    page(&ReceiptPage::of(shell, &file))
}

/// A receipt with gaps.
///
/// # Errors
/// When the template fails.
pub fn sample(words: &Words) -> Result<String, askama::Error> {
    let shell = Shell::sample("searches", &words.say("SOC desk"));
    let file = serde_json::json!({
        "receipt": {
            "search": "sch_01930000000000000000000000000047",
            "organisation": words.say("Northwind"),
            "complete": false,
            "still_open": { "retrying": 1 },
            "mailboxes": { "expected": 200, "searched": 198, "unreachable": 1 },
            "copies": { "found": 61, "by_way": { "header": 12, "sweep": 49 } },
            "unreachable": [{
                "mailbox": words.say("reception.desk@northwind.example"),
                "cause": "no_licence",
                "reason": words.say("The mailbox has no licence"),
                "tries": 3,
            }],
            "forwards": { "outside": [words.say("sven.holm@contoso-partner.example")] },
            "chain": { "head": "5f1d" },
        },
        "signature": { "key_id": "0123456789abcdef" },
    });
    ReceiptPage::of(shell, &file).render()
}
