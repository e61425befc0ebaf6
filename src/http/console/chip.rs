//! Small marks of state: always a shape and a word, never colour alone.

use askama::{Template, filters::HtmlSafe};

use crate::{
    domain::{Desired, Observed, PullRole, Verdict},
    store::pull::Pull,
};

/// A state in a word, with a tone and a shape.
#[derive(Debug, Clone, Copy, Template)]
#[template(
    source = "<span class=\"chip {{ tone }}\"><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\"><path d=\"{{ shape }}\"/></svg>{{ word }}</span>",
    ext = "html"
)]
pub struct Chip {
    /// Class of the style sheet.
    pub tone: &'static str,
    /// Path in a box of ten by ten.
    shape: &'static str,
    /// The word.
    pub word: &'static str,
}

impl HtmlSafe for Chip {}

const OCTAGON: &str = "M3 .5h4L9.5 3v4L7 9.5H3L.5 7V3z";
const TRIANGLE: &str = "M5 .6 9.8 9.4H.2z";
const SQUARE: &str = "M1 1h8v8H1z";
const BARS: &str = "M1 1.2h8v1.8H1zM1 4.1h8v1.8H1zM1 7h8v1.8H1z";
const CHECK: &str = "M8.6 1.4 10 2.8 4 9 .2 5.4l1.3-1.5L4 6.2z";
const DIAMOND: &str = "M5 0l5 5-5 5-5-5z";
const RING: &str =
    "M5 .5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zm0 2a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z";
const HALF: &str = "M5 .5a4.5 4.5 0 1 1 0 9zM5 .5a4.5 4.5 0 0 0 0 9v-1.4a3.1 3.1 0 0 1 0-6.2z";
const CROSS: &str = "M2 .6 5 3.6l3-3L9.4 2l-3 3 3 3L8 9.4l-3-3-3 3L.6 8l3-3-3-3z";
const RETURN: &str = "M4 .8v2.4h2.6a2.9 2.9 0 0 1 0 5.9H2V7.4h4.5a1.2 1.2 0 0 0 0-2.5H4v2.4L.4 4z";

impl Chip {
    /// A mark of one's own.
    #[must_use]
    pub const fn new(tone: &'static str, shape: &'static str, word: &'static str) -> Self {
        Self { tone, shape, word }
    }

    /// The verdict in force; not judged yet is a state of its own.
    #[must_use]
    pub const fn verdict(verdict: Option<Verdict>) -> Self {
        match verdict {
            Some(Verdict::Malicious) => Self::new("bad", OCTAGON, "Malicious"),
            Some(Verdict::Suspicious) => Self::new("warn", TRIANGLE, "Suspicious"),
            Some(Verdict::Spam) => Self::new("spam", SQUARE, "Spam"),
            Some(Verdict::Bulk) => Self::new("calm", BARS, "Bulk"),
            Some(Verdict::Benign) => Self::new("good", CHECK, "Benign"),
            Some(Verdict::Simulation) => Self::new("info", DIAMOND, "Simulation"),
            Some(Verdict::Unknown) => Self::new("warn", RING, "Unknown"),
            None => Self::new("calm", HALF, "Being judged"),
        }
    }

    /// Where a copy is, and where it is wanted.
    #[must_use]
    pub fn pull(pull: &Pull) -> Self {
        match (pull.desired, pull.observed) {
            (_, Observed::Gone) => Self::new("calm", CROSS, "Gone already"),
            (_, Observed::Changed) => Self::new("calm", RING, "Left alone"),
            (_, Observed::Failed) => Self::new("bad", OCTAGON, "Gave up"),
            (Desired::Pulled, Observed::Pulled) => Self::new("good", CHECK, "In quarantine"),
            (Desired::Pulled, _) => Self::new("info", HALF, "Being pulled"),
            (Desired::InPlace, Observed::Restored) => Self::new("calm", RETURN, "Restored"),
            (Desired::InPlace, Observed::Found) if pull.role == PullRole::Variant => {
                Self::alert("Waits for a person")
            }
            (Desired::InPlace, Observed::Found) => Self::new("calm", RING, "Not touched"),
            (Desired::InPlace, _) => Self::new("info", HALF, "Being restored"),
        }
    }

    /// The outcome of an authentication check, as the receiving server wrote it.
    #[must_use]
    pub fn authentication(result: &str) -> Self {
        match result.trim().to_ascii_lowercase().as_str() {
            "pass" => Self::new("good", CHECK, "pass"),
            "fail" => Self::new("bad", CROSS, "fail"),
            "softfail" => Self::new("warn", TRIANGLE, "softfail"),
            "neutral" => Self::new("calm", RING, "neutral"),
            "none" | "" => Self::new("calm", RING, "none"),
            "temperror" => Self::new("warn", TRIANGLE, "temperror"),
            "permerror" => Self::new("warn", TRIANGLE, "permerror"),
            _ => Self::new("calm", RING, "other"),
        }
    }

    /// Something under way.
    #[must_use]
    pub const fn busy(word: &'static str) -> Self {
        Self::new("info", HALF, word)
    }

    /// Something finished.
    #[must_use]
    pub const fn done(word: &'static str) -> Self {
        Self::new("good", CHECK, word)
    }

    /// Something that needs a person.
    #[must_use]
    pub const fn alert(word: &'static str) -> Self {
        Self::new("warn", TRIANGLE, word)
    }

    /// Something that failed.
    #[must_use]
    pub const fn failed(word: &'static str) -> Self {
        Self::new("bad", OCTAGON, word)
    }
}

/// A part of a whole, drawn: a probability, or progress.
#[derive(Debug, Clone, Template)]
#[template(
    source = "<svg class=\"bar {{ tone }}\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"track\" width=\"100\" height=\"4\"/><rect class=\"fill\" width=\"{{ percent }}\" height=\"4\"/></svg>",
    ext = "html"
)]
pub struct Bar {
    /// 0 to 100.
    pub percent: u8,
    tone: &'static str,
}

impl HtmlSafe for Bar {}

impl Bar {
    /// A probability from 0 to 1; anything else is clamped.
    #[must_use]
    pub fn score(score: f64) -> Self {
        let percent = percent(score);
        let tone = match percent {
            80.. => "bad",
            40..80 => "warn",
            _ => "good",
        };
        Self { percent, tone }
    }

    /// `part` of `whole`.
    #[must_use]
    pub fn progress(part: u64, whole: u64) -> Self {
        let percent = u8::try_from(part.min(whole) * 100 / whole.max(1)).unwrap_or(100);
        Self {
            percent,
            tone: if part >= whole && whole > 0 {
                "good"
            } else {
                "info"
            },
        }
    }
}

/// A weight in log-odds, drawn from the middle: right speaks for malice.
#[derive(Debug, Clone, Template)]
#[template(
    source = "<svg class=\"weight\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"track\" width=\"100\" height=\"4\"/><rect class=\"{{ side }}\" x=\"{{ from }}\" width=\"{{ length }}\" height=\"4\"/><rect class=\"mid\" x=\"49.6\" width=\".8\" height=\"4\"/></svg>",
    ext = "html"
)]
pub struct Weight {
    side: &'static str,
    from: u8,
    length: u8,
}

impl HtmlSafe for Weight {}

impl Weight {
    /// `weight` beside the heaviest of its list, `most` (both as they are signed).
    #[must_use]
    pub fn of(weight: f64, most: f64) -> Self {
        let share = if most.abs() > f64::EPSILON {
            weight.abs() / most.abs()
        } else {
            0.0
        };
        let length = (percent(share) / 2).max(1);
        if weight >= 0.0 {
            Self {
                side: "for",
                from: 50,
                length,
            }
        } else {
            Self {
                side: "against",
                from: 50 - length,
                length,
            }
        }
    }
}

/// A share of one as whole per cent; what is no number counts as nothing, and
/// only the whole is a hundred: a judgement is never certain.
#[must_use]
pub fn percent(share: f64) -> u8 {
    let text = format!("{:.0}", share.clamp(0.0, 1.0) * 100.0);
    match text.parse().unwrap_or(0) {
        100 if share < 1.0 => 99,
        whole => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stay_within_their_box() {
        for (score, shown) in [
            (-1.0, 0),
            (0.004, 0),
            (0.5, 50),
            (0.999_9, 99),
            (7.0, 100),
            (f64::NAN, 0),
        ] {
            assert_eq!(Bar::score(score).percent, shown, "{score}");
        }
        assert_eq!(Bar::progress(3, 0).percent, 0);
        assert_eq!(Bar::progress(9, 3).percent, 100);
        let against = Weight::of(-3.0, 6.0);
        assert_eq!((against.from, against.length), (25, 25));
    }
}
