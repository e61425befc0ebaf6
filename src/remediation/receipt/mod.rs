//! The coverage receipt: what a search reached and what it did not, signed, so that
//! whoever is handed it can check that nothing was left out or changed afterwards.
//!
//! Format `unhook-coverage-receipt/1`: an object with `receipt` and `signature`.
//! The signature (Ed25519, RFC 8032) is over the canonical text of `receipt`:
//! members in the order of their names, no spaces. All numbers in it are whole ones,
//! whose text is the same wherever it is read; a fraction is text. The chain inside it carries the
//! hash of every step, each over the one before.

mod key;
mod verify;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::{
    app::App,
    domain::{
        Desired, HitOutcome, MailboxState, Observed, PullRole, SearchId, SearchState, Way, exposure,
    },
    store::{
        PageRequest, Rows, StoreError,
        search::{CopySeen, MailboxCounts, Search},
    },
};

pub use key::{Key, KeyError, key};
pub use verify::{ReceiptError, Verified, canonical, check, check_signature};

/// The format's name and version.
pub const FORMAT: &str = "unhook-coverage-receipt/1";
/// Mailboxes out of reach that are listed by name; all are counted.
const LISTED: u64 = 10_000;
/// What no search of this kind reaches, for whoever reads "complete".
const NOT_COVERED: [&str; 3] = [
    "in-place archive mailboxes of Microsoft 365: Graph does not reach them",
    "what was purged from Recoverable Items, and Gmail messages deleted for good",
    "conversations that groups keep outside of mailboxes",
];
/// Forwards that are listed.
const FORWARDS: u64 = 1_000;

/// The signed receipt of a search as it stands at `now`.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn issue(
    app: &App,
    rows: &Rows<'_>,
    search: &Search,
    key: &Key,
    now: DateTime<Utc>,
) -> Result<Value, StoreError> {
    let body = body(app, rows, search, now).await?;
    Ok(key.sign(body))
}

/// Why a receipt cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// There is no such search.
    #[error("there is no such search")]
    NotFound,
    /// There is no key to sign it with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The receipt of a search: the one that was written when it was through, else one
/// of this moment, which says what is open.
///
/// # Errors
/// See [`ShowError`].
pub async fn of(app: &App, id: SearchId) -> Result<Value, ShowError> {
    let rows = app.store.read(app.tenant);
    let search = rows.search(id).await?.ok_or(ShowError::NotFound)?;
    if let Some(receipt) = rows.receipt(id).await? {
        return Ok(receipt);
    }
    let key = key(app).await?;
    let tx = app.store.begin().await?;
    // Only read in: one picture of all tables.
    Ok(issue(app, &tx.of(app.tenant), &search, &key, app.clock.now()).await?)
}

async fn body(
    app: &App,
    rows: &Rows<'_>,
    search: &Search,
    now: DateTime<Utc>,
) -> Result<Value, StoreError> {
    let id = search.id;
    let counts = rows.count_search(id).await?;
    let (forwards, forwards_open) = rows.count_forwards(id).await?;
    let listed = rows.gaps(id, &PageRequest::first(LISTED)).await?;
    let seen = match search.campaign.filter(|_| search.remediation.is_some()) {
        Some(campaign) => rows.copies_seen(campaign).await?,
        None => Vec::new(),
    };
    let hits = rows.count_hits(id).await?;
    let copies = Copies::of(&seen, search);
    let plan = &search.plan;
    let open = open_of(&counts, forwards_open);
    let unsearchable = plan.unsearchable.is_some();
    let followed: Vec<Value> = rows
        .forwards(id, false, FORWARDS)
        .await?
        .into_iter()
        .map(|f| {
            json!({ "sent_by": f.sent_by, "depth": f.depth, "outside": f.outside,
                    "waiting": f.mailboxes.len() })
        })
        .collect();
    let gap = |state: MailboxState| -> Vec<Value> {
        let of_state = listed.items.iter().filter(|gap| gap.state == state);
        of_state
            .map(|gap| {
                json!({
                    "mailbox": gap.mailbox.address, "provider": gap.mailbox.provider,
                    "cause": gap.cause, "reason": gap.reason, "tries": gap.attempts,
                })
            })
            .collect()
    };
    let remaining = search.progress.made;
    let found = copies.found.max(hits_found(&hits));
    let bound = counts.searched + 2 * found;
    Ok(json!({
        "format": FORMAT,
        "organisation": app.config.organisation.name,
        "search": id,
        "kind": search.kind,
        "campaign": search.campaign,
        "remediation": search.remediation,
        "decision_version": search.decision_version,
        "asked_by": search.actor,
        "asked_at": search.created_at,
        "finished_at": search.finished_at,
        "issued_at": now,
        "state": search.state,
        // Of a search that asked nobody, or was given up, nothing is complete.
        "complete": open == 0
            && search.state == SearchState::Done
            && counts.searched > 0
            && counts.partly == 0
            && search.entries > 0
            && search.progress.doubts.is_empty()
            && !unsearchable,
        "doubts": search.progress.doubts,
        "still_open": {
            "mailboxes": counts.waiting, "retrying": counts.retrying,
            "variants": counts.variants_open, "sent_mail": counts.follow_open,
            "forwards": forwards_open,
        },
        "looks_for": plan.looks_for,
        "not_searchable": plan.unsearchable,
        "variants_not_searched": plan.no_variants,
        "mailboxes": {
            "expected": counts.expected, "searched": counts.searched,
            "excluded": counts.excluded, "unreachable": counts.unreachable,
            "retrying": counts.retrying, "waiting": counts.waiting,
            "partly": counts.partly,
            "by_way": rows.count_ways(id).await?,
        },
        "directory": plan.directory,
        "unreachable_by_cause": rows.count_causes(id).await?,
        "unreachable": gap(MailboxState::Unreachable),
        "retrying": gap(MailboxState::Retrying),
        "excluded": gap(MailboxState::Excluded),
        "partly": gap(MailboxState::Searched),
        "listed_in_full": listed.next.is_none(),
        "not_covered": NOT_COVERED,
        "lists": plan.lists,
        "records": plan.records,
        "copies": {
            "found": found,
            "by_way": copies.by_way, "by_kind": copies.by_kind,
            "being_examined": copies.unverified,
            "for_review": copies.for_review,
            "pulled": copies.pulled, "gone": copies.gone, "failed": copies.failed,
            "restored": copies.restored,
        },
        "left_out": search.progress.decoys.max(copies.left_out),
        "hits": hits,
        "forwards": {
            "followed": forwards, "open": forwards_open,
            "beyond_depth": search.progress.beyond_depth,
            "depth": app.config.search.forward_depth,
            "listed": followed,
            "outside": search.progress.exposed,
        },
        "calls": {
            "made": remaining.calls, "gmail_units": remaining.units,
            "directory_and_records": remaining.directory,
            "planned": plan.calls(),
            "bound": bound,
            "bound_formula": "one search a mailbox and two calls a copy (look and move)",
        },
        "time_ms": copies.times(search.created_at),
        "order": copies.averted(search.created_at),
        "remarks": search.progress.remarks,
        "chain": { "entries": rows.chain(id).await?, "head": search.head },
    }))
}

const fn open_of(counts: &MailboxCounts, forwards: u64) -> u64 {
    counts.waiting + counts.retrying + counts.variants_open + counts.follow_open + forwards
}

fn hits_found(hits: &BTreeMap<String, u64>) -> u64 {
    let decoys = HitOutcome::Decoy.as_str();
    let found = hits.iter().filter(|(outcome, _)| *outcome != decoys);
    found.map(|(_, n)| *n).sum()
}

/// A figure with three places, as text: a fraction written as a number comes back from
/// a database or another reader changed in its last digit, and the signature with it.
fn decimal(figure: f64) -> String {
    let thousandths = (figure * 1000.0).round();
    let plain = if thousandths == 0.0 { 0.0 } else { thousandths };
    format!("{:.3}", plain / 1000.0)
}

/// What became of the copies of a campaign.
#[derive(Default)]
struct Copies {
    found: u64,
    unverified: u64,
    for_review: u64,
    left_out: u64,
    pulled: u64,
    gone: u64,
    failed: u64,
    restored: u64,
    by_way: BTreeMap<String, u64>,
    by_kind: BTreeMap<String, u64>,
    /// Whether it was unread, and when it was in quarantine.
    at_rest: Vec<(bool, DateTime<Utc>)>,
}

impl Copies {
    fn of(seen: &[CopySeen], search: &Search) -> Self {
        let mut copies = Self::default();
        for copy in seen {
            copies.take(copy, search);
        }
        copies
    }

    fn take(&mut self, copy: &CopySeen, search: &Search) {
        if copy.observed == Observed::Changed {
            self.left_out += 1;
            return;
        }
        let reported = copy.role == PullRole::Reported;
        if copy.verified_at.is_none() && !reported && copy.observed == Observed::Found {
            self.unverified += 1;
            return;
        }
        self.found += 1;
        let way = match &copy.sighting {
            Some(sighting) => sighting.way,
            None if reported => Way::Reported,
            None => Way::Sweep,
        };
        *self.by_way.entry(way.to_string()).or_default() += 1;
        *self.by_kind.entry(copy.role.to_string()).or_default() += 1;
        match copy.observed {
            Observed::Pulled => {
                self.pulled += 1;
                let unread = copy.sighting.as_ref().is_none_or(|s| !s.place.read);
                let at = copy.settled_at.filter(|at| *at >= search.created_at);
                self.at_rest.extend(at.map(|at| (unread, at)));
            }
            Observed::Gone => self.gone += 1,
            Observed::Failed => self.failed += 1,
            Observed::Restored => self.restored += 1,
            Observed::Found if copy.desired == Desired::InPlace => self.for_review += 1,
            Observed::Found | Observed::Moving | Observed::Restoring | Observed::Changed => {}
        }
    }

    /// From the decision to the moment when that share of the copies was out of
    /// reach.
    fn times(&self, since: DateTime<Utc>) -> Value {
        let mut spans: Vec<i64> = self
            .at_rest
            .iter()
            .map(|(_, at)| (*at - since).num_milliseconds())
            .collect();
        spans.sort_unstable();
        let at = |share: usize| {
            let rank = (spans.len() * share).div_ceil(100);
            spans.get(rank.saturating_sub(1)).copied()
        };
        json!({ "copies": spans.len(), "p50": at(50), "p90": at(90), "p100": at(100) })
    }

    fn averted(&self, since: DateTime<Utc>) -> Value {
        let spans: Vec<(bool, TimeDelta)> = self
            .at_rest
            .iter()
            .map(|(unread, at)| (*unread, *at - since))
            .collect();
        let averted = exposure::averted(&spans);
        json!({
            "clicks_averted_estimate": decimal(averted.clicks),
            "unread_copies": averted.unread,
            "formula": exposure::FORMULA,
        })
    }
}
