//! Section `[organisation]`: whose mail this is.

use serde::Deserialize;

use super::graph::FieldError;

/// Whose mail this is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Organisation {
    /// The name in letters and in the console; also names the tenant's row, so a
    /// changed name begins with an empty history.
    pub name: String,
    /// The organisation's own mail domains, in lower case. Senders that imitate
    /// one are look-alikes; authenticated senders of one are internal.
    pub domains: Vec<String>,
    /// The ids under which the organisation's own servers write
    /// `Authentication-Results` (RFC 8601). Results under any other id are the
    /// sender's own words and count for nothing.
    pub authserv_ids: Vec<String>,
    /// The organisation's own mail servers, by name; each stands for itself and for
    /// all below it. What they write into `Received` is believed.
    pub mail_hosts: Vec<String>,
    /// Networks of those servers, as `192.0.2.0/24`.
    pub mail_networks: Vec<ipnet::IpNet>,
}

impl Default for Organisation {
    fn default() -> Self {
        Self {
            name: "My organisation".to_owned(),
            domains: Vec::new(),
            authserv_ids: Vec::new(),
            mail_hosts: Vec::new(),
            mail_networks: Vec::new(),
        }
    }
}

impl Organisation {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        let name = self.name.trim();
        if name.is_empty() || name.len() > 120 || name.chars().any(char::is_control) {
            return Err(FieldError::new(
                "organisation.name",
                "must be 1 to 120 octets without control characters",
            ));
        }
        each("organisation.domains", &self.domains, is_domain)?;
        each("organisation.authserv_ids", &self.authserv_ids, is_domain)?;
        each("organisation.mail_hosts", &self.mail_hosts, is_domain)
    }
}

fn each(field: &'static str, values: &[String], good: fn(&str) -> bool) -> Result<(), FieldError> {
    match values.iter().find(|value| !good(value)) {
        None => Ok(()),
        Some(bad) => Err(FieldError::new(
            field,
            format!("{bad:?} is not a host or domain name in lower case"),
        )),
    }
}

fn is_domain(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
        })
}
