//! A stranger who bears the name of somebody in the directory.

use crate::verdict::{case::Case, hosts, names::name_key};

const FROM: &str = "header:From";

pub(super) fn run(case: &mut Case<'_>) {
    let facts = case.facts;
    let Some(author) = case.author.filter(|_| !facts.namesakes.is_empty()) else {
        return;
    };
    let name = author.name.as_ref().map_or("", |name| name.exposed());
    // one word is no name, and of people whom the policy names it is said already
    if name_key(name).is_none() || case.has("sender.vip_name") {
        return;
    }
    let is_theirs = |address: &str| facts.namesakes.iter().any(|own| own == address);
    let own = case.is_own(&case.domain) && case.is_proven();
    if own || facts.internal_sender || is_theirs(&author.address) || case.has("sender.known") {
        return;
    }
    let free = hosts::is_freemail(&case.domain);
    // services write in the name of who caused the mail, and programs and lists do
    let message = case.message;
    let service = message.list.id || message.list.post || message.list.automatic;
    if case.is_proven() && !free && (service || Case::is_branded(&case.domain)) {
        return;
    }
    // from one's private mailbox to oneself
    let mut recipients = message.to.iter().chain(&message.cc).peekable();
    let to_oneself =
        recipients.peek().is_some() && recipients.all(|person| is_theirs(&person.address));
    // a header says who is named, and a mailbox who got it
    if to_oneself && message.held_by.iter().all(|address| is_theirs(address)) {
        return;
    }
    let free_reply = message
        .reply_to
        .iter()
        .any(|person| !is_theirs(&person.address) && hosts::is_freemail_address(person));
    let shown = Case::shown(name);
    if free || free_reply {
        let how = if free {
            "writes from"
        } else {
            "is answered at"
        };
        case.find(
            "sender.person_name_freemail",
            FROM,
            format!("bears the name of {shown} of the organisation and {how} a free mailbox"),
        );
    } else {
        case.find(
            "sender.person_name",
            FROM,
            format!(
                "bears the name of {shown} of the organisation, from an address that is not theirs"
            ),
        );
    }
}
