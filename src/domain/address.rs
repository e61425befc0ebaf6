//! E-mail addresses of mailboxes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// The address of a mailbox: trimmed, lower case, one `@`, no control or space
/// characters, at most 254 octets (RFC 5321 section 4.5.3.1, errata 1690).
///
/// It is deliberately narrower than RFC 5322: directory addresses never need
/// quoted local parts, and a narrow type keeps them out of queries and paths.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct MailboxAddress(String);

/// Why a text is not a mailbox address.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("not a mailbox address (expected name@domain)")]
pub struct AddressError;

impl MailboxAddress {
    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }
}

impl FromStr for MailboxAddress {
    type Err = AddressError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let text = s.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError)?;
        let printable = text
            .chars()
            .all(|c| !c.is_control() && !c.is_whitespace() && !"\"<>()[],;:\\/?#%".contains(c));
        let plausible = !local.is_empty()
            && !local.contains('@')
            && !domain.is_empty()
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !domain.contains("..");
        if !printable || !plausible || text.len() > 254 {
            return Err(AddressError);
        }
        Ok(Self(text.to_lowercase()))
    }
}

impl fmt::Display for MailboxAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MailboxAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_case_and_refuses_what_could_break_out() {
        assert_eq!(
            " Ann@Contoso.Example "
                .parse::<MailboxAddress>()
                .map(|a| a.to_string()),
            Ok("ann@contoso.example".to_owned())
        );
        for bad in [
            "",
            "ann",
            "@x",
            "a@",
            "a b@x",
            "a@b@c",
            "a@x\r\nBcc: y@z",
            "a/../b@x",
            "<a@x>",
        ] {
            assert!(bad.parse::<MailboxAddress>().is_err(), "{bad:?}");
        }
    }
}
