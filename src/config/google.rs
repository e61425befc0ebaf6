//! Section `google`: the connection to Google Workspace.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::graph::{FieldError, container_name, endpoint};
use crate::domain::MailboxAddress;

/// Section `google`. Present when the organisation has Gmail mailboxes. The
/// service account needs domain-wide delegation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Google {
    /// The service account's JSON key file.
    #[serde(default)]
    pub service_account_file: Option<PathBuf>,
    /// The service account's JSON key itself; prefer the file.
    #[serde(default)]
    pub service_account: Option<SecretString>,
    /// An administrator's address that the directory is read as; read-only
    /// rights to users and groups suffice.
    pub admin_subject: MailboxAddress,
    /// The customer whose users are listed; `my_customer` is the administrator's own.
    #[serde(default = "default_customer")]
    pub customer: String,
    /// Root that replaces `https://gmail.googleapis.com`, `https://admin.googleapis.com`
    /// and `https://www.googleapis.com`. Other hosts than `*.googleapis.com` are
    /// refused; builds with the simulated tenant also take a loopback address.
    #[serde(default)]
    pub base_url: Option<Url>,
    /// Replaces the key's `token_uri`, under the same rule.
    #[serde(default)]
    pub token_url: Option<Url>,
    /// Name of the hidden quarantine label, 1 to 120 characters.
    #[serde(default = "default_quarantine")]
    pub quarantine_label: String,
}

/// Hosts that a base URL or token URL may have.
pub(crate) const GOOGLE_HOSTS: [&str; 2] = [".googleapis.com", "accounts.google.com"];

fn default_customer() -> String {
    "my_customer".to_owned()
}

fn default_quarantine() -> String {
    "Unhook Quarantine".to_owned()
}

impl Google {
    /// Checks every field without touching the network or any file.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn validate(&self) -> Result<(), FieldError> {
        if self.service_account.is_some() == self.service_account_file.is_some() {
            return Err(FieldError::new(
                "google.service_account_file",
                "give exactly one of service_account_file and service_account",
            ));
        }
        let customer = &self.customer;
        if customer.is_empty()
            || customer.len() > 64
            || !customer
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            return Err(FieldError::new(
                "google.customer",
                "must be my_customer or a customer id such as C01abcdef",
            ));
        }
        if let Some(url) = &self.base_url {
            endpoint("google.base_url", url, &GOOGLE_HOSTS)?;
        }
        if let Some(url) = &self.token_url {
            endpoint("google.token_url", url, &GOOGLE_HOSTS)?;
        }
        container_name("google.quarantine_label", &self.quarantine_label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(extra: &str) -> Option<&'static str> {
        let google: Google = toml::from_str(&format!(
            "service_account_file = '/k.json'\nadmin_subject = 'a@x.example'\n{extra}"
        ))
        .expect("section");
        google.validate().err().map(|error| error.field)
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        assert_eq!(refused(""), None);
        assert_eq!(refused("base_url = 'https://private.googleapis.com'"), None);
        assert_eq!(
            refused("base_url = 'https://evilgoogleapis.com'"),
            Some("google.base_url")
        );
        assert_eq!(
            refused("token_url = 'http://oauth2.googleapis.com/token'"),
            Some("google.token_url")
        );
        assert_eq!(refused("customer = 'a&b'"), Some("google.customer"));
        assert_eq!(
            refused("service_account = '{}'"),
            Some("google.service_account_file")
        );
    }

    #[test]
    fn loopback_is_taken_only_with_the_simulated_tenant() {
        let verdict = refused("base_url = 'http://127.0.0.1:9'");
        let expected = if cfg!(feature = "sim") {
            None
        } else {
            Some("google.base_url")
        };
        assert_eq!(verdict, expected);
    }
}
