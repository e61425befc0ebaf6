//! Evidence class `authentication`: what the own border recorded.

use crate::{message::AuthOutcome, verdict::case::Case};

const PLACE: &str = "header:Authentication-Results";

pub(super) fn run(case: &mut Case<'_>) {
    let Some(auth) = case
        .message
        .authentication(&case.facts.trusted_authserv_ids)
        .cloned()
    else {
        return;
    };
    let domain = Case::shown(&case.domain);
    if auth.dmarc == Some(AuthOutcome::Fail) {
        case.find(
            "auth.dmarc_fail",
            PLACE,
            format!("DMARC failed for the sender's domain {domain}"),
        );
    }
    if auth.spf.is_some_and(AuthOutcome::failed) {
        case.find("auth.spf_fail", PLACE, "SPF failed for the sending server");
    }
    if auth.compauth == Some(AuthOutcome::Fail) {
        case.find(
            "auth.compauth_fail",
            PLACE,
            "composite authentication failed",
        );
    }
    if auth.dkim == Some(AuthOutcome::Fail) {
        case.find("auth.dkim_fail", PLACE, "the DKIM signature does not hold");
    }
    let author_host = case
        .author
        .map(|a| a.domain().to_owned())
        .unwrap_or_default();
    let proven = auth.proves(&author_host) || auth.proves(&case.domain);
    if proven {
        case.find(
            "auth.proven",
            PLACE,
            format!("DMARC proves the sender's domain {domain}"),
        );
    }
    let spoofable = !proven && auth.dmarc != Some(AuthOutcome::Pass);
    if case.is_own(&case.domain.clone()) && spoofable {
        case.find(
            "sender.own_domain_unproven",
            "header:From",
            format!("claims the organisation's own domain {domain}, which is not proven"),
        );
    }
}
