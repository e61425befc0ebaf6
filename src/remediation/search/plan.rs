//! The plan: whom to ask first, by whose word, and what the whole costs, worked out
//! before the first mailbox is asked.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::{Run, target::IDS};
use crate::{
    config::policy::is_below,
    domain::{
        Cause, MailboxAddress, MailboxRef, PlannedList, PlannedRecords, PlannedWay, Provider, Way,
    },
    jobs::JobError,
    mailbox::{
        self, Audience, DeliveryQuery, DeliverySource, GroupKind, MailReader as _, MailboxError,
    },
    store::search::{MailboxCounts, Ranked, Unanswered},
};

/// Rank of people the policy names who are likely to hold a copy.
const NAMED_TARGET: i32 = 10;
/// Rank of other likely holders.
const TARGET: i32 = 30;
/// Rank of people the policy names.
const NAMED: i32 = 40;
/// Rank of departments that work with money.
pub(super) const FINANCE: i32 = 50;
/// Service time of one call that a plan reckons with.
const CALL: Duration = Duration::from_millis(150);
/// Requests under way at once for each search call: Graph runs a batch of twenty.
const WIDTH: u64 = 20;
/// How long a dry run waits for the list of mailboxes of every platform.
const PATIENCE: TimeDelta = TimeDelta::minutes(5);
/// Addresses outside of the organisation's domains that a platform is asked for, in
/// case one is a list of its own all the same.
const STRANGERS: usize = 20;
/// Recipients in the headers that are looked up.
const RECIPIENTS: usize = 2_000;

/// Remarks about lists that are kept.
const DOUBTS: usize = 10;
/// Why a group's own mailbox is out of reach.
const OWN_MAILBOX: &str =
    "the group keeps a copy in a mailbox of its own, which cannot be searched";

/// What the plan's transaction writes.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) ranked: Vec<Ranked>,
    pub(super) excluded: Vec<MailboxRef>,
    pub(super) groups: Vec<Unanswered>,
}

/// The people behind addresses, worked out once a run.
#[derive(Default)]
pub(super) struct Behind {
    /// Mailboxes, and by what they were reached.
    pub(super) mailboxes: Vec<(MailboxRef, Way)>,
    /// Addresses that are nobody's here.
    pub(super) outside: Vec<MailboxAddress>,
    /// Lists.
    pub(super) lists: Vec<PlannedList>,
    /// Groups with a mailbox of their own that no search reaches.
    pub(super) groups: Vec<Unanswered>,
    /// Lists whose members are not known.
    pub(super) doubts: Vec<String>,
}

impl Run<'_> {
    pub(super) async fn plan(mut self) -> Result<(), JobError> {
        let rows = self.app.store.read(self.app.tenant);
        self.search.plan.directory = rows.directory_state().await?;
        self.directory_is_read(&rows.directory_readings().await?)?;
        if !self.target.searchable() {
            // Without an id no platform can name the copies; the reported one stays
            // pulled, and the plan says why no other was looked for.
            self.search.plan.unsearchable =
                Some("the message has no Message-ID that can be asked for".to_owned());
        }
        self.search.plan.looks_for = self.in_words();
        self.search.plan.no_variants = self
            .target
            .variants(&self.app.config.search)
            .err()
            .map(str::to_owned);
        let work = async {
            let mut prepared = Prepared::default();
            self.likely(&mut prepared).await?;
            self.others(&mut prepared).await?;
            Ok::<_, JobError>((prepared, self.search.plan.clone()))
        };
        let (outcome, counts) = mailbox::counted(work).await;
        let (prepared, plan) = outcome?;
        self.search.plan = plan;
        self.begin_with(prepared, &counts).await
    }

    /// A dry run waits for the list of mailboxes; a pull goes on with what is known,
    /// is repeated when the list is whole, and says which platform is missing.
    fn directory_is_read(
        &mut self,
        read: &BTreeMap<Provider, DateTime<Utc>>,
    ) -> Result<(), JobError> {
        for reader in self.readers.all() {
            let provider = reader.provider();
            if read.contains_key(&provider) {
                continue;
            }
            let doubt = format!("the directory of {} was not read yet", provider.product());
            let patient = self.app.clock.now() - self.search.created_at < PATIENCE;
            if self.dry() && (read.is_empty() || patient) {
                return Err(JobError::Retry {
                    reason: doubt,
                    after: Some(Duration::from_secs(1)),
                    counts: false,
                });
            }
            if !self.search.progress.doubts.contains(&doubt) {
                self.search.progress.doubts.push(doubt);
            }
        }
        Ok(())
    }

    /// Recipients in the headers, members of lists, and whom the platforms' records
    /// name.
    async fn likely(&mut self, prepared: &mut Prepared) -> Result<(), JobError> {
        let recipients = self.target.recipients.clone();
        self.search.plan.recipients = recipients.len() as u64;
        let behind = self.behind(recipients.into_iter().take(RECIPIENTS)).await?;
        let mut known: HashMap<MailboxRef, Way> = behind.mailboxes.into_iter().collect();
        self.search.plan.lists = behind.lists;
        prepared.groups = behind.groups;
        // The sweep asks every mailbox for the seed: such a list costs speed alone.
        let doubts = behind.doubts.into_iter().take(DOUBTS);
        self.search.progress.remarks.extend(doubts);
        self.keepers(prepared).await;
        for (mailbox, way) in self.by_records().await? {
            known.entry(mailbox).or_insert(way);
        }
        prepared.ranked = known
            .into_iter()
            .map(|(mailbox, way)| Ranked {
                rank: if self.named.contains(mailbox.address.as_str()) {
                    NAMED_TARGET
                } else {
                    TARGET
                },
                mailbox,
                way,
            })
            .collect();
        Ok(())
    }

    /// Groups with a mailbox of their own, whether or not the message names them: a
    /// copy in one would be reached by nothing.
    async fn keepers(&mut self, prepared: &mut Prepared) {
        for reader in self.readers.all() {
            let addresses = match reader.keepers().await {
                Ok(addresses) => addresses,
                Err(error) => {
                    self.search.progress.doubts.push(format!(
                        "groups with a mailbox of their own could not be listed: {error}"
                    ));
                    continue;
                }
            };
            let provider = reader.provider();
            prepared
                .groups
                .extend(addresses.iter().filter_map(|address| {
                    Some(Unanswered {
                        mailbox: MailboxRef::new(provider, address.as_str(), address.clone())
                            .ok()?,
                        again: None,
                        reason: OWN_MAILBOX.to_owned(),
                        cause: Cause::Group,
                        attempts: 0,
                    })
                }));
        }
    }

    /// People the policy names, and mailboxes that are left out.
    async fn others(&self, prepared: &mut Prepared) -> Result<(), JobError> {
        let rows = self.app.store.read(self.app.tenant);
        for address in &self.named {
            if let Ok(address) = address.parse()
                && let Some(mailbox) = rows.mailbox_by_address(&address).await?
            {
                prepared.ranked.push(Ranked {
                    mailbox,
                    rank: NAMED,
                    way: Way::First,
                });
            }
        }
        prepared.excluded.extend(self.excluded.iter().cloned());
        Ok(())
    }

    /// The mailboxes behind addresses: people of the directory, and members of lists.
    pub(super) async fn behind(
        &self,
        addresses: impl IntoIterator<Item = MailboxAddress>,
    ) -> Result<Behind, JobError> {
        let rows = self.app.store.read(self.app.tenant);
        let mut behind = Behind::default();
        let mut seen = HashSet::new();
        let mut strangers = 0;
        for address in addresses {
            if let Some(mailbox) = rows.mailbox_by_address(&address).await? {
                if seen.insert(mailbox.clone()) {
                    behind.mailboxes.push((mailbox, Way::Header));
                }
                continue;
            }
            let own = &self.app.config.organisation.domains;
            if !own.iter().any(|own| is_below(address.domain(), own)) {
                strangers += 1;
                if strangers > STRANGERS {
                    behind.outside.push(address);
                    continue;
                }
            }
            let (provider, audience) = match self.audience(&address).await {
                Ok(Some(found)) => found,
                Ok(None) => {
                    behind.outside.push(address);
                    continue;
                }
                Err(error) => {
                    behind.doubts.push(format!(
                        "the members of {address} could not be read: {error}"
                    ));
                    continue;
                }
            };
            let mut members = 0;
            for member in &audience.members {
                if let Some(mailbox) = rows.mailbox_by_address(member).await? {
                    members += 1;
                    if seen.insert(mailbox.clone()) {
                        behind.mailboxes.push((mailbox, Way::List));
                    }
                }
            }
            behind
                .groups
                .extend(own_mailbox(provider, &address, &audience));
            behind.lists.push(PlannedList {
                address: address.to_string(),
                kind: kind_of(audience.kind).to_owned(),
                members,
                remark: audience.remark,
            });
        }
        Ok(behind)
    }

    async fn audience(
        &self,
        address: &MailboxAddress,
    ) -> Result<Option<(Provider, Audience)>, MailboxError> {
        let mut failed = None;
        for reader in self.readers.all() {
            match reader.expand(address).await {
                Ok(Some(audience)) => return Ok(Some((reader.provider(), audience))),
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// Whom the platforms' own records name as recipients.
    async fn by_records(&mut self) -> Result<Vec<(MailboxRef, Way)>, JobError> {
        let query = self.target.exact(&[]);
        if query.message_ids.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.app.clock.now();
        let asked = DeliveryQuery {
            message_ids: query.message_ids.into_iter().take(IDS).collect(),
            after: self.target.since(),
            before: now + TimeDelta::minutes(1),
        };
        let rows = self.app.store.read(self.app.tenant);
        let mut found = Vec::new();
        for reader in self.readers.all() {
            let answer = match reader.deliveries(&asked).await {
                Ok(answer) => answer,
                Err(error) => {
                    self.search
                        .plan
                        .records
                        .push(unanswered(reader.provider(), &error));
                    continue;
                }
            };
            let way = match answer.source {
                DeliverySource::Hunting => Way::Hunting,
                DeliverySource::Trace => Way::Trace,
                DeliverySource::None => continue,
            };
            let mut named = 0;
            for delivery in &answer.recipients {
                if let Some(mailbox) = rows.mailbox_by_address(&delivery.address).await? {
                    named += 1;
                    found.push((mailbox, way));
                }
            }
            self.search.plan.records.push(PlannedRecords {
                provider: reader.provider().to_string(),
                source: way.to_string(),
                recipients: named,
                complete: answer.complete,
                remark: answer.remark,
            });
        }
        Ok(found)
    }

    /// What is looked for, in plain words.
    fn in_words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(query) = &self.target.query {
            let mut part = |what: &str, values: Vec<String>| {
                if !values.is_empty() {
                    words.push(format!("{what}: {}", values.join(", ")));
                }
            };
            part("Message-ID", query.message_ids.clone());
            part(
                "sender",
                query.senders.iter().map(ToString::to_string).collect(),
            );
            part("subject holds", query.subjects.clone());
            part("link host or text", query.phrases.clone());
            part("attached file", query.attachments.clone());
            let until = query.before.map_or_else(
                || "now".to_owned(),
                |before| before.to_rfc3339_opts(SecondsFormat::Secs, true),
            );
            words.push(format!(
                "any of these, received from {} to {until}",
                query.after.to_rfc3339_opts(SecondsFormat::Secs, true)
            ));
            return words;
        }
        let print = self.target.print.as_ref();
        if print.is_some_and(|p| p.message_id.is_some()) {
            words.push("the same Message-ID, compared by sender, text and links".to_owned());
        }
        if print.is_some_and(crate::message::Fingerprint::can_be_followed) {
            words.push("forwards and replies that hold its text and links".to_owned());
        }
        let hosts = self.target.hosts();
        if !hosts.is_empty() {
            words.push(format!("links to {}", hosts.join(", ")));
        }
        if let Some(first) = self.target.words.first() {
            words.push(format!("words of its own, such as \"{first}\""));
        }
        words
    }

    /// What the ways cost, by the mailboxes in scope.
    pub(super) fn plan_costs(
        &mut self,
        counts: &MailboxCounts,
        platforms: BTreeMap<Provider, u64>,
    ) {
        let on = |provider| platforms.get(&provider).copied().unwrap_or_default();
        let (graph, gmail) = (on(Provider::Graph), on(Provider::Gmail));
        let plan = &mut self.search.plan;
        let open = counts.waiting;
        let mut ways = vec![PlannedWay {
            way: Way::Sweep,
            mailboxes: open,
            calls: open,
            units: gmail * 5,
        }];
        if plan.no_variants.is_none() && open > 0 {
            // Graph takes text and files in a call of their own.
            ways.push(PlannedWay {
                way: Way::Variant,
                mailboxes: open,
                calls: graph * 2 + gmail,
                units: gmail * 5,
            });
        }
        plan.ways = ways;
        plan.bound = open;
        let at_once = WIDTH * self.app.config.workers.search_concurrency.max(1) as u64;
        let rounds = plan.calls().div_ceil(at_once);
        let call = u64::try_from(CALL.as_millis()).unwrap_or(u64::MAX);
        plan.least_ms = rounds.saturating_mul(call);
    }
}

const fn kind_of(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::List => "list",
        GroupKind::Microsoft365 => "microsoft365",
        GroupKind::Dynamic => "dynamic",
        GroupKind::CollaborativeInbox => "collaborative_inbox",
    }
}

/// A group that keeps a copy of its own, which the search does not reach.
fn own_mailbox(
    provider: Provider,
    address: &MailboxAddress,
    audience: &Audience,
) -> Option<Unanswered> {
    let keeps = matches!(
        audience.kind,
        GroupKind::Microsoft365 | GroupKind::CollaborativeInbox
    );
    if !keeps {
        return None;
    }
    let mailbox = MailboxRef::new(provider, address.as_str(), address.clone()).ok()?;
    Some(Unanswered {
        mailbox,
        again: None,
        reason: audience
            .remark
            .clone()
            .unwrap_or_else(|| OWN_MAILBOX.to_owned()),
        cause: Cause::Group,
        attempts: 0,
    })
}

fn unanswered(provider: Provider, error: &MailboxError) -> PlannedRecords {
    PlannedRecords {
        provider: provider.to_string(),
        source: "none".to_owned(),
        recipients: 0,
        complete: false,
        remark: Some(error.to_string()),
    }
}
