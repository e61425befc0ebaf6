//! What all forms of archive share: names of members, links, room for more.

use crate::file::{
    kind,
    open::Open,
    passwords::Candidate,
    report::{FileReport, NoteKind, Stop},
};

/// How many bytes one byte out of bzip2 counts for.
const SLOWNESS: usize = 4;

impl Open<'_, '_> {
    /// Whether another member may be unpacked; says so where not.
    pub(super) fn has_room(&mut self) -> bool {
        let stop = if self.depth >= self.run.limits.depth {
            Stop::Depth
        } else if self.run.members_left == 0 {
            Stop::Members
        } else if self.run.produced_left == 0 {
            Stop::Produced
        } else {
            return true;
        };
        self.stop(stop);
        false
    }

    /// Notes a member's name that climbs out of its folder.
    pub(super) fn note_name(&mut self, name: &str) {
        if climbs(name) {
            self.note(NoteKind::PathTraversal, name);
        }
    }

    /// Notes a link; it is not followed.
    pub(super) fn note_link(&mut self, name: &str, target: &str) {
        self.note(NoteKind::PathTraversal, &format!("link {name} to {target}"));
    }

    /// As [`Open::produce`], for bzip2: it takes several times as long for a byte as
    /// all other forms, so each byte counts for four.
    pub(super) fn produce_slowly(&mut self, stream: impl std::io::Read) -> Option<Vec<u8>> {
        let most = self.allowance() / SLOWNESS;
        let mut bytes = self.produce(stream.take(most as u64 + 1))?;
        if bytes.len() > most {
            bytes.truncate(most);
            self.stop(Stop::Member);
        }
        let more = bytes.len().saturating_mul(SLOWNESS - 1);
        self.run.produced_left = self.run.produced_left.saturating_sub(more);
        Some(bytes)
    }

    /// Lists a member that cannot be read, for what its name shows.
    pub(super) fn unread(&mut self, name: &str, size: u64, encrypted: bool) {
        if !self.has_room() {
            return;
        }
        self.run.members_left -= 1;
        let place = format!("{}/{}", self.report.place, self.report.members.len());
        let mut member = Open {
            bytes: &[],
            report: FileReport {
                place,
                name: kind::display_name(Some(name)),
                size,
                ..FileReport::default()
            },
            depth: self.depth + 1,
            run: &mut *self.run,
        };
        kind::remarks_on_unread(&mut member, name);
        if encrypted {
            member.note(NoteKind::Encrypted, name);
        } else {
            member.stop(Stop::Unsupported);
        }
        let report = member.report;
        self.report.members.push(report);
    }

    /// Notes how an encrypted member was opened.
    pub(super) fn note_opened(&mut self, with: &Candidate) {
        if with.from_message {
            self.note(NoteKind::PasswordFromMessage, &with.word);
        } else {
            let detail = format!("opened with the common password {}", with.word);
            self.note(NoteKind::Encrypted, &detail);
        }
    }
}

/// Whether a name would leave the folder that it is unpacked into.
pub(super) fn climbs(name: &str) -> bool {
    let drive = matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    drive
        || name.starts_with(['/', '\\'])
        || name.split(['/', '\\']).any(|part| part.trim_end() == "..")
}
