//! The files a message carries, taken apart: bytes and bounds into [`FileReport`]s.
//!
//! Pure: nothing is opened, started or fetched, no name of a member is ever used
//! as a path, and every byte that unpacking produces is counted. Parsers of
//! foreign formats are where attackers aim, so callers run this in a process of
//! its own (room `sandbox`). The room may use `message` and nothing else of the
//! house.

mod archive;
mod cursor;
mod hashes;
mod html;
mod kind;
mod limits;
mod mail;
mod office;
mod onenote;
mod open;
mod passwords;
mod pdf;
mod picture;
mod report;
mod rules;
mod script;
mod shortcut;

pub use kind::FileKind;
pub use limits::FileLimits;
pub use passwords::words_that_may_be_passwords;
pub use report::{FileLink, FileReport, Hashes, LinkSource, Note, NoteKind, RuleHit, Stop};
pub use rules::{Rules, RulesError};

use crate::message::{CarriedFile, ParsedMessage};
use open::{Open, Run};

/// A file as the message carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Where it lay; see [`FileReport::place`].
    pub place: String,
    /// The name the message gives it.
    pub name: Option<String>,
    /// The media type the message claims, lower case.
    pub claimed: String,
    /// Its bytes, decoded.
    pub bytes: Vec<u8>,
}

impl From<CarriedFile> for Given {
    fn from(file: CarriedFile) -> Self {
        Self {
            place: file.place,
            name: file.name,
            claimed: file.claimed,
            bytes: file.bytes,
        }
    }
}

/// What stands for the files that a message has and whose bytes were not kept, for
/// they are more than are looked at: they may hold anything.
#[must_use]
pub fn left_out(message: &ParsedMessage, kept: usize) -> Option<FileReport> {
    let inside = message.nested.iter().map(|n| n.message.attachments.len());
    let all = message.attachments.len() + inside.sum::<usize>();
    (all > kept).then(|| FileReport {
        place: "message".to_owned(),
        stops: vec![Stop::Produced],
        ..FileReport::default()
    })
}

/// Takes the files of one message apart, one report each. Never fails: what could
/// not be read is said in the report.
///
/// `passwords` are words of the message that may open an encrypted file.
#[must_use]
pub fn dissect(
    files: &[Given],
    passwords: &[String],
    rules: &Rules,
    limits: &FileLimits,
) -> Vec<FileReport> {
    let mut run = Run {
        limits: *limits,
        passwords: passwords.into(),
        scan: rules.scanning(),
        produced_left: limits.produced,
        members_left: limits.members,
        pictures_left: limits.pictures,
    };
    files
        .iter()
        .map(|file| {
            look(
                file.place.clone(),
                file.name.as_deref(),
                &file.claimed,
                &file.bytes,
                0,
                &mut run,
            )
        })
        .collect()
}

/// Takes one file apart, and what lies in it.
fn look(
    place: String,
    name: Option<&str>,
    claimed: &str,
    bytes: &[u8],
    depth: usize,
    run: &mut Run<'_>,
) -> FileReport {
    let kind = FileKind::of(bytes, name, claimed);
    let mut file = Open {
        bytes,
        report: FileReport {
            place,
            name: kind::display_name(name),
            claimed: claimed.chars().take(120).collect(),
            kind,
            size: bytes.len() as u64,
            hashes: hashes::of(bytes),
            rules: run.scan.file(bytes),
            ..FileReport::default()
        },
        depth,
        run,
    };
    kind::remarks(&mut file, name);
    match kind {
        k if k.is_archive() => archive::look(&mut file),
        k if k.is_mail() => mail::look(&mut file),
        k if k.is_office() => office::look(&mut file),
        FileKind::Pdf => pdf::look(&mut file),
        FileKind::Html | FileKind::Svg | FileKind::Xml => html::look(&mut file),
        FileKind::Calendar | FileKind::VCard | FileKind::Text => script::text(&mut file),
        FileKind::Script => script::look(&mut file),
        FileKind::Shortcut | FileKind::InternetShortcut => shortcut::look(&mut file),
        FileKind::OneNote => onenote::look(&mut file),
        k if k.is_picture() => picture::look(&mut file),
        _ => {}
    }
    file.report
}
