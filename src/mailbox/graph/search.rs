//! Looking for messages: by item id, by Message-ID, in Sent Items, by locator.

use chrono::SecondsFormat;

use super::{
    GraphMail,
    call::{Answer, Call},
    folder,
    message::{self, FIELDS, FIELDS_AND_BODY},
    path::{Path, quoted},
};
use crate::{
    domain::{Locator, MailboxRef, MessageQuery},
    mailbox::{
        ItemHint, MailboxError, Seen,
        wire::{self, Effect},
    },
};

/// Hits on one page.
const TOP: &str = "50";

impl GraphMail {
    pub(super) async fn search_all(
        &self,
        mailboxes: &[MailboxRef],
        query: &MessageQuery,
    ) -> Vec<Result<Vec<Seen>, MailboxError>> {
        let calls: Option<Vec<Call>> = mailboxes.iter().map(|m| search_call(m, query)).collect();
        let Some(calls) = calls else {
            // Nothing that this provider can look for.
            return mailboxes
                .iter()
                .map(|_| crate::mailbox::wire::not_searchable(query))
                .collect();
        };
        let firsts = self.wire.batch(calls).await;
        let mut found = Vec::with_capacity(mailboxes.len());
        for (mailbox, first) in mailboxes.iter().zip(firsts) {
            found.push(self.rest(mailbox, first).await);
        }
        found
    }

    /// The hits of the first page and of those after it.
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
            let body = self.wire.page(Some(mailbox.key()), &link, false).await?;
            followed.push(link);
            let (more, after) = message::page(body)?;
            items.extend(more);
            next = after;
        }
        items
            .into_iter()
            .map(|item| message::seen(mailbox, item))
            .collect()
    }

    pub(super) async fn find_item(
        &self,
        mailbox: &MailboxRef,
        hint: &ItemHint,
    ) -> Result<Vec<Seen>, MailboxError> {
        if let Some(locator) = hint.item_id.as_deref().and_then(|id| rest_id(mailbox, id)) {
            match self.wire.one(&look(&locator, FIELDS)).await?.hint_body()? {
                Some(body) => return Ok(vec![message::seen(mailbox, body)?]),
                None => tracing::debug!("the hinted item is not in the mailbox"),
            }
        }
        let Some(id) = hint
            .internet_message_id
            .as_deref()
            .and_then(wire::message_id)
        else {
            return Ok(Vec::new());
        };
        let call = by_message_ids(mailbox, &[id]);
        self.rest(mailbox, self.wire.one(&call).await).await
    }

    pub(super) async fn inspect_all(
        &self,
        locators: &[Locator],
    ) -> Vec<Result<Option<Seen>, MailboxError>> {
        let asked = self.without_sent_folder(locators);
        let calls = locators
            .iter()
            .map(|l| look(l, FIELDS_AND_BODY))
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

fn look(locator: &Locator, fields: &str) -> Call {
    let key = locator.mailbox.key();
    let path = Path::new(&["users", key, "messages", locator.message()]).ask("$select", fields);
    Call::get(key, &path)
}

fn search_call(mailbox: &MailboxRef, query: &MessageQuery) -> Option<Call> {
    if query.sent_only {
        return Some(sent_since(mailbox, query));
    }
    let ids: Vec<&str> = query
        .message_ids
        .iter()
        .filter_map(|id| wire::message_id(id))
        .collect();
    (!ids.is_empty()).then(|| by_message_ids(mailbox, &ids))
}

fn by_message_ids(mailbox: &MailboxRef, ids: &[&str]) -> Call {
    // The angle brackets are part of the stored value.
    let filter = ids
        .iter()
        .map(|id| format!("internetMessageId eq {}", quoted(&format!("<{id}>"))))
        .collect::<Vec<_>>()
        .join(" or ");
    let path = Path::new(&["users", mailbox.key(), "messages"])
        .ask("$filter", &filter)
        .ask("$select", FIELDS)
        .ask("$top", TOP);
    Call::get(mailbox.key(), &path)
}

fn sent_since(mailbox: &MailboxRef, query: &MessageQuery) -> Call {
    let since = query.after.to_rfc3339_opts(SecondsFormat::Secs, true);
    let path = Path::new(&[
        "users",
        mailbox.key(),
        "mailFolders",
        "sentitems",
        "messages",
    ])
    .ask("$filter", &format!("receivedDateTime ge {since}"))
    .ask("$select", FIELDS_AND_BODY)
    .ask("$top", TOP);
    Call::get(mailbox.key(), &path)
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
