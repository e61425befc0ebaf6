//! Addresses as a mail names them.

use super::Untrusted;

/// One address of a header: what it says, believed by nobody yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// The address, lower case, no control or space characters, at most 320
    /// characters; empty when the header holds none.
    pub address: String,
    /// The display name.
    pub name: Option<Untrusted<String>>,
}

impl Person {
    pub(super) fn of(address: Option<&str>, name: Option<&str>, max_chars: usize) -> Self {
        let address = address
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control() && !c.is_whitespace())
            .take(320)
            .collect::<String>()
            .to_lowercase();
        let name = name
            .map(|n| n.chars().take(max_chars).collect::<String>())
            .filter(|n| !n.trim().is_empty())
            .map(Untrusted::new);
        Self { address, name }
    }

    /// The part after the last `@`, without a trailing dot; empty when there is none.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.address
            .rsplit_once('@')
            .map_or("", |(_, domain)| domain.trim_end_matches('.'))
    }

    /// The part before the last `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(local, _)| local)
    }
}
