//! The message trace: one query for each Message-ID and each ten days.

use std::collections::HashSet;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::Gathered;
use crate::mailbox::{
    DeliveryQuery, Family, MailboxError,
    graph::{
        GraphMail,
        call::Call,
        message,
        path::{Path, quoted},
    },
    wire::{self, Effect},
};

/// Rows on one page of a trace (documented maximum).
const TOP: &str = "5000";
/// The longest time one trace may span: ten days are documented, and the clocks
/// need not agree.
const SPAN: TimeDelta = TimeDelta::minutes(10 * 24 * 60 - 10);
/// How far back a trace looks: 90 days are documented.
const TRACED_BACK: TimeDelta = TimeDelta::minutes(90 * 24 * 60 - 10);
/// A delivery is in the trace after this time at the latest.
const DELAY: TimeDelta = TimeDelta::minutes(10);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Traced {
    recipient_address: Option<String>,
    received_date_time: Option<DateTime<Utc>>,
    message_id: Option<String>,
    status: Option<String>,
}

impl GraphMail {
    pub(super) async fn traced(
        &self,
        ids: &[&str],
        query: &DeliveryQuery,
        gathered: &mut Gathered,
    ) -> Result<(), MailboxError> {
        let now = self.wire.clock.now();
        if query.after < now - TRACED_BACK {
            gathered.gap("the message trace looks 90 days back at most");
        }
        if query.before > now - DELAY {
            gathered.gap("mail of the last ten minutes may not be traced yet");
        }
        let spans = spans(query.after.max(now - TRACED_BACK), query.before.min(now));
        for id in ids {
            for span in &spans {
                self.trace(id, *span, gathered).await?;
            }
        }
        Ok(())
    }

    /// One Message-ID in one span: `or` between several is ignored without a word.
    async fn trace(
        &self,
        id: &str,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        gathered: &mut Gathered,
    ) -> Result<(), MailboxError> {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let filter = format!(
            "messageId eq {} and receivedDateTime ge {} and receivedDateTime le {}",
            quoted(&format!("<{id}>")),
            time(from),
            // Whole seconds: the last one belongs to it.
            time(to + TimeDelta::seconds(1))
        );
        let path = Path::new(&["admin", "exchange", "tracing", "messageTraces"])
            .ask("$filter", &filter)
            .ask("$top", TOP);
        let call = Call::directory(&path).of(Family::Trace);
        let answer = self.wire.one(&call).await?;
        gathered.calls += 1;
        let mut body = answer.ok(Effect::Read)?;
        let mut followed: HashSet<String> = HashSet::new();
        loop {
            let (rows, next) = message::page(body)?;
            for row in rows {
                traced_row(row, id, gathered)?;
            }
            let Some(link) = next else { return Ok(()) };
            if followed.contains(&link) || followed.len() >= wire::PAGE_LIMIT {
                return Err(MailboxError::Malformed("pages do not end".to_owned()));
            }
            body = self.wire.page(None, Family::Trace, &link).await?;
            gathered.calls += 1;
            followed.insert(link);
        }
    }
}

fn traced_row(row: Value, id: &str, gathered: &mut Gathered) -> Result<(), MailboxError> {
    let row: Traced =
        serde_json::from_value(row).map_err(|_| MailboxError::Malformed("trace row".to_owned()))?;
    let same = row
        .message_id
        .as_deref()
        .and_then(wire::message_id)
        .is_none_or(|known| known.eq_ignore_ascii_case(id));
    if !same {
        // The filter was not obeyed: what else it left out is not known.
        gathered.gap("the message trace answered for another message");
        return Ok(());
    }
    let Some(address) = row.recipient_address else {
        gathered.gap("a delivery in the record names no recipient");
        return Ok(());
    };
    match row.status.as_deref().unwrap_or_default() {
        // Never arrived, or lies where no mailbox shows it. A list's own row is
        // followed by those of its members.
        "failed" | "quarantined" | "expanded" => {}
        "delivered" | "filteredAsSpam" => gathered.add(&address, None, row.received_date_time),
        // Still under way, or a word that is not known yet.
        _ => {
            gathered.gap("a delivery is still under way");
            gathered.add(&address, None, row.received_date_time);
        }
    }
    Ok(())
}

/// The time from `after` to `before` in spans that one trace may have, newest first.
fn spans(after: DateTime<Utc>, before: DateTime<Utc>) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let mut spans = Vec::new();
    let mut end = before;
    while end > after {
        let start = (end - SPAN).max(after);
        spans.push((start, end));
        end = start;
    }
    spans
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mailbox::DeliverySource;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("time")
    }

    #[test]
    fn a_trace_is_cut_into_the_spans_it_may_have() {
        let (from, to) = (at("2026-01-01T00:00:00Z"), at("2026-01-25T00:00:00Z"));
        let cut = spans(from, to);
        assert_eq!(cut.len(), 3);
        assert!(cut.iter().all(|(a, b)| *b - *a <= SPAN));
        assert_eq!((cut[2].0, cut[0].1), (from, to));
        assert!(spans(to, from).is_empty());
    }

    #[test]
    fn only_what_was_delivered_counts_and_what_is_open_is_said() {
        let row = |status: &str, id: &str| {
            json!({"recipientAddress": "Ann@x.example", "status": status, "messageId": id,
                   "receivedDateTime": "2026-01-01T00:00:00Z"})
        };
        let read = |row: Value| {
            let mut gathered = Gathered::default();
            traced_row(row, "a@b", &mut gathered).expect("row");
            let answer = gathered.finish(DeliverySource::Trace);
            (answer.recipients.len(), answer.complete)
        };
        assert_eq!(read(row("delivered", "<a@b>")), (1, true));
        assert_eq!(read(row("filteredAsSpam", "<a@b>")), (1, true));
        assert_eq!(read(row("failed", "<a@b>")), (0, true));
        assert_eq!(read(row("expanded", "<a@b>")), (0, true));
        assert_eq!(read(row("pending", "<a@b>")), (1, false));
        assert_eq!(read(row("delivered", "<other@b>")), (0, false));
        assert_eq!(read(json!({"status": "delivered"})), (0, false));
    }
}
