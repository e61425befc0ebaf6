//! The parts of a document that is a ZIP archive.

use std::io::Cursor;

use zip::{ZipArchive, result::ZipError};

use super::super::{
    open::Open,
    report::{NoteKind, Stop},
};

/// Parts that are read of one document.
const MAX_PARTS: usize = 4_000;

/// The archive and the names of its parts.
pub(super) struct Zipped<'b> {
    archive: ZipArchive<Cursor<&'b [u8]>>,
    /// Index and name of each part, with slashes, in the order of the archive.
    pub parts: Vec<(usize, String)>,
}

impl<'b> Zipped<'b> {
    /// Opens the archive; `None`, and a note, when it is none.
    pub fn open(file: &mut Open<'b, '_>) -> Option<Self> {
        let mut archive = match ZipArchive::new(Cursor::new(file.bytes)) {
            Ok(archive) => archive,
            Err(error) => {
                file.note(NoteKind::Corrupt, &error.to_string());
                return None;
            }
        };
        if archive.len() > MAX_PARTS {
            file.stop(Stop::Members);
        }
        let parts = (0..archive.len().min(MAX_PARTS))
            .filter_map(|at| {
                let entry = archive.by_index_raw(at).ok()?;
                let name = entry.name().ok()?.replace('\\', "/");
                (!name.ends_with('/')).then_some((at, name))
            })
            .collect();
        Some(Self { archive, parts })
    }

    /// The bytes of a part, within the allowance and counted.
    pub fn read(&mut self, file: &mut Open<'_, '_>, at: usize) -> Option<Vec<u8>> {
        match self.archive.by_index(at) {
            Ok(part) => file.produce(part),
            Err(ZipError::UnsupportedArchive(reason)) => {
                if reason == ZipError::PASSWORD_REQUIRED {
                    file.note(NoteKind::Encrypted, "a part of the document");
                } else {
                    file.stop(Stop::Unsupported);
                }
                None
            }
            Err(error) => {
                file.note(NoteKind::Corrupt, &error.to_string());
                None
            }
        }
    }
}
