//! The outermost layer: a request id, security headers, counters, and a problem
//! document for every error that has none.

use std::time::Instant;

use actix_web::{
    Error, HttpResponse,
    body::{BoxBody, EitherBody, MessageBody, to_bytes_limited},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    web,
};
use serde_json::Value;
use uuid::Uuid;

use super::{Code, Problem, State, problem};

/// The largest problem document that is read again to be completed.
const MAX_DOCUMENT: usize = 64 * 1024;
/// The largest header section that is answered, octets of names and values.
/// From 128 KiB, or 97 fields, on the HTTP layer below answers 431 by itself,
/// without a document.
const MAX_HEADERS: usize = 64 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(super) async fn edge<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let begun = Instant::now();
    let secure = request
        .app_data::<web::Data<State>>()
        .is_some_and(|state| state.app.config.server.is_https());
    let instance = format!("urn:uuid:{}", Uuid::new_v4());
    let size: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    let mut response = if size > MAX_HEADERS {
        let refused = request.error_response(Problem::new(Code::HeadersTooLarge));
        complete(refused, &instance).await.map_into_right_body()
    } else {
        let response = next.call(request).await?;
        if needs_document(&response) {
            complete(response, &instance).await.map_into_right_body()
        } else {
            response.map_into_left_body()
        }
    };
    protect(response.headers_mut(), secure);
    if let Ok(id) = HeaderValue::from_str(instance.trim_start_matches("urn:uuid:")) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let status = response.status();
    let route = response
        .request()
        .match_pattern()
        .unwrap_or_else(|| "unmatched".to_owned());
    super::metrics::request(response.request().method(), &route, status, begun.elapsed());
    if status.is_server_error() {
        tracing::warn!(%instance, route, status = status.as_u16(), "request failed");
    }
    Ok(response)
}

/// Every error but the console's own pages.
fn needs_document<B>(response: &ServiceResponse<B>) -> bool {
    let status = response.status();
    let page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    (status.is_client_error() || status.is_server_error()) && !page
}

/// Puts the table's words and the request's id into an error's document, or
/// makes one where a layer below gave only a status.
async fn complete<B: MessageBody>(response: ServiceResponse<B>, instance: &str) -> ServiceResponse {
    let (request, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let ours = head
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(problem::MEDIA_TYPE.as_bytes()));
    let known: Option<Value> = match to_bytes_limited(body, MAX_DOCUMENT).await {
        Ok(Ok(bytes)) if ours => serde_json::from_slice(&bytes).ok(),
        _ => None,
    };
    let text = |name: &str| {
        known
            .as_ref()
            .and_then(|d| d.get(name))
            .and_then(Value::as_str)
    };
    let code = text("code")
        .and_then(Code::named)
        .unwrap_or_else(|| Code::of(head.status()));
    let document = problem::Document::new(code, text("detail"), Some(instance));
    let mut complete = HttpResponse::build(head.status());
    for (name, value) in head.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            complete.append_header((name.clone(), value.clone()));
        }
    }
    if code == Code::InvalidToken && !head.headers().contains_key(header::WWW_AUTHENTICATE) {
        complete.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
    }
    let complete = complete
        .content_type(problem::MEDIA_TYPE)
        .body(document.text());
    ServiceResponse::new(request, complete)
}

/// A handler that needs something else (the console's pages) has set it already.
fn protect(headers: &mut HeaderMap, secure: bool) {
    let own_policy = headers.contains_key(header::CONTENT_SECURITY_POLICY);
    let mut unless_set = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    unless_set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    unless_set(header::REFERRER_POLICY, "no-referrer");
    if !own_policy {
        // a page's own policy says by frame-ancestors who may frame it
        unless_set(header::X_FRAME_OPTIONS, "DENY");
    }
    unless_set(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    );
    unless_set(header::CACHE_CONTROL, "no-store");
    unless_set(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    unless_set(
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=()",
    );
    if secure {
        unless_set(
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=31536000; includeSubDomains",
        );
    }
}
