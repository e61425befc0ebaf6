//! Section `policy`: when the server may act without a person.

use serde::{Deserialize, Serialize};

/// How an assessment becomes a verdict, and when a verdict may pull by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Pull without a person where an assessment allows it.
    pub automatic_pull: bool,
    /// Probability of malice from which a message is malicious, 0.5 to 1. Of 1,083
    /// labelled messages above the default 17 were spam and none wanted mail
    /// (`benches/model`).
    pub malicious_from: f64,
    /// Probability of malice from which an analyst has to look, above 0 and at
    /// most `malicious_from`. Of 2,695 labelled messages below the default 14 were
    /// malicious (`benches/model`).
    pub suspicious_from: f64,
    /// Independent evidence classes that a pull without a person needs, 2 to 6.
    pub evidence_classes: u32,
    /// Days after receipt in which a pull without a person is allowed, 1 to 30.
    pub max_age_days: u32,
    /// Servers whose `Authentication-Results` are believed: the own border. `"*"`
    /// believes the topmost, an empty name one without a server's name.
    pub trusted_authserv_ids: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            automatic_pull: true,
            malicious_from: 0.95,
            suspicious_from: 0.03,
            evidence_classes: 2,
            max_age_days: 30,
            trusted_authserv_ids: Vec::new(),
        }
    }
}

/// A value of the section that cannot be.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("policy.{field}: {why}")]
pub struct PolicyError {
    /// The field.
    pub field: &'static str,
    /// What it has to be.
    pub why: &'static str,
}

impl Policy {
    /// Checks the values. The bounds cannot be switched off: below them a pull
    /// without a person would rest on too little.
    ///
    /// # Errors
    /// The first field that is out of bounds.
    pub fn validate(&self) -> Result<(), PolicyError> {
        let wrong = |field, why| Err(PolicyError { field, why });
        if !(0.5..=1.0).contains(&self.malicious_from) {
            return wrong("malicious_from", "must be between 0.5 and 1");
        }
        if !(self.suspicious_from > 0.0 && self.suspicious_from <= self.malicious_from) {
            return wrong(
                "suspicious_from",
                "must be above 0 and at most malicious_from",
            );
        }
        if !(2..=6).contains(&self.evidence_classes) {
            return wrong("evidence_classes", "must be between 2 and 6");
        }
        if !(1..=30).contains(&self.max_age_days) {
            return wrong("max_age_days", "must be between 1 and 30");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_sound_and_the_bounds_hold() {
        assert_eq!(Policy::default().validate(), Ok(()));
        for bad in [
            Policy {
                malicious_from: 0.2,
                ..Policy::default()
            },
            Policy {
                malicious_from: f64::NAN,
                ..Policy::default()
            },
            Policy {
                suspicious_from: 0.0,
                ..Policy::default()
            },
            Policy {
                evidence_classes: 1,
                ..Policy::default()
            },
            Policy {
                max_age_days: 31,
                ..Policy::default()
            },
        ] {
            assert!(bad.validate().is_err(), "{bad:?}");
        }
    }
}
