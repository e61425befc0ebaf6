//! Section `[search]`: where copies are looked for, and how far.

use serde::Deserialize;

use super::graph::FieldError;
use crate::domain::MailboxAddress;

/// What happens with variants of a campaign's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variants {
    /// They are not looked for.
    Off,
    /// They are looked for and wait for a person.
    #[default]
    Review,
    /// They are pulled with the campaign.
    Pull,
}

/// Where copies are looked for, and how far.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchScope {
    /// What happens with variants: `off`, `review` or `pull`.
    pub variants: Variants,
    /// Days before and after the seed in which variants are looked for, 1 to 30.
    pub variant_days: u32,
    /// Forwards of forwards that are followed, 1 to 20.
    pub forward_depth: u32,
    /// Mailboxes that are never searched; every receipt names them.
    pub exclude: Vec<String>,
    /// Mailboxes that are searched before the sweep, beside the people the policy
    /// names.
    pub first: Vec<String>,
    /// Departments of the directory that work with money: their unread copies are
    /// pulled before others.
    pub finance_departments: Vec<String>,
    /// File with the Ed25519 key (PKCS#8, PEM) that signs receipts. Without it a
    /// key is made once and kept in the database.
    pub receipt_key_file: Option<std::path::PathBuf>,
}

impl Default for SearchScope {
    fn default() -> Self {
        Self {
            variants: Variants::Review,
            variant_days: 7,
            forward_depth: 5,
            exclude: Vec::new(),
            first: Vec::new(),
            finance_departments: Vec::new(),
            receipt_key_file: None,
        }
    }
}

impl SearchScope {
    pub(super) fn validate(&self) -> Result<(), FieldError> {
        if !(1..=30).contains(&self.variant_days) {
            return Err(FieldError::new("search.variant_days", "must be 1 to 30"));
        }
        if !(1..=20).contains(&self.forward_depth) {
            return Err(FieldError::new("search.forward_depth", "must be 1 to 20"));
        }
        for (field, addresses) in [
            ("search.exclude", &self.exclude),
            ("search.first", &self.first),
        ] {
            if let Some(bad) = addresses
                .iter()
                .find(|a| a.parse::<MailboxAddress>().is_err())
            {
                return Err(FieldError::new(field, format!("{bad:?} is no address")));
            }
        }
        Ok(())
    }
}
