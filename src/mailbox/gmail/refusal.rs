//! What Google's refusals mean, by status and JSON reason.

use std::time::Duration;

use serde_json::Value;

use crate::mailbox::{
    MailboxError,
    wire::{Effect, plain_code},
};

/// 403 reasons that ask for a wait and not for a permission.
const RATE: [&str; 6] = [
    "rateLimitExceeded",
    "userRateLimitExceeded",
    "dailyLimitExceeded",
    "quotaExceeded",
    "concurrentLimitExceeded",
    "RESOURCE_EXHAUSTED",
];

/// A user's own limit: the other mailboxes may go on.
pub(super) const ONE_USER: &str = "userRateLimitExceeded";

/// The project's own limits: no mailbox may go on.
pub(super) const EVERYBODYS: [&str; 2] = ["dailyLimitExceeded", "quotaExceeded"];

/// `error.errors[0].reason`, else `error.status`, else `error` itself (OAuth).
pub(super) fn reason(body: &Value) -> String {
    let text = body
        .pointer("/error/errors/0/reason")
        .or_else(|| body.pointer("/error/status"))
        .or_else(|| body.pointer("/error"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    plain_code(text)
}

/// The meaning of an answer that is no success.
pub(super) fn meaning(
    status: u16,
    reason: &str,
    retry_after: Option<Duration>,
    effect: Effect,
) -> MailboxError {
    match status {
        429 => MailboxError::Throttled { retry_after },
        403 if RATE.contains(&reason) => MailboxError::Throttled { retry_after },
        503 if retry_after.is_some() => MailboxError::Throttled { retry_after },
        401 => MailboxError::Unauthorized(reason.to_owned()),
        403 => MailboxError::Forbidden(reason.to_owned()),
        // The person has no Gmail (licence, service switched off).
        400 if matches!(reason, "failedPrecondition" | "FAILED_PRECONDITION") => {
            MailboxError::NoMailbox(reason.to_owned())
        }
        404 if matches!(reason, "notFound" | "NOT_FOUND") => MailboxError::Gone,
        408 | 500.. => effect.silence(format!("{status} {reason}")),
        _ => MailboxError::Rejected {
            status,
            code: reason.to_owned(),
        },
    }
}

/// The meaning of a refusal of the token endpoint (RFC 6749 section 5.2).
///
/// `invalid_grant` speaks of the person who was to be impersonated (unknown,
/// suspended) unless its description blames the assertion or the account.
pub(super) fn token(code: &str, description: &str) -> MailboxError {
    let code = plain_code(code);
    let about_key = ["JWT", "ignature", "account not found", "Token must be"]
        .iter()
        .any(|mark| description.contains(mark));
    match code.as_str() {
        "invalid_grant" if !about_key => MailboxError::NoMailbox(code),
        "internal_failure" | "server_error" | "temporarily_unavailable" => {
            MailboxError::Unavailable(code)
        }
        "rate_limit_exceeded" | "rateLimitExceeded" => {
            MailboxError::Throttled { retry_after: None }
        }
        _ => MailboxError::Unauthorized(code),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(status: u16, reason: &str) -> MailboxError {
        meaning(status, reason, None, Effect::Read)
    }

    #[test]
    fn a_403_is_read_by_its_reason() {
        for rate in RATE {
            assert_eq!(
                read(403, rate),
                MailboxError::Throttled { retry_after: None }
            );
        }
        assert!(matches!(
            read(403, "insufficientPermissions"),
            MailboxError::Forbidden(_)
        ));
    }

    #[test]
    fn other_refusals_have_their_meaning() {
        assert!(matches!(
            read(400, "failedPrecondition"),
            MailboxError::NoMailbox(_)
        ));
        assert!(matches!(
            read(400, "invalidArgument"),
            MailboxError::Rejected { status: 400, .. }
        ));
        assert_eq!(read(404, "notFound"), MailboxError::Gone);
        assert!(matches!(
            read(404, "unnamed"),
            MailboxError::Rejected { status: 404, .. }
        ));
        assert!(matches!(read(500, "x"), MailboxError::Unavailable(_)));
        assert!(matches!(
            meaning(500, "x", None, Effect::Change),
            MailboxError::OutcomeUnknown(_)
        ));
    }

    #[test]
    fn an_invalid_grant_is_about_the_person_or_about_the_key() {
        assert!(matches!(
            token("invalid_grant", "Invalid email or User ID"),
            MailboxError::NoMailbox(_)
        ));
        for about_key in [
            "Invalid JWT Signature.",
            "Invalid grant: account not found",
            "java.security.SignatureException: Invalid signature for token",
        ] {
            assert!(matches!(
                token("invalid_grant", about_key),
                MailboxError::Unauthorized(_)
            ));
        }
        assert!(matches!(
            token("unauthorized_client", ""),
            MailboxError::Unauthorized(_)
        ));
    }

    #[test]
    fn the_reason_is_found_in_every_form() {
        let v2 = json!({"error": {"code": 403, "errors": [{"reason": "rateLimitExceeded"}]}});
        assert_eq!(reason(&v2), "rateLimitExceeded");
        assert_eq!(
            reason(&json!({"error": {"status": "NOT_FOUND"}})),
            "NOT_FOUND"
        );
        assert_eq!(reason(&json!({"error": "invalid_grant"})), "invalid_grant");
        assert_eq!(reason(&Value::Null), "unnamed");
    }
}
