//! Frauds without a link or a file, told by their wording and by who asks together:
//! the words alone are those of honest mail, too.

use crate::verdict::{case::Case, hosts};

/// What makes an unusual sender of a request about money.
const SIGNS: [&str; 14] = [
    "sender.address_in_name",
    "sender.freemail",
    "sender.org_lookalike",
    "sender.org_name",
    "sender.own_domain_unproven",
    "sender.person_name",
    "sender.person_name_freemail",
    "sender.recipient_house",
    "sender.reply_elsewhere",
    "sender.reply_freemail",
    "sender.reply_lookalike",
    "sender.vip_name",
    "sender.vip_unproven",
    "thread.lookalike_party",
];

pub(super) fn run(case: &mut Case<'_>) {
    // anyone can write the fields of a list
    let list = case.message.list.id || case.message.list.post;
    let borrowed = [
        "sender.vip_name",
        "sender.person_name",
        "sender.person_name_freemail",
    ];
    let named = borrowed.iter().any(|id| case.has(id));
    if list && case.is_proven() && !hosts::is_freemail(&case.domain) && !named {
        return;
    }
    let sign = case
        .findings
        .iter()
        .find(|finding| SIGNS.contains(&finding.id.as_ref()))
        .map(|finding| finding.evidence.clone());
    let Some(sign) = sign else { return };
    for fraud in case.frauds.clone() {
        case.find(fraud.id, "body", format!("{}; {sign}", fraud.says));
    }
}
