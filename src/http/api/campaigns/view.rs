//! Campaigns and their remediation as analysts see them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    config::pull::PullLimits,
    domain::{
        Admission, ApprovalId, CampaignId, Cause, Hold, MailboxState, RemediationId, SearchId,
        Stage, SubmissionId, Verdict, VerdictSource,
    },
    http::api::words::{ProviderWord, VerdictWord},
    remediation::gate,
    store::{
        campaign::Campaign,
        pull::PullCounts,
        remediation::{Remediation, RemediationState},
        search::{Gap, MailboxCounts, Searched},
        staged::Staged,
        target::Targets,
        watch::Watch,
    },
};

/// A campaign in a list. Title and sender are a stranger's words.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct CampaignSummary {
    /// `cmp_…`
    #[schema(value_type = String)]
    id: CampaignId,
    /// The submission that every copy is compared with, `sub_…`.
    #[schema(value_type = String)]
    seed: SubmissionId,
    /// Subject of the seed; untrusted.
    title: Option<String>,
    /// Sender of the seed; untrusted.
    sender: Option<String>,
    /// The verdict in force.
    #[schema(value_type = VerdictWord)]
    verdict: Verdict,
    /// Who decided: `policy` or `analyst`.
    #[schema(value_type = String)]
    verdict_source: VerdictSource,
    /// Grows with each decision.
    decision_version: i32,
    /// The case it is a variant of, `cmp_…`.
    #[schema(value_type = Option<String>)]
    variant_of: Option<CampaignId>,
    /// When it was opened.
    created_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
}

impl From<Campaign> for CampaignSummary {
    fn from(c: Campaign) -> Self {
        Self {
            id: c.id,
            seed: c.seed,
            title: c.title,
            sender: c.sender,
            verdict: c.verdict,
            verdict_source: c.verdict_source,
            decision_version: c.decision_version,
            variant_of: c.variant_of,
            created_at: c.created_at,
            updated_at: c.updated_at,
        }
    }
}

/// How many mailboxes of a department copies were found in.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct TargetView {
    /// As the directory names it; absent where it names none.
    department: Option<String>,
    /// Its mailboxes with a copy.
    mailboxes: u64,
}

impl From<Targets> for TargetView {
    fn from(t: Targets) -> Self {
        Self {
            department: t.department,
            mailboxes: t.mailboxes,
        }
    }
}

/// How far a campaign's pull is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct RemediationView {
    /// `rem_…`
    #[schema(value_type = String)]
    id: RemediationId,
    /// `searching`, `pulling`, `closed` or `restoring`.
    #[schema(value_type = String)]
    state: RemediationState,
    /// The decision it carries out.
    decision_version: i32,
    /// Its newest search, `sch_…`.
    #[schema(value_type = Option<String>)]
    search: Option<SearchId>,
    /// Mailboxes in scope.
    mailboxes: u64,
    /// Mailboxes searched.
    searched: u64,
    /// Mailboxes out of reach.
    unreachable: u64,
    /// Why it waits for an administrator, when it does.
    paused_reason: Option<String>,
    /// When it was decided.
    created_at: DateTime<Utc>,
    /// When everything was settled.
    closed_at: Option<DateTime<Utc>>,
    /// The first thousand mailboxes that were not searched, with the reason.
    gaps: Vec<GapView>,
    /// How far it may go, and why it waits; absent where it was put back.
    staged: Option<StagedView>,
    /// How it is looked for again; absent before the search is through, and when
    /// nothing is watched.
    watch: Option<WatchView>,
}

/// How far a pull may go, and why it waits.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct StagedView {
    /// `canary`, `second` or `rest`.
    #[schema(value_type = String)]
    stage: Stage,
    /// When the next stage may begin; set once this one is complete.
    waits_until: Option<DateTime<Utc>>,
    /// The analyst who decided it; absent when no person did.
    decided_by: Option<String>,
    /// Copies moved by it, those that reporters handed in left out.
    moved: u64,
    /// Copies that are to be moved or were.
    copies: u64,
    /// Mailboxes with those.
    mailboxes: u64,
    /// Mailboxes that one person may decide over.
    alone: u64,
    /// What holds the rest back: `kill_switch`, `automatic_stopped`, `halted`, `stage`,
    /// `approval` or `cap`; absent while it goes on.
    #[schema(value_type = Option<String>)]
    hold: Option<Hold>,
    /// The same in words.
    why: Option<String>,
    /// The newest request for approval, `apr_…`.
    #[schema(value_type = Option<String>)]
    approval: Option<ApprovalId>,
}

impl StagedView {
    pub(super) fn of(limits: &PullLimits, staged: &Staged, now: DateTime<Utc>) -> Self {
        let at = gate::footing(limits, staged, now);
        let waiting = staged.counts.copies > staged.counts.moved;
        let hold = match at.admission() {
            Admission::Held(hold) if waiting => Some(hold),
            Admission::Held(_) | Admission::UpTo(_) => None,
        };
        let halted = staged.remediation.halted.as_deref();
        Self {
            stage: at.stage,
            waits_until: at.waits_until,
            decided_by: staged.remediation.decided_by.clone(),
            moved: at.moved,
            copies: staged.counts.copies,
            mailboxes: at.mailboxes,
            alone: at.limits.alone,
            hold,
            why: hold.map(|hold| match (hold, halted) {
                (Hold::Halted, Some(halted)) => format!("{} ({halted})", hold.words()),
                _ => hold.words().to_owned(),
            }),
            approval: staged.approval.as_ref().map(|approval| approval.id),
        }
    }
}

/// The standing watch for copies that come late.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct WatchView {
    /// When its last round falls due.
    until: DateTime<Utc>,
    /// When mailboxes are looked into next; absent once it is over.
    next_round: Option<DateTime<Utc>>,
    /// Copies that came up since it began.
    resurfaced: i64,
}

impl From<Watch> for WatchView {
    fn from(watch: Watch) -> Self {
        Self {
            until: watch.until,
            next_round: watch.next_round,
            resurfaced: watch.resurfaced,
        }
    }
}

impl RemediationView {
    pub(super) fn new(
        r: Remediation,
        searched: Option<Searched>,
        gaps: Vec<Gap>,
        watch: Option<Watch>,
        staged: Option<StagedView>,
    ) -> Self {
        let counts = searched
            .as_ref()
            .map_or(MailboxCounts::default(), |s| s.counts);
        let search = searched.map(|s| s.search);
        let watch = watch.filter(|watch| watch.decision_version == r.decision_version);
        Self {
            id: r.id,
            state: r.state,
            decision_version: r.decision_version,
            search: search.as_ref().map(|s| s.id),
            mailboxes: counts.expected,
            searched: counts.searched,
            unreachable: counts.unreachable,
            paused_reason: search.and_then(|s| s.paused_reason),
            created_at: r.created_at,
            closed_at: r.closed_at,
            gaps: gaps.into_iter().map(GapView::from).collect(),
            staged,
            watch: watch.map(WatchView::from),
        }
    }
}

/// A mailbox that was not searched.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct GapView {
    /// Its address.
    mailbox: String,
    /// Its platform.
    #[schema(value_type = ProviderWord)]
    provider: &'static str,
    /// Whether it will be tried again.
    retrying: bool,
    /// `retrying`, `unreachable` or `excluded`.
    #[schema(value_type = String)]
    state: MailboxState,
    /// Why, in plain words.
    reason: String,
    /// Why, in one word.
    #[schema(value_type = Option<String>)]
    cause: Option<Cause>,
    /// Tries so far.
    attempts: i32,
}

impl From<Gap> for GapView {
    fn from(gap: Gap) -> Self {
        Self {
            mailbox: gap.mailbox.address.to_string(),
            provider: gap.mailbox.provider.as_str(),
            retrying: gap.state == MailboxState::Retrying,
            state: gap.state,
            reason: gap.reason,
            cause: gap.cause,
            attempts: gap.attempts,
        }
    }
}

/// How many copies are where.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct CountsView {
    /// All copies found.
    found: u64,
    /// In quarantine.
    pulled: u64,
    /// Back in place.
    restored: u64,
    /// Removed by somebody else.
    gone: u64,
    /// Not the condemned message any more.
    changed: u64,
    /// Given up.
    failed: u64,
    /// Still being worked on.
    pending: u64,
}

impl From<PullCounts> for CountsView {
    fn from(c: PullCounts) -> Self {
        Self {
            found: c.found,
            pulled: c.pulled,
            restored: c.restored,
            gone: c.gone,
            changed: c.changed,
            failed: c.failed,
            pending: c.pending,
        }
    }
}
