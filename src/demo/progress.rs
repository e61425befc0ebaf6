//! Live progress: bars on a terminal, plain lines elsewhere, nothing with `--json`.

use std::{
    collections::{HashMap, HashSet},
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::instance::Instance;
use crate::{
    domain::{CampaignId, ReportId, SubmissionId, Verdict},
    store::{StoreError, letter::LetterState, remediation::RemediationState},
};

/// How often progress is read.
const TICK: Duration = Duration::from_millis(40);

/// Where progress goes.
pub struct Show {
    quiet: bool,
    bars: Option<MultiProgress>,
}

impl Show {
    /// Bars if standard output is a terminal.
    pub fn new(quiet: bool) -> Self {
        let bars = (!quiet && std::io::stdout().is_terminal()).then(MultiProgress::new);
        Self { quiet, bars }
    }

    /// One stage that is reached.
    pub fn say(&self, stage: &str, detail: &str) {
        if self.quiet {
            return;
        }
        let line = format!("  {stage:<18} {detail}");
        match &self.bars {
            Some(bars) => {
                // A terminal that cannot be written to is no reason to stop.
                let _ = bars.println(line);
            }
            None => println!("{line}"),
        }
    }

    fn bar(&self, stage: &str) -> Option<ProgressBar> {
        let bar = self.bars.as_ref()?.add(ProgressBar::new(0));
        let style = ProgressStyle::with_template("  {prefix:<18} {bar:32} {pos}/{len}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.set_prefix(stage.to_owned());
        Some(bar)
    }
}

/// The stages in the words of the receipt, by event kind.
const STAGES: [(&str, &str); 9] = [
    ("quarantined", "quarantined"),
    ("evidence_fetched", "evidence fetched"),
    ("evidence_missing", "evidence missing"),
    ("enriched", "enriched"),
    ("verdict", "verdict"),
    ("search_started", "search started"),
    ("stage_begun", "next stage"),
    ("checked", "checked"),
    ("thanked", "thanked"),
];

/// The stages that only follow when every copy is at rest.
const LAST: [&str; 2] = ["checked", "thanked"];

/// Follows the reports until every reporter has been answered and every copy is
/// at rest; gives whether that happened in time.
pub async fn follow(
    show: &Show,
    instance: &Instance,
    reports: &[ReportId],
    patience: Duration,
) -> bool {
    let began = Instant::now();
    let mut seen = Seen::default();
    while began.elapsed() < patience {
        match look(show, instance, reports, &mut seen).await {
            Ok(true) => return true,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "progress could not be read"),
        }
        tokio::time::sleep(TICK).await;
    }
    false
}

#[derive(Default)]
struct Seen {
    events: HashSet<String>,
    /// The reporters' addresses by the ids of their reports.
    reporters: HashMap<String, String>,
    searched: Option<ProgressBar>,
    pulled: Option<ProgressBar>,
}

async fn look(
    show: &Show,
    instance: &Instance,
    reports: &[ReportId],
    seen: &mut Seen,
) -> Result<bool, StoreError> {
    let rows = instance.app.store.read(instance.app.tenant);
    let mut at_rest = true;
    let mut campaigns: HashSet<CampaignId> = HashSet::new();
    let mut submissions: Vec<SubmissionId> = Vec::new();
    for id in reports {
        let Some(report) = rows.report(*id).await? else {
            return Ok(false);
        };
        if let Some(address) = &report.reporter_address {
            seen.reporters.insert(id.to_string(), address.to_string());
        }
        let answered = rows
            .letters_of(*id)
            .await?
            .iter()
            .any(|l| matches!(l.state, LetterState::Sent | LetterState::Dropped));
        at_rest &= answered;
        if let Some(submission) = rows.submission(report.submission).await? {
            submissions.push(submission.id);
            campaigns.extend(submission.campaign);
            at_rest &= submission.verdict.is_some();
        }
    }
    for submission in &submissions {
        tell(show, instance, (Some(*submission), None), false, seen).await?;
    }
    for campaign in &campaigns {
        tell(show, instance, (None, Some(*campaign)), false, seen).await?;
    }
    let mut closed = true;
    for &campaign in &campaigns {
        let counts = rows.count_pulls(campaign).await?;
        at_rest &= counts.pending == 0;
        if let Some(remediation) = rows.remediation_of(campaign).await? {
            at_rest &= remediation.state == RemediationState::Closed;
            let searched = rows.searched(campaign).await?;
            let (part, whole) = searched.map_or((0, 0), |s| (s.counts.searched, s.counts.expected));
            let found = counts.found - counts.changed;
            let rested = counts.pulled + counts.gone;
            if remediation.state != RemediationState::Closed {
                closed = false;
                let bar = seen
                    .searched
                    .take()
                    .or_else(|| show.bar("mailboxes searched"));
                update(bar.as_ref(), counted(part), counted(whole));
                seen.searched = bar;
                let bar = seen.pulled.take().or_else(|| show.bar("copies pulled"));
                update(bar.as_ref(), counted(rested), counted(found));
                seen.pulled = bar;
            } else if seen.events.insert(format!("bars {campaign}")) {
                // The bars give way to lines, so that what follows stands below.
                for bar in [seen.searched.take(), seen.pulled.take()] {
                    bar.inspect(ProgressBar::finish_and_clear);
                }
                show.say("mailboxes searched", &format!("{part}/{whole}"));
                show.say("copies pulled", &format!("{}/{found}", counts.pulled));
            }
        }
    }
    if rows.count_open_approvals().await? > 0 {
        let (url, key) = (&instance.url, &instance.second_key);
        if let Err(error) = super::approve::approve(show, url, key).await {
            tracing::warn!(%error, "nobody could approve");
        }
    }
    if closed {
        for submission in submissions {
            tell(show, instance, (Some(submission), None), true, seen).await?;
        }
        for campaign in campaigns {
            tell(show, instance, (None, Some(campaign)), true, seen).await?;
        }
    }
    Ok(at_rest)
}

fn counted(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn update(bar: Option<&ProgressBar>, done: i64, all: i64) {
    if let Some(bar) = bar {
        bar.set_length(u64::try_from(all).unwrap_or(0));
        bar.set_position(u64::try_from(done).unwrap_or(0));
    }
}

/// Says the stages that are new on a timeline: the last ones, or the others.
async fn tell(
    show: &Show,
    instance: &Instance,
    of: (Option<SubmissionId>, Option<CampaignId>),
    last: bool,
    seen: &mut Seen,
) -> Result<(), StoreError> {
    let rows = instance.app.store.read(instance.app.tenant);
    for event in rows.timeline(of.0, of.1).await? {
        if LAST.contains(&event.kind.as_str()) != last {
            continue;
        }
        let Some((_, stage)) = STAGES.iter().find(|(kind, _)| *kind == event.kind) else {
            continue;
        };
        if !seen.events.insert(event.id.to_string()) {
            continue;
        }
        show.say(stage, &words(&event.kind, &event.detail, &seen.reporters));
    }
    Ok(())
}

fn words(kind: &str, detail: &serde_json::Value, reporters: &HashMap<String, String>) -> String {
    let number = |name: &str| {
        detail
            .get(name)
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0)
    };
    match kind {
        "quarantined" => "the reporter's own copy is out of the inbox".to_owned(),
        "evidence_fetched" => "from the reporter's own mailbox".to_owned(),
        "enriched" => format!("{} observables", number("observables")),
        "verdict" => {
            let verdict = detail
                .get("verdict")
                .and_then(serde_json::Value::as_str)
                .and_then(|v| v.parse::<Verdict>().ok());
            let score = detail
                .get("score")
                .and_then(serde_json::Value::as_f64)
                .unwrap_or(0.0);
            verdict.map_or_else(String::new, |v| {
                format!("{v} (probability of malice {score:.2})")
            })
        }
        "search_started" => format!(
            "{} mailboxes named by {} recipients and {} lists come first",
            number("targeted"),
            number("recipients"),
            number("lists")
        ),
        "stage_begun" => format!("{} copies moved, and nobody objected", number("moved")),
        "checked" => "every copy is where it should be".to_owned(),
        "thanked" => {
            let text = |name: &str| detail.get(name).and_then(serde_json::Value::as_str);
            let who = text("report").and_then(|report| reporters.get(report));
            let via = text("via").unwrap_or("letter");
            match who {
                Some(who) => format!("{who}, by {via}"),
                None => format!("by {via}"),
            }
        }
        "evidence_missing" => detail
            .get("reason")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        _ => String::new(),
    }
}
