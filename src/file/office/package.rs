//! Files packed into objects.

use flate2::read::ZlibDecoder;

use super::super::{
    open::Open,
    report::{NoteKind, Stop},
    script::text_of,
};

/// A stored object of PowerPoint ([MS-PPT] section 2.10.34, `ExOleObjStg`).
const STORED: u16 = 0x1011;
/// Stored objects that are read.
const MAX_STORED: usize = 50;

/// Takes the file out of an `Ole10Native` stream: a length, flags, label, path,
/// and the file ([MS-OLEDS] section 2.3.6 and what the packager writes in it).
pub(super) fn native(file: &mut Open<'_, '_>, bytes: &[u8]) {
    let body = bytes.get(4..).unwrap_or_default();
    match packed(body) {
        Some((label, data)) => {
            file.note(NoteKind::EmbeddedObject, &label);
            file.member(Some(&label), "", data);
        }
        None => {
            file.note(NoteKind::EmbeddedObject, "object without a name");
            file.member(None, "", body);
        }
    }
}

/// Label and file of a package.
pub(super) fn packed(body: &[u8]) -> Option<(String, &[u8])> {
    let rest = body.get(2..)?;
    let (label, rest) = terminated(rest)?;
    let (path, rest) = terminated(rest)?;
    // two numbers, the length of the temporary path, that path
    let rest = rest.get(4..)?;
    let (length, rest) = counted(rest)?;
    let rest = rest.get(length..)?;
    let (length, rest) = counted(rest)?;
    let label = if label.is_empty() { path } else { label };
    Some((text_of(label), rest.get(..length)?))
}

fn terminated(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

fn counted(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*length)).ok()?, rest))
}

/// Takes the stored objects out of a presentation: VBA projects among them.
pub(super) fn stored(file: &mut Open<'_, '_>, bytes: &[u8]) {
    let mut found = 0;
    for at in memchr::memmem::find_iter(bytes, &STORED.to_le_bytes()) {
        // version and instance before the type, the length after it
        let Some(head) = at.checked_sub(2).and_then(|from| bytes.get(from..at)) else {
            continue;
        };
        let Some((length, rest)) = bytes.get(at + 2..).and_then(counted) else {
            continue;
        };
        let Some(value) = rest.get(..length) else {
            continue;
        };
        if found == MAX_STORED {
            return file.stop(Stop::Members);
        }
        match (head, value) {
            // compressed: the length it will have, then zlib
            ([0x10, 0x00], [_, _, _, _, packed @ ..]) if packed.first() == Some(&0x78) => {
                found += 1;
                if let Some(object) = file.produce(ZlibDecoder::new(packed)) {
                    file.note(NoteKind::EmbeddedObject, "stored object");
                    file.member(None, "", &object);
                }
            }
            ([0x00, 0x00], [0xd0, 0xcf, 0x11, 0xe0, ..]) => {
                found += 1;
                file.note(NoteKind::EmbeddedObject, "stored object");
                file.member(None, "", value);
            }
            _ => {}
        }
    }
}
