//! The attack on the simulated organisation: who gets the message, in which
//! way, and what lies innocently beside it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::Provider;

use super::{
    fixtures, graph_item_id,
    item_id::gmail_id,
    letter::{Letter, with_header},
    mailstore::{Mailbox, Origin, Slot},
    org::Organisation,
    seed::{Dice, hash},
    tenant::{Tenant, lock},
    truth::{PlantedState, native_id},
};

/// What to plant.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The message; the built-in phish when absent.
    pub message: Option<Vec<u8>>,
    /// How many mailboxes get it; 30 % of the organisation, at least 8, when
    /// absent. One of them gets it twice.
    pub mailboxes: Option<usize>,
    /// Ordinary messages in every mailbox.
    pub background: usize,
    /// Seed of all choices.
    pub seed: u64,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            message: None,
            mailboxes: None,
            background: 3,
            seed: 1,
        }
    }
}

/// How a planted copy came to lie where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Sent to the person.
    Direct,
    /// Sent to a distribution list that contains a list with the person.
    List,
    /// A colleague's forward with another subject and Message-ID.
    Forward,
    /// Moved by its owner to a folder or label of their own.
    OwnFolder,
    /// Found by the platform's filter: Junk, Spam.
    Junk,
    /// Opened by its owner.
    Read,
    /// Thrown away by its owner: Deleted Items, Trash.
    Deleted,
    /// One of two exact copies in one mailbox.
    Duplicate,
    /// Brought later.
    Late,
    /// A colleague's forward with the message attached.
    Attached,
    /// Redirected by a rule or auto-forwarding: the same message once more.
    Redirected,
    /// Forwarded by a rule: another Message-ID.
    RuleForward,
    /// Another message of the same campaign.
    Variant,
}

/// What an innocent message has in common with the campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lookalike {
    /// The sender or the sending domain.
    Sender,
    /// The subject.
    Subject,
    /// The host of a link.
    Host,
    /// The Message-ID, above another body.
    MessageId,
    /// The brand: its real newsletter.
    Newsletter,
    /// The conversation: a colleague's answer that does not hold the message.
    Reply,
    /// The conversation: the recipient's own answer, in the sent mail.
    OwnReply,
}

/// The state of a message as a person would describe it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Folder name, or names of labels without `UNREAD` and `STARRED`.
    pub containers: Vec<String>,
    /// Opened.
    pub read: bool,
    /// Flagged or starred.
    pub flagged: bool,
    /// Outlook categories.
    pub categories: Vec<String>,
}

impl Snapshot {
    pub(super) fn of(mailbox: &Mailbox, uid: u32) -> Option<Self> {
        let item = mailbox.item(uid)?;
        Some(Self {
            containers: mailbox.containers(item),
            read: item.read,
            flagged: item.flagged,
            categories: item.categories.clone(),
        })
    }
}

/// A message the judge watches.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    pub mailbox: u32,
    pub uid: u32,
    pub how: How,
    /// How many people passed it on before it came here.
    pub depth: u8,
    pub before: Snapshot,
}

/// A message that must not be touched.
#[derive(Debug, Clone)]
pub(super) struct Innocent {
    pub mailbox: u32,
    pub uid: u32,
    pub kind: Lookalike,
    pub before: Snapshot,
}

/// What was planted.
#[derive(Debug, Default)]
pub(super) struct Planted {
    pub copies: Vec<Watched>,
    pub innocent: Vec<Innocent>,
    /// Copies in the Sent folders of those who forwarded: neither.
    pub sent: Vec<(u32, u32)>,
    pub reporters: Vec<(u32, u32)>,
    pub clicks: Vec<Click>,
    /// Who sent it out of the organisation, and where to.
    pub exposed: Vec<(u32, String)>,
    /// Groups with a copy in a mailbox of their own.
    pub groups: Vec<usize>,
    /// Copies in in-place archives.
    pub archived: Vec<(u32, u32)>,
    /// Copies kept back.
    pub late: Vec<(u32, Arc<Letter>)>,
}

/// Somebody followed a link.
#[derive(Debug, Clone)]
pub(super) struct Click {
    pub user: u32,
    pub at: DateTime<Utc>,
    pub url: String,
    /// Of the message that held the link.
    pub network_message_id: String,
    /// Let through by the platform's check.
    pub allowed: bool,
}

/// Somebody who holds a direct copy in the inbox and can report it.
#[derive(Debug, Clone, Serialize)]
pub struct Reporter {
    /// Which platform.
    pub provider: Provider,
    /// Primary address of the mailbox.
    pub address: String,
    /// Directory id of the person (`oid`, `sub`).
    pub user_id: String,
    /// The item id as the add-in sends it: ordinary REST id, or Gmail hex id.
    pub item_id: String,
    /// Message-ID with angle brackets.
    pub internet_message_id: String,
}

/// Plants the scenario.
pub(super) fn plant(tenant: &Tenant, scenario: &Scenario) {
    let mut work = Work {
        tenant,
        dice: Dice::new(scenario.seed ^ 0x7363_656e_6172_696f),
        now: tenant.now(),
        planted: Planted::default(),
    };
    work.background(scenario.background);
    let sides = work.choose(scenario.mailboxes);
    let message = work.message(scenario.message.as_deref(), &sides);
    work.attack(&message, &sides);
    work.innocents(&message.direct);
    *lock(&tenant.planted) = work.planted;
}

/// The people of one platform and what happens to each.
struct Side {
    provider: Provider,
    listed: Vec<u32>,
    roles: Vec<(u32, Role)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Reporter,
    Forwarder,
    Recipient,
    Plain(How),
}

struct Message {
    direct: Arc<Letter>,
    raw: Vec<u8>,
}

struct Work<'a> {
    tenant: &'a Tenant,
    dice: Dice,
    now: DateTime<Utc>,
    planted: Planted,
}

impl Work<'_> {
    fn org(&self) -> &Organisation {
        &self.tenant.org
    }

    fn background(&mut self, each: usize) {
        let pool: Vec<Arc<Letter>> = fixtures::background(self.now)
            .iter()
            .map(|raw| Arc::new(Letter::new(raw)))
            .collect();
        for index in 0..u32::try_from(self.org().users.len()).unwrap_or(u32::MAX) {
            for _ in 0..each {
                let Some(letter) = self.dice.pick(&pool).cloned() else {
                    return;
                };
                let read = self.dice.below(2) == 0;
                let minutes = 120 + self.dice.below(20 * 24 * 60);
                let at = self.now - TimeDelta::minutes(i64::try_from(minutes).unwrap_or(0));
                self.tenant
                    .deliver_at(index, &letter, Slot::Inbox, read, Origin::Scenario, at);
            }
        }
    }

    fn choose(&mut self, wanted: Option<usize>) -> [Side; 2] {
        let total = self.org().users.len();
        let wanted = wanted.unwrap_or((total * 3 / 10).max(8)).min(total);
        let count = |provider| {
            self.org()
                .users
                .iter()
                .filter(|u| u.provider == provider)
                .count()
        };
        let gmail = (wanted / 2).min(count(Provider::Gmail));
        let graph = (wanted - gmail).min(count(Provider::Graph));
        [
            self.side(Provider::Graph, graph),
            self.side(Provider::Gmail, gmail),
        ]
    }

    fn side(&mut self, provider: Provider, wanted: usize) -> Side {
        use How as H;
        let special = match provider {
            Provider::Graph => [H::OwnFolder, H::Deleted, H::Read, H::Duplicate, H::Junk],
            Provider::Gmail => [H::Junk, H::Read, H::Duplicate, H::OwnFolder, H::Deleted],
        };
        let mut listed = self
            .org()
            .group(provider, &list_address(provider))
            .map(|(at, _)| self.org().expand(at))
            .unwrap_or_default();
        // a list reaches all its members or is not used
        if listed.len() + 4 > wanted {
            listed.clear();
        }
        let mut pool: Vec<u32> = self
            .org()
            .users
            .iter()
            .filter(|user| user.provider == provider && !listed.contains(&user.index))
            .map(|user| user.index)
            .collect();
        self.dice.shuffle(&mut pool);
        pool.truncate(wanted.saturating_sub(listed.len()));
        let order = [Role::Reporter, Role::Forwarder, Role::Recipient]
            .into_iter()
            .chain(special.into_iter().map(Role::Plain))
            .chain(std::iter::repeat(Role::Plain(H::Direct)));
        Side {
            provider,
            listed,
            roles: pool.into_iter().zip(order).collect(),
        }
    }

    fn message(&self, given: Option<&[u8]>, sides: &[Side; 2]) -> Message {
        let mut raw = given.map_or_else(|| fixtures::phish(self.now), <[u8]>::to_vec);
        if given.is_none() {
            let to: Vec<&str> = sides
                .iter()
                .flat_map(|side| side.roles.iter().filter(|(_, r)| *r == Role::Reporter))
                .filter_map(|(user, _)| Some(self.tenant.user(*user)?.address.as_str()))
                .collect();
            if !to.is_empty() {
                raw = with_header(&raw, "To", Some(&to.join(", ")));
            }
        }
        if Letter::new(&raw).message_id.is_empty() {
            let mark = hash(&String::from_utf8_lossy(&raw));
            raw = with_header(
                &raw,
                "Message-ID",
                Some(&format!("<{mark:016x}@sender.invalid>")),
            );
        }
        Message {
            direct: Arc::new(Letter::new(&raw)),
            raw,
        }
    }

    fn attack(&mut self, message: &Message, sides: &[Side; 2]) {
        for side in sides {
            let to = list_address(side.provider);
            let listed = Arc::new(Letter::new(&with_header(&message.raw, "To", Some(&to))));
            for user in &side.listed {
                self.copy(*user, &listed, How::List);
            }
            for (user, role) in &side.roles {
                match role {
                    Role::Reporter => {
                        if let Some(uid) = self.copy(*user, &message.direct, How::Direct) {
                            self.planted.reporters.push((*user, uid));
                        }
                    }
                    Role::Forwarder => {
                        self.copy(*user, &message.direct, How::Direct);
                    }
                    Role::Recipient => {}
                    Role::Plain(How::Duplicate) => {
                        self.copy(*user, &message.direct, How::Duplicate);
                        self.copy(*user, &message.direct, How::Duplicate);
                    }
                    Role::Plain(how) => {
                        self.copy(*user, &message.direct, *how);
                    }
                }
            }
        }
        let [graph, gmail] = sides;
        self.forward(message, graph, gmail);
        self.forward(message, gmail, graph);
    }

    /// Puts one copy where `how` says and watches it.
    fn copy(&mut self, user: u32, letter: &Arc<Letter>, how: How) -> Option<u32> {
        let slot = match how {
            How::OwnFolder => Slot::Own("Projects".into()),
            How::Junk => Slot::Junk,
            How::Deleted => Slot::Trash,
            _ => Slot::Inbox,
        };
        let read = matches!(how, How::Read | How::Deleted | How::OwnFolder);
        let seconds = i64::try_from(self.dice.below(600)).unwrap_or(0);
        let at = self.now - TimeDelta::minutes(40) + TimeDelta::seconds(seconds);
        let uid = self
            .tenant
            .deliver_at(user, letter, slot, read, Origin::Scenario, at)?;
        if how == How::Read
            && let Some(item) = self.tenant.mailbox(user)?.item_mut(uid)
        {
            item.flagged = true;
        }
        self.watch(user, uid, how);
        Some(uid)
    }

    fn watch(&mut self, mailbox: u32, uid: u32, how: How) {
        let before = self
            .tenant
            .mailbox(mailbox)
            .and_then(|mailbox| Snapshot::of(&mailbox, uid));
        if let Some(before) = before {
            self.planted.copies.push(Watched {
                mailbox,
                uid,
                how,
                depth: u8::from(how == How::Forward),
                before,
            });
        }
    }

    /// Somebody of one platform asks a colleague of the other what they think.
    fn forward(&mut self, message: &Message, from: &Side, to: &Side) {
        let with = |side: &Side, role: Role| {
            side.roles
                .iter()
                .find(|(_, r)| *r == role)
                .and_then(|(user, _)| self.tenant.user(*user))
        };
        let (Some(sender), Some(recipient)) =
            (with(from, Role::Forwarder), with(to, Role::Recipient))
        else {
            // nobody to forward to: the copy is a plain one
            let alone = to.roles.iter().find(|(_, r)| *r == Role::Recipient);
            if let Some((user, _)) = alone {
                self.copy(*user, &message.direct, How::Direct);
            }
            return;
        };
        let (sender_at, recipient_at) = (sender.index, recipient.index);
        let sent = self.now - TimeDelta::minutes(20);
        let raw = fixtures::forward(&message.direct, sender, recipient, sent);
        let letter = Arc::new(Letter::new(&raw));
        let copy =
            self.tenant
                .deliver_at(sender_at, &letter, Slot::Sent, true, Origin::Scenario, sent);
        if let Some(uid) = copy {
            self.planted.sent.push((sender_at, uid));
        }
        let arrived = self.tenant.deliver_at(
            recipient_at,
            &letter,
            Slot::Inbox,
            false,
            Origin::Scenario,
            sent + TimeDelta::seconds(4),
        );
        if let Some(uid) = arrived {
            self.watch(recipient_at, uid, How::Forward);
        }
    }

    /// Twenty messages that look alike: eight from the same domain, six with
    /// the same subject, six copies of a newsletter.
    fn innocents(&mut self, phish: &Letter) {
        let mut people: Vec<u32> = self
            .planted
            .copies
            .iter()
            .map(|copy| copy.mailbox)
            .collect();
        self.dice.shuffle(&mut people);
        people.truncate(10);
        let everybody = self.org().users.len();
        while people.len() < 20 && everybody > 0 {
            people.push(u32::try_from(self.dice.below(everybody)).unwrap_or(0));
        }
        let newsletter = Arc::new(Letter::new(&fixtures::newsletter(self.now)));
        for (at, user) in people.into_iter().enumerate() {
            let colleague = self.dice.below(everybody);
            let Some(person) = self.tenant.user(user) else {
                continue;
            };
            let (kind, letter) = match at % 5 {
                0 | 1 => (
                    Lookalike::Sender,
                    Arc::new(Letter::new(&fixtures::same_domain(
                        phish, person, at, self.now,
                    ))),
                ),
                2 => (Lookalike::Newsletter, Arc::clone(&newsletter)),
                3 if at % 2 == 1 => (Lookalike::Newsletter, Arc::clone(&newsletter)),
                _ => {
                    let from = self.org().users.get(colleague).unwrap_or(person);
                    let raw = fixtures::same_subject(phish, from, person, at, self.now);
                    (Lookalike::Subject, Arc::new(Letter::new(&raw)))
                }
            };
            let slot = if at == 6 {
                Slot::Own("Keep".into())
            } else {
                Slot::Inbox
            };
            let minutes = 60 + self.dice.below(600);
            let when = self.now - TimeDelta::minutes(i64::try_from(minutes).unwrap_or(0));
            let uid =
                self.tenant
                    .deliver_at(user, &letter, slot, at % 3 == 0, Origin::Scenario, when);
            let (Some(uid), Some(mailbox)) = (uid, self.tenant.mailbox(user)) else {
                continue;
            };
            if let Some(before) = Snapshot::of(&mailbox, uid) {
                self.planted.innocent.push(Innocent {
                    mailbox: user,
                    uid,
                    kind,
                    before,
                });
            }
        }
    }
}

pub(super) fn list_address(provider: Provider) -> String {
    format!("project-aurora@{}", super::org::domain_of(provider))
}

/// Those who can report, with the ids their add-ins send.
pub(super) fn reporters(tenant: &Tenant) -> Vec<Reporter> {
    let chosen = lock(&tenant.planted).reporters.clone();
    chosen
        .into_iter()
        .filter_map(|(index, uid)| reporter(tenant, index, uid))
        .collect()
}

/// The owner of a message, with the ids that their add-in sends of it now.
fn reporter(tenant: &Tenant, index: u32, uid: u32) -> Option<Reporter> {
    let user = tenant.user(index)?;
    let mailbox = tenant.mailbox(index)?;
    let item = mailbox.item(uid)?;
    Some(Reporter {
        provider: user.provider,
        address: user.address.clone(),
        user_id: user.id.clone(),
        item_id: match user.provider {
            Provider::Graph => graph_item_id(index, uid, item.version),
            Provider::Gmail => gmail_id(index, uid),
        },
        internet_message_id: item.letter.message_id.clone(),
    })
}

/// A planted copy by what the judge says of it: mailbox and number.
fn planted_at(tenant: &Tenant, copy: &PlantedState) -> Option<(u32, u32)> {
    let user = tenant.org.by_address(&copy.mailbox)?;
    let planted = lock(&tenant.planted);
    let mut ours = planted.copies.iter().filter(|c| c.mailbox == user.index);
    ours.find(|c| native_id(user, c.uid) == copy.item_id)
        .map(|c| (c.mailbox, c.uid))
}

/// Whoever holds a planted copy, as its reporter; `None` when it is gone.
pub(super) fn reporter_of(tenant: &Tenant, copy: &PlantedState) -> Option<Reporter> {
    let (mailbox, uid) = planted_at(tenant, copy)?;
    reporter(tenant, mailbox, uid)
}

/// The octets of a planted copy; `None` when it is gone.
pub(super) fn raw_of(tenant: &Tenant, copy: &PlantedState) -> Option<Vec<u8>> {
    let (mailbox, uid) = planted_at(tenant, copy)?;
    let mailbox = tenant.mailbox(mailbox)?;
    Some(mailbox.item(uid)?.letter.raw.to_vec())
}

/// Has the owner of a planted copy flag it and file it under categories (labels on
/// Gmail) before the story begins.
pub(super) fn mark(tenant: &Tenant, copy: &PlantedState, flagged: bool, categories: &[&str]) {
    let Some((at, uid)) = planted_at(tenant, copy) else {
        return;
    };
    let after = tenant.mailbox(at).and_then(|mut mailbox| {
        mailbox.mark(uid, flagged, categories);
        Snapshot::of(&mailbox, uid)
    });
    let mut planted = lock(&tenant.planted);
    let watched = planted.copies.iter_mut();
    for copy in watched.filter(|copy| (copy.mailbox, copy.uid) == (at, uid)) {
        if let Some(after) = &after {
            copy.before.clone_from(after);
        }
    }
}
