//! Graph's message resource, as much of it as we ask for.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    domain::{Locator, MailboxRef, Place},
    mailbox::{Content, Fields, MailboxError, ReplyState, Seen, wire},
};

/// What a search selects: enough to verify a copy by, without a further call.
pub(super) const FIELDS_AND_BODY: &str = "id,parentFolderId,internetMessageId,subject,from,toRecipients,ccRecipients,bccRecipients,receivedDateTime,isRead,flag,categories,hasAttachments,body";
/// The same with the headers, which only a single message gives.
pub(super) const LOOK_FIELDS: &str = "id,parentFolderId,internetMessageId,subject,from,toRecipients,ccRecipients,bccRecipients,receivedDateTime,isRead,flag,categories,hasAttachments,body,internetMessageHeaders";
/// Properties that only MAPI names: what its owner last did with it
/// (`PidTagLastVerbExecuted`), `In-Reply-To` and `References`.
pub(super) const MARKS: &str = "singleValueExtendedProperties($filter=id eq 'Integer 0x1081' or id eq 'String 0x1042' or id eq 'String 0x1039')";
/// References kept of one message.
const REFERENCES: usize = 100;

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
    /// Known of the owner's own sent mail alone.
    #[serde(default)]
    bcc_recipients: Vec<Recipient>,
    received_date_time: Option<DateTime<Utc>>,
    is_read: Option<bool>,
    flag: Option<Flag>,
    #[serde(default)]
    categories: Vec<String>,
    body: Option<Body>,
    has_attachments: Option<bool>,
    #[serde(default)]
    internet_message_headers: Vec<Header>,
    #[serde(default)]
    single_value_extended_properties: Vec<Mark>,
}

#[derive(Debug, Deserialize)]
struct Header {
    name: Option<String>,
    value: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Mark {
    id: Option<String>,
    value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Recipient {
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
    let reply_state = message
        .mark("Integer 0x1081")
        .and_then(|verb| match verb.trim() {
            "102" | "103" => Some(ReplyState::Replied),
            "104" => Some(ReplyState::Forwarded),
            _ => None,
        });
    let network_message_id = message
        .header("X-MS-Exchange-Organization-Network-Message-Id")
        .and_then(network_id);
    let in_reply_to = message
        .mark("String 0x1042")
        .or_else(|| message.header("In-Reply-To"))
        .and_then(|text| ids(text).next());
    let references = message
        .mark("String 0x1039")
        .or_else(|| message.header("References"))
        .map(|text| ids(text).take(REFERENCES).collect())
        .unwrap_or_default();
    let locator = Locator::new(mailbox.clone(), message.id).map_err(|_| malformed())?;
    let recipients = message
        .to_recipients
        .into_iter()
        .chain(message.cc_recipients)
        .chain(message.bcc_recipients)
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
        has_attachments: message.has_attachments.unwrap_or_default(),
        reply_state,
        network_message_id,
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
            in_reply_to,
            references,
        }),
    })
}

impl Message {
    fn mark(&self, id: &str) -> Option<&str> {
        let marks = self.single_value_extended_properties.iter();
        let mut same = marks.filter(|mark| {
            let known = mark.id.as_deref();
            known.is_some_and(|known| known.eq_ignore_ascii_case(id))
        });
        same.next()?.value.as_deref()
    }

    /// The first header of that name: what Exchange puts on stands above what
    /// came with the message.
    fn header(&self, name: &str) -> Option<&str> {
        let headers = self.internet_message_headers.iter();
        let mut same = headers.filter(|header| {
            let known = header.name.as_deref();
            known.is_some_and(|known| known.eq_ignore_ascii_case(name))
        });
        same.next()?.value.as_deref()
    }
}

/// The Message-IDs in a header's value.
fn ids(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace()
        .flat_map(|word| word.split_inclusive('>'))
        .filter_map(wire::message_id)
        .map(str::to_owned)
}

/// Exchange writes it as a GUID; anything else is not its own.
fn network_id(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let plain = text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    plain.then_some(text)
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

pub(super) fn address(recipient: Recipient) -> Option<String> {
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
