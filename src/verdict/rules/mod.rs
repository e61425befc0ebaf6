//! The rules, one file per evidence class. A rule finds; it does not weigh.

mod authentication;
mod content;
mod inside;
mod links;
mod lists;
mod sender;
mod sources;
mod structure;

use super::case::Case;
use crate::config::policy::Policy;

/// Runs every rule.
pub(super) fn run(case: &mut Case<'_>) {
    authentication::run(case);
    sender::run(case);
    links::run(case);
    content::run(case);
    inside::run(case);
    sources::run(case);
    structure::run(case);
}

/// Runs the rules about what the organisation itself says of senders; after all
/// others.
pub(super) fn of_organisation(case: &mut Case<'_>, policy: &Policy) {
    lists::run(case, policy);
}
