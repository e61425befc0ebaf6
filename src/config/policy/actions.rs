//! What happens with a verdict: by class, confidence, evidence and exposure.

use serde::{Deserialize, Serialize};

use super::PolicyError;
use crate::domain::{Deed, Verdict};

/// An entry of the list that says what happens with a verdict. The first that fits is
/// taken; where entries name a verdict and none of them fits, a person is asked.
///
/// An entry can ask for more care than the rest of the policy and never for less: a pull
/// without a person still needs all that it needs without the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionRule {
    /// The verdict it speaks of.
    pub verdict: Verdict,
    /// Confidence of that verdict from which it fits, 0 to 1.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub from: f64,
    /// Independent evidence classes from which it fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_classes: Option<u32>,
    /// People of the organisation whom the message names in To and Cc, up to which it
    /// fits. A lower bound of whom it reached: the same words sent one by one name one
    /// each. Where it does not name its reporters (a list, a blind copy) it never fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_people: Option<u32>,
    /// What is done.
    #[serde(rename = "do")]
    pub deed: Deed,
    /// Whether the reporter's own copy of spam goes back to where it was; it stays in
    /// quarantine otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub return_copy: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_nought(from: &f64) -> bool {
    *from == 0.0
}

impl ActionRule {
    pub(super) fn validate(&self, field: &str) -> Result<(), PolicyError> {
        let wrong = |name: &str, why: &str| Err(PolicyError::new(format!("{field}.{name}"), why));
        if !(0.0..=1.0).contains(&self.from) {
            return wrong("from", "must be between 0 and 1");
        }
        if self.evidence_classes.is_some_and(|classes| classes > 7) {
            return wrong("evidence_classes", "must be at most 7: there are no more");
        }
        let allowed: &[Deed] = match self.verdict {
            Verdict::Malicious => &[Deed::Pull, Deed::Propose, Deed::Review],
            Verdict::Suspicious => &[Deed::Propose, Deed::Review],
            Verdict::Unknown => &[Deed::Review],
            Verdict::Spam | Verdict::Bulk | Verdict::Benign | Verdict::Simulation => {
                &[Deed::Settle, Deed::Review]
            }
        };
        if !allowed.contains(&self.deed) {
            let all: Vec<&str> = allowed.iter().map(|deed| deed.as_str()).collect();
            let why = format!("of {} mail must be {}", self.verdict, all.join(" or "));
            return wrong("do", &why);
        }
        if self.return_copy && (self.verdict != Verdict::Spam || self.deed != Deed::Settle) {
            return wrong(
                "return_copy",
                "is for spam that is settled: harmless mail goes back anyway, and harmful never",
            );
        }
        Ok(())
    }

    /// Whether it fits.
    #[must_use]
    pub fn fits(
        &self,
        verdict: Verdict,
        confidence: f64,
        classes: usize,
        people: Option<u32>,
    ) -> bool {
        self.verdict == verdict
            && confidence >= self.from
            && self
                .evidence_classes
                .is_none_or(|least| classes >= least as usize)
            // what is not known is not taken to be little
            && self
                .most_people
                .is_none_or(|most| people.is_some_and(|people| people <= most))
    }
}
