//! What `doctor` says about the connection to Google Workspace.

use super::{GmailMail, cost, wire::SCOPE};
use crate::{
    domain::MailboxRef,
    mailbox::{Finding, MailboxError},
};

impl GmailMail {
    pub(super) async fn findings(&self) -> Vec<Finding> {
        let page = match self.directory.people(None, "1").await {
            Ok(page) => page,
            Err(error) => return vec![failed("Google directory", &error)],
        };
        let mut findings = vec![finding(
            "Google directory",
            true,
            "the service account may read users as the administrator",
        )];
        let first = page.mailboxes.first();
        findings.push(match first {
            Some(entry) => self.reach(&entry.mailbox).await,
            None => finding("Gmail", false, "the directory lists no user to try"),
        });
        if let Some(entry) = first.filter(|_| self.with_calendar) {
            findings.push(self.calendars(&entry.mailbox).await);
        }
        findings
    }

    /// Whether calendar entries can go with their invitations. Mail does not need it.
    async fn calendars(&self, mailbox: &MailboxRef) -> Finding {
        let asked = self.events_under(mailbox, "unhook-doctor").await;
        let detail = match asked {
            Ok(_) => "a calendar can be reached with calendar.events".to_owned(),
            Err(error @ MailboxError::Forbidden(_)) => format!(
                "{error}; without the scope calendar.events and the Google Calendar API the \
                 calendar entries that pulled invitations made stay where they are; it is \
                 needed for invitations only (pull.calendar)"
            ),
            // Said of mail already.
            Err(MailboxError::NoMailbox(_)) => "the first user has no account to try".to_owned(),
            Err(error) => return failed("Google calendar", &error),
        };
        finding("Google calendar", true, &detail)
    }

    async fn reach(&self, mailbox: &MailboxRef) -> Finding {
        let profile = self
            .wire
            .call(mailbox, cost::SETTING, |hub, watch| {
                Box::pin(
                    hub.users()
                        .get_profile(mailbox.key())
                        .add_scope(SCOPE)
                        .delegate(watch)
                        .doit(),
                )
            })
            .await;
        match profile {
            Ok(_) => finding("Gmail", true, "a mailbox can be reached with gmail.modify"),
            // One person without Gmail says nothing about the connection: the
            // credential was accepted.
            Err(MailboxError::NoMailbox(_)) => finding(
                "Gmail",
                true,
                "the credential is accepted; the first user of the directory has no Gmail",
            ),
            Err(error) => failed("Gmail", &error),
        }
    }
}

fn finding(subject: &str, ok: bool, detail: &str) -> Finding {
    Finding {
        subject: subject.to_owned(),
        ok,
        detail: detail.to_owned(),
    }
}

fn failed(subject: &str, error: &MailboxError) -> Finding {
    let advice = match error {
        MailboxError::Unauthorized(_) => {
            "check the key file, and that domain-wide delegation lists exactly the documented scopes"
        }
        MailboxError::Forbidden(_) => {
            "enable the API in the project and give the administrator the right"
        }
        MailboxError::NoMailbox(_) => "check google.admin_subject: no such person",
        MailboxError::Unavailable(_) => "check the network path to the endpoint",
        _ => "see the provider's status page",
    };
    finding(subject, false, &format!("{error}; {advice}"))
}
