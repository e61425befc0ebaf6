//! What kind of harm a message means.

use super::case::Case;
use crate::{
    domain::Kind,
    message::{Observable, ObservableKind},
};

/// The kind that most of the findings speak for; none where nothing speaks.
pub(super) fn of(case: &Case<'_>, observables: &[Observable]) -> Option<Kind> {
    let mut sums = [
        (Kind::Malware, 0.0),
        (Kind::Extortion, 0.0),
        (Kind::Credential, 0.0),
        (Kind::Fraud, 0.0),
        (Kind::Callback, 0.0),
    ];
    let mut add = |kind: Kind, weight: f64| {
        for (own, sum) in &mut sums {
            if *own == kind {
                *sum += weight;
            }
        }
    };
    for finding in &case.findings {
        let weight = finding.weight().max(0.1);
        if let Some(kind) = spoken_for(&finding.id) {
            add(kind, weight);
        }
    }
    // a number to call, money at stake, and no link that asks for anything
    let number = observables
        .iter()
        .any(|one| one.kind == ObservableKind::Phone);
    let money = case
        .findings
        .iter()
        .any(|f| f.id.starts_with("lure.payment") || f.id.starts_with("lure.haste_words"));
    if number && money && case.ways.len() <= 1 {
        add(Kind::Callback, 2.5);
    }
    let (kind, sum) = sums
        .into_iter()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((Kind::Credential, 0.0));
    (sum > 0.0).then_some(kind)
}

fn spoken_for(id: &str) -> Option<Kind> {
    Some(match id {
        "file.html" | "file.password_form" | "file.qr_code" | "file.qr_credential" => {
            Kind::Credential
        }
        "lure.callback" => Kind::Callback,
        "file.archive" | "file.calendar" | "file.document" => return None,
        "link.download" => Kind::Malware,
        id if id.starts_with("file.") => Kind::Malware,
        id if id.starts_with("lure.extortion")
            || id.starts_with("lure.coin_words")
            || id == "lure.bitcoin_address" =>
        {
            Kind::Extortion
        }
        id if id.starts_with("lure.advance_fee")
            || id.starts_with("lure.payment")
            || id.starts_with("lure.gift_words")
            || id.starts_with("lure.request")
            || id.starts_with("lure.money_talk")
            || id.starts_with("lure.prize")
            || id.starts_with("fraud.")
            || id.starts_with("sender.person_name")
            || id == "sender.vip_name"
            || id == "sender.reply_lookalike"
            || id == "thread.lookalike_party"
            || id == "sender.reply_freemail" =>
        {
            Kind::Fraud
        }
        id if id.starts_with("lure.credential")
            || id.starts_with("lure.account_words")
            || id.starts_with("lure.wallet")
            || id.starts_with("lure.delivery")
            || id.starts_with("lure.document")
            || id.starts_with("link.shows_")
            || id.starts_with("link.brand_")
            || id.starts_with("link.org_")
            || id.starts_with("sender.brand_")
            || id.starts_with("sender.org_")
            || id.starts_with("form.")
            || id == "link.login_path"
            || id == "link.new_domain_login"
            || id == "sender.desk_name" =>
        {
            Kind::Credential
        }
        _ => return None,
    })
}
