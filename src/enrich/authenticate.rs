//! SPF, DKIM, DMARC and ARC evaluated anew (RFC 7208, 6376, 9989, 8617).
//!
//! For messages whose receiving server left no word that counts, and to see what a
//! server's word is worth. Keys and policies are today's: a signature of last year
//! can fail here that passed then.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use hickory_resolver::TokioResolver;
use mail_auth::{
    ArcOutput, AuthenticatedMessage, DkimOutput, DkimResult, DmarcOutput, DmarcResult, Error,
    MessageAuthenticator, SpfOutput, SpfResult,
    arc::ArcError,
    dkim::DkimError,
    dmarc::{Policy, verify::DmarcParameters},
    spf::verify::SpfParameters,
};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use crate::message::{AuthOutcome, DefangedUrl};

/// Signatures that are checked, and sets of an ARC chain.
const MAX_SIGNATURES: usize = 10;
/// Time of all DNS questions together.
const DEADLINE: Duration = Duration::from_secs(10);
/// Characters of a detail.
const SHOWN: usize = 200;

/// What the receiving server knew of the delivery.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The address that delivered to the organisation; without it SPF is not
    /// evaluated.
    pub ip: Option<IpAddr>,
    /// What it called itself (HELO, EHLO).
    pub helo: &'a str,
    /// The envelope sender (`Return-Path`), without angle brackets; empty for
    /// bounces.
    pub mail_from: &'a str,
    /// The name of the receiving host, for macros of SPF.
    pub host: &'a str,
}

/// One DKIM signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// `d=`, lower case; empty when the field cannot be read.
    pub domain: String,
    /// `s=`, lower case.
    pub selector: String,
    /// Its outcome. `TempError` says nothing about the signature.
    pub outcome: AuthOutcome,
    /// Why it did not pass.
    pub reason: Option<String>,
}

/// Which of the two proves the domain of `From` (RFC 9989, section 4.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aligned {
    /// SPF passed for a domain that belongs to it.
    pub spf: bool,
    /// A signature passed whose domain belongs to it.
    pub dkim: bool,
}

/// The result. `None` is "nothing to check"; `TempError` is "could not be checked
/// now" and never counts against a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluated {
    /// SPF of the envelope sender, or of HELO for bounces.
    pub spf: AuthOutcome,
    /// The signatures in order, at most 10.
    pub dkim: Vec<Signature>,
    /// DMARC of the domain in `From`.
    pub dmarc: AuthOutcome,
    /// The ARC chain.
    pub arc: AuthOutcome,
    /// What proves the domain in `From`.
    pub aligned: Aligned,
    /// `spf.domain`, `dmarc.domain`, `dmarc.policy`, `arc.sealer` and reasons; each
    /// value at most 200 characters, defanged.
    pub detail: BTreeMap<String, String>,
}

impl Evaluated {
    fn nothing() -> Self {
        Self {
            spf: AuthOutcome::None,
            dkim: Vec::new(),
            dmarc: AuthOutcome::None,
            arc: AuthOutcome::None,
            aligned: Aligned::default(),
            detail: BTreeMap::new(),
        }
    }

    /// Whether something could not be checked now; asking again later may tell more.
    #[must_use]
    pub fn unfinished(&self) -> bool {
        let signatures = self.dkim.iter().map(|signature| signature.outcome);
        [self.spf, self.dmarc, self.arc]
            .into_iter()
            .chain(signatures)
            .any(|outcome| outcome == AuthOutcome::TempError)
    }

    fn note(&mut self, key: &str, text: &str) {
        let shown = DefangedUrl::new(text, SHOWN);
        self.detail.insert(key.to_owned(), shown.to_string());
    }
}

/// Evaluates a message. At most 10 signatures and 10 seconds of DNS; what is not
/// done by then is `TempError`. Without header fields everything is `None`.
pub async fn evaluate(raw: &[u8], delivery: Delivery<'_>, resolver: &TokioResolver) -> Evaluated {
    let mut found = Evaluated::nothing();
    let Some(mut message) = AuthenticatedMessage::parse(raw) else {
        return found;
    };
    bound(&mut message, &mut found);
    let asker = MessageAuthenticator(resolver.clone());
    let deadline = Instant::now() + DEADLINE;
    let (spf, dkim, arc) = tokio::join!(
        timeout_at(deadline, check_spf(&asker, delivery)),
        timeout_at(deadline, asker.verify_dkim(&message)),
        timeout_at(deadline, asker.verify_arc(&message)),
    );
    let late = spf.is_err() || dkim.is_err();
    let spf = spf.unwrap_or_else(|_| {
        found.spf = AuthOutcome::TempError;
        None
    });
    if let Some(output) = &spf {
        take_spf(&mut found, output);
    }
    let dkim = match dkim {
        Ok(outputs) => {
            found.dkim = outputs.iter().map(signature).collect();
            outputs
        }
        Err(_) => {
            found.dkim = message.dkim_headers.iter().map(unchecked).collect();
            Vec::new()
        }
    };
    match &arc {
        _ if found.arc == AuthOutcome::PermError => {}
        Ok(output) => take_arc(&mut found, output),
        Err(_) => found.arc = AuthOutcome::TempError,
    }
    let sender = spf_domain(delivery);
    let spf = spf.unwrap_or_default();
    let dmarc = asker.verify_dmarc(DmarcParameters::new(&message, &dkim, sender, &spf));
    match timeout_at(deadline, dmarc).await {
        Ok(output) => take_dmarc(&mut found, &output, late),
        Err(_) => found.dmarc = AuthOutcome::TempError,
    }
    if several_domains(&message.from) {
        found.note("dmarc.reason", "From names several domains");
    }
    found
}

/// Drops signatures beyond the bound, and chains that no mailing list makes.
fn bound(message: &mut AuthenticatedMessage<'_>, found: &mut Evaluated) {
    if message.dkim_headers.len() > MAX_SIGNATURES {
        let dropped = message.dkim_headers.len() - MAX_SIGNATURES;
        message.dkim_headers.truncate(MAX_SIGNATURES);
        found.note("dkim.dropped", &dropped.to_string());
    }
    let unreadable = MAX_SIGNATURES.saturating_sub(message.dkim_headers.len());
    message.errors.truncate(unreadable);
    let sets = message.ams_headers.len().max(message.as_headers.len());
    if sets > MAX_SIGNATURES {
        message.ams_headers.clear();
        message.as_headers.clear();
        message.aar_headers.clear();
        found.arc = AuthOutcome::PermError;
        found.note("arc.reason", "more sets than are checked");
    }
}

async fn check_spf(asker: &MessageAuthenticator, delivery: Delivery<'_>) -> Option<SpfOutput> {
    let ip = delivery.ip?;
    let parameters = if delivery.mail_from.is_empty() {
        SpfParameters::verify_ehlo(ip, delivery.helo, delivery.host)
    } else {
        SpfParameters::verify_mail_from(ip, delivery.helo, delivery.host, delivery.mail_from)
    };
    Some(asker.verify_spf(parameters).await)
}

/// The domain that SPF speaks of.
fn spf_domain(delivery: Delivery<'_>) -> &str {
    if delivery.mail_from.is_empty() {
        return delivery.helo;
    }
    delivery
        .mail_from
        .rsplit_once('@')
        .map_or(delivery.mail_from, |(_, domain)| domain)
}

fn take_spf(found: &mut Evaluated, output: &SpfOutput) {
    found.spf = match output.result() {
        SpfResult::Pass => AuthOutcome::Pass,
        SpfResult::Fail => AuthOutcome::Fail,
        SpfResult::SoftFail => AuthOutcome::SoftFail,
        SpfResult::Neutral => AuthOutcome::Neutral,
        SpfResult::TempError => AuthOutcome::TempError,
        SpfResult::PermError => AuthOutcome::PermError,
        SpfResult::None => AuthOutcome::None,
    };
    found.note("spf.domain", &output.domain().to_lowercase());
}

fn signature(output: &DkimOutput<'_>) -> Signature {
    let (domain, selector) = output
        .signature()
        .map(|known| (known.d.to_lowercase(), known.s.to_lowercase()))
        .unwrap_or_default();
    let (outcome, reason) = outcome(output.result());
    Signature {
        domain,
        selector,
        outcome,
        reason,
    }
}

/// A signature that time ran out for.
fn unchecked(
    header: &mail_auth::common::headers::Header<'_, mail_auth::dkim::Signature>,
) -> Signature {
    Signature {
        domain: header.header.d.to_lowercase(),
        selector: header.header.s.to_lowercase(),
        outcome: AuthOutcome::TempError,
        reason: Some("the DNS took too long".to_owned()),
    }
}

fn outcome(result: &DkimResult) -> (AuthOutcome, Option<String>) {
    let (outcome, error) = match result {
        DkimResult::Pass => return (AuthOutcome::Pass, None),
        DkimResult::None => return (AuthOutcome::None, None),
        // RFC 8601, section 2.7.1: signed, and changed since
        DkimResult::Neutral(
            error @ (Error::Dkim(DkimError::FailedBodyHashMatch)
            | Error::Arc(ArcError::FailedBodyHashMatch)),
        ) => (AuthOutcome::Fail, error),
        DkimResult::Neutral(error) => (AuthOutcome::Neutral, error),
        DkimResult::Fail(error) => (AuthOutcome::Fail, error),
        DkimResult::PermError(error) => (AuthOutcome::PermError, error),
        DkimResult::TempError(error) => (AuthOutcome::TempError, error),
    };
    let reason = DefangedUrl::new(&error.to_string(), SHOWN).to_string();
    (outcome, Some(reason))
}

fn take_arc(found: &mut Evaluated, output: &ArcOutput<'_>) {
    let (outcome, reason) = outcome(output.result());
    found.arc = outcome;
    if let Some(reason) = reason {
        found.note("arc.reason", &reason);
    }
    if let Some(set) = output.sets().last() {
        found.note("arc.sealer", &set.seal.header.d.to_lowercase());
    }
}

/// `late`: SPF or DKIM ran out of time, so that a failure proves nothing.
fn take_dmarc(found: &mut Evaluated, output: &DmarcOutput, late: bool) {
    found.aligned = Aligned {
        spf: *output.spf_result() == DmarcResult::Pass,
        dkim: *output.dkim_result() == DmarcResult::Pass,
    };
    found.dmarc = match output.result() {
        DmarcResult::Pass => AuthOutcome::Pass,
        DmarcResult::Fail(_) if late => AuthOutcome::TempError,
        DmarcResult::Fail(_) => AuthOutcome::Fail,
        DmarcResult::TempError(_) => AuthOutcome::TempError,
        DmarcResult::PermError(_) => AuthOutcome::PermError,
        DmarcResult::None => AuthOutcome::None,
    };
    if !output.domain().is_empty() {
        found.note("dmarc.domain", output.domain());
    }
    let policy = match output.policy() {
        Policy::None => "none",
        Policy::Quarantine => "quarantine",
        Policy::Reject => "reject",
        Policy::Unspecified => return,
    };
    if found.dmarc != AuthOutcome::None {
        found.note("dmarc.policy", policy);
    }
}

fn several_domains(from: &[String]) -> bool {
    let mut domains = from
        .iter()
        .filter_map(|address| Some(address.rsplit_once('@')?.1));
    domains
        .next()
        .is_some_and(|first| domains.any(|other| other != first))
}

#[cfg(test)]
mod tests;
