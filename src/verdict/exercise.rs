//! Phishing exercises: whether a message is one of the organisation's own.
//!
//! Anyone can write a vendor's header field, and a message taken for an exercise is
//! seen by no analyst. So a field counts only with the secret that the organisation
//! gave its exercises, with the vendor's network as the own border saw it, or with the
//! vendor's signature as the own border checked it.

use subtle::ConstantTimeEq as _;

use super::Facts;
use crate::{
    config::policy::{Exercise, Policy, is_below},
    message::{ParsedMessage, path},
};

/// The exercise a message belongs to, and what shows it.
pub(super) fn recognised<'p>(
    message: &ParsedMessage,
    facts: &Facts,
    policy: &'p Policy,
) -> Option<(&'p Exercise, &'static str)> {
    policy.simulations.iter().find_map(|exercise| {
        let marked = exercise.header.as_ref().is_none_or(|name| {
            let name = name.to_ascii_lowercase();
            message.claims.marks.iter().any(|(own, _)| *own == name)
        });
        if !marked {
            return None;
        }
        let proof = [
            (has_secret(message, exercise), "it bears the agreed secret"),
            (
                from_network(message, facts, exercise),
                "the own border took it from the vendor's network",
            ),
            (
                is_signed(message, facts, exercise),
                "the own border checked the vendor's signature",
            ),
        ];
        let (_, how) = proof.into_iter().find(|(is, _)| *is)?;
        Some((exercise, how))
    })
}

fn has_secret(message: &ParsedMessage, exercise: &Exercise) -> bool {
    let (Some(name), Some(secret)) = (&exercise.header, &exercise.secret) else {
        return false;
    };
    let name = name.to_ascii_lowercase();
    message.claims.marks.iter().any(|(own, value)| {
        *own == name && bool::from(value.trim().as_bytes().ct_eq(secret.as_bytes()))
    })
}

fn from_network(message: &ParsedMessage, facts: &Facts, exercise: &Exercise) -> bool {
    if exercise.networks.is_empty() {
        return false;
    }
    let sending = path(message, &facts.border, facts.received).sending_ip;
    sending.is_some_and(|ip| exercise.networks.iter().any(|net| net.contains(&ip)))
}

fn is_signed(message: &ParsedMessage, facts: &Facts, exercise: &Exercise) -> bool {
    message
        .authentication(&facts.trusted_authserv_ids)
        .is_some_and(|auth| {
            auth.dkim_domains
                .iter()
                .any(|domain| exercise.dkim.iter().any(|vendor| is_below(domain, vendor)))
        })
}
