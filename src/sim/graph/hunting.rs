//! Advanced hunting over what was delivered and what was clicked.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::{Refused, argument, bad_request, body, refused, spend, trace::recipient};
use crate::{
    domain::Provider,
    sim::{
        call::{Call, Reply},
        deliveries::{Fate, Passage, Recipient},
        kusto::{Cell, Query, Row},
        scenario::Click,
        tenant::{Tenant, lock},
    },
};

/// How far back hunting reaches.
const HORIZON: TimeDelta = TimeDelta::days(30);

const EMAIL: [&str; 11] = [
    "Timestamp",
    "NetworkMessageId",
    "InternetMessageId",
    "SenderFromAddress",
    "SenderMailFromAddress",
    "RecipientEmailAddress",
    "RecipientObjectId",
    "Subject",
    "EmailDirection",
    "DeliveryAction",
    "DeliveryLocation",
];
const CLICKS: [&str; 6] = [
    "Timestamp",
    "Url",
    "ActionType",
    "AccountUpn",
    "Workload",
    "NetworkMessageId",
];

pub(super) fn run(tenant: &Tenant, call: &Call) -> Result<Reply, Refused> {
    let platform = tenant.platform().clone();
    if !platform.hunting {
        return refused(
            tenant,
            403,
            "Forbidden",
            "The tenant has no licence for Microsoft Defender XDR advanced hunting.",
        );
    }
    spend(
        tenant,
        &tenant.allowances.hunting,
        TimeDelta::minutes(1),
        platform.hunting_requests,
        1,
    )?;
    if platform.hunting_stalls {
        return refused(
            tenant,
            504,
            "GatewayTimeout",
            "The query ran for three minutes and was given up.",
        );
    }
    let body = body(tenant, call)?;
    let now = tenant.now();
    let text = argument(&body, "query").and_then(Value::as_str);
    let query = match text.map(|text| Query::parse(text, now)) {
        Some(Ok(query)) => query,
        Some(Err(error)) => return bad_request(tenant, &error.to_string()),
        None => return bad_request(tenant, "The Query parameter is missing."),
    };
    let span = match argument(&body, "timespan").and_then(Value::as_str) {
        None => Some((now - HORIZON, now)),
        Some(text) => timespan(text, now),
    };
    let Some((from, until)) = span else {
        return bad_request(tenant, "The Timespan parameter is no ISO 8601 duration.");
    };
    let from = from.max(now - HORIZON);
    let until = until.min(now - TimeDelta::seconds(platform.hunting_delay));
    let within = |at: DateTime<Utc>| at >= from && at <= until;
    let answered = match query.table.as_str() {
        "EmailEvents" => {
            let deliveries = lock(&tenant.deliveries);
            let ids = query.wanted("InternetMessageId");
            let rows: Box<dyn Iterator<Item = &Passage> + '_> = match &ids {
                Some(ids) => Box::new(deliveries.of(ids)),
                None => Box::new(deliveries.all()),
            };
            let rows = rows
                .filter(|row| within(row.at) && row.fate != Fate::Expanded)
                .map(|row| email(tenant, row));
            query.run(&EMAIL, rows)
        }
        "UrlClickEvents" => {
            let clicks = lock(&tenant.planted).clicks.clone();
            let rows = clicks
                .iter()
                .filter(|one| within(one.at))
                .filter_map(|one| click(tenant, one));
            query.run(&CLICKS, rows)
        }
        other => {
            let message =
                format!("Semantic error: failed to resolve table or column named '{other}'.");
            return bad_request(tenant, &message);
        }
    };
    match answered {
        Err(error) => bad_request(tenant, &error.to_string()),
        Ok((columns, mut rows)) => {
            // without a word, as the service cuts
            rows.truncate(platform.hunting_rows);
            Ok(Reply::json(200, &shown(tenant, &columns, &rows)))
        }
    }
}

/// `P7D`, `PT12H`, or two times with a slash between them.
fn timespan(text: &str, now: DateTime<Utc>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let time = |text: &str| {
        DateTime::parse_from_rfc3339(text)
            .map(|at| at.to_utc())
            .ok()
    };
    if let Some((from, until)) = text.split_once('/') {
        return Some((time(from)?, time(until)?));
    }
    let rest = text.strip_prefix('P')?;
    let (days, rest) = match rest.split_once('D') {
        Some((days, rest)) => (days.parse().ok()?, rest),
        None => (0, rest),
    };
    let hours = match rest.strip_prefix('T') {
        Some(hours) => hours.strip_suffix('H')?.parse().ok()?,
        None if rest.is_empty() => 0,
        None => return None,
    };
    Some((
        now - TimeDelta::try_days(days)? - TimeDelta::try_hours(hours)?,
        now,
    ))
}

fn email(tenant: &Tenant, row: &Passage) -> Row {
    let letter = &row.letter;
    let text = |text: &str| Cell::Text(text.to_owned());
    let (oid, outside) = match &row.to {
        Recipient::Person(at) => (tenant.user(*at).map(|user| user.id.clone()), false),
        Recipient::Address(address) => (None, tenant.org.group(Provider::Graph, address).is_none()),
    };
    let junk = row.fate == Fate::FilteredAsSpam;
    let inside = tenant.org.by_address(&letter.from.address).is_some();
    vec![
        Cell::Time(row.at),
        Cell::Text(letter.network_message_id()),
        text(&letter.message_id),
        text(&letter.from.address),
        text(&letter.from.address),
        Cell::Text(recipient(tenant, &row.to)),
        Cell::Text(oid.unwrap_or_default()),
        text(&letter.subject),
        text(match (inside, outside) {
            (true, true) => "Outbound",
            (true, false) => "Intra-org",
            (false, _) => "Inbound",
        }),
        text(if junk { "Junked" } else { "Delivered" }),
        text(match (junk, outside) {
            (true, _) => "Junk folder",
            (false, true) => "On-premises/External",
            (false, false) => "Inbox/folder",
        }),
    ]
}

/// Defender sees the clicks of the Microsoft 365 half only.
fn click(tenant: &Tenant, one: &Click) -> Option<Row> {
    let user = tenant
        .user(one.user)
        .filter(|user| user.provider == Provider::Graph)?;
    Some(vec![
        Cell::Time(one.at),
        Cell::Text(one.url.clone()),
        Cell::Text(
            if one.allowed {
                "ClickAllowed"
            } else {
                "ClickBlocked"
            }
            .to_owned(),
        ),
        Cell::Text(user.address.clone()),
        Cell::Text("Email".to_owned()),
        Cell::Text(one.network_message_id.clone()),
    ])
}

fn shown(tenant: &Tenant, columns: &[String], rows: &[Row]) -> Value {
    let cell = |cell: &Cell| match cell {
        Cell::Text(text) => json!(text),
        Cell::Time(at) => json!(at.to_rfc3339_opts(SecondsFormat::Millis, true)),
        Cell::Number(n) => json!(n),
    };
    let results: Vec<Value> = rows
        .iter()
        .map(|row| {
            let members: Map<String, Value> = columns
                .iter()
                .zip(row)
                .map(|(name, value)| (name.clone(), cell(value)))
                .collect();
            Value::Object(members)
        })
        .collect();
    let schema: Vec<Value> = columns
        .iter()
        .map(|name| {
            let kind = if name == "Timestamp" {
                "DateTime"
            } else {
                "String"
            };
            json!({"name": name, "type": kind})
        })
        .collect();
    json!({
        "@odata.context": format!(
            "{}/v1.0/$metadata#microsoft.graph.security.huntingQueryResults",
            tenant.base()
        ),
        "schema": schema,
        "results": results,
    })
}
