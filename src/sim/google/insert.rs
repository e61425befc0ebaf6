//! Putting messages into a Gmail mailbox: JSON with `raw`, media upload,
//! multipart upload, resumable upload. And sending.

use std::sync::Arc;

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Value, json};

use super::{Refused, body, invalid, messages::labelled, not_found, texts};
use crate::sim::{
    call::{Call, Reply},
    letter::{Letter, with_header},
    mailstore::{Origin, Slot},
    org::User,
    seed::hash,
    tenant::{Tenant, lock},
};

const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What was sent: the resource's metadata and the message itself.
struct Upload {
    metadata: Value,
    raw: Vec<u8>,
}

pub(super) fn insert(tenant: &Tenant, call: &Call, user: &User) -> Result<Reply, Refused> {
    let resumable = call.param("uploadType") == Some("resumable")
        || call.segments.first().is_some_and(|s| s == "resumable");
    let upload = match (resumable, call.param("upload_id")) {
        (true, None) => return Ok(open_session(tenant, call)),
        (true, Some(session)) => match lock(&tenant.uploads).remove(session) {
            Some(metadata) => Upload {
                metadata,
                raw: call.body.to_vec(),
            },
            None => return not_found(),
        },
        _ => received(call)?,
    };
    let metadata = &upload.metadata;
    let labels = texts(metadata, "labelIds");
    let raw = with_id(tenant, user, &upload.raw);
    let letter = Arc::new(Letter::new(&raw));
    let now = tenant.now();
    let at = if call.param("internalDateSource") == Some("dateHeader") {
        letter.date.unwrap_or(now)
    } else {
        now
    };
    let Some(uid) = tenant.deliver_at(user.index, &letter, Slot::Inbox, true, Origin::Wire, at)
    else {
        return not_found();
    };
    let Some(mut mailbox) = tenant.mailbox(user.index) else {
        return not_found();
    };
    for id in &labels {
        let state = matches!(id.as_str(), "UNREAD" | "STARRED");
        if !state && mailbox.label_number(id).is_none() {
            mailbox.remove(uid);
            return invalid(&format!("Invalid label: {id}"));
        }
    }
    // without labels an inserted message is archived and read
    let gone: &[String] = if labels.iter().any(|id| id == "INBOX") {
        &[]
    } else {
        &["INBOX".to_owned()]
    };
    mailbox.relabel(uid, &labels, gone, now);
    match mailbox.item(uid) {
        Some(item) => Ok(Reply::json(200, &labelled(user.index, item))),
        None => not_found(),
    }
}

fn with_id(tenant: &Tenant, user: &User, raw: &[u8]) -> Vec<u8> {
    if Letter::new(raw).message_id.is_empty() {
        let mark = hash(&format!("{}/{}/{}", user.id, tenant.now(), raw.len()));
        with_header(
            raw,
            "Message-ID",
            Some(&format!("<CA{mark:016x}@mail.gmail.com>")),
        )
    } else {
        raw.to_vec()
    }
}

fn open_session(tenant: &Tenant, call: &Call) -> Reply {
    let mut uploads = lock(&tenant.uploads);
    let session = format!(
        "{:016x}",
        hash(&format!("{}/{}", uploads.len(), tenant.now()))
    );
    uploads.insert(session.clone(), call.json().unwrap_or_else(|| json!({})));
    let url = format!(
        "{}{}?uploadType=resumable&upload_id={session}",
        tenant.base(),
        call.path()
    );
    Reply::empty(200).with("location", url)
}

/// Reads the one-request forms.
fn received(call: &Call) -> Result<Upload, Refused> {
    let kind = call.header("content-type").unwrap_or_default();
    let lower = kind.to_lowercase();
    if lower.starts_with("multipart/") {
        return match multipart(kind, &call.body) {
            Some(upload) => Ok(upload),
            None => invalid("Malformed multipart body."),
        };
    }
    if lower.starts_with("message/") {
        return Ok(Upload {
            metadata: json!({}),
            raw: call.body.to_vec(),
        });
    }
    let metadata = body(call)?;
    let raw = metadata
        .get("raw")
        .and_then(Value::as_str)
        .and_then(|raw| BASE64URL.decode(raw).ok());
    match raw {
        Some(raw) if !raw.is_empty() => Ok(Upload { metadata, raw }),
        _ => invalid(
            "'raw' RFC822 payload message string or uploading message via /upload/* URL required",
        ),
    }
}

fn multipart(kind: &str, body: &[u8]) -> Option<Upload> {
    let boundary = kind
        .split(';')
        .find_map(|part| part.trim().strip_prefix("boundary="))?
        .trim_matches('"');
    let mark = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some(at) = find(rest, mark.as_bytes()) {
        parts.push(rest.get(..at)?);
        rest = rest.get(at + mark.len()..)?;
    }
    let mut contents = parts.iter().skip(1).filter_map(|part| {
        let split = find(part, b"\r\n\r\n")?;
        let content = part.get(split + 4..)?;
        Some(content.strip_suffix(b"\r\n").unwrap_or(content))
    });
    let metadata = serde_json::from_slice(contents.next()?).ok()?;
    let raw = contents.next()?.to_vec();
    Some(Upload { metadata, raw })
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len())
        .position(|window| window == needle)
}

pub(super) fn send(tenant: &Tenant, call: &Call, user: &User) -> Result<Reply, Refused> {
    let upload = received(call)?;
    let raw = with_id(tenant, user, &upload.raw);
    let letter = Arc::new(Letter::new(&raw));
    let recipients: Vec<String> = letter
        .to
        .iter()
        .chain(&letter.cc)
        .map(|party| party.address.clone())
        .collect();
    if recipients.is_empty() {
        return invalid("Recipient address required");
    }
    tenant.post(&with_header(&raw, "Bcc", None), &recipients);
    let uid = tenant.deliver(user.index, &letter, Slot::Sent, true, Origin::Wire);
    let mailbox = tenant.mailbox(user.index);
    match uid.and_then(|uid| mailbox.as_deref()?.item(uid)) {
        Some(item) => Ok(Reply::json(200, &labelled(user.index, item))),
        None => not_found(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_multipart_upload_gives_metadata_and_message() {
        let body = b"\r\n--MDuX\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{\"labelIds\":[\"INBOX\"]}\r\n--MDuX\r\nContent-Type: message/rfc822\r\n\r\nSubject: a\r\n\r\nb\r\n\r\n--MDuX--";
        let upload = multipart("multipart/related; boundary=MDuX", body).expect("upload");
        assert_eq!(texts(&upload.metadata, "labelIds"), ["INBOX"]);
        assert_eq!(upload.raw, b"Subject: a\r\n\r\nb\r\n");
    }
}
