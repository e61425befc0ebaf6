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
    config::policy::{OwnRule, Policy, PolicyError},
    domain::Assessment,
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
    let rules = &engine.policy().rules;
    if rules.is_empty() {
        return Ok(());
    }
    let sample = judged(engine, SAMPLE);
    for rule in rules {
        let id = format!("own.{}", rule.name);
        can_be_read(rule, &id, &sample)?;
        for (at, test) in rule.tests.iter().enumerate() {
            let assessment = judged(engine, &test.message);
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

/// A mail in which most of what rules may read is there.
const SAMPLE: &str = "Authentication-Results: mx.sample.example; spf=pass; dkim=pass header.d=sample.example; dmarc=pass header.from=sample.example\r\nFrom: Sample <a@sample.example>\r\nReply-To: b@sample.example\r\nTo: c@sample.example\r\nSubject: sample\r\nX-Mailer: sample\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>A sample with <a href=\"https://www.sample.example/path\">a link</a>.</p>\r\n";

/// A message as an engine judges it for the sake of its rules.
fn judged(engine: &Engine, message: &str) -> Assessment {
    let message = parse(message.as_bytes(), &Limits::default());
    let facts = Facts {
        now: DateTime::UNIX_EPOCH,
        trusted_authserv_ids: vec!["*".to_owned()],
        ..Facts::default()
    };
    engine.assess(&message, &observables(&message), &facts)
}

/// Refuses a rule that can find nothing in any message: one that calls what is not there
/// or gives neither true nor false, as the sample shows. A list that is shorter than a
/// rule thinks, and a header field that is not there, are matters of a message and not of
/// the rule.
fn can_be_read(rule: &OwnRule, id: &str, sample: &Assessment) -> Result<(), PolicyError> {
    let of_message = ["ndex out of bounds", "x-", "ivision by zero"];
    let failed = sample
        .signals
        .iter()
        .find(|signal| signal.id == id && signal.weight == 0.0 && rule.weight != 0.0)
        .filter(|signal| !of_message.iter().any(|word| signal.evidence.contains(word)));
    failed.map_or(Ok(()), |failed| {
        let field = format!("rules.{}.when", rule.name);
        Err(PolicyError::new(field, failed.evidence.clone()))
    })
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
    fn a_rule_that_can_find_nothing_is_refused_though_it_has_no_test() {
        let rule = |when: &str| {
            let text = format!(
                "[[rules]]\nname = \"pay\"\nwhen = '''{when}'''\nweight = 1.5\nclass = \"language\"\nsays = \"pay\"\n"
            );
            ready(Policy::from_toml(&text).unwrap())
        };
        for broken in [
            "message.wordz.contains('a')",
            "message.text.foo('a')",
            "size(links)",
            "\"abc\"",
            "message.text.matches('(a+')",
        ] {
            let said = rule(broken).expect_err(broken).to_string();
            assert!(said.starts_with("policy.rules.pay.when"), "{said}");
        }
        for good in [
            "links[3].host == 'x'",
            "headers['x-spam'] == 'yes'",
            "files.exists(f, f.kind == 'onenote')",
            "answers[0].endsWith('sample.example')",
        ] {
            assert!(rule(good).is_ok(), "{good}: {:?}", rule(good).err());
        }
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
