//! tar.

use std::io::Cursor;

use tar::{Archive, EntryType};

use crate::file::{open::Open, report::NoteKind};

/// Takes a tar archive apart.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let mut archive = Archive::new(Cursor::new(file.bytes));
    let entries = match archive.entries_with_seek() {
        Ok(entries) => entries,
        Err(fault) => return file.note(NoteKind::Corrupt, &fault.to_string()),
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(fault) => return file.note(NoteKind::Corrupt, &fault.to_string()),
        };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        match entry.header().entry_type() {
            EntryType::Directory => {
                file.note_name(&name);
                continue;
            }
            EntryType::Symlink | EntryType::Link => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                file.note_name(&name);
                file.note_link(&name, &String::from_utf8_lossy(&target));
                continue;
            }
            EntryType::XGlobalHeader => continue,
            _ => {}
        }
        if !file.has_room() {
            return;
        }
        file.note_name(&name);
        if let Some(unpacked) = file.produce(entry) {
            file.member(Some(&name), "", &unpacked);
        }
    }
}
