//! Section `[watch]`: how long a pulled campaign is looked for again, and the
//! change notifications that make it quicker.

use serde::Deserialize;
use url::Url;

use super::{
    graph::{FieldError, is_loopback},
    reporters::PubSub,
};
use crate::domain::MailboxAddress;

/// The longest a campaign can be watched: 30 days.
const MOST_HOURS: u32 = 720;

/// How long a pulled campaign is looked for again.
///
/// Without an address for notifications the mailboxes are asked at intervals.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Watch {
    /// Hours from the decision to pull, at most 720; 0 watches nothing.
    pub hours: u32,
    /// The public https address of this service, to which Microsoft Graph sends
    /// change notifications (`/hooks/graph` below it).
    pub graph_notification_url: Option<Url>,
    /// The Pub/Sub topic to which Gmail tells changes: `projects/x/topics/y`.
    pub gmail_topic: Option<String>,
    /// The audience of the push subscription's tokens.
    pub gmail_push_audience: Option<String>,
    /// The service account that Pub/Sub signs its pushes as.
    pub gmail_push_account: Option<String>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            hours: 48,
            graph_notification_url: None,
            gmail_topic: None,
            gmail_push_audience: None,
            gmail_push_account: None,
        }
    }
}

impl Watch {
    /// Whether pulled campaigns are watched at all.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.hours > 0
    }

    /// What a push's token must say, where this section names it.
    pub(super) fn push(&self) -> Option<PubSub> {
        Some(PubSub {
            audience: self.gmail_push_audience.clone()?,
            email: self.gmail_push_account.clone()?,
        })
    }

    /// `pubsub` is what the pushes' tokens are verified by, from here or from the
    /// reporters' section.
    pub(super) fn validate(
        &self,
        has_graph: bool,
        has_google: bool,
        pubsub: Option<&PubSub>,
    ) -> Result<(), FieldError> {
        let wrong = |field, reason: &str| Err(FieldError::new(field, reason));
        if self.hours > MOST_HOURS {
            return wrong("watch.hours", "must be 0 to 720");
        }
        if let Some(url) = &self.graph_notification_url {
            let field = "watch.graph_notification_url";
            let plain = url.host().is_some()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none();
            let safe = url.scheme() == "https"
                || (cfg!(feature = "sim") && url.scheme() == "http" && is_loopback(url));
            if !plain || !safe {
                return wrong(field, "must be https://host[/path] and no more");
            }
            if !has_graph {
                return wrong(field, "needs the section graph");
            }
        }
        self.validate_push(has_google, pubsub)
    }

    fn validate_push(&self, has_google: bool, pubsub: Option<&PubSub>) -> Result<(), FieldError> {
        let wrong = |field, reason: &str| Err(FieldError::new(field, reason));
        match (&self.gmail_push_audience, &self.gmail_push_account) {
            (Some(_), None) => {
                return wrong(
                    "watch.gmail_push_account",
                    "is needed with gmail_push_audience",
                );
            }
            (None, Some(_)) => {
                return wrong(
                    "watch.gmail_push_audience",
                    "is needed with gmail_push_account",
                );
            }
            _ => {}
        }
        if let (Some(ours), Some(used)) = (self.push(), pubsub) {
            let address = ours.email.parse::<MailboxAddress>();
            if !address.is_ok_and(|address| address.as_str() == ours.email) {
                return wrong(
                    "watch.gmail_push_account",
                    "must be a lower-case e-mail address",
                );
            }
            if ours != *used {
                return wrong(
                    "watch.gmail_push_audience",
                    "differs from reporters.hooks.pubsub; one of both is enough",
                );
            }
        }
        let Some(topic) = &self.gmail_topic else {
            return Ok(());
        };
        if !is_topic(topic) {
            return wrong("watch.gmail_topic", "must be projects/NAME/topics/NAME");
        }
        if !has_google {
            return wrong("watch.gmail_topic", "needs the section google");
        }
        if pubsub.is_none() {
            return wrong(
                "watch.gmail_push_audience",
                "is needed with gmail_topic: pushes are believed by it",
            );
        }
        Ok(())
    }
}

/// A topic's full name, as Pub/Sub allows it.
fn is_topic(text: &str) -> bool {
    let name = |part: &str| {
        (3..=255).contains(&part.len())
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.~+%".contains(&b))
    };
    let parts: Vec<&str> = text.split('/').collect();
    matches!(parts.as_slice(), ["projects", project, "topics", topic] if name(project) && name(topic))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> &'static str {
        let section: Watch = toml::from_str(text).expect("section");
        let push = section.push();
        section
            .validate(true, true, push.as_ref())
            .expect_err("refused")
            .field
    }

    #[test]
    fn two_days_by_asking_are_the_default() {
        let section: Watch = toml::from_str("").expect("section");
        assert_eq!(section.hours, 48);
        assert_eq!(section.validate(false, false, None), Ok(()));
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        assert_eq!(refused("hours = 721"), "watch.hours");
        let url = "watch.graph_notification_url";
        assert_eq!(refused("graph_notification_url = 'http://a.example'"), url);
        assert_eq!(
            refused("graph_notification_url = 'https://a.example/?x=1'"),
            url
        );
        assert_eq!(refused("gmail_topic = 'topics/y'"), "watch.gmail_topic");
        assert_eq!(
            refused("gmail_topic = 'projects/p-1/topics/../x'"),
            "watch.gmail_topic"
        );
        assert_eq!(
            refused("gmail_topic = 'projects/p-1/topics/top'"),
            "watch.gmail_push_audience"
        );
        assert_eq!(
            refused("gmail_push_audience = 'a'"),
            "watch.gmail_push_account"
        );
        let both = "gmail_push_audience = 'https://a.example/hooks/gmail'\n\
                    gmail_push_account = 'push@p-1.iam.gserviceaccount.com'";
        let topic = "gmail_topic = 'projects/p-1/topics/top'";
        let section: Watch = toml::from_str(&format!("{both}\n{topic}")).expect("section");
        let push = section.push();
        assert_eq!(section.validate(true, true, push.as_ref()), Ok(()));
        let missing = section.validate(true, false, push.as_ref());
        assert_eq!(missing.expect_err("no google").field, "watch.gmail_topic");
    }
}
