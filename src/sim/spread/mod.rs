//! A campaign drawn from a seed: copies, lists, forwards, rules, variants, and
//! legitimate mail that looks like it. What was planted is kept for the judge.

mod decoys;
mod lure;
mod passing;

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::Provider;

use self::{
    lure::{Dress, Story},
    passing::{Form, Passing, passed_on},
};
use super::{
    deliveries::{Fate, Recipient},
    fixtures,
    forwarding::{ForwardingRule, Relay},
    letter::{Letter, with_header},
    mailstore::{Holding, IN_PLACE_ARCHIVE, Origin, Slot},
    org::{GroupKind, User},
    platform::Reach,
    scenario::{Click, How, Innocent, Planted, Snapshot, Watched},
    seed::Dice,
    tenant::{Tenant, lock},
};

/// What to plant, over both platforms. Where the organisation is too small for
/// all of it, less is planted.
#[derive(Debug, Clone)]
pub struct Spread {
    /// Seed of all choices, the story of the message among them.
    pub seed: u64,
    /// The message instead of a story; then there are no variants.
    pub message: Option<Vec<u8>>,
    /// Exact copies: sent directly and by lists, moved, read, thrown away, found
    /// by the filter, twice in one mailbox.
    pub copies: usize,
    /// Whether lists and groups are among the recipients.
    pub lists: bool,
    /// Other messages of the same campaign, one recipient each.
    pub variants: usize,
    /// Chains of colleagues passing the message on.
    pub chains: usize,
    /// Length of the longest chain, 0 to 4.
    pub forward_depth: u8,
    /// Mailboxes that send the message on by a rule or auto-forwarding.
    pub rules: usize,
    /// Times the message leaves the organisation, by hand and by rule in turn.
    pub outside: usize,
    /// Mailboxes with a copy that cannot be reached, one in-place archive among
    /// them.
    pub unreachable: usize,
    /// Copies kept back for [`super::Sim::deliver_late`].
    pub late: usize,
    /// People who follow the link.
    pub clicks: usize,
    /// Legitimate messages that share something with the campaign.
    pub decoys: usize,
    /// Ordinary messages in every mailbox.
    pub background: usize,
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            seed: 1,
            message: None,
            copies: 60,
            lists: true,
            variants: 6,
            chains: 3,
            forward_depth: 2,
            rules: 2,
            outside: 2,
            unreachable: 2,
            late: 0,
            clicks: 5,
            decoys: 100,
            background: 1,
        }
    }
}

/// When the first copy came, before now.
const BEGAN: TimeDelta = TimeDelta::hours(3);

/// Adds the campaign to what is planted.
pub(super) fn plant(tenant: &Tenant, spread: &Spread) {
    let mut dice = Dice::new(spread.seed ^ 0x0073_7072_6561_6421);
    let mut pools = [Provider::Graph, Provider::Gmail].map(|provider| {
        let users = tenant.org.users.iter();
        users
            .filter(|user| user.provider == provider)
            .map(|user| user.index)
            .collect::<Vec<u32>>()
    });
    for pool in &mut pools {
        dice.shuffle(pool);
    }
    let story = Story::of(dice.roll());
    let now = tenant.now();
    let dress = story.first(&mut dice, "undisclosed-recipients:;", now - BEGAN);
    let mut work = Work {
        tenant,
        spread,
        dice,
        now,
        story,
        dress,
        pools,
        turn: 0,
        holders: Vec::new(),
        planted: Planted::default(),
    };
    work.background();
    let seed = work.copies();
    work.variants();
    let mut holders = std::mem::take(&mut work.holders);
    work.chains(&mut holders);
    work.rules(&mut holders);
    work.outside(&mut holders);
    work.clicks(&holders);
    work.obstacles(&mut holders);
    work.late(&seed);
    work.decoys(&seed);
    let found = work.planted;
    let mut planted = lock(&tenant.planted);
    planted.copies.extend(found.copies);
    planted.innocent.extend(found.innocent);
    planted.sent.extend(found.sent);
    planted.reporters.extend(found.reporters);
    planted.clicks.extend(found.clicks);
    planted.exposed.extend(found.exposed);
    planted.groups.extend(found.groups);
    planted.archived.extend(found.archived);
    planted.late.extend(found.late);
}

/// Delivers what was kept back.
pub(super) fn deliver_late(tenant: &Tenant) -> usize {
    let late = std::mem::take(&mut lock(&tenant.planted).late);
    let mut count = 0;
    for (user, letter) in late {
        let Some(uid) = tenant.arrive(user, &letter, Slot::Inbox, Origin::Scenario) else {
            continue;
        };
        let before = tenant
            .mailbox(user)
            .and_then(|mailbox| Snapshot::of(&mailbox, uid));
        if let Some(before) = before {
            count += 1;
            lock(&tenant.planted).copies.push(Watched {
                mailbox: user,
                uid,
                how: How::Late,
                depth: 0,
                before,
            });
        }
    }
    count
}

/// Somebody with a direct copy in the inbox, free to act on it.
struct Holder {
    user: u32,
    uid: u32,
    letter: Arc<Letter>,
}

struct Work<'a> {
    tenant: &'a Tenant,
    spread: &'a Spread,
    dice: Dice,
    now: DateTime<Utc>,
    story: Story,
    dress: Dress,
    /// People without mail of the campaign: Microsoft 365, Google Workspace.
    pools: [Vec<u32>; 2],
    turn: usize,
    holders: Vec<Holder>,
    planted: Planted,
}

impl Work<'_> {
    /// Somebody new, of the platforms in turn.
    fn somebody(&mut self) -> Option<u32> {
        self.turn += 1;
        let [graph, gmail] = &mut self.pools;
        if self.turn % 2 == 1 {
            graph.pop().or_else(|| gmail.pop())
        } else {
            gmail.pop().or_else(|| graph.pop())
        }
    }

    fn background(&mut self) {
        let pool: Vec<Arc<Letter>> = fixtures::background(self.now)
            .iter()
            .map(|raw| Arc::new(Letter::new(raw)))
            .collect();
        for user in &self.tenant.org.users {
            for _ in 0..self.spread.background {
                let Some(letter) = self.dice.pick(&pool) else {
                    return;
                };
                let read = self.dice.below(2) == 0;
                let minutes = i64::try_from(240 + self.dice.below(20 * 24 * 60)).unwrap_or(240);
                let at = self.now - TimeDelta::minutes(minutes);
                self.tenant
                    .deliver_at(user.index, letter, Slot::Inbox, read, Origin::Scenario, at);
            }
        }
    }

    /// Puts a message of the campaign somewhere and has it watched.
    fn put(
        &mut self,
        user: u32,
        letter: &Arc<Letter>,
        (how, depth): (How, u8),
        at: DateTime<Utc>,
    ) -> Option<u32> {
        let slot = match how {
            How::OwnFolder => Slot::Own("Projects".into()),
            How::Junk => Slot::Junk,
            How::Deleted => Slot::Trash,
            _ => Slot::Inbox,
        };
        let read = matches!(how, How::Read | How::Deleted | How::OwnFolder);
        let uid = self
            .tenant
            .deliver_at(user, letter, slot, read, Origin::Scenario, at)?;
        let before = Snapshot::of(&*self.tenant.mailbox(user)?, uid)?;
        self.planted.copies.push(Watched {
            mailbox: user,
            uid,
            how,
            depth,
            before,
        });
        Some(uid)
    }

    fn soon(&mut self) -> DateTime<Utc> {
        let seconds = i64::try_from(self.dice.below(600)).unwrap_or(0);
        self.now - BEGAN + TimeDelta::seconds(seconds)
    }

    /// The exact copies; gives the message.
    fn copies(&mut self) -> Arc<Letter> {
        let groups = self.groups();
        let listed: HashSet<u32> = groups
            .iter()
            .flat_map(|at| self.tenant.org.expand(*at))
            .collect();
        for pool in &mut self.pools {
            pool.retain(|user| !listed.contains(user));
        }
        let mut direct = Vec::new();
        while direct.len() + listed.len() < self.spread.copies {
            match self.somebody() {
                Some(user) => direct.push(user),
                None => break,
            }
        }
        let raw = self.message(&direct);
        let seed = Arc::new(Letter::new(&raw));
        for group in groups {
            self.by_group(group, &raw);
        }
        let mut reporters = Vec::new();
        for (at, user) in direct.into_iter().enumerate() {
            let provider = self.tenant.user(user).map(|user| user.provider);
            let first = !reporters.contains(&provider);
            let how = match (first, (at / 2) % 16) {
                (true, _) => How::Direct,
                (_, 5) => How::OwnFolder,
                (_, 6) => How::Junk,
                (_, 7) => How::Read,
                (_, 8) => How::Deleted,
                (_, 9) => How::Duplicate,
                _ => How::Direct,
            };
            let when = self.soon();
            let Some(uid) = self.put(user, &seed, (how, 0), when) else {
                continue;
            };
            if how == How::Duplicate {
                self.put(user, &seed, (how, 0), when + TimeDelta::seconds(9));
            }
            if first {
                reporters.push(provider);
                self.planted.reporters.push((user, uid));
            } else if how == How::Direct {
                self.holders.push(Holder {
                    user,
                    uid,
                    letter: Arc::clone(&seed),
                });
            }
        }
        seed
    }

    /// The first message; some of its recipients are named in it.
    fn message(&mut self, direct: &[u32]) -> Vec<u8> {
        let named: Vec<&str> = direct
            .iter()
            .take(20)
            .filter_map(|user| Some(self.tenant.user(*user)?.address.as_str()))
            .collect();
        if !named.is_empty() {
            self.dress.to = named.join(", ");
        }
        match &self.spread.message {
            Some(raw) => raw.clone(),
            None => self.story.letter(&self.dress),
        }
    }

    /// Lists and groups that are small enough to be among the recipients: one of
    /// each kind, and the nested lists.
    fn groups(&self) -> Vec<usize> {
        if !self.spread.lists {
            return Vec::new();
        }
        let room = self.spread.copies / 2;
        let groups = self.tenant.org.groups.iter().enumerate();
        let (special, lists): (Vec<_>, Vec<_>) =
            groups.partition(|(_, group)| group.kind != GroupKind::List || group.hidden_membership);
        let nested = lists
            .into_iter()
            .filter(|(_, group)| group.address.starts_with("project-aurora@"));
        let mut people = 0;
        special
            .into_iter()
            .chain(nested)
            .map(|(at, _)| at)
            .filter(|at| {
                let size = self.tenant.org.expand(*at).len();
                let fits = people + size <= room;
                people += if fits { size } else { 0 };
                fits
            })
            .collect()
    }

    /// One copy for every member, and one for the group's own mailbox.
    fn by_group(&mut self, at: usize, raw: &[u8]) {
        let Some(group) = self.tenant.org.groups.get(at) else {
            return;
        };
        let letter = Arc::new(Letter::new(&with_header(raw, "To", Some(&group.address))));
        let when = self.now - BEGAN;
        self.tenant.through_group(at, &letter, when);
        if matches!(
            group.kind,
            GroupKind::Microsoft365 | GroupKind::CollaborativeInbox
        ) {
            self.planted.groups.push(at);
        }
        for user in self.tenant.org.expand(at) {
            self.put(user, &letter, (How::List, 0), when);
        }
    }

    fn variants(&mut self) {
        if self.spread.message.is_some() {
            return;
        }
        for _ in 0..self.spread.variants {
            let Some(person) = self.somebody().and_then(|at| self.tenant.user(at)) else {
                return;
            };
            let mut dress =
                self.story
                    .variant(&mut self.dice, &self.dress, &person.address, person.given);
            let minutes = i64::try_from(10 + self.dice.below(100)).unwrap_or(10);
            dress.date = self.now - BEGAN + TimeDelta::minutes(minutes);
            let letter = Arc::new(Letter::new(&self.story.letter(&dress)));
            self.put(person.index, &letter, (How::Variant, 0), dress.date);
        }
    }

    /// Somebody sends the message to somebody else; gives what was sent.
    fn pass(
        &mut self,
        from: &User,
        to: &str,
        number: usize,
        original: &Letter,
        at: DateTime<Utc>,
    ) -> Arc<Letter> {
        let form = passing::form(number, original);
        let raw = passed_on(
            original,
            &Passing {
                from,
                to: to.to_owned(),
                form,
                words: passing::words(number),
                subject: passing::subject(number, &original.subject),
                linked: number % 4 != 3,
                mark: self.dice.roll(),
                at,
            },
        );
        let letter = Arc::new(Letter::new(&raw));
        let sent =
            self.tenant
                .deliver_at(from.index, &letter, Slot::Sent, true, Origin::Scenario, at);
        self.planted.sent.extend(sent.map(|uid| (from.index, uid)));
        letter
    }

    /// Outlook notes on a message that it was forwarded.
    fn mark_forwarded(&self, user: u32, uid: u32) {
        if let Some(mut mailbox) = self.tenant.mailbox(user)
            && let Some(item) = mailbox.item_mut(uid)
        {
            item.last_verb = 104;
        }
    }

    fn chains(&mut self, holders: &mut Vec<Holder>) {
        let longest = self.spread.forward_depth.min(4);
        if longest == 0 {
            return;
        }
        for chain in 0..self.spread.chains {
            let Some(first) = holders.pop() else {
                return;
            };
            let depth = if chain == 0 {
                longest
            } else {
                1 + u8::try_from(self.dice.below(usize::from(longest))).unwrap_or(0)
            };
            let (mut user, mut uid, mut letter) = (first.user, first.uid, first.letter);
            for hop in 1..=depth {
                let next = self.somebody().and_then(|at| self.tenant.user(at));
                let (Some(from), Some(to)) = (self.tenant.user(user), next) else {
                    return;
                };
                let number = chain + usize::from(hop) - 1;
                let at = self.now - BEGAN + TimeDelta::minutes(15 + 10 * i64::from(hop));
                let sent = self.pass(from, &fixtures::who(to), number, &letter, at);
                self.mark_forwarded(user, uid);
                let how = match passing::form(number, &letter) {
                    Form::Attached => How::Attached,
                    Form::Inline => How::Forward,
                };
                let arrived = at + TimeDelta::seconds(4);
                let Some(put) = self.put(to.index, &sent, (how, hop), arrived) else {
                    return;
                };
                (user, uid, letter) = (to.index, put, sent);
            }
        }
    }

    /// What the rule of a holder makes of the copy; the sent mail keeps nothing.
    fn relayed(&mut self, holder: &Holder, relay: Relay, to: &str) -> Option<(How, Arc<Letter>)> {
        let from = self.tenant.user(holder.user)?;
        let rule = ForwardingRule {
            relay,
            to: vec![to.to_owned()],
            enabled: true,
        };
        self.tenant.mailbox(holder.user)?.rules.push(rule);
        let keeps = relay == Relay::Redirect || from.provider == Provider::Gmail;
        if keeps {
            return Some((How::Redirected, Arc::clone(&holder.letter)));
        }
        let raw = passed_on(
            &holder.letter,
            &Passing {
                from,
                to: to.to_owned(),
                form: match relay {
                    Relay::Attachment => Form::Attached,
                    _ => Form::Inline,
                },
                words: "",
                subject: passing::subject(0, &holder.letter.subject),
                linked: true,
                mark: self.dice.roll(),
                at: self.now - BEGAN + TimeDelta::minutes(11),
            },
        );
        Some((How::RuleForward, Arc::new(Letter::new(&raw))))
    }

    fn rules(&mut self, holders: &mut Vec<Holder>) {
        let relays = [Relay::Redirect, Relay::Forward, Relay::Attachment];
        for number in 0..self.spread.rules {
            let next = self.somebody().and_then(|at| self.tenant.user(at));
            let (Some(holder), Some(to)) = (holders.pop(), next) else {
                return;
            };
            let relay = relays.get((number / 2) % 3).copied();
            let relay = relay.unwrap_or(Relay::Redirect);
            if let Some((how, letter)) = self.relayed(&holder, relay, &to.address) {
                let at = self.now - BEGAN + TimeDelta::minutes(11);
                self.put(to.index, &letter, (how, 1), at);
            }
        }
        // a rule that is switched off does nothing
        if let (Some(holder), Some(other)) = (holders.last(), holders.first())
            && let Some(to) = self.tenant.user(other.user)
            && let Some(mut mailbox) = self.tenant.mailbox(holder.user)
        {
            mailbox.rules.push(ForwardingRule {
                relay: Relay::Redirect,
                to: vec![to.address.clone()],
                enabled: false,
            });
        }
    }

    fn outside(&mut self, holders: &mut Vec<Holder>) {
        for number in 0..self.spread.outside {
            let Some(holder) = holders.pop() else {
                return;
            };
            let Some(from) = self.tenant.user(holder.user) else {
                return;
            };
            let to = format!("{}.{}@home.example", from.given.to_lowercase(), number);
            let at = self.now - BEGAN + TimeDelta::minutes(12);
            let letter = if number % 2 == 0 {
                self.mark_forwarded(holder.user, holder.uid);
                self.pass(from, &to, number, &holder.letter, at)
            } else {
                match self.relayed(&holder, Relay::Redirect, &to) {
                    Some((_, letter)) => letter,
                    None => continue,
                }
            };
            if from.provider == Provider::Graph {
                let recipient = Recipient::Address(to.as_str().into());
                self.tenant
                    .note_passage(&letter, recipient, at, Fate::Delivered);
            }
            self.planted.exposed.push((holder.user, to));
        }
    }

    fn clicks(&mut self, holders: &[Holder]) {
        let url = match &self.spread.message {
            None => self.story.link(&self.dress),
            Some(_) => return,
        };
        for (number, holder) in holders.iter().take(self.spread.clicks).enumerate() {
            let minutes = i64::try_from(20 + number).unwrap_or(20);
            self.planted.clicks.push(Click {
                user: holder.user,
                at: self.now - BEGAN + TimeDelta::minutes(minutes),
                url: url.clone(),
                network_message_id: holder.letter.network_message_id(),
                allowed: number % 4 != 3,
            });
        }
    }

    /// Mailboxes go out of reach after they were delivered to.
    fn obstacles(&mut self, holders: &mut Vec<Holder>) {
        let graph = [
            Reach::OnPremises,
            Reach::Locked,
            Reach::SoftDeleted,
            Reach::OutOfScope,
            Reach::Unlicensed,
        ];
        let gmail = [Reach::Unlicensed, Reach::Locked, Reach::OutOfScope];
        for number in 0..self.spread.unreachable {
            let Some(holder) = holders.pop() else {
                return;
            };
            let Some(user) = self.tenant.user(holder.user) else {
                return;
            };
            let Some(mut mailbox) = self.tenant.mailbox(holder.user) else {
                return;
            };
            let on_graph = user.provider == Provider::Graph;
            if on_graph && self.planted.archived.is_empty() && self.spread.unreachable > 1 {
                if let Some(item) = mailbox.item_mut(holder.uid) {
                    item.holding = Holding::Folder(IN_PLACE_ARCHIVE);
                }
                let before = Snapshot::of(&mailbox, holder.uid);
                let archived = (holder.user, holder.uid);
                self.planted.archived.push(archived);
                for copy in &mut self.planted.copies {
                    if (copy.mailbox, copy.uid) == archived
                        && let Some(before) = &before
                    {
                        copy.before.clone_from(before);
                    }
                }
                continue;
            }
            let reach = if on_graph {
                graph.get(number % graph.len())
            } else {
                gmail.get(number % gmail.len())
            };
            mailbox.reach = reach.copied().unwrap_or_default();
        }
    }

    fn late(&mut self, seed: &Arc<Letter>) {
        for _ in 0..self.spread.late {
            match self.somebody() {
                Some(user) => self.planted.late.push((user, Arc::clone(seed))),
                None => return,
            }
        }
    }

    /// Half of them lie in mailboxes with a copy.
    fn decoys(&mut self, seed: &Letter) {
        let pool = decoys::pool(
            &self.tenant.org,
            &mut self.dice,
            &self.story,
            &self.dress,
            seed,
            self.now,
        );
        let victims: Vec<u32> = self
            .planted
            .copies
            .iter()
            .map(|copy| copy.mailbox)
            .collect();
        for number in 0..self.spread.decoys {
            let user = if number % 2 == 0 {
                self.dice.pick(&victims).copied()
            } else {
                let at = self.dice.below(self.tenant.org.users.len());
                u32::try_from(at).ok()
            };
            let (Some(user), Some((kind, letter))) = (user, self.dice.pick(&pool)) else {
                return;
            };
            let slot = match (kind, number % 9) {
                (super::Lookalike::OwnReply, _) => Slot::Sent,
                (_, 4) => Slot::Own("Keep".into()),
                _ => Slot::Inbox,
            };
            let minutes = i64::try_from(30 + self.dice.below(140)).unwrap_or(30);
            let at = self.now - TimeDelta::minutes(minutes);
            let read = self.dice.below(3) == 0;
            let uid = self
                .tenant
                .deliver_at(user, letter, slot, read, Origin::Scenario, at);
            let before = uid.and_then(|uid| Snapshot::of(&*self.tenant.mailbox(user)?, uid));
            if let (Some(uid), Some(before)) = (uid, before) {
                self.planted.innocent.push(Innocent {
                    mailbox: user,
                    uid,
                    kind: *kind,
                    before,
                });
            }
        }
    }
}
