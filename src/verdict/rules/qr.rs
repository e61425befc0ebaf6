//! A QR code that leads to a form for passwords: the link is kept from the eye and
//! from the filters, and opened on a telephone outside the house.

use crate::verdict::{case::Case, hosts};

pub(super) fn run(case: &mut Case<'_>) {
    if !asks_for_credentials(case) {
        return;
    }
    let code = case.observables.iter().find_map(|one| {
        let facts = one.link.as_ref()?;
        let place = one
            .places
            .iter()
            .find(|place| place.ends_with(":qr_code"))?;
        let known = case.is_own(&facts.domain)
            || (facts.domain == case.domain && case.is_proven())
            || (Case::is_branded(&facts.domain) && !hosts::is_free_hosting(&facts.host));
        (facts.place.followed() && !facts.domain.is_empty() && !known)
            .then(|| (place.clone(), facts.domain.clone()))
    });
    if let Some((place, domain)) = code {
        case.find(
            "file.qr_credential",
            &place,
            format!(
                "asks to sign in by a QR code that leads to {}",
                Case::shown(&domain)
            ),
        );
    }
}

/// Whether it speaks of accounts or passwords; to scan a code alone is asked by
/// invitations, too.
fn asks_for_credentials(case: &Case<'_>) -> bool {
    case.has("lure.account_words")
        || crate::verdict::lure::purposes()
            .zip(&case.lures)
            .filter(|(lure, _)| lure.id == "lure.credential")
            .any(|(_, hits)| {
                hits.count >= 3 || hits.first.is_some_and(|first| !first.starts_with("scan "))
            })
}
