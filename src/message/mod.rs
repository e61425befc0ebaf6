//! Bytes of a stranger into a [`ParsedMessage`], and likeness between messages.
//!
//! The border: whatever comes in here may be hostile, so parsing is infallible,
//! bounded by [`Limits`] and pure; what is wrong becomes a [`Defect`]. Text that
//! a stranger wrote leaves as [`Untrusted`]. The room may use nothing of the
//! house but `domain`; it opens no link and reads no file.

mod asides;
mod auth;
mod calendar;
mod claims;
mod commonplace;
mod decode;
mod defect;
mod essence;
mod fingerprint;
mod header;
mod html;
mod likeness;
mod limits;
mod multipart;
mod observable;
mod person;
mod private;
mod protection;
mod reading;
mod received;
mod text;
mod untrusted;
mod unwrap;
mod variant;
mod view;
mod walk;

use chrono::{DateTime, Utc};

pub use asides::{Aside, Origin};
pub use auth::{AuthOutcome, AuthResults};
pub use calendar::Invite;
pub use claims::Claims;
pub use commonplace::is_common;
pub use defect::Defect;
pub use fingerprint::{Fingerprint, link_template};
pub use header::bare_id;
pub use likeness::{Likeness, compare, content_matches};
pub use limits::Limits;
pub use observable::{Idn, LinkFacts, Observable, ObservableKind, host_of, registrable};
pub use person::Person;
pub use private::{PrivateReason, Recipients, reason as private_reason};
pub use protection::Protection;
pub use reading::Reading;
pub use received::{Border, Hop, HopDamage, Path, PathAnomaly, is_public, path};
pub use text::{normal_subject, words};
pub use untrusted::{DefangedUrl, Untrusted, exposed};
pub use unwrap::{Unwrapped, unwrap_chain, unwrap_link};
pub use variant::{Variant, look_alike, variant};
pub use view::{HtmlLink, HtmlView, LinkPlace};
pub use walk::{parse, parse_with_files};

pub(crate) use calendar::{split_property, unescape};
pub(crate) use html::{Token, Tokens};
pub(crate) use text::links_of_text;
pub(crate) use untrusted::is_invisible;

/// A file that a message carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name, at most 255 characters, controls removed. Display text only.
    pub name: Option<Untrusted<String>>,
    /// The type it claims, lower case.
    pub media_type: String,
    /// Bytes after decoding.
    pub size: u64,
    /// SHA-256 of the decoded bytes, lower-case hexadecimal; empty past twice the
    /// bytes a message may have.
    pub sha256: String,
    /// Whether the content is HTML, whatever the type claims.
    pub is_html: bool,
    /// The first eight bytes, to tell the true type.
    pub magic: Vec<u8>,
    /// The text of HTML, SVG, calendar and plain-text files, at most 256 KiB.
    pub text: Option<Untrusted<String>>,
}

/// The bytes of an attachment, for taking it apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedFile {
    /// `attachment:0` for the first of the message, `nested:1/attachment:0` for
    /// that of the second message inside: indices of [`ParsedMessage::attachments`]
    /// and [`ParsedMessage::nested`].
    pub place: String,
    /// The name the message gives it.
    pub name: Option<String>,
    /// The media type the message claims, lower case.
    pub claimed: String,
    /// Its bytes, decoded.
    pub bytes: Vec<u8>,
}

/// Headers by which lists and senders of bulk mail name themselves. All of them
/// are the sender's own words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListHeaders {
    /// `List-Id`.
    pub id: bool,
    /// `List-Post`: a list people write to.
    pub post: bool,
    /// `List-Unsubscribe`.
    pub unsubscribe: bool,
    /// `List-Unsubscribe-Post`: one click.
    pub one_click: bool,
    /// `Precedence: bulk`, `list` or `junk`.
    pub precedence: bool,
    /// `Feedback-ID` or the header of a mailing service.
    pub mailer: bool,
    /// `Auto-Submitted` other than `no`.
    pub automatic: bool,
}

impl ListHeaders {
    fn of(block: &header::Block<'_>) -> Self {
        let is = |name: &str, wanted: &[&str]| {
            block.raw(name, 100).iter().any(|value| {
                let value = value.to_ascii_lowercase();
                wanted.iter().any(|word| value.starts_with(word))
            })
        };
        Self {
            id: block.has("list-id"),
            post: block.has("list-post"),
            unsubscribe: block.has("list-unsubscribe"),
            one_click: block.has("list-unsubscribe-post"),
            precedence: is("precedence", &["bulk", "list", "junk"]),
            mailer: [
                "feedback-id",
                "x-sg-eid",
                "x-mailgun-sid",
                "x-mc-user",
                "x-ses-outgoing",
                "x-csa-complaints",
            ]
            .iter()
            .any(|name| block.has(name)),
            automatic: is("auto-submitted", &["auto"]),
        }
    }
}

/// One MIME part as it names itself; all of it is a stranger's words.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MimePart {
    /// How deep it lies: 0 is the message itself, its nested messages go on from
    /// the part that holds them.
    pub depth: usize,
    /// The type it claims, lower case; `text/plain` where it claims none.
    pub media_type: String,
    /// Its file name, neutralised, at most 200 characters.
    pub name: Option<String>,
    /// Bytes of its body, still encoded.
    pub size: u64,
    /// Its transfer encoding.
    pub encoding: Option<String>,
    /// Its disposition.
    pub disposition: Option<String>,
}

/// A message inside a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NestedMessage {
    /// How deep it lies; 1 is directly inside.
    pub depth: usize,
    /// The message; its own `nested` is empty, the list is flat.
    pub message: Box<ParsedMessage>,
}

/// What was read of a message. Everything in it is a stranger's claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedMessage {
    /// Bytes of the message as received.
    pub size: u64,
    /// SHA-256 of those bytes, lower-case hexadecimal; empty for a message inside
    /// others so often that hashing it would multiply work.
    pub sha256: String,
    /// `Message-ID` without brackets.
    pub message_id: Option<String>,
    /// `In-Reply-To`, without brackets.
    pub in_reply_to: Vec<String>,
    /// `References`, without brackets.
    pub references: Vec<String>,
    /// The visible senders; the first is the one programs show.
    pub from: Vec<Person>,
    /// `Sender`.
    pub sender: Vec<Person>,
    /// `Reply-To`.
    pub reply_to: Vec<Person>,
    /// `To`.
    pub to: Vec<Person>,
    /// `Cc`.
    pub cc: Vec<Person>,
    /// Bcc, which only a sender's own copy names.
    pub bcc: Vec<Person>,
    /// Addresses of the people in whose mailboxes it lay, where the caller knows
    /// them and says so; parsing leaves it empty. A blind copy names nobody else.
    pub held_by: Vec<String>,
    /// The subject, controls removed; empty when there is none.
    pub subject: Untrusted<String>,
    /// `Date`, when it is one.
    pub date: Option<DateTime<Utc>>,
    /// Every `Authentication-Results`, topmost first, at most eight. Use
    /// [`ParsedMessage::authentication`].
    pub authentication_results: Vec<AuthResults>,
    /// Lists and bulk senders naming themselves.
    pub list: ListHeaders,
    /// The `Received` lines, topmost first, at most 100. Claims; [`path`] tells
    /// which of them to believe.
    pub received: Vec<Hop>,
    /// Addresses and links that other header fields name.
    pub claims: Claims,
    /// Plain text bodies.
    pub text: Option<Untrusted<String>>,
    /// HTML bodies, raw.
    pub html: Option<Untrusted<String>>,
    /// What a reader sees of the HTML.
    pub view: Option<HtmlView>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// Forms of signed and encrypted content, each once.
    pub protection: Vec<Protection>,
    /// Calendar entries; their files stand among the attachments too.
    pub invites: Vec<Invite>,
    /// Other ways to read what is ambiguous, and text outside the parts: searched
    /// for links, never shown.
    pub readings: Vec<Reading>,
    /// Its MIME parts in order, those of the messages inside included; empty for a
    /// message that is itself inside.
    pub structure: Vec<MimePart>,
    /// Messages inside, flat, outer before inner.
    pub nested: Vec<NestedMessage>,
    /// What is wrong with the form, each once.
    pub defects: Vec<Defect>,
    /// For an ambiguous message the start of its bytes as text: the view that no
    /// structure can hide from.
    pub raw_view: Option<Untrusted<String>>,
}

impl ParsedMessage {
    /// Whether programs may show something else than is judged here. Such a
    /// message is never clean and never pulled on policy alone.
    #[must_use]
    pub fn ambiguous(&self) -> bool {
        self.defects.iter().any(Defect::is_ambiguous)
    }

    /// The sender that programs show.
    #[must_use]
    pub fn author(&self) -> Option<&Person> {
        self.from.iter().find(|person| !person.address.is_empty())
    }

    /// The topmost `Authentication-Results` of a server that is trusted.
    ///
    /// `trusted` holds server names; `"*"` trusts whichever stands on top (for
    /// judging files offline), `""` one without a name, as Exchange Online writes
    /// it. A sender can write such fields too: only what the own border wrote or
    /// would have removed may be named.
    #[must_use]
    pub fn authentication(&self, trusted: &[String]) -> Option<&AuthResults> {
        self.authentication_results.iter().find(|result| {
            let name = result.authserv_id.as_deref().unwrap_or_default();
            trusted
                .iter()
                .any(|known| known == "*" || known.eq_ignore_ascii_case(name))
        })
    }

    /// The text a reader sees: of the HTML where there is one, else the plain text.
    #[must_use]
    pub fn visible_text(&self) -> &str {
        match (&self.view, &self.text) {
            (Some(view), _) if !view.text.trim().is_empty() => &view.text,
            (_, Some(text)) => text.exposed(),
            (Some(view), None) => &view.text,
            (None, None) => "",
        }
    }
}
