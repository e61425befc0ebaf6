//! RAR 4 and 5: names of members out of the headers, and members that are only
//! stored. What is packed stays unread: no free reader of its packing exists.
//!
//! The headers are described in the technical note that comes with RAR.

use crate::file::{
    cursor::Cursor,
    open::Open,
    report::{NoteKind, Stop},
};

/// Headers that are read.
const MAX_HEADERS: usize = 20_000;

struct Member<'b> {
    name: String,
    size: u64,
    encrypted: bool,
    link: bool,
    folder: bool,
    /// The content, where it is stored whole and unpacked.
    stored: Option<&'b [u8]>,
}

enum Header<'b> {
    Member(Member<'b>),
    /// All that follows is encrypted.
    Encrypted,
    Other,
    End,
}

/// Lists a RAR archive.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let bytes = file.bytes;
    let five = bytes.get(6) == Some(&1);
    let Some(mut at) = Cursor::at(bytes, if five { 8 } else { 7 }) else {
        return file.note(NoteKind::Corrupt, "RAR header");
    };
    for _ in 0..MAX_HEADERS {
        if at.rest().is_empty() {
            return;
        }
        let header = if five { rar5(&mut at) } else { rar4(&mut at) };
        match header {
            None => return file.note(NoteKind::Corrupt, "RAR header"),
            Some(Header::End) => return,
            Some(Header::Encrypted) => return file.note(NoteKind::Encrypted, "RAR"),
            Some(Header::Other) => {}
            Some(Header::Member(member)) => {
                file.note_name(&member.name);
                if member.folder {
                    continue;
                }
                if !file.has_room() {
                    return;
                }
                take(file, &member);
            }
        }
    }
    file.stop(Stop::Members);
}

fn take(file: &mut Open<'_, '_>, member: &Member<'_>) {
    if member.link {
        file.note_link(&member.name, "");
    } else if member.encrypted {
        file.note(NoteKind::Encrypted, &member.name);
        file.unread(&member.name, member.size, true);
    } else if let Some(stored) = member.stored {
        if let Some(content) = file.produce(stored) {
            file.member(Some(&member.name), "", &content);
        }
    } else {
        file.stop(Stop::Unsupported);
        file.unread(&member.name, member.size, false);
    }
}

/// A number in groups of seven bits, lowest first (RAR 5).
fn number(at: &mut Cursor<'_>) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let byte = at.u8()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn length(at: &mut Cursor<'_>) -> Option<usize> {
    number(at).and_then(|value| usize::try_from(value).ok())
}

fn rar5<'b>(at: &mut Cursor<'b>) -> Option<Header<'b>> {
    let sum = at.u32()?;
    let summed = at.rest();
    let size = length(at)?;
    let mut header = Cursor::new(at.take(size)?);
    let summed = summed.get(..summed.len() - at.rest().len())?;
    (checksum(summed) == sum).then_some(())?;
    let (kind, flags) = (number(&mut header)?, number(&mut header)?);
    let extra = if flags & 1 != 0 {
        length(&mut header)?
    } else {
        0
    };
    let held = if flags & 2 != 0 {
        length(&mut header)?
    } else {
        0
    };
    let whole = held <= at.rest().len();
    let content = at.take(held.min(at.rest().len()))?;
    match kind {
        2 => {}
        4 => return Some(Header::Encrypted),
        5 => return Some(Header::End),
        _ => return Some(Header::Other),
    }
    let file_flags = number(&mut header)?;
    let size = number(&mut header)?;
    number(&mut header)?;
    if file_flags & 2 != 0 {
        header.take(4)?;
    }
    if file_flags & 4 != 0 {
        header.take(4)?;
    }
    let packing = number(&mut header)?;
    number(&mut header)?;
    let name_length = length(&mut header)?;
    let name = String::from_utf8_lossy(header.take(name_length)?).into_owned();
    let (mut encrypted, mut link) = (false, false);
    let rest = header.rest();
    let extras = rest.get(rest.len().saturating_sub(extra)..);
    let mut extras = Cursor::new(extras.unwrap_or_default());
    while let Some(size) = length(&mut extras) {
        let Some(record) = extras.take(size) else {
            break;
        };
        match number(&mut Cursor::new(record)) {
            Some(1) => encrypted = true,
            Some(5) => link = true,
            _ => {}
        }
    }
    // bits 7 to 9 are the method, 0 is none; the header flags 8 and 16 say that it
    // continues from or in another volume
    let plain = packing >> 7 & 7 == 0 && flags & 0x18 == 0 && whole;
    Some(Header::Member(Member {
        name,
        size,
        encrypted,
        link,
        folder: file_flags & 1 != 0,
        stored: plain.then_some(content),
    }))
}

fn rar4<'b>(at: &mut Cursor<'b>) -> Option<Header<'b>> {
    let sum = at.u16()?;
    let summed = at.rest();
    let kind = at.u8()?;
    let flags = at.u16()?;
    let size = usize::from(at.u16()?).checked_sub(7)?;
    let mut header = Cursor::new(at.take(size)?);
    let summed = summed.get(..summed.len() - at.rest().len())?;
    // the lower half of the sum is kept
    (checksum(summed) & 0xffff == u32::from(sum)).then_some(())?;
    match kind {
        0x73 if flags & 0x80 != 0 => return Some(Header::Encrypted),
        0x7b => return Some(Header::End),
        0x74 => {}
        _ => {
            if flags & 0x8000 != 0 {
                let held = header.length()?;
                at.take(held)?;
            }
            return Some(Header::Other);
        }
    }
    let (held, size) = (header.length()?, u64::from(header.u32()?));
    let host = header.u8()?;
    header.take(9)?;
    let method = header.u8()?;
    let name_length = usize::from(header.u16()?);
    let attributes = header.u32()?;
    if flags & 0x100 != 0 {
        header.take(8)?;
    }
    let name = header.take(name_length)?;
    // a name in two forms: plain, NUL, packed Unicode
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let whole = held <= at.rest().len();
    let content = at.take(held.min(at.rest().len()))?;
    Some(Header::Member(Member {
        name: String::from_utf8_lossy(name).into_owned(),
        size,
        encrypted: flags & 4 != 0,
        link: host == 3 && attributes & 0o170_000 == 0o120_000,
        folder: flags & 0xe0 == 0xe0,
        stored: (method == 0x30 && flags & 3 == 0 && whole).then_some(content),
    }))
}
