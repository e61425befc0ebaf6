//! Why a caller was not admitted, and the little of it that the caller learns.

use std::borrow::Cow;

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use metrics::counter;
use serde_json::json;

use super::{Scope, TokenError, api_key::ApiKeyError};

/// Why a caller was not admitted.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum AuthError {
    /// No `Authorization` header.
    #[error("no credentials")]
    Missing,
    /// More than one `Authorization` header, or not `Bearer <token>` with one space.
    #[error("authorization header malformed")]
    Header,
    /// The token was refused.
    #[error("token refused")]
    Token(#[from] TokenError),
    /// The API key was refused.
    #[error("api key refused")]
    ApiKey(#[from] ApiKeyError),
    /// A known caller without the needed scope.
    #[error("scope {0} missing")]
    Scope(Scope),
    /// The issuer's keys have not been reachable; nobody can be verified.
    #[error("the issuer's keys are not available")]
    KeysUnavailable,
    /// The app was built without a verifier: our own fault.
    #[error("no verifier in the app's data")]
    NotWired,
}

impl AuthError {
    /// The code that the caller sees. All refusals of a credential share one,
    /// so that nobody can feel their way to a token that passes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing | Self::Header | Self::Token(_) | Self::ApiKey(_) => "invalid_token",
            Self::Scope(_) => "insufficient_scope",
            Self::KeysUnavailable => "identity_provider_unavailable",
            Self::NotWired => "internal",
        }
    }

    /// The HTTP status: 401, 403, 503 or 500.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Header | Self::Token(_) | Self::ApiKey(_) => {
                StatusCode::UNAUTHORIZED
            }
            Self::Scope(_) => StatusCode::FORBIDDEN,
            Self::KeysUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotWired => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The sentence that the caller sees.
    #[must_use]
    pub fn detail(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Missing | Self::Header | Self::Token(_) | Self::ApiKey(_) => {
                "A valid bearer token is needed."
            }
            Self::Scope(scope) => {
                return Cow::Owned(format!(
                    "This API key may not do that; it takes the scope {scope}."
                ));
            }
            Self::KeysUnavailable => "The identity provider cannot be reached; try again.",
            Self::NotWired => "The server is not set up correctly.",
        })
    }

    /// The reason for logs and counters; a fixed word, never content.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Header => "authorization_header",
            Self::Token(error) => error.code(),
            Self::ApiKey(error) => error.code(),
            Self::Scope(_) => "api_key_scope",
            Self::KeysUnavailable => "keys_unavailable",
            Self::NotWired => "not_wired",
        }
    }

    /// Counts and logs the refusal; called once, where the request ends.
    #[must_use]
    pub fn recorded(self) -> Self {
        counter!("unhook_auth_refused_total", "reason" => self.reason()).increment(1);
        if self.status().is_server_error() {
            tracing::error!(reason = self.reason(), "caller not verified");
        } else {
            tracing::info!(reason = self.reason(), "caller refused");
        }
        self
    }

    fn challenge(&self) -> Option<HeaderValue> {
        match self {
            Self::Scope(scope) => HeaderValue::try_from(format!(
                r#"Bearer error="insufficient_scope", scope="{scope}""#
            ))
            .ok(),
            _ if self.status() == StatusCode::UNAUTHORIZED => {
                Some(HeaderValue::from_static(r#"Bearer error="invalid_token""#))
            }
            _ => None,
        }
    }
}

impl ResponseError for AuthError {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        if let Some(challenge) = self.challenge() {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        if *self == Self::KeysUnavailable {
            response.insert_header((RETRY_AFTER, HeaderValue::from_static("30")));
        }
        problem(&mut response, self.status(), self.code(), &self.detail())
    }
}

/// A problem document (RFC 9457) of the plain type.
pub(crate) fn problem(
    response: &mut actix_web::HttpResponseBuilder,
    status: StatusCode,
    code: &str,
    detail: &str,
) -> HttpResponse {
    response.content_type("application/problem+json").body(
        json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "code": code,
            "detail": detail,
        })
        .to_string(),
    )
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    #[actix_web::test]
    async fn every_refused_credential_looks_the_same() {
        let errors = [
            AuthError::Missing,
            AuthError::Header,
            AuthError::Token(TokenError::Signature),
            AuthError::Token(TokenError::Expired),
            AuthError::ApiKey(ApiKeyError::Expired),
        ];
        let mut seen = Vec::new();
        for error in errors {
            let response = error.error_response();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            let headers: Vec<_> = response
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), value.clone()))
                .collect();
            assert!(headers.contains(&(
                "www-authenticate".to_owned(),
                HeaderValue::from_static(r#"Bearer error="invalid_token""#)
            )));
            let body = to_bytes(response.into_body()).await.expect("body");
            seen.push((headers, body));
        }
        seen.dedup();
        assert_eq!(seen.len(), 1);
        let body: serde_json::Value = serde_json::from_slice(&seen[0].1).expect("json");
        assert_eq!(
            body,
            json!({"type":"about:blank","title":"Unauthorized","status":401,
                   "code":"invalid_token","detail":"A valid bearer token is needed."})
        );
    }
}
