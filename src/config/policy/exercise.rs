//! Phishing exercises, and what tells them from the real thing.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::PolicyError;

/// The least octets of a secret that marks an exercise.
const LEAST_SECRET: usize = 16;
/// The most octets of one.
const MOST_SECRET: usize = 200;

/// How the mail of a phishing exercise is known. A header field that anyone can write
/// is never enough: a secret value of one's own, or the vendor's network as the own
/// border saw it, or a signature of the vendor's domain that held there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exercise {
    /// Whose exercise it is.
    pub vendor: String,
    /// A header field that has to be there, beginning with `x-`; case does not matter.
    pub header: Option<String>,
    /// The field's whole value: a secret of one's own, at least sixteen octets.
    pub secret: Option<String>,
    /// Networks from which the vendor sends.
    pub networks: Vec<IpNet>,
    /// Domains whose signature (DKIM) the vendor's mail bears, each with those below.
    pub dkim: Vec<String>,
}

/// Whether a value comes out of a header field as it went in.
fn is_flat(value: &str) -> bool {
    value.split_whitespace().collect::<Vec<_>>().join(" ") == value
        && !value.chars().any(char::is_control)
}

impl Exercise {
    pub(super) fn validate(&self, field: &str) -> Result<(), PolicyError> {
        let wrong = |name: &str, why: &str| Err(PolicyError::new(format!("{field}.{name}"), why));
        if self.vendor.trim().is_empty() {
            return wrong("vendor", "must say whose exercise it is");
        }
        let marked = self
            .header
            .as_deref()
            .is_none_or(|name| name.to_ascii_lowercase().starts_with("x-"));
        if !marked {
            return wrong("header", "must be a field that begins with X-");
        }
        match &self.secret {
            Some(secret) if secret.len() < LEAST_SECRET => {
                return wrong("secret", "must be at least sixteen octets");
            }
            Some(secret) if secret.len() > MOST_SECRET || !is_flat(secret) => {
                return wrong(
                    "secret",
                    "must be at most 200 octets on one line, with single blanks at most",
                );
            }
            Some(_) if self.header.is_none() => {
                return wrong("header", "must name the field that holds the secret");
            }
            Some(_) => {}
            None if self.networks.is_empty() && self.dkim.is_empty() => {
                return wrong(
                    "secret",
                    "or networks or dkim must be given: a header alone anyone can write",
                );
            }
            None => {}
        }
        let bad = |domain: &String| !domain.contains('.') || *domain != domain.to_lowercase();
        if self.dkim.iter().any(bad) {
            return wrong("dkim", "must be domains in lower case");
        }
        Ok(())
    }
}
