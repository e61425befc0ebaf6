//! ZIP (APPNOTE 6.3), with members under ZipCrypto and AES.

use std::io::{Cursor, Read as _};

use flate2::read::DeflateDecoder;
use zip::{
    CompressionMethod,
    read::{Config, OwnedZipFileEntry, ZipReadOptions},
    result::ZipError,
    unstable::read::ZipIterable,
};

use crate::file::{
    open::Open,
    passwords::Candidate,
    report::{NoteKind, Stop},
};

/// Bytes read of a link's target.
const MAX_TARGET: u64 = 1_024;

/// Takes a ZIP apart, entry by entry in the order of its directory: an index by
/// name would lose entries that share one.
pub(in crate::file) fn look(file: &mut Open<'_, '_>) {
    let bytes = file.bytes;
    let mut archive = match ZipIterable::try_new(Cursor::new(bytes), Config::default()) {
        Ok(archive) => archive,
        Err(fault) => return file.note(NoteKind::Corrupt, &fault.to_string()),
    };
    let entries = match archive.files() {
        Ok(entries) => entries,
        Err(fault) => return file.note(NoteKind::Corrupt, &fault.to_string()),
    };
    let mut candidates = file.run.candidates();
    for entry in entries {
        let entry = match entry {
            Ok(entry) => OwnedZipFileEntry::from(entry),
            Err(fault) => return file.note(NoteKind::Corrupt, &fault.to_string()),
        };
        let name = match entry.name() {
            Ok(name) => name.into_owned(),
            Err(_) => String::from_utf8_lossy(entry.name_raw()).into_owned(),
        };
        if entry.is_dir() && entry.size() == 0 {
            file.note_name(&name);
            continue;
        }
        if !file.has_room() {
            return;
        }
        file.note_name(&name);
        if entry.is_symlink() {
            let mut target = Vec::new();
            let options = ZipReadOptions::new();
            if let Ok(stream) = entry.as_ref().with_reader(&mut Cursor::new(bytes), options) {
                // a target that breaks off is shown as far as it came
                let _ = stream.take(MAX_TARGET).read_to_end(&mut target);
            }
            file.note_link(&name, &String::from_utf8_lossy(&target));
            continue;
        }
        let unpacked = if entry.encrypted() {
            encrypted(file, &entry, &mut candidates)
        } else {
            plain(file, &entry)
        };
        if let Some(unpacked) = unpacked {
            file.member(Some(&name), "", &unpacked);
        }
    }
}

fn plain(file: &mut Open<'_, '_>, entry: &OwnedZipFileEntry) -> Option<Vec<u8>> {
    let bytes = file.bytes;
    let mut source = Cursor::new(bytes);
    let stream = match entry
        .as_ref()
        .with_reader(&mut source, ZipReadOptions::new())
    {
        Ok(stream) => stream,
        Err(fault) => {
            refuse(file, &fault);
            return None;
        }
    };
    if entry.compression() == CompressionMethod::Bzip2 {
        return file.produce_slowly(stream);
    }
    let start = stream.data_start();
    let (unpacked, fault) = file.try_produce(stream);
    let Some(fault) = fault else {
        return Some(unpacked);
    };
    file.note(NoteKind::Corrupt, &fault.to_string());
    // the library ends where the stated size does; other programs do not
    let packed = start
        .and_then(|start| bytes.get(usize::try_from(start).ok()?..))
        .filter(|_| entry.compression() == CompressionMethod::Deflated);
    match packed {
        Some(packed) => {
            let size = usize::try_from(entry.compressed_size()).unwrap_or(usize::MAX);
            let packed = packed.get(..size).unwrap_or(packed);
            let (whole, _) = file.try_produce(DeflateDecoder::new(packed));
            Some(whole).filter(|whole| !whole.is_empty())
        }
        None => Some(unpacked).filter(|unpacked| !unpacked.is_empty()),
    }
}

/// Tries the candidates; the one that fits goes to their front, since the members
/// of an archive mostly share it.
fn encrypted(
    file: &mut Open<'_, '_>,
    entry: &OwnedZipFileEntry,
    candidates: &mut [Candidate],
) -> Option<Vec<u8>> {
    for at in 0..candidates.len() {
        let candidate = candidates.get(at)?.clone();
        let mut source = Cursor::new(file.bytes);
        let options = ZipReadOptions::new().password(Some(candidate.word.as_bytes()));
        match entry.as_ref().with_reader(&mut source, options) {
            Ok(stream) => {
                // the check of ZipCrypto lets one wrong password of 256 pass, which
                // then shows as damage
                let before = file.report.stops.len();
                let (unpacked, fault) = file.try_produce(stream);
                if fault.is_none() {
                    file.note_opened(&candidate);
                    if let Some(tried) = candidates.get_mut(..=at) {
                        tried.rotate_right(1);
                    }
                    return Some(unpacked);
                }
                file.report.stops.truncate(before);
                if !file.has_room() {
                    return None;
                }
            }
            Err(ZipError::InvalidPassword) => {}
            Err(fault) => {
                refuse(file, &fault);
                break;
            }
        }
    }
    let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
    file.note(NoteKind::Encrypted, &name);
    file.unread(&name, entry.size(), true);
    None
}

fn refuse(file: &mut Open<'_, '_>, fault: &ZipError) {
    match fault {
        ZipError::CompressionMethodNotSupported(_) | ZipError::UnsupportedArchive(_) => {
            file.stop(Stop::Unsupported);
        }
        _ => file.note(NoteKind::Corrupt, &fault.to_string()),
    }
}
