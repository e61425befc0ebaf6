//! Verdicts and what they rest on.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a submission was judged to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Meant to harm: phishing, malware, fraud.
    Malicious,
    /// Signs of harm, not enough to act on alone.
    Suspicious,
    /// Unwanted, not dangerous.
    Spam,
    /// Newsletters, marketing, notifications.
    Bulk,
    /// Ordinary mail.
    Benign,
    /// A phishing exercise.
    Simulation,
    /// Not enough evidence; an analyst must look.
    Unknown,
}

impl Verdict {
    /// All verdicts, worst first.
    pub const ALL: [Self; 7] = [
        Self::Malicious,
        Self::Suspicious,
        Self::Spam,
        Self::Bulk,
        Self::Benign,
        Self::Simulation,
        Self::Unknown,
    ];

    /// The name used in rows and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malicious => "malicious",
            Self::Suspicious => "suspicious",
            Self::Spam => "spam",
            Self::Bulk => "bulk",
            Self::Benign => "benign",
            Self::Simulation => "simulation",
            Self::Unknown => "unknown",
        }
    }

    /// Whether an analyst has to look before the case can close.
    #[must_use]
    pub const fn needs_review(self) -> bool {
        matches!(self, Self::Suspicious | Self::Unknown)
    }

    /// Whether a reporter's quarantined copy goes back where it was.
    #[must_use]
    pub const fn returns_copy(self) -> bool {
        matches!(self, Self::Bulk | Self::Benign | Self::Simulation)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no verdict.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("not a verdict: use malicious, suspicious, spam, bulk, benign, simulation or unknown")]
pub struct VerdictError;

impl FromStr for Verdict {
    type Err = VerdictError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|v| v.as_str() == s)
            .ok_or(VerdictError)
    }
}

/// What kind of harm a message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It wants a password or a card.
    Credential,
    /// It brings a program.
    Malware,
    /// It wants money or a favour under a false name.
    Fraud,
    /// It threatens.
    Extortion,
    /// It wants to be called.
    Callback,
}

impl Kind {
    /// What it is called, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Credential => "credential phishing",
            Self::Malware => "malware delivery",
            Self::Fraud => "fraud",
            Self::Extortion => "extortion",
            Self::Callback => "call-back scam",
        }
    }
}

/// What a policy does with a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Every copy is pulled.
    Pull,
    /// A pull is proposed to an analyst.
    Propose,
    /// An analyst is asked.
    Review,
    /// It is settled, and the reporter thanked.
    Settle,
}

impl Deed {
    /// The name used in policies, rows and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Propose => "propose",
            Self::Review => "review",
            Self::Settle => "settle",
        }
    }
}

/// What a policy's list of actions does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What is done.
    #[serde(rename = "do")]
    pub deed: Deed,
    /// Whether the reporter's own copy of spam goes back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub return_copy: bool,
}

impl Assessment {
    /// The verdict that policy may put into force by itself: what needs a person is
    /// suspicious where harm is likely, unknown where it is not.
    #[must_use]
    pub fn by_policy(&self) -> Verdict {
        let deed = self.action.map(|action| action.deed);
        match (self.verdict, deed) {
            _ if self.shadow => Verdict::Suspicious,
            (Verdict::Malicious, _) if !self.may_pull => Verdict::Suspicious,
            (Verdict::Malicious, Some(Deed::Propose | Deed::Review)) => Verdict::Suspicious,
            (verdict, Some(Deed::Review)) if !verdict.needs_review() => Verdict::Unknown,
            (verdict, _) => verdict,
        }
    }
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictSource {
    /// The policy, from an assessment.
    Policy,
    /// A person.
    Analyst,
}

impl VerdictSource {
    /// The name used in rows and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Analyst => "analyst",
        }
    }
}

/// One reason: a stable id, its evidence in plain words, where it was seen, and
/// how much it weighed (log-odds; positive speaks for malice).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Stable id, e.g. `url.lookalike_domain`.
    pub id: String,
    /// Evidence class; a pull on policy alone needs two different ones.
    pub class: String,
    /// Plain words for an analyst. Attacker text inside is defanged and capped.
    pub evidence: String,
    /// Where in the message, e.g. `header:From`, `body:html`, `attachment:2`.
    pub place: String,
    /// Log-odds added to the score.
    pub weight: f64,
}

/// A score with its reasons. Never a bare number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// What the engine concludes.
    pub verdict: Verdict,
    /// The kind of harm, where there is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Probability that the message is malicious, 0 to 1.
    pub score: f64,
    /// The reasons, heaviest first.
    pub signals: Vec<Signal>,
    /// What would have made another verdict, in plain words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// What the policy's list of actions does with it; none where there is no such list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// Whether the policy that judged only watches: nothing may follow from the verdict.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// Version of the rules that judged.
    pub rules_version: String,
    /// What names the policy that judged.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub policy_version: String,
    /// Version of the statistical model; none where it could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_version: Option<String>,
    /// The model's probabilities: `malicious`, `spam`, `bulk`, `ham`; the score joins
    /// them with what no collection of mail can teach.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub probabilities: BTreeMap<String, f64>,
    /// Whether policy may pull on this assessment without a person: malicious,
    /// at least two independent evidence classes, no defect that makes the
    /// message ambiguous, no exclusion (internal authenticated sender, too old).
    pub may_pull: bool,
    /// Why not, when it may not.
    pub hold_reason: Option<String>,
    /// Sources that have not answered yet: it is partial, and is made anew when
    /// they have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaited: Vec<String>,
}
