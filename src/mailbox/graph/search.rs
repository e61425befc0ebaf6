//! Looking for messages: by item id, by Message-ID, by what they hold, in Sent
//! Items, by locator.

use std::collections::HashSet;

use futures::future::join_all;

use super::{
    GraphMail,
    call::{Answer, Call},
    folder,
    message::{self, FIELDS_AND_BODY, LOOK_FIELDS, MARKS},
    path::Path,
    query::{self, Asked, SHOWN},
};
use crate::{
    domain::{Locator, MailboxRef, MessageQuery},
    mailbox::{
        Family, Found, ItemHint, MailboxError, Seen,
        wire::{self, Effect},
    },
};

/// Hits on one page: they come with their bodies.
const TOP: &str = "25";
/// What the owner deleted for good, until it is purged.
const RECOVERABLE: &str = "recoverableitemsdeletions";

impl GraphMail {
    pub(super) async fn search_all(
        &self,
        mailboxes: &[MailboxRef],
        query: &MessageQuery,
    ) -> Vec<Result<Found, MailboxError>> {
        let compiled = query::compile(query);
        let Some(asked) = compiled.asked else {
            return mailboxes
                .iter()
                .map(|_| wire::not_searchable(query))
                .collect();
        };
        let folders: &[Option<&str>] = match (query.sent_only, query.recoverable) {
            (true, _) => &[Some("sentitems")],
            (false, false) => &[None],
            (false, true) => &[None, Some(RECOVERABLE)],
        };
        let calls = mailboxes
            .iter()
            .flat_map(|mailbox| folders.iter().map(|folder| call(mailbox, *folder, &asked)))
            .collect();
        let mut answers = self.wire.batch(calls).await.into_iter();
        let rest = mailboxes.iter().map(|mailbox| {
            let firsts: Vec<_> = answers.by_ref().take(folders.len()).collect();
            self.found(mailbox, folders, firsts)
        });
        let rest: Vec<_> = rest.collect();
        let mut found = join_all(rest).await;
        for found in found.iter_mut().flatten() {
            found.truncated |= !compiled.whole;
            if matches!(asked, Asked::Words(_)) {
                found.truncated |= found.seen.len() >= SHOWN;
                found.seen.retain(|seen| query.covers(seen.received));
            }
        }
        found
    }

    /// The hits of one mailbox from the first pages of its folders.
    async fn found(
        &self,
        mailbox: &MailboxRef,
        folders: &[Option<&str>],
        firsts: Vec<Result<Answer, MailboxError>>,
    ) -> Result<Found, MailboxError> {
        let mut seen = Vec::new();
        for (folder, first) in folders.iter().zip(firsts) {
            match self.rest(mailbox, first).await {
                Ok(hits) => seen.extend(hits),
                // Not every mailbox has such a folder.
                Err(MailboxError::Gone) if *folder == Some(RECOVERABLE) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Found {
            seen,
            truncated: false,
        })
    }

    /// The hits of the first page and of those after it, each once.
    async fn rest(
        &self,
        mailbox: &MailboxRef,
        first: Result<Answer, MailboxError>,
    ) -> Result<Vec<Seen>, MailboxError> {
        let (mut items, mut next) = message::page(first?.ok(Effect::Read)?)?;
        let mut followed: Vec<String> = Vec::new();
        while let Some(link) = next {
            if followed.contains(&link) || followed.len() >= wire::PAGE_LIMIT {
                return Err(MailboxError::Malformed("pages do not end".to_owned()));
            }
            let key = Some(mailbox.key());
            let body = self.wire.page(key, Family::Search, &link).await?;
            followed.push(link);
            let (more, after) = message::page(body)?;
            items.extend(more);
            next = after;
        }
        let mut known = HashSet::new();
        let mut hits = Vec::with_capacity(items.len());
        for item in items {
            let seen = message::seen(mailbox, item)?;
            if known.insert(seen.locator.message().to_owned()) {
                hits.push(seen);
            }
        }
        Ok(hits)
    }

    pub(super) async fn find_item(
        &self,
        mailbox: &MailboxRef,
        hint: &ItemHint,
    ) -> Result<Vec<Seen>, MailboxError> {
        if let Some(locator) = hint.item_id.as_deref().and_then(|id| rest_id(mailbox, id)) {
            match self.wire.one(&look(&locator)).await?.hint_body()? {
                Some(body) => return Ok(vec![message::seen(mailbox, body)?]),
                None => tracing::debug!("the hinted item is not in the mailbox"),
            }
        }
        let Some(asked) = hint.internet_message_id.as_deref().and_then(query::of_id) else {
            return Ok(Vec::new());
        };
        let call = call(mailbox, None, &asked);
        self.rest(mailbox, self.wire.one(&call).await).await
    }

    pub(super) async fn inspect_all(
        &self,
        locators: &[Locator],
    ) -> Vec<Result<Option<Seen>, MailboxError>> {
        let asked = self.without_sent_folder(locators);
        let calls = locators
            .iter()
            .map(look)
            .chain(asked.iter().map(|key| folder::sent_items(key)))
            .collect();
        let mut answers = self.wire.batch(calls).await.into_iter();
        let looks: Vec<_> = answers.by_ref().take(locators.len()).collect();
        let missing = self.learn_sent_folders(&asked, answers);
        let mut seen: Vec<Result<Option<Seen>, MailboxError>> = locators
            .iter()
            .zip(looks)
            .map(|(locator, answer)| {
                let body = match answer?.ok(Effect::Read) {
                    Ok(body) => body,
                    Err(MailboxError::Gone) => return Ok(None),
                    Err(error) => return Err(error),
                };
                let key = locator.mailbox.key();
                let mut seen = message::seen(&locator.mailbox, body)?;
                if seen.locator != *locator {
                    return Err(MailboxError::Malformed(
                        "another message was handed back".to_owned(),
                    ));
                }
                seen.sent = match (self.sent_folders.get(key), missing.get(key)) {
                    (Some(folder), _) => seen.place.holds(&folder),
                    // Not known where the owner's own mail lies: look again.
                    (None, Some(error)) => return Err(error.clone()),
                    (None, None) => false,
                };
                Ok(Some(seen))
            })
            .collect();
        // A pull is made of what is seen here, and keeps the place with its name.
        self.name_places(&mut seen).await;
        seen
    }
}

impl Answer {
    /// The body of a look at an unproven id: an id that Graph cannot read, or
    /// that is nothing's, is no failure.
    fn hint_body(self) -> Result<Option<serde_json::Value>, MailboxError> {
        if self.status() == 400 && self.code().starts_with("ErrorInvalid") {
            return Ok(None);
        }
        match self.ok(Effect::Read) {
            Ok(body) => Ok(Some(body)),
            Err(MailboxError::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A REST id; EWS ids differ from it in two characters only.
fn rest_id(mailbox: &MailboxRef, id: &str) -> Option<Locator> {
    let id = id.trim().replace('/', "-").replace('+', "_");
    Locator::new(mailbox.clone(), id).ok()
}

fn look(locator: &Locator) -> Call {
    let key = locator.mailbox.key();
    let path = Path::new(&["users", key, "messages", locator.message()])
        .ask("$select", LOOK_FIELDS)
        .ask("$expand", MARKS);
    Call::get(key, &path)
}

fn call(mailbox: &MailboxRef, folder: Option<&str>, asked: &Asked) -> Call {
    let key = mailbox.key();
    let path = match folder {
        Some(folder) => Path::new(&["users", key, "mailFolders", folder, "messages"]),
        None => Path::new(&["users", key, "messages"]),
    };
    let path = match asked {
        Asked::Filter(filter) => path.ask("$filter", filter),
        Asked::Words(words) => path.ask("$search", words),
    };
    let path = path
        .ask("$select", FIELDS_AND_BODY)
        .ask("$expand", MARKS)
        .ask("$top", TOP);
    Call::get(key, &path).of(Family::Search)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Provider;

    #[test]
    fn an_ews_id_becomes_a_rest_id_and_a_path_becomes_nothing() {
        let address = "a@x.example".parse().expect("address");
        let mailbox = MailboxRef::new(Provider::Graph, "guid", address).expect("mailbox");
        assert_eq!(
            rest_id(&mailbox, " AAMk/x+y= ").map(|l| l.message().to_owned()),
            Some("AAMk-x_y=".to_owned())
        );
        assert_eq!(rest_id(&mailbox, "../../users"), None);
        assert_eq!(rest_id(&mailbox, "a?b"), None);
    }
}
