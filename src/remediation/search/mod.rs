//! The search step: names the mailboxes most likely to hold a copy first, follows
//! forwards, sweeps all mailboxes, and looks for variants. Each run does one wave
//! and commits what it found together with how far it got, so that it goes on
//! after any crash where it stopped.
//!
//! A search reads and never writes to a mailbox: a dry run is this step on
//! readers that cannot ([`crate::mailbox::ReadOnly`]).

mod commit;
mod finds;
mod follow;
mod plan;
mod target;
mod verify;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use self::commit::Change;
use super::wave::{self, Wave};
use crate::{
    app::{App, Readers},
    domain::{MailboxRef, MessageQuery, RemediationId, SearchId, SearchKind, SearchState, Way},
    jobs::{self, JobError, Work},
    store::{
        Rows, StoreError,
        campaign::Campaign,
        job::Lease,
        search::{Forward, InScope, Search as SearchRow},
    },
};

pub use target::Target;
pub(super) use verify::{Read, Relation, of_outcome, read};

/// Mailboxes in one wave: sixteen batches of twenty.
pub(super) const WAVE: u64 = 320;
/// The same in a sweep that hits hardly anything: what a wave begins and ends with is
/// spread over more mailboxes, and few messages are held at a time all the same.
const WIDE: u64 = 3 * WAVE;
/// A sweep is wide where at most one in so many calls led to something to be looked at.
const RARE: u64 = 8;
/// Mailboxes with a rank below are searched before the sweep.
const BEFORE_SWEEP: i32 = 100;
/// Tries at a mailbox that gives no answer before it is named unreachable: two
/// and a half hours of an outage, since the pause between two tries grows to five
/// minutes. The reporter's thanks wait for it, so it is no longer than that.
const TRIES: i32 = 40;
/// Mailboxes in one wave of sent mail: it comes with all its content.
const FOLLOWED: u64 = 64;
/// Mailboxes in one wave of variants: what is hit is read whole.
const VARIED: u64 = 160;
/// Forwards whose recipients are searched in one wave: their ids go into one query.
const FORWARDS: usize = 15;
/// Forwards that every mailbox is asked for, in case one was sent to more people than
/// its headers name; their recipients are searched for all.
const SWEPT: usize = 150;

/// See the module.
pub struct Search(pub Arc<App>);

/// The same step for dry runs: a kind of job of its own, so that a command line
/// that shows what a pull would find can work at it and at nothing else.
pub struct DryRun(pub Arc<App>);

/// What a run works on.
struct Run<'a> {
    app: &'a App,
    lease: &'a Lease,
    /// All that is asked goes through these.
    readers: Readers,
    search: SearchRow,
    campaign: Option<Campaign>,
    evidence: Option<String>,
    target: Target,
    /// Addresses of people whose copies go first.
    named: HashSet<String>,
    /// Mailboxes that the configuration leaves out: nothing asks them.
    excluded: HashSet<MailboxRef>,
    /// Owners of the wave's hits who work with money.
    finance: HashSet<MailboxRef>,
}

/// What a wave asks.
enum Step {
    /// Mailboxes by rank, by the exact query.
    Exact(Vec<InScope>),
    /// The recipients of forwards.
    Forward(Vec<Forward>),
    /// The sent mail and the rules of mailboxes that hold a copy.
    Follow(Vec<InScope>),
    /// Variants.
    Variants(Vec<InScope>),
    /// Nothing before this time.
    Wait(DateTime<Utc>),
    Done,
}

#[async_trait]
impl Work for Search {
    fn kind(&self) -> &'static str {
        jobs::SEARCH
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        step(&self.0, lease).await
    }
}

#[async_trait]
impl Work for DryRun {
    fn kind(&self) -> &'static str {
        jobs::DRY_RUN
    }

    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        step(&self.0, lease).await
    }
}

async fn step(app: &App, lease: &Lease) -> Result<(), JobError> {
    let mut run = Run::load(app, lease).await?;
    match run.search.state {
        SearchState::Done | SearchState::Stopped => return run.finish_job().await,
        SearchState::Planning => return run.plan().await,
        SearchState::Searching => {}
    }
    match run.next_step().await? {
        Step::Done => run.end().await,
        Step::Wait(until) => run.wait(until).await,
        Step::Exact(mailboxes) => run.exact(mailboxes).await,
        Step::Forward(forwards) => run.forwarded(forwards).await,
        Step::Follow(mailboxes) => run.follow(mailboxes).await,
        Step::Variants(mailboxes) => run.variants(mailboxes).await,
    }
}

/// Begins the search `id` for a remediation, and stops any before it. Its job is
/// queued, and the campaign and the remediation are held, by the caller.
pub(super) async fn begin(
    rows: &Rows<'_>,
    id: SearchId,
    campaign: &Campaign,
    remediation: RemediationId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    rows.stop_searches(remediation, now).await?;
    let search = SearchRow {
        id,
        campaign: Some(campaign.id),
        remediation: Some(remediation),
        decision_version: campaign.decision_version,
        ..SearchRow::new(SearchKind::Pull, "unhook", now)
    };
    rows.save_search(&search).await
}

impl<'a> Run<'a> {
    async fn load(app: &'a App, lease: &'a Lease) -> Result<Self, JobError> {
        let missing = |what: &str| JobError::Park(format!("its {what} is not there"));
        let id: SearchId = lease
            .target
            .parse()
            .map_err(|_| JobError::Park("its target is no search".into()))?;
        let rows = app.store.read(app.tenant);
        let search = rows.search(id).await?.ok_or_else(|| missing("search"))?;
        let campaign = match search.campaign {
            Some(id) => Some(
                rows.campaign(id)
                    .await?
                    .ok_or_else(|| missing("campaign"))?,
            ),
            None => None,
        };
        let (target, evidence) = match (&search.target, &campaign) {
            (Some(_), _) => (Target::of_search(&search)?, None),
            (None, Some(campaign)) => {
                let seed = rows
                    .submission(campaign.seed)
                    .await?
                    .ok_or_else(|| missing("seed"))?;
                let evidence = seed.evidence_sha256.clone();
                (Target::of_seed(app, &seed).await?, evidence)
            }
            (None, None) => return Err(missing("target")),
        };
        let target = target.among(&app.config.organisation.domains);
        let engine = app.judging.engine();
        let named = engine
            .policy()
            .vips
            .iter()
            .flat_map(|vip| &vip.addresses)
            .chain(&app.config.search.first)
            .map(|address| address.to_lowercase())
            .collect();
        Ok(Self {
            app,
            lease,
            readers: app.mail.readers(),
            search,
            campaign,
            evidence,
            target,
            named,
            excluded: super::excluded(app).await?,
            finance: HashSet::new(),
        })
    }

    const fn dry(&self) -> bool {
        matches!(self.search.kind, SearchKind::DryRun)
    }

    async fn next_step(&self) -> Result<Step, JobError> {
        let rows = self.app.store.read(self.app.tenant);
        let id = self.search.id;
        let first = rows.waiting_mailboxes(id, Some(BEFORE_SWEEP), WAVE).await?;
        if !first.is_empty() {
            return Ok(Step::Exact(first));
        }
        let forwards = rows.forwards(id, true, FORWARDS as u64).await?;
        if !forwards.is_empty() {
            return Ok(Step::Forward(forwards));
        }
        let now = self.app.clock.now();
        let follow = rows.mailboxes_to_follow(id, now, FOLLOWED).await?;
        if !follow.is_empty() {
            return Ok(Step::Follow(follow));
        }
        let sweep = rows.waiting_mailboxes(id, None, self.width()).await?;
        if !sweep.is_empty() {
            return Ok(Step::Exact(sweep));
        }
        let variants = rows.mailboxes_for_variants(id, VARIED).await?;
        if !variants.is_empty() {
            return Ok(Step::Variants(variants));
        }
        let retrying = rows.retrying_mailboxes(id, WAVE).await?;
        let soonest = retrying.first().map(|(_, at)| *at);
        let Some(soonest) = soonest.into_iter().chain(rows.next_follow(id).await?).min() else {
            return Ok(Step::Done);
        };
        if soonest > now {
            return Ok(Step::Wait(soonest));
        }
        let due = retrying
            .into_iter()
            .filter(|(_, at)| *at <= now)
            .map(|(one, _)| one)
            .collect();
        Ok(Step::Exact(due))
    }

    /// How many mailboxes the next wave of the sweep asks.
    fn width(&self) -> u64 {
        let progress = &self.search.progress;
        let made = progress.made.calls;
        if made >= WAVE && progress.looked_at.saturating_mul(RARE) <= made {
            WIDE
        } else {
            WAVE
        }
    }

    /// One search of each mailbox for the message itself, and for the forwards that
    /// are known.
    async fn exact(&mut self, mailboxes: Vec<InScope>) -> Result<(), JobError> {
        let rows = self.app.store.read(self.app.tenant);
        let limit = SWEPT as u64 + 1;
        let forwards = rows.forwards(self.search.id, false, limit).await?;
        let mut change = Change::default();
        if forwards.len() > SWEPT {
            let doubt = format!(
                "more than {SWEPT} forwards: the rest was looked for at those whom it names"
            );
            change.doubts.push(doubt);
        }
        let depths = depths_of(&forwards);
        let ids: Vec<String> = forwards
            .into_iter()
            .map(|f| f.message_id)
            .take(SWEPT)
            .collect();
        // The seed's own id takes one place in the first query.
        let (first, more) = ids.split_at(ids.len().min(FORWARDS - 1));
        let asked: Vec<MailboxRef> = mailboxes.iter().map(|m| m.mailbox.clone()).collect();
        let mut queries = self.exact_queries(&asked, first);
        queries.extend(more.chunks(FORWARDS).map(|ids| {
            let query = MessageQuery::by_ids(ids.iter().cloned(), self.target.since());
            (query, asked.clone())
        }));
        let mut wave = Wave::default();
        for (query, mailboxes) in queries {
            let part = wave::search(self.app, &mailboxes, &query).await;
            wave.join(part);
        }
        let dry = self.dry();
        let finds = self
            .sort(&mut wave, &ways_of(&mailboxes), &depths, dry)
            .await?;
        self.commit("asked", &mailboxes, wave, finds, change).await
    }

    /// One search of the recipients of forwards for these forwards.
    async fn forwarded(&mut self, forwards: Vec<Forward>) -> Result<(), JobError> {
        let ids: Vec<String> = forwards.iter().map(|f| f.message_id.clone()).collect();
        let mut ways = HashMap::new();
        for mailbox in forwards.iter().flat_map(|f| &f.mailboxes) {
            if ways.len() as u64 >= WAVE {
                break;
            }
            if self.excluded.contains(mailbox) {
                continue;
            }
            ways.insert(mailbox.clone(), Way::Forward);
        }
        let asked: Vec<MailboxRef> = ways.keys().cloned().collect();
        let query = MessageQuery::by_ids(ids, self.target.since());
        let mut wave = wave::search(self.app, &asked, &query).await;
        let dry = self.dry();
        let finds = self
            .sort(&mut wave, &ways, &depths_of(&forwards), dry)
            .await?;
        let left = forwards
            .into_iter()
            .map(|f| {
                let mut left = f.mailboxes;
                left.retain(|m| !ways.contains_key(m) && !self.excluded.contains(m));
                (f.message_id, left)
            })
            .collect();
        self.record_forwards(left, wave, finds).await
    }

    /// What a variant has in common with the seed, one query after the other, each
    /// hit read and compared before it counts.
    async fn variants(&mut self, mailboxes: Vec<InScope>) -> Result<(), JobError> {
        let asked: Vec<MailboxRef> = mailboxes.iter().map(|m| m.mailbox.clone()).collect();
        let [who, what] = match self.target.variants(&self.app.config.search) {
            Ok(queries) => queries,
            // Only mailboxes that a rule points to are asked then.
            Err(_) => {
                let held = self.target.held();
                if held.is_empty() {
                    return self.no_variants(&asked).await;
                }
                [MessageQuery::since(self.target.since()), held]
            }
        };
        let mut whole = Wave::default();
        for (query, mailboxes) in self.variant_queries(&asked, who, what) {
            let wave = wave::search(self.app, &mailboxes, &query).await;
            whole.join(wave);
        }
        let ways = asked.iter().map(|m| (m.clone(), Way::Variant)).collect();
        let finds = self.sort(&mut whole, &ways, &HashMap::new(), true).await?;
        self.record_variants(mailboxes, whole, finds).await
    }
}

fn depths_of(forwards: &[Forward]) -> HashMap<String, u32> {
    forwards
        .iter()
        .map(|f| (f.message_id.clone(), f.depth))
        .collect()
}

fn ways_of(mailboxes: &[InScope]) -> HashMap<MailboxRef, Way> {
    mailboxes
        .iter()
        .map(|m| (m.mailbox.clone(), m.way))
        .collect()
}
