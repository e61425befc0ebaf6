//! The providers' documented limits.

use super::window::Rule;
use crate::mailbox::Family;

/// What one connection may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls (Graph) or units (Gmail) in one mailbox.
    pub(super) mailbox: Rule,
    /// What all mailboxes share, by name.
    pub(super) all: &'static [(&'static str, Rule)],
    /// What calls outside mailboxes share, by family and name.
    pub(super) families: &'static [(Family, &'static str, Rule)],
}

/// Microsoft Graph, for each app and tenant: 10,000 calls in 10 minutes in a
/// mailbox; 3,500 resource units in 10 seconds in the directory of a small
/// tenant; 100 message traces in 5 minutes; 45 hunting queries in a minute.
pub const GRAPH: Limits = Limits {
    mailbox: Rule::new(10_000, 600),
    all: &[],
    families: &[
        (Family::Directory, "directory", Rule::new(3_500, 10)),
        (Family::Trace, "trace", Rule::new(100, 300)),
        (Family::Hunting, "hunting", Rule::new(45, 60)),
    ],
};

/// Gmail's quota for projects since 1 May 2026, for each project: 6,000 units a
/// minute in a mailbox, 1,200,000 a minute and 80,000,000 a day over all; the
/// Directory takes 2,400 queries a minute.
pub const GOOGLE: Limits = Limits {
    mailbox: Rule::new(6_000, 60),
    all: &[
        ("minute", Rule::new(1_200_000, 60)),
        ("day", Rule::new(80_000_000, 86_400)),
    ],
    families: &[(Family::Directory, "directory", Rule::new(2_400, 60))],
};
