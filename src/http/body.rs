//! Reading a request's body within bounds.

use std::time::Duration;

use actix_web::{
    HttpRequest,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
    web,
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;

use super::{Code, Problem};
use crate::strict_json;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(120);
/// Octets of a refused body that are read and dropped, so that a client that
/// sends first and reads later gets its answer; beyond, the connection closes.
const DRAIN: usize = 64 * 1024 * 1024;
const DRAIN_PATIENCE: Duration = Duration::from_secs(20);
/// The largest JSON body of a command.
const MAX_COMMAND: usize = 64 * 1024;
/// The largest JSON body with a policy file: twice its own limit, for escapes.
const MAX_POLICY: usize = 2 * 1024 * 1024 + 4 * 1024;

/// The largest JSON body with a message of 25 MiB in base64.
const MAX_MESSAGE: usize = 36 * 1024 * 1024;

/// The essence of the body's media type, in lower case, without parameters.
pub(super) fn media_type(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default();
    Some(essence.trim().to_ascii_lowercase())
}

/// Reads the whole body, at most `limit` octets of it into memory.
///
/// # Errors
/// Too large, empty, cut off, too slow, or with a content coding.
pub(super) async fn read(
    request: &HttpRequest,
    mut payload: web::Payload,
    limit: usize,
) -> Result<Bytes, Problem> {
    let identity = |value: &actix_web::http::header::HeaderValue| value == "identity";
    if !request.headers().get_all(CONTENT_ENCODING).all(identity) {
        return Err(Problem::new(Code::UnsupportedMediaType).detail("no content coding is taken"));
    }
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let read = async {
        if announced.is_some_and(|length| length > limit) {
            return Err(true);
        }
        collect(&mut payload, announced.unwrap_or_default(), limit)
            .await
            .ok_or(false)
    };
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(Some(bytes))) if bytes.is_empty() => Err(Problem::new(Code::EmptyBody)),
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None) | Err(true)) => {
            drain(&mut payload).await;
            Err(Problem::new(Code::TooLarge).detail(format!("at most {limit} octets are taken")))
        }
        Ok(Err(false)) => Err(Problem::new(Code::TruncatedBody)),
        Err(_) => Err(Problem::new(Code::RequestTimeout)),
    }
}

/// The body; `Some(None)` when it grows over the limit, `None` when it is cut off.
async fn collect(
    payload: &mut web::Payload,
    announced: usize,
    limit: usize,
) -> Option<Option<Bytes>> {
    // what a client announces is not reserved before it comes
    let mut body = BytesMut::with_capacity(announced.min(64 * 1024));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.ok()?;
        if body.len() + chunk.len() > limit {
            return Some(None);
        }
        body.extend_from_slice(&chunk);
    }
    Some(Some(body.freeze()))
}

async fn drain(payload: &mut web::Payload) {
    let dropping = async {
        let mut dropped = 0_usize;
        while let Some(Ok(chunk)) = payload.next().await {
            dropped = dropped.saturating_add(chunk.len());
            if dropped > DRAIN {
                return;
            }
        }
    };
    // whether it came to its end makes no difference to the answer
    let _ = tokio::time::timeout(DRAIN_PATIENCE, dropping).await;
}

/// Reads a command's JSON body, strictly.
///
/// # Errors
/// Another media type, or as [`read`] and [`strict_json::parse`].
pub(super) async fn command<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<T, Problem> {
    json(request, payload, MAX_COMMAND).await
}

/// Reads a JSON body that carries a policy file, strictly.
///
/// # Errors
/// As [`command`].
pub(super) async fn policy<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<T, Problem> {
    json(request, payload, MAX_POLICY).await
}

/// Reads a JSON body that may carry a whole message in base64, strictly.
///
/// # Errors
/// As [`command`].
pub(super) async fn message<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<T, Problem> {
    json(request, payload, MAX_MESSAGE).await
}

async fn json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
    limit: usize,
) -> Result<T, Problem> {
    if media_type(request).as_deref() != Some("application/json") {
        return Err(Problem::new(Code::UnsupportedMediaType).detail("send application/json"));
    }
    let body = read(request, payload, limit).await?;
    Ok(strict_json::parse(&body, limit)?)
}
