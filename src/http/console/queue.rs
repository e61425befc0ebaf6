//! `GET /console`: what waits for a person, first.

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    chip::{Bar, Chip},
    fault::PageError,
    guard::Signed,
    page,
    sample::Words,
    shell::Shell,
    text::{Plain, grouped},
    when::When,
};
use crate::{
    domain::{EvidenceState, Verdict},
    http::known,
    store::{
        Page, PageRequest,
        submission::{Submission, SubmissionFilter},
    },
};

const ROWS: u64 = 50;

/// Which part of the queue is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tab {
    Review,
    All,
    Malicious,
    Closed,
}

impl Tab {
    const ALL: [Self; 4] = [Self::Review, Self::All, Self::Malicious, Self::Closed];

    /// The part that was asked for. Without a word it is what waits for a
    /// person, and all when nothing does.
    fn of(name: Option<&str>, waiting: u64) -> Self {
        match name {
            Some("review") => Self::Review,
            Some("malicious") => Self::Malicious,
            Some("closed") => Self::Closed,
            None if waiting > 0 => Self::Review,
            _ => Self::All,
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Review => "/console?tab=review",
            Self::All => "/console?tab=all",
            Self::Malicious => "/console?tab=malicious",
            Self::Closed => "/console?tab=closed",
        }
    }

    const fn older(self) -> &'static str {
        match self {
            Self::Review => "/console?tab=review&after=",
            Self::All => "/console?tab=all&after=",
            Self::Malicious => "/console?tab=malicious&after=",
            Self::Closed => "/console?tab=closed&after=",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Review => "Needs review",
            Self::All => "All",
            Self::Malicious => "Malicious",
            Self::Closed => "Closed",
        }
    }

    fn filter(self) -> SubmissionFilter {
        let mut filter = SubmissionFilter::default();
        match self {
            Self::Review => filter.needs_review = true,
            Self::All => {}
            Self::Malicious => filter.verdict = Some(Verdict::Malicious),
            Self::Closed => filter.closed = true,
        }
        filter
    }
}

struct TabLink {
    word: &'static str,
    path: &'static str,
    count: String,
    current: bool,
}

struct Row {
    path: String,
    subject: Plain,
    sender: Plain,
    chip: Chip,
    by_analyst: bool,
    score: Option<Bar>,
    unscored: &'static str,
    note: Option<&'static str>,
    reports: i32,
    priority: Option<Priority>,
    at: When,
}

/// Where a case stands in the queue, and why.
pub(super) struct Priority {
    /// The product of the factors.
    pub(super) value: String,
    /// The factors, in a line.
    pub(super) why: String,
}

impl Priority {
    /// Of a case that waits for a person; `None` of any other.
    pub(super) fn of(submission: &Submission, now: DateTime<Utc>) -> Option<Self> {
        let stakes = submission.waiting_stakes()?;
        let factors: Vec<String> = stakes
            .factors(now)
            .iter()
            .map(|factor| format!("{} (×{:.2})", factor.words, factor.times))
            .collect();
        Some(Self {
            value: format!("{:.1}", stakes.priority(now)),
            why: factors.join(", "),
        })
    }
}

impl Row {
    fn of(submission: &Submission, now: DateTime<Utc>) -> Self {
        let sender = submission.sender.as_deref().unwrap_or_default();
        Self {
            path: format!("/console/submissions/{}", submission.id),
            subject: Plain::line(submission.subject.as_deref().unwrap_or_default(), 160),
            sender: Plain::line(sender, 120),
            chip: Chip::verdict(submission.verdict),
            by_analyst: submission.verdict_source == Some(crate::domain::VerdictSource::Analyst),
            score: known::assessment(submission).map(|a| Bar::score(a.score)),
            unscored: match submission.evidence {
                EvidenceState::Missing => "not known",
                _ => "not yet",
            },
            note: match submission.evidence {
                EvidenceState::Fetched => None,
                EvidenceState::Pending => Some("evidence being fetched"),
                EvidenceState::Mismatch => Some("evidence differs"),
                EvidenceState::Missing => Some("evidence not found"),
            },
            reports: submission.reports,
            priority: Priority::of(submission, now),
            at: When::of(submission.created_at, now),
        }
    }
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    shell: Shell,
    tab: Tab,
    tabs: Vec<TabLink>,
    rows: Vec<Row>,
    first: bool,
    older: Option<String>,
}

impl QueuePage {
    fn of(
        shell: Shell,
        tab: Tab,
        counts: [u64; 4],
        first: bool,
        found: &Page<Submission>,
        now: DateTime<Utc>,
    ) -> Self {
        let tabs = Tab::ALL
            .into_iter()
            .zip(counts)
            .map(|(each, count)| TabLink {
                word: each.word(),
                path: each.path(),
                count: grouped(count),
                current: each == tab,
            });
        Self {
            shell,
            tab,
            tabs: tabs.collect(),
            rows: found.items.iter().map(|s| Row::of(s, now)).collect(),
            first,
            older: found.next.as_ref().map(|id| format!("{}{id}", tab.older())),
        }
    }
}

/// Which part, and from where on.
#[derive(Deserialize)]
pub(super) struct QueueQuery {
    tab: Option<String>,
    after: Option<String>,
}

/// `GET /console`
pub(super) async fn show(
    signed: Signed,
    query: web::Query<QueueQuery>,
) -> Result<HttpResponse, PageError> {
    let rows = signed.app.store.read(signed.session.tenant);
    let mut counts = [0; 4];
    for (count, each) in counts.iter_mut().zip(Tab::ALL) {
        *count = rows.count_submissions(&each.filter()).await?;
    }
    let [waiting, ..] = counts;
    let tab = Tab::of(query.tab.as_deref(), waiting);
    let request = PageRequest {
        after: query.after.clone(),
        ..PageRequest::first(ROWS)
    };
    let found = match tab {
        // what is most urgent first; all other parts by time
        Tab::Review => rows.submissions_by_urgency(&tab.filter(), &request).await?,
        _ => rows.submissions(&tab.filter(), &request).await?,
    };
    let shell = Shell::of(&signed, "queue").await?.looking_again(20);
    let first = query.after.is_none();
    page(&QueuePage::of(
        shell, tab, counts, first, &found, signed.now,
    ))
}

/// The queue with every kind of row, and without any.
///
/// # Errors
/// When the template fails.
pub fn sample(words: &Words, empty: bool) -> Result<String, askama::Error> {
    let shell = Shell::sample("queue", &words.say("SOC desk"));
    let items = if empty {
        Vec::new()
    } else {
        super::sample::submissions(words)
    };
    let next = items.last().map(|s| s.id.to_string());
    let counts = if empty {
        [0, 212, 41, 164]
    } else {
        [7, 212, 41, 164]
    };
    let tab = if empty { Tab::Review } else { Tab::All };
    QueuePage::of(
        shell,
        tab,
        counts,
        true,
        &Page { items, next },
        super::sample::now(),
    )
    .render()
}
