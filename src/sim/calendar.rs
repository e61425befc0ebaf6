//! The calendars of the simulated mailboxes: what an invitation puts there on delivery,
//! and what the faces do to it. The only place where simulated events change.

use chrono::{DateTime, Utc};
use mail_parser::MimeHeaders as _;
use serde_json::{Map, Value, json};

/// What a message invites to, as far as a calendar shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// `UID`.
    pub uid: String,
    /// `SUMMARY`.
    pub summary: String,
    /// `DESCRIPTION`.
    pub description: String,
    /// `LOCATION`.
    pub location: String,
    /// `ORGANIZER`, lower case, without its scheme.
    pub organiser: String,
    /// `DTSTART` and `DTEND`, as they stand there.
    pub times: (String, String),
}

/// One event of a calendar, for the judge.
#[derive(Debug, Clone, PartialEq)]
pub struct CalendarEvent {
    /// Its id: another one once it was made anew.
    pub id: String,
    /// `UID`.
    pub uid: String,
    /// What it is called.
    pub subject: String,
    /// Whether its owner sees it; false in the trash.
    pub on_calendar: bool,
    /// Whether the calendar's owner is its organiser.
    pub own: bool,
    /// How many others it names.
    pub attendees: usize,
    /// All that a client may set.
    pub fields: Value,
}

/// A simulated event. `fields` are Graph's, for both platforms.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub number: u32,
    pub uid: String,
    pub fields: Map<String, Value>,
    pub own: bool,
    pub on_calendar: bool,
    pub created: DateTime<Utc>,
    pub transaction: Option<String>,
    /// Extended properties: id and value.
    pub marks: Vec<(String, String)>,
}

impl Event {
    pub(super) fn id(&self, mailbox: u32) -> String {
        format!("evt{mailbox:06x}{:06x}", self.number)
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.fields
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn attendees(&self) -> usize {
        let all = self.fields.get("attendees").and_then(Value::as_array);
        all.map_or(0, Vec::len)
    }

    pub(super) fn shown(&self, mailbox: u32) -> CalendarEvent {
        CalendarEvent {
            id: self.id(mailbox),
            uid: self.uid.clone(),
            subject: self.text("subject").to_owned(),
            on_calendar: self.on_calendar,
            own: self.own,
            attendees: self.attendees(),
            fields: Value::Object(self.fields.clone()),
        }
    }
}

/// One person's calendar.
#[derive(Debug, Clone, Default)]
pub(super) struct Calendar {
    pub events: Vec<Event>,
}

impl Calendar {
    /// What the platforms do with an invitation that arrives: a tentative event; one
    /// that is there under the UID already takes the new words.
    pub(super) fn take_up(&mut self, invitation: &Invitation, now: DateTime<Utc>) {
        let fields = fields_of(invitation);
        match self.events.iter_mut().find(|e| e.uid == invitation.uid) {
            Some(known) => known.fields = fields,
            None => {
                let mut event = self.blank(fields, now);
                event.uid.clone_from(&invitation.uid);
                self.events.push(event);
            }
        }
    }

    /// An event that is not on the calendar yet, under a UID of its own.
    pub(super) fn blank(&self, fields: Map<String, Value>, now: DateTime<Utc>) -> Event {
        let number = u32::try_from(self.events.len()).unwrap_or(u32::MAX);
        Event {
            number,
            uid: format!("040000008200E00074C5B7101A82E008{number:08X}"),
            fields,
            own: false,
            on_calendar: true,
            created: now,
            transaction: None,
            marks: Vec::new(),
        }
    }

    pub(super) fn standing(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| event.on_calendar)
    }
}

fn fields_of(invitation: &Invitation) -> Map<String, Value> {
    let fields = json!({
        "subject": invitation.summary,
        "bodyPreview": invitation.description.chars().take(255).collect::<String>(),
        "body": {"contentType": "html", "content": invitation.description},
        "location": {"displayName": invitation.location},
        "start": {"dateTime": invitation.times.0, "timeZone": "UTC"},
        "end": {"dateTime": invitation.times.1, "timeZone": "UTC"},
        "isAllDay": false,
        "showAs": "tentative",
        "sensitivity": "normal",
        "importance": "normal",
        "isReminderOn": true,
        "reminderMinutesBeforeStart": 15,
        "categories": [],
        "recurrence": null,
        "organizer": {"emailAddress": {"address": invitation.organiser}},
        "attendees": [{"type": "required", "status": {"response": "none"}}],
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// What the calendar part of a message asks for; only a `REQUEST` makes an event.
pub(super) fn invitation(message: &mail_parser::Message<'_>) -> Option<Invitation> {
    let part = message.parts.iter().find(|part| {
        part.content_type()
            .is_some_and(|kind| kind.ctype() == "text" && kind.subtype() == Some("calendar"))
    })?;
    let text = part
        .text_contents()?
        .replace("\r\n", "\n")
        .replace("\n ", "");
    let value = |name: &str| {
        let mut lines = text.lines();
        let found = lines.find_map(|line| {
            let (property, value) = line.split_once(':')?;
            let is = property.split(';').next()?.eq_ignore_ascii_case(name);
            is.then(|| value.trim().to_owned())
        });
        found.unwrap_or_default()
    };
    if !value("METHOD").eq_ignore_ascii_case("REQUEST") {
        return None;
    }
    Some(Invitation {
        uid: value("UID"),
        summary: value("SUMMARY"),
        description: value("DESCRIPTION"),
        location: value("LOCATION"),
        organiser: value("ORGANIZER").to_lowercase().replace("mailto:", ""),
        times: (value("DTSTART"), value("DTEND")),
    })
}
