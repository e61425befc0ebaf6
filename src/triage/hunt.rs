//! What has become known of a value reaches every stored message that holds it: such
//! a message is put up to be judged anew.
//!
//! Two ways lead there. A source's fresh bad word is spread with the answer itself, to
//! a bounded number. The hunt goes through all values of the last 90 days every hour,
//! and at once when an indicator was added or withdrawn; it asks the lists that are
//! searched here, the organisation's own indicators and the answers that are kept, and
//! nobody outside.
//!
//! It ends: a message is put up only while what is kept of it lacks the word, and to be
//! judged anew gives it the word. Nothing of this asks a question a second time.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::lookups::kept;
use crate::{
    app::App,
    domain::{AskedKind, OWN_LIST, Reputation, SourceAnswer, SubmissionId},
    enrich::lookups::{Desk, Question},
    jobs::{self, JobError, Work},
    store::{
        Rows, StoreError,
        answer::Kept,
        job::Lease,
        sighting::{Holder, Sighting},
    },
};

/// How far back messages are told.
const LOOK_BACK: TimeDelta = TimeDelta::days(90);
/// How often all that is stored is gone through.
const EVERY: TimeDelta = TimeDelta::hours(1);
/// Messages that are put up together with the answer they are put up for.
const AT_ONCE: usize = 1_000;
/// Values, and holders of one, that are read at once.
const PAGE: usize = 500;
/// Messages put up are judged that far apart, so that new reports do not wait behind
/// old mail.
const PACE: TimeDelta = TimeDelta::milliseconds(100);

/// The word that a sighting keeps of an answer.
fn word(source: &str, reputation: Reputation) -> String {
    format!("{source}={}", reputation.as_str())
}

/// What stands in a submission: each question that may be asked about it, with the
/// words of its answers that a hunt compares.
pub(super) fn sightings(questions: &[Question], answers: &[SourceAnswer]) -> Vec<Sighting> {
    let mut said: HashMap<(AskedKind, &str), BTreeSet<String>> = HashMap::new();
    let told = answers
        .iter()
        .filter(|one| one.reputation == Reputation::Bad || one.source == OWN_LIST);
    for answer in told {
        let of_value = said.entry((answer.kind, answer.value.as_str()));
        of_value
            .or_default()
            .insert(word(&answer.source, answer.reputation));
    }
    let mut seen = HashSet::new();
    questions
        .iter()
        .filter(|question| question.is_sound())
        .filter(|question| seen.insert((question.kind, question.value.as_str())))
        .map(|question| {
            let words = said.remove(&(question.kind, question.value.as_str()));
            let words: Vec<String> = words.unwrap_or_default().into_iter().collect();
            Sighting {
                kind: question.kind,
                value: question.value.clone(),
                said: words.join(" "),
            }
        })
        .collect()
}

/// What is known of a value.
#[derive(Debug, Default)]
struct Known {
    /// The bad words of sources.
    bad: BTreeSet<String>,
    /// The organisation's own word, where it ever said one; nothing inside when that
    /// holds no longer.
    own: Option<Option<String>>,
}

impl Known {
    /// Whether a message that has heard `said` lacks something of it.
    fn is_new_to(&self, said: &str) -> bool {
        let heard: BTreeSet<&str> = said.split(' ').collect();
        let own = heard.iter().find(|word| {
            word.strip_prefix(OWN_LIST)
                .is_some_and(|rest| rest.starts_with('='))
        });
        self.bad.iter().any(|word| !heard.contains(word.as_str()))
            || self
                .own
                .as_ref()
                .is_some_and(|now| now.as_deref() != own.copied())
    }

    fn lacking(&self, holders: &[Holder]) -> BTreeSet<SubmissionId> {
        let lacking = holders.iter().filter(|one| self.is_new_to(&one.said));
        lacking.map(|one| one.submission).collect()
    }
}

/// Queues the judging anew of these, the first of them after `waiting` others. In the
/// order of their ids: two that do so at the same time then wait for each other and do
/// not block.
async fn put_up(
    rows: &Rows<'_>,
    lacking: &BTreeSet<SubmissionId>,
    waiting: usize,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if lacking.is_empty() {
        return Ok(());
    }
    // what was given up is for a person, or it would be given up every hour
    let parked = rows.parked_targets(jobs::ENRICH).await?;
    let ids: Vec<SubmissionId> = lacking
        .iter()
        .filter(|id| !parked.contains(&id.to_string()))
        .copied()
        .collect();
    for (chunk, ids) in ids.chunks(200).enumerate() {
        let first = waiting.saturating_add(chunk.saturating_mul(200));
        let jobs = ids.iter().zip(first..).map(|(id, place)| {
            let wait = PACE * i32::try_from(place).unwrap_or(i32::MAX);
            jobs::enrich(*id, now + wait)
        });
        rows.enqueue(jobs.collect(), now).await?;
    }
    Ok(())
}

/// Puts up the others that hold what a source has just called bad, in the transaction
/// that keeps its answer; what is beyond the bound is left to the hunt.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub(super) async fn spread(
    app: &App,
    rows: &Rows<'_>,
    from: SubmissionId,
    bad: &[&SourceAnswer],
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let since = now - LOOK_BACK;
    let mut lacking = BTreeSet::new();
    let mut more = false;
    for answer in bad {
        let known = Known {
            bad: BTreeSet::from([word(&answer.source, answer.reputation)]),
            own: None,
        };
        let holders = rows
            .holders(answer.kind, &answer.value, since, None, AT_ONCE)
            .await?;
        more |= holders.len() >= AT_ONCE;
        lacking.extend(known.lacking(&holders));
    }
    lacking.remove(&from);
    while lacking.len() > AT_ONCE {
        more = true;
        lacking.pop_first();
    }
    if more {
        rows.enqueue(vec![jobs::hunt(app.tenant, now)], now).await?;
    }
    put_up(rows, &lacking, 0, now).await
}

/// The hunt through what is stored.
pub struct Hunt(pub Arc<App>);

#[async_trait]
impl Work for Hunt {
    fn kind(&self) -> &'static str {
        jobs::HUNT
    }

    /// Goes through everything; after a fall, from the start. What was put up before
    /// is not put up again.
    async fn run(&self, lease: &Lease) -> Result<(), JobError> {
        let app = &*self.0;
        let mut pass = Pass {
            app,
            lease,
            since: app.clock.now() - LOOK_BACK,
            lists: app
                .sources
                .all()
                .filter(|desk| desk.seat.lookup.is_local())
                .collect(),
            put_up: 0,
        };
        let mut after = None;
        loop {
            let rows = app.store.read(app.tenant);
            let page = rows.sighted(after.as_ref(), pass.since, PAGE).await?;
            pass.page(&page).await?;
            let Some(last) = page.into_iter().next_back() else {
                break;
            };
            after = Some(last);
        }
        let now = app.clock.now();
        let tx = app.store.begin().await?;
        tx.hold(lease, app.lease_end(now)).await?;
        // asked for meanwhile, it begins anew at once, else in an hour
        tx.finish_job(lease, now).await?;
        let next = jobs::hunt(app.tenant, now + EVERY);
        tx.of(app.tenant).enqueue(vec![next], now).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// One pass through what is stored.
struct Pass<'a> {
    app: &'a App,
    lease: &'a Lease,
    since: DateTime<Utc>,
    /// The lists that are searched here, without those that failed in this pass.
    lists: Vec<&'a Desk>,
    /// Messages put up so far.
    put_up: usize,
}

type Value = (AskedKind, String);

impl Pass<'_> {
    async fn page(&mut self, values: &[Value]) -> Result<(), StoreError> {
        let mut known = self.kept(values).await?;
        let listed = self.listed(values).await;
        for (value, answers) in &listed {
            let words = answers
                .iter()
                .map(|one| word(&one.answer.source, one.answer.reputation));
            known.entry(value.clone()).or_default().bad.extend(words);
        }
        for (value, known) in known {
            let answers = listed.get(&value).map(Vec::as_slice).unwrap_or_default();
            self.tell(&value, &known, answers).await?;
        }
        Ok(())
    }

    /// What the organisation says of values, and what sources said that still holds.
    async fn kept(&self, values: &[Value]) -> Result<BTreeMap<Value, Known>, StoreError> {
        let now = self.app.clock.now();
        let rows = self.app.store.read(self.app.tenant);
        let asked: Vec<(AskedKind, &str)> = values
            .iter()
            .map(|(kind, value)| (*kind, value.as_str()))
            .collect();
        let mut known: BTreeMap<Value, Known> = BTreeMap::new();
        for (value, one) in rows.indicators_about(&asked).await? {
            let holds = one.holds(now).then(|| word(OWN_LIST, one.reputation));
            known.entry(value).or_default().own = Some(holds);
        }
        // a source that is switched off is not heard, and could not be heard again
        for desk in self.app.sources.all() {
            let lookup = &desk.seat.lookup;
            if lookup.is_local() {
                continue;
            }
            let asked: Vec<(AskedKind, &str)> = asked
                .iter()
                .copied()
                .filter(|(kind, _)| lookup.kinds().contains(kind))
                .collect();
            for (value, answer) in rows.answers(lookup.id(), &asked, now).await? {
                if answer.reputation == Reputation::Bad {
                    let bad = &mut known.entry(value).or_default().bad;
                    bad.insert(word(lookup.id(), answer.reputation));
                }
            }
        }
        known.retain(|(kind, value), _| asked.contains(&(*kind, value.as_str())));
        Ok(known)
    }

    /// What the lists that are searched here call bad. One that fails is left out for
    /// the rest of the pass.
    async fn listed(&mut self, values: &[Value]) -> BTreeMap<Value, Vec<Kept>> {
        let now = self.app.clock.now();
        let mut found: BTreeMap<Value, Vec<Kept>> = BTreeMap::new();
        let mut failed = Vec::new();
        for desk in &self.lists {
            let lookup = &desk.seat.lookup;
            let of_its_kinds = values.iter().filter(|v| lookup.kinds().contains(&v.0));
            for (kind, value) in of_its_kinds {
                let question = Question::new(*kind, value.as_str());
                let answer = match lookup.ask(&question, now).await {
                    Ok(answer) => answer,
                    Err(error) => {
                        tracing::warn!(source = lookup.id(), %error, "left out of this hunt");
                        failed.push(lookup.id());
                        break;
                    }
                };
                if answer.reputation == Reputation::Bad {
                    let of_value = found.entry((*kind, value.clone())).or_default();
                    of_value.push(kept(lookup.id(), &question, answer, now));
                }
            }
        }
        self.lists
            .retain(|desk| !failed.contains(&desk.seat.lookup.id()));
        found
    }

    /// Puts up who holds a value and lacks something of what is known of it.
    async fn tell(
        &mut self,
        (kind, value): &Value,
        known: &Known,
        listed: &[Kept],
    ) -> Result<(), StoreError> {
        let app = self.app;
        let mut before = None;
        loop {
            let rows = app.store.read(app.tenant);
            let holders = rows.holders(*kind, value, self.since, before, PAGE).await?;
            let Some(last) = holders.last() else {
                return Ok(());
            };
            before = Some(last.submission);
            let lacking = known.lacking(&holders);
            if lacking.is_empty() {
                continue;
            }
            let now = app.clock.now();
            let tx = app.store.begin().await?;
            tx.hold(self.lease, app.lease_end(now)).await?;
            let rows = tx.of(app.tenant);
            // the answer with those that are to find it
            rows.keep_answers(listed).await?;
            put_up(&rows, &lacking, self.put_up, now).await?;
            tx.commit().await?;
            self.put_up = self.put_up.saturating_add(lacking.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(bad: &[&str], own: Option<Option<&str>>) -> Known {
        Known {
            bad: bad.iter().map(|word| (*word).to_owned()).collect(),
            own: own.map(|word| word.map(str::to_owned)),
        }
    }

    #[test]
    fn a_message_is_put_up_only_while_it_lacks_the_word() {
        let bad = known(&["urlhaus=bad"], None);
        assert!(bad.is_new_to(""));
        assert!(bad.is_new_to("threatfox=bad"));
        assert!(bad.is_new_to("not_urlhaus=bad"));
        assert!(!bad.is_new_to("threatfox=bad urlhaus=bad"));
        let own = known(&[], Some(Some("own_list=bad")));
        assert!(own.is_new_to(""));
        assert!(own.is_new_to("own_list=doubtful"));
        assert!(own.is_new_to("own_list_of_others=bad"));
        assert!(!own.is_new_to("own_list=bad urlhaus=bad"));
        let withdrawn = known(&[], Some(None));
        assert!(withdrawn.is_new_to("own_list=bad"));
        assert!(!withdrawn.is_new_to("urlhaus=bad"));
        assert!(!known(&[], None).is_new_to("own_list=bad"));
    }
}
