//! Moving copies into quarantine and back: one `modify` each, labels only.

use std::{future::ready, io::Cursor};

use google_gmail1::{
    Error,
    api::{Message, ModifyMessageRequest},
};

use super::{GmailMail, cost, message, side_by_side, wire::SCOPE};
use crate::{
    domain::{Locator, MailboxRef, Place},
    mailbox::{MailboxError, QuarantineMove, RestoreMove, Restored},
};

/// Labels that put a message where a person sees it.
const PLACING: [&str; 3] = ["INBOX", "SPAM", "TRASH"];
/// System labels beside them that a person or Gmail may change.
const STATE: [&str; 8] = [
    "UNREAD",
    "STARRED",
    "IMPORTANT",
    "CATEGORY_PERSONAL",
    "CATEGORY_SOCIAL",
    "CATEGORY_PROMOTIONS",
    "CATEGORY_UPDATES",
    "CATEGORY_FORUMS",
];

/// A label made by a person or a client of theirs.
fn is_user_label(label: &str) -> bool {
    label.starts_with("Label_")
}

/// A label that `modify` may set and take away (SENT, DRAFT, CHAT are fixed).
fn is_changeable(label: &str) -> bool {
    PLACING.contains(&label) || STATE.contains(&label) || is_user_label(label)
}

impl GmailMail {
    pub(super) async fn pull_all(
        &self,
        moves: &[QuarantineMove],
    ) -> Vec<Result<Place, MailboxError>> {
        side_by_side(moves.iter().map(|m| self.pull(m))).await
    }

    async fn pull(&self, m: &QuarantineMove) -> Result<Place, MailboxError> {
        let add = vec![m.quarantine.clone()];
        let place = match self.modify(&m.locator, add, away(m)).await {
            Err(MailboxError::Rejected { status: 400, code }) => {
                return Err(self.refused(m, code).await);
            }
            other => other?,
        };
        if place.holds(&m.quarantine) {
            Ok(place)
        } else {
            Err(MailboxError::OutcomeUnknown(
                "the answer does not show the label".to_owned(),
            ))
        }
    }

    /// A `modify` that named a label which is no more: the quarantine is made
    /// anew next time; another label was taken away by its owner meanwhile.
    async fn refused(&self, m: &QuarantineMove, code: String) -> MailboxError {
        let rejected = MailboxError::Rejected { status: 400, code };
        match self.labels(&m.locator.mailbox).await {
            Ok(labels) => {
                let has = |id: &String| labels.iter().any(|label| label.id.as_ref() == Some(id));
                if !has(&m.quarantine) {
                    self.quarantines.forget(m.locator.mailbox.key());
                    return MailboxError::Unavailable("the quarantine label is gone".to_owned());
                }
                if m.from
                    .containers
                    .iter()
                    .any(|l| is_user_label(l) && !has(l))
                {
                    return MailboxError::Unavailable("a label is gone: look again".to_owned());
                }
                rejected
            }
            Err(_) => rejected,
        }
    }

    pub(super) async fn restore_all(
        &self,
        moves: &[RestoreMove],
    ) -> Vec<Result<Restored, MailboxError>> {
        side_by_side(moves.iter().map(|m| self.put_back(m))).await
    }

    async fn put_back(&self, m: &RestoreMove) -> Result<Restored, MailboxError> {
        let mut wanted: Vec<String> =
            m.to.containers
                .iter()
                .filter(|label| is_changeable(label) && **label != m.quarantine)
                .cloned()
                .collect();
        let done = self
            .modify(&m.locator, wanted.clone(), others(&wanted, &m.quarantine))
            .await;
        let mut place = match done {
            Err(MailboxError::Rejected { status: 400, .. }) => {
                // A label of the old set may have been removed by its owner.
                let labels = self.labels(&m.locator.mailbox).await?;
                wanted.retain(|want| labels.iter().any(|label| label.id.as_ref() == Some(want)));
                let remove = others(&wanted, &m.quarantine);
                self.modify(&m.locator, wanted.clone(), remove).await?
            }
            other => other?,
        };
        let extra: Vec<String> = place
            .containers
            .iter()
            .filter(|label| is_changeable(label) && !wanted.contains(label))
            .cloned()
            .collect();
        if !extra.is_empty() {
            // Labels put on while it lay in quarantine.
            place = self.modify(&m.locator, Vec::new(), extra).await?;
        }
        Ok(Restored {
            place,
            // Labels are no folders: what is left of the old set is its place.
            fallback_to_inbox: false,
        })
    }

    async fn modify(
        &self,
        locator: &Locator,
        add: Vec<String>,
        remove: Vec<String>,
    ) -> Result<Place, MailboxError> {
        let answer = self
            .wire
            .call(&locator.mailbox, cost::MODIFY, |hub, watch| {
                let request = ModifyMessageRequest {
                    add_label_ids: Some(add.clone()),
                    remove_label_ids: Some(remove.clone()),
                };
                Box::pin(
                    hub.users()
                        .messages_modify(request, locator.mailbox.key(), locator.message())
                        .add_scope(SCOPE)
                        .delegate(watch)
                        .doit(),
                )
            })
            .await?;
        if answer.id.as_deref() != Some(locator.message()) {
            return Err(MailboxError::OutcomeUnknown(
                "the answer names another message".to_owned(),
            ));
        }
        Ok(message::place(answer.label_ids))
    }

    pub(super) async fn put(
        &self,
        mailbox: &MailboxRef,
        raw: &[u8],
    ) -> Result<Locator, MailboxError> {
        let answer = self
            .wire
            .call(mailbox, cost::INSERT, |hub, watch| {
                let metadata = Message {
                    label_ids: Some(vec!["INBOX".to_owned(), "UNREAD".to_owned()]),
                    ..Message::default()
                };
                let raw = Cursor::new(raw.to_vec());
                let call = hub
                    .users()
                    .messages_insert(metadata, mailbox.key())
                    .internal_date_source("dateHeader")
                    .add_scope(SCOPE)
                    .delegate(watch);
                match "message/rfc822".parse() {
                    Ok(kind) => Box::pin(call.upload(raw, kind)),
                    Err(_) => Box::pin(ready(Err(Error::FieldClash("media type")))),
                }
            })
            .await?;
        answer
            .id
            .and_then(|id| Locator::new(mailbox.clone(), id).ok())
            .ok_or_else(|| MailboxError::OutcomeUnknown("message has no usable id".to_owned()))
    }
}

/// What leaves with a message on its way into quarantine: every label that
/// shows it to the person. Its state stays on it.
fn away(m: &QuarantineMove) -> Vec<String> {
    let labels = m.from.containers.iter().filter(|l| is_user_label(l));
    PLACING
        .iter()
        .map(|&label| label.to_owned())
        .chain(labels.cloned())
        .filter(|label| *label != m.quarantine)
        .collect()
}

/// The labels that must not stand on a message whose set is to be `wanted`.
fn others(wanted: &[String], quarantine: &str) -> Vec<String> {
    PLACING
        .iter()
        .chain(&STATE)
        .map(|&label| label.to_owned())
        .chain([quarantine.to_owned()])
        .filter(|label| !wanted.contains(label))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_fixed_labels_stay_on_a_pulled_message() {
        let address = "a@x.example".parse().expect("address");
        let mailbox = MailboxRef::new(crate::domain::Provider::Gmail, "a@x.example", address)
            .expect("mailbox");
        let from = ["Label_2", "Label_9", "SENT", "STARRED", "UNREAD"];
        let m = QuarantineMove {
            locator: Locator::new(mailbox, "1a").expect("locator"),
            from: message::place(Some(from.iter().map(|&l| l.to_owned()).collect())),
            quarantine: "Label_9".to_owned(),
        };
        assert_eq!(away(&m), ["INBOX", "SPAM", "TRASH", "Label_2"]);
    }

    #[test]
    fn a_restore_takes_away_what_was_not_there() {
        let wanted = ["INBOX".to_owned(), "UNREAD".to_owned()];
        let remove = others(&wanted, "Label_9");
        assert!(remove.contains(&"Label_9".to_owned()) && remove.contains(&"SPAM".to_owned()));
        assert!(!remove.contains(&"INBOX".to_owned()) && !remove.contains(&"SENT".to_owned()));
    }
}
