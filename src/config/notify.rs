//! Section `[notify]`: letters to reporters.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::graph::{FieldError, read_small};
use crate::domain::{MailboxAddress, Provider};

/// Letters to reporters.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// The sender's address.
    pub from: MailboxAddress,
    /// The sender's name, at most 80 characters.
    pub from_name: String,
    /// What the letters call this service, at most 40 characters.
    pub product_name: String,
    /// The last lines of every letter, at most 500 characters; e.g. whom to call.
    pub footer: String,
    /// How a letter reaches a mailbox, by its platform.
    pub via: Ways,
    /// The mail server for letters that go by SMTP.
    pub smtp: Option<Smtp>,
    /// The folder for letters that go to files.
    pub file: Option<PathBuf>,
    /// How long a letter that may have gone out is given to arrive before it is
    /// sent again, seconds, at most 86400; after each further attempt twice as
    /// long, up to four hours.
    pub resend_after_seconds: u32,
}

/// How a letter reaches a mailbox, by its platform.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ways {
    /// Microsoft 365; `insert` is refused by its API for finished messages, so
    /// `smtp` is usual.
    pub graph: Way,
    /// Google Workspace.
    pub gmail: Way,
}

impl Default for Ways {
    fn default() -> Self {
        Self {
            graph: Way::File,
            gmail: Way::File,
        }
    }
}

/// One way for a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Put into the mailbox by the platform's API, without being sent.
    Insert,
    /// Sent through `notify.smtp`.
    Smtp,
    /// Written to the folder `notify.file`; for trying things out.
    File,
}

/// A mail server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// Host name.
    pub host: String,
    /// Port; 587 with `starttls`, 465 with `implicit`, 25 with `none`.
    #[serde(default = "default_port")]
    pub port: u16,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: Tls,
    /// User name, when the server asks for one.
    #[serde(default)]
    pub username: Option<String>,
    /// Password; prefer the file.
    #[serde(default)]
    pub password: Option<SecretString>,
    /// File that holds the password, trailing white space ignored.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
}

/// How an SMTP connection is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// STARTTLS, and no letter without it (RFC 3207).
    #[default]
    Starttls,
    /// TLS from the first octet (RFC 8314).
    Implicit,
    /// Not at all; only to a loopback address.
    None,
}

const fn default_port() -> u16 {
    587
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            from: fixed("unhook@localhost"),
            from_name: "Security team".to_owned(),
            product_name: "Unhook".to_owned(),
            footer: String::new(),
            via: Ways::default(),
            smtp: None,
            file: Some(PathBuf::from("letters")),
            resend_after_seconds: 15 * 60,
        }
    }
}

fn fixed(address: &'static str) -> MailboxAddress {
    // A constant that the unit tests parse.
    address
        .parse()
        .unwrap_or_else(|_| unreachable!("{address} is an address"))
}

impl Notify {
    /// How a letter reaches mailboxes of a platform.
    #[must_use]
    pub fn way_to(&self, provider: Provider) -> Way {
        if provider == Provider::Graph {
            self.via.graph
        } else {
            self.via.gmail
        }
    }

    pub(super) fn read_secrets(&mut self) -> Result<(), FieldError> {
        let Some(smtp) = &mut self.smtp else {
            return Ok(());
        };
        if let Some(path) = &smtp.password_file {
            if smtp.password.is_some() {
                return Err(FieldError::new(
                    "notify.smtp.password_file",
                    "give it or notify.smtp.password, not both",
                ));
            }
            let text = read_small("notify.smtp.password_file", path)?;
            smtp.password = Some(SecretString::from(text.trim_end()));
        }
        Ok(())
    }

    pub(super) fn validate(&self) -> Result<(), FieldError> {
        line("notify.from_name", &self.from_name, 80)?;
        line("notify.product_name", &self.product_name, 40)?;
        let breaks = |c: char| c.is_control() && c != '\n';
        if self.footer.chars().count() > 500 || self.footer.chars().any(breaks) {
            return Err(FieldError::new(
                "notify.footer",
                "must be at most 500 characters of plain text",
            ));
        }
        if self.resend_after_seconds > 86_400 {
            return Err(FieldError::new(
                "notify.resend_after_seconds",
                "must be at most 86400",
            ));
        }
        let ways = [self.via.graph, self.via.gmail];
        if ways.contains(&Way::Smtp) && self.smtp.is_none() {
            return Err(FieldError::new(
                "notify.smtp",
                "is needed when notify.via says smtp",
            ));
        }
        if ways.contains(&Way::File) && self.file.is_none() {
            return Err(FieldError::new(
                "notify.file",
                "is needed when notify.via says file",
            ));
        }
        self.smtp.as_ref().map_or(Ok(()), Smtp::validate)
    }
}

impl Smtp {
    fn validate(&self) -> Result<(), FieldError> {
        let wrong = |field, reason| Err(FieldError::new(field, reason));
        let host = |c: char| c.is_ascii_alphanumeric() || ".-:".contains(c);
        if self.host.is_empty() || self.host.len() > 253 || !self.host.chars().all(host) {
            return wrong("notify.smtp.host", "must be a host name or an IP address");
        }
        if self.port == 0 {
            return wrong("notify.smtp.port", "must be 1 to 65535");
        }
        let loopback = self.host == "localhost"
            || self
                .host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        if self.tls == Tls::None && !loopback {
            return wrong("notify.smtp.tls", "may be none only for a loopback address");
        }
        if self.username.is_some() != self.password.is_some() {
            return wrong(
                "notify.smtp.username",
                "is set together with a password, or neither",
            );
        }
        Ok(())
    }
}

fn line(field: &'static str, text: &str, longest: usize) -> Result<(), FieldError> {
    if text.trim().is_empty()
        || text.chars().count() > longest
        || text.chars().any(char::is_control)
    {
        return Err(FieldError::new(
            field,
            format!("must be 1 to {longest} characters on one line"),
        ));
    }
    Ok(())
}
