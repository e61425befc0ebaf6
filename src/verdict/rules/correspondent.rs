//! What became of earlier reports of the same address.

use crate::verdict::{case::Case, hosts};

const FROM: &str = "header:From";

pub(super) fn run(case: &mut Case<'_>) {
    let Some(past) = case.facts.correspondent else {
        return;
    };
    let proven = case.is_proven();
    // an address that others forged is not its owner's fault
    let condemned = if proven {
        past.condemned_proven
    } else {
        past.condemned
    };
    if condemned > 0 {
        let messages = if condemned == 1 {
            "an earlier message"
        } else {
            "earlier messages"
        };
        case.find(
            "sender.was_malicious",
            FROM,
            format!("{messages} of this sender turned out to be malicious"),
        );
    } else if proven
        && past.cleared > 0
        && past.malicious == 0
        // a free mailbox is proven for whoever opened it
        && !hosts::is_freemail(&case.domain)
    {
        let (count, were) = match past.cleared {
            1 => ("one earlier message".to_owned(), "was"),
            many => (format!("{many} earlier messages"), "were"),
        };
        case.find(
            "sender.known",
            FROM,
            format!("{count} of this proven sender {were} found harmless by an analyst"),
        );
    }
}
