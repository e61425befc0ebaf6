//! What is known of a reported message, and what may therefore be said of it.

use crate::{
    domain::{Assessment, EvidenceState, Verdict},
    store::submission::Submission,
};

/// On which bytes what is said of a message rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    /// On none yet: the server has not looked.
    Pending,
    /// On those the server fetched from the reporter's mailbox.
    Mailbox,
    /// On those too, and the client sent others.
    Differing,
    /// On those the client sent; in the mailbox it was not found.
    Client,
    /// On none: not found in the mailbox, and the client sent none.
    Nothing,
}

impl Ground {
    /// The ground of a submission.
    pub(super) const fn of(submission: &Submission) -> Self {
        match (submission.evidence, &submission.upload_sha256) {
            (EvidenceState::Pending, _) => Self::Pending,
            (EvidenceState::Fetched, _) => Self::Mailbox,
            (EvidenceState::Mismatch, _) => Self::Differing,
            (EvidenceState::Missing, Some(_)) => Self::Client,
            (EvidenceState::Missing, None) => Self::Nothing,
        }
    }

    /// Whether a verdict can be set with it: nothing is pulled on a message that
    /// the server did not fetch itself.
    pub(super) fn allows(self, verdict: Verdict) -> bool {
        verdict != Verdict::Malicious || self == Self::Mailbox
    }
}

/// The assessment, unless it is one of no bytes at all, which says nothing.
pub(super) fn assessment(submission: &Submission) -> Option<&Assessment> {
    match Ground::of(submission) {
        Ground::Nothing => None,
        _ => submission.assessment.as_ref(),
    }
}
