//! Looking for messages: listing, and one message whole.

use std::collections::HashSet;

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use chrono::DateTime;
use google_gmail1::{
    api::Message,
    common::{self, Response},
};
use serde_json::Value;

use super::{GmailMail, cost, query, side_by_side, wire::SCOPE};
use crate::{
    domain::{Locator, MailboxRef, MessageQuery, Place},
    mailbox::{Content, Found, ItemHint, MailboxError, Seen, wire},
};

/// Messages on one page (documented maximum).
const PAGE: u32 = 500;
/// Hits by Message-ID that are looked at when a reported item is sought.
const HITS: usize = 20;

/// The label of what the owner sent; nobody can put it on or take it off.
const SENT: &str = "SENT";

/// Padding as it comes: Google pads today and documents nothing.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

impl GmailMail {
    pub(super) async fn search_all(
        &self,
        mailboxes: &[MailboxRef],
        query: &MessageQuery,
    ) -> Vec<Result<Found, MailboxError>> {
        let compiled = query::compile(query);
        let Some(search) = compiled.search else {
            return mailboxes
                .iter()
                .map(|_| wire::not_searchable(query))
                .collect();
        };
        let calls = mailboxes
            .iter()
            .map(|mailbox| self.listed(mailbox, &search));
        let found = side_by_side(calls).await.into_iter();
        found
            .map(|seen| {
                seen.map(|seen| Found {
                    seen,
                    truncated: !compiled.whole,
                })
            })
            .collect()
    }

    /// Every message that a search finds; nothing but its id is known of it.
    async fn listed(&self, mailbox: &MailboxRef, search: &str) -> Result<Vec<Seen>, MailboxError> {
        let mut found = Vec::new();
        let mut known = HashSet::new();
        let mut token: Option<String> = None;
        for _ in 0..wire::PAGE_LIMIT {
            let page = self
                .wire
                .call(mailbox, cost::LIST, |hub, watch| {
                    let mut call = hub
                        .users()
                        .messages_list(mailbox.key())
                        .q(search)
                        .include_spam_trash(true)
                        .max_results(PAGE)
                        .add_scope(SCOPE)
                        .delegate(watch);
                    if let Some(token) = &token {
                        call = call.page_token(token);
                    }
                    Box::pin(call.doit())
                })
                .await
                .map_err(|error| wire::stale_page(error, token.is_some()))?;
            for message in page.messages.unwrap_or_default() {
                let seen = unread(mailbox, message)?;
                if known.insert(seen.locator.message().to_owned()) {
                    found.push(seen);
                }
            }
            match page.next_page_token.filter(|next| !next.is_empty()) {
                None => return Ok(found),
                Some(next) if token.as_ref() == Some(&next) => break,
                Some(next) => token = Some(next),
            }
        }
        Err(MailboxError::Malformed("pages do not end".to_owned()))
    }

    pub(super) async fn find_item(
        &self,
        mailbox: &MailboxRef,
        hint: &ItemHint,
    ) -> Result<Vec<Seen>, MailboxError> {
        if let Some(locator) = hint.item_id.as_deref().and_then(|id| item(mailbox, id)) {
            match self.look(&locator).await {
                Ok(Some(seen)) => return Ok(vec![seen]),
                // An id that Gmail cannot read is nobody's: the hint is unproven.
                Ok(None) | Err(MailboxError::Rejected { status: 400, .. }) => {
                    tracing::debug!("the hinted item is not in the mailbox");
                }
                Err(error) => return Err(error),
            }
        }
        let Some(search) = hint.internet_message_id.as_deref().and_then(query::by_id) else {
            return Ok(Vec::new());
        };
        let hits = self.listed(mailbox, &search).await?;
        let mut found = Vec::new();
        for hit in hits.into_iter().take(HITS) {
            found.extend(self.look(&hit.locator).await?);
        }
        Ok(found)
    }

    pub(super) async fn inspect_all(
        &self,
        locators: &[Locator],
    ) -> Vec<Result<Option<Seen>, MailboxError>> {
        side_by_side(locators.iter().map(|locator| self.look(locator))).await
    }

    /// What stands at a locator, whole.
    pub(super) async fn look(&self, locator: &Locator) -> Result<Option<Seen>, MailboxError> {
        let message = match self.whole(locator).await {
            Ok(message) => message,
            Err(MailboxError::Gone) => return Ok(None),
            Err(error) => return Err(error),
        };
        let number = |id: &str| u64::from_str_radix(id, 16).ok();
        if message.id.as_deref().and_then(number) != number(locator.message()) {
            return Err(MailboxError::Malformed(
                "another message was handed back".to_owned(),
            ));
        }
        let received = message
            .internal_date
            .and_then(DateTime::from_timestamp_millis);
        let place = place(message.label_ids);
        Ok(Some(Seen {
            locator: locator.clone(),
            sent: place.holds(SENT),
            place,
            received,
            has_attachments: false,
            reply_state: None,
            network_message_id: None,
            content: Content::Raw(raw(message.raw)?),
        }))
    }

    pub(super) async fn raw_of(&self, locator: &Locator) -> Result<Bytes, MailboxError> {
        raw(self.whole(locator).await?.raw)
    }

    async fn whole(&self, locator: &Locator) -> Result<Message, MailboxError> {
        self.wire
            .call(&locator.mailbox, cost::GET, |hub, watch| {
                let call = hub
                    .users()
                    .messages_get(locator.mailbox.key(), locator.message())
                    .format("raw")
                    .add_scope(SCOPE)
                    .delegate(watch);
                Box::pin(async move { call.doit().await.or_else(unpadded) })
            })
            .await
    }
}

/// The SDK refuses unpadded base64; its error hands the answer out.
#[expect(
    clippy::result_large_err,
    reason = "the SDK's own error, passed through"
)]
fn unpadded(error: common::Error) -> common::Result<(Response, Message)> {
    let common::Error::JsonDecodeError(text, cause) = error else {
        return Err(error);
    };
    let decoded = serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|mut value| {
            let raw = value.as_object_mut()?.remove("raw")?;
            let raw = LENIENT.decode(raw.as_str()?).ok()?;
            let mut message: Message = serde_json::from_value(value).ok()?;
            message.raw = Some(raw);
            Some(message)
        });
    match decoded {
        Some(message) => Ok((Response::default(), message)),
        None => Err(common::Error::JsonDecodeError(text, cause)),
    }
}

fn raw(raw: Option<Vec<u8>>) -> Result<Bytes, MailboxError> {
    match raw {
        Some(raw) if raw.len() > wire::RAW_LIMIT => Err(wire::too_large()),
        Some(raw) => Ok(raw.into()),
        None => Err(MailboxError::Malformed(
            "message has no raw form".to_owned(),
        )),
    }
}

fn unread(mailbox: &MailboxRef, message: Message) -> Result<Seen, MailboxError> {
    let malformed = || MailboxError::Malformed("message has no usable id".to_owned());
    let id = message.id.ok_or_else(malformed)?;
    Ok(Seen {
        locator: Locator::new(mailbox.clone(), id).map_err(|_| malformed())?,
        place: Place {
            containers: Vec::new(),
            names: Vec::new(),
            read: false,
            flagged: false,
            categories: Vec::new(),
        },
        received: None,
        sent: false,
        has_attachments: false,
        reply_state: None,
        network_message_id: None,
        content: Content::Unread,
    })
}

/// The labels as a place.
pub(super) fn place(labels: Option<Vec<String>>) -> Place {
    let mut containers = labels.unwrap_or_default();
    containers.sort_unstable();
    containers.dedup();
    Place {
        read: !containers.iter().any(|label| label == "UNREAD"),
        flagged: containers.iter().any(|label| label == "STARRED"),
        containers,
        names: Vec::new(),
        categories: Vec::new(),
    }
}

/// An API id (hexadecimal), or the decimal form that Gmail's pages use.
fn item(mailbox: &MailboxRef, id: &str) -> Option<Locator> {
    let id = id.trim().trim_start_matches('#');
    let id = match id.strip_prefix("msg-f:") {
        Some(decimal) => format!("{:x}", decimal.parse::<u64>().ok()?),
        None => id.to_owned(),
    };
    let plausible = (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    plausible.then_some(())?;
    Locator::new(mailbox.clone(), id).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Provider;

    #[test]
    fn a_hinted_id_is_an_api_id_or_a_decimal_or_nothing() {
        let address = "a@x.example".parse().expect("address");
        let mailbox = MailboxRef::new(Provider::Gmail, "a@x.example", address).expect("mailbox");
        let id = |text: &str| item(&mailbox, text).map(|l| l.message().to_owned());
        assert_eq!(
            id("msg-f:1801234567890123456").as_deref(),
            Some("18ff454bd03ebac0")
        );
        assert_eq!(id("18ff454bd03ebac0").as_deref(), Some("18ff454bd03ebac0"));
        for bad in [
            "",
            "msg-f:",
            "msg-f:99999999999999999999",
            "msg-a:r1",
            "a/trash",
            "..",
            "a?x",
        ] {
            assert_eq!(id(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_unpadded_raw_message_is_read_all_the_same() {
        let text = r#"{"id":"1","labelIds":["INBOX"],"internalDate":"5","raw":"YQ"}"#;
        let cause = serde_json::from_str::<u8>("x").expect_err("error");
        let error = common::Error::JsonDecodeError(text.to_owned(), cause);
        let (_, message) = unpadded(error).expect("message");
        assert_eq!(message.raw.as_deref(), Some(&b"a"[..]));
        assert_eq!(message.internal_date, Some(5));
    }

    #[test]
    fn labels_tell_the_state() {
        let seen = place(Some(vec!["UNREAD".into(), "INBOX".into()]));
        assert_eq!(seen.containers, ["INBOX", "UNREAD"]);
        assert!(!seen.read && !seen.flagged);
        assert!(place(None).read);
    }
}
