//! `GET /console/audit`: who did what, newest first, for administrators.

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use url::form_urlencoded;

use super::{
    campaign::key_names,
    fault::PageError,
    guard::Signed,
    page,
    sample::Words,
    shell::Shell,
    text::{Plain, grouped},
    timeline::Names,
    when::When,
};
use crate::{
    auth::Scope,
    domain::{CampaignId, SubmissionId},
    store::{
        PageRequest,
        audit::{AuditFilter, Entry, Head},
    },
};

const ROWS: u64 = 50;
/// Characters of a filter's field.
const FIELD: usize = 120;

struct Row {
    seq: i64,
    action: Plain,
    who: Plain,
    subject: Plain,
    path: Option<String>,
    detail: Plain,
    at: When,
}

/// The page of what an entry is about, where it has one.
fn page_of(subject: &str) -> Option<String> {
    if let Ok(id) = subject.parse::<SubmissionId>() {
        return Some(format!("/console/submissions/{id}"));
    }
    let id = subject.parse::<CampaignId>().ok()?;
    Some(format!("/console/campaigns/{id}"))
}

impl Row {
    fn of(entry: &Entry, names: &Names, now: DateTime<Utc>) -> Self {
        let who = names.get(&entry.actor).unwrap_or(&entry.actor);
        Self {
            seq: entry.seq,
            action: Plain::line(&entry.action.replace('_', " "), 60),
            who: Plain::line(who, 80),
            path: page_of(&entry.subject),
            subject: Plain::line(&entry.subject, 80),
            detail: Plain::line(&entry.detail, 400),
            at: When::of(entry.at, now),
        }
    }
}

/// What is asked for; an empty field asks for nothing.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    subject: String,
    #[serde(default)]
    actor: String,
    #[serde(default)]
    action: String,
    after: Option<String>,
}

impl Asked {
    fn filter(&self) -> AuditFilter {
        let given = |field: &str| Some(field.trim().to_owned()).filter(|f| !f.is_empty());
        AuditFilter {
            subject: given(&self.subject),
            actor: given(&self.actor),
            action: given(&self.action),
        }
    }

    fn older(&self, next: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("subject", self.subject.as_str()),
            ("actor", self.actor.as_str()),
            ("action", self.action.as_str()),
            ("after", next),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        format!("/console/audit?{}", query.finish())
    }
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    subject: Plain,
    actor: Plain,
    action: Plain,
    filtered: bool,
    count: String,
    hash: Plain,
    rows: Vec<Row>,
    older: Option<String>,
}

impl AuditPage {
    fn of(
        shell: Shell,
        asked: &Asked,
        head: Option<&Head>,
        (entries, next): (&[Entry], Option<&str>),
        (names, now): (&Names, DateTime<Utc>),
    ) -> Self {
        let count = head.map_or(0, |head| u64::try_from(head.seq).unwrap_or_default());
        Self {
            shell,
            subject: Plain::line(&asked.subject, FIELD),
            actor: Plain::line(&asked.actor, FIELD),
            action: Plain::line(&asked.action, FIELD),
            filtered: [&asked.subject, &asked.actor, &asked.action]
                .iter()
                .any(|field| !field.is_empty()),
            count: grouped(count),
            hash: Plain::line(head.map(|head| head.hash.as_str()).unwrap_or_default(), 64),
            rows: entries.iter().map(|e| Row::of(e, names, now)).collect(),
            older: next.map(|next| asked.older(next)),
        }
    }
}

/// `GET /console/audit`
pub(super) async fn show(
    signed: Signed,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, PageError> {
    signed.require(Scope::Admin)?;
    let rows = signed.app.store.read(signed.session.tenant);
    let after = asked.after.clone();
    if after
        .as_deref()
        .is_some_and(|seq| seq.parse::<i64>().is_err())
    {
        return Err(PageError::NotFound);
    }
    let request = PageRequest {
        after,
        ..PageRequest::first(ROWS)
    };
    let found = rows.audit_entries(&asked.filter(), &request).await?;
    let head = rows.audit_head().await?;
    let names = key_names(&signed).await?;
    let shell = Shell::of(&signed, "audit").await?;
    page(&AuditPage::of(
        shell,
        &asked,
        head.as_ref(),
        (&found.items, found.next.as_deref()),
        (&names, signed.now),
    ))
}

/// Entries of every sort, or none.
///
/// # Errors
/// When the template fails.
pub fn sample(words: &Words, empty: bool) -> Result<String, askama::Error> {
    let shell = Shell::sample("audit", &words.say("SOC desk"));
    let entries = if empty {
        Vec::new()
    } else {
        super::sample::entries(words)
    };
    let asked = if empty {
        Asked::default()
    } else {
        Asked {
            actor: words.say("key_019aab00000070008000000000000077"),
            ..Asked::default()
        }
    };
    let head = entries.first().map(|entry| Head {
        seq: entry.seq,
        hash: entry.hash.clone(),
    });
    let now = super::sample::now();
    let names = Names::new();
    AuditPage::of(
        shell,
        &asked,
        head.as_ref(),
        (&entries, None),
        (&names, now),
    )
    .render()
}
