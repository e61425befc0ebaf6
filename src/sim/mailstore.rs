//! One simulated mailbox: messages, folders or labels, history. The only place
//! where simulated mail changes.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::domain::Provider;

use super::{
    calendar::Calendar,
    forwarding::{ForwardingRule, Watch},
    letter::Letter,
    platform::Reach,
};

/// Graph's well-known folders: API name, display name, listed without
/// `includeHiddenFolders`. A folder's number is its position.
pub(super) const WELL_KNOWN: [(&str, &str, bool); 17] = [
    ("msgfolderroot", "Top of Information Store", false),
    ("inbox", "Inbox", true),
    ("drafts", "Drafts", true),
    ("sentitems", "Sent Items", true),
    ("deleteditems", "Deleted Items", true),
    ("junkemail", "Junk Email", true),
    ("archive", "Archive", true),
    ("outbox", "Outbox", true),
    ("conversationhistory", "Conversation History", true),
    ("recoverableitemsdeletions", "Deletions", false),
    ("clutter", "Clutter", false),
    ("conflicts", "Conflicts", false),
    ("localfailures", "Local Failures", false),
    ("scheduled", "Scheduled", false),
    ("searchfolders", "Finder", false),
    ("serverfailures", "Server Failures", false),
    ("syncissues", "Sync Issues", false),
];

/// Gmail's system labels. A label's number is its position; `UNREAD` and
/// `STARRED` are kept as state and only shown as labels.
pub(super) const SYSTEM_LABELS: [&str; 12] = [
    "INBOX",
    "SPAM",
    "TRASH",
    "SENT",
    "DRAFT",
    "IMPORTANT",
    "CHAT",
    "CATEGORY_PERSONAL",
    "CATEGORY_SOCIAL",
    "CATEGORY_PROMOTIONS",
    "CATEGORY_UPDATES",
    "CATEGORY_FORUMS",
];

pub(super) const ROOT: u32 = 0;
pub(super) const INBOX: u32 = 1;
pub(super) const DRAFTS: u32 = 2;
pub(super) const SENT: u32 = 3;
pub(super) const DELETED: u32 = 4;
pub(super) const JUNK: u32 = 5;
pub(super) const RECOVERABLE: u32 = 9;
/// The in-place archive: a mailbox of its own that no API of the wire shows.
pub(super) const IN_PLACE_ARCHIVE: u32 = 90;

pub(super) const L_INBOX: u32 = 0;
pub(super) const L_SPAM: u32 = 1;
pub(super) const L_TRASH: u32 = 2;
pub(super) const L_SENT: u32 = 3;
pub(super) const L_DRAFT: u32 = 4;

/// Folders and labels a person made start here.
const FIRST_OWN: u32 = 100;

/// Where a copy is put on delivery, in words both platforms share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// Inbox.
    Inbox,
    /// Junk Email, Spam.
    Junk,
    /// Deleted Items, Trash.
    Trash,
    /// Sent Items, Sent.
    Sent,
    /// Drafts.
    Drafts,
    /// The person's own folder or label of this name, made if missing.
    Own(String),
}

/// How a message came into the mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Put there by the scenario or a poke, before or beside the service.
    Scenario,
    /// Inserted, sent or delivered over one of the wires.
    Wire,
}

/// Where a message lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holding {
    Folder(u32),
    /// Sorted label numbers, without the state labels.
    Labels(Vec<u32>),
}

/// How often a message was taken out of its owner's reach, and how often put back
/// within. One that was out of reach already and is moved is taken once more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Trips {
    /// Moves that ended out of reach.
    pub away: u32,
    /// Moves from there to within reach.
    pub back: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Item {
    pub uid: u32,
    /// Counts moves: an ordinary Graph id names one version.
    pub version: u32,
    /// Counts every change of place or state.
    pub changes: u32,
    pub trips: Trips,
    pub letter: Arc<Letter>,
    pub holding: Holding,
    pub read: bool,
    pub flagged: bool,
    pub categories: Vec<String>,
    pub draft: bool,
    pub received: DateTime<Utc>,
    pub modified: DateTime<Utc>,
    pub origin: Origin,
    pub history: u64,
    /// Exchange's last verb executed: 102 reply, 103 reply to all, 104 forward;
    /// 0 for none.
    pub last_verb: u8,
}

#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub number: u32,
    pub name: String,
    pub parent: u32,
    pub hidden: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Label {
    pub number: u32,
    pub name: String,
    pub list_visibility: String,
    pub message_visibility: String,
}

impl Label {
    pub(super) fn hidden(&self) -> bool {
        self.list_visibility == "labelHide"
    }
}

#[derive(Debug, Clone)]
pub(super) enum Happening {
    Added,
    Deleted,
    LabelsAdded(Vec<String>),
    LabelsRemoved(Vec<String>),
}

#[derive(Debug, Clone)]
pub(super) struct HistoryEntry {
    pub id: u64,
    pub uid: u32,
    pub what: Happening,
}

/// A rolling allowance: how much was used since `since`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Allowance {
    since: i64,
    used: u32,
}

impl Allowance {
    /// Uses `cost` of `limit` per `span`; says how many seconds to wait when
    /// there is not enough left.
    pub(super) fn spend(
        &mut self,
        now: DateTime<Utc>,
        span: TimeDelta,
        limit: u32,
        cost: u32,
    ) -> Result<(), i64> {
        let now = now.timestamp_millis();
        if now - self.since >= span.num_milliseconds() || now < self.since {
            self.since = now;
            self.used = 0;
        }
        if self.used.saturating_add(cost) > limit {
            let left = self.since + span.num_milliseconds() - now;
            return Err((left + 999) / 1000);
        }
        self.used += cost;
        Ok(())
    }
}

/// A folder or label of that name exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exists;

#[derive(Debug, Clone)]
pub(super) struct Mailbox {
    pub provider: Provider,
    pub reach: Reach,
    pub rules: Vec<ForwardingRule>,
    pub watch: Option<Box<Watch>>,
    /// History before this id is forgotten.
    pub history_floor: u64,
    pub items: Vec<Item>,
    pub folders: Vec<Folder>,
    pub labels: Vec<Label>,
    pub history: Vec<HistoryEntry>,
    pub history_id: u64,
    pub calls: Allowance,
    pub calendar: Calendar,
    next_uid: u32,
    next_own: u32,
}

/// A message on its way into a mailbox.
pub(super) struct Delivery {
    pub letter: Arc<Letter>,
    pub slot: Slot,
    pub at: DateTime<Utc>,
    pub read: bool,
    pub origin: Origin,
    /// Whether it arrives now, for change feeds to tell of, or has lain there
    /// since before the story began.
    pub news: bool,
}

impl Mailbox {
    pub(super) const fn new(provider: Provider) -> Self {
        Self {
            provider,
            reach: Reach::Served,
            rules: Vec::new(),
            watch: None,
            history_floor: 0,
            items: Vec::new(),
            folders: Vec::new(),
            labels: Vec::new(),
            history: Vec::new(),
            history_id: 1000,
            calls: Allowance { since: 0, used: 0 },
            calendar: Calendar { events: Vec::new() },
            next_uid: 1,
            next_own: FIRST_OWN,
        }
    }

    /// Puts a message in and gives its number.
    pub(super) fn deliver(&mut self, delivery: Delivery) -> u32 {
        // What goes to junk, or was sent from here, makes no event.
        if let Some(invitation) = &delivery.letter.invitation
            && matches!(delivery.slot, Slot::Inbox | Slot::Own(_) | Slot::Trash)
        {
            self.calendar.take_up(invitation, delivery.at);
        }
        let holding = self.holding_for(&delivery.slot);
        let uid = self.next_uid;
        self.next_uid += 1;
        self.history_id += 1;
        if delivery.news {
            self.note(uid, Happening::Added);
        }
        self.items.push(Item {
            uid,
            version: 1,
            changes: 0,
            trips: Trips::default(),
            letter: delivery.letter,
            holding,
            read: delivery.read,
            flagged: false,
            categories: Vec::new(),
            draft: delivery.slot == Slot::Drafts,
            received: delivery.at,
            modified: delivery.at,
            origin: delivery.origin,
            history: self.history_id,
            last_verb: 0,
        });
        uid
    }

    fn holding_for(&mut self, slot: &Slot) -> Holding {
        match self.provider {
            Provider::Graph => Holding::Folder(match slot {
                Slot::Inbox => INBOX,
                Slot::Junk => JUNK,
                Slot::Trash => DELETED,
                Slot::Sent => SENT,
                Slot::Drafts => DRAFTS,
                Slot::Own(name) => self.own_folder(name),
            }),
            Provider::Gmail => Holding::Labels(vec![match slot {
                Slot::Inbox => L_INBOX,
                Slot::Junk => L_SPAM,
                Slot::Trash => L_TRASH,
                Slot::Sent => L_SENT,
                Slot::Drafts => L_DRAFT,
                Slot::Own(name) => self.own_label(name),
            }]),
        }
    }

    fn own_folder(&mut self, name: &str) -> u32 {
        self.folders
            .iter()
            .find(|folder| folder.name == name)
            .map(|folder| folder.number)
            .or_else(|| self.create_folder(name, ROOT, false).ok())
            .unwrap_or(INBOX)
    }

    fn own_label(&mut self, name: &str) -> u32 {
        self.labels
            .iter()
            .find(|label| label.name == name)
            .map(|label| label.number)
            .or_else(|| self.create_label(name, "labelShow", "show").ok())
            .unwrap_or(L_INBOX)
    }

    /// Numbers rise in the order of arrival, and so do the items.
    fn position(&self, uid: u32) -> Option<usize> {
        self.items.binary_search_by_key(&uid, |item| item.uid).ok()
    }

    pub(super) fn item(&self, uid: u32) -> Option<&Item> {
        self.items.get(self.position(uid)?)
    }

    pub(super) fn item_mut(&mut self, uid: u32) -> Option<&mut Item> {
        let at = self.position(uid)?;
        self.items.get_mut(at)
    }

    /// Takes a message out for good.
    pub(super) fn remove(&mut self, uid: u32) -> Option<Item> {
        let at = self.position(uid)?;
        self.note(uid, Happening::Deleted);
        Some(self.items.remove(at))
    }

    fn note(&mut self, uid: u32, what: Happening) {
        if self.provider == Provider::Gmail {
            self.history_id += 1;
            self.history.push(HistoryEntry {
                id: self.history_id,
                uid,
                what,
            });
        }
    }

    // Graph

    /// Moves a message to a folder. Its ordinary id changes even when the
    /// folder is the one it lies in.
    pub(super) fn move_to(&mut self, uid: u32, folder: u32, now: DateTime<Utc>) -> Option<&Item> {
        let within = self.reachable(self.item(uid)?);
        let item = self.item_mut(uid)?;
        item.holding = Holding::Folder(folder);
        item.version += 1;
        item.changes += 1;
        item.modified = now;
        self.count_trip(uid, within);
        self.item(uid)
    }

    /// Counts a change of place; `within` is whether its owner could come upon the
    /// message before.
    fn count_trip(&mut self, uid: u32, within: bool) {
        let Some(now) = self.item(uid).map(|item| self.reachable(item)) else {
            return;
        };
        if let Some(item) = self.item_mut(uid) {
            item.trips.away += u32::from(!now);
            item.trips.back += u32::from(now && !within);
        }
    }

    pub(super) fn create_folder(
        &mut self,
        name: &str,
        parent: u32,
        hidden: bool,
    ) -> Result<u32, Exists> {
        let taken = self
            .folders
            .iter()
            .any(|folder| folder.parent == parent && folder.name.eq_ignore_ascii_case(name))
            || (parent == ROOT
                && WELL_KNOWN
                    .iter()
                    .any(|(_, shown, _)| shown.eq_ignore_ascii_case(name)));
        if taken {
            return Err(Exists);
        }
        let number = self.next_own;
        self.next_own += 1;
        self.folders.push(Folder {
            number,
            name: name.to_owned(),
            parent,
            hidden,
        });
        Ok(number)
    }

    /// A folder by number: display name, parent, hidden.
    pub(super) fn folder(&self, number: u32) -> Option<Folder> {
        let well_known = usize::try_from(number)
            .ok()
            .and_then(|at| WELL_KNOWN.get(at))
            .map(|(_, shown, listed)| Folder {
                number,
                name: (*shown).to_owned(),
                parent: ROOT,
                hidden: !listed && number != ROOT,
            });
        well_known.or_else(|| {
            self.folders
                .iter()
                .find(|folder| folder.number == number)
                .cloned()
        })
    }

    // Gmail

    pub(super) fn create_label(
        &mut self,
        name: &str,
        list_visibility: &str,
        message_visibility: &str,
    ) -> Result<u32, Exists> {
        let taken = SYSTEM_LABELS
            .iter()
            .chain(&["UNREAD", "STARRED"])
            .any(|system| system.eq_ignore_ascii_case(name))
            || self
                .labels
                .iter()
                .any(|label| label.name.eq_ignore_ascii_case(name));
        if taken {
            return Err(Exists);
        }
        let number = self.next_own;
        self.next_own += 1;
        self.labels.push(Label {
            number,
            name: name.to_owned(),
            list_visibility: list_visibility.to_owned(),
            message_visibility: message_visibility.to_owned(),
        });
        Ok(number)
    }

    pub(super) fn label(&self, number: u32) -> Option<&Label> {
        self.labels.iter().find(|label| label.number == number)
    }

    /// All label ids of a message, state labels included.
    pub(super) fn label_ids(item: &Item) -> Vec<String> {
        let mut ids = Vec::new();
        if !item.read {
            ids.push("UNREAD".to_owned());
        }
        if item.flagged {
            ids.push("STARRED".to_owned());
        }
        if let Holding::Labels(labels) = &item.holding {
            ids.extend(labels.iter().map(|number| label_id(*number)));
        }
        ids
    }

    /// The number of a label id of this mailbox.
    pub(super) fn label_number(&self, id: &str) -> Option<u32> {
        if let Some(at) = SYSTEM_LABELS.iter().position(|label| *label == id) {
            return u32::try_from(at).ok();
        }
        let number: u32 = id.strip_prefix("Label_")?.parse().ok()?;
        self.label(number).map(|label| label.number)
    }

    /// Adds and removes labels by id. The ids must have been checked.
    pub(super) fn relabel(
        &mut self,
        uid: u32,
        add: &[String],
        remove: &[String],
        now: DateTime<Utc>,
    ) {
        let numbers = |mailbox: &Self, ids: &[String]| -> Vec<u32> {
            ids.iter()
                .filter_map(|id| mailbox.label_number(id))
                .collect()
        };
        let (adding, removing) = (numbers(self, add), numbers(self, remove));
        let Some(within) = self.item(uid).map(|item| self.reachable(item)) else {
            return;
        };
        let Some(item) = self.item_mut(uid) else {
            return;
        };
        let before = Self::label_ids(item);
        let place = item.holding.clone();
        if let Holding::Labels(labels) = &mut item.holding {
            labels.retain(|label| !removing.contains(label));
            for label in adding {
                if !labels.contains(&label) {
                    labels.push(label);
                }
            }
            labels.sort_unstable();
        }
        let has = |ids: &[String], id: &str| ids.iter().any(|one| one == id);
        if has(add, "UNREAD") {
            item.read = false;
        } else if has(remove, "UNREAD") {
            item.read = true;
        }
        if has(add, "STARRED") {
            item.flagged = true;
        } else if has(remove, "STARRED") {
            item.flagged = false;
        }
        let after = Self::label_ids(item);
        let added: Vec<String> = after
            .iter()
            .filter(|id| !has(&before, id))
            .cloned()
            .collect();
        let removed: Vec<String> = before
            .iter()
            .filter(|id| !has(&after, id))
            .cloned()
            .collect();
        if added.is_empty() && removed.is_empty() {
            return;
        }
        item.changes += 1;
        item.modified = now;
        if item.holding != place {
            self.count_trip(uid, within);
        }
        if !added.is_empty() {
            self.note(uid, Happening::LabelsAdded(added));
        }
        if !removed.is_empty() {
            self.note(uid, Happening::LabelsRemoved(removed));
        }
        let latest = self.history_id;
        if let Some(item) = self.item_mut(uid) {
            item.history = latest;
        }
    }

    // both

    /// The names of where a message lies, as a person knows them.
    pub(super) fn containers(&self, item: &Item) -> Vec<String> {
        match &item.holding {
            Holding::Folder(number) => vec![self.folder_name(*number)],
            Holding::Labels(labels) => labels
                .iter()
                .map(|number| {
                    self.label(*number)
                        .map_or_else(|| label_id(*number), |label| label.name.clone())
                })
                .collect(),
        }
    }

    fn folder_name(&self, number: u32) -> String {
        usize::try_from(number)
            .ok()
            .and_then(|at| WELL_KNOWN.get(at))
            .map(|(name, _, _)| (*name).to_owned())
            .or_else(|| self.folder(number).map(|folder| folder.name))
            .unwrap_or_default()
    }

    /// Flags a message and files it, as its owner does.
    pub(super) fn mark(&mut self, uid: u32, flagged: bool, categories: &[&str]) {
        let labels: Vec<u32> = match self.provider {
            Provider::Graph => Vec::new(),
            Provider::Gmail => categories.iter().map(|name| self.own_label(name)).collect(),
        };
        let Some(item) = self.item_mut(uid) else {
            return;
        };
        item.flagged = flagged;
        match &mut item.holding {
            Holding::Folder(_) => {
                item.categories = categories.iter().map(|&name| name.to_owned()).collect();
            }
            Holding::Labels(own) => {
                own.extend(labels);
                own.sort_unstable();
                own.dedup();
            }
        }
    }

    /// Whether the person can come upon the message: a folder that is shown, or
    /// on Gmail anything but hidden labels alone.
    pub(super) fn reachable(&self, item: &Item) -> bool {
        match &item.holding {
            Holding::Folder(RECOVERABLE) => false,
            Holding::Folder(IN_PLACE_ARCHIVE) => true,
            Holding::Folder(number) => self.folder(*number).is_none_or(|folder| !folder.hidden),
            Holding::Labels(labels) => {
                let own: Vec<&Label> = labels.iter().filter_map(|n| self.label(*n)).collect();
                labels
                    .iter()
                    .any(|n| matches!(*n, L_INBOX | L_SPAM | L_TRASH))
                    || own.iter().any(|label| !label.hidden())
                    || own.iter().all(|label| !label.hidden())
            }
        }
    }
}

/// The API id of a label.
pub(super) fn label_id(number: u32) -> String {
    usize::try_from(number)
        .ok()
        .and_then(|at| SYSTEM_LABELS.get(at))
        .map_or_else(|| format!("Label_{number}"), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("time")
    }

    fn letter() -> Arc<Letter> {
        Arc::new(Letter::new(
            b"From: a@x.example\r\nMessage-ID: <1@x>\r\n\r\nhello\r\n",
        ))
    }

    fn put(mailbox: &mut Mailbox, slot: Slot) -> u32 {
        mailbox.deliver(Delivery {
            letter: letter(),
            slot,
            at: at(1),
            read: false,
            origin: Origin::Scenario,
            news: false,
        })
    }

    #[test]
    fn a_hidden_folder_puts_mail_out_of_reach_and_back() {
        let mut mailbox = Mailbox::new(Provider::Graph);
        let uid = put(&mut mailbox, Slot::Own("Projects".into()));
        let home = match mailbox.item(uid).expect("item").holding {
            Holding::Folder(number) => number,
            Holding::Labels(_) => panic!("folder expected"),
        };
        let hidden = mailbox.create_folder("Q", ROOT, true).expect("new");
        assert_eq!(mailbox.create_folder("q", ROOT, false), Err(Exists));
        mailbox.move_to(uid, hidden, at(2));
        let item = mailbox.item(uid).expect("item");
        assert!(!mailbox.reachable(item));
        assert_eq!(item.version, 2);
        mailbox.move_to(uid, home, at(3));
        let item = mailbox.item(uid).expect("item");
        assert!(mailbox.reachable(item));
        assert_eq!(mailbox.containers(item), ["Projects"]);
        assert!(!item.read);
        assert_eq!(item.trips, Trips { away: 1, back: 1 });
        mailbox.move_to(uid, hidden, at(4));
        mailbox.move_to(uid, hidden, at(5));
        let item = mailbox.item(uid).expect("item");
        assert_eq!(item.trips, Trips { away: 3, back: 1 });
    }

    #[test]
    fn a_hidden_label_alone_puts_mail_out_of_reach() {
        let mut mailbox = Mailbox::new(Provider::Gmail);
        let uid = put(&mut mailbox, Slot::Inbox);
        let number = mailbox.create_label("Q", "labelHide", "hide").expect("new");
        let id = label_id(number);
        mailbox.relabel(uid, std::slice::from_ref(&id), &[], at(2));
        assert!(
            mailbox.reachable(mailbox.item(uid).expect("item")),
            "still in the inbox"
        );
        mailbox.relabel(uid, &[], &["INBOX".into()], at(3));
        assert!(!mailbox.reachable(mailbox.item(uid).expect("item")));
        mailbox.relabel(uid, &["INBOX".into()], &[id], at(4));
        let item = mailbox.item(uid).expect("item");
        assert!(mailbox.reachable(item));
        assert_eq!(Mailbox::label_ids(item), ["UNREAD", "INBOX"]);
        assert_eq!(item.trips, Trips { away: 1, back: 1 });
        assert_eq!(mailbox.history.len(), 4);
    }

    #[test]
    fn an_archived_message_without_labels_is_reachable() {
        let mut mailbox = Mailbox::new(Provider::Gmail);
        let uid = put(&mut mailbox, Slot::Inbox);
        mailbox.relabel(uid, &[], &["INBOX".into()], at(2));
        assert!(mailbox.reachable(mailbox.item(uid).expect("item")));
    }

    #[test]
    fn allowances_refill_with_time() {
        let mut allowance = Allowance::default();
        let minute = TimeDelta::minutes(1);
        assert!(allowance.spend(at(100), minute, 10, 10).is_ok());
        assert_eq!(allowance.spend(at(130), minute, 10, 1), Err(30));
        assert!(allowance.spend(at(160), minute, 10, 1).is_ok());
    }
}
