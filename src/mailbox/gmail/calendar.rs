//! The event that an invitation made, by the Google Calendar API: found by its UID,
//! taken off the calendar, and taken back out of the calendar's trash.
//!
//! Its scope is asked for in a token of its own: a domain that did not grant it is
//! refused that token alone, and its mail is pulled as ever.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{GmailMail, refusal, seat::Access, side_by_side, wire::Wire};
use crate::{
    domain::{EntrySnapshot, MailboxRef},
    mailbox::{
        Content, EntryFound, EntryLook, EntryMove, Family, MailboxError,
        pace::retry_after,
        wire::{self, Effect, Until},
    },
    message::{self, Limits},
};

/// The scope of all calls here: see and change events.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/calendar.events";
/// How long nobody is asked for the scope again after it was refused.
const REFUSED: TimeDelta = TimeDelta::minutes(5);
/// Events under one UID that are read: a series with its exceptions.
const MOST: &str = "50";

/// The Calendar API.
pub(super) struct Calendar {
    pub(super) http: reqwest::Client,
    pub(super) root: Url,
    /// Set while the domain is known not to have granted the scope.
    pub(super) ungranted: Until,
}

/// One request of ours.
struct Request<'a> {
    method: Method,
    /// The event; none for all of them.
    event: Option<&'a str>,
    query: &'a [(&'a str, &'a str)],
    body: Option<Value>,
    effect: Effect,
}

#[derive(Debug, Deserialize)]
struct Events {
    #[serde(default)]
    items: Vec<Event>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    id: String,
    #[serde(default)]
    status: String,
    created: Option<DateTime<Utc>>,
    #[serde(rename = "iCalUID")]
    uid: Option<String>,
    recurring_event_id: Option<String>,
    organizer: Option<Organizer>,
}

#[derive(Debug, Deserialize)]
struct Organizer {
    /// Left out where it is false.
    #[serde(default, rename = "self")]
    own: bool,
}

impl GmailMail {
    pub(super) async fn entries_of(
        &self,
        looks: &[EntryLook],
    ) -> Vec<Result<Option<EntryFound>, MailboxError>> {
        side_by_side(looks.iter().map(|look| self.entry(look))).await
    }

    async fn entry(&self, look: &EntryLook) -> Result<Option<EntryFound>, MailboxError> {
        let mailbox = &look.locator.mailbox;
        let (uid, invited) = match (&look.event, &look.uid) {
            (Some(_), Some(uid)) => (Some(uid.clone()), None),
            _ => self.invitation(look).await?,
        };
        let Some(uid) = uid else {
            return Ok(None);
        };
        let known = look.event.as_deref();
        let event = chosen(self.events(mailbox, &uid).await?, known)?;
        Ok(event.map(|event| found(event, invited)))
    }

    /// The UID that a message invites to, and when it arrived.
    async fn invitation(
        &self,
        look: &EntryLook,
    ) -> Result<(Option<String>, Option<DateTime<Utc>>), MailboxError> {
        let seen = self.look(&look.locator).await?.ok_or(MailboxError::Gone)?;
        let Content::Raw(raw) = &seen.content else {
            return Ok((None, None));
        };
        let parsed = message::parse(raw, &Limits::default());
        let invite = parsed.invites.iter().find(|invite| invite.makes_entry());
        let uid = invite.and_then(|invite| invite.uid.as_ref());
        Ok((uid.map(|uid| uid.exposed().clone()), seen.received))
    }

    pub(super) async fn events_under(
        &self,
        mailbox: &MailboxRef,
        uid: &str,
    ) -> Result<usize, MailboxError> {
        Ok(self.events(mailbox, uid).await?.len())
    }

    /// Every event under a UID, those in the trash too.
    async fn events(&self, mailbox: &MailboxRef, uid: &str) -> Result<Vec<Event>, MailboxError> {
        let request = Request {
            method: Method::GET,
            event: None,
            query: &[
                ("iCalUID", uid),
                ("showDeleted", "true"),
                ("maxResults", MOST),
            ],
            body: None,
            effect: Effect::Read,
        };
        let answer = self.calendar_call(mailbox, request).await?;
        let events: Events = serde_json::from_value(answer)
            .map_err(|_| MailboxError::Malformed("calendar answer".to_owned()))?;
        Ok(events.items)
    }

    pub(super) async fn take_off(&self, moves: &[EntryMove]) -> Vec<Result<(), MailboxError>> {
        side_by_side(moves.iter().map(|m| self.take_one_off(m))).await
    }

    async fn take_one_off(&self, m: &EntryMove) -> Result<(), MailboxError> {
        let request = Request {
            method: Method::DELETE,
            event: Some(&m.event),
            query: &[("sendUpdates", "none")],
            body: None,
            effect: Effect::Change,
        };
        let answer = self.calendar_call(&m.locator.mailbox, request).await;
        answer.map(drop)
    }

    pub(super) async fn put_on(&self, moves: &[EntryMove]) -> Vec<Result<String, MailboxError>> {
        side_by_side(moves.iter().map(|m| self.put_one_on(m))).await
    }

    /// Events that people were invited to and that were removed by hand keep their
    /// details "so that they can be restored" (documented); that setting the status does
    /// it, and that an event so restored keeps the answer its owner gave, is not, and
    /// was not tried against Google.
    async fn put_one_on(&self, m: &EntryMove) -> Result<String, MailboxError> {
        let status = m.snapshot.fields().get("status").and_then(Value::as_str);
        let status = match status {
            Some("tentative") => "tentative",
            _ => "confirmed",
        };
        let request = Request {
            method: Method::PATCH,
            event: Some(&m.event),
            query: &[("sendUpdates", "none")],
            body: Some(json!({ "status": status })),
            effect: Effect::Change,
        };
        self.calendar_call(&m.locator.mailbox, request).await?;
        Ok(m.event.clone())
    }

    /// One call into somebody's own calendar; a 401 renews the token once, for a
    /// refused credential has carried nothing out.
    async fn calendar_call(
        &self,
        mailbox: &MailboxRef,
        request: Request<'_>,
    ) -> Result<Value, MailboxError> {
        let Wire {
            pace, tally, seats, ..
        } = &self.wire;
        if self.calendar.ungranted.is_set(self.wire.clock.now()) {
            return Err(ungranted());
        }
        let family = match request.effect {
            Effect::Read => Family::Look,
            Effect::Change => Family::Change,
        };
        let key = mailbox.key();
        pace.admit(family, Some(key), 1).await?;
        let access = seats.calendar_access(key).await?;
        let _slot = pace.enter([key]).await;
        tally.call(family, 0);
        let mut second = false;
        loop {
            tally.exchange();
            let token = self.calendar_token(&access).await?;
            let sent = self.calendar.send(&request, token.expose_secret()).await?;
            let (status, reason, wait, body) = self.calendar_answer(sent, request.effect).await?;
            match status {
                200..=299 => {
                    pace.went_through();
                    return Ok(body);
                }
                401 if !second => {
                    second = true;
                    access.refuse(Some(&token)).await;
                }
                // In the trash already (documented for events that were deleted).
                410 => return Err(MailboxError::Gone),
                _ => {
                    let error = refusal::meaning(status, &reason, wait, request.effect);
                    if let MailboxError::Throttled { retry_after } = &error {
                        tally.throttled();
                        pace.throttled(key, *retry_after);
                    }
                    return Err(error);
                }
            }
        }
    }

    /// A refusal of the scope is the whole domain's: nobody else is asked for a while.
    async fn calendar_token(&self, access: &Access) -> Result<secrecy::SecretString, MailboxError> {
        match access.token(&[SCOPE]).await {
            Err(MailboxError::Unauthorized(_)) => {
                self.calendar.ungranted.set(self.wire.clock.now() + REFUSED);
                Err(ungranted())
            }
            other => other,
        }
    }

    async fn calendar_answer(
        &self,
        response: reqwest::Response,
        effect: Effect,
    ) -> Result<(u16, String, Option<std::time::Duration>, Value), MailboxError> {
        let status = response.status().as_u16();
        let wait = response
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after(value, self.wire.clock.now()));
        let bytes = match wire::body(response, wire::JSON_LIMIT).await {
            Ok(bytes) => bytes,
            // The status is known; a refusal's lost body changes nothing.
            Err(_) if status >= 400 => bytes::Bytes::new(),
            Err(MailboxError::Unavailable(what)) => return Err(effect.silence(what)),
            Err(error) => return Err(error),
        };
        let body: Value = match serde_json::from_slice(&bytes) {
            Ok(body) => body,
            Err(_) if bytes.is_empty() || status >= 400 => Value::Null,
            Err(_) => return Err(effect.garbled("calendar answer is no JSON")),
        };
        Ok((status, refusal::reason(&body), wait, body))
    }
}

impl Calendar {
    async fn send(
        &self,
        request: &Request<'_>,
        token: &str,
    ) -> Result<reqwest::Response, MailboxError> {
        let malformed = || MailboxError::Malformed("request target".to_owned());
        let path = "calendar/v3/calendars/primary/events";
        let mut url = self.root.join(path).map_err(|_| malformed())?;
        if let Some(event) = request.event {
            let mut segments = url.path_segments_mut().map_err(|()| malformed())?;
            segments.push(event);
        }
        url.query_pairs_mut().extend_pairs(request.query);
        let mut sending = self
            .http
            .request(request.method.clone(), url)
            .bearer_auth(token);
        if let Some(body) = &request.body {
            sending = sending.json(body);
        }
        sending.send().await.map_err(|error| {
            if error.is_connect() || error.is_builder() {
                MailboxError::Unavailable(wire::kind(&error))
            } else {
                request.effect.silence(wire::kind(&error))
            }
        })
    }
}

fn ungranted() -> MailboxError {
    MailboxError::Forbidden("calendar.events is not granted".to_owned())
}

/// The event that is meant among those under one UID: the known one, or the series and
/// not its exceptions, which go with it. Events in the trash are no entries any more.
fn chosen(events: Vec<Event>, known: Option<&str>) -> Result<Option<Event>, MailboxError> {
    let mut standing: Vec<Event> = events
        .into_iter()
        .filter(|event| event.status != "cancelled")
        .filter(|event| known.is_none_or(|known| known == event.id))
        .collect();
    if standing.len() > 1 {
        standing.retain(|event| event.recurring_event_id.is_none());
    }
    match standing.len() {
        0 | 1 => Ok(standing.pop()),
        _ => Err(MailboxError::Rejected {
            status: 409,
            code: "severalEntries".to_owned(),
        }),
    }
}

fn found(event: Event, invited: Option<DateTime<Utc>>) -> EntryFound {
    let organised = event.organizer.is_some_and(|organizer| organizer.own);
    EntryFound {
        event: event.id,
        uid: event.uid.map(|uid| uid.chars().take(500).collect()),
        organised,
        created: event.created,
        invited,
        // The event itself waits in the trash.
        snapshot: EntrySnapshot::new(json!({ "status": event.status })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(list: Value) -> Vec<Event> {
        serde_json::from_value::<Events>(json!({ "items": list }))
            .expect("events")
            .items
    }

    #[test]
    fn the_series_is_meant_and_never_one_of_several() {
        let series = json!([
            {"id": "s_1", "status": "confirmed", "recurringEventId": "s"},
            {"id": "s", "status": "confirmed"},
            {"id": "old", "status": "cancelled"},
        ]);
        let one = chosen(events(series.clone()), None).expect("one");
        assert_eq!(one.map(|event| event.id).as_deref(), Some("s"));
        let known = chosen(events(series), Some("old")).expect("none");
        assert!(known.is_none(), "it is in the trash");
        let two = json!([{"id": "a", "status": "confirmed"}, {"id": "b", "status": "confirmed"}]);
        assert!(chosen(events(two), None).is_err());
    }

    #[test]
    fn its_owners_own_meeting_is_known_as_such() {
        let own = json!([{"id": "a", "status": "confirmed", "organizer": {"self": true}}]);
        let of = |list: Value| found(events(list).remove(0), None);
        assert!(of(own).organised);
        let other =
            json!([{"id": "a", "status": "tentative", "organizer": {"email": "x@y.example"}}]);
        let other = of(other);
        assert!(!other.organised);
        let snapshot = other.snapshot.expect("small");
        assert_eq!(snapshot.fields(), &json!({"status": "tentative"}));
    }
}
