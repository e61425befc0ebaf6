//! The one truth behind all faces, and the way of a call through it: count,
//! script, execute, record.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::Provider;

use super::{
    PushTarget,
    call::{Call, Face, Reply},
    counters::{Counters, Operation},
    courier::{Courier, Notice},
    deliveries::{Deliveries, Fate, Passage, Recipient},
    distort::{self, PageFault},
    entra,
    faults::{Action, Looks, RetryAfter, Script},
    google, graph,
    item_id::{GraphId, gmail_id},
    keys::Keys,
    letter::Letter,
    mailstore::{Allowance, Delivery, Mailbox, Origin, Slot},
    notices::{self, Subscription},
    org::{GroupKind, Organisation, User},
    platform::{Platform, Reach},
    poke,
    record::Recorder,
    route::{Route, route},
    scenario::Planted,
    tokens::{AccessTokens, Identity},
};

/// The time as the simulated world is told it.
pub type NowFn = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Whether a hook is called before or after the call took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing has happened yet.
    Before,
    /// The effect has happened; the answer has not been sent.
    After,
}

/// What a hook is told of a call.
#[derive(Debug, Clone)]
pub struct CallInfo {
    /// Running number over all calls, parts of batches included, from 1.
    pub number: u64,
    /// Before or after the effect.
    pub phase: Phase,
    /// The service.
    pub face: Face,
    /// The kind of call.
    pub operation: Operation,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Primary address of the mailbox.
    pub mailbox: Option<String>,
    /// Whether it is a part of a `$batch`.
    pub part: bool,
}

/// A function called around every call.
pub type Hook = Arc<dyn Fn(&CallInfo) + Send + Sync>;

pub(super) struct Tenant {
    pub org: Organisation,
    boxes: Vec<Mutex<Mailbox>>,
    pub identity: Identity,
    pub keys: &'static Keys,
    tokens: Mutex<AccessTokens>,
    pub script: Mutex<Script>,
    pub counters: Mutex<Counters>,
    pub record: Recorder,
    pub hook: Mutex<Option<Hook>>,
    pub planted: Mutex<Planted>,
    /// Messages that a fault took away: mailbox and number.
    pub vanished: Mutex<HashSet<(u32, u32)>>,
    /// Requests in flight by mailbox.
    busy: Mutex<HashMap<u32, u32>>,
    pub uploads: Mutex<HashMap<String, serde_json::Value>>,
    numbers: Mutex<u64>,
    now: NowFn,
    ahead_ms: AtomicI64,
    base: OnceLock<String>,
    pub limits: bool,
    platform: Mutex<Platform>,
    pub deliveries: Mutex<Deliveries>,
    /// Copies in the mailboxes of groups, which no user's path reaches: group
    /// and letter.
    pub group_mail: Mutex<Vec<(usize, Arc<Letter>)>>,
    pub subscriptions: Mutex<Vec<Subscription>>,
    pub push: Mutex<Option<PushTarget>>,
    pub courier: Courier,
    /// Notifications that wait to be released.
    pub held: Mutex<Vec<Notice>>,
    pub allowances: Allowances,
}

/// What the whole tenant may use in a span of time.
#[derive(Debug, Default)]
pub(super) struct Allowances {
    pub trace: Mutex<Allowance>,
    pub hunting: Mutex<Allowance>,
    pub directory: Mutex<Allowance>,
    pub project: Mutex<Allowance>,
}

/// Locks; a panic elsewhere does not take the simulated world down.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tenant {
    pub(super) fn new(
        org: Organisation,
        identity: Identity,
        keys: &'static Keys,
        now: NowFn,
        record: Recorder,
        limits: bool,
    ) -> Self {
        let boxes = org
            .users
            .iter()
            .map(|user| Mutex::new(Mailbox::new(user.provider)))
            .collect();
        Self {
            org,
            boxes,
            identity,
            keys,
            tokens: Mutex::new(AccessTokens::new(0x7465_6e61_6e74)),
            script: Mutex::default(),
            counters: Mutex::default(),
            record,
            hook: Mutex::default(),
            planted: Mutex::default(),
            vanished: Mutex::default(),
            busy: Mutex::default(),
            uploads: Mutex::default(),
            numbers: Mutex::default(),
            now,
            ahead_ms: AtomicI64::new(0),
            base: OnceLock::new(),
            limits,
            platform: Mutex::default(),
            deliveries: Mutex::default(),
            group_mail: Mutex::default(),
            subscriptions: Mutex::default(),
            push: Mutex::default(),
            courier: Courier::default(),
            held: Mutex::default(),
            allowances: Allowances::default(),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.now)() + TimeDelta::milliseconds(self.ahead_ms.load(Ordering::SeqCst))
    }

    pub(super) fn advance(&self, by: TimeDelta) {
        self.ahead_ms
            .fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }

    pub(super) fn base(&self) -> &str {
        self.base.get().map_or("", String::as_str)
    }

    pub(super) fn set_base(&self, base: String) {
        let _ = self.base.set(base);
    }

    /// The settings; hold it briefly.
    pub(super) fn platform(&self) -> MutexGuard<'_, Platform> {
        lock(&self.platform)
    }

    pub(super) fn tokens(&self) -> MutexGuard<'_, AccessTokens> {
        lock(&self.tokens)
    }

    /// The mailbox at a position.
    pub(super) fn mailbox(&self, index: u32) -> Option<MutexGuard<'_, Mailbox>> {
        self.boxes.get(usize::try_from(index).ok()?).map(lock)
    }

    /// Puts a letter into somebody's mailbox; gives its number there.
    pub(super) fn deliver(
        &self,
        user: u32,
        letter: &Arc<Letter>,
        slot: Slot,
        read: bool,
        origin: Origin,
    ) -> Option<u32> {
        self.deliver_at(user, letter, slot, read, origin, self.now())
    }

    /// The same for a message that arrives now: change feeds tell of it.
    pub(super) fn arrive(
        &self,
        user: u32,
        letter: &Arc<Letter>,
        slot: Slot,
        origin: Origin,
    ) -> Option<u32> {
        let at = self.now();
        self.trace(user, letter, &slot, at);
        let uid = self.mailbox(user)?.deliver(Delivery {
            letter: Arc::clone(letter),
            slot,
            at,
            read: false,
            origin,
            news: true,
        });
        notices::announce(self, user, uid);
        Some(uid)
    }

    /// What is sent or drafted was not transported to its own mailbox.
    fn trace(&self, user: u32, letter: &Arc<Letter>, slot: &Slot, at: DateTime<Utc>) {
        let graph = self
            .user(user)
            .is_some_and(|user| user.provider == Provider::Graph);
        if graph && !matches!(slot, Slot::Sent | Slot::Drafts) {
            let fate = match slot {
                Slot::Junk => Fate::FilteredAsSpam,
                _ => Fate::Delivered,
            };
            self.note_passage(letter, Recipient::Person(user), at, fate);
        }
    }

    pub(super) fn note_passage(
        &self,
        letter: &Arc<Letter>,
        to: Recipient,
        at: DateTime<Utc>,
        fate: Fate,
    ) {
        lock(&self.deliveries).note(Passage {
            letter: Arc::clone(letter),
            to,
            at,
            fate,
        });
    }

    /// What a list or group does with a message, beside what its members get:
    /// the row of its expansion, and the copy in its own mailbox.
    pub(super) fn through_group(&self, at: usize, letter: &Arc<Letter>, when: DateTime<Utc>) {
        let Some(group) = self.org.groups.get(at) else {
            return;
        };
        if matches!(
            group.kind,
            GroupKind::Microsoft365 | GroupKind::CollaborativeInbox
        ) {
            lock(&self.group_mail).push((at, Arc::clone(letter)));
        }
        if group.provider == Provider::Graph {
            let fate = match group.kind {
                GroupKind::Microsoft365 => Fate::Delivered,
                _ => Fate::Expanded,
            };
            let to = Recipient::Address(group.address.as_str().into());
            self.note_passage(letter, to, when, fate);
        }
    }

    pub(super) fn deliver_at(
        &self,
        user: u32,
        letter: &Arc<Letter>,
        slot: Slot,
        read: bool,
        origin: Origin,
        at: DateTime<Utc>,
    ) -> Option<u32> {
        if origin == Origin::Scenario {
            self.trace(user, letter, &slot, at);
        }
        Some(self.mailbox(user)?.deliver(Delivery {
            letter: Arc::clone(letter),
            slot,
            at,
            read,
            origin,
            news: origin == Origin::Wire,
        }))
    }

    /// Delivers to every address this organisation has (people and lists);
    /// gives the addresses it does not have.
    pub(super) fn post(&self, raw: &[u8], recipients: &[String]) -> Vec<String> {
        let letter = Arc::new(Letter::new(raw));
        let mut unknown = Vec::new();
        let mut served = HashSet::new();
        for address in recipients {
            let people: Vec<u32> = if let Some(user) = self.org.by_address(address) {
                vec![user.index]
            } else if let Some((group, _)) = self
                .org
                .group(Provider::Graph, address)
                .or_else(|| self.org.group(Provider::Gmail, address))
            {
                self.through_group(group, &letter, self.now());
                self.org.expand(group)
            } else {
                unknown.push(address.clone());
                continue;
            };
            for user in people {
                if served.insert(user) {
                    self.arrive(user, &letter, Slot::Inbox, Origin::Wire);
                }
            }
        }
        unknown
    }

    /// Marks a mailbox busy for as long as the guard lives; gives how many
    /// requests it has in flight now.
    pub(super) fn enter(self: &Arc<Self>, mailbox: u32) -> (u32, Busy) {
        let mut busy = lock(&self.busy);
        let count = busy.entry(mailbox).or_default();
        *count += 1;
        (
            *count,
            Busy {
                tenant: Arc::clone(self),
                mailbox,
            },
        )
    }

    /// The mailbox a call is about.
    pub(super) fn mailbox_of(&self, call: &Call) -> Option<u32> {
        route(self, call).mailbox
    }

    /// Answers one call. `crowd` is how many requests its mailbox has in
    /// flight, itself included.
    pub(super) fn answer(&self, call: &Call, crowd: u32) -> Reply {
        let route = route(self, call);
        lock(&self.counters).count(route.operation, call.part);
        if route.face == Face::Sim {
            return poke::answer(self, call);
        }
        let mut info = self.info(call, route);
        self.tell(&info);
        let actions = lock(&self.script).strike(Looks {
            face: route.face,
            operation: route.operation,
            method: &call.method,
            target: &call.target,
            mailbox: info.mailbox.as_deref(),
            part: call.part,
        });
        let mut reply = self.execute(call, route, &actions, crowd);
        for action in &actions {
            match action {
                Action::LoseReply { .. } => reply.wire.lost = true,
                Action::Slow { millis } => reply.wire.delay_ms += millis,
                Action::Truncate { bytes } => reply.wire.cut_at = Some(*bytes),
                Action::Batch(fault) => distort::batch(&mut reply, *fault),
                Action::Pages(fault) => distort::pages(self, call, &mut reply, *fault),
                Action::Foreign => distort::foreign(self, call, route, &mut reply),
                _ => {}
            }
        }
        self.record.keep(call, route, &reply, !actions.is_empty());
        info.phase = Phase::After;
        self.tell(&info);
        reply
    }

    fn info(&self, call: &Call, route: Route) -> CallInfo {
        let mut number = lock(&self.numbers);
        *number += 1;
        CallInfo {
            number: *number,
            phase: Phase::Before,
            face: route.face,
            operation: route.operation,
            method: call.method.clone(),
            target: call.target.clone(),
            mailbox: route
                .mailbox
                .and_then(|at| self.org.user(at))
                .map(|user| user.address.clone()),
            part: call.part,
        }
    }

    fn tell(&self, info: &CallInfo) {
        let hook = lock(&self.hook).clone();
        if let Some(hook) = hook {
            hook(info);
        }
    }

    fn execute(&self, call: &Call, route: Route, actions: &[Action], crowd: u32) -> Reply {
        for action in actions {
            match action {
                Action::Answer {
                    status,
                    headers,
                    body,
                } => {
                    let mut reply = match body {
                        serde_json::Value::Null => Reply::empty(*status),
                        serde_json::Value::String(text) => {
                            Reply::typed(*status, "text/plain", text.clone())
                        }
                        json => Reply::json(*status, json),
                    };
                    for (name, value) in headers {
                        reply = reply.with(name, value);
                    }
                    return reply;
                }
                Action::Throttle { retry_after } => {
                    return self.throttled(route.face, retry_after);
                }
                Action::Forbid { reason } => return forbidden(self, route.face, reason),
                Action::LoseReply { executed: false } => return Reply::empty(503),
                Action::Pages(PageFault::Expired) => {
                    if let Some(reply) = distort::expired(self, call, route) {
                        return reply;
                    }
                }
                Action::Unlicensed => {
                    if let Some(mut mailbox) = route.mailbox.and_then(|at| self.mailbox(at)) {
                        mailbox.reach = Reach::Unlicensed;
                    }
                }
                Action::Vanish => self.vanish(call, route),
                Action::Edit => self.edit(call, route),
                Action::ExpireTokens => self.tokens().forget(),
                _ => {}
            }
        }
        match route.face {
            Face::Entra => entra::answer(self, route.operation, call),
            Face::Graph => graph::answer(self, route, call, crowd),
            Face::GoogleAuth | Face::Gmail | Face::Directory | Face::Calendar => {
                google::answer(self, route, call)
            }
            Face::Sim => poke::answer(self, call),
        }
    }

    /// The service's own 429.
    pub(super) fn throttled(&self, face: Face, retry_after: &RetryAfter) -> Reply {
        let reply = match face {
            Face::Graph => graph::error(
                self,
                429,
                "ApplicationThrottled",
                "Application is over its MailboxConcurrency limit.",
            ),
            Face::Gmail | Face::Directory | Face::Calendar => google::error(
                429,
                "rateLimitExceeded",
                "Too many concurrent requests for user",
            ),
            _ => Reply::json(
                429,
                &serde_json::json!({"error": "temporarily_unavailable", "error_description": "Too many requests."}),
            ),
        };
        match retry_after {
            RetryAfter::Value(value) => reply.with("retry-after", value),
            RetryAfter::DateIn(seconds) => {
                let at = self.now() + TimeDelta::seconds(*seconds);
                reply.with(
                    "retry-after",
                    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
                )
            }
            RetryAfter::Missing => reply,
        }
    }

    fn vanish(&self, call: &Call, route: Route) {
        let Some(index) = route.mailbox else {
            return;
        };
        let Some(mut mailbox) = self.mailbox(index) else {
            return;
        };
        for uid in named(call, &mailbox, index) {
            mailbox.remove(uid);
            lock(&self.vanished).insert((index, uid));
        }
    }

    fn edit(&self, call: &Call, route: Route) {
        let Some(index) = route.mailbox else {
            return;
        };
        let Some(mut mailbox) = self.mailbox(index) else {
            return;
        };
        let now = self.now();
        for uid in named(call, &mailbox, index) {
            let Some(item) = mailbox.item_mut(uid) else {
                continue;
            };
            let head = item.letter.raw.split(|octet| *octet == b'\n');
            let kept: Vec<&[u8]> = head
                .filter(|line| {
                    let name = line.to_ascii_lowercase();
                    [&b"from:"[..], b"to:", b"message-id:", b"date:", b"subject:"]
                        .iter()
                        .any(|wanted| name.starts_with(wanted))
                })
                .collect();
            let mut raw = kept.join(&b'\n');
            raw.extend_from_slice(b"\n\r\nNotes of the meeting: call Anna back on Monday.\r\n");
            item.letter = Arc::new(Letter::new(&raw));
            item.modified = now;
            item.changes += 1;
        }
    }

    pub(super) fn user(&self, index: u32) -> Option<&User> {
        self.org.user(index)
    }
}

/// The messages of a mailbox that a call names in its path.
fn named(call: &Call, mailbox: &Mailbox, index: u32) -> Vec<u32> {
    let is = |segment: &String, uid: u32| match GraphId::decode(segment) {
        Some(GraphId::Item { uid: named, .. } | GraphId::Immutable { uid: named, .. }) => {
            named == uid
        }
        _ => *segment == gmail_id(index, uid),
    };
    mailbox
        .items
        .iter()
        .map(|item| item.uid)
        .filter(|uid| call.segments.iter().any(|segment| is(segment, *uid)))
        .collect()
}

fn forbidden(tenant: &Tenant, face: Face, reason: &str) -> Reply {
    match face {
        Face::Graph => graph::error(tenant, 403, reason, "Access is denied."),
        _ => google::error(403, reason, "Request had to be refused."),
    }
}

/// A request in flight.
pub(super) struct Busy {
    tenant: Arc<Tenant>,
    mailbox: u32,
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut busy = lock(&self.tenant.busy);
        if let Some(count) = busy.get_mut(&self.mailbox) {
            *count -= 1;
            if *count == 0 {
                busy.remove(&self.mailbox);
            }
        }
    }
}
