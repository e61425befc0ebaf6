//! Rules of one's own: what they are and what they may be.

use serde::{Deserialize, Serialize};

use super::{EVIDENCE_CLASSES, PolicyError};

/// Octets of one rule's expression.
const MOST_EXPRESSION: usize = 4_096;

/// A rule of one's own: an expression over the documented facts of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnRule {
    /// What it is called: small letters, digits and underscores. Signals carry it as
    /// `own.NAME`.
    pub name: String,
    /// When it holds: an expression in CEL that gives true or false.
    pub when: String,
    /// Log-odds it adds to malice, -2 to 3.
    pub weight: f64,
    /// Its evidence class, one of [`EVIDENCE_CLASSES`].
    pub class: String,
    /// What it found, in plain words for an analyst.
    pub says: String,
    /// Messages that it must find and must not find; a rule that fails its own tests is
    /// refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<RuleTest>,
}

/// A test of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleTest {
    /// A whole message (RFC 5322).
    pub message: String,
    /// Whether the rule finds it.
    pub finds: bool,
}

impl OwnRule {
    pub(super) fn validate(&self) -> Result<(), PolicyError> {
        let wrong = |field: &str, why: String| {
            let field = format!("rules.{}.{field}", self.name);
            Err(PolicyError::new(field, why))
        };
        let named = !self.name.is_empty()
            && self.name.len() <= 60
            && self
                .name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !named {
            let why = "must be 1 to 60 small letters, digits and underscores";
            return wrong("name", why.to_owned());
        }
        if self.when.trim().is_empty() || self.when.len() > MOST_EXPRESSION {
            return wrong("when", format!("must be 1 to {MOST_EXPRESSION} octets"));
        }
        if !(-2.0..=3.0).contains(&self.weight) {
            return wrong("weight", "must be between -2 and 3".to_owned());
        }
        if !EVIDENCE_CLASSES.contains(&self.class.as_str()) {
            let all = EVIDENCE_CLASSES.join(", ");
            return wrong("class", format!("must be one of {all}"));
        }
        if self.says.trim().is_empty() || self.says.len() > 200 {
            return wrong("says", "must be 1 to 200 octets".to_owned());
        }
        Ok(())
    }
}
