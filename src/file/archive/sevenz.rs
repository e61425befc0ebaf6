//! 7z, with AES.
//!
//! The library believes what the archive says of the memory and of the rounds of
//! key derivation it needs, so both are looked up before it may begin.

use std::io::{Cursor, Read as _};

use memchr::memmem;
use sevenz_rust2::{Archive, ArchiveReader, EncoderMethod, Error, Password};

use crate::file::{
    cursor,
    open::Open,
    passwords::Candidate,
    report::{NoteKind, Stop},
};

/// Memory that a PPMd model may take.
const MAX_MODEL: u32 = 64 << 20;
/// Key derivation runs 2 to the power of this many rounds at most; 7-Zip itself
/// uses 19.
const MAX_POWER: u8 = 20;
/// Rounds of key derivation over all passwords that are tried.
const MAX_ROUNDS: u64 = 16 << 19;

/// Takes a 7z archive apart.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let power = match header_power(file.bytes) {
        Ok(power) => power,
        Err(()) => return file.stop(Stop::Unsupported),
    };
    if let Some(power) = power {
        // the directory itself is encrypted
        with_passwords(file, power);
        return;
    }
    let archive = match Archive::read(&mut Cursor::new(file.bytes), &Password::empty()) {
        Ok(archive) => archive,
        Err(fault) => return refuse(file, &fault),
    };
    match block_power(&archive) {
        Err(()) => file.stop(Stop::Unsupported),
        Ok(Some(power)) => {
            if !with_passwords(file, power) {
                for entry in archive.files.iter().filter(|entry| entry.has_stream) {
                    file.note_name(&entry.name);
                    file.unread(&entry.name, entry.size, true);
                }
            }
        }
        Ok(None) => {
            if let Err(fault) = unpack(file, archive, &Password::empty()) {
                refuse(file, &fault);
            }
        }
    }
}

/// Tries the candidates until the first entry comes out undamaged; whether one did.
fn with_passwords(file: &mut Open<'_, '_>, power: u8) -> bool {
    let affordable = usize::try_from(MAX_ROUNDS >> power.min(63)).unwrap_or(usize::MAX);
    for candidate in file.run.candidates().into_iter().take(affordable) {
        let password = Password::from(candidate.word.as_str());
        let Ok(archive) = Archive::read(&mut Cursor::new(file.bytes), &password) else {
            continue;
        };
        if block_power(&archive).is_err() {
            file.stop(Stop::Unsupported);
            return true;
        }
        if opens(file, &archive, &password) {
            unpack_with(file, archive, &candidate);
            return true;
        }
    }
    file.note(NoteKind::Encrypted, "7z");
    false
}

fn unpack_with(file: &mut Open<'_, '_>, archive: Archive, candidate: &Candidate) {
    file.note_opened(candidate);
    let password = Password::from(candidate.word.as_str());
    if let Err(fault) = unpack(file, archive, &password) {
        refuse(file, &fault);
    }
}

/// Whether the first entry with content can be read, or as much of it as one
/// member may produce. What that produces counts.
fn opens(file: &mut Open<'_, '_>, archive: &Archive, password: &Password) -> bool {
    let mut reader =
        ArchiveReader::from_archive(archive.clone(), Cursor::new(file.bytes), password.clone());
    reader.set_thread_count(1);
    let (mut tried, mut good) = (false, true);
    let outcome = reader.for_each_entries(|entry, stream| {
        if tried || !entry.has_stream || entry.size == 0 {
            return Ok(!tried);
        }
        tried = true;
        good = drain(file, stream, file.allowance()).is_ok();
        Ok(false)
    });
    good && outcome.is_ok()
}

/// Reads at most so many bytes, counts them and keeps nothing; whether that was
/// the end.
fn drain(
    file: &mut Open<'_, '_>,
    stream: &mut dyn std::io::Read,
    most: usize,
) -> std::io::Result<bool> {
    let count = std::io::copy(&mut stream.take(most as u64), &mut std::io::sink())?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    file.run.produced_left = file.run.produced_left.saturating_sub(count);
    Ok(count < most)
}

fn unpack(file: &mut Open<'_, '_>, archive: Archive, password: &Password) -> Result<(), Error> {
    let bytes = file.bytes;
    let mut reader = ArchiveReader::from_archive(archive, Cursor::new(bytes), password.clone());
    reader.set_thread_count(1);
    // false ends a block; the library then goes on with the next
    reader.for_each_entries(|entry, stream| {
        if !file.has_room() {
            return Ok(false);
        }
        file.note_name(&entry.name);
        if entry.is_directory || entry.is_anti_item {
            return Ok(true);
        }
        if is_link(entry.windows_attributes) {
            let mut target = Vec::new();
            stream.take(1_024).read_to_end(&mut target)?;
            file.note_link(&entry.name, &String::from_utf8_lossy(&target));
        } else {
            let Some(unpacked) = file.produce(&mut *stream) else {
                return Ok(false);
            };
            file.member(Some(&entry.name), "", &unpacked);
        }
        // what is left of a long member must be decoded to reach the next, and that
        // counts too
        let left = file.run.produced_left;
        Ok(drain(file, stream, left)?)
    })
}

/// Unix mode in the upper half of the attributes (7-Zip's extension, bit 15): a
/// symbolic link; or a reparse point of Windows.
const fn is_link(attributes: u32) -> bool {
    let unix = attributes & 0x8000 != 0 && (attributes >> 16) & 0o170_000 == 0o120_000;
    unix || attributes & 0x400 != 0
}

fn refuse(file: &mut Open<'_, '_>, fault: &Error) {
    match fault {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => {
            file.note(NoteKind::Encrypted, "7z");
        }
        Error::Unsupported(_)
        | Error::UnsupportedCompressionMethod(_)
        | Error::UnsupportedVersion { .. }
        | Error::MaxMemLimited { .. }
        | Error::ExternalUnsupported => file.stop(Stop::Unsupported),
        fault => file.note(NoteKind::Corrupt, &fault.to_string()),
    }
}

/// What the coders of a packed directory ask for, read from the bytes that
/// describe it: the power of the key derivation, `None` without encryption, and an
/// error where it asks for more than is given.
fn header_power(bytes: &[u8]) -> Result<Option<u8>, ()> {
    let header = (|| {
        let mut start = cursor::Cursor::at(bytes, 12)?;
        let offset = usize::try_from(u64::from_le_bytes(start.array()?)).ok()?;
        let size = usize::try_from(u64::from_le_bytes(start.array()?)).ok()?;
        let mut header = cursor::Cursor::at(bytes, offset.checked_add(32)?)?;
        header.take(size)
    })();
    // without a start header the library searches the directory from the end
    let lost = bytes
        .get(8..32)
        .is_none_or(|start| start.iter().all(|b| *b == 0));
    let searched = if lost {
        bytes.get(bytes.len().saturating_sub(1 << 20)..)
    } else {
        // 0x17 stands for a packed directory
        header.filter(|header| header.first() == Some(&0x17))
    };
    let searched = searched.unwrap_or_default();
    let mut power = None;
    // coder byte, identifier, length of properties, properties
    for at in memmem::find_iter(searched, b"\x24\x06\xf1\x07\x01").take(16) {
        let first = searched.get(at + 6).copied().unwrap_or_default() & 63;
        power = power.max(Some(first));
    }
    for at in memmem::find_iter(searched, b"\x23\x03\x04\x01\x05").take(16) {
        let model = searched.get(at + 5..at + 10).unwrap_or_default();
        within(EncoderMethod::ID_PPMD, model)?;
    }
    match power {
        Some(power) if power > MAX_POWER => Err(()),
        power => Ok(power),
    }
}

/// The same of the coders of the content.
fn block_power(archive: &Archive) -> Result<Option<u8>, ()> {
    let mut power = None;
    for coder in archive.blocks.iter().flat_map(|block| &block.coders) {
        within(coder.encoder_method_id(), coder.properties())?;
        if coder.encoder_method_id() == EncoderMethod::ID_AES256_SHA256 {
            let first = coder.properties().first().copied().unwrap_or_default() & 63;
            power = power.max(Some(first));
        }
    }
    Ok(power)
}

fn within(method: &[u8], properties: &[u8]) -> Result<(), ()> {
    if method == EncoderMethod::ID_PPMD {
        let mut model = cursor::Cursor::new(properties);
        let memory = model.u8().and_then(|_order| model.u32());
        return (memory.is_some_and(|memory| memory <= MAX_MODEL))
            .then_some(())
            .ok_or(());
    }
    if method == EncoderMethod::ID_AES256_SHA256 {
        let first = properties.first().copied().unwrap_or_default() & 63;
        return (first <= MAX_POWER).then_some(()).ok_or(());
    }
    Ok(())
}
