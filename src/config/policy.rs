//! Section `policy`: how an assessment becomes a verdict, and when the server may
//! act without a person. The same document stands in a policy file and in the
//! database, where every version is kept.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Entries of one list.
const MOST_LISTED: usize = 10_000;
/// Rules of one's own.
const MOST_RULES: usize = 500;
/// Octets of a policy file.
const MOST_TEXT: usize = 1 << 20;
/// Octets of one rule's expression.
const MOST_EXPRESSION: usize = 4_096;
/// The least octets of a secret that marks an exercise.
const LEAST_SECRET: usize = 16;
/// The most octets of one.
const MOST_SECRET: usize = 200;
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
    pub trusted_authserv_ids: Vec<String>,
    /// People whose names strangers like to borrow.
    pub vips: Vec<Vip>,
    /// Senders whose authenticated mail is wanted.
    pub allow: Vec<Listed>,
    /// Senders whose mail is not.
    pub deny: Vec<Listed>,
    /// Rules of one's own.
    pub rules: Vec<OwnRule>,
    /// Phishing exercises, and how they are told from the real thing.
    pub simulations: Vec<Exercise>,
}

/// A person whose name strangers like to borrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vip {
    /// The name as it stands in mail, e.g. `Erika Mustermann`.
    pub name: String,
    /// The person's addresses, lower case; mail from them is the person's own.
    pub addresses: Vec<String>,
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// An address, or a domain that stands for itself and everything below it.
    pub sender: String,
    /// When the entry ends; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// Why it is there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

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

/// How the mail of a phishing exercise is known. A header field that anyone can write
/// is never enough: a secret value of one's own, or the vendor's network as the own
/// border saw it, or a signature of the vendor's domain that held there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exercise {
    /// Whose exercise it is.
    pub vendor: String,
    /// A header field that has to be there, beginning with `x-`; case does not matter.
    pub header: Option<String>,
    /// The field's whole value: a secret of one's own, at least sixteen octets.
    pub secret: Option<String>,
    /// Networks from which the vendor sends.
    pub networks: Vec<IpNet>,
    /// Domains whose signature (DKIM) the vendor's mail bears, each with those below.
    pub dkim: Vec<String>,
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

    /// The policy as a file; of one that was checked, see [`Policy::written`].
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

impl Listed {
    fn validate(&self, field: &str) -> Result<(), PolicyError> {
        let domain = self.sender.rsplit('@').next().unwrap_or_default();
        let good = domain.contains('.')
            && !domain.starts_with('.')
            && self.sender.matches('@').count() <= 1
            && !self.sender.starts_with('@')
            && self.sender == self.sender.to_lowercase()
            && !self.sender.contains(char::is_whitespace);
        if good {
            return Ok(());
        }
        Err(PolicyError::new(
            format!("{field}.sender"),
            "must be an address or a domain with a dot in it, in lower case",
        ))
    }

    /// Whether it speaks of an address, at a time.
    #[must_use]
    pub fn covers(&self, address: &str, now: DateTime<Utc>) -> bool {
        if self.until.is_some_and(|until| until <= now) {
            return false;
        }
        if self.sender.contains('@') {
            return self.sender == address;
        }
        let domain = address.rsplit('@').next().unwrap_or_default();
        is_below(domain, &self.sender)
    }
}

/// Whether a domain is another or lies below it.
#[must_use]
pub fn is_below(domain: &str, above: &str) -> bool {
    domain == above
        || domain
            .strip_suffix(above)
            .is_some_and(|head| head.ends_with('.'))
}

impl Vip {
    fn validate(&self, field: &str) -> Result<(), PolicyError> {
        if self.name.split_whitespace().count() < 2 {
            let why = "must hold a first and a last name: one word alone is everybody's";
            return Err(PolicyError::new(format!("{field}.name"), why));
        }
        if self.addresses.iter().any(|a| !a.contains('@')) || self.addresses.is_empty() {
            let why = "must hold the person's addresses";
            return Err(PolicyError::new(format!("{field}.addresses"), why));
        }
        if self.addresses.iter().any(|a| *a != a.to_lowercase()) {
            let why = "must be in lower case";
            return Err(PolicyError::new(format!("{field}.addresses"), why));
        }
        Ok(())
    }
}

impl OwnRule {
    fn validate(&self) -> Result<(), PolicyError> {
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

/// Whether a value comes out of a header field as it went in.
fn is_flat(value: &str) -> bool {
    value.split_whitespace().collect::<Vec<_>>().join(" ") == value
        && !value.chars().any(char::is_control)
}

impl Exercise {
    fn validate(&self, field: &str) -> Result<(), PolicyError> {
        let wrong = |name: &str, why: &str| Err(PolicyError::new(format!("{field}.{name}"), why));
        if self.vendor.trim().is_empty() {
            return wrong("vendor", "must say whose exercise it is");
        }
        let marked = self
            .header
            .as_deref()
            .is_none_or(|name| name.to_ascii_lowercase().starts_with("x-"));
        if !marked {
            return wrong("header", "must be a field that begins with X-");
        }
        match &self.secret {
            Some(secret) if secret.len() < LEAST_SECRET => {
                return wrong("secret", "must be at least sixteen octets");
            }
            Some(secret) if secret.len() > MOST_SECRET || !is_flat(secret) => {
                return wrong(
                    "secret",
                    "must be at most 200 octets on one line, with single blanks at most",
                );
            }
            Some(_) if self.header.is_none() => {
                return wrong("header", "must name the field that holds the secret");
            }
            Some(_) => {}
            None if self.networks.is_empty() && self.dkim.is_empty() => {
                return wrong(
                    "secret",
                    "or networks or dkim must be given: a header alone anyone can write",
                );
            }
            None => {}
        }
        let bad = |domain: &String| !domain.contains('.') || *domain != domain.to_lowercase();
        if self.dkim.iter().any(bad) {
            return wrong("dkim", "must be domains in lower case");
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
        let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(1);
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
