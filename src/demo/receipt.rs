//! The receipt: what was expected and what became of it, judged from the
//! simulated mailboxes; Unhook's own figures stand beside it.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Ending, instance::Instance};
use crate::{
    domain::{ReportId, Verdict},
    sim::{Sim, Truth},
    store::PageRequest,
};

/// A mailbox that could not be searched.
#[derive(Debug, Clone, Serialize)]
pub struct Unreachable {
    /// Its address.
    pub mailbox: String,
    /// Why, in plain words.
    pub reason: String,
}

/// The way into the demo's console.
#[derive(Debug, Clone, Serialize)]
pub struct Console {
    /// Its address.
    pub url: String,
    /// The API key made for this run.
    pub key: String,
    /// The key of the second person, who approves large pulls.
    pub second: String,
}

/// The receipt of one demo.
#[derive(Debug, Clone, Serialize)]
pub struct Receipt {
    /// Whether it all came to rest in time.
    pub finished: bool,
    /// The verdict on the message.
    pub verdict: Option<Verdict>,
    /// Probability of malice, 0 to 1.
    pub score: Option<f64>,
    /// The ids of the reasons.
    pub signals: Vec<String>,
    /// Mailboxes in the organisation.
    pub mailboxes: i64,
    /// Copies that were planted (counted in the simulated mailboxes).
    pub expected: usize,
    /// Mailboxes that were searched.
    pub searched: i64,
    /// Copies that Unhook found and verified.
    pub found: u64,
    /// Planted copies that are out of reach and can be put back (counted in the
    /// simulated mailboxes), the ones held for review not included.
    pub pulled: usize,
    /// Planted copies that their owners can still come upon.
    pub reachable: usize,
    /// Reporters' own copies that are held while an analyst looks.
    pub held_for_review: usize,
    /// Mailboxes that could not be searched, with the reason.
    pub unreachable: Vec<Unreachable>,
    /// Innocent look-alikes in the organisation.
    pub innocent: usize,
    /// Innocent messages that were touched; must be 0.
    pub innocent_touched: usize,
    /// Reporters.
    pub reporters: usize,
    /// Reporters who found exactly one letter in their mailbox.
    pub thanked: usize,
    /// The addresses of those.
    pub thanked_addresses: Vec<String>,
    /// Milliseconds from the first click to the last copy gone.
    pub click_to_last_copy_ms: Option<i64>,
    /// Where the console is, and the key that signs in; both end with the demo.
    pub console: Console,
    /// Whether every planted copy was pulled, no innocent message touched and
    /// every reporter thanked.
    pub ok: bool,
}

impl Receipt {
    /// Draws it up.
    pub async fn draw(
        sim: &Sim,
        instance: &Instance,
        reports: &[ReportId],
        clicked: DateTime<Utc>,
        finished: bool,
    ) -> anyhow::Result<Self> {
        let truth = sim.truth();
        let rows = instance.app.store.read(instance.app.tenant);
        let mut receipt = Self::judged(&truth, sim, instance, finished);
        for id in reports {
            let Some(report) = rows.report(*id).await? else {
                continue;
            };
            let Some(submission) = rows.submission(report.submission).await? else {
                continue;
            };
            receipt.verdict = receipt.verdict.or(submission.verdict);
            if let (None, Some(assessment)) = (receipt.score, submission.assessment) {
                receipt.score = Some(assessment.score);
                receipt.signals = assessment.signals.into_iter().map(|s| s.id).collect();
            }
        }
        receipt.mailboxes = i64::try_from(rows.count_mailboxes().await?).unwrap_or(i64::MAX);
        let mut last: Option<DateTime<Utc>> = None;
        for campaign in rows.campaigns(None, &PageRequest::first(50)).await?.items {
            let counts = rows.count_pulls(campaign.id).await?;
            receipt.found += counts.found - counts.changed;
            last = last.max(rows.last_settled(campaign.id).await?);
            let Some(searched) = rows.searched(campaign.id).await? else {
                continue;
            };
            let n = i64::try_from(searched.counts.searched).unwrap_or(i64::MAX);
            receipt.searched = receipt.searched.max(n);
            let gaps = rows
                .gaps(searched.search.id, &PageRequest::first(1_000))
                .await?;
            for gap in gaps.items {
                receipt.unreachable.push(Unreachable {
                    mailbox: gap.mailbox.address.to_string(),
                    reason: gap.reason,
                });
            }
        }
        receipt.click_to_last_copy_ms = last.map(|last| (last - clicked).num_milliseconds());
        let out = truth
            .planted
            .iter()
            .filter(|c| !c.reachable && !c.destroyed)
            .count();
        if receipt.verdict == Some(Verdict::Malicious) {
            receipt.pulled = out;
        } else {
            receipt.held_for_review = out;
            receipt.click_to_last_copy_ms = None;
        }
        receipt.ok = receipt.verdict == Some(Verdict::Malicious)
            && truth.all_pulled()
            && receipt.pulled == receipt.expected
            && receipt.reporters == 2
            && receipt.thanked == receipt.reporters;
        Ok(receipt)
    }

    /// The part that only the simulated mailboxes can tell.
    fn judged(truth: &Truth, sim: &Sim, instance: &Instance, finished: bool) -> Self {
        let reporters = sim.reporters();
        let thanked: Vec<String> = reporters
            .iter()
            .filter(|r| truth.letters.get(&r.address).copied() == Some(1))
            .map(|r| r.address.clone())
            .collect();
        Self {
            finished,
            verdict: None,
            score: None,
            signals: Vec::new(),
            mailboxes: 0,
            expected: truth.planted.len(),
            searched: 0,
            found: 0,
            pulled: 0,
            reachable: truth.reachable(),
            held_for_review: 0,
            unreachable: Vec::new(),
            innocent: truth.innocent.len(),
            innocent_touched: truth.touched(),
            reporters: reporters.len(),
            thanked: thanked.len(),
            thanked_addresses: thanked,
            click_to_last_copy_ms: None,
            console: Console {
                url: format!("{}/console", instance.url),
                key: instance.api_key.clone(),
                second: instance.second_key.clone(),
            },
            ok: false,
        }
    }

    /// What the demo exits with.
    #[must_use]
    pub fn ending(&self) -> Ending {
        let reporters_only = self.held_for_review <= self.reporters;
        if self.ok {
            Ending::Pulled
        } else if self.finished
            && self.verdict.is_some_and(|v| v != Verdict::Malicious)
            && self.innocent_touched == 0
            && reporters_only
        {
            Ending::NotCondemned
        } else {
            Ending::Failed
        }
    }

    /// Prints it for a person.
    pub fn print(&self) {
        let verdict = self
            .verdict
            .map_or_else(|| "none yet".to_owned(), |v| v.to_string());
        let score = self
            .score
            .map_or_else(String::new, |s| format!(" ({s:.2})"));
        println!("\n  Receipt");
        println!("  {:-<58}", "");
        let line = |name: &str, value: String| println!("  {name:<34} {value}");
        line("verdict", format!("{verdict}{score}"));
        line("copies planted", self.expected.to_string());
        line(
            "mailboxes searched",
            format!("{}/{}", self.searched, self.mailboxes),
        );
        line("copies found", self.found.to_string());
        line(
            "copies pulled",
            format!("{}/{}", self.pulled, self.expected),
        );
        if self.held_for_review > 0 {
            line(
                "held while an analyst looks",
                self.held_for_review.to_string(),
            );
        }
        line(
            "innocent look-alikes touched",
            format!("{}/{}", self.innocent_touched, self.innocent),
        );
        line(
            "reporters thanked",
            format!("{}/{}", self.thanked, self.reporters),
        );
        for address in &self.thanked_addresses {
            line("", address.clone());
        }
        line("mailboxes unreachable", self.unreachable.len().to_string());
        for one in self.unreachable.iter().take(5) {
            line("", format!("{}: {}", one.mailbox, one.reason));
        }
        if let Some(ms) = self.click_to_last_copy_ms {
            line("from click to the last copy gone", format!("{ms} ms"));
        }
        println!("  {:-<58}", "");
        println!(
            "  {}",
            match self.ending() {
                Ending::Pulled => "Every copy is out of reach, and every one can be put back.",
                Ending::NotCondemned => "The message was not condemned: nothing was pulled.",
                Ending::Failed => "This is not the result it should be; see the console.",
            }
        );
    }
}
