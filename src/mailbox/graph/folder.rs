//! The quarantine of a mailbox: a hidden folder beside Inbox, made when it is
//! first needed; and where its owner's own mail lies.

use std::collections::{BTreeMap, HashMap};

use graph_rs_sdk::http::Method;
use serde_json::{Value, json};

use super::{
    GraphMail,
    call::{Answer, Call},
    message,
    path::{Path, quoted},
};
use crate::{
    domain::{Locator, MailboxRef},
    mailbox::{Family, MailboxError, wire, wire::Effect},
};

impl GraphMail {
    pub(super) async fn quarantines(
        &self,
        mailboxes: &[MailboxRef],
    ) -> Vec<Result<String, MailboxError>> {
        let mut folders: HashMap<&str, Result<String, MailboxError>> = HashMap::new();
        let mut missing: BTreeMap<&str, &MailboxRef> = BTreeMap::new();
        for mailbox in mailboxes {
            match self.quarantines.get(mailbox.key()) {
                Some(folder) => drop(folders.insert(mailbox.key(), Ok(folder))),
                None => drop(missing.insert(mailbox.key(), mailbox)),
            }
        }
        let calls = missing.values().map(|mailbox| self.create(mailbox));
        let answers = self.wire.batch(calls.collect()).await;
        for ((key, mailbox), answer) in missing.into_iter().zip(answers) {
            let made = match answer {
                Ok(answer) if answer.status() == 409 => self.existing(mailbox).await,
                Ok(answer) => answer.ok(Effect::Change).and_then(|body| id(&body)),
                Err(error) => Err(error),
            };
            if let Ok(folder) = &made {
                self.quarantines.put(key, folder);
            }
            folders.insert(key, made);
        }
        mailboxes
            .iter()
            .map(|mailbox| match folders.get(mailbox.key()) {
                Some(folder) => folder.clone(),
                None => Err(MailboxError::Malformed("no answer".to_owned())),
            })
            .collect()
    }

    /// The mailboxes, each once, whose Sent Items folder is not remembered.
    pub(super) fn without_sent_folder(&self, locators: &[Locator]) -> Vec<String> {
        let mut keys: Vec<String> = locators
            .iter()
            .map(|locator| locator.mailbox.key())
            .filter(|key| self.sent_folders.get(key).is_none())
            .map(str::to_owned)
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Remembers the Sent Items folders of `keys`; gives why one is not known.
    /// A mailbox that has none is in neither: nothing in it was sent.
    pub(super) fn learn_sent_folders(
        &self,
        keys: &[String],
        answers: impl Iterator<Item = Result<Answer, MailboxError>>,
    ) -> HashMap<String, MailboxError> {
        let mut missing = HashMap::new();
        for (key, answer) in keys.iter().zip(answers) {
            let found = answer
                .and_then(|answer| answer.ok(Effect::Read))
                .and_then(|body| id(&body));
            match found {
                Ok(folder) => self.sent_folders.put(key, &folder),
                Err(MailboxError::Gone) => {}
                Err(error) => {
                    missing.insert(key.clone(), error);
                }
            }
        }
        missing
    }

    fn create(&self, mailbox: &MailboxRef) -> Call {
        let path = Path::new(&["users", mailbox.key(), "mailFolders"]);
        // Whether a folder is hidden can be set only when it is made.
        let body = json!({ "displayName": self.folder_name, "isHidden": true });
        Call::change(mailbox.key(), Method::POST, &path, body).of(Family::Folder)
    }

    /// The folder of our name that was made before.
    async fn existing(&self, mailbox: &MailboxRef) -> Result<String, MailboxError> {
        let filter = format!("displayName eq {}", quoted(&self.folder_name));
        let path = Path::new(&["users", mailbox.key(), "mailFolders"])
            .ask("includeHiddenFolders", "true")
            .ask("$filter", &filter)
            .ask("$select", "id,displayName")
            .ask("$top", "100");
        let call = Call::get(mailbox.key(), &path).of(Family::Folder);
        let mut body = self.wire.one(&call).await?.ok(Effect::Read)?;
        for _ in 0..wire::PAGE_LIMIT {
            let (folders, next) = message::page(body)?;
            let ours = folders
                .iter()
                .find(|f| f.get("displayName").and_then(Value::as_str) == Some(&self.folder_name));
            match (ours, next) {
                (Some(folder), _) => return id(folder),
                (None, Some(link)) => {
                    body = self
                        .wire
                        .page(Some(mailbox.key()), Family::Folder, &link)
                        .await?;
                }
                (None, None) => {
                    // Named as existing and not listed: being made or removed just now.
                    return Err(MailboxError::Unavailable("quarantine folder".to_owned()));
                }
            }
        }
        Err(MailboxError::Malformed("pages do not end".to_owned()))
    }
}

/// Asks for the well-known folder of what the owner sent.
pub(super) fn sent_items(key: &str) -> Call {
    let path = Path::new(&["users", key, "mailFolders", "sentitems"]).ask("$select", "id");
    Call::get(key, &path).of(Family::Folder)
}

fn id(folder: &Value) -> Result<String, MailboxError> {
    folder
        .get("id")
        .and_then(Value::as_str)
        .filter(|id| (1..=1024).contains(&id.len()))
        .map(str::to_owned)
        .ok_or_else(|| MailboxError::Malformed("folder has no id".to_owned()))
}
