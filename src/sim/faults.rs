//! Faults as data: which call goes wrong, and how.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    call::Face,
    counters::Operation,
    distort::{BatchFault, PageFault},
    seed::Dice,
};

/// Picks calls. Absent members match everything. Parts of a `$batch` are calls
/// of their own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matcher {
    /// The service.
    pub face: Option<Face>,
    /// The kind of call.
    pub operation: Option<Operation>,
    /// HTTP method, upper case.
    pub method: Option<String>,
    /// Text that the path and query (not decoded) hold.
    pub path_contains: Option<String>,
    /// Text that the path (without query) ends with.
    pub path_ends: Option<String>,
    /// Primary address of the mailbox.
    pub mailbox: Option<String>,
    /// The first of the matching calls to fail, from 1; default 1.
    pub nth: Option<u64>,
}

/// What `Retry-After` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// This text: `0`, `2.128`, `300`, or anything broken.
    Value(String),
    /// The HTTP date so many seconds ahead of the simulated clock.
    DateIn(i64),
    /// No such header.
    Missing,
}

/// What happens to the call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Not executed; this answer instead.
    Answer {
        /// HTTP status.
        status: u16,
        /// Headers to add.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Body; JSON, or text when it is a string.
        #[serde(default)]
        body: Value,
    },
    /// Not executed; the service's own 429 with its own error body.
    Throttle {
        /// The `Retry-After` header.
        retry_after: RetryAfter,
    },
    /// Gmail's 403 with a retryable reason (`userRateLimitExceeded`, ...). Not
    /// executed. On other faces it is a 403 of their form.
    Forbid {
        /// `error.errors[0].reason`, Graph error code.
        reason: String,
    },
    /// The connection closes without an answer.
    LoseReply {
        /// Whether the effect happens before that.
        executed: bool,
    },
    /// Executed, answered so many milliseconds later.
    Slow {
        /// Delay.
        millis: u64,
    },
    /// Executed; the body breaks off after so many octets.
    Truncate {
        /// Octets that still arrive.
        bytes: usize,
    },
    /// The mailbox of the call loses its licence, then the call is executed.
    Unlicensed,
    /// The message the call names is deleted by its owner, then the call is
    /// executed.
    Vanish,
    /// The owner writes other words into the message the call names, as Outlook lets
    /// them, then the call is executed.
    Edit,
    /// Executed; the answers inside the `$batch` are not as they should be.
    Batch(BatchFault),
    /// The pages of the list are not as they should be.
    Pages(PageFault),
    /// Executed; an item of another mailbox is handed back.
    Foreign,
    /// Every access token is forgotten, then the call is executed.
    ExpireTokens,
}

/// A scripted fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which calls.
    #[serde(default)]
    pub when: Matcher,
    /// What happens to them.
    pub action: Action,
    /// How many matching calls in a row, from `nth` on; 0 means all of them.
    #[serde(default = "once")]
    pub times: u64,
}

const fn once() -> u64 {
    1
}

impl Fault {
    /// A fault for the first call that `when` matches.
    #[must_use]
    pub const fn once(when: Matcher, action: Action) -> Self {
        Self {
            when,
            action,
            times: 1,
        }
    }

    /// A fault for every call that `when` matches.
    #[must_use]
    pub const fn always(when: Matcher, action: Action) -> Self {
        Self {
            when,
            action,
            times: 0,
        }
    }
}

/// Faults without a script: any call that `when` matches may meet one, as the dice of
/// the seed fall.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weather {
    /// Seed of all choices.
    pub seed: u64,
    /// Which calls; `nth` does not matter.
    #[serde(default)]
    pub when: Matcher,
    /// How many calls of a thousand meet one.
    pub per_mille: u16,
    /// What may happen to them, each as likely as another. What befalls a connection
    /// befalls whole requests, and not parts of a `$batch`.
    pub actions: Vec<Action>,
}

impl Action {
    /// Whether it befalls the connection and not the call.
    const fn befalls_connection(&self) -> bool {
        matches!(
            self,
            Self::LoseReply { .. } | Self::Slow { .. } | Self::Truncate { .. }
        )
    }
}

/// What a matcher looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looks<'a> {
    pub face: Face,
    pub operation: Operation,
    pub method: &'a str,
    pub target: &'a str,
    pub mailbox: Option<&'a str>,
    /// Whether it is a part of a `$batch`.
    pub part: bool,
}

impl Matcher {
    fn matches(&self, call: Looks<'_>) -> bool {
        let path = call.target.split('?').next().unwrap_or_default();
        let same = |wanted: &Option<String>, is: &str| {
            wanted.as_ref().is_none_or(|w| w.eq_ignore_ascii_case(is))
        };
        self.face.is_none_or(|face| face == call.face)
            && self.operation.is_none_or(|op| op == call.operation)
            && same(&self.method, call.method)
            && self
                .path_contains
                .as_ref()
                .is_none_or(|text| call.target.contains(text))
            && self
                .path_ends
                .as_ref()
                .is_none_or(|end| path.ends_with(end))
            && self
                .mailbox
                .as_ref()
                .is_none_or(|wanted| call.mailbox.is_some_and(|m| m.eq_ignore_ascii_case(wanted)))
    }
}

#[derive(Debug, Default)]
pub(super) struct Script {
    faults: Vec<(Fault, u64)>,
    weather: Option<(Weather, Dice)>,
    struck: u64,
}

impl Script {
    pub(super) fn add(&mut self, fault: Fault) {
        self.faults.push((fault, 0));
    }

    pub(super) fn clear(&mut self) {
        self.faults.clear();
        self.weather = None;
    }

    pub(super) fn set_weather(&mut self, weather: Option<Weather>) {
        self.weather = weather.map(|weather| {
            let dice = Dice::new(weather.seed);
            (weather, dice)
        });
    }

    /// How many actions fired so far.
    pub(super) const fn struck(&self) -> u64 {
        self.struck
    }

    /// What the weather has for a call.
    fn by_chance(&mut self, call: Looks<'_>) -> Option<Action> {
        let (weather, dice) = self.weather.as_mut()?;
        if !weather.when.matches(call) || dice.below(1000) >= usize::from(weather.per_mille) {
            return None;
        }
        let action = dice.pick(&weather.actions)?;
        (!call.part || !action.befalls_connection()).then(|| action.clone())
    }

    /// Counts the call on every fault that matches it and gives the actions
    /// that fire.
    pub(super) fn strike(&mut self, call: Looks<'_>) -> Vec<Action> {
        let mut actions = Vec::new();
        for (fault, seen) in &mut self.faults {
            if !fault.when.matches(call) {
                continue;
            }
            *seen += 1;
            let first = fault.when.nth.unwrap_or(1).max(1);
            let fires = *seen >= first && (fault.times == 0 || *seen < first + fault.times);
            if fires {
                actions.push(fault.action.clone());
            }
        }
        if actions.is_empty() {
            actions.extend(self.by_chance(call));
        }
        self.struck += actions.len() as u64;
        actions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_matching_call_fails_and_no_other() {
        let mut script = Script::default();
        let fault: Fault = serde_json::from_str(
            r#"{"when":{"operation":"message_move","nth":2,"mailbox":"a@x.example"},"action":{"throttle":{"retry_after":{"value":"2.128"}}}}"#,
        )
        .expect("fault");
        script.add(fault);
        let call = |operation, mailbox| Looks {
            face: Face::Graph,
            operation,
            method: "POST",
            target: "/v1.0/users/a/messages/m/move",
            mailbox: Some(mailbox),
            part: false,
        };
        let mut hits = Vec::new();
        for (operation, mailbox) in [
            (Operation::MessageMove, "a@x.example"),
            (Operation::MessageMove, "b@x.example"),
            (Operation::MessageGet, "a@x.example"),
            (Operation::MessageMove, "a@x.example"),
            (Operation::MessageMove, "a@x.example"),
        ] {
            hits.push(script.strike(call(operation, mailbox)).len());
        }
        assert_eq!(hits, [0, 0, 0, 1, 0]);
    }

    #[test]
    fn the_weather_of_a_seed_strikes_the_same_calls_and_spares_parts_their_connection() {
        let weather = Weather {
            seed: 3,
            when: Matcher::default(),
            per_mille: 50,
            actions: vec![
                Action::LoseReply { executed: true },
                Action::Throttle {
                    retry_after: RetryAfter::Missing,
                },
            ],
        };
        let strikes = |part| {
            let mut script = Script::default();
            script.set_weather(Some(weather.clone()));
            let call = Looks {
                face: Face::Graph,
                operation: Operation::MessageGet,
                method: "GET",
                target: "/v1.0/users/a/messages/m",
                mailbox: None,
                part,
            };
            let all: Vec<String> = (0..4_000)
                .map(|_| format!("{:?}", script.strike(call)))
                .collect();
            let lost = all.iter().filter(|one| one.contains("LoseReply")).count();
            let some = all.iter().filter(|one| *one != "[]").count();
            assert_eq!(u64::try_from(some).ok(), Some(script.struck()));
            script.clear();
            assert!((0..1_000).all(|_| script.strike(call).is_empty()));
            (all, some, lost)
        };
        let (all, some, lost) = strikes(false);
        assert_eq!(all, strikes(false).0);
        assert!((100..300).contains(&some), "{some} of 4000");
        assert!(lost > 20, "{lost}");
        assert_eq!(strikes(true).2, 0);
    }
}
