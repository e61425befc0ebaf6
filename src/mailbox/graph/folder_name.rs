//! What the owner of a mailbox calls the folder that a message lies in.
//!
//! A message names its folder by an id, which says nothing to people. The
//! folders at the top of a mailbox are read once, others one by one up to a
//! known one, and both are remembered. A name is a courtesy: where none can be
//! had, the place goes on without it, and nothing fails.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{GraphMail, call::Call, message, path::Path};
use crate::mailbox::{Family, MailboxError, Seen, wire::Effect};

/// Folders nest at most 300 deep in Exchange; nobody reads a path of more than a few.
const DEEPEST: usize = 8;
/// Characters kept of one folder's name; Exchange allows 255.
const LONGEST: usize = 255;

/// What the folder above all others is remembered by: it has no place in a path.
const ROOT: &str = "";

/// Mailbox key and folder id.
type Folder = (String, String);

/// A folder on the way up to one whose name is known.
struct Climb {
    /// Whose name is sought.
    folder: Folder,
    /// The folder to be read next.
    next: String,
    /// The names so far, the deepest first.
    names: Vec<String>,
}

impl GraphMail {
    /// Names the folder of each message that was seen, where a name can be had.
    pub(super) async fn name_places(&self, looks: &mut [Result<Option<Seen>, MailboxError>]) {
        let wanted: BTreeSet<Folder> = looks
            .iter()
            .filter_map(|look| folder_of(look.as_ref().ok()?.as_ref()?))
            .filter(|folder| self.name_of(folder).is_none())
            .collect();
        if !wanted.is_empty() {
            self.learn(wanted).await;
        }
        for seen in looks.iter_mut().flatten().flatten() {
            let name = folder_of(seen).and_then(|folder| self.name_of(&folder));
            seen.place.names = name.into_iter().filter(|name| name != ROOT).collect();
        }
    }

    fn name_of(&self, (mailbox, folder): &Folder) -> Option<String> {
        if self.quarantines.get(mailbox).as_ref() == Some(folder) {
            return Some(self.folder_name.clone());
        }
        self.names.get(&entry(mailbox, folder))
    }

    async fn learn(&self, wanted: BTreeSet<Folder>) {
        let calls = mailboxes(&wanted).map(top_folders).collect();
        for (mailbox, answer) in self.asked(calls).await {
            let folders = answer.and_then(|body| message::page(body).ok());
            for folder in folders.map(|(folders, _)| folders).unwrap_or_default() {
                if let (Some(id), Some(name)) = (text(&folder, "id"), name(&folder)) {
                    self.names.put(&entry(&mailbox, id), &name);
                }
            }
        }
        let deeper: BTreeSet<Folder> = wanted
            .into_iter()
            .filter(|folder| self.name_of(folder).is_none())
            .collect();
        let calls = mailboxes(&deeper).map(root).collect();
        for (mailbox, answer) in self.asked(calls).await {
            if let Some(id) = answer.as_ref().and_then(|folder| text(folder, "id")) {
                self.names.put(&entry(&mailbox, id), ROOT);
            }
        }
        let climbs = deeper
            .into_iter()
            .map(|folder| Climb {
                next: folder.1.clone(),
                folder,
                names: Vec::new(),
            })
            .collect();
        self.climb(climbs).await;
    }

    /// Reads folders upwards until one at the top, or one named before, is met.
    async fn climb(&self, mut climbs: Vec<Climb>) {
        for _ in 0..DEEPEST {
            if climbs.is_empty() {
                return;
            }
            let calls = climbs.iter().map(Climb::look).collect();
            let answers = self.asked(calls).await;
            let mut higher = Vec::new();
            for (mut climb, (_, answer)) in climbs.into_iter().zip(answers) {
                let read = answer.as_ref().and_then(|folder| {
                    climb.names.push(name(folder)?);
                    text(folder, "parentFolderId")
                });
                let mailbox = climb.folder.0.clone();
                match read {
                    Some(parent) if parent != climb.next => {
                        match self.name_of(&(mailbox, parent.to_owned())) {
                            Some(above) => {
                                climb.names.extend((above != ROOT).then_some(above));
                                self.keep(&climb);
                            }
                            None => {
                                parent.clone_into(&mut climb.next);
                                higher.push(climb);
                            }
                        }
                    }
                    // No way further up: the name is what is known of it.
                    _ => self.keep(&climb),
                }
            }
            climbs = higher;
        }
        climbs.iter().for_each(|climb| self.keep(climb));
    }

    fn keep(&self, climb: &Climb) {
        let names: Vec<&str> = climb.names.iter().rev().map(String::as_str).collect();
        if !names.is_empty() {
            let (mailbox, folder) = &climb.folder;
            self.names.put(&entry(mailbox, folder), &names.join("/"));
        }
    }

    /// The answers that came, with the mailbox each was asked of.
    async fn asked(&self, calls: Vec<Call>) -> Vec<(String, Option<Value>)> {
        let of: Vec<String> = calls
            .iter()
            .map(|call| call.mailbox.clone().unwrap_or_default())
            .collect();
        let answers = self.wire.batch(calls).await;
        of.into_iter()
            .zip(answers)
            .map(|(mailbox, answer)| {
                let body = answer.and_then(|answer| answer.ok(Effect::Read));
                let body = body.inspect_err(|error| {
                    tracing::debug!(%error, "a folder's name could not be read");
                });
                (mailbox, body.ok())
            })
            .collect()
    }
}

impl Climb {
    fn look(&self) -> Call {
        let key = self.folder.0.as_str();
        let path = Path::new(&["users", key, "mailFolders", &self.next])
            .ask("$select", "id,displayName,parentFolderId");
        Call::get(key, &path).of(Family::Folder)
    }
}

/// Each mailbox once.
fn mailboxes(folders: &BTreeSet<Folder>) -> impl Iterator<Item = &str> {
    let mut last = None;
    // The set is sorted by mailbox first.
    folders
        .iter()
        .map(|(mailbox, _)| mailbox.as_str())
        .filter(move |mailbox| last.replace(*mailbox) != Some(*mailbox))
}

fn top_folders(mailbox: &str) -> Call {
    let path = Path::new(&["users", mailbox, "mailFolders"])
        .ask("includeHiddenFolders", "true")
        .ask("$select", "id,displayName")
        .ask("$top", "100");
    Call::get(mailbox, &path).of(Family::Folder)
}

fn root(mailbox: &str) -> Call {
    let path = Path::new(&["users", mailbox, "mailFolders", "msgfolderroot"]).ask("$select", "id");
    Call::get(mailbox, &path).of(Family::Folder)
}

fn folder_of(seen: &Seen) -> Option<Folder> {
    let folder = seen.place.containers.first()?;
    Some((seen.locator.mailbox.key().to_owned(), folder.clone()))
}

fn entry(mailbox: &str, folder: &str) -> String {
    format!("{mailbox} {folder}")
}

fn text<'v>(folder: &'v Value, member: &str) -> Option<&'v str> {
    folder.get(member).and_then(Value::as_str)
}

/// A folder's name, without what would hide or break a line.
fn name(folder: &Value) -> Option<String> {
    let name: String = text(folder, "displayName")?
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect();
    (!name.trim().is_empty()).then_some(name)
}
