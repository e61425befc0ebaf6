//! The event that an invitation made: found by the invitation, taken off the calendar,
//! and made anew, for Graph can neither move an event nor undo its removal.

use chrono::{DateTime, Utc};
use graph_rs_sdk::http::Method;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    GraphMail,
    call::{Answer, Call},
    message,
    path::{Path, quoted},
};
use crate::{
    domain::EntrySnapshot,
    mailbox::{EntryFound, EntryLook, EntryMove, MailboxError, wire::Effect},
};

/// What an invitation is expanded by (documented for `eventMessage`).
const EVENT: &str = "microsoft.graph.eventMessage/event";
/// Where an event that we made names the pull it came back with: a property of our
/// own, which events can be filtered by.
const MARK: &str = "String {b0b2f9ad-53c4-4b1e-9a6f-5b1c64a4c3e7} Name UnhookPull";
/// What an event is made anew from. Attendees are not among it: they would be sent
/// invitations. Times are in UTC, as Graph gives them.
const KEPT: [&str; 13] = [
    "subject",
    "body",
    "start",
    "end",
    "isAllDay",
    "location",
    "showAs",
    "sensitivity",
    "importance",
    "isReminderOn",
    "reminderMinutesBeforeStart",
    "categories",
    "recurrence",
];

impl GraphMail {
    pub(super) async fn entries_of(
        &self,
        looks: &[EntryLook],
    ) -> Vec<Result<Option<EntryFound>, MailboxError>> {
        let answers = self.wire.batch(looks.iter().map(ask).collect()).await;
        looks
            .iter()
            .zip(answers)
            .map(|(look, answer)| told(look, answer?))
            .collect()
    }

    /// `DELETE` takes an event off the calendar of the mailbox it names; only where that
    /// is its organiser's are others told.
    pub(super) async fn take_off(&self, moves: &[EntryMove]) -> Vec<Result<(), MailboxError>> {
        let calls = moves.iter().map(|m| {
            let key = m.locator.mailbox.key();
            Call::remove(key, &Path::new(&["users", key, "events", &m.event]))
        });
        let answers = self.wire.batch(calls.collect()).await;
        answers
            .into_iter()
            .map(|answer| answer?.ok(Effect::Change).map(drop))
            .collect()
    }

    pub(super) async fn make_anew(&self, moves: &[EntryMove]) -> Vec<Result<String, MailboxError>> {
        let calls = moves.iter().map(|m| {
            let key = m.locator.mailbox.key();
            let path = Path::new(&["users", key, "events"]);
            Call::change(key, Method::POST, &path, made(m))
        });
        let answers = self.wire.batch(calls.collect()).await;
        answers.into_iter().map(|answer| id_of(answer?)).collect()
    }
}

fn ask(look: &EntryLook) -> Call {
    let key = look.locator.mailbox.key();
    let path = match (&look.mark, &look.event) {
        (Some(mark), _) => {
            let filter = format!(
                "singleValueExtendedProperties/Any(ep: ep/id eq {} and ep/value eq {})",
                quoted(MARK),
                quoted(mark)
            );
            Path::new(&["users", key, "events"]).ask("$filter", &filter)
        }
        (None, Some(event)) => Path::new(&["users", key, "events", event]),
        // What `$select` would do to an expanded event is not documented: the whole
        // message comes, for invitations alone.
        (None, None) => {
            Path::new(&["users", key, "messages", look.locator.message()]).ask("$expand", EVENT)
        }
    };
    Call::get(key, &path)
}

fn told(look: &EntryLook, answer: Answer) -> Result<Option<EntryFound>, MailboxError> {
    let known = look.mark.is_some() || look.event.is_some();
    let body = match answer.ok(Effect::Read) {
        Err(MailboxError::Gone) if known => return Ok(None),
        other => other?,
    };
    let (event, invited) = if look.mark.is_some() {
        (message::page(body)?.0.into_iter().next(), None)
    } else if look.event.is_some() {
        (Some(body), None)
    } else {
        let invited = time(&body, "receivedDateTime");
        (body.get("event").cloned(), invited)
    };
    // A forward of an invitation, or one that nobody's calendar took up.
    let Some(event) = event.filter(|event| !event.is_null()) else {
        return Ok(None);
    };
    found(&event, known, invited).map(Some)
}

fn found(
    event: &Value,
    known: bool,
    invited: Option<DateTime<Utc>>,
) -> Result<EntryFound, MailboxError> {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    let id = text("id")
        .filter(|id| !id.is_empty())
        .ok_or_else(|| MailboxError::Malformed("event is not of the documented form".to_owned()))?;
    let owner = event.get("isOrganizer").and_then(Value::as_bool);
    let attendees = event.get("attendees").and_then(Value::as_array);
    let invites = attendees.is_some_and(|all| !all.is_empty());
    Ok(EntryFound {
        event: id.to_owned(),
        uid: text("iCalUId").map(|uid| uid.chars().take(500).collect()),
        // One that we made has its calendar's owner for an organiser, and nobody to tell.
        organised: owner.unwrap_or(true) && (!known || invites),
        created: time(event, "createdDateTime"),
        invited,
        snapshot: snapshot(event),
    })
}

fn time(of: &Value, name: &str) -> Option<DateTime<Utc>> {
    let text = of.get(name)?.as_str()?;
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(time.with_timezone(&Utc))
}

/// What it takes to make the event anew. A body that is too long is kept by its
/// beginning: a stranger must not keep an event on the calendar by its length.
fn snapshot(event: &Value) -> Option<EntrySnapshot> {
    let mut kept: Map<String, Value> = KEPT
        .iter()
        .filter_map(|name| {
            let value = event.get(*name).filter(|value| !value.is_null())?;
            Some(((*name).to_owned(), value.clone()))
        })
        .collect();
    if let Some(whole) = EntrySnapshot::new(Value::Object(kept.clone())) {
        return Some(whole);
    }
    let preview = event.get("bodyPreview").and_then(Value::as_str);
    let body = json!({ "contentType": "text", "content": preview.unwrap_or_default() });
    kept.insert("body".to_owned(), body);
    EntrySnapshot::new(Value::Object(kept))
}

/// The event to be made: the mark stands in it, so that it is found again, and its
/// hash as the transaction, by which Graph itself makes one event of two requests.
fn made(m: &EntryMove) -> Value {
    let mut event = m.snapshot.fields().clone();
    if let Some(event) = event.as_object_mut() {
        event.insert("transactionId".to_owned(), json!(transaction(&m.mark)));
        let mark = json!([{ "id": MARK, "value": m.mark }]);
        event.insert("singleValueExtendedProperties".to_owned(), mark);
    }
    event
}

/// A stable UUID of a mark.
fn transaction(mark: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(mark.as_bytes()).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(hash.first_chunk::<16>().unwrap_or(&[0; 16]));
    let id = uuid::Builder::from_random_bytes(bytes);
    id.into_uuid().to_string()
}

fn id_of(answer: Answer) -> Result<String, MailboxError> {
    // Made by an earlier request whose answer was lost (not documented): look it up.
    if answer.code() == "ErrorDuplicateTransactionId" {
        return Err(MailboxError::OutcomeUnknown("made before".to_owned()));
    }
    let event = answer.ok(Effect::Change)?;
    let id = event.get("id").and_then(Value::as_str);
    id.filter(|id| !id.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| MailboxError::OutcomeUnknown("event has no id".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_have_to_be_told_is_taken_for_the_organiser() {
        let organised = |event: Value, known: bool| {
            let mut event = event;
            event["id"] = json!("e");
            found(&event, known, None).expect("an event").organised
        };
        assert!(organised(json!({}), false), "it does not say");
        assert!(organised(json!({"isOrganizer": true}), false));
        assert!(!organised(
            json!({"isOrganizer": false, "attendees": [{}]}),
            false
        ));
        // One of our own, and one that its owner has invited others to since.
        assert!(!organised(
            json!({"isOrganizer": true, "attendees": []}),
            true
        ));
        assert!(organised(
            json!({"isOrganizer": true, "attendees": [{}]}),
            true
        ));
        assert!(found(&json!({}), false, None).is_err());
    }

    #[test]
    fn nobody_is_invited_by_what_is_made_anew_and_length_keeps_nothing_there() {
        let event = json!({
            "id": "e", "subject": "Bonus", "attendees": [{}], "organizer": {},
            "recurrence": null, "bodyPreview": "Click",
            "body": {"contentType": "html", "content": "x".repeat(100_000)},
        });
        let kept = snapshot(&event).expect("kept");
        assert_eq!(
            kept.fields(),
            &json!({"subject": "Bonus", "body": {"contentType": "text", "content": "Click"}})
        );
    }

    #[test]
    fn a_mark_has_one_transaction() {
        assert_eq!(transaction("pul_1/1"), transaction("pul_1/1"));
        assert_ne!(transaction("pul_1/1"), transaction("pul_1/2"));
        assert_eq!(transaction("pul_1/1").len(), 36);
    }
}
