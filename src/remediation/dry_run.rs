//! A dry run: everything a pull would do up to the verified list, and nothing after
//! it.

use chrono::{DateTime, Utc};

use crate::{
    app::App,
    domain::{CampaignId, MessageQuery, SearchId, SearchKind},
    jobs,
    message::{self, Limits},
    store::{StoreError, event::Event, search::Search},
};

use super::Target;

/// Dry runs under way at once in an organisation: each asks every mailbox, and the
/// searches that pull share the platforms' limits with them.
pub const MOST_AT_ONCE: u64 = 10;
/// Octets of a message that may be looked for.
pub const MOST_OCTETS: usize = 25 * 1024 * 1024;

/// What a dry run looks for.
#[derive(Debug)]
pub enum DryRunOf<'a> {
    /// The copies of a campaign.
    Campaign(CampaignId),
    /// The copies of a message, as a file holds it.
    Message(&'a [u8]),
    /// What fits a query.
    Query(MessageQuery),
}

/// Why a dry run was not begun.
#[derive(Debug, thiserror::Error)]
pub enum DryRunError {
    /// There is no such campaign.
    #[error("there is no such campaign")]
    NotFound,
    /// The message is too large.
    #[error("the message is larger than 25 MiB")]
    TooLarge,
    /// Neither the message nor the query names anything that can be looked for.
    #[error("{0}")]
    Nothing(&'static str),
    /// As many as may be are under way.
    #[error("{MOST_AT_ONCE} dry runs are under way; wait for one to end")]
    TooMany,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Queues a dry run.
///
/// # Errors
/// See [`DryRunError`].
pub async fn begin(app: &App, of: DryRunOf<'_>, actor: &str) -> Result<SearchId, DryRunError> {
    let now = app.clock.now();
    if app.store.read(app.tenant).open_dry_runs().await? >= MOST_AT_ONCE {
        return Err(DryRunError::TooMany);
    }
    let mut search = Search::new(SearchKind::DryRun, actor, now);
    let target = match of {
        DryRunOf::Campaign(id) => {
            let campaign = app.store.read(app.tenant).campaign(id).await?;
            search.campaign = Some(campaign.ok_or(DryRunError::NotFound)?.id);
            None
        }
        DryRunOf::Message(raw) => Some(of_message(raw, now)?),
        DryRunOf::Query(query) if query.is_empty() => {
            return Err(DryRunError::Nothing(
                "the query names nothing: give an id, a sender, a subject, a link or a file",
            ));
        }
        DryRunOf::Query(query) => Some(Target::of_query(query, now)),
    };
    search.target = target
        .map(serde_json::to_value)
        .transpose()
        .map_err(|error| StoreError::Corrupt(error.to_string()))?;
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    rows.enqueue(vec![jobs::dry_run(search.id, now)], now)
        .await?;
    rows.save_search(&search).await?;
    // Whoever reads other people's mail leaves a trace, with or without a campaign.
    let mut event = Event::new("dry_run_asked", now)
        .by(actor)
        .with(serde_json::json!({ "search": search.id }));
    event.campaign = search.campaign;
    rows.record(vec![event]).await?;
    tx.commit().await?;
    Ok(search.id)
}

fn of_message(raw: &[u8], now: DateTime<Utc>) -> Result<Target, DryRunError> {
    if raw.len() > MOST_OCTETS {
        return Err(DryRunError::TooLarge);
    }
    let parsed = message::parse(raw, &Limits::default());
    // The date is its sender's word: one in the future would look for nothing.
    let received = parsed.received.first().and_then(|hop| hop.time);
    let received = received
        .or(parsed.date)
        .filter(|at| *at < now)
        .unwrap_or(now);
    let target = Target::of_message(&parsed, received);
    if target.searchable() {
        Ok(target)
    } else {
        Err(DryRunError::Nothing(
            "the message has no Message-ID that can be asked for: no platform can name its copies; give a query instead",
        ))
    }
}
