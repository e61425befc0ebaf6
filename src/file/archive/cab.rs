//! Microsoft cabinets (MS-CAB), stored and MSZIP.
//!
//! The well-known readers index by what the file states and assert it, so the
//! structures are read here; each folder is unpacked once, from its start, up to
//! the allowance. Of Quantum and LZX folders the names are listed.

use flate2::{Decompress, FlushDecompress};

use crate::file::{
    cursor::Cursor,
    open::Open,
    report::{NoteKind, Stop},
};

/// Bytes that one block yields at most (MS-CAB 2.4).
const MAX_BLOCK: usize = 32 << 10;

struct Folder {
    start: usize,
    blocks: u16,
    packing: u16,
}

struct Entry {
    name: String,
    folder: u16,
    start: usize,
    length: usize,
}

struct Cabinet {
    folders: Vec<Folder>,
    entries: Vec<Entry>,
    /// Bytes reserved in front of the content of each block.
    reserve: usize,
    /// The directory breaks off.
    damaged: bool,
}

/// Takes a cabinet apart.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let Some(cabinet) = directory(file.bytes) else {
        return file.note(NoteKind::Corrupt, "cabinet header");
    };
    if cabinet.damaged {
        file.note(NoteKind::Corrupt, "cabinet directory");
    }
    for (index, folder) in cabinet.folders.iter().enumerate() {
        let mut entries = cabinet
            .entries
            .iter()
            .filter(|entry| usize::from(entry.folder) == index)
            .peekable();
        if entries.peek().is_none() {
            continue;
        }
        if !file.has_room() {
            return;
        }
        let unpacked = unpack(file, folder, cabinet.reserve);
        for entry in entries {
            if !file.has_room() {
                return;
            }
            file.note_name(&entry.name);
            let end = entry.start.saturating_add(entry.length).min(unpacked.len());
            match unpacked.get(entry.start..end) {
                Some(content) if content.len() == entry.length || !content.is_empty() => {
                    if content.len() < entry.length {
                        file.note(NoteKind::Corrupt, &entry.name);
                    }
                    // entries may lie over each other, so each counts by itself
                    if let Some(content) = file.produce(content) {
                        file.member(Some(&entry.name), "", &content);
                    }
                }
                _ => file.unread(&entry.name, entry.length as u64, false),
            }
        }
    }
    // members that continue in another cabinet bear a folder number past the last
    for entry in &cabinet.entries {
        if usize::from(entry.folder) >= cabinet.folders.len() {
            file.unread(&entry.name, entry.length as u64, false);
        }
    }
}

/// Header, folders and files (MS-CAB 2.1 to 2.3).
fn directory(bytes: &[u8]) -> Option<Cabinet> {
    let mut at = Cursor::new(bytes);
    at.take(16)?;
    let files_at = at.length()?;
    at.take(6)?;
    let (folder_count, file_count, flags) = (at.u16()?, at.u16()?, at.u16()?);
    at.take(4)?;
    let (mut folder_reserve, mut reserve) = (0, 0);
    if flags & 4 != 0 {
        let header_reserve = at.u16()?;
        folder_reserve = usize::from(at.u8()?);
        reserve = usize::from(at.u8()?);
        at.take(usize::from(header_reserve))?;
    }
    for flag in [1, 2] {
        if flags & flag != 0 {
            at.text()?;
            at.text()?;
        }
    }
    let mut cabinet = Cabinet {
        folders: Vec::new(),
        entries: Vec::new(),
        reserve,
        damaged: false,
    };
    for _ in 0..folder_count {
        cabinet.folders.push(Folder {
            start: at.length()?,
            blocks: at.u16()?,
            packing: at.u16()?,
        });
        at.take(folder_reserve)?;
    }
    let mut at = Cursor::at(bytes, files_at)?;
    for _ in 0..file_count {
        let Some(entry) = entry(&mut at) else {
            cabinet.damaged = true;
            break;
        };
        cabinet.entries.push(entry);
    }
    Some(cabinet)
}

fn entry(at: &mut Cursor<'_>) -> Option<Entry> {
    let (length, start, folder) = (at.length()?, at.length()?, at.u16()?);
    at.take(6)?;
    Some(Entry {
        name: String::from_utf8_lossy(at.text()?).into_owned(),
        folder,
        start,
        length,
    })
}

enum Unpacker {
    Stored,
    MsZip { window: Vec<u8> },
}

impl Unpacker {
    fn of(packing: u16) -> Option<Self> {
        match packing & 0xf {
            0 => Some(Self::Stored),
            1 => Some(Self::MsZip { window: Vec::new() }),
            _ => None,
        }
    }

    /// One block. Each MSZIP block is a deflate stream of its own that refers back
    /// to the one before.
    fn block(&mut self, packed: &[u8], length: usize) -> Option<Vec<u8>> {
        match self {
            Self::Stored => Some(packed.to_vec()),
            Self::MsZip { window } => {
                let deflated = packed.strip_prefix(b"CK")?;
                let unpacked = inflate(deflated, window, length)?;
                window.extend_from_slice(&unpacked);
                window.drain(..window.len().saturating_sub(MAX_BLOCK));
                Some(unpacked)
            }
        }
    }
}

/// Inflates a block behind a window. The window goes in as a stored block, since
/// the reader of streams without a header takes no dictionary.
fn inflate(deflated: &[u8], window: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut reader = Decompress::new(false);
    if !window.is_empty() {
        let size = u16::try_from(window.len()).ok()?;
        let mut stored = vec![0];
        stored.extend_from_slice(&size.to_le_bytes());
        stored.extend_from_slice(&(!size).to_le_bytes());
        stored.extend_from_slice(window);
        let mut before = Vec::with_capacity(window.len());
        reader
            .decompress_vec(&stored, &mut before, FlushDecompress::Sync)
            .ok()?;
    }
    let mut unpacked = Vec::with_capacity(length);
    reader
        .decompress_vec(deflated, &mut unpacked, FlushDecompress::Finish)
        .ok()?;
    (unpacked.len() == length).then_some(unpacked)
}

/// The content of a folder, as far as it is sound and allowed.
fn unpack(file: &mut Open<'_, '_>, folder: &Folder, reserve: usize) -> Vec<u8> {
    let mut content = Vec::new();
    let allowance = file.allowance();
    let (Some(mut unpacker), Some(mut at)) = (
        Unpacker::of(folder.packing),
        Cursor::at(file.bytes, folder.start),
    ) else {
        file.stop(Stop::Unsupported);
        return content;
    };
    for _ in 0..folder.blocks {
        let block = (|| {
            at.take(4)?;
            let (packed, length) = (usize::from(at.u16()?), usize::from(at.u16()?));
            at.take(reserve)?;
            let packed = at.take(packed)?;
            (length <= MAX_BLOCK).then_some(())?;
            unpacker.block(packed, length)
        })();
        let Some(block) = block else {
            file.note(NoteKind::Corrupt, "cabinet content");
            break;
        };
        content.extend_from_slice(&block);
        if content.len() > allowance {
            content.truncate(allowance);
            file.stop(Stop::Member);
            break;
        }
    }
    file.run.produced_left = file.run.produced_left.saturating_sub(content.len());
    content
}
