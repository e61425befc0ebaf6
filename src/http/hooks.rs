//! Webhooks: the providers' change notifications.
//!
//! A notification is only a hint that something changed: nothing in it is
//! believed, it is verified and counted, and mail is always read from the provider
//! itself. One that names no subscription of ours, or not its secret, writes
//! nothing; unverified ones are refused, so that strangers cannot make the server
//! busy.

mod subscribed;

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header},
    web,
};
use base64::{Engine, alphabet, engine};
use chrono::{DateTime, Utc};
use metrics::counter;
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

pub use subscribed::Subscribed;

use super::{Problem, State};
use crate::{
    auth::{AuthError, ReporterVerifier, bearer_token},
    domain::{MailboxAddress, Provider},
    remediation::watch::{self, Hint, News},
    store::StoreError,
    strict_json,
};

/// Google's pushes are a few hundred bytes.
const MAX_GMAIL_BYTES: usize = 64 * 1024;
/// Graph puts many notifications, with encrypted content, into one request.
const MAX_GRAPH_BYTES: usize = 4 * 1024 * 1024;
/// The longest handshake token that is echoed, bytes after decoding.
const MAX_ECHO_BYTES: usize = 2 * 1024;
/// The longest query that is decoded for it: every byte of it escaped, and some room.
const MAX_QUERY_BYTES: usize = 8 * 1024;
/// Notifications taken of one request; Graph sends a few dozen.
const MAX_NOTIFICATIONS: usize = 1_000;
/// Graph sends one validation token per tenant and app.
const MAX_VALIDATION_TOKENS: usize = 16;

/// Adds `POST /hooks/gmail` and `POST /hooks/graph`. Needs
/// `Arc<ReporterVerifier>` in the app's data.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/hooks/gmail", web::post().to(gmail))
        .route("/hooks/graph", web::post().to(graph));
}

/// Why a notification was not taken.
#[derive(Debug, thiserror::Error)]
enum HookError {
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error("notification malformed")]
    Malformed,
    #[error("notification too large")]
    TooLarge,
    #[error("notification not taken")]
    Problem(Problem),
}

impl From<Problem> for HookError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<StoreError> for HookError {
    fn from(error: StoreError) -> Self {
        Self::Problem(error.into())
    }
}

impl ResponseError for HookError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Auth(error) => error.status(),
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Problem(problem) => problem.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let (code, detail) = match self {
            Self::Auth(error) => return error.error_response(),
            Self::Malformed => ("malformed_notification", "Not a notification."),
            Self::TooLarge => ("too_large", "Larger than notifications are."),
            Self::Problem(problem) => return problem.error_response(),
        };
        let status = self.status_code();
        crate::auth::problem(&mut HttpResponse::build(status), status, code, detail)
    }
}

#[derive(Deserialize)]
struct Push {
    message: PushMessage,
}

#[derive(Deserialize)]
struct PushMessage {
    data: String,
}

/// What Gmail says inside a push; `historyId` comes as number or text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MailboxChange {
    email_address: MailboxAddress,
    history_id: Value,
}

/// `POST /hooks/gmail`: a Pub/Sub push. 204 for a verified hint.
async fn gmail(request: HttpRequest, body: web::Payload) -> Result<HttpResponse, HookError> {
    let verified = async {
        let token = bearer_token(request.headers())?;
        verifier(&request)?.verify_pubsub(token).await
    };
    if let Err(error) = verified.await {
        return Err(refused(&request, error));
    }
    let body = read(body, MAX_GMAIL_BYTES).await?;
    let push: Push =
        strict_json::parse(&body, MAX_GMAIL_BYTES).map_err(|_| HookError::Malformed)?;
    // Google's documents show both alphabets, with and without padding.
    let data = decode_either(&push.message.data).ok_or(HookError::Malformed)?;
    let change: MailboxChange =
        strict_json::parse(&data, MAX_GMAIL_BYTES).map_err(|_| HookError::Malformed)?;
    let history = match &change.history_id {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let history: u64 = history.ok_or(HookError::Malformed)?;
    counter!("unhook_hook_notifications_total", "provider" => "gmail").increment(1);
    let state = request.app_data::<web::Data<State>>();
    if let Some(state) = state.filter(|state| state.app.config.watch.is_on()) {
        let hint = Hint {
            provider: Provider::Gmail,
            mailbox: change.email_address.to_string(),
            subscription: None,
            news: News::Changed(Some(history.to_string())),
        };
        taken(state, &[hint]).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notifications {
    value: Vec<Value>,
    #[serde(default)]
    validation_tokens: Vec<String>,
}

/// What is read of one of Graph's notifications or lifecycle events.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    subscription_id: String,
    client_state: Option<String>,
    change_type: Option<String>,
    resource: Option<String>,
    resource_data: Option<Resource>,
    lifecycle_event: Option<String>,
    subscription_expiration_date_time: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Resource {
    id: Option<String>,
    #[serde(rename = "@odata.etag")]
    etag: Option<String>,
}

impl Notification {
    fn news(&self) -> News {
        match self.lifecycle_event.as_deref() {
            None => News::Changed(self.mark()),
            Some("reauthorizationRequired") => News::Renew(self.subscription_expiration_date_time),
            Some("subscriptionRemoved") => News::Removed,
            // `missed`, and whatever else may be added: looking once more does no harm.
            Some(_) => News::Missed,
        }
    }

    /// What it is about, when that tells it from others.
    fn mark(&self) -> Option<String> {
        let about = self.resource_data.as_ref()?;
        let parts = [
            self.change_type.as_deref().unwrap_or_default(),
            self.resource.as_deref().unwrap_or_default(),
            about.id.as_deref()?,
            about.etag.as_deref()?,
        ];
        Some(subscribed::digest(&parts.join("\n")))
    }
}

/// `POST /hooks/graph`: the subscription handshake, or notifications and lifecycle
/// events. 202 for verified hints. Basic notifications are verified one by one, by
/// the secret of their subscription; those with content by their tokens as well.
async fn graph(request: HttpRequest, body: web::Payload) -> Result<HttpResponse, HookError> {
    if let Some(answer) = handshake(request.query_string()) {
        return answer;
    }
    let body = read(body, MAX_GRAPH_BYTES).await?;
    let notifications: Notifications =
        strict_json::parse(&body, MAX_GRAPH_BYTES).map_err(|_| HookError::Malformed)?;
    let tokens = &notifications.validation_tokens;
    if tokens.len() > MAX_VALIDATION_TOKENS {
        return Err(HookError::Malformed);
    }
    let verified = async {
        let verifier = verifier(&request)?;
        for token in tokens {
            verifier.verify_graph_notification(token).await?;
        }
        Ok(())
    };
    if let Err(error) = verified.await {
        return Err(refused(&request, error));
    }
    let state = request.app_data::<web::Data<State>>();
    let hints = match state.filter(|state| state.app.config.watch.is_on()) {
        Some(state) => ours(state, notifications.value.iter()).await?,
        None => Vec::new(),
    };
    if tokens.is_empty() && hints.is_empty() {
        return Err(refused(&request, AuthError::Missing));
    }
    let count = if tokens.is_empty() {
        hints.len()
    } else {
        notifications.value.len()
    };
    counter!("unhook_hook_notifications_total", "provider" => "graph")
        .increment(u64::try_from(count).unwrap_or(u64::MAX));
    if let Some(state) = state {
        taken(state, &hints).await?;
    }
    Ok(HttpResponse::Accepted().finish())
}

/// The notifications that name a subscription of ours and its secret; the others
/// are counted and dropped.
async fn ours(state: &State, given: impl Iterator<Item = &Value>) -> Result<Vec<Hint>, StoreError> {
    let mut hints: Vec<Hint> = Vec::new();
    let mut forged = 0_u64;
    for one in given.take(MAX_NOTIFICATIONS) {
        let Ok(one) = Notification::deserialize(one) else {
            forged += 1;
            continue;
        };
        let secret = one.client_state.as_deref().unwrap_or_default();
        let mailbox = state
            .subscribed
            .mailbox(&state.app, &one.subscription_id, secret)
            .await?;
        match mailbox {
            Some(mailbox) => {
                let hint = Hint {
                    provider: Provider::Graph,
                    mailbox,
                    news: one.news(),
                    subscription: Some(one.subscription_id),
                };
                if !hints.contains(&hint) {
                    hints.push(hint);
                }
            }
            None => forged += 1,
        }
    }
    if forged > 0 {
        counter!("unhook_hook_dropped_total", "provider" => "graph").increment(forged);
    }
    Ok(hints)
}

/// Acts on verified hints and wakes the workers when one is news.
async fn taken(state: &State, hints: &[Hint]) -> Result<(), HookError> {
    if watch::take(&state.app, hints).await? > 0 {
        state.wake.notify();
    }
    Ok(())
}

/// A refusal, recorded; 429 for an address that was refused too often.
fn refused(request: &HttpRequest, error: AuthError) -> HookError {
    let error = error.recorded();
    let state = request.app_data::<web::Data<State>>();
    let from = request.peer_addr().map(|address| address.ip());
    match state.map_or(Ok(()), |state| state.rates.refused(from)) {
        Err(problem) if error.status() == StatusCode::UNAUTHORIZED => problem.into(),
        _ => error.into(),
    }
}

/// Graph proves that the address is ours by asking for its own text back. The
/// text is a stranger's: it goes out as plain text that no browser may sniff.
fn handshake(query: &str) -> Option<Result<HttpResponse, HookError>> {
    if query.len() > MAX_QUERY_BYTES {
        return Some(Err(HookError::TooLarge));
    }
    let mut tokens = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "validationToken")
        .map(|(_, value)| value);
    let token = tokens.next()?;
    if token.is_empty() || token.len() > MAX_ECHO_BYTES || tokens.next().is_some() {
        return Some(Err(HookError::Malformed));
    }
    Some(Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(token.into_owned())))
}

fn verifier(request: &HttpRequest) -> Result<&Arc<ReporterVerifier>, AuthError> {
    request.app_data().ok_or(AuthError::NotWired)
}

async fn read(body: web::Payload, limit: usize) -> Result<web::Bytes, HookError> {
    match body.to_bytes_limited(limit).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(HookError::Malformed),
        Err(_) => Err(HookError::TooLarge),
    }
}

fn decode_either(text: &str) -> Option<Vec<u8>> {
    let config = engine::GeneralPurposeConfig::new()
        .with_decode_padding_mode(engine::DecodePaddingMode::Indifferent);
    [&alphabet::STANDARD, &alphabet::URL_SAFE]
        .into_iter()
        .find_map(|alphabet| {
            engine::GeneralPurpose::new(alphabet, config)
                .decode(text)
                .ok()
        })
}
