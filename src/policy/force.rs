//! What is in force: proposed, tried, activated.
//!
//! What was ever decided stands in the database and wins over the configuration, whose
//! policy is in force until then. A policy goes live only with the result of its trial
//! on the history beside it.

use std::sync::Arc;

use super::trial::Trial;
use crate::{
    app::App,
    config::policy::{Policy, PolicyError},
    domain::InForceId,
    store::{
        StoreError,
        judgement::{InForce, PolicyRow},
    },
    verdict::{
        Engine,
        model::{BadModel, Kept, Model},
    },
};

/// Characters of a note.
const MOST_NOTE: usize = 200;

/// Why a policy or model was not kept or put into force.
#[derive(Debug, thiserror::Error)]
pub enum ForceError {
    /// The policy cannot be.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// No policy of that version was proposed.
    #[error("there is no policy {0}; `unhook policy list` shows them")]
    Unknown(String),
    /// It was never tried.
    #[error(
        "policy {0} was not tried on the history: run `unhook policy test --proposed {0}` first"
    )]
    Untried(String),
    /// The model that was decided for is not there.
    #[error("there is no model {0}")]
    NoModel(String),
    /// Its file is damaged.
    #[error("model {version}: {reason}")]
    BadModel {
        /// Which.
        version: String,
        /// What is wrong with it.
        reason: BadModel,
    },
    /// The database or the folder of blobs failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The engine in force. Another replica may have put something else into force since
/// the last message: that is read here. A model that cannot be used is replaced by the
/// shipped one; where the policy cannot be used, the configuration's judges and only
/// watches, so that nothing is done that nobody decided.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn engine(app: &App) -> Result<Arc<Engine>, StoreError> {
    let Some(wanted) = app.store.read(app.tenant).in_force().await? else {
        return Ok(app.judging.engine());
    };
    if app.judging.decision() == Some(wanted.id) {
        return Ok(app.judging.engine());
    }
    let policy = wanted.policy_version.as_deref();
    let model = wanted.model_version.as_deref();
    let mut built = build(app, policy, model).await;
    if let Err(error @ (ForceError::NoModel(_) | ForceError::BadModel { .. })) = &built {
        tracing::error!(%error, "the model in force cannot be used; the shipped one judges");
        built = build(app, policy, None).await;
    }
    let engine = match built {
        Ok(engine) => engine,
        Err(ForceError::Store(error)) => return Err(error),
        Err(error) => {
            tracing::error!(%error, "the policy in force cannot be used; nothing is done by itself until another is put into force");
            app.judging.configured().watching()
        }
    };
    tracing::info!(policy = engine.version(), model, "in force");
    app.judging.replace(engine, wanted.id);
    Ok(app.judging.engine())
}

/// The engine of a policy (the configuration's when `None`) and a model (the shipped
/// one when `None`).
///
/// # Errors
/// [`ForceError`] when either is not there or cannot be used.
pub async fn build(
    app: &App,
    policy: Option<&str>,
    model: Option<&str>,
) -> Result<Engine, ForceError> {
    let configured = app.judging.configured();
    let kept = match policy.filter(|version| *version != configured.version()) {
        None => None,
        Some(version) => {
            let row = app.store.read(app.tenant).policy(version).await?;
            Some(row.ok_or_else(|| ForceError::Unknown(version.to_owned()))?)
        }
    };
    let shipped = configured.model();
    let model = match model {
        None => shipped.cloned(),
        Some(version) if shipped.is_some_and(|model| model.version() == version) => {
            shipped.cloned()
        }
        Some(version) => Some(Arc::new(trained(app, version).await?)),
    };
    match kept {
        None => Ok(Engine::with_model(configured.policy().clone(), model)?),
        Some(row) => {
            let engine = Engine::with_model(Policy::from_toml(&row.content)?, model)?;
            Ok(engine.known_as(&row.version))
        }
    }
}

/// What a model's file keeps beside it.
///
/// # Errors
/// [`ForceError`] when it is not there or damaged.
pub async fn kept(app: &App, version: &str) -> Result<Kept, ForceError> {
    match Model::shipped() {
        Ok((shipped, kept)) if shipped.version() == version => Ok(kept.clone()),
        _ => Ok(file_of(app, version).await?.1),
    }
}

async fn trained(app: &App, version: &str) -> Result<Model, ForceError> {
    Ok(file_of(app, version).await?.0)
}

async fn file_of(app: &App, version: &str) -> Result<(Model, Kept), ForceError> {
    let row = app.store.read(app.tenant).model(version).await?;
    let row = row.ok_or_else(|| ForceError::NoModel(version.to_owned()))?;
    let file = app
        .blobs
        .get(&row.blob_sha256)
        .await
        .map_err(StoreError::from)?;
    Model::from_bytes(&file).map_err(|reason| ForceError::BadModel {
        version: version.to_owned(),
        reason,
    })
}

/// Keeps a policy that passes its own tests; gives its version. Servers whose results
/// are believed are those of the configuration where it names none.
///
/// # Errors
/// [`ForceError::Policy`] with the line or rule that cannot be.
pub async fn propose(
    app: &App,
    text: &str,
    note: Option<&str>,
    by: &str,
) -> Result<PolicyRow, ForceError> {
    if note.is_some_and(|note| note.chars().count() > MOST_NOTE) {
        let why = format!("is longer than {MOST_NOTE} characters");
        return Err(PolicyError::new("note", why).into());
    }
    let mut policy = Policy::from_toml(text)?;
    if policy.trusted_authserv_ids.is_empty() {
        let configured = app.judging.configured();
        policy
            .trusted_authserv_ids
            .clone_from(&configured.policy().trusted_authserv_ids);
    }
    let engine = super::ready(policy)?;
    let row = PolicyRow {
        version: engine.version().to_owned(),
        content: engine.policy().to_toml(),
        note: note.map(str::to_owned),
        created_by: by.to_owned(),
        created_at: app.clock.now(),
        trial: None,
        tried_at: None,
    };
    let tx = app.store.begin().await?;
    tx.of(app.tenant).keep_policy(&row).await?;
    tx.commit().await?;
    let known = app.store.read(app.tenant).policy(&row.version).await?;
    Ok(known.unwrap_or(row))
}

/// Puts a policy into force, and leaves the model as it is. `None` goes back to the
/// configuration's.
///
/// # Errors
/// [`ForceError::Untried`] without the result of a trial.
pub async fn activate(app: &App, version: Option<&str>, by: &str) -> Result<(), ForceError> {
    let rows = app.store.read(app.tenant);
    if let Some(version) = version {
        let row = rows.policy(version).await?;
        let row = row.ok_or_else(|| ForceError::Unknown(version.to_owned()))?;
        let trial: Option<Trial> = row.trial.and_then(|t| serde_json::from_value(t).ok());
        // where there is a history, a trial that went through none of it shows nothing
        let history = !rows.judgements(None, 1).await?.is_empty();
        if trial.is_none_or(|trial| trial.messages == 0 && history) {
            return Err(ForceError::Untried(version.to_owned()));
        }
        build(app, Some(version), None).await?;
    }
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let before = rows.in_force().await?;
    rows.put_into_force(&InForce {
        id: InForceId::new(now),
        policy_version: version.map(str::to_owned),
        model_version: before.and_then(|before| before.model_version),
        decided_by: by.to_owned(),
        since: now,
    })
    .await?;
    tx.commit().await?;
    engine(app).await?;
    Ok(())
}
