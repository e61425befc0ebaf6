//! The Gmail add-on over HTTP: the cards people see, and the report they send.
//!
//! The event that Google posts holds live credentials; it is never logged or
//! kept. Identity comes from the two verified tokens alone. The server fetches
//! the message itself by delegation, so the event's `userOAuthToken` and
//! `accessToken` are not read.
//!
//! Shapes: Google Workspace add-ons, "alternate runtimes" (HTTP endpoints).

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Code, Problem, State, body};
use crate::strict_json;
use crate::{
    auth::{AuthError, Subject, VerifiedReporter, bearer_token},
    domain::{ReportClient, ReportId, ReportReason},
    intake::NewReport,
};

/// An event holds no message, only ids and tokens.
const MAX_EVENT_BYTES: usize = 256 * 1024;
/// A longer comment is cut: a person's report is not refused for its length.
const COMMENT_CHARS: usize = 2_000;

const HOME: &str = "/gmail/home";
const MESSAGE: &str = "/gmail/message";
const REPORT: &str = "/gmail/report";

/// Adds `POST /gmail/home`, `/gmail/message` and `/gmail/report`. Needs
/// `web::Data<State>` in the app's data.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route(HOME, web::post().to(home))
        .route(MESSAGE, web::post().to(message))
        .route(REPORT, web::post().to(report));
}

/// What is read of an event; no `Debug`, since it holds a credential.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(default)]
    common_event_object: Common,
    authorization_event_object: Authorization,
    #[serde(default)]
    gmail: Gmail,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Common {
    #[serde(default)]
    form_inputs: FormInputs,
}

#[derive(Default, Deserialize)]
struct FormInputs {
    reason: Option<Input>,
    comment: Option<Input>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    string_inputs: Option<Strings>,
}

#[derive(Deserialize)]
struct Strings {
    #[serde(default)]
    value: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authorization {
    #[serde(default)]
    user_id_token: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Gmail {
    message_id: Option<String>,
}

impl Input {
    /// What was typed or chosen, unless it is blank.
    fn text(self) -> Option<String> {
        let typed = self.string_inputs?.value.into_iter().next()?;
        let text = typed.replace('\0', "");
        (!text.trim().is_empty()).then(|| text.trim().chars().take(COMMENT_CHARS).collect())
    }
}

/// Reads an event and admits the person behind it to our route `path`.
async fn admitted(
    state: &State,
    request: &HttpRequest,
    payload: web::Payload,
    path: &str,
) -> Result<(Event, VerifiedReporter), Answer> {
    let system = bearer_token(request.headers()).map_err(AuthError::recorded)?;
    let bytes = body::read(request, payload, MAX_EVENT_BYTES).await?;
    let event: Event = strict_json::parse(&bytes, MAX_EVENT_BYTES).map_err(Problem::from)?;
    let user = &event.authorization_event_object.user_id_token;
    let person = state.verifier.verify_addon(system, user, path).await;
    Ok((event, person.map_err(AuthError::recorded)?))
}

/// Why an event was not answered with a card.
#[derive(Debug, thiserror::Error)]
enum Answer {
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error("the request failed")]
    Problem(Problem),
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl actix_web::ResponseError for Answer {
    fn status_code(&self) -> actix_web::http::StatusCode {
        match self {
            Self::Auth(error) => error.status(),
            Self::Problem(problem) => problem.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Auth(error) => error.error_response(),
            Self::Problem(problem) => problem.error_response(),
        }
    }
}

/// `POST /gmail/home`: the card when no message is open.
async fn home(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Answer> {
    admitted(&state, &request, payload, HOME).await?;
    Ok(pushed(card(vec![text(
        "Open a message that looks wrong, then press <b>Report</b> here. \
         You will hear what it was.",
    )])))
}

/// `POST /gmail/message`: the card beside an open message.
async fn message(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Answer> {
    admitted(&state, &request, payload, MESSAGE).await?;
    // The address must be the one that Google signs tokens for.
    let google = state.app.config.reporters.google.as_ref();
    let base = google.and_then(|google| google.addon_base_url.as_ref());
    let report = match base {
        Some(base) => format!("{}{REPORT}", base.as_str().trim_end_matches('/')),
        None => state.url(REPORT),
    };
    Ok(pushed(report_card(&report)))
}

/// `POST /gmail/report`: the button was pressed. Answered after the report is
/// durable; the message is fetched, judged and pulled by the workers.
async fn report(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Answer> {
    let (event, person) = admitted(&state, &request, payload, REPORT).await?;
    state.rates.person(person.identity())?;
    let new = new_report(event, &person)?;
    let accepted = state.desk.accept(new).await.map_err(Problem::from)?;
    Ok(HttpResponse::Ok().json(thanks(accepted.id)))
}

fn new_report(event: Event, person: &VerifiedReporter) -> Result<NewReport, Problem> {
    let inputs = event.common_event_object.form_inputs;
    let item = event.gmail.message_id.filter(|id| !id.trim().is_empty());
    if item.is_none() {
        return Err(Problem::new(Code::BadRequest).detail("gmail.messageId is missing"));
    }
    let reason = inputs.reason.and_then(Input::text);
    Ok(NewReport {
        client: ReportClient::Gmail,
        reporter: person.identity(),
        guest: person.guest,
        // Not a claim of the body: the verified token's address at this moment.
        mailbox: match &person.subject {
            Subject::Google { email, .. } => Some(email.clone()),
            Subject::Entra { .. } => None,
        },
        item_id: item,
        internet_message_id: None,
        reason: reason.and_then(|word| word.parse::<ReportReason>().ok()),
        comment: inputs.comment.and_then(Input::text),
        raw: None,
        idempotency_key: None,
    })
}

fn text(words: &str) -> Value {
    json!({"textParagraph": {"text": words}})
}

fn card(widgets: Vec<Value>) -> Value {
    json!({
        "header": {"title": "Report a message"},
        "sections": [{"widgets": widgets}],
    })
}

/// A trigger's answer.
fn pushed(card: Value) -> HttpResponse {
    HttpResponse::Ok().json(json!({"action": {"navigations": [{"pushCard": card}]}}))
}

fn report_card(function: &str) -> Value {
    let choice = |word: &str, words: &str, selected: bool| json!({"text": words, "value": word, "selected": selected});
    card(vec![
        json!({"selectionInput": {
            "name": "reason",
            "label": "What is it?",
            "type": "RADIO_BUTTON",
            "items": [
                choice("phishing", "It looks like phishing", true),
                choice("spam", "It is unwanted", false),
                choice("other", "Something else is wrong", false),
            ],
        }}),
        json!({"textInput": {
            "name": "comment",
            "label": "Anything we should know? (optional)",
            "type": "MULTIPLE_LINE",
        }}),
        json!({"buttonList": {"buttons": [{
            "text": "Report",
            "onClick": {"action": {"function": function, "loadIndicator": "SPINNER"}},
        }]}}),
    ])
}

/// A callback's answer; only callbacks are wrapped in `renderActions`.
fn thanks(id: ReportId) -> Value {
    let words = format!(
        "Thank you. The message is on its way out of your inbox and is being \
         looked at. You will get a mail with the result.<br><br>\
         <font color=\"#80868b\">Reference {id}</font>"
    );
    json!({"renderActions": {"action": {
        "navigations": [{"updateCard": card(vec![text(&words)])}],
        "notification": {"text": "Thank you for reporting this message."},
    }}})
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::auth::IssuerKind;

    fn person() -> VerifiedReporter {
        VerifiedReporter {
            issuer: IssuerKind::Google,
            subject: Subject::Google {
                sub: "1099".into(),
                hd: "northwind.example".into(),
                email: "maya@northwind.example".parse().expect("address"),
            },
            guest: false,
        }
    }

    fn read(event: &Value) -> Result<NewReport, Problem> {
        let bytes = event.to_string();
        let event = strict_json::parse::<Event>(bytes.as_bytes(), MAX_EVENT_BYTES)?;
        new_report(event, &person())
    }

    #[test]
    fn an_event_becomes_a_report_of_the_verified_person() {
        let report = read(&json!({
            "commonEventObject": {"hostApp": "GMAIL", "platform": "ANDRIOD", "formInputs": {
                "reason": {"stringInputs": {"value": ["spam"]}},
                "comment": {"stringInputs": {"value": ["  odd\u{0} link  "]}},
            }},
            "authorizationEventObject": {"userIdToken": "t", "userOAuthToken": "secret"},
            "gmail": {"messageId": "msg-f:1801234567890123456", "accessToken": "secret",
                      "toRecipients": ["other@northwind.example"]},
        }))
        .expect("a report");
        assert_eq!(report.reporter, "google:1099");
        assert_eq!(
            report.mailbox.map(|m| m.to_string()).as_deref(),
            Some("maya@northwind.example")
        );
        assert_eq!(report.item_id.as_deref(), Some("msg-f:1801234567890123456"));
        assert_eq!(report.reason, Some(ReportReason::Spam));
        assert_eq!(report.comment.as_deref(), Some("odd link"));
        assert!(report.raw.is_none());
    }

    #[test]
    fn an_event_without_form_is_enough_and_one_without_message_is_not() {
        let bare = json!({"authorizationEventObject": {}, "gmail": {"messageId": "18c2a4f0"}});
        let report = read(&bare).expect("a report");
        assert_eq!((report.reason, report.comment), (None, None));
        for bad in [
            json!({}),
            json!([]),
            json!({"authorizationEventObject": {}}),
            json!({"authorizationEventObject": {}, "gmail": {"messageId": " "}}),
            json!({"authorizationEventObject": {}, "gmail": {"messageId": 7}}),
        ] {
            let problem = read(&bad).expect_err("refused");
            let status = actix_web::ResponseError::status_code(&problem);
            assert_eq!(status.as_u16(), 400, "{bad}");
        }
    }

    #[test]
    fn a_long_comment_is_cut_and_not_refused() {
        let long = json!({
            "commonEventObject": {"formInputs": {"comment": {"stringInputs": {"value": ["å".repeat(9_000)]}}}},
            "authorizationEventObject": {}, "gmail": {"messageId": "1"},
        });
        let comment = read(&long).expect("a report").comment.expect("a comment");
        assert_eq!(comment.chars().count(), COMMENT_CHARS);
    }

    #[test]
    fn cards_have_the_documented_shapes() {
        let report = report_card("https://addon.example/gmail/report");
        let action = &report["sections"][0]["widgets"][2]["buttonList"]["buttons"][0]["onClick"];
        assert_eq!(
            action["action"]["function"],
            "https://addon.example/gmail/report"
        );
        let id = ReportId::new(DateTime::UNIX_EPOCH);
        let thanks = thanks(id);
        let action = &thanks["renderActions"]["action"];
        assert!(action["notification"]["text"].is_string());
        assert!(
            action["navigations"][0]["updateCard"]
                .to_string()
                .contains(&id.to_string())
        );
        assert!(thanks.get("action").is_none(), "triggers only");
    }
}
