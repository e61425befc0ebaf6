//! What is checked and computed before a report waits for the writer.

use sha2::{Digest as _, Sha256};

use super::{IntakeError, NewReport};

/// A report whose digests are made; what the writer needs and no more.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) report: NewReport,
    pub(super) message_key: String,
    pub(super) digest: String,
    pub(super) upload_sha256: Option<String>,
}

/// Checks the lengths and characters of a report and makes its digests.
pub(super) fn prepare(report: NewReport) -> Result<Prepared, IntakeError> {
    let limits = [
        ("item_id", report.item_id.as_deref(), 1024, false),
        (
            "internet_message_id",
            report.internet_message_id.as_deref(),
            998,
            false,
        ),
        ("comment", report.comment.as_deref(), 8000, true),
        (
            "Idempotency-Key",
            report.idempotency_key.as_deref(),
            128,
            false,
        ),
    ];
    for (field, value, longest, prose) in limits {
        let Some(value) = value else { continue };
        if value.is_empty() && !prose {
            return Err(IntakeError::Field {
                field,
                problem: "is empty",
            });
        }
        if value.len() > longest {
            return Err(IntakeError::Field {
                field,
                problem: "is too long",
            });
        }
        // PostgreSQL text cannot hold NUL; elsewhere control characters have no business.
        if value.contains('\0') || (!prose && value.chars().any(char::is_control)) {
            return Err(IntakeError::Field {
                field,
                problem: "holds control characters",
            });
        }
    }
    let upload_sha256 = report
        .raw
        .as_ref()
        .map(|raw| hex::encode(Sha256::digest(raw)));
    let named = [
        ("item", report.item_id.as_ref()),
        ("id", report.internet_message_id.as_ref()),
        ("raw", upload_sha256.as_ref()),
    ];
    let Some((how, what)) = named.into_iter().find_map(|(how, what)| Some((how, what?))) else {
        return Err(IntakeError::NothingNamed);
    };
    let message_key = digest(&[&report.reporter, how, what]);
    let digest = digest(&[
        report.client.as_str(),
        report.mailbox.as_ref().map_or("", |m| m.as_str()),
        report.item_id.as_deref().unwrap_or_default(),
        report.internet_message_id.as_deref().unwrap_or_default(),
        report.reason.map_or("", |r| r.as_str()),
        report.comment.as_deref().unwrap_or_default(),
        upload_sha256.as_deref().unwrap_or_default(),
    ]);
    Ok(Prepared {
        report,
        message_key,
        digest,
        upload_sha256,
    })
}

/// SHA-256 over length-prefixed parts, so that no two lists of parts collide.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}
