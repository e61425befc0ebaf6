//! What the database says, read row by row past the service's own code.

use std::collections::HashMap;

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbErr, QueryResult,
    Statement,
};

/// Work that comes back by itself for as long as the service runs.
const PERIODIC: [&str; 5] = ["directory", "hunt", "watch", "subscribe", "checkpoint"];

/// One copy's row.
#[derive(Debug, Clone)]
pub struct PullRow {
    pub id: String,
    pub campaign: Option<String>,
    pub submission: Option<String>,
    pub mailbox: String,
    pub message: String,
    pub role: String,
    pub desired: String,
    pub observed: String,
    pub has_original: bool,
    pub quarantine: Option<String>,
    pub evidence: Option<String>,
    pub decision: i32,
    pub intent_at: Option<i64>,
    pub last_error: Option<String>,
}

impl PullRow {
    /// Whether nothing is left to be done with it.
    pub fn is_at_rest(&self) -> bool {
        match (self.desired.as_str(), self.observed.as_str()) {
            (_, "gone" | "changed" | "failed") | ("pulled", "pulled") => true,
            ("in_place", observed) => matches!(observed, "restored" | "found"),
            _ => false,
        }
    }
}

#[derive(Debug, Clone)]
pub struct LetterRow {
    pub report: String,
    pub case: String,
    pub reporter: String,
    pub outcome: String,
    pub message_id: String,
    pub state: String,
}

#[derive(Debug, Clone)]
pub struct ReportRow {
    pub id: String,
    pub submission: String,
    pub reporter: String,
    pub key: Option<String>,
}

#[derive(Debug, Clone)]
pub struct SubmissionRow {
    pub campaign: Option<String>,
    pub verdict: Option<String>,
    pub message_id: Option<String>,
}

#[derive(Debug, Clone)]
pub struct CampaignRow {
    pub seed: String,
    pub verdict: String,
    pub decision: i32,
}

#[derive(Debug, Clone)]
pub struct RemediationRow {
    pub state: String,
    pub halted: Option<String>,
}

#[derive(Debug, Clone)]
pub struct SearchRow {
    pub id: String,
    pub campaign: Option<String>,
    pub state: String,
    pub receipt: Option<String>,
    /// Address, state, and whether its sent mail or its variants are still to be read.
    pub mailboxes: Vec<(String, String, bool)>,
    /// Forwards that are still followed.
    pub forwards_open: usize,
}

#[derive(Debug, Clone)]
pub struct JobRow {
    pub kind: String,
    pub target: String,
    pub state: String,
    pub attempts: i32,
    pub last_error: Option<String>,
}

impl JobRow {
    pub fn is_periodic(&self) -> bool {
        PERIODIC.contains(&self.kind.as_str())
    }
}

#[derive(Debug, Clone)]
pub struct AuditRow {
    pub actor: String,
    pub action: String,
    pub subject: String,
    pub detail: serde_json::Value,
}

impl AuditRow {
    /// The copies that it names.
    pub fn pulls(&self) -> impl Iterator<Item = &str> {
        let named = self.detail.get("pulls").and_then(|pulls| pulls.as_array());
        named.into_iter().flatten().filter_map(|id| id.as_str())
    }
}

/// All that the invariants need of a database.
#[derive(Debug, Default)]
pub struct Ledger {
    pub pulls: Vec<PullRow>,
    pub letters: Vec<LetterRow>,
    pub reports: Vec<ReportRow>,
    pub submissions: HashMap<String, SubmissionRow>,
    pub campaigns: HashMap<String, CampaignRow>,
    /// By campaign.
    pub remediations: HashMap<String, RemediationRow>,
    pub searches: Vec<SearchRow>,
    pub jobs: Vec<JobRow>,
    pub audit: Vec<AuditRow>,
}

/// A look into a database beside the service.
pub struct Reader(DatabaseConnection);

impl Reader {
    pub async fn open(url: &str) -> Result<Self, DbErr> {
        let url = match url.strip_prefix("sqlite:") {
            Some(path) => format!("sqlite:{path}?mode=rw"),
            None => url.to_owned(),
        };
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        Ok(Self(Database::connect(options).await?))
    }

    pub async fn close(self) {
        let _ = self.0.close().await;
    }

    async fn rows<T>(
        &self,
        sql: &str,
        of: impl Fn(&QueryResult) -> Result<T, DbErr>,
    ) -> Result<Vec<T>, DbErr> {
        let statement = Statement::from_string(self.0.get_database_backend(), sql);
        let rows = self.0.query_all_raw(statement).await?;
        rows.iter().map(of).collect()
    }

    /// What is queued, running or given up.
    pub async fn jobs(&self) -> Result<Vec<JobRow>, DbErr> {
        let sql = "SELECT kind, target, state, attempts, last_error FROM job";
        self.rows(sql, |row| {
            Ok(JobRow {
                kind: row.try_get("", "kind")?,
                target: row.try_get("", "target")?,
                state: row.try_get("", "state")?,
                attempts: row.try_get("", "attempts")?,
                last_error: row.try_get("", "last_error")?,
            })
        })
        .await
    }

    pub async fn pulls(&self) -> Result<Vec<PullRow>, DbErr> {
        let sql = "SELECT id, campaign_id, submission_id, mailbox_address, message, role, \
                   desired, observed, CASE WHEN original IS NULL THEN 0 ELSE 1 END AS known, \
                   quarantine, evidence_sha256, decision_version, intent_at, last_error \
                   FROM pull";
        self.rows(sql, |row| {
            Ok(PullRow {
                id: row.try_get("", "id")?,
                campaign: row.try_get("", "campaign_id")?,
                submission: row.try_get("", "submission_id")?,
                mailbox: row.try_get("", "mailbox_address")?,
                message: row.try_get("", "message")?,
                role: row.try_get("", "role")?,
                desired: row.try_get("", "desired")?,
                observed: row.try_get("", "observed")?,
                has_original: row.try_get::<i32>("", "known")? == 1,
                quarantine: row.try_get("", "quarantine")?,
                evidence: row.try_get("", "evidence_sha256")?,
                decision: row.try_get("", "decision_version")?,
                intent_at: row.try_get("", "intent_at")?,
                last_error: row.try_get("", "last_error")?,
            })
        })
        .await
    }

    async fn searches(&self) -> Result<Vec<SearchRow>, DbErr> {
        let sql = "SELECT id, campaign_id, state, CAST(receipt AS TEXT) AS receipt FROM search";
        let mut searches = self
            .rows(sql, |row| {
                Ok(SearchRow {
                    id: row.try_get("", "id")?,
                    campaign: row.try_get("", "campaign_id")?,
                    state: row.try_get("", "state")?,
                    receipt: row.try_get("", "receipt")?,
                    mailboxes: Vec::new(),
                    forwards_open: 0,
                })
            })
            .await?;
        let sql = "SELECT search_id, address, state, follow, variants FROM search_mailbox";
        let mailboxes = self
            .rows(sql, |row| {
                let id: String = row.try_get("", "search_id")?;
                let state: String = row.try_get("", "state")?;
                let follow: String = row.try_get("", "follow")?;
                let variants: String = row.try_get("", "variants")?;
                // Who could not be searched is not looked through either.
                let owed = follow == "waiting" || (variants == "waiting" && state == "searched");
                Ok((id, (row.try_get("", "address")?, state, owed)))
            })
            .await?;
        let sql = "SELECT search_id FROM search_forward WHERE state = 'waiting'";
        let forwards: Vec<String> = self.rows(sql, |row| row.try_get("", "search_id")).await?;
        for search in &mut searches {
            let ours = mailboxes.iter().filter(|(id, _)| *id == search.id);
            search.mailboxes = ours.map(|(_, mailbox)| mailbox.clone()).collect();
            search.forwards_open = forwards.iter().filter(|id| **id == search.id).count();
        }
        Ok(searches)
    }

    async fn audit(&self) -> Result<Vec<AuditRow>, DbErr> {
        let sql = "SELECT actor, action, subject, detail FROM audit ORDER BY seq";
        self.rows(sql, |row| {
            let detail: String = row.try_get("", "detail")?;
            Ok(AuditRow {
                actor: row.try_get("", "actor")?,
                action: row.try_get("", "action")?,
                subject: row.try_get("", "subject")?,
                detail: serde_json::from_str(&detail).unwrap_or_default(),
            })
        })
        .await
    }

    /// Everything.
    pub async fn all(&self) -> Result<Ledger, DbErr> {
        let keyed = |row: &QueryResult, column: &str| row.try_get::<String>("", column);
        let sql = "SELECT id, campaign_id, verdict, internet_message_id FROM submission";
        let submissions = self.rows(sql, |row| {
            let submission = SubmissionRow {
                campaign: row.try_get("", "campaign_id")?,
                verdict: row.try_get("", "verdict")?,
                message_id: row.try_get("", "internet_message_id")?,
            };
            Ok((keyed(row, "id")?, submission))
        });
        let sql = "SELECT id, seed_submission_id, verdict, decision_version FROM campaign";
        let campaigns = self.rows(sql, |row| {
            let campaign = CampaignRow {
                seed: row.try_get("", "seed_submission_id")?,
                verdict: row.try_get("", "verdict")?,
                decision: row.try_get("", "decision_version")?,
            };
            Ok((keyed(row, "id")?, campaign))
        });
        let sql = "SELECT campaign_id, state, halted FROM remediation";
        let remediations = self.rows(sql, |row| {
            let remediation = RemediationRow {
                state: row.try_get("", "state")?,
                halted: row.try_get("", "halted")?,
            };
            Ok((keyed(row, "campaign_id")?, remediation))
        });
        let sql = "SELECT id, submission_id, reporter, idempotency_key FROM report";
        let reports = self.rows(sql, |row| {
            Ok(ReportRow {
                id: row.try_get("", "id")?,
                submission: row.try_get("", "submission_id")?,
                reporter: row.try_get("", "reporter")?,
                key: row.try_get("", "idempotency_key")?,
            })
        });
        let sql = "SELECT report_id, case_key, reporter, outcome, message_id, state FROM letter";
        let letters = self.rows(sql, |row| {
            Ok(LetterRow {
                report: row.try_get("", "report_id")?,
                case: row.try_get("", "case_key")?,
                reporter: row.try_get("", "reporter")?,
                outcome: row.try_get("", "outcome")?,
                message_id: row.try_get("", "message_id")?,
                state: row.try_get("", "state")?,
            })
        });
        Ok(Ledger {
            pulls: self.pulls().await?,
            letters: letters.await?,
            reports: reports.await?,
            submissions: submissions.await?.into_iter().collect(),
            campaigns: campaigns.await?.into_iter().collect(),
            remediations: remediations.await?.into_iter().collect(),
            searches: self.searches().await?,
            jobs: self.jobs().await?,
            audit: self.audit().await?,
        })
    }
}
