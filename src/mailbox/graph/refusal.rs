//! What Graph's refusals mean, by status and error code.

use std::time::Duration;

use serde_json::Value;

use crate::mailbox::{
    MailboxError,
    wire::{Effect, plain_code},
};

/// 404 codes that speak of the mailbox and not of an item in it.
const NO_MAILBOX: [&str; 6] = [
    "MailboxNotEnabledForRESTAPI",
    "MailboxNotSupportedForRESTAPI",
    "ErrorInvalidUser",
    "ErrorNonExistentMailbox",
    "ResourceNotFound",
    "Request_ResourceNotFound",
];

/// Codes for a message or folder that is not there.
const GONE: [&str; 6] = [
    "ErrorItemNotFound",
    "itemNotFound",
    "ErrorMessageNotFound",
    "ErrorFolderNotFound",
    "ErrorToFolderNotFound",
    "ErrorObjectNotFound",
];

/// `error.code` of an answer's body.
pub(super) fn code(body: &Value) -> &str {
    body.pointer("/error/code")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The meaning of an answer with a status of 400 or more (or an unexpected one
/// below, which is never success).
pub(super) fn meaning(
    status: u16,
    body: &Value,
    retry_after: Option<Duration>,
    effect: Effect,
) -> MailboxError {
    let code = code(body);
    match status {
        429 => MailboxError::Throttled { retry_after },
        503 if retry_after.is_some() => MailboxError::Throttled { retry_after },
        401 => MailboxError::Unauthorized(plain_code(code)),
        403 => MailboxError::Forbidden(plain_code(code)),
        404 if NO_MAILBOX.contains(&code) => MailboxError::NoMailbox(plain_code(code)),
        404 | 410 if GONE.contains(&code) => MailboxError::Gone,
        // 408 and 5xx: the request may have been carried out.
        408 | 500.. => effect.silence(format!("{status} {}", plain_code(code))),
        _ => MailboxError::Rejected {
            status,
            code: plain_code(code),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(status: u16, code: &str) -> MailboxError {
        let body = json!({"error": {"code": code, "message": "x"}});
        meaning(status, &body, None, Effect::Read)
    }

    #[test]
    fn every_documented_refusal_has_its_meaning() {
        let wait = Some(Duration::from_millis(2128));
        assert_eq!(
            meaning(503, &Value::Null, wait, Effect::Change),
            MailboxError::Throttled { retry_after: wait }
        );
        assert_eq!(
            read(429, "ApplicationThrottled"),
            MailboxError::Throttled { retry_after: None }
        );
        assert!(matches!(read(503, "x"), MailboxError::Unavailable(_)));
        assert!(matches!(
            meaning(503, &Value::Null, None, Effect::Change),
            MailboxError::OutcomeUnknown(_)
        ));
        assert!(matches!(
            meaning(504, &Value::Null, None, Effect::Change),
            MailboxError::OutcomeUnknown(_)
        ));
        assert!(matches!(
            read(403, "ErrorAccessDenied"),
            MailboxError::Forbidden(_)
        ));
        for code in NO_MAILBOX {
            assert!(matches!(read(404, code), MailboxError::NoMailbox(_)));
        }
        for code in GONE {
            assert_eq!(read(404, code), MailboxError::Gone);
        }
        // A proxy's 404 says nothing about the message.
        assert!(matches!(
            read(404, ""),
            MailboxError::Rejected { status: 404, .. }
        ));
        assert!(matches!(
            read(400, "InefficientFilter"),
            MailboxError::Rejected { status: 400, .. }
        ));
    }
}
