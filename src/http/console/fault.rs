//! What a person sees when a page cannot be shown: one table, the same look.

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{LOCATION, RETRY_AFTER},
    },
};
use askama::Template;

use super::assets;
use crate::{
    auth::{AuthError, Scope},
    remediation::approve::ApprovalError,
    store::StoreError,
    triage::overturn::OverturnError,
};

/// Why a page was not shown or a change not made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Nobody is signed in; `next` is the path to come back to.
    #[error("not signed in")]
    SignIn {
        /// Where to go after signing in; checked there.
        next: String,
    },
    /// The browser came from another site and was not allowed to send its
    /// cookie (`SameSite=Strict`): the page loads itself once more.
    #[error("came from another site")]
    Again,
    /// There is no such page or thing.
    #[error("not there")]
    NotFound,
    /// The key lacks a scope.
    #[error("scope {0} missing")]
    Forbidden(Scope),
    /// The form does not come from this session's own page.
    #[error("form not accepted: {0}")]
    Foreign(&'static str),
    /// A field cannot be used.
    #[error("field not usable: {0}")]
    Field(&'static str),
    /// What was typed cannot be used; the sentence says why.
    #[error("not usable: {0}")]
    Said(String),
    /// The evidence does not allow what was asked.
    #[error("not allowed by the evidence: {0}")]
    Evidence(&'static str),
    /// What was asked does not fit how things stand; says why.
    #[error("refused: {0}")]
    Refused(String),
    /// Too many keys were tried.
    #[error("too many attempts")]
    TooMany {
        /// Seconds until the next may be tried.
        wait: u64,
    },
    /// The database is busy.
    #[error("database busy")]
    Busy,
    /// Something broke.
    #[error("failed")]
    Failed,
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            tracing::warn!(%error, "console page not shown: database busy");
            Self::Busy
        } else {
            tracing::error!(%error, "console page not shown");
            Self::Failed
        }
    }
}

impl From<OverturnError> for PageError {
    fn from(error: OverturnError) -> Self {
        match error {
            OverturnError::NotFound => Self::NotFound,
            OverturnError::EvidenceMissing(why) => Self::Evidence(why),
            changed @ OverturnError::Changed { .. } => Self::Refused(changed.to_string()),
            OverturnError::Store(error) => error.into(),
        }
    }
}

impl From<ApprovalError> for PageError {
    fn from(error: ApprovalError) -> Self {
        match error {
            ApprovalError::NotFound => Self::NotFound,
            ApprovalError::Store(error) => error.into(),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<AuthError> for PageError {
    fn from(error: AuthError) -> Self {
        match error.recorded() {
            AuthError::Scope(scope) => Self::Forbidden(scope),
            _ => Self::SignIn {
                next: String::new(),
            },
        }
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "console page not rendered");
        Self::Failed
    }
}

/// A page with nothing but a sentence.
#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage {
    style: String,
    status: u16,
    title: &'static str,
    words: String,
}

impl PageError {
    fn words(&self) -> (StatusCode, &'static str, String) {
        match self {
            Self::SignIn { .. } => (
                StatusCode::SEE_OTHER,
                "Sign in first",
                "Your session has ended.".to_owned(),
            ),
            Self::Again => (StatusCode::OK, "One moment", String::new()),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "Nothing here",
                "There is no such page, or it belongs to another organisation. \
                 Check the address, or start from the queue."
                    .to_owned(),
            ),
            Self::Forbidden(scope) => (
                StatusCode::FORBIDDEN,
                "Your key may not do that",
                format!(
                    "This needs an API key with the scope {scope}. Ask an administrator for \
                     one (unhook keys create), then sign in with it."
                ),
            ),
            Self::Foreign(why) => (
                StatusCode::FORBIDDEN,
                "That form was not accepted",
                format!("{why} Nothing was changed. Go back, reload the page and try again."),
            ),
            Self::Field(why) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "Something is missing",
                format!("{why} Nothing was changed."),
            ),
            Self::Said(why) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "That cannot be used",
                format!("{why} Nothing was changed."),
            ),
            Self::Evidence(why) => (
                StatusCode::CONFLICT,
                "The evidence does not allow that",
                format!(
                    "Nothing is pulled on bytes that a client sent: the server has to have \
                     fetched the message itself. Reason: {why}."
                ),
            ),
            Self::Refused(why) => (
                StatusCode::CONFLICT,
                "That cannot be done now",
                format!("Nothing was changed: {why}."),
            ),
            Self::TooMany { wait } => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many attempts",
                format!("Several keys were refused in a row. Try again in {wait} seconds."),
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The database is busy",
                "Nothing is lost. Reload in a moment.".to_owned(),
            ),
            Self::Failed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "That did not work",
                "The server met an error and wrote it to its log. Nothing was changed by it."
                    .to_owned(),
            ),
        }
    }

    fn page(&self) -> String {
        let (status, title, words) = self.words();
        let style = assets::style_path();
        FaultPage {
            style,
            status: status.as_u16(),
            title,
            words,
        }
        .render()
        .unwrap_or_else(|_| title.to_owned())
    }
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        self.words().0
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.content_type("text/html; charset=utf-8");
        match self {
            Self::SignIn { next } if next.is_empty() => {
                response.insert_header((LOCATION, "/console/sign-in"));
            }
            Self::SignIn { next } => {
                response.insert_header((LOCATION, format!("/console/sign-in?next={next}")));
            }
            Self::Again => {
                return response.body(
                    "<!doctype html><meta charset=utf-8>\
                     <meta http-equiv=refresh content=0><title>Unhook</title>",
                );
            }
            Self::TooMany { wait } => {
                response.insert_header((RETRY_AFTER, wait.to_string()));
            }
            Self::Busy => {
                response.insert_header((RETRY_AFTER, "5"));
            }
            _ => {}
        }
        response.body(self.page())
    }
}

/// The page of a known fault, for tests and pictures.
#[must_use]
pub fn sample() -> String {
    PageError::Forbidden(Scope::VerdictsWrite).page()
}
