//! Lists of senders, and people whose names strangers like to borrow.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::PolicyError;

/// A person whose name strangers like to borrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vip {
    /// The name as it stands in mail, e.g. `Erika Mustermann`.
    pub name: String,
    /// The person's addresses, lower case; mail from them is the person's own.
    pub addresses: Vec<String>,
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// An address, or a domain that stands for itself and everything below it.
    pub sender: String,
    /// When the entry ends; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// Why it is there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Listed {
    pub(super) fn validate(&self, field: &str) -> Result<(), PolicyError> {
        let domain = self.sender.rsplit('@').next().unwrap_or_default();
        let good = domain.contains('.')
            && !domain.starts_with('.')
            && self.sender.matches('@').count() <= 1
            && !self.sender.starts_with('@')
            && self.sender == self.sender.to_lowercase()
            && !self.sender.contains(char::is_whitespace);
        if good {
            return Ok(());
        }
        Err(PolicyError::new(
            format!("{field}.sender"),
            "must be an address or a domain with a dot in it, in lower case",
        ))
    }

    /// Whether it speaks of an address, at a time.
    #[must_use]
    pub fn covers(&self, address: &str, now: DateTime<Utc>) -> bool {
        if self.until.is_some_and(|until| until <= now) {
            return false;
        }
        if self.sender.contains('@') {
            return self.sender == address;
        }
        let domain = address.rsplit('@').next().unwrap_or_default();
        is_below(domain, &self.sender)
    }
}

/// Whether a domain is another or lies below it.
#[must_use]
pub fn is_below(domain: &str, above: &str) -> bool {
    domain == above
        || domain
            .strip_suffix(above)
            .is_some_and(|head| head.ends_with('.'))
}

impl Vip {
    pub(super) fn validate(&self, field: &str) -> Result<(), PolicyError> {
        if self.name.split_whitespace().count() < 2 {
            let why = "must hold a first and a last name: one word alone is everybody's";
            return Err(PolicyError::new(format!("{field}.name"), why));
        }
        if self.addresses.iter().any(|a| !a.contains('@')) || self.addresses.is_empty() {
            let why = "must hold the person's addresses";
            return Err(PolicyError::new(format!("{field}.addresses"), why));
        }
        if self.addresses.iter().any(|a| *a != a.to_lowercase()) {
            let why = "must be in lower case";
            return Err(PolicyError::new(format!("{field}.addresses"), why));
        }
        Ok(())
    }
}
