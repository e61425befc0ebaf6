//! The message trace: what Exchange's transport delivered, some minutes late.

use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use super::{Refused, bad_request, page, project, selected, spend};
use crate::sim::{
    call::{Call, Reply},
    deliveries::{Passage, Recipient},
    filter::{Comparison, Filter, Literal},
    seed::hash,
    tenant::{Tenant, lock},
};

const FIELDS: [&str; 5] = [
    "messageId",
    "recipientAddress",
    "senderAddress",
    "fromIP",
    "receivedDateTime",
];

/// How far one query may reach, and how far back.
const WINDOW: TimeDelta = TimeDelta::days(10);
const HORIZON: TimeDelta = TimeDelta::days(90);

pub(super) fn list(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let limit = tenant.platform().trace_requests;
    spend(
        tenant,
        &tenant.allowances.trace,
        TimeDelta::minutes(5),
        limit,
        1,
    )?;
    let tests = match call.param("$filter") {
        None => Vec::new(),
        Some(text) => match Filter::parse(text, &FIELDS) {
            Ok(filter) => tests(filter),
            Err(error) => return bad_request(tenant, &error.to_string()),
        },
    };
    let known = tests.iter().all(|(path, how, literal)| match literal {
        Literal::Text(_) => *how == Comparison::Eq && path != "receivedDateTime",
        Literal::Time(_) => {
            matches!(how, Comparison::Ge | Comparison::Le) && path == "receivedDateTime"
        }
        Literal::Bool(_) => false,
    });
    if !known {
        return bad_request(tenant, "The filter clause is not supported.");
    }
    let now = tenant.now();
    let bound = |wanted: Comparison| {
        tests.iter().find_map(|(_, how, literal)| match literal {
            Literal::Time(at) if *how == wanted => Some(*at),
            _ => None,
        })
    };
    let until = bound(Comparison::Le).unwrap_or(now);
    // without a start it is the last two days
    let from = bound(Comparison::Ge).unwrap_or(until - TimeDelta::days(2));
    if until - from > WINDOW {
        return bad_request(tenant, "The time window must not be longer than 10 days.");
    }
    if from < now - HORIZON {
        return bad_request(tenant, "The start is more than 90 days ago.");
    }
    let shown_until = now - TimeDelta::seconds(tenant.platform().trace_delay);
    let deliveries = lock(&tenant.deliveries);
    let ids: Vec<String> = tests
        .iter()
        .filter_map(|(path, _, literal)| match literal {
            Literal::Text(id) if path == "messageId" => Some(id.clone()),
            _ => None,
        })
        .collect();
    let rows: Box<dyn Iterator<Item = &Passage> + '_> = if ids.is_empty() {
        Box::new(deliveries.all())
    } else {
        Box::new(deliveries.of(&ids))
    };
    let mut found: Vec<&Passage> = rows
        .filter(|row| row.at >= from && row.at <= until && row.at <= shown_until)
        .filter(|row| {
            tests.iter().all(|(path, _, literal)| match literal {
                Literal::Text(wanted) => text(tenant, row, path).eq_ignore_ascii_case(wanted),
                _ => true,
            })
        })
        .collect();
    found.sort_by_key(|row| std::cmp::Reverse(row.at));
    let select = selected(call);
    page(
        tenant,
        call,
        "admin/exchange/tracing/messageTraces",
        (1000, 5000),
        found.len(),
        |at| Some(project(show(tenant, found.get(at)?), select.as_deref())),
    )
}

/// The tests of a conjunction. An `or` is not refused: what follows it is
/// ignored without a word, as the service does.
fn tests(filter: Filter) -> Vec<(String, Comparison, Literal)> {
    match filter {
        Filter::And(parts) => parts.into_iter().flat_map(tests).collect(),
        Filter::Or(parts) => parts.into_iter().next().map(tests).unwrap_or_default(),
        Filter::Not(_) => Vec::new(),
        Filter::Test {
            path,
            comparison,
            literal,
        } => vec![(path, comparison, literal)],
    }
}

fn text(tenant: &Tenant, row: &Passage, path: &str) -> String {
    match path {
        "messageId" => row.letter.message_id.clone(),
        "recipientAddress" => recipient(tenant, &row.to),
        "senderAddress" => row.letter.from.address.clone(),
        _ => sender_ip(row),
    }
}

pub(super) fn recipient(tenant: &Tenant, to: &Recipient) -> String {
    match to {
        Recipient::Person(at) => tenant
            .user(*at)
            .map(|user| user.address.clone())
            .unwrap_or_default(),
        Recipient::Address(address) => address.to_string(),
    }
}

/// A documentation address for each sending host.
fn sender_ip(row: &Passage) -> String {
    let host = row.letter.from.address.rsplit('@').next();
    format!("203.0.113.{}", hash(host.unwrap_or_default()) % 250 + 1)
}

fn show(tenant: &Tenant, row: &Passage) -> Value {
    json!({
        "id": row.letter.network_message_id(),
        "messageId": row.letter.message_id,
        "senderAddress": row.letter.from.address,
        "recipientAddress": recipient(tenant, &row.to),
        "subject": row.letter.subject,
        "receivedDateTime": row.at.to_rfc3339_opts(SecondsFormat::Secs, true),
        "status": row.fate.word(),
        "size": row.letter.raw.len(),
        "fromIP": sender_ip(row),
        "toIP": null,
    })
}
