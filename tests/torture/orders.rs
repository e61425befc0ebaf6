//! What the parent asks of the child, and what the child answers: one JSON object a
//! line each way.

use rand::{Rng as _, rngs::StdRng};
use serde::{Deserialize, Serialize};
use unhook::{
    domain::{Provider, ReportClient, ReportReason, Verdict},
    intake::NewReport,
    sim::Reporter,
};

/// One person's click, as the add-in sends it. What a retry sends is the same, octet for
/// octet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Click {
    pub provider: Provider,
    pub tenant: String,
    pub address: String,
    pub user_id: String,
    pub item_id: String,
    pub message_id: String,
    pub key: String,
}

impl Click {
    pub fn of(reporter: Reporter, tenant: &str, key: String) -> Self {
        Self {
            provider: reporter.provider,
            tenant: tenant.to_owned(),
            address: reporter.address,
            user_id: reporter.user_id,
            item_id: reporter.item_id,
            message_id: reporter.internet_message_id,
            key,
        }
    }

    /// The identity that the token of this person proves.
    pub fn identity(&self) -> String {
        match self.provider {
            Provider::Graph => format!("entra:{}:{}", self.tenant, self.user_id),
            Provider::Gmail => format!("google:{}", self.user_id),
        }
    }

    pub fn report(self) -> NewReport {
        NewReport {
            client: match self.provider {
                Provider::Graph => ReportClient::Outlook,
                Provider::Gmail => ReportClient::Gmail,
            },
            reporter: self.identity(),
            guest: false,
            mailbox: self.address.parse().ok(),
            item_id: Some(self.item_id),
            internet_message_id: Some(self.message_id),
            reason: Some(ReportReason::Phishing),
            comment: None,
            raw: None,
            idempotency_key: Some(self.key),
        }
    }
}

/// What is asked. `nth` picks one of those that are there then.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Order {
    /// Hand in a report; answered after it is durable.
    Report { click: Click },
    /// An analyst's verdict on the submission of a report.
    Verdict { report: String, verdict: Verdict },
    /// A second person approves all that waits for one.
    Approve,
    /// Put one copy back.
    RestoreOne { nth: u64 },
    /// Put the copies of one campaign back.
    RestoreCampaign { nth: u64 },
    /// Put back everything that is away.
    RestoreAll,
    /// Halt one campaign's pull.
    Halt { nth: u64 },
    /// Let one halted pull go on.
    GoOn { nth: u64 },
    /// Let all halted pulls go on.
    GoOnAll,
    /// The kill switch.
    Stop,
    /// Lift it, and the breaker's stop of automatic pulls.
    Release,
    /// SIGKILL yourself after so many more commits.
    DieAfter { commits: u64 },
    /// End the workers, then work off all that is due.
    Drain,
}

/// An order on its way.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// Its number.
    pub n: u64,
    /// How far the clock is set ahead of the machine's, in milliseconds.
    pub ahead_ms: i64,
    pub order: Order,
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Answer {
    /// The child is up; sent once, under number 0.
    Up,
    /// The report is durable under this id.
    Accepted { report: String },
    /// Done to so many things.
    Done { things: u64 },
    /// Not taken, for a reason that the service gives people.
    Refused { why: String },
    /// The service could not.
    Failed { why: String },
    /// Nothing is due any more before so many milliseconds from now.
    Drained { due_in_ms: Option<i64> },
}

/// An answer on its way.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reply {
    pub n: u64,
    pub answer: Answer,
}

/// What an order is to be, before it is known what there is to do it to.
#[derive(Debug, Clone, Copy)]
pub enum Draw {
    /// The planted copy with this number is reported by its owner.
    Report(u64),
    /// A report that was answered before is sent once more.
    Again(u64),
    Verdict(u64, Verdict),
    Approve,
    RestoreOne(u64),
    RestoreCampaign(u64),
    Halt(u64),
    GoOn(u64),
    Stop,
    Release,
}

impl Draw {
    /// A random one; a first round is of reports alone.
    pub fn random(rng: &mut StdRng, first: bool) -> Self {
        let nth = rng.random::<u64>() >> 1;
        let kind = rng.random_range(0..100);
        let verdict = match rng.random_range(0..10) {
            0..6 => Verdict::Malicious,
            6 | 7 => Verdict::Benign,
            8 => Verdict::Spam,
            _ => Verdict::Suspicious,
        };
        match kind {
            _ if first => Self::Report(nth),
            0..30 => Self::Report(nth),
            30..36 => Self::Again(nth),
            36..62 => Self::Verdict(nth, verdict),
            62..74 => Self::Approve,
            74..81 => Self::RestoreOne(nth),
            81..85 => Self::RestoreCampaign(nth),
            85..88 => Self::Halt(nth),
            88..92 => Self::GoOn(nth),
            92..95 => Self::Stop,
            _ => Self::Release,
        }
    }
}
