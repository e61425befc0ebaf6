//! One request to Graph and one answer, alone or as a part of a `$batch`.

use std::time::Duration;

use graph_rs_sdk::http::Method;
use serde_json::{Value, json};

use super::{path::Path, refusal};
use crate::mailbox::{Family, MailboxError, wire::Effect};

/// Immutable ids survive the move into quarantine.
pub(super) const PREFER: &str = "IdType=\"ImmutableId\"";

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The mailbox whose lane it takes; none for the directory.
    pub(super) mailbox: Option<String>,
    pub(super) family: Family,
    /// What it costs in the units of its family: a call, or resource units.
    pub(super) cost: u32,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    pub(super) effect: Effect,
}

/// One answer, of whatever status.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) wait: Option<Duration>,
    pub(super) body: Value,
}

impl Call {
    /// A look at something in a mailbox.
    pub(super) fn get(mailbox: &str, path: &Path) -> Self {
        Self {
            family: Family::Look,
            ..Self::new(Some(mailbox), Method::GET, path, None, Effect::Read)
        }
    }

    /// The same as a call of another family.
    pub(super) const fn of(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// A question to the tenant that is asked with a body.
    pub(super) fn ask(family: Family, path: &Path, body: Value) -> Self {
        Self {
            family,
            ..Self::new(None, Method::POST, path, Some(body), Effect::Read)
        }
    }

    pub(super) fn change(mailbox: &str, method: Method, path: &Path, body: Value) -> Self {
        Self::new(Some(mailbox), method, path, Some(body), Effect::Change)
    }

    /// Takes something out of a mailbox.
    pub(super) fn remove(mailbox: &str, path: &Path) -> Self {
        Self::new(Some(mailbox), Method::DELETE, path, None, Effect::Change)
    }

    /// The same at another price.
    pub(super) const fn costing(mut self, cost: u32) -> Self {
        self.cost = cost;
        self
    }

    /// A look into the directory.
    pub(super) fn directory(path: &Path) -> Self {
        Self {
            family: Family::Directory,
            ..Self::new(None, Method::GET, path, None, Effect::Read)
        }
    }

    fn new(
        mailbox: Option<&str>,
        method: Method,
        path: &Path,
        body: Option<Value>,
        effect: Effect,
    ) -> Self {
        Self {
            mailbox: mailbox.map(str::to_owned),
            family: Family::Change,
            cost: 1,
            method,
            path: path.as_str().to_owned(),
            body,
            effect,
        }
    }

    pub(super) fn part(&self, id: usize) -> Value {
        let mut headers = json!({ "Prefer": PREFER });
        if let (Some(_), Some(map)) = (&self.body, headers.as_object_mut()) {
            map.insert("Content-Type".to_owned(), json!("application/json"));
        }
        let mut part = json!({
            "id": id.to_string(),
            "method": self.method.as_str(),
            "url": self.path,
            "headers": headers,
        });
        if let (Some(body), Some(map)) = (&self.body, part.as_object_mut()) {
            map.insert("body".to_owned(), body.clone());
        }
        part
    }
}

impl Answer {
    /// The body of a 2xx answer.
    pub(super) fn ok(self, effect: Effect) -> Result<Value, MailboxError> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        Err(refusal::meaning(self.status, &self.body, self.wait, effect))
    }

    pub(super) const fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn code(&self) -> &str {
        refusal::code(&self.body)
    }
}
