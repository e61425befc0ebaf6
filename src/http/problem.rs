//! Errors as problem documents (RFC 9457), from one table.

use std::{borrow::Cow, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::strict_json::StrictJsonError;
use crate::{
    intake::IntakeError,
    policy::force::ForceError,
    remediation::{approve::ApprovalError, dry_run::DryRunError, receipt::ShowError},
    store::StoreError,
    triage::{
        clicks::ClickError, grouping::GroupingError, indicators::IndicatorError,
        overturn::OverturnError,
    },
};

/// The media type of every error's body.
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal, $title:literal;)*) => {
        /// What went wrong: the codes a client can rely on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// The whole table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Code, HTTP status and title.
            const fn row(self) -> (&'static str, u16, &'static str) {
                match self { $(Self::$variant => ($code, $status, $title),)* }
            }
        }
    };
}

codes! {
    /// The request line or headers cannot be used.
    BadRequest = "bad_request", 400, "The request cannot be read";
    /// A query parameter or header is not of the documented form.
    InvalidParameter = "invalid_parameter", 400, "A parameter is not of the documented form";
    /// A body is needed and there is none.
    EmptyBody = "empty_body", 400, "The request has no body";
    /// The body ended early or its transfer coding is broken.
    TruncatedBody = "truncated_body", 400, "The body did not arrive whole";
    /// The body is not JSON.
    JsonSyntax = "json_syntax", 400, "The body is not JSON";
    /// The body is not UTF-8.
    JsonNotUtf8 = "json_not_utf8", 400, "The body is not UTF-8";
    /// The body is nested deeper than 64.
    JsonTooDeep = "json_too_deep", 400, "The body is nested too deeply";
    /// A member occurs twice.
    JsonDuplicateMember = "json_duplicate_member", 400, "A member name occurs twice";
    /// A member has a reserved name.
    JsonReservedMember = "json_reserved_member", 400, "A member name is reserved";
    /// A member is unknown, missing or of the wrong type.
    JsonShape = "json_shape", 400, "The body is not of the documented shape";
    /// A notification that is none.
    MalformedNotification = "malformed_notification", 400, "Not a notification";
    /// No credential, or one that is refused.
    InvalidToken = "invalid_token", 401, "A valid credential is needed";
    /// The credential is good, and not for this.
    InsufficientScope = "insufficient_scope", 403, "Not allowed with this credential";
    /// It takes somebody else than whoever asked.
    SecondPerson = "second_person", 403, "It takes a second person";
    /// There is no such thing, or not for this caller.
    NotFound = "not_found", 404, "There is no such thing";
    /// The path is there, the method is not.
    MethodNotAllowed = "method_not_allowed", 405, "The method is not allowed here";
    /// The client was too slow.
    RequestTimeout = "request_timeout", 408, "The request took too long to arrive";
    /// The key came with another body before.
    IdempotencyKeyReused = "idempotency_key_reused", 409, "The Idempotency-Key was used for another request";
    /// A policy goes live only with the result of its trial.
    PolicyUntried = "policy_untried", 409, "The policy was not tried on the history";
    /// The evidence does not allow what was asked.
    EvidenceMissing = "evidence_missing", 409, "The evidence does not allow this";
    /// What was read is not what stands there now.
    Changed = "changed", 409, "It changed since it was read";
    /// It waits for nothing of the kind.
    NothingHeld = "nothing_held", 409, "There is nothing to answer";
    /// What would change is being searched or moved.
    UnderWay = "under_way", 409, "A search or a pull is under way";
    /// The body is larger than this server takes.
    TooLarge = "too_large", 413, "The body is too large";
    /// The address is too long.
    UriTooLong = "uri_too_long", 414, "The address is too long";
    /// The body is of a type or coding that is not taken here.
    UnsupportedMediaType = "unsupported_media_type", 415, "The body is of a type that is not taken here";
    /// A field holds what it may not.
    InvalidField = "invalid_field", 422, "A field cannot be used";
    /// Nothing says which message is meant.
    NothingNamed = "nothing_named", 422, "Nothing says which message is meant";
    /// Too many requests.
    TooManyRequests = "too_many_requests", 429, "Too many requests";
    /// The headers are too large.
    HeadersTooLarge = "headers_too_large", 431, "The headers are too large";
    /// Our own fault.
    Internal = "internal", 500, "The server failed";
    /// Bytes of evidence are missing or not what they were.
    EvidenceUnreadable = "evidence_unreadable", 500, "The evidence cannot be read";
    /// Nothing was stored; try again.
    Unavailable = "unavailable", 503, "Not available just now";
    /// Nobody can be verified just now.
    IdentityProviderUnavailable = "identity_provider_unavailable", 503, "The identity provider cannot be reached";
    /// The service cannot work yet, or no longer.
    NotReady = "not_ready", 503, "Not ready";
}

impl Code {
    /// The code's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The title, the same for every occurrence.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().2
    }

    /// The code of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    /// The code for a status that came without one.
    #[must_use]
    pub fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::InvalidToken,
            403 => Self::InsufficientScope,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            408 => Self::RequestTimeout,
            413 => Self::TooLarge,
            414 => Self::UriTooLong,
            415 => Self::UnsupportedMediaType,
            429 => Self::TooManyRequests,
            431 => Self::HeadersTooLarge,
            503 => Self::Unavailable,
            400..=499 => Self::BadRequest,
            _ => Self::Internal,
        }
    }
}

/// An error on its way to the client.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: Option<Cow<'static, str>>,
    retry_after: Option<u32>,
}

impl Problem {
    /// A problem without further words.
    #[must_use]
    pub const fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            retry_after: None,
        }
    }

    /// Adds what is particular to this occurrence. Never content or secrets.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says after how many seconds to try again.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Its code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }
}

/// The words of a query that cannot be read, with the parameter that is at fault:
/// the reader names it where it is unknown or missing, and only its value, or
/// nothing, where the value is not taken.
pub(super) fn of_parameter(said: &str, query: &str) -> String {
    let said = said
        .strip_prefix("Query deserialize error: ")
        .unwrap_or(said);
    if said.contains(" field `") {
        return said.to_owned();
    }
    let guilty = url::form_urlencoded::parse(query.as_bytes()).find(|(name, value)| {
        let number = name == "limit" && value.parse::<u64>().is_err();
        number || said.contains(&format!("`{value}`"))
    });
    let Some((name, value)) = guilty else {
        return said.to_owned();
    };
    let name: String = name
        .chars()
        .filter(char::is_ascii_graphic)
        .take(64)
        .collect();
    match said.rsplit_once(", expected ") {
        Some((_, expected)) => format!("{name}: must be {expected}"),
        None if value.is_empty() => format!("{name}: is empty"),
        None => format!("{name}: {said}"),
    }
}

/// An error, RFC 9457. `code` is what a program can rely on.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Document {
    /// `urn:unhook:problem:` and the code.
    r#type: String,
    /// The same for every occurrence.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The stable name of what went wrong.
    code: &'static str,
    /// What is particular to this occurrence.
    detail: String,
    /// The id of the request; also in the log and in `X-Request-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
}

impl Document {
    /// The document of a code; the title stands in for a missing detail.
    #[must_use]
    pub fn new(code: Code, detail: Option<&str>, instance: Option<&str>) -> Self {
        Self {
            r#type: format!("urn:unhook:problem:{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            code: code.as_str(),
            detail: detail.unwrap_or_else(|| code.title()).to_owned(),
            instance: instance.map(ToOwned::to_owned),
        }
    }

    /// As a body.
    #[must_use]
    pub fn text(&self) -> String {
        // texts and a number always serialise
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail.as_deref().unwrap_or_else(|| self.code.title()))
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((CONTENT_TYPE, MEDIA_TYPE));
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds));
        }
        response.body(Document::new(self.code, self.detail.as_deref(), None).text())
    }
}

/// Logged here, once, since the client learns nothing of the cause.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            tracing::warn!(%error, "the store is not available");
            Self::new(Code::Unavailable).retry_after(2)
        } else {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "the store failed");
            match error {
                StoreError::Blob(_) => Self::new(Code::EvidenceUnreadable),
                _ => Self::new(Code::Internal),
            }
        }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::NothingNamed => Self::new(Code::NothingNamed).detail(error.to_string()),
            IntakeError::Field { .. } => Self::new(Code::InvalidField).detail(error.to_string()),
            IntakeError::KeyReused => Self::new(Code::IdempotencyKeyReused),
            IntakeError::Unavailable => Self::new(Code::Unavailable).retry_after(2),
        }
    }
}

impl From<ForceError> for Problem {
    fn from(error: ForceError) -> Self {
        match error {
            ForceError::Store(error) => error.into(),
            ForceError::Unknown(_) => Self::new(Code::NotFound),
            ForceError::Untried(_) => Self::new(Code::PolicyUntried)
                .detail("try it first: POST /api/v1/policies/{version}/trial"),
            error @ (ForceError::Policy(_)
            | ForceError::NoModel(_)
            | ForceError::BadModel { .. }) => {
                Self::new(Code::InvalidField).detail(error.to_string())
            }
        }
    }
}

impl From<DryRunError> for Problem {
    fn from(error: DryRunError) -> Self {
        match error {
            DryRunError::NotFound => Self::new(Code::NotFound),
            DryRunError::TooLarge => Self::new(Code::TooLarge).detail(error.to_string()),
            DryRunError::Nothing(what) => Self::new(Code::InvalidField).detail(what),
            DryRunError::TooMany => Self::new(Code::TooManyRequests)
                .detail(error.to_string())
                .retry_after(60),
            DryRunError::Store(error) => error.into(),
        }
    }
}

impl From<ShowError> for Problem {
    fn from(error: ShowError) -> Self {
        match error {
            ShowError::NotFound => Self::new(Code::NotFound),
            ShowError::Store(error) => error.into(),
            error @ ShowError::Key(_) => {
                tracing::error!(%error, "a receipt cannot be signed");
                Self::new(Code::Unavailable)
            }
        }
    }
}

impl From<OverturnError> for Problem {
    fn from(error: OverturnError) -> Self {
        match error {
            OverturnError::NotFound => Self::new(Code::NotFound),
            OverturnError::EvidenceMissing(_) => {
                Self::new(Code::EvidenceMissing).detail(error.to_string())
            }
            OverturnError::Changed { .. } => Self::new(Code::Changed).detail(error.to_string()),
            OverturnError::Store(error) => error.into(),
        }
    }
}

impl From<ApprovalError> for Problem {
    fn from(error: ApprovalError) -> Self {
        let code = match error {
            ApprovalError::Store(error) => return error.into(),
            ApprovalError::NotFound => return Self::new(Code::NotFound),
            ApprovalError::SamePerson => Code::SecondPerson,
            ApprovalError::Changed { .. } => Code::Changed,
            ApprovalError::Closed(_) | ApprovalError::NothingHeld(_) => Code::NothingHeld,
            ApprovalError::Reason => Code::InvalidField,
        };
        Self::new(code).detail(error.to_string())
    }
}

impl From<GroupingError> for Problem {
    fn from(error: GroupingError) -> Self {
        match error {
            GroupingError::NotFound => Self::new(Code::NotFound),
            GroupingError::UnderWay { .. } => Self::new(Code::UnderWay).detail(error.to_string()),
            GroupingError::Store(error) => error.into(),
            _ => Self::new(Code::InvalidField).detail(error.to_string()),
        }
    }
}

impl From<ClickError> for Problem {
    fn from(error: ClickError) -> Self {
        match error {
            ClickError::NotFound => Self::new(Code::NotFound),
            ClickError::TooMuch => Self::new(Code::TooLarge).detail(error.to_string()),
            ClickError::Column(_) => Self::new(Code::InvalidField).detail(error.to_string()),
            ClickError::Json(error) => error.into(),
            ClickError::Store(error) => error.into(),
        }
    }
}

impl From<IndicatorError> for Problem {
    fn from(error: IndicatorError) -> Self {
        match error {
            IndicatorError::NotThere(_) => Self::new(Code::NotFound).detail(error.to_string()),
            IndicatorError::Store(error) => error.into(),
            _ => Self::new(Code::InvalidField).detail(error.to_string()),
        }
    }
}

impl From<StrictJsonError> for Problem {
    fn from(error: StrictJsonError) -> Self {
        let code = match error {
            StrictJsonError::TooLarge { .. } => Code::TooLarge,
            StrictJsonError::NotUtf8 => Code::JsonNotUtf8,
            StrictJsonError::TooDeep => Code::JsonTooDeep,
            StrictJsonError::DuplicateMember => Code::JsonDuplicateMember,
            StrictJsonError::ReservedMember => Code::JsonReservedMember,
            StrictJsonError::Syntax { .. } => Code::JsonSyntax,
            StrictJsonError::Shape { .. } => Code::JsonShape,
        };
        Self::new(code).detail(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_an_error_status() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for &code in Code::ALL {
            assert_eq!(Code::named(code.as_str()), Some(code));
            let status = code.status();
            assert!(
                status.is_client_error() || status.is_server_error(),
                "{code:?}"
            );
            assert_eq!(status.as_u16(), code.row().1);
        }
    }

    #[test]
    fn every_error_status_finds_a_code_of_its_class() {
        for status in 400..600 {
            let status = StatusCode::from_u16(status).expect("status");
            let code = Code::of(status);
            assert_eq!(
                code.status().is_client_error(),
                status.is_client_error(),
                "{status}"
            );
        }
    }

    #[test]
    fn the_callers_checks_and_the_table_name_the_same_codes() {
        use crate::auth::{AuthError, Scope};
        for error in [
            AuthError::Missing,
            AuthError::Scope(Scope::Admin),
            AuthError::KeysUnavailable,
            AuthError::NotWired,
        ] {
            let code = Code::named(error.code()).expect("in the table");
            assert_eq!(code.status(), error.status(), "{error}");
        }
    }
}
