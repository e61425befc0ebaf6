//! Advanced hunting: one query names the recipients of many messages.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::Gathered;
use crate::mailbox::{
    DeliveryQuery, Family, MailboxError,
    graph::{GraphMail, call::Call, path::Path},
    wire::Effect,
};

/// Rows that hunting gives at most (documented).
const HUNTED: usize = 100_000;
/// How far back hunting looks (documented).
const HUNTED_BACK: TimeDelta = TimeDelta::days(30);
/// Message-IDs in one hunting query.
const IDS: usize = 200;
/// Tenants without the licence are asked again after this time.
const ASK_AGAIN: TimeDelta = TimeDelta::hours(1);

impl GraphMail {
    /// Asks hunting; `false` when the tenant does not have it.
    pub(super) async fn hunted(
        &self,
        ids: &[&str],
        query: &DeliveryQuery,
        gathered: &mut Gathered,
    ) -> Result<bool, MailboxError> {
        let now = self.wire.clock.now();
        if self.unhunted.is_set(now) {
            return Ok(false);
        }
        let earliest = now - HUNTED_BACK;
        let after = query.after.max(earliest);
        for ids in ids.chunks(IDS) {
            let body = json!({
                "Query": hunting(ids, after),
                "Timespan": "P30D",
            });
            let path = Path::new(&["security", "runHuntingQuery"]);
            let call = Call::ask(Family::Hunting, &path, body);
            let answer = self.wire.one(&call).await?;
            gathered.calls += 1;
            let answer = match answer.ok(Effect::Read) {
                Ok(answer) => answer,
                Err(MailboxError::Forbidden(_)) => {
                    self.unhunted.set(now + ASK_AGAIN);
                    return Ok(false);
                }
                Err(error) => return Err(error),
            };
            let Some(rows) = answer.get("results").and_then(Value::as_array) else {
                return Err(MailboxError::Malformed("hunting answer".to_owned()));
            };
            if rows.len() >= HUNTED || is_cut(rows) {
                gathered.gap("hunting showed fewer deliveries than it found");
            }
            for row in rows {
                hunted_row(row, query, gathered);
            }
        }
        if query.after < earliest {
            gathered.gap("hunting looks 30 days back at most");
        }
        Ok(true)
    }
}

/// A KQL string literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn hunting(ids: &[&str], after: DateTime<Utc>) -> String {
    let ids: Vec<String> = ids.iter().map(|id| literal(&format!("<{id}>"))).collect();
    // What is beyond the limit of an answer is cut off without a word: the rows
    // are numbered, and the highest number comes first.
    format!(
        "EmailEvents | where Timestamp >= datetime({}) | where InternetMessageId in ({}) \
         | order by Timestamp asc | serialize Number = row_number() | order by Number desc \
         | project Number, Timestamp, NetworkMessageId, RecipientEmailAddress",
        after.to_rfc3339_opts(SecondsFormat::Secs, true),
        ids.join(", ")
    )
}

/// Whether rows are missing by the numbers of those that are there.
fn is_cut(rows: &[Value]) -> bool {
    let numbers = rows.iter().filter_map(|row| row.get("Number")?.as_u64());
    let counted = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    numbers.max().unwrap_or_default() != counted
}

fn hunted_row(row: &Value, query: &DeliveryQuery, gathered: &mut Gathered) {
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    let at: Option<DateTime<Utc>> = text("Timestamp").and_then(|at| at.parse().ok());
    if at.is_some_and(|at| at >= query.before) {
        return;
    }
    match text("RecipientEmailAddress") {
        Some(address) => {
            let number = text("NetworkMessageId").map(str::to_ascii_lowercase);
            gathered.add(address, number, at);
        }
        None => gathered.gap("a delivery in the record names no recipient"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("time")
    }

    #[test]
    fn one_hunting_query_takes_many_ids() {
        assert_eq!(
            hunting(&["a@b", "c@d"], at("2026-01-01T00:00:00Z")),
            "EmailEvents | where Timestamp >= datetime(2026-01-01T00:00:00Z) \
             | where InternetMessageId in ('<a@b>', '<c@d>') \
             | order by Timestamp asc | serialize Number = row_number() \
             | order by Number desc \
             | project Number, Timestamp, NetworkMessageId, RecipientEmailAddress"
        );
        assert_eq!(literal("a'b\\c"), "'a\\'b\\\\c'");
    }

    #[test]
    fn an_answer_that_lacks_rows_is_noticed() {
        let rows = |numbers: &[u64]| -> Vec<Value> {
            numbers.iter().map(|n| json!({ "Number": n })).collect()
        };
        assert!(!is_cut(&[]) && !is_cut(&rows(&[3, 2, 1])));
        assert!(is_cut(&rows(&[3, 2])) && is_cut(&rows(&[2, 1, 1])));
        assert!(is_cut(&[json!({})]));
    }
}
