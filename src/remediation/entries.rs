//! The calendar entries of invitations: they follow the message, whichever way it goes.
//!
//! A copy that came to where it is wanted rests when its entry does too. Until then its
//! row stays `moving` or `restoring`, so that the next round looks at both; the message
//! is where it belongs by then and is not moved again.

use std::{collections::HashMap, sync::Arc};

use chrono::TimeDelta;

use super::{
    Reconciler,
    reconcile::{backoff, later},
};
use crate::{
    domain::{
        CalendarEntry, Desired, ENTRY_ATTEMPTS, EntryState, EntryStep, MailboxRef, Observed,
        PullId, looked,
    },
    mailbox::{Disposition, EntryFound, EntryLook, EntryMove, MailProvider, MailboxError},
    store::{StoreError, pull::Pull},
};

/// Steps that one copy takes in one round at most: look, look again, remove or return.
const STEPS: usize = 6;
/// How much earlier than its invitation an entry may have come onto the calendar and
/// still be taken for its work: clocks differ.
const SLACK: TimeDelta = TimeDelta::minutes(5);

/// A copy whose message rests and whose entry does not.
struct Open {
    pull: Pull,
    entry: CalendarEntry,
    /// What the row says once the entry rests too.
    rest: Observed,
}

/// Whose copy an event goes and returns with: a mailbox may hold several copies of one
/// invitation, and the event must not be put back by each of them.
struct Claims(HashMap<(String, String), PullId>);

impl Claims {
    /// Lets go of an event that is another copy's.
    fn settle(&mut self, one: &mut Open) {
        let entry = &mut one.entry;
        let (EntryState::Found, Some(event)) = (entry.state, &entry.event) else {
            return;
        };
        let mailbox = one.pull.locator.mailbox.key().to_owned();
        let claim = self.0.entry((mailbox, event.clone()));
        if *claim.or_insert(one.pull.id) != one.pull.id {
            entry.state = EntryState::Gone;
            entry.event = None;
            entry.snapshot = None;
            "it goes with another copy in the same mailbox".clone_into(&mut entry.remark);
        }
    }
}

impl Reconciler<'_> {
    /// Takes the entries of copies whose messages came to rest to where they are wanted.
    /// Gives the copies back, at rest or to be looked at again; what another decision
    /// was made about meanwhile is left out.
    pub(super) async fn with_entries(
        &self,
        provider: &Arc<dyn MailProvider>,
        pulls: Vec<Pull>,
    ) -> Result<Vec<Pull>, StoreError> {
        let mut done = Vec::with_capacity(pulls.len());
        let mut open: Vec<Open> = pulls.into_iter().map(opened).collect();
        for _ in 0..STEPS {
            if open.is_empty() {
                break;
            }
            let mut next = Vec::new();
            for step in [EntryStep::Look, EntryStep::Remove, EntryStep::Return] {
                let ours;
                (ours, open) = open.into_iter().partition(|one| one.entry.next() == step);
                next.extend(match step {
                    EntryStep::Look => self.look(provider, ours, &mut done).await?,
                    _ => self.carry_out(provider, step, ours, &mut done).await?,
                });
            }
            done.extend(open.into_iter().map(|one| self.rested(one)));
            open = next;
        }
        done.extend(
            open.into_iter()
                .map(|one| self.wait(one, TimeDelta::zero())),
        );
        Ok(done)
    }

    /// Whether there may be work with the entry of a copy that is about to be recorded.
    pub(super) fn has_entry(&self, pull: &Pull) -> bool {
        match (pull.desired, pull.observed) {
            (Desired::Pulled, Observed::Pulled) => {
                self.app.config.pull.calendar && self.seed.is_some_and(|seed| seed.invitation)
            }
            // What was removed is put back, whatever the settings say by now, and though
            // somebody took the message away meanwhile.
            (Desired::InPlace, Observed::Restored | Observed::Gone) => pull.calendar.is_some(),
            _ => false,
        }
    }

    async fn look(
        &self,
        provider: &Arc<dyn MailProvider>,
        open: Vec<Open>,
        done: &mut Vec<Pull>,
    ) -> Result<Vec<Open>, StoreError> {
        if open.is_empty() {
            return Ok(open);
        }
        let looks: Vec<EntryLook> = open
            .iter()
            .map(|one| EntryLook {
                locator: one.pull.locator.clone(),
                event: one.entry.event.clone(),
                uid: one.entry.uid.clone(),
                mark: (one.entry.state == EntryState::Returning).then(|| mark(one)),
            })
            .collect();
        let answers = provider.entries(&looks).await;
        let mut claims = self.claims(&open).await?;
        let mut next = Vec::with_capacity(open.len());
        for (mut one, answer) in open.into_iter().zip(answers) {
            match answer {
                Ok(found) => {
                    one.entry = seen(one.entry, found);
                    claims.settle(&mut one);
                    next.push(one);
                }
                Err(error) => self.entry_refused(one, EntryStep::Look, &error, &mut next, done),
            }
        }
        Ok(next)
    }

    /// Which events are other copies' by now.
    async fn claims(&self, open: &[Open]) -> Result<Claims, StoreError> {
        let mailboxes: Vec<MailboxRef> = open
            .iter()
            .map(|one| one.pull.locator.mailbox.clone())
            .collect();
        let rows = self.app.store.read(self.app.tenant);
        let known = rows.pulls_with_entries(&mailboxes).await?;
        let claims = known.into_iter().filter_map(|pull| {
            let entry = pull.calendar?;
            let held = !matches!(
                entry.state,
                EntryState::Sought | EntryState::Gone | EntryState::Left
            );
            let event = entry.event.filter(|_| held)?;
            Some(((pull.locator.mailbox.key().to_owned(), event), pull.id))
        });
        Ok(Claims(claims.collect()))
    }

    /// Removes entries, or puts them back: the intent first, then the effect once.
    async fn carry_out(
        &self,
        provider: &Arc<dyn MailProvider>,
        step: EntryStep,
        open: Vec<Open>,
        done: &mut Vec<Pull>,
    ) -> Result<Vec<Open>, StoreError> {
        let rests: HashMap<PullId, Observed> =
            open.iter().map(|one| (one.pull.id, one.rest)).collect();
        let intents = open.into_iter().map(|one| intent(one, step)).collect();
        let desired = match step {
            EntryStep::Return => Desired::InPlace,
            _ => Desired::Pulled,
        };
        let intents = self.intend(intents, desired).await?;
        let mut open = Vec::with_capacity(intents.len());
        let mut moves = Vec::with_capacity(intents.len());
        for mut pull in intents {
            let (Some(&rest), Some(entry)) = (rests.get(&pull.id), pull.calendar.take()) else {
                continue;
            };
            let mut one = Open { pull, entry, rest };
            match effect(&one) {
                Some(effect) => {
                    moves.push(effect);
                    open.push(one);
                }
                None => {
                    one.entry
                        .give_up("nothing is known to put it back with".to_owned());
                    done.push(self.rested(one));
                }
            }
        }
        if moves.is_empty() {
            return Ok(Vec::new());
        }
        let outcomes = match step {
            EntryStep::Return => provider.return_entries(&moves).await,
            _ => {
                let removed = provider.remove_entries(&moves).await.into_iter();
                let ids = moves.iter().map(|m| m.event.clone());
                removed
                    .zip(ids)
                    .map(|(done, id)| done.map(|()| id))
                    .collect()
            }
        };
        let mut next = Vec::with_capacity(open.len());
        for (mut one, outcome) in open.into_iter().zip(outcomes) {
            match outcome {
                Ok(event) => {
                    one.entry = carried(one.entry, step, event);
                    next.push(one);
                }
                Err(error) => self.entry_refused(one, step, &error, &mut next, done),
            }
        }
        Ok(next)
    }

    /// What an error means for an entry: some tries, then it is given up with the
    /// reason. The message stays where it is in either case.
    fn entry_refused(
        &self,
        mut one: Open,
        step: EntryStep,
        error: &MailboxError,
        next: &mut Vec<Open>,
        done: &mut Vec<Pull>,
    ) {
        let entry = &mut one.entry;
        let disposition = error.disposition();
        match (disposition, step) {
            (Disposition::Settle, EntryStep::Remove) => entry.state = EntryState::Removed,
            (Disposition::Settle, EntryStep::Look) if entry.state == EntryState::Sought => {
                entry.state = EntryState::Gone;
            }
            (Disposition::GiveUp, EntryStep::Look) if entry.state == EntryState::Sought => {
                entry.leave(format!("its calendar entry stays: {error}"));
            }
            (Disposition::GiveUp, EntryStep::Remove) => {
                entry.leave(format!("its calendar entry stays: {error}"));
            }
            (Disposition::Settle | Disposition::GiveUp, _) => {
                if step == EntryStep::Return {
                    // Refused, and not carried out.
                    entry.state = EntryState::Removed;
                }
                entry.give_up(given_up(step, error));
            }
            (Disposition::Retry(_) | Disposition::NeedsAdmin, _) => {
                entry.attempts = entry.attempts.saturating_add(1);
                if entry.attempts >= ENTRY_ATTEMPTS {
                    entry.give_up(given_up(step, error));
                } else {
                    let attempts = i32::try_from(entry.attempts).unwrap_or(i32::MAX);
                    let now = self.app.clock.now();
                    let pause = match disposition {
                        Disposition::Retry(Some(after)) => later(now, after) - now,
                        _ => TimeDelta::zero(),
                    };
                    one.pull.last_error = Some(format!("its calendar entry: {error}"));
                    done.push(self.wait(one, pause.max(backoff(attempts))));
                    return;
                }
            }
        }
        next.push(one);
    }

    /// The copy with its entry at rest.
    fn rested(&self, one: Open) -> Pull {
        Pull {
            observed: one.rest,
            settled_at: Some(self.app.clock.now()),
            calendar: Some(one.entry),
            ..one.pull
        }
    }

    /// The copy to be looked at again.
    fn wait(&self, one: Open, pause: TimeDelta) -> Pull {
        Pull {
            run_after: self.app.clock.now() + pause,
            ..waiting(one)
        }
    }
}

fn opened(mut pull: Pull) -> Open {
    let entry = pull.calendar.take();
    Open {
        entry: entry.unwrap_or(CalendarEntry::sought()).under(pull.desired),
        rest: pull.observed,
        pull,
    }
}

/// The row of a copy whose entry is under way.
fn waiting(one: Open) -> Pull {
    Pull {
        observed: match one.rest {
            Observed::Pulled => Observed::Moving,
            _ => Observed::Restoring,
        },
        settled_at: None,
        calendar: Some(one.entry),
        ..one.pull
    }
}

/// The row that makes an intent durable.
fn intent(mut one: Open, step: EntryStep) -> Pull {
    one.entry.state = match step {
        EntryStep::Return => {
            one.entry.round = one.entry.round.saturating_add(1);
            EntryState::Returning
        }
        _ => EntryState::Removing,
    };
    waiting(one)
}

fn effect(one: &Open) -> Option<EntryMove> {
    Some(EntryMove {
        locator: one.pull.locator.clone(),
        event: one.entry.event.clone()?,
        snapshot: one.entry.snapshot.clone()?,
        mark: mark(one),
    })
}

/// Stands for putting this copy's entry back this once.
fn mark(one: &Open) -> String {
    format!("{}/{}", one.pull.id, one.entry.round)
}

/// The entry after its step was carried out.
fn carried(mut entry: CalendarEntry, step: EntryStep, event: String) -> CalendarEntry {
    if step == EntryStep::Return {
        entry.state = EntryState::Returned;
        put_back(entry, event)
    } else {
        entry.state = EntryState::Removed;
        entry
    }
}

/// The entry that stands on the calendar again, as this event.
fn put_back(mut entry: CalendarEntry, event: String) -> CalendarEntry {
    if entry.event.as_ref() != Some(&event) {
        "put back as an entry of its own, without its organiser".clone_into(&mut entry.remark);
    }
    entry.event = Some(event);
    // No more of it is kept here than is needed.
    entry.snapshot = None;
    entry
}

/// The entry after a look at the calendar.
fn seen(mut entry: CalendarEntry, found: Option<EntryFound>) -> CalendarEntry {
    let before = entry.state;
    entry.state = looked(entry.wanted, before, found.is_some());
    let Some(found) = found else {
        if entry.state == EntryState::Gone {
            entry.event = None;
        }
        return entry;
    };
    if before == EntryState::Returning {
        return put_back(entry, found.event);
    }
    let first = entry.event.is_none();
    let earlier = found
        .created
        .zip(found.invited)
        .is_some_and(|(created, invited)| created < invited - SLACK);
    entry.uid = found.uid.or(entry.uid);
    entry.event = Some(found.event);
    if entry.state != EntryState::Found || entry.wanted != Desired::Pulled {
        return entry;
    }
    entry.snapshot = found.snapshot;
    if found.organised {
        entry.leave(
            "its calendar entry stays: its owner organises it, and others would be told \
             that it is cancelled"
                .to_owned(),
        );
    } else if first && earlier {
        // A forged change to a meeting of one's own is no reason to lose the meeting.
        entry.leave(
            "its calendar entry stays: it stood on the calendar before the message came".to_owned(),
        );
    } else if entry.snapshot.is_none() {
        entry.leave("its calendar entry stays: it is too large to be put back".to_owned());
    }
    entry
}

fn given_up(step: EntryStep, error: &MailboxError) -> String {
    match step {
        EntryStep::Return => format!("its calendar entry could not be put back: {error}"),
        _ => format!("its calendar entry may still be there: {error}"),
    }
}
