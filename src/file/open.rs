//! One file while it is being taken apart, and what the whole work may still cost.

use std::rc::Rc;

use super::{
    limits::FileLimits,
    report::{FileLink, FileReport, LinkSource, Note, NoteKind, Stop},
    rules::Scan,
};
use crate::message::Untrusted;

/// What taking all files of one message apart may still cost.
pub(super) struct Run<'r> {
    pub limits: FileLimits,
    /// Words of the message that may be passwords.
    pub passwords: Rc<[String]>,
    /// The scan with YARA rules.
    pub scan: Scan<'r>,
    /// Bytes that may still be produced.
    pub produced_left: usize,
    /// Members that may still be looked at.
    pub members_left: usize,
    /// Pictures that may still be searched.
    pub pictures_left: usize,
}

/// One file being taken apart: its bytes, and the report that grows.
pub(super) struct Open<'o, 'r> {
    pub bytes: &'o [u8],
    pub report: FileReport,
    pub depth: usize,
    pub run: &'o mut Run<'r>,
}

impl Open<'_, '_> {
    /// Notes something remarkable, once for each detail.
    pub fn note(&mut self, kind: NoteKind, detail: &str) {
        let detail: String = detail
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect();
        let note = Note {
            kind,
            detail: Untrusted::new(detail),
        };
        if self.report.notes.contains(&note) {
            return;
        }
        if self.report.notes.len() < self.run.limits.notes {
            self.report.notes.push(note);
        } else {
            self.stop(Stop::Kept);
        }
    }

    /// Keeps a link.
    pub fn link(&mut self, source: LinkSource, target: &str, text: &str) {
        let target = target.trim();
        if target.is_empty() {
            return;
        }
        if target.len() > 8_192 {
            self.stop(Stop::Kept);
            return;
        }
        let link = FileLink {
            source,
            target: Untrusted::new(target.to_owned()),
            text: Untrusted::new(text.trim().chars().take(200).collect()),
        };
        if self.report.links.contains(&link) {
            return;
        }
        if self.report.links.len() < self.run.limits.links {
            self.report.links.push(link);
        } else {
            self.stop(Stop::Kept);
        }
    }

    /// Adds text.
    pub fn text(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        let mut kept = self
            .report
            .text
            .take()
            .map(|t| t.exposed().clone())
            .unwrap_or_default();
        if !kept.is_empty() {
            kept.push('\n');
        }
        let room = self.run.limits.text.saturating_sub(kept.len());
        if text.len() > room {
            self.stop(Stop::Kept);
        }
        let end = (0..=room.min(text.len()))
            .rev()
            .find(|at| text.is_char_boundary(*at));
        let text = text.get(..end.unwrap_or_default()).unwrap_or_default();
        kept.extend(text.chars().filter(|c| *c != '\0'));
        self.report.text = Some(Untrusted::new(kept));
    }

    /// Says that it was not read whole.
    pub fn stop(&mut self, stop: Stop) {
        if !self.report.stops.contains(&stop) {
            self.report.stops.push(stop);
        }
    }

    /// Bytes that the next stream may produce before it must end.
    pub fn allowance(&self) -> usize {
        self.run.limits.member.min(self.run.produced_left)
    }

    /// Reads a stream to its end or to the allowance, whichever comes first, and
    /// counts what came. `None` when the stream is damaged before its first byte;
    /// past the allowance the bytes are what came so far, and the stop is noted.
    pub fn produce(&mut self, stream: impl std::io::Read) -> Option<Vec<u8>> {
        let (bytes, fault) = self.try_produce(stream);
        if let Some(fault) = fault {
            self.note(NoteKind::Corrupt, &fault.to_string());
            if bytes.is_empty() {
                return None;
            }
        }
        Some(bytes)
    }

    /// As [`Open::produce`], but hands the fault out instead of noting it: a wrong
    /// password shows itself as damage.
    pub fn try_produce(&mut self, stream: impl std::io::Read) -> (Vec<u8>, Option<std::io::Error>) {
        use std::io::Read as _;
        let allowance = self.allowance();
        let mut bytes = Vec::new();
        let outcome = stream.take(allowance as u64 + 1).read_to_end(&mut bytes);
        if bytes.len() > allowance {
            bytes.truncate(allowance);
            self.stop(if allowance < self.run.limits.member {
                Stop::Produced
            } else {
                Stop::Member
            });
        }
        self.run.produced_left = self.run.produced_left.saturating_sub(bytes.len());
        (bytes, outcome.err())
    }

    /// Takes apart a file that lies inside this one.
    pub fn member(&mut self, name: Option<&str>, claimed: &str, bytes: &[u8]) {
        if self.depth >= self.run.limits.depth {
            self.stop(Stop::Depth);
            return;
        }
        if self.run.members_left == 0 {
            self.stop(Stop::Members);
            return;
        }
        self.run.members_left -= 1;
        let place = format!("{}/{}", self.report.place, self.report.members.len());
        let report = super::look(place, name, claimed, bytes, self.depth + 1, self.run);
        self.report.members.push(report);
    }
}
