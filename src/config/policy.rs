//! Section `policy`: how an assessment becomes a verdict, and when the server may
//! act without a person. The same document stands in a policy file and in the
//! database, where every version is kept.

mod actions;
mod exercise;
mod lists;
mod rule;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use actions::ActionRule;
pub use exercise::Exercise;
pub use lists::{Listed, Vip, is_below};
pub use rule::{OwnRule, RuleTest};

/// Entries of one list.
const MOST_LISTED: usize = 10_000;
/// Rules of one's own.
const MOST_RULES: usize = 500;
/// Entries that say what happens with a verdict.
const MOST_ACTIONS: usize = 100;
/// Octets of a policy file.
const MOST_TEXT: usize = 1 << 20;
/// The evidence classes, by which independence is counted.
pub const EVIDENCE_CLASSES: [&str; 7] = [
    "authentication",
    "sender",
    "links",
    "language",
    "attachments",
    "structure",
    "reputation",
];

/// Whether verdicts have consequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// They have.
    #[default]
    Act,
    /// Everything is judged and waits for an analyst; what the policy would have done
    /// is compared with what he decides.
    Shadow,
}

/// How an assessment becomes a verdict, and when a verdict may pull by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Whether verdicts have consequences.
    pub mode: Mode,
    /// Pull without a person where an assessment allows it.
    pub automatic_pull: bool,
    /// Probability of malice from which a message is malicious, 0.5 to 1. Of 1,193
    /// labelled messages above the default 17 were spam and none wanted mail
    /// (`benches/model`).
    pub malicious_from: f64,
    /// Probability of malice from which an analyst has to look, above 0 and at
    /// most `malicious_from`. Of 2,758 labelled messages below the default 15 were
    /// malicious (`benches/model`).
    pub suspicious_from: f64,
    /// Independent evidence classes that a pull without a person needs, 2 to 6.
    pub evidence_classes: u32,
    /// Days after receipt in which a pull without a person is allowed, 1 to 30.
    pub max_age_days: u32,
    /// Servers whose `Authentication-Results` are believed: the own border. `"*"`
    /// believes the topmost, an empty name one without a server's name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_authserv_ids: Vec<String>,
    /// What happens with a verdict; see [`ActionRule`]. Empty: malicious mail is pulled,
    /// suspicious and unknown mail waits for a person, all other is settled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ActionRule>,
    /// People whose names strangers like to borrow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vips: Vec<Vip>,
    /// Senders whose authenticated mail is wanted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Listed>,
    /// Senders whose mail is not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<Listed>,
    /// Rules of one's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<OwnRule>,
    /// Phishing exercises, and how they are told from the real thing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub simulations: Vec<Exercise>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::Act,
            automatic_pull: true,
            malicious_from: 0.93,
            suspicious_from: 0.05,
            evidence_classes: 2,
            max_age_days: 30,
            trusted_authserv_ids: Vec::new(),
            actions: Vec::new(),
            vips: Vec::new(),
            allow: Vec::new(),
            deny: Vec::new(),
            rules: Vec::new(),
            simulations: Vec::new(),
        }
    }
}

/// A value of the section that cannot be.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("policy.{field}: {why}")]
pub struct PolicyError {
    /// The field.
    pub field: String,
    /// What it has to be.
    pub why: String,
}

impl PolicyError {
    /// A field and what it has to be.
    pub fn new(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            why: why.into(),
        }
    }
}

impl Policy {
    /// Reads a policy file: what stands under `[policy]` in the configuration, without
    /// that heading. At most a mebibyte.
    ///
    /// # Errors
    /// The line and what is wrong with it, or the first field that cannot be.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MOST_TEXT {
            return Err(PolicyError::new("file", "is larger than a mebibyte"));
        }
        let policy: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| {
                let before = text.get(..span.start).unwrap_or(text);
                before.matches('\n').count() + 1
            });
            PolicyError::new(format!("file, line {line}"), error.message())
        })?;
        policy.validate()?;
        Ok(policy)
    }

    /// The policy as a file, without the lists that are empty; of one that was checked, see [`Policy::written`].
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// The policy as a file that [`Policy::from_toml`] takes.
    ///
    /// # Errors
    /// When it is too large for one.
    pub fn written(&self) -> Result<String, PolicyError> {
        let text =
            toml::to_string(self).map_err(|error| PolicyError::new("file", error.to_string()))?;
        if text.len() > MOST_TEXT {
            return Err(PolicyError::new("file", "is larger than a mebibyte"));
        }
        Ok(text)
    }

    /// Checks the values. The bounds cannot be switched off: below them a pull
    /// without a person would rest on too little.
    ///
    /// # Errors
    /// The first field that is out of bounds.
    pub fn validate(&self) -> Result<(), PolicyError> {
        let wrong = |field: &str, why: &str| Err(PolicyError::new(field, why));
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
        if self.actions.len() > MOST_ACTIONS {
            return Err(PolicyError::new(
                "actions",
                format!("are more than {MOST_ACTIONS}"),
            ));
        }
        for (at, action) in self.actions.iter().enumerate() {
            action.validate(&format!("actions[{at}]"))?;
        }
        for (name, list) in [("allow", &self.allow), ("deny", &self.deny)] {
            if list.len() > MOST_LISTED {
                return Err(PolicyError::new(
                    name,
                    format!("holds more than {MOST_LISTED}"),
                ));
            }
            for (at, entry) in list.iter().enumerate() {
                entry.validate(&format!("{name}[{at}]"))?;
            }
        }
        for (at, entry) in self.allow.iter().enumerate() {
            let domain = entry.sender.as_str();
            if !domain.contains('@') && psl::suffix_str(domain) == Some(domain) {
                let field = format!("allow[{at}].sender");
                return Err(PolicyError::new(
                    field,
                    "is a suffix under which anybody registers",
                ));
            }
        }
        for (at, vip) in self.vips.iter().enumerate() {
            vip.validate(&format!("vips[{at}]"))?;
        }
        if self.rules.len() > MOST_RULES {
            return Err(PolicyError::new(
                "rules",
                format!("are more than {MOST_RULES}"),
            ));
        }
        let mut names = BTreeSet::new();
        for rule in &self.rules {
            rule.validate()?;
            if !names.insert(&rule.name) {
                let field = format!("rules.{}", rule.name);
                return Err(PolicyError::new(field, "stands there twice"));
            }
        }
        for (at, exercise) in self.simulations.iter().enumerate() {
            exercise.validate(&format!("simulations[{at}]"))?;
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

    #[test]
    fn what_is_listed_is_checked_and_covers_what_it_says() {
        let now = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(1);
        let listed = |sender: &str, until| Listed {
            sender: sender.to_owned(),
            until,
            note: String::new(),
        };
        let domain = listed("shop.example", None);
        assert!(domain.covers("a@shop.example", now));
        assert!(domain.covers("a@news.shop.example", now));
        assert!(!domain.covers("a@notshop.example", now));
        let ended = listed("shop.example", Some(now));
        assert!(!ended.covers("a@shop.example", now));
        let one = listed("a@shop.example", None);
        assert!(one.covers("a@shop.example", now) && !one.covers("b@shop.example", now));
        let suffix = Policy {
            allow: vec![listed("co.uk", None)],
            ..Policy::default()
        };
        assert!(suffix.validate().is_err(), "everybody's");
        for bad in [
            "example",
            "@shop.example",
            "a b@shop.example",
            "Shop.example",
            "",
        ] {
            let policy = Policy {
                deny: vec![listed(bad, None)],
                ..Policy::default()
            };
            let said = policy.validate().expect_err(bad).to_string();
            assert!(said.starts_with("policy.deny[0].sender"), "{said}");
        }
    }

    #[test]
    fn a_list_of_actions_may_ask_for_more_care_and_never_for_less() {
        let policy = |text: &str| toml::from_str::<Policy>(text).expect("a policy").validate();
        let entry = |verdict: &str, deed: &str, rest: &str| {
            policy(&format!(
                "[[actions]]\nverdict = \"{verdict}\"\ndo = \"{deed}\"\n{rest}"
            ))
        };
        assert_eq!(entry("malicious", "propose", "from = 0.99\n"), Ok(()));
        assert_eq!(entry("spam", "settle", "return_copy = true\n"), Ok(()));
        for (verdict, deed, rest, field) in [
            ("malicious", "settle", "", "policy.actions[0].do"),
            ("suspicious", "settle", "", "policy.actions[0].do"),
            ("unknown", "settle", "", "policy.actions[0].do"),
            ("benign", "pull", "", "policy.actions[0].do"),
            (
                "spam",
                "review",
                "return_copy = true\n",
                "policy.actions[0].return_copy",
            ),
            (
                "malicious",
                "pull",
                "return_copy = true\n",
                "policy.actions[0].return_copy",
            ),
            ("bulk", "settle", "from = 1.5\n", "policy.actions[0].from"),
        ] {
            let said = entry(verdict, deed, rest).expect_err(field).to_string();
            assert!(said.starts_with(field), "{said}");
        }
    }

    #[test]
    fn an_exercise_needs_more_than_a_header() {
        let policy = |text: &str| toml::from_str::<Policy>(text).expect("a policy").validate();
        let head = "[[simulations]]\nvendor = \"KnowBe4\"\nheader = \"X-PHISHTEST\"\n";
        let said = policy(head).expect_err("a header alone").to_string();
        assert!(said.contains("anyone can write"), "{said}");
        let short = format!("{head}secret = \"short\"\n");
        assert!(policy(&short).is_err());
        let secret = format!("{head}secret = \"0123456789abcdef\"\n");
        assert_eq!(policy(&secret), Ok(()));
        let networks = format!("{head}networks = [\"192.0.2.0/24\"]\n");
        assert_eq!(policy(&networks), Ok(()));
    }
}
