//! Section `[fetch]`: opening the links of a reported message.
//!
//! Without this section no link is opened: a visit tells the sender that the
//! message was looked at.

use serde::{Deserialize, Serialize};

use super::graph::FieldError;

/// Whether links are opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fetch {
    /// Whether links are opened at all.
    pub enabled: bool,
    /// Hosts that are never visited, with everything under them, besides the
    /// organisation's own domains and this service: lower case, ASCII form.
    pub never: Vec<String>,
    /// What the visitor calls itself, 1 to 200 printable ASCII characters. Many
    /// traps show themselves to browsers only.
    pub user_agent: String,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            enabled: false,
            never: Vec::new(),
            user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
                .to_owned(),
        }
    }
}

impl Fetch {
    /// Checks the hosts and the name.
    ///
    /// # Errors
    /// [`FieldError`], which names the field.
    pub fn validate(&self) -> Result<(), FieldError> {
        let is_host = |text: &String| {
            (1..=253).contains(&text.len())
                && text.split('.').all(|label| {
                    (1..=63).contains(&label.len())
                        && label
                            .bytes()
                            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                })
        };
        if let Some(bad) = self.never.iter().find(|host| !is_host(host)) {
            return Err(FieldError::new(
                "fetch.never",
                format!("{bad:?} is not a host name in lower case"),
            ));
        }
        let agent = self.user_agent.as_bytes();
        if !(1..=200).contains(&agent.len()) || !agent.iter().all(|b| (b' '..=b'~').contains(b)) {
            return Err(FieldError::new(
                "fetch.user_agent",
                "must be 1 to 200 printable ASCII characters",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_by_default_and_names_what_is_wrong() {
        let absent: Fetch = toml::from_str("").unwrap();
        assert!(!absent.enabled);
        assert_eq!(absent.validate(), Ok(()));
        let wrong = |text: &str| {
            let section: Fetch = toml::from_str(text).unwrap();
            section.validate().unwrap_err().field
        };
        assert_eq!(wrong("never = ['Bank.example']"), "fetch.never");
        assert_eq!(wrong("never = ['a..b']"), "fetch.never");
        assert_eq!(wrong("user_agent = ''"), "fetch.user_agent");
        assert_eq!(wrong("user_agent = \"a\\r\\nX: y\""), "fetch.user_agent");
    }
}
