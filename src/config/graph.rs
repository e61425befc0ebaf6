//! Section `graph`: the connection to Microsoft 365.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// A setting that cannot be used, by its full name.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{field}: {reason}")]
pub struct FieldError {
    /// Section and field, e.g. `graph.base_url`.
    pub field: &'static str,
    /// What is wrong and what would be right. Never holds a secret.
    pub reason: String,
}

impl FieldError {
    pub(crate) fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self {
            field,
            reason: reason.into(),
        }
    }
}

/// Section `graph`. Present when the organisation has Microsoft 365 mailboxes.
///
/// Exactly one credential: a client secret (value or file), or a certificate
/// with its private key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// The Entra tenant: its GUID or a verified domain.
    pub tenant_id: String,
    /// Application (client) id of the app registration.
    pub client_id: String,
    /// Client secret; prefer the file.
    #[serde(default)]
    pub client_secret: Option<SecretString>,
    /// File that holds the client secret, trailing white space ignored.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// PEM file of the certificate that is uploaded to the app registration.
    #[serde(default)]
    pub certificate_file: Option<PathBuf>,
    /// PEM file of the certificate's RSA private key.
    #[serde(default)]
    pub private_key_file: Option<PathBuf>,
    /// Root of Graph v1.0. Only the global and national clouds are accepted;
    /// builds with the simulated tenant also take a loopback address.
    #[serde(default = "default_base_url")]
    pub base_url: Url,
    /// Root of the token endpoint, `{authority_url}/{tenant_id}/oauth2/v2.0/token`.
    #[serde(default = "default_authority_url")]
    pub authority_url: Url,
    /// Display name of the hidden quarantine folder, 1 to 120 characters.
    #[serde(default = "default_quarantine")]
    pub quarantine_folder: String,
}

/// Hosts of Microsoft Graph: global, US government, DoD, Germany, China.
const GRAPH_HOSTS: [&str; 5] = [
    "graph.microsoft.com",
    "graph.microsoft.us",
    "dod-graph.microsoft.us",
    "graph.microsoft.de",
    "microsoftgraph.chinacloudapi.cn",
];

/// Token endpoints that belong to them.
const AUTHORITY_HOSTS: [&str; 5] = [
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.microsoftonline.de",
    "login.chinacloudapi.cn",
    "login.partner.microsoftonline.cn",
];

fn fixed(url: &'static str) -> Url {
    // A constant that the unit tests parse; the fallback can only be reached by
    // editing it into something that is no URL.
    Url::parse(url).unwrap_or_else(|_| unreachable!("{url} is a URL"))
}

fn default_base_url() -> Url {
    fixed("https://graph.microsoft.com/v1.0")
}

fn default_authority_url() -> Url {
    fixed("https://login.microsoftonline.com")
}

fn default_quarantine() -> String {
    "Unhook Quarantine".to_owned()
}

impl Graph {
    /// Checks every field without touching the network or any file.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn validate(&self) -> Result<(), FieldError> {
        let plain = |text: &str| {
            !text.is_empty()
                && text.len() <= 255
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
                && !text.contains("..")
        };
        if !plain(&self.tenant_id) {
            return Err(FieldError::new(
                "graph.tenant_id",
                "must be the tenant's GUID or one of its domains",
            ));
        }
        if !plain(&self.client_id) {
            return Err(FieldError::new(
                "graph.client_id",
                "must be the application (client) id of the app registration",
            ));
        }
        self.validate_credential()?;
        endpoint("graph.base_url", &self.base_url, &GRAPH_HOSTS)?;
        endpoint("graph.authority_url", &self.authority_url, &AUTHORITY_HOSTS)?;
        container_name("graph.quarantine_folder", &self.quarantine_folder)
    }

    fn validate_credential(&self) -> Result<(), FieldError> {
        let secrets = usize::from(self.client_secret.is_some())
            + usize::from(self.client_secret_file.is_some());
        let certificate = self.certificate_file.is_some() || self.private_key_file.is_some();
        if secrets + usize::from(certificate) != 1 {
            return Err(FieldError::new(
                "graph.client_secret_file",
                "give exactly one of client_secret, client_secret_file, or certificate_file with private_key_file",
            ));
        }
        if certificate && self.certificate_file.is_none() {
            return Err(FieldError::new(
                "graph.certificate_file",
                "is needed with private_key_file",
            ));
        }
        if certificate && self.private_key_file.is_none() {
            return Err(FieldError::new(
                "graph.private_key_file",
                "is needed with certificate_file",
            ));
        }
        Ok(())
    }
}

/// Accepts an endpoint of a known cloud over https, and in builds with the
/// simulated tenant also plain http on a loopback address.
///
/// # Errors
/// Names `field` when the endpoint is anything else.
pub(crate) fn endpoint(field: &'static str, url: &Url, known: &[&str]) -> Result<(), FieldError> {
    let host = url.host_str().unwrap_or_default();
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(FieldError::new(
            field,
            "must hold no user, password or query",
        ));
    }
    let is_known = known
        .iter()
        .any(|k| host == *k || (k.starts_with('.') && host.ends_with(k)));
    if url.scheme() == "https" && is_known {
        return Ok(());
    }
    if cfg!(feature = "sim") && is_loopback(url) {
        return Ok(());
    }
    if url.scheme() != "https" {
        return Err(FieldError::new(field, "must be an https URL"));
    }
    Err(FieldError::new(
        field,
        format!("{host} is no known endpoint; use one of {known:?}"),
    ))
}

/// Whether a URL points at this machine: the simulated tenant.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

pub(crate) fn container_name(field: &'static str, name: &str) -> Result<(), FieldError> {
    let length = name.chars().count();
    if !(1..=120).contains(&length) || name.chars().any(char::is_control) || name.trim() != name {
        return Err(FieldError::new(
            field,
            "must be 1 to 120 printable characters without surrounding space",
        ));
    }
    Ok(())
}

/// Reads a small file (at most 64 KiB) that a field names.
///
/// # Errors
/// Names `field` and the path when it cannot be read, is empty or too large.
pub(crate) fn read_small(field: &'static str, path: &Path) -> Result<String, FieldError> {
    let shown = path.display();
    let size = std::fs::metadata(path)
        .map_err(|error| FieldError::new(field, format!("cannot read {shown}: {error}")))?
        .len();
    if size == 0 || size > 64 * 1024 {
        return Err(FieldError::new(
            field,
            format!("{shown} must hold 1 to 65536 octets, not {size}"),
        ));
    }
    std::fs::read_to_string(path)
        .map_err(|error| FieldError::new(field, format!("cannot read {shown}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(extra: &str) -> Graph {
        toml::from_str(&format!(
            "tenant_id = 'contoso.example'\nclient_id = 'a-b'\nclient_secret = 's'\n{extra}"
        ))
        .expect("section")
    }

    fn refused(extra: &str) -> &'static str {
        section(extra).validate().expect_err("refused").field
    }

    #[test]
    fn defaults_point_at_the_global_cloud_and_secrets_do_not_print() {
        let graph = section("");
        assert_eq!(graph.validate(), Ok(()));
        assert_eq!(graph.base_url.as_str(), "https://graph.microsoft.com/v1.0");
        assert!(!format!("{graph:?}").contains("\"s\""));
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        assert_eq!(refused("quarantine_folder = ''"), "graph.quarantine_folder");
        assert_eq!(
            refused("certificate_file = 'x'"),
            "graph.client_secret_file"
        );
        assert_eq!(
            refused("base_url = 'https://graph.microsoft.com.evil.example/v1.0'"),
            "graph.base_url"
        );
        assert_eq!(
            refused("base_url = 'http://graph.microsoft.com/v1.0'"),
            "graph.base_url"
        );
        assert_eq!(
            refused("authority_url = 'https://user@login.microsoftonline.com'"),
            "graph.authority_url"
        );
        let mut bad = section("");
        bad.tenant_id = "../x".to_owned();
        assert_eq!(bad.validate().expect_err("bad").field, "graph.tenant_id");
    }

    #[cfg(feature = "sim")]
    #[test]
    fn a_build_with_the_simulated_tenant_takes_loopback_only() {
        assert_eq!(
            section("base_url = 'http://127.0.0.1:7/v1.0'").validate(),
            Ok(())
        );
        assert_eq!(
            refused("base_url = 'http://192.0.2.7:7/v1.0'"),
            "graph.base_url"
        );
    }

    #[cfg(not(feature = "sim"))]
    #[test]
    fn a_shipped_build_refuses_plain_http_and_loopback() {
        let error = section("base_url = 'http://127.0.0.1:7/v1.0'")
            .validate()
            .expect_err("refused");
        assert_eq!(error.to_string(), "graph.base_url: must be an https URL");
        assert_eq!(
            refused("authority_url = 'https://127.0.0.1:7'"),
            "graph.authority_url"
        );
    }
}
