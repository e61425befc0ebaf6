//! Graph's message resource, as much of it as we ask for.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    domain::{Locator, MailboxRef, Place},
    mailbox::{Content, Fields, MailboxError, Seen, wire},
};

/// What a search selects.
pub(super) const FIELDS: &str = "id,parentFolderId,internetMessageId,subject,from,toRecipients,ccRecipients,receivedDateTime,isRead,flag,categories";
/// The same with the body, to verify a copy by.
pub(super) const FIELDS_AND_BODY: &str = "id,parentFolderId,internetMessageId,subject,from,toRecipients,ccRecipients,receivedDateTime,isRead,flag,categories,body";

/// `microsoft.graph.message`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    id: String,
    parent_folder_id: Option<String>,
    internet_message_id: Option<String>,
    subject: Option<String>,
    from: Option<Recipient>,
    #[serde(default)]
    to_recipients: Vec<Recipient>,
    #[serde(default)]
    cc_recipients: Vec<Recipient>,
    received_date_time: Option<DateTime<Utc>>,
    is_read: Option<bool>,
    flag: Option<Flag>,
    #[serde(default)]
    categories: Vec<String>,
    body: Option<Body>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: Option<EmailAddress>,
}

#[derive(Debug, Deserialize)]
struct EmailAddress {
    address: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Flag {
    flag_status: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    content_type: Option<String>,
    content: Option<String>,
}

/// Reads one message of `mailbox`.
pub(super) fn seen(mailbox: &MailboxRef, body: Value) -> Result<Seen, MailboxError> {
    let message: Message = serde_json::from_value(body).map_err(|_| malformed())?;
    let place = place(&message)?;
    let locator = Locator::new(mailbox.clone(), message.id).map_err(|_| malformed())?;
    let recipients = message
        .to_recipients
        .into_iter()
        .chain(message.cc_recipients)
        .filter_map(address)
        .filter_map(|address| address.parse().ok())
        .collect();
    let body_is_html = message
        .body
        .as_ref()
        .and_then(|body| body.content_type.as_deref())
        .is_some_and(|kind| kind.eq_ignore_ascii_case("html"));
    Ok(Seen {
        locator,
        place,
        received: message.received_date_time,
        sent: false,
        content: Content::Fields(Fields {
            message_id: message
                .internet_message_id
                .as_deref()
                .and_then(wire::message_id)
                .map(str::to_owned),
            from: message.from.and_then(address),
            subject: message.subject,
            recipients,
            body: message.body.and_then(|body| body.content),
            body_is_html,
        }),
    })
}

/// Reads where a moved or changed message lies now.
pub(super) fn place_of(body: Value) -> Result<Place, MailboxError> {
    let message: Message = serde_json::from_value(body).map_err(|_| malformed())?;
    place(&message)
}

fn place(message: &Message) -> Result<Place, MailboxError> {
    let folder = message.parent_folder_id.clone().ok_or_else(malformed)?;
    let flagged = message
        .flag
        .as_ref()
        .and_then(|flag| flag.flag_status.as_deref())
        == Some("flagged");
    Ok(Place {
        containers: vec![folder],
        names: Vec::new(),
        read: message.is_read.unwrap_or_default(),
        flagged,
        categories: message.categories.clone(),
    })
}

fn address(recipient: Recipient) -> Option<String> {
    recipient.email_address?.address
}

fn malformed() -> MailboxError {
    MailboxError::Malformed("message is not of the documented form".to_owned())
}

/// A page of a list: its items and the link to the next page.
pub(super) fn page(body: Value) -> Result<(Vec<Value>, Option<String>), MailboxError> {
    let Value::Object(mut body) = body else {
        return Err(MailboxError::Malformed("list is no object".to_owned()));
    };
    let Some(Value::Array(items)) = body.remove("value") else {
        return Err(MailboxError::Malformed("list has no value".to_owned()));
    };
    let next = match body.remove("@odata.nextLink") {
        Some(Value::String(link)) => Some(link),
        Some(Value::Null) | None => None,
        Some(_) => {
            return Err(MailboxError::Malformed("page link is no text".to_owned()));
        }
    };
    Ok((items, next))
}
