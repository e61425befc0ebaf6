//! What the organisation itself says of values: a source like any other when a
//! message is judged, only that nobody outside is asked.
//!
//! Adding and withdrawing an indicator queue the hunt through what is stored in the
//! same transaction.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use url::Url;

use crate::{
    app::App,
    domain::{AskedKind, OWN_LIST, Reputation, SourceAnswer},
    enrich::lookups::{BadValue, Question},
    jobs,
    message::{host_of, registrable},
    store::{StoreError, indicator::Indicator},
};

/// Characters of a note.
const MOST_NOTE: usize = 200;

/// What a person wants to say of a value.
#[derive(Debug, Clone)]
pub struct NewIndicator {
    /// What the value is.
    pub kind: AskedKind,
    /// The value as it was written, defanged or not.
    pub value: String,
    /// How it is seen: bad, doubtful or good.
    pub reputation: Reputation,
    /// Why; 1 to 200 characters on one line.
    pub note: String,
    /// When it ends by itself.
    pub until: Option<DateTime<Utc>>,
}

/// Why an indicator was not added or withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum IndicatorError {
    /// The value cannot be one.
    #[error("value: {0}")]
    Value(#[from] BadValue),
    /// It is the organisation's own, about which nobody is ever asked.
    #[error("value: {0} is the organisation's own, and what is its own is never looked up")]
    Own(String),
    /// A reputation that is no judgement.
    #[error("reputation: must be bad, doubtful or good")]
    Reputation,
    /// The note.
    #[error("note: 1 to {MOST_NOTE} characters on one line")]
    Note,
    /// It would have ended already.
    #[error("until: lies in the past")]
    Ended,
    /// Nothing such is in force.
    #[error(
        "no indicator about this {0} is in force; the list shows kinds and values as they are kept"
    )]
    NotThere(AskedKind),
    /// The database failed.
    #[error("the indicator was not kept")]
    Store(#[from] StoreError),
}

/// Adds an indicator in somebody's name, in the place of an earlier one about the same
/// value, and queues the hunt for it.
///
/// # Errors
/// [`IndicatorError`]; then nothing was kept.
pub async fn add(app: &App, new: NewIndicator, by: &str) -> Result<Indicator, IndicatorError> {
    let now = app.clock.now();
    let question = Question::written(new.kind, &new.value)?;
    if let Some(own) = own_domain(app, &question) {
        return Err(IndicatorError::Own(own));
    }
    if !matches!(
        new.reputation,
        Reputation::Bad | Reputation::Doubtful | Reputation::Good
    ) {
        return Err(IndicatorError::Reputation);
    }
    let note = new.note.trim();
    if !(1..=MOST_NOTE).contains(&note.chars().count()) || note.chars().any(char::is_control) {
        return Err(IndicatorError::Note);
    }
    if new.until.is_some_and(|until| until <= now) {
        return Err(IndicatorError::Ended);
    }
    let indicator = Indicator {
        kind: question.kind,
        value: question.value,
        reputation: new.reputation,
        note: note.to_owned(),
        added_by: by.to_owned(),
        added_at: now,
        until: new.until,
        withdrawn_at: None,
        withdrawn_by: None,
    };
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    rows.keep_indicator(&indicator).await?;
    rows.enqueue(vec![jobs::hunt(app.tenant, now)], now).await?;
    tx.commit().await?;
    Ok(indicator)
}

/// Withdraws an indicator in somebody's name, and queues the hunt: what was judged on
/// it is judged anew.
///
/// # Errors
/// [`IndicatorError::NotThere`] when there is none that was not withdrawn yet.
pub async fn withdraw(
    app: &App,
    kind: AskedKind,
    value: &str,
    by: &str,
) -> Result<Indicator, IndicatorError> {
    let now = app.clock.now();
    let question = Question::written(kind, value)?;
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let done = rows
        .withdraw_indicator(kind, &question.value, by, now)
        .await?;
    let asked = [(kind, question.value.as_str())];
    let mut found = rows.indicators_about(&asked).await?;
    let found = found.remove(&(kind, question.value.clone()));
    let Some(indicator) = found.filter(|_| done) else {
        return Err(IndicatorError::NotThere(kind));
    };
    rows.enqueue(vec![jobs::hunt(app.tenant, now)], now).await?;
    tx.commit().await?;
    Ok(indicator)
}

/// The organisation's own registrable domain that a value belongs to.
fn own_domain(app: &App, question: &Question) -> Option<String> {
    let value = question.value.as_str();
    let host = match question.kind {
        AskedKind::Url => Url::parse(value).ok().map(|url| host_of(&url))?,
        AskedKind::Host | AskedKind::Domain => value.to_owned(),
        AskedKind::Email => value.rsplit_once('@')?.1.to_owned(),
        AskedKind::Ip | AskedKind::Sha256 | AskedKind::Message => return None,
    };
    let domain = registrable(&host);
    let domains = &app.config.organisation.domains;
    let own: HashSet<String> = domains.iter().map(|own| registrable(own)).collect();
    own.contains(&domain).then_some(domain)
}

/// What the organisation says now of what a message may be asked about.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub(super) async fn answers(
    app: &App,
    questions: &[Question],
) -> Result<Vec<SourceAnswer>, StoreError> {
    let now = app.clock.now();
    let asked: Vec<(AskedKind, &str)> = questions
        .iter()
        .filter(|question| question.is_sound())
        .map(|question| (question.kind, question.value.as_str()))
        .collect();
    let rows = app.store.read(app.tenant);
    let mut found = rows.indicators_about(&asked).await?;
    // in the order of the message, so that the same facts give the same judgement
    Ok(asked
        .into_iter()
        .filter_map(|(kind, value)| found.remove(&(kind, value.to_owned())))
        .filter(|indicator| indicator.holds(now))
        .map(answer)
        .collect())
}

fn answer(indicator: Indicator) -> SourceAnswer {
    let mut details = BTreeMap::from([("added by".to_owned(), indicator.added_by)]);
    if let Some(until) = indicator.until {
        let until = until.format("%Y-%m-%d %H:%M UTC").to_string();
        details.insert("until".to_owned(), until);
    }
    SourceAnswer {
        source: OWN_LIST.to_owned(),
        kind: indicator.kind,
        value: indicator.value,
        reputation: indicator.reputation,
        words: indicator.note,
        details,
        asked_at: indicator.added_at,
        cached: true,
    }
}
