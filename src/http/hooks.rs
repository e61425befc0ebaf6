//! Webhooks: the providers' change notifications.
//!
//! A notification is only a hint that something changed: nothing in it is
//! believed or stored, it is verified and counted, and mail is always read from
//! the provider itself. Unverified ones are refused, so that strangers cannot
//! make the server busy.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header},
    web,
};
use base64::{Engine, alphabet, engine};
use metrics::counter;
use serde::Deserialize;
use url::form_urlencoded;

use crate::auth::{AuthError, ReporterVerifier, bearer_token};
use crate::strict_json;

/// Google's pushes are a few hundred bytes.
const MAX_GMAIL_BYTES: usize = 64 * 1024;
/// Graph puts many notifications, with encrypted content, into one request.
const MAX_GRAPH_BYTES: usize = 4 * 1024 * 1024;
/// The longest handshake token that is echoed, bytes after decoding.
const MAX_ECHO_BYTES: usize = 4 * 1024;
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
}

impl ResponseError for HookError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Auth(error) => error.status(),
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let (code, detail) = match self {
            Self::Auth(error) => return error.error_response(),
            Self::Malformed => ("malformed_notification", "Not a notification."),
            Self::TooLarge => ("too_large", "Larger than notifications are."),
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
    #[serde(rename = "emailAddress")]
    _email_address: crate::domain::MailboxAddress,
    history_id: serde_json::Value,
}

/// `POST /hooks/gmail`: a Pub/Sub push. 204 for a verified hint.
async fn gmail(request: HttpRequest, body: web::Payload) -> Result<HttpResponse, HookError> {
    let verified = async {
        let token = bearer_token(request.headers())?;
        verifier(&request)?.verify_pubsub(token).await
    };
    verified.await.map_err(AuthError::recorded)?;
    let body = read(body, MAX_GMAIL_BYTES).await?;
    let push: Push =
        strict_json::parse(&body, MAX_GMAIL_BYTES).map_err(|_| HookError::Malformed)?;
    // Google's documents show both alphabets, with and without padding.
    let data = decode_either(&push.message.data).ok_or(HookError::Malformed)?;
    let change: MailboxChange =
        strict_json::parse(&data, MAX_GMAIL_BYTES).map_err(|_| HookError::Malformed)?;
    if !(change.history_id.is_u64() || change.history_id.is_string()) {
        return Err(HookError::Malformed);
    }
    counter!("unhook_hook_notifications_total", "provider" => "gmail").increment(1);
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notifications {
    value: Vec<serde_json::Value>,
    #[serde(default)]
    validation_tokens: Vec<String>,
}

/// `POST /hooks/graph`: the subscription handshake, or notifications with
/// validation tokens. 202 for verified hints.
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
        if tokens.is_empty() {
            return Err(AuthError::Missing);
        }
        for token in tokens {
            verifier.verify_graph_notification(token).await?;
        }
        Ok(())
    };
    verified.await.map_err(AuthError::recorded)?;
    let hints = u64::try_from(notifications.value.len()).unwrap_or(u64::MAX);
    counter!("unhook_hook_notifications_total", "provider" => "graph").increment(hints);
    Ok(HttpResponse::Accepted().finish())
}

/// Graph proves that the address is ours by asking for its own text back. The
/// text is a stranger's: it goes out as plain text that no browser may sniff.
fn handshake(query: &str) -> Option<Result<HttpResponse, HookError>> {
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
