//! The records of a binary workbook ([MS-XLS] section 2.1.4).

use super::super::{open::Open, report::NoteKind, script::text_of};

const FILE_PASS: u16 = 0x002f;
const BOUND_SHEET: u16 = 0x0085;
const NAME: u16 = 0x0018;

/// Records that are read.
const MAX_RECORDS: usize = 500_000;

/// Notes macro sheets, names that run by themselves, and encryption.
pub(super) fn look(file: &mut Open<'_, '_>, bytes: &[u8]) {
    let mut rest = bytes;
    for _ in 0..MAX_RECORDS {
        let Some((head, tail)) = rest.split_first_chunk::<4>() else {
            return;
        };
        let [a, b, c, d] = *head;
        let length = usize::from(u16::from_le_bytes([c, d]));
        let (value, after) = tail.split_at_checked(length).unwrap_or((tail, &[]));
        match u16::from_le_bytes([a, b]) {
            FILE_PASS => file.note(NoteKind::Encrypted, "workbook with a password"),
            BOUND_SHEET => sheet(file, value),
            NAME => name(file, value),
            _ => {}
        }
        rest = after;
    }
}

/// A sheet: position, visibility, kind, name (section 2.4.28).
fn sheet(file: &mut Open<'_, '_>, value: &[u8]) {
    if let [_, _, _, _, visible, kind, _, _, name @ ..] = value
        && *kind == 1
    {
        let hidden = if visible & 3 == 0 { "" } else { " hidden" };
        let detail = format!("Excel 4 macro sheet{hidden} {}", text_of(name));
        file.note(NoteKind::Macro, &detail);
    }
}

/// A defined name (section 2.4.150): built-in ones are one number.
fn name(file: &mut Open<'_, '_>, value: &[u8]) {
    let [low, _, _, length, ..] = value else {
        return;
    };
    // behind the flags, the key, two lengths, six bytes and four more
    let text = value.get(14..).unwrap_or_default();
    if low & 0x20 != 0 {
        // a byte of flags, then the number
        match text.get(1) {
            Some(1) => file.note(NoteKind::MacroAutoexec, "Auto_Open"),
            Some(2) => file.note(NoteKind::MacroAutoexec, "Auto_Close"),
            _ => {}
        }
        return;
    }
    let name = text.get(1..=usize::from(*length)).unwrap_or_default();
    if name.to_ascii_lowercase().starts_with(b"auto_") {
        file.note(NoteKind::MacroAutoexec, &text_of(name));
    }
}
