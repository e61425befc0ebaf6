//! The rules, one file per evidence class. A rule finds; it does not weigh.

mod age;
mod authentication;
mod callback;
mod content;
mod correspondent;
mod fraud;
mod inside;
mod links;
mod lists;
mod person;
mod qr;
mod sender;
mod sources;
mod structure;
mod thread;

use super::case::Case;
use crate::config::policy::Policy;

/// Runs the rules that the model is told of, and those on authentication, files and
/// sources.
pub(super) fn run(case: &mut Case<'_>) {
    authentication::run(case);
    sender::run(case);
    links::run(case);
    content::run(case);
    inside::run(case);
    sources::run(case);
    structure::run(case);
}

/// Runs the rules that the model knows nothing of: what the organisation and its
/// history say, and what is told only by several findings together. After all others;
/// the order among them is that of their needs.
pub(super) fn beside_model(case: &mut Case<'_>, policy: &Policy) {
    correspondent::run(case);
    lists::people(case, policy);
    person::run(case);
    thread::run(case);
    age::run(case);
    qr::run(case);
    callback::run(case);
    fraud::run(case);
    // last: a list does not vouch for what is dangerous
    lists::senders(case, policy);
}
