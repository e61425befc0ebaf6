//! `GET /console/searches`: searches, newest first, and the form for a dry run.

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};

use super::{
    campaigns::After,
    chip::{Bar, Chip},
    fault::PageError,
    guard::Signed,
    page,
    sample::Words,
    search::rows::{kind_of, state_chip},
    shell::Shell,
    text::{Plain, grouped},
    when::When,
};
use crate::{
    auth::Scope,
    store::{PageRequest, search::Search},
};

const ROWS: u64 = 25;

struct Row {
    path: String,
    kind: &'static str,
    about: Plain,
    chip: Chip,
    bar: Bar,
    found: String,
    left_out: String,
    at: When,
}

impl Row {
    fn of(search: &Search, now: DateTime<Utc>) -> Self {
        let whole = u64::try_from(search.mailboxes).unwrap_or_default();
        let part = if search.is_over() { whole } else { 0 };
        let about = search.plan.looks_for.join("; ");
        Self {
            path: format!("/console/searches/{}", search.id),
            kind: kind_of(search),
            about: Plain::defanged(&about, 160),
            chip: state_chip(search),
            bar: Bar::progress(part, whole),
            found: grouped(search.progress.found),
            left_out: grouped(search.progress.decoys),
            at: When::of(search.created_at, now),
        }
    }
}

#[derive(Template)]
#[template(path = "searches.html")]
struct SearchesPage {
    shell: Shell,
    rows: Vec<Row>,
    older: Option<String>,
}

/// `GET /console/searches`
pub(super) async fn show(
    signed: Signed,
    query: web::Query<After>,
) -> Result<HttpResponse, PageError> {
    signed.require(Scope::PullsRead)?;
    let rows = signed.app.store.read(signed.session.tenant);
    let request = PageRequest {
        after: query.after.clone(),
        ..PageRequest::first(ROWS)
    };
    let found = rows.searches(None, &request).await?;
    let shell = Shell::of(&signed, "searches").await?;
    page(&SearchesPage {
        shell,
        rows: found
            .items
            .iter()
            .map(|search| Row::of(search, signed.now))
            .collect(),
        older: found.next.map(|id| format!("/console/searches?after={id}")),
    })
}

/// Searches of both kinds, or none.
///
/// # Errors
/// When the template fails.
pub fn sample(words: &Words, empty: bool) -> Result<String, askama::Error> {
    let shell = Shell::sample("searches", &words.say("SOC desk"));
    let all = if empty {
        Vec::new()
    } else {
        vec![super::sample::search_material(words).search]
    };
    SearchesPage {
        shell,
        rows: all
            .iter()
            .map(|search| Row::of(search, super::sample::now()))
            .collect(),
        older: None,
    }
    .render()
}
