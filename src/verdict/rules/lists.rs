//! What the organisation itself says of senders: lists, and people whose names are
//! borrowed.

use crate::{
    config::policy::{Listed, Policy},
    verdict::{
        ALLOWED,
        case::{Case, Finding, Own, folded},
    },
};

const PLACE: &str = "header:From";
/// What a wanted sender takes off, log-odds.
const WANTED: f64 = -10.0;

/// Senders that the organisation wants or does not want.
pub(super) fn senders(case: &mut Case<'_>, policy: &Policy) {
    let Some(author) = case.author else {
        return;
    };
    let (address, now) = (author.address.as_str(), case.facts.now);
    let covered = |list: &[Listed]| {
        let entry = list.iter().find(|entry| entry.covers(address, now));
        entry.map(|entry| entry.sender.clone())
    };
    if let Some(entry) = covered(&policy.deny) {
        let entry = Case::shown(&entry);
        case.find(
            "policy.denied",
            PLACE,
            format!("{entry} is on the list of unwanted senders"),
        );
    }
    if let Some(entry) = covered(&policy.allow) {
        let entry = Case::shown(&entry);
        // a name on a list is no proof of who wrote
        if case.is_proven() {
            // neither does it vouch for what is dangerous or known as bad
            let harmful = case.findings.iter().find(|finding| {
                finding.id.starts_with("source.bad")
                    || finding.id.starts_with("fraud.")
                    || (finding.id.starts_with("file.") && finding.weight() >= 1.0)
                    // a mailbox that was taken over proves its sender, too
                    || matches!(
                        finding.id.as_ref(),
                        "link.org_lookalike"
                            | "link.shows_own"
                            | "link.new_domain_login"
                            | "form.password"
                    )
            });
            let (weight, but) = harmful.map_or((WANTED, String::new()), |finding| {
                (0.0, format!("; it does not count, as {}", finding.evidence))
            });
            case.findings.push(Finding {
                id: ALLOWED.into(),
                evidence: format!(
                    "{entry} is on the list of wanted senders, and authenticated{but}"
                ),
                place: PLACE.to_owned(),
                own: Some(Own {
                    weight,
                    class: "reputation".to_owned(),
                }),
            });
        } else {
            case.find(
                "policy.allowed_unproven",
                PLACE,
                format!("{entry} is on the list of wanted senders, but this mail is not proven to be theirs"),
            );
        }
    }
}

/// People whose names are borrowed, as the policy names them.
pub(super) fn people(case: &mut Case<'_>, policy: &Policy) {
    let Some(author) = case.author else {
        return;
    };
    let address = author.address.as_str();
    for vip in &policy.vips {
        let own = vip.addresses.iter().any(|own| own == address);
        let name = folded(&vip.name, &mut Vec::new());
        // either order: "Erika Mustermann", "Mustermann, Erika"
        let borrowed = !name.is_empty()
            && name
                .iter()
                .all(|word| case.name.contains(&format!(" {word} ")));
        if borrowed && !own {
            let shown = Case::shown(&vip.name);
            case.find(
                "sender.vip_name",
                PLACE,
                format!("it bears the name of {shown}, from an address that is not theirs"),
            );
            break;
        }
        if own && !case.is_proven() {
            let shown = Case::shown(&vip.name);
            case.find(
                "sender.vip_unproven",
                PLACE,
                format!("it bears the address of {shown} without proof that it is theirs"),
            );
            break;
        }
    }
}
