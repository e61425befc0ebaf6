//! The quarantine of a mailbox: a hidden label, made when it is first needed.

use std::collections::{BTreeMap, HashMap};

use google_gmail1::api::Label;

use super::{GmailMail, cost, side_by_side, wire::SCOPE};
use crate::{domain::MailboxRef, mailbox::MailboxError};

impl GmailMail {
    pub(super) async fn quarantines(
        &self,
        mailboxes: &[MailboxRef],
    ) -> Vec<Result<String, MailboxError>> {
        let each: BTreeMap<&str, &MailboxRef> = mailboxes.iter().map(|m| (m.key(), m)).collect();
        let labels = side_by_side(each.values().map(|mailbox| self.quarantine_label(mailbox)));
        let labels: HashMap<&str, _> = each.keys().copied().zip(labels.await).collect();
        mailboxes
            .iter()
            .map(|mailbox| match labels.get(mailbox.key()) {
                Some(label) => label.clone(),
                None => Err(MailboxError::Malformed("no answer".to_owned())),
            })
            .collect()
    }

    async fn quarantine_label(&self, mailbox: &MailboxRef) -> Result<String, MailboxError> {
        if let Some(label) = self.quarantines.get(mailbox.key()) {
            return Ok(label);
        }
        let label = match self.create(mailbox).await {
            Err(MailboxError::Rejected { status: 409, .. }) => self.existing(mailbox).await?,
            made => made?,
        };
        self.quarantines.put(mailbox.key(), &label);
        Ok(label)
    }

    async fn create(&self, mailbox: &MailboxRef) -> Result<String, MailboxError> {
        let made = self
            .wire
            .call(mailbox, cost::LABEL, |hub, watch| {
                let label = Label {
                    name: Some(self.label_name.clone()),
                    label_list_visibility: Some("labelHide".to_owned()),
                    message_list_visibility: Some("hide".to_owned()),
                    ..Label::default()
                };
                Box::pin(
                    hub.users()
                        .labels_create(label, mailbox.key())
                        .add_scope(SCOPE)
                        .delegate(watch)
                        .doit(),
                )
            })
            .await?;
        made.id.filter(|id| !id.is_empty()).ok_or_else(|| {
            // Made or not: asking again answers 409, and then it is looked up.
            MailboxError::OutcomeUnknown("label has no id".to_owned())
        })
    }

    async fn existing(&self, mailbox: &MailboxRef) -> Result<String, MailboxError> {
        self.labels(mailbox)
            .await?
            .into_iter()
            .find(|label| label.name.as_deref() == Some(&self.label_name))
            .and_then(|label| label.id)
            // Named as existing and not listed: being made or removed just now.
            .ok_or_else(|| MailboxError::Unavailable("quarantine label".to_owned()))
    }

    /// All labels of a mailbox, the system's included.
    pub(super) async fn labels(&self, mailbox: &MailboxRef) -> Result<Vec<Label>, MailboxError> {
        let answer = self
            .wire
            .call(mailbox, cost::LABELS, |hub, watch| {
                Box::pin(
                    hub.users()
                        .labels_list(mailbox.key())
                        .add_scope(SCOPE)
                        .delegate(watch)
                        .doit(),
                )
            })
            .await?;
        Ok(answer.labels.unwrap_or_default())
    }
}
