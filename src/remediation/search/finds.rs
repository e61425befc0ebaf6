//! What the hits of a wave turn out to be.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::{Run, Wave, verify};
use crate::{
    config::search::Variants,
    domain::{
        Desired, HitOutcome, MailboxRef, MessageQuery, Observed, Provider, PullId, PullRole,
        Sighting, Way, exposure::Exposure,
    },
    mailbox::{self, Content, MailReader as _, MailboxError, Seen},
    store::{StoreError, pull::Pull, search::Hit},
};

/// Messages that are held whole at once, to be compared: a wave may hit thousands.
const LOOKED: usize = 40;

/// What the hits of a wave turned out to be.
#[derive(Default)]
pub(super) struct Finds {
    /// Copies to bring out of reach, verified or (Gmail) to be verified by the look
    /// before the move.
    pub(super) pulls: Vec<Pull>,
    /// What is only shown: in a dry run all, else what was left out.
    pub(super) hits: Vec<Hit>,
    /// Mailboxes that hold a copy or a forward, with its depth.
    pub(super) holders: Vec<(MailboxRef, u32)>,
    /// Copies, forwards and variants among them.
    pub(super) found: u64,
}

impl Run<'_> {
    /// Sorts the hits of a wave. With `whole` those that came without content are
    /// read first; a mailbox whose hit could not be read for now is missed.
    pub(super) async fn sort(
        &mut self,
        wave: &mut Wave,
        ways: &HashMap<MailboxRef, Way>,
        depths: &HashMap<String, u32>,
        whole: bool,
    ) -> Result<Finds, StoreError> {
        let mut finds = Finds::default();
        let hits = std::mem::take(&mut wave.hits);
        let owners: Vec<MailboxRef> = hits.iter().map(|s| s.locator.mailbox.clone()).collect();
        let departments = &self.app.config.search.finance_departments;
        let rows = self.app.store.read(self.app.tenant);
        self.finance = rows.of_departments(&owners, departments).await?;
        let most = if whole { LOOKED } else { usize::MAX };
        let mut known = HashSet::new();
        let mut hits = hits
            .into_iter()
            // Two queries may have hit one message.
            .filter(|seen| known.insert(seen.locator.clone()))
            .collect::<VecDeque<_>>();
        while !hits.is_empty() {
            let part: Vec<Seen> = hits.drain(..most.min(hits.len())).collect();
            let part = if whole {
                self.looked_at(wave, part).await
            } else {
                part
            };
            self.judge(wave, part, ways, depths, &mut finds).await;
        }
        Ok(finds)
    }

    async fn judge(
        &self,
        wave: &mut Wave,
        hits: Vec<Seen>,
        ways: &HashMap<MailboxRef, Way>,
        depths: &HashMap<String, u32>,
        finds: &mut Finds,
    ) {
        let judging = async {
            let mut unread = Vec::new();
            for seen in hits {
                let mailbox = seen.locator.mailbox.clone();
                let way = ways.get(&mailbox).copied().unwrap_or(Way::Sweep);
                if matches!(seen.content, Content::Unread) {
                    finds.holders.push((mailbox, 0));
                    finds.found += 1;
                    finds.pulls.extend(self.candidate(&seen));
                    continue;
                }
                match self.judged(&seen, way, depths).await {
                    Ok(Some(sighting)) => self.sorted(finds, seen, sighting),
                    // Gone meanwhile: its owner has removed it.
                    Ok(None) | Err(MailboxError::Gone) => {}
                    Err(error) => unread.push((mailbox, error)),
                }
            }
            unread
        };
        let (unread, counts) = mailbox::counted(judging).await;
        wave.counts.add(&counts);
        for (mailbox, error) in unread {
            wave.miss(&mailbox, &error);
        }
    }

    /// Reads every hit that is to be shown as it is: its content, its folder and
    /// whether its owner sent it.
    pub(super) async fn looked_at(&self, wave: &mut Wave, hits: Vec<Seen>) -> Vec<Seen> {
        let mut by_platform: BTreeMap<Provider, Vec<Seen>> = BTreeMap::new();
        let mut full = Vec::new();
        for seen in hits {
            let provider = seen.locator.mailbox.provider;
            by_platform.entry(provider).or_default().push(seen);
        }
        for seen in by_platform.into_values() {
            let Some(reader) = seen
                .first()
                .and_then(|s| self.readers.of(&s.locator.mailbox))
            else {
                continue;
            };
            let locators: Vec<_> = seen.into_iter().map(|s| s.locator).collect();
            let (looks, counts) = mailbox::counted(reader.inspect(&locators)).await;
            wave.counts.add(&counts);
            for (locator, look) in locators.iter().zip(looks) {
                match look {
                    Ok(seen) => full.extend(seen),
                    Err(error) => wave.miss(&locator.mailbox, &error),
                }
            }
        }
        full
    }

    async fn judged(
        &self,
        seen: &Seen,
        way: Way,
        depths: &HashMap<String, u32>,
    ) -> Result<Option<Sighting>, MailboxError> {
        let Some(reader) = self.readers.of(&seen.locator.mailbox) else {
            return Ok(None);
        };
        let read = match &self.target.print {
            Some(seed) => verify::read(reader, seed, seen).await?,
            None => verify::Read::of(seen),
        };
        let Some(read) = read else { return Ok(None) };
        let depth = read
            .print
            .message_id
            .as_ref()
            .and_then(|id| depths.get(id))
            .copied()
            .unwrap_or_default();
        let mut sighting = verify::sighting(&self.target, seen, &read, way, depth);
        // The platform's mark, never a header: see the reconciler.
        if seen.sent && sighting.outcome != HitOutcome::Decoy {
            sighting.outcome = HitOutcome::Decoy;
            sighting.reasons = vec!["the mailbox owner's own sent copy; left in place".to_owned()];
        }
        Ok(Some(sighting))
    }

    fn sorted(&self, finds: &mut Finds, seen: Seen, sighting: Sighting) {
        let now = self.app.clock.now();
        let mailbox = seen.locator.mailbox.clone();
        let desired = match (sighting.outcome, self.app.config.search.variants) {
            (HitOutcome::Decoy, _) => None,
            (HitOutcome::Variant, Variants::Review | Variants::Off) => Some(Desired::InPlace),
            _ => Some(Desired::Pulled),
        };
        if desired.is_some() {
            finds.found += 1;
        }
        if matches!(sighting.outcome, HitOutcome::Copy | HitOutcome::Forward) {
            finds.holders.push((mailbox, sighting.depth));
        }
        match desired.and_then(|desired| self.pull(&seen, desired, Some(sighting.clone()))) {
            Some(pull) => finds.pulls.push(pull),
            None => finds.hits.push(Hit {
                locator: seen.locator,
                sighting,
                found_at: now,
            }),
        }
    }

    /// A message that its platform names by its id, not looked at yet: the look
    /// before its move tells whether it is one.
    fn candidate(&self, seen: &Seen) -> Option<Pull> {
        self.pull(seen, Desired::Pulled, None)
    }

    fn pull(&self, seen: &Seen, desired: Desired, sighting: Option<Sighting>) -> Option<Pull> {
        let campaign = self.campaign.as_ref().filter(|_| !self.dry())?;
        let now = self.app.clock.now();
        let owner = seen.locator.mailbox.address.as_str();
        let exposure = Exposure {
            unread: sighting.as_ref().is_none_or(|s| !s.place.read),
            named: self.named.contains(owner),
            finance: self.finance.contains(&seen.locator.mailbox),
            put_aside: false,
        };
        Some(Pull {
            id: PullId::new(now),
            campaign: Some(campaign.id),
            submission: None,
            locator: seen.locator.clone(),
            role: match sighting.as_ref().map(|s| s.outcome) {
                Some(HitOutcome::Forward) => PullRole::Forward,
                Some(HitOutcome::Variant) => PullRole::Variant,
                _ => PullRole::Copy,
            },
            desired,
            observed: Observed::Found,
            original: None,
            quarantine: None,
            evidence_sha256: self.evidence.clone(),
            decision_version: campaign.decision_version,
            matched_by: sighting.as_ref().map_or_else(
                || "has the same Message-ID; to be verified by content".to_owned(),
                |s| s.reasons.join("; "),
            ),
            attempts: 0,
            run_after: now,
            last_error: None,
            found_at: now,
            intent_at: None,
            settled_at: None,
            rank: exposure.rank(),
            verified_at: sighting.as_ref().map(|_| now),
            calendar: None,
            sighting,
        })
    }

    /// What is asked for the message itself. A query that an analyst typed may hold
    /// parts that a platform takes in a call of their own alone.
    pub(super) fn exact_queries(
        &self,
        mailboxes: &[MailboxRef],
        forwards: &[String],
    ) -> Vec<(MessageQuery, Vec<MailboxRef>)> {
        let query = self.target.exact(forwards);
        if query.phrases.is_empty() && query.attachments.is_empty() {
            return vec![(query, mailboxes.to_vec())];
        }
        let what = MessageQuery {
            message_ids: Vec::new(),
            senders: Vec::new(),
            subjects: Vec::new(),
            ..query.clone()
        };
        let who = MessageQuery {
            phrases: Vec::new(),
            attachments: Vec::new(),
            ..query
        };
        self.variant_queries(mailboxes, who, what)
    }

    /// Which mailboxes are asked for which part of a variant. A platform that takes
    /// all parts in one call is asked once.
    pub(super) fn variant_queries(
        &self,
        mailboxes: &[MailboxRef],
        who: MessageQuery,
        what: MessageQuery,
    ) -> Vec<(MessageQuery, Vec<MailboxRef>)> {
        let (at_once, apart): (Vec<_>, Vec<_>) = mailboxes.iter().cloned().partition(|m| {
            self.readers
                .of(m)
                .is_some_and(|p| p.capabilities().searches_phrases)
        });
        let whole = MessageQuery {
            message_ids: who.message_ids.clone(),
            senders: who.senders.clone(),
            subjects: who.subjects.clone(),
            ..what.clone()
        };
        [(whole, at_once), (who, apart.clone()), (what, apart)]
            .into_iter()
            .filter(|(query, mailboxes)| !query.is_empty() && !mailboxes.is_empty())
            .collect()
    }
}

impl Wave {
    /// Adds another wave over the same mailboxes: one that either missed is missed.
    pub(super) fn join(&mut self, other: Self) {
        self.hits.extend(other.hits);
        self.truncated.extend(other.truncated);
        self.wait = self.wait.max(other.wait);
        self.refused = self.refused.take().or(other.refused);
        self.counts.add(&other.counts);
        for missed in other.missed {
            self.searched.retain(|m| *m != missed.mailbox);
            if !self.missed.iter().any(|m| m.mailbox == missed.mailbox) {
                self.missed.push(missed);
            }
        }
        for mailbox in other.searched {
            let missed = self.missed.iter().any(|m| m.mailbox == mailbox);
            if !missed && !self.searched.contains(&mailbox) {
                self.searched.push(mailbox);
            }
        }
    }
}
