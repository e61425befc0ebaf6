//! How far a campaign's pull may go, as its page shows it.

use chrono::{DateTime, Utc};

use super::{text::Plain, text::grouped, timeline::Names, when::When};
use crate::{
    config::pull::PullLimits,
    domain::{Admission, Hold, Stage},
    remediation::gate,
    store::staged::Staged,
};

/// The stage of a pull, and what holds it back.
pub(super) struct Staging {
    pub(super) stage: &'static str,
    pub(super) moved: String,
    pub(super) copies: String,
    /// Why the rest waits.
    pub(super) hold: Option<&'static str>,
    /// What halted it.
    pub(super) halted: Option<Plain>,
    pub(super) until: Option<When>,
    /// Whether it waits for an answer on the page of pulls.
    pub(super) to_approve: bool,
    pub(super) by: Option<Plain>,
}

impl Staging {
    /// `None` where the pull was taken back.
    pub(super) fn of(
        limits: &PullLimits,
        staged: &Staged,
        names: &Names,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let remediation = &staged.remediation;
        if remediation.state.is_put_back() {
            return None;
        }
        let at = gate::footing(limits, staged, now);
        let waiting = staged.counts.copies > staged.counts.moved;
        let hold = match at.admission() {
            Admission::Held(hold) if waiting => Some(hold),
            Admission::Held(_) | Admission::UpTo(_) => None,
        };
        let by = remediation.decided_by.as_deref();
        Some(Self {
            stage: match at.stage {
                Stage::Canary => "first copies",
                Stage::Second => "a share of the organisation",
                Stage::Rest => "all copies",
            },
            moved: grouped(at.moved),
            copies: grouped(staged.counts.copies),
            hold: hold.map(Hold::words),
            halted: remediation
                .halted
                .as_deref()
                .map(|why| Plain::line(why, 300)),
            until: at.waits_until.map(|until| When::of(until, now)),
            to_approve: hold == Some(Hold::Approval)
                || (at.needs_approval() && waiting && remediation.halted.is_none()),
            by: by.map(|by| Plain::line(names.get(by).map_or(by, String::as_str), 60)),
        })
    }
}
