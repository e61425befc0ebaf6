//! What stands around every page: the rail, the notice, who is signed in.

use serde::Deserialize;

use super::{assets, fault::PageError, guard::Signed};
use crate::{auth::Scope, store::submission::SubmissionFilter};

/// The frame of a page.
#[derive(Debug, Clone)]
pub struct Shell {
    /// The page's name in the rail.
    pub here: &'static str,
    /// Submissions that wait for a person.
    pub review: u64,
    /// Jobs that gave up.
    pub parked: usize,
    /// Large pulls that wait for a second person.
    pub approvals: u64,
    /// Whether pulls are stopped.
    pub stopped: bool,
    /// Whether the key administers: the audit trail is offered.
    pub admin: bool,
    /// The key's name.
    pub who: super::text::Plain,
    /// Token that every form carries.
    pub csrf: String,
    /// A sentence about what was just done.
    pub notice: Option<&'static str>,
    /// Seconds after which the page looks for news; 0 is never.
    pub refresh: u32,
    /// Address of the style sheet.
    pub style: String,
    /// Address of the script.
    pub script: String,
}

/// What was just done, named in the address after a change.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// A verdict was set.
    Verdict,
    /// A copy is being put back.
    Restore,
    /// All copies are being put back.
    RestoreAll,
    /// A variant is being pulled.
    Variant,
    /// A dry run was begun.
    DryRun,
    /// A policy is to be tried.
    Tried,
    /// A policy was put into force.
    InForce,
    /// Members were split off.
    Split,
    /// Two cases were merged.
    Merged,
    /// Pulls were stopped.
    Stopped,
    /// A stop was lifted.
    Released,
    /// A large pull was approved.
    Approved,
    /// A large pull was refused.
    Refused,
    /// An approval was taken back.
    Withdrawn,
    /// One pull was halted.
    Halted,
    /// A halted pull goes on.
    Resumed,
    /// An objection was counted.
    Objected,
    /// Nothing.
    #[default]
    #[serde(other)]
    Nothing,
}

impl Done {
    /// The sentence for it.
    #[must_use]
    pub const fn sentence(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Variant => Some("The variant is being pulled."),
            Self::DryRun => Some("The dry run is under way; it moves nothing."),
            Self::Split => Some("A case of its own now. No mail was moved by that."),
            Self::Merged => Some("One case now. No mail was moved by that."),
            Self::Stopped => Some("Stopped. Moves that were under way end; no other begins."),
            Self::Released => Some("Released. What was held back goes on."),
            Self::Approved => Some("Approved. The pull goes on."),
            Self::Refused => Some("Refused. The pull is halted; what was moved can be restored."),
            Self::Withdrawn => Some("Withdrawn. The pull is halted."),
            Self::Halted => {
                Some("Halted. What was moved stays in quarantine until it is restored.")
            }
            Self::Resumed => Some("It goes on, from its first stage."),
            Self::Objected => Some("Counted as an objection."),
            Self::Tried => Some("It is tried on the history; nothing changes by that."),
            Self::InForce => Some("In force from the next message on."),
            Self::Verdict => Some("Verdict set. What follows from it is under way."),
            Self::Restore => Some("The copy is being put back where it was."),
            Self::RestoreAll => Some("All copies are being put back where they were."),
        }
    }
}

impl Shell {
    /// The frame for a signed-in person's page.
    ///
    /// # Errors
    /// [`PageError`] when the database fails.
    pub async fn of(signed: &Signed, here: &'static str) -> Result<Self, PageError> {
        let rows = signed.app.store.read(signed.session.tenant);
        let waiting = SubmissionFilter {
            needs_review: true,
            ..SubmissionFilter::default()
        };
        Ok(Self {
            here,
            review: rows.count_submissions(&waiting).await?,
            parked: rows.parked_jobs().await?.len(),
            approvals: rows.count_open_approvals().await?,
            stopped: !rows.pull_stops().await?.is_empty(),
            admin: signed.may(Scope::Admin),
            who: signed.who.clone(),
            csrf: signed.session.csrf.clone(),
            notice: None,
            refresh: 0,
            style: assets::style_path(),
            script: assets::script_path(),
        })
    }

    /// The same frame with a sentence about what was just done.
    #[must_use]
    pub const fn saying(mut self, done: Done) -> Self {
        self.notice = done.sentence();
        self
    }

    /// The same frame for a page where things move.
    #[must_use]
    pub const fn looking_again(mut self, seconds: u32) -> Self {
        self.refresh = seconds;
        self
    }

    /// A frame for samples.
    #[must_use]
    pub fn sample(here: &'static str, who: &str) -> Self {
        Self {
            here,
            review: 7,
            parked: 1,
            approvals: 1,
            stopped: true,
            admin: true,
            who: super::text::Plain::line(who, 60),
            csrf: "0".repeat(64),
            notice: None,
            refresh: 0,
            style: assets::style_path(),
            script: assets::script_path(),
        }
    }
}
