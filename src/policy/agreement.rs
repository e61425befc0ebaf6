//! How far the engine and the analysts agree: what shadow mode is for.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    force::engine,
    record::{Latest, decided},
};
use crate::{
    app::App,
    config::policy::Mode,
    domain::Verdict,
    learn::figures::Share,
    store::{StoreError, judgement::Judgement},
};

/// Messages that an analyst has to have decided on before a class can go.
const LEAST: usize = 50;

/// What the operator accepts.
#[derive(Debug, Clone, Copy)]
pub struct Accepted {
    /// Of what is pulled, the share that is not malicious.
    pub false_pulls: f64,
    /// Of what is closed, the share that is malicious.
    pub false_closes: f64,
}

impl Default for Accepted {
    fn default() -> Self {
        Self {
            false_pulls: 0.01,
            false_closes: 0.005,
        }
    }
}

/// One class of the engine's verdicts beside what analysts decided.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What the engine said.
    pub said: Verdict,
    /// Of those that analysts decided on, the ones they saw as it did: malicious, or
    /// not.
    pub agreed: Share,
    /// Whether the upper bound of the disagreement is within what is accepted.
    pub go: bool,
    /// Why, in plain words.
    pub why: String,
}

/// The engine beside the analysts.
#[derive(Debug, Clone, Serialize)]
pub struct Agreement {
    /// Messages judged in the time.
    pub judged: usize,
    /// Of those, ones that analysts decided on.
    pub decided: usize,
    /// The classes that the engine settles by itself.
    pub rows: Vec<Row>,
}

/// Compares the latest judgement of every message since a time, by the policy and model
/// in force, with what analysts decided.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn agreement(
    app: &App,
    since: DateTime<Utc>,
    accepted: Accepted,
) -> Result<Agreement, StoreError> {
    let engine = engine(app).await?;
    let model = engine.model().map(|model| model.version());
    let mut latest = Latest::default();
    let mut judged = 0;
    let mut pairs: Vec<(Verdict, Verdict)> = Vec::new();
    // what another policy or model said vouches for none
    let by_this = |judgement: &Judgement| {
        judgement.policy_version == engine.version() && judgement.model_version.as_deref() == model
    };
    'pages: while let Some(page) = latest.next(app, by_this).await? {
        for judgement in &page {
            if judgement.created_at < since {
                break 'pages;
            }
            judged += 1;
            let decided = decided(app, judgement.submission)
                .await?
                .filter(|decided| !decided.needs_review());
            if let Some(decided) = decided {
                pairs.push((judgement.verdict, decided));
            }
        }
    }
    let settled = [
        Verdict::Malicious,
        Verdict::Spam,
        Verdict::Bulk,
        Verdict::Benign,
    ];
    Ok(Agreement {
        judged,
        decided: pairs.len(),
        rows: settled
            .into_iter()
            .map(|said| row(said, &pairs, accepted))
            .map(|row| unless_unseen(row, engine.policy().mode))
            .collect(),
    })
}

/// Outside shadow mode nobody looks at what is closed: that few complain proves nothing.
fn unless_unseen(mut row: Row, mode: Mode) -> Row {
    if row.said != Verdict::Malicious && mode == Mode::Act {
        row.go = false;
        "closed mail is decided on by analysts in shadow mode only".clone_into(&mut row.why);
    }
    row
}

fn row(said: Verdict, pairs: &[(Verdict, Verdict)], accepted: Accepted) -> Row {
    let of_class = || pairs.iter().filter(|(own, _)| *own == said);
    let harmful = said == Verdict::Malicious;
    let right = of_class()
        .filter(|(_, decided)| (*decided == Verdict::Malicious) == harmful)
        .count();
    let agreed = Share::new(right, of_class().count());
    let allowed = if harmful {
        accepted.false_pulls
    } else {
        accepted.false_closes
    };
    let (go, why) = if agreed.all < LEAST {
        let why = format!("{} of at least {LEAST} decisions", agreed.all);
        (false, why)
    } else if 1.0 - agreed.low > allowed {
        let why = format!(
            "up to {:.1} % may be wrong, {:.1} % are accepted",
            (1.0 - agreed.low) * 100.0,
            allowed * 100.0
        );
        (false, why)
    } else {
        (true, "within what is accepted".to_owned())
    };
    Row {
        said,
        agreed,
        go,
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_goes_only_on_enough_decisions_within_what_is_accepted() {
        let accepted = Accepted {
            false_pulls: 0.1,
            false_closes: 0.005,
        };
        let pairs = |right: usize, wrong: usize| {
            let mut pairs = vec![(Verdict::Malicious, Verdict::Malicious); right];
            pairs.extend(vec![(Verdict::Malicious, Verdict::Spam); wrong]);
            pairs
        };
        assert!(!row(Verdict::Malicious, &pairs(49, 0), accepted).go);
        assert!(row(Verdict::Malicious, &pairs(60, 0), accepted).go);
        let off = row(Verdict::Malicious, &pairs(60, 5), accepted);
        assert!(
            !off.go && off.why.contains("10.0 % are accepted"),
            "{off:?}"
        );
        let closed = vec![(Verdict::Bulk, Verdict::Benign); 60];
        let few = row(Verdict::Bulk, &closed, accepted);
        assert_eq!((few.agreed.of, few.go), (60, false), "60 cannot show 0.5 %");
    }
}
