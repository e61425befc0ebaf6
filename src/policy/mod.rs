//! What judges and what it was given: policies, read, tried on their own tests and on the
//! history, put into force; messages taken apart for them; judgements made again; models
//! that learn from the analysts.
//!
//! The room may use `learn`, `app` and all below.

pub mod agreement;
pub mod dissect;
pub mod force;
pub mod learning;
pub mod record;
pub mod replay;
pub mod statistics;
pub mod trial;

use chrono::DateTime;

use crate::{
    config::policy::{Policy, PolicyError},
    enrich::observables,
    message::{Limits, parse},
    verdict::{Engine, Facts},
};

/// An engine whose policy has passed its own tests, with the model that comes with
/// Unhook.
///
/// # Errors
/// The field or rule that cannot be, or the test that fails.
pub fn ready(policy: Policy) -> Result<Engine, PolicyError> {
    let engine = Engine::new(policy)?;
    passes_its_tests(&engine)?;
    Ok(engine)
}

/// Runs the tests that stand in the rules of an engine's policy.
///
/// # Errors
/// The first test that fails.
pub fn passes_its_tests(engine: &Engine) -> Result<(), PolicyError> {
    for rule in &engine.policy().rules {
        let id = format!("own.{}", rule.name);
        for (at, test) in rule.tests.iter().enumerate() {
            let message = parse(test.message.as_bytes(), &Limits::default());
            let facts = Facts {
                now: DateTime::UNIX_EPOCH,
                trusted_authserv_ids: vec!["*".to_owned()],
                ..Facts::default()
            };
            let assessment = engine.assess(&message, &observables(&message), &facts);
            let signal = assessment.signals.iter().find(|signal| signal.id == id);
            // a weight of nought says that the rule could not be read
            let failed = signal.filter(|signal| signal.weight == 0.0 && rule.weight != 0.0);
            let field = format!("rules.{}.tests[{at}]", rule.name);
            if let Some(failed) = failed {
                return Err(PolicyError::new(field, failed.evidence.clone()));
            }
            if signal.is_some() != test.finds {
                let why = if test.finds {
                    "the rule does not find its message"
                } else {
                    "the rule finds a message that it must not find"
                };
                return Err(PolicyError::new(field, why));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(when: &str, finds: bool) -> Policy {
        Policy::from_toml(&format!(
            "[[rules]]\nname = \"pay\"\nwhen = '''{when}'''\nweight = 1.5\nclass = \"language\"\nsays = \"pay\"\n[[rules.tests]]\nfinds = {finds}\nmessage = \"From: x@y.example\\r\\nSubject: payroll\\r\\n\\r\\nPlease change my direct deposit before Friday.\"\n"
        ))
        .unwrap()
    }

    #[test]
    fn a_rule_that_fails_its_own_test_is_refused() {
        let good = "message.words.contains(' direct deposit ')";
        assert!(ready(policy(good, true)).is_ok());
        let said = |when: &str, finds: bool| ready(policy(when, finds)).unwrap_err().to_string();
        assert_eq!(
            said("message.words.contains(' gift card ')", true),
            "policy.rules.pay.tests[0]: the rule does not find its message"
        );
        assert!(said(good, false).ends_with("must not find"));
        assert!(said("links[0].host == 'x'", false).contains("cannot read this message"));
    }
}
