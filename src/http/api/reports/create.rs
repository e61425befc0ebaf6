//! `POST /api/v1/reports`: hand in a message.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{HeaderMap, LOCATION},
    post, web,
};
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::words::{ClientWord, ReasonWord, StatusWord};
use crate::{
    auth::VerifiedReporter,
    domain::{MailboxAddress, ReportClient, ReportId, ReportReason, ReportStatus},
    http::{Code, Problem, State, body, problem::Document, rate::RatedReporter},
    intake::NewReport,
    strict_json,
};

const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

/// A report as JSON. At least one of `item_id`, `internet_message_id` and `raw`
/// says which message is meant. The server fetches the message itself; `raw` is
/// kept beside it and never authorises a pull.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ReportRequest {
    /// Which client sends it.
    #[schema(value_type = ClientWord)]
    client: ReportClient,
    /// The client's id of the item: Graph REST or EWS id, Gmail message id.
    #[serde(default)]
    #[schema(max_length = 1024)]
    item_id: Option<String>,
    /// Message-ID, with or without angle brackets.
    #[serde(default)]
    #[schema(max_length = 998)]
    internet_message_id: Option<String>,
    /// The mailbox the item lies in.
    #[serde(default)]
    mailbox: Option<String>,
    /// Why it is reported.
    #[serde(default)]
    #[schema(value_type = Option<ReasonWord>)]
    reason: Option<ReportReason>,
    /// The person's own words, at most 2,000 characters.
    #[serde(default)]
    #[schema(max_length = 2000)]
    comment: Option<String>,
    /// The message, base64 in the standard or the URL-safe alphabet. `raw_base64`
    /// is read as the same member.
    #[serde(default, alias = "raw_base64")]
    raw: Option<String>,
}

/// A report that is durable.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ReportAccepted {
    /// `rpt_…`
    #[schema(value_type = String)]
    id: ReportId,
    /// Where it can be followed.
    url: String,
    /// `received`
    #[schema(value_type = StatusWord)]
    status: ReportStatus,
}

/// Hand in a message
///
/// Answered only after the report is durable. As `message/rfc822` the body is
/// the message itself, and the headers `X-Unhook-Item-Id`, `X-Unhook-Mailbox`
/// and `X-Unhook-Reason` take the place of the members.
#[utoipa::path(
    tag = "reports",
    operation_id = "report_create",
    security(("reporter" = [])),
    params(
        ("Idempotency-Key" = Option<String>, Header,
            description = "The client's key for retries, at most 128 printable ASCII characters: the same key and body give the same report"),
    ),
    request_body(content(
        (ReportRequest = "application/json"),
        (Vec<u8> = "message/rfc822"),
    )),
    responses(
        (status = 202, description = "The report is durable", body = ReportAccepted),
        (status = 400, description = "Not understood", body = Document, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "The key was used for another report", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "Neither JSON nor message/rfc822", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "A field cannot be used", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "Too many reports of this person, or too many requests without a valid token from this address; Retry-After says when to try again", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "Not stored; try again", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/reports")]
pub(in crate::http) async fn create(
    state: web::Data<State>,
    reporter: RatedReporter,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let limit = state.app.config.server.max_body_bytes;
    let key = header(request.headers(), "idempotency-key")?;
    let mut report = match body::media_type(&request).as_deref() {
        Some("application/json") => {
            let bytes = body::read(&request, payload, limit).await?;
            from_json(&reporter.0, &bytes, limit)?
        }
        Some("message/rfc822") => {
            let bytes = body::read(&request, payload, limit).await?;
            from_message(&reporter.0, request.headers(), bytes)?
        }
        _ => {
            return Err(Problem::new(Code::UnsupportedMediaType)
                .detail("send application/json or message/rfc822"));
        }
    };
    report.idempotency_key = key;
    let accepted = state.desk.accept(report).await?;
    let url = state.url(&format!("/api/v1/reports/{}", accepted.id));
    let answer = ReportAccepted {
        id: accepted.id,
        url,
        status: ReportStatus::Received,
    };
    Ok(HttpResponse::Accepted()
        .insert_header((LOCATION, answer.url.clone()))
        .json(answer))
}

fn blank(reporter: &VerifiedReporter, client: ReportClient) -> NewReport {
    NewReport {
        client,
        reporter: reporter.identity(),
        guest: reporter.guest,
        mailbox: None,
        item_id: None,
        internet_message_id: None,
        reason: None,
        comment: None,
        raw: None,
        idempotency_key: None,
    }
}

fn from_json(
    reporter: &VerifiedReporter,
    bytes: &[u8],
    limit: usize,
) -> Result<NewReport, Problem> {
    let request: ReportRequest = strict_json::parse(bytes, limit)?;
    // Outlook sends empty texts for what it does not know
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let comment = given(request.comment);
    if comment
        .as_ref()
        .is_some_and(|comment| comment.chars().count() > 2000)
    {
        return Err(Problem::new(Code::InvalidField).detail("comment: at most 2,000 characters"));
    }
    Ok(NewReport {
        item_id: given(request.item_id),
        internet_message_id: given(request.internet_message_id),
        mailbox: given(request.mailbox)
            .map(|text| mailbox(&text))
            .transpose()?,
        reason: request.reason,
        comment,
        raw: given(request.raw).map(|text| decode(&text)).transpose()?,
        ..blank(reporter, request.client)
    })
}

fn from_message(
    reporter: &VerifiedReporter,
    headers: &HeaderMap,
    bytes: Bytes,
) -> Result<NewReport, Problem> {
    let reason = header(headers, "x-unhook-reason")?
        .map(|word| word.parse::<ReportReason>())
        .transpose()
        .map_err(|e| {
            Problem::new(Code::InvalidParameter).detail(format!("X-Unhook-Reason: {e}"))
        })?;
    Ok(NewReport {
        item_id: header(headers, "x-unhook-item-id")?,
        mailbox: header(headers, "x-unhook-mailbox")?
            .map(|text| mailbox(&text))
            .transpose()?,
        reason,
        raw: Some(bytes),
        ..blank(reporter, ReportClient::Api)
    })
}

fn mailbox(text: &str) -> Result<MailboxAddress, Problem> {
    text.parse().map_err(|_| {
        Problem::new(Code::InvalidField).detail("mailbox: not a mailbox address (name@domain)")
    })
}

fn decode(text: &str) -> Result<Bytes, Problem> {
    let engine = if memchr::memchr2(b'-', b'_', text.as_bytes()).is_some() {
        URL_SAFE
    } else {
        STANDARD
    };
    let bytes = engine
        .decode(text)
        .map_err(|_| Problem::new(Code::InvalidField).detail("raw: not base64"))?;
    Ok(Bytes::from(bytes))
}

/// A header that occurs at most once, in printable ASCII, 1 to 1,024 octets.
fn header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Problem> {
    let mut all = headers.get_all(name);
    let Some(value) = all.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok().map(str::trim);
    match (text, all.next()) {
        (Some(text), None) if (1..=1024).contains(&text.len()) => Ok(Some(text.to_owned())),
        _ => Err(Problem::new(Code::InvalidParameter).detail(format!(
            "{name}: once, 1 to 1024 printable ASCII characters"
        ))),
    }
}
