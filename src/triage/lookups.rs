//! Asking the sources outside about one message: cached answers first, then the
//! day's budget, then the ledger, and only then the wire.
//!
//! A source that is slow, wrong or down holds nothing up: what it owes is noted as
//! awaited, and asked for again later.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::PoisonError,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt as _, future::join_all, stream};
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    domain::{AskedKind, EgressId, Reputation, SourceAnswer, SubmissionId, Verdict},
    enrich::{
        authenticate::{self, Delivery, Evaluated},
        lookups::{Answer, Desk, LookupError, Question, Room, Seat, Used, room, windows},
    },
    message::Person,
    store::{
        Rows, StoreError,
        answer::Kept,
        egress::{Egress, Outcome},
        history::SenderHistory,
    },
    verdict::{Correspondent, name_key},
};

use super::hunt;
use crate::policy::dissect::Dissected;

/// How long a first verdict waits for the sources; what is not there by then is
/// awaited.
pub const BEFORE_VERDICT: Duration = Duration::from_secs(3);
/// How long the sources are given afterwards.
pub const AFTER_VERDICT: Duration = Duration::from_secs(30);
/// Questions under way at once, of one source.
const AT_ONCE: usize = 4;

/// What the sources answered about a message, as it is kept with the submission.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Enrichment {
    /// Their answers.
    #[serde(default)]
    pub answers: Vec<SourceAnswer>,
    /// Sources that owe answers, and why.
    #[serde(default)]
    pub awaited: BTreeMap<String, String>,
    /// What was reported of the sender before.
    #[serde(default)]
    pub history: Option<serde_json::Value>,
    /// When the sources were last asked.
    #[serde(default)]
    pub asked_at: Option<DateTime<Utc>>,
    /// What had become known when it was last judged anew, where that was the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub news: Option<String>,
}

impl Enrichment {
    /// What a submission's row holds; nothing when it is of an older form.
    #[must_use]
    pub fn of(row: Option<&serde_json::Value>) -> Self {
        row.and_then(|value| serde_json::from_value(value.clone()).ok())
            .unwrap_or_default()
    }

    fn has(&self, source: &str, question: &Question) -> bool {
        self.answers.iter().any(|answer| {
            answer.source == source
                && answer.kind == question.kind
                && answer.value == question.value
        })
    }
}

/// What one source gave.
#[derive(Default)]
struct Turn {
    answers: Vec<SourceAnswer>,
    /// Why it owes some, if it does.
    owes: Option<String>,
}

/// How far the asking goes.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    /// How long the sources are given; what is not answered by then is awaited.
    pub patience: Duration,
    /// Whether sources outside are asked. Otherwise only those searched here are, and
    /// what others said before is used.
    pub outside: bool,
}

/// Asks every source what is not known yet; `known` are the answers so far. What is
/// not answered in time is awaited.
///
/// # Errors
/// [`StoreError`] when the ledger cannot be written; then nothing was sent.
pub async fn ask(
    app: &App,
    submission: SubmissionId,
    questions: &[Question],
    mut known: Enrichment,
    reach: Reach,
) -> Result<Enrichment, StoreError> {
    let mut asking = Vec::new();
    for desk in app.sources.all() {
        let open: Vec<&Question> = questions
            .iter()
            .filter(|q| desk.seat.lookup.kinds().contains(&q.kind))
            .filter(|q| q.is_sound() && !known.has(desk.seat.lookup.id(), q))
            .collect();
        let turn = Asking {
            app,
            submission,
            seat: &desk.seat,
            desk,
            patience: reach.patience,
            outside: reach.outside || desk.seat.lookup.is_local(),
        };
        asking.push(async move { (turn.seat.lookup.id(), turn.ask(open).await) });
    }
    let turns = join_all(asking).await;
    known.awaited.clear();
    for (source, turn) in turns {
        let turn = turn?;
        known.answers.extend(turn.answers);
        if let Some(why) = turn.owes {
            known.awaited.insert(source.to_owned(), why);
        }
    }
    known.asked_at = Some(app.clock.now());
    Ok(known)
}

/// The answers so far, each in the form in which its source gave it last: another
/// message may have brought a newer one. Nothing is sent.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn renewed(
    app: &App,
    questions: &[Question],
    mut known: Enrichment,
) -> Result<Enrichment, StoreError> {
    let rows = app.store.read(app.tenant);
    let asked: Vec<(AskedKind, &str)> = questions
        .iter()
        .map(|question| (question.kind, question.value.as_str()))
        .collect();
    for desk in app.sources.all() {
        let source = desk.seat.lookup.id();
        let mut last = rows.last_answers(source, &asked).await?;
        for old in known.answers.iter_mut().filter(|a| a.source == source) {
            let new = last.remove(&(old.kind, old.value.clone()));
            let other = |new: &SourceAnswer| {
                // rows keep milliseconds
                new.asked_at.timestamp_millis() != old.asked_at.timestamp_millis()
            };
            if let Some(new) = new.filter(other) {
                *old = new;
            }
        }
    }
    Ok(known)
}

/// What the organisation itself knows of a sender.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What was reported of the address before.
    pub history: Option<SenderHistory>,
    /// Addresses of the people in the directory who bear the sender's name.
    pub namesakes: Vec<String>,
}

impl Known {
    /// The history as JSON for the enrichment.
    pub fn kept(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self.history.as_ref()?).ok()
    }

    /// The history as the rules read it.
    pub fn correspondent(&self) -> Option<Correspondent> {
        let history = self.history.as_ref()?;
        let number = |count: i64| u64::try_from(count).unwrap_or_default();
        let malicious = history.verdicts.iter();
        let malicious = malicious.filter(|(verdict, _)| *verdict == Verdict::Malicious);
        Some(Correspondent {
            cleared: number(history.cleared),
            malicious: number(malicious.map(|(_, count)| *count).sum()),
            condemned: number(history.condemned),
            condemned_proven: number(history.condemned_proven),
        })
    }
}

/// What is known of the sender: earlier reports of the address, and who in the
/// directory bears the name.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub(super) async fn known_of(
    app: &App,
    submission: SubmissionId,
    sender: Option<&Person>,
) -> Result<Known, StoreError> {
    let Some(sender) = sender else {
        return Ok(Known::default());
    };
    let rows = app.store.read(app.tenant);
    let history = rows.history_of_sender(&sender.address, submission).await?;
    let name = sender.name.as_ref().map_or("", |name| name.exposed());
    let namesakes = match name_key(name) {
        Some(key) => rows.addresses_of_name(&key).await?,
        None => Vec::new(),
    };
    Ok(Known {
        history: Some(history),
        namesakes,
    })
}

fn shown(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// One source being asked about one message.
struct Asking<'a> {
    app: &'a App,
    submission: SubmissionId,
    seat: &'a Seat,
    desk: &'a Desk,
    patience: Duration,
    /// Whether more may be asked than is known already.
    outside: bool,
}

/// Why there is no answer, and whether there may be one later.
struct Gap {
    why: String,
    later: bool,
}

/// An answer as it is kept.
pub(super) fn kept(source: &str, question: &Question, answer: Answer, now: DateTime<Utc>) -> Kept {
    let keep = answer
        .keep
        .clamp(TimeDelta::minutes(1), TimeDelta::days(30));
    Kept {
        expires_at: now + keep,
        answer: SourceAnswer {
            source: source.to_owned(),
            kind: question.kind,
            value: question.value.clone(),
            reputation: answer.reputation,
            words: answer.words,
            details: answer.details,
            asked_at: now,
            cached: false,
        },
    }
}

/// A question, and the lines of the ledger it was written down in.
struct Written<'q> {
    question: &'q Question,
    lines: Vec<EgressId>,
}

impl Asking<'_> {
    async fn ask(&self, open: Vec<&Question>) -> Result<Turn, StoreError> {
        if open.is_empty() {
            return Ok(Turn::default());
        }
        let Ok(_turn) = tokio::time::timeout(self.patience, self.desk.turn.lock()).await else {
            return Ok(Turn {
                answers: Vec::new(),
                owes: Some("it is busy with other messages".to_owned()),
            });
        };
        let (mut answers, open) = self.cached(open).await?;
        if open.is_empty() {
            return Ok(Turn {
                answers,
                owes: None,
            });
        }
        if !self.outside {
            let owes = None;
            return Ok(Turn { answers, owes });
        }
        if let Some(until) = self.paused() {
            let owes = Some(format!("paused until {}", shown(until)));
            return Ok(Turn { answers, owes });
        }
        let (written, wait) = self.write_down(&open).await?;
        let (fresh, failure) = self.send(written).await?;
        answers.extend(fresh);
        let owes = failure
            .or_else(|| wait.map(|until| format!("its budget is spent until {}", shown(until))));
        Ok(Turn { answers, owes })
    }

    /// Answers that are known and still hold, and the questions without one.
    async fn cached<'q>(
        &self,
        open: Vec<&'q Question>,
    ) -> Result<(Vec<SourceAnswer>, Vec<&'q Question>), StoreError> {
        let asked: Vec<(AskedKind, &str)> = open
            .iter()
            .map(|question| (question.kind, question.value.as_str()))
            .collect();
        let rows = self.app.store.read(self.app.tenant);
        let now = self.app.clock.now();
        let mut found = rows.answers(self.seat.lookup.id(), &asked, now).await?;
        let mut answers = Vec::new();
        let mut unknown = Vec::new();
        for question in open {
            match found.remove(&(question.kind, question.value.clone())) {
                Some(answer) => answers.push(answer),
                None => unknown.push(question),
            }
        }
        Ok((answers, unknown))
    }

    /// Sees what is left of the source's budget and writes down what will be sent;
    /// gives the questions that may be asked, and until when the others wait.
    async fn write_down<'q>(
        &self,
        open: &[&'q Question],
    ) -> Result<(Vec<Written<'q>>, Option<DateTime<Utc>>), StoreError> {
        let now = self.app.clock.now();
        let tx = self.app.store.begin().await?;
        let rows = tx.of(self.app.tenant);
        let source = self.seat.lookup.id();
        let (mut left, until) = match self.room(&rows, now).await? {
            Room::Left(left) => (left, now + TimeDelta::minutes(1)),
            Room::None { until } => (0, until),
        };
        let mut wait = None;
        let mut written = Vec::new();
        let mut ledger = Vec::new();
        for question in open {
            let sends = self.seat.lookup.sends(question);
            // the budget is of what is sent: some questions are several lines
            let cost = u32::try_from(sends.len()).unwrap_or(u32::MAX);
            if cost > left {
                wait = Some(until);
                break;
            }
            left -= cost;
            let mut lines = Vec::new();
            for sent in sends {
                let id = EgressId::new(now);
                lines.push(id);
                ledger.push(Egress {
                    id,
                    submission: self.submission,
                    source: source.to_owned(),
                    kind: question.kind.as_str().to_owned(),
                    value: question.value.clone(),
                    sent_to: sent.to,
                    payload: sent.payload,
                    state: "asking".to_owned(),
                    outcome: None,
                    asked_at: now,
                    answered_at: None,
                });
            }
            written.push(Written { question, lines });
        }
        rows.send_out(&ledger).await?;
        tx.commit().await?;
        Ok((written, wait))
    }

    async fn room(&self, rows: &Rows<'_>, now: DateTime<Utc>) -> Result<Room, StoreError> {
        let source = self.seat.lookup.id();
        let windows = windows(now);
        let (today, _) = rows.sent_since(source, windows.day).await?;
        let (last_minute, oldest) = rows.sent_since(source, windows.minute).await?;
        let used = Used {
            today,
            last_minute,
            oldest,
        };
        Ok(room(self.seat.allowance, used, now))
    }

    /// Asks, and writes down what became of it.
    async fn send(
        &self,
        written: Vec<Written<'_>>,
    ) -> Result<(Vec<SourceAnswer>, Option<String>), StoreError> {
        let deadline = tokio::time::Instant::now() + self.patience;
        let mut asking = Vec::new();
        for written in written {
            asking.push(async move {
                let outcome = self.one(written.question, deadline).await;
                (written, outcome)
            });
        }
        let turns: Vec<_> = stream::iter(asking)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let now = self.app.clock.now();
        let mut kept = Vec::new();
        let mut outcomes = Vec::new();
        let mut failure = None;
        for (written, outcome) in turns {
            let words = match &outcome {
                Ok(new) => format!("{}: {}", new.answer.reputation.as_str(), new.answer.words),
                Err(gap) => gap.why.clone(),
            };
            outcomes.extend(written.lines.into_iter().map(|id| Outcome {
                id,
                answered: outcome.is_ok(),
                words: words.clone(),
            }));
            match outcome {
                Ok(new) => kept.push(new),
                Err(gap) if gap.later => failure = Some(gap.why),
                Err(_) => {}
            }
        }
        let tx = self.app.store.begin().await?;
        let rows = tx.of(self.app.tenant);
        rows.sent_out(&outcomes, now).await?;
        // in one order, so that two replicas wait for each other and do not block
        kept.sort_by(|a, b| {
            let key = |kept: &Kept| (kept.answer.kind.as_str(), kept.answer.value.clone());
            key(a).cmp(&key(b))
        });
        rows.keep_answers(&kept).await?;
        // with the answers: what was paid for once is told to all it concerns
        let bad: Vec<&SourceAnswer> = kept
            .iter()
            .map(|kept| &kept.answer)
            .filter(|answer| answer.reputation == Reputation::Bad)
            .collect();
        hunt::spread(self.app, &rows, self.submission, &bad).await?;
        tx.commit().await?;
        let answers = kept.into_iter().map(|kept| kept.answer).collect();
        Ok((answers, failure))
    }

    async fn one(&self, question: &Question, deadline: tokio::time::Instant) -> Result<Kept, Gap> {
        if !self.may_ask() {
            return Err(Gap {
                why: "not sent: the source is paused".to_owned(),
                later: true,
            });
        }
        let now = self.app.clock.now();
        let asked = tokio::time::timeout_at(deadline, self.seat.lookup.ask(question, now)).await;
        // our own patience says nothing against the source
        let Ok(outcome) = asked else {
            return Err(Gap {
                why: "no answer in time".to_owned(),
                later: true,
            });
        };
        self.note(outcome.as_ref().err());
        let answer = outcome.map_err(|error| Gap {
            why: error.to_string(),
            // a question that the source cannot take is not put to it again
            later: !matches!(error, LookupError::Unfit(_)),
        })?;
        Ok(kept(self.seat.lookup.id(), question, answer, now))
    }

    /// Until when it is left alone.
    fn paused(&self) -> Option<DateTime<Utc>> {
        let breaker = self.desk.breaker.lock();
        let breaker = breaker.unwrap_or_else(PoisonError::into_inner);
        breaker.shut_until(self.app.clock.now())
    }

    /// Whether this question may go out; after a pause only the first one may.
    fn may_ask(&self) -> bool {
        let breaker = self.desk.breaker.lock();
        let mut breaker = breaker.unwrap_or_else(PoisonError::into_inner);
        breaker.may_ask(self.app.clock.now()).is_ok()
    }

    fn note(&self, error: Option<&LookupError>) {
        let now = self.app.clock.now();
        let breaker = self.desk.breaker.lock();
        let mut breaker = breaker.unwrap_or_else(PoisonError::into_inner);
        match error {
            None => breaker.succeeded(),
            Some(error) => breaker.failed(error, now),
        }
    }
}

/// Evaluates SPF, DKIM, DMARC and ARC anew where that is switched on; the names that
/// DNS is asked about stand in the ledger first.
///
/// # Errors
/// [`StoreError`] when the ledger cannot be written; then nothing was asked.
pub(super) async fn authenticate(
    app: &App,
    submission: SubmissionId,
    raw: &[u8],
    message: &Dissected,
) -> Result<Option<Evaluated>, StoreError> {
    let Some(resolver) = &app.resolver else {
        return Ok(None);
    };
    let claims = &message.parsed.claims;
    let envelope = claims
        .return_path
        .as_ref()
        .map_or("", |p| p.address.as_str());
    let helo = message.path.helo.as_deref().unwrap_or_default();
    let mut names: BTreeSet<&str> = claims.signers.iter().map(String::as_str).collect();
    names.extend(message.parsed.author().map(Person::domain));
    names.extend([helo, envelope.rsplit('@').next().unwrap_or_default()]);
    names.remove("");
    let payload = names.into_iter().collect::<Vec<_>>().join(" ");
    let now = app.clock.now();
    let id = EgressId::new(now);
    let line = Egress {
        id,
        submission,
        source: "authentication".to_owned(),
        kind: AskedKind::Domain.as_str().to_owned(),
        value: payload.clone(),
        sent_to: "DNS: SPF, DKIM keys, DMARC and ARC of these domains".to_owned(),
        payload,
        state: "asking".to_owned(),
        outcome: None,
        asked_at: now,
        answered_at: None,
    };
    let tx = app.store.begin().await?;
    tx.of(app.tenant).send_out(&[line]).await?;
    tx.commit().await?;
    let delivery = Delivery {
        ip: message.path.sending_ip,
        helo,
        mail_from: envelope,
        host: app
            .config
            .organisation
            .mail_hosts
            .first()
            .map_or("localhost", String::as_str),
    };
    let found = authenticate::evaluate(raw, delivery, resolver).await;
    let outcome = Outcome {
        id,
        answered: !found.unfinished(),
        words: format!(
            "SPF {}, DMARC {}, ARC {}",
            found.spf.as_str(),
            found.dmarc.as_str(),
            found.arc.as_str()
        ),
    };
    let tx = app.store.begin().await?;
    tx.of(app.tenant)
        .sent_out(&[outcome], app.clock.now())
        .await?;
    tx.commit().await?;
    Ok(Some(found))
}
