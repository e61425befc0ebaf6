//! What both wires share: the one place that builds our own outbound client,
//! and the judgement of what an answer that did not come means.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};

use super::MailboxError;
use crate::{config::graph::FieldError, domain::MessageQuery};

/// A whole call, from connecting to the last octet of the answer.
pub const CALL_LIMIT: Duration = Duration::from_secs(90);
/// Establishing a connection.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Largest JSON answer.
pub(super) const JSON_LIMIT: usize = 32 * 1024 * 1024;
/// Largest raw message.
pub(super) const RAW_LIMIT: usize = 64 * 1024 * 1024;
/// Largest answer of a token endpoint.
pub(super) const TOKEN_LIMIT: usize = 1024 * 1024;
/// Pages followed before a paging provider is held to be looping.
pub(super) const PAGE_LIMIT: usize = 200;
/// Sent to the providers.
pub(super) const USER_AGENT: &str = concat!("unhook/", env!("CARGO_PKG_VERSION"));

/// Whether a call only looks or changes something: it decides what silence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Safe to repeat.
    Read,
    /// May have happened although no answer came.
    Change,
}

impl Effect {
    /// The request may have reached the provider, and no usable answer came.
    pub(super) fn silence(self, what: impl Into<String>) -> MailboxError {
        match self {
            Self::Read => MailboxError::Unavailable(what.into()),
            Self::Change => MailboxError::OutcomeUnknown(what.into()),
        }
    }

    /// An answer came, said that all went well, and cannot be read.
    pub(super) fn garbled(self, what: impl Into<String>) -> MailboxError {
        match self {
            Self::Read => MailboxError::Malformed(what.into()),
            Self::Change => MailboxError::OutcomeUnknown(what.into()),
        }
    }
}

/// A department as the directory names it, bounded; nothing for an empty one.
pub(super) fn department(name: String) -> Option<String> {
    let name: String = name
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect();
    (!name.is_empty()).then_some(name)
}

/// Makes the process's TLS provider aws-lc-rs if none is installed yet: the
/// providers' SDKs take the installed one.
pub(super) fn install_tls_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // A second caller at the same moment may win; either way one is installed.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    }
}

/// The client for token endpoints and the Google directory: time-outs, no redirects.
///
/// # Errors
/// Names `field` when the system's certificate store cannot be used.
pub(super) fn outbound(field: &'static str) -> Result<reqwest::Client, FieldError> {
    install_tls_provider();
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .timeout(CALL_LIMIT)
        .build()
        .map_err(|error| FieldError::new(field, format!("TLS cannot be set up: {error}")))
}

/// Reads an answer's body up to `limit` octets.
///
/// # Errors
/// [`MailboxError::Rejected`] with 413 when it is longer, `Unavailable` when it breaks off.
pub(super) async fn body(
    mut response: reqwest::Response,
    limit: usize,
) -> Result<Bytes, MailboxError> {
    let mut whole = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if whole.len() + chunk.len() > limit => return Err(too_large()),
            Ok(Some(chunk)) => whole.extend_from_slice(&chunk),
            Ok(None) => return Ok(whole.freeze()),
            Err(error) => return Err(MailboxError::Unavailable(kind(&error))),
        }
    }
}

/// The refusal of an answer that is larger than what is taken in.
pub(super) fn too_large() -> MailboxError {
    MailboxError::Rejected {
        status: 413,
        code: "answerTooLarge".to_owned(),
    }
}

/// What kind of transport error it was, without the URL it happened at.
pub(super) fn kind(error: &reqwest::Error) -> String {
    if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "time-out"
    } else {
        "connection broke off"
    }
    .to_owned()
}

/// A provider's error code fit for a row or a log line: no text that an
/// attacker could have put there.
pub(super) fn plain_code(code: &str) -> String {
    let plain: String = code
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        .take(80)
        .collect();
    if plain.is_empty() {
        "unnamed".to_owned()
    } else {
        plain
    }
}

/// A Message-ID without angle brackets, if it is one that may go into a query:
/// 1 to 998 visible ASCII characters (RFC 5322 line limit).
pub(super) fn message_id(text: &str) -> Option<&str> {
    let id = text.trim().trim_start_matches('<').trim_end_matches('>');
    let fits = (1..=998).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    fits.then_some(id)
}

/// Entries a [`Remembered`] holds at most.
const REMEMBERED: usize = 100_000;

/// A bounded memory of small facts by mailbox key. When full it starts anew:
/// every entry can be asked for again.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<HashMap<String, String>>);

impl Remembered {
    pub(super) fn get(&self, key: &str) -> Option<String> {
        self.entries().get(key).cloned()
    }

    pub(super) fn put(&self, key: &str, value: &str) {
        let mut entries = self.entries();
        if entries.len() >= REMEMBERED {
            entries.clear();
        }
        entries.insert(key.to_owned(), value.to_owned());
    }

    pub(super) fn forget(&self, key: &str) {
        self.entries().remove(key);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a refusal means where a page's token went with the call: tokens expire,
/// and the walk through the pages begins anew another time.
pub(super) fn stale_page(error: MailboxError, with_token: bool) -> MailboxError {
    match error {
        MailboxError::Rejected { status: 400, code } if with_token => {
            MailboxError::Unavailable(format!("page token refused: {code}"))
        }
        other => other,
    }
}

/// Something that holds until a time and is forgotten then.
#[derive(Debug, Default)]
pub(super) struct Until(Mutex<Option<DateTime<Utc>>>);

impl Until {
    pub(super) fn set(&self, end: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
    }

    pub(super) fn is_set(&self, now: DateTime<Utc>) -> bool {
        let end = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        end.is_some_and(|end| now < end)
    }
}

/// The answer where a query cannot be put into the provider's language: nothing
/// was asked for, or what it cannot take, which must show up as a gap and never
/// as "searched, nothing there".
pub(super) fn not_searchable<T: Default>(query: &MessageQuery) -> Result<T, MailboxError> {
    if query.is_empty() {
        return Ok(T::default());
    }
    Err(MailboxError::Rejected {
        status: 400,
        code: "this message cannot be searched for".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_is_visible_ascii_or_nothing() {
        assert_eq!(message_id(" <a@b> "), Some("a@b"));
        assert_eq!(message_id("a'b+c@d"), Some("a'b+c@d"));
        for bad in ["", "<>", "a b@c", "a\r\nb@c", "é@x", "\0@x"] {
            assert_eq!(message_id(bad), None, "{bad:?}");
        }
        assert_eq!(message_id(&"a".repeat(999)), None);
    }

    #[test]
    fn codes_carry_no_foreign_text() {
        assert_eq!(plain_code("ErrorItemNotFound"), "ErrorItemNotFound");
        assert_eq!(plain_code("<script>\n\u{202e}x"), "scriptx");
        assert_eq!(plain_code("\u{202e}"), "unnamed");
    }
}
