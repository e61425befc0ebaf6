//! VBA projects ([MS-OVBA]): the source of their modules.

use std::{collections::BTreeMap, io::Cursor};

use cfb::CompoundFile;

use super::{
    super::{
        open::Open,
        report::{NoteKind, Stop},
        script::text_of,
    },
    compound, macros,
};

/// Modules that are read.
const MAX_MODULES: usize = 200;
/// Bytes of the source of one module.
const MAX_SOURCE: usize = 2 << 20;
/// How the compressed source of every module that programs write begins:
/// `Attribute VB_Name`, its first eight letters behind a byte of flags.
const FIRST: &[u8] = b"\0Attribut";
/// A record of the `dir` stream: the name of a module's stream (section 2.3.4.2.3.2.3).
const STREAM_NAME: u16 = 0x001a;
/// A record of the `dir` stream: where the source begins (section 2.3.4.2.3.2.5).
const OFFSET: u16 = 0x0031;
/// A record of the `dir` stream that is two bytes longer than it says.
const VERSION: u16 = 0x0009;

/// Reads a project that is a file of its own (`vbaProject.bin`).
pub(super) fn look(file: &mut Open<'_, '_>, bytes: &[u8]) {
    file.note(NoteKind::Macro, "VBA project");
    match CompoundFile::open(Cursor::new(bytes)) {
        Ok(mut container) => {
            let streams = compound::streams(&container);
            project(file, &mut container, &streams);
        }
        Err(error) => {
            file.note(NoteKind::Corrupt, &error.to_string());
            scattered(file, bytes);
        }
    }
}

/// Reads all modules of a compound file. Whether there was one.
pub(super) fn project(
    file: &mut Open<'_, '_>,
    container: &mut CompoundFile<Cursor<&[u8]>>,
    streams: &[compound::Found],
) -> bool {
    let in_project = |path: &std::path::Path| {
        path.parent()
            .and_then(|parent| parent.file_name())
            .is_some_and(|name| name.eq_ignore_ascii_case("VBA"))
    };
    let mut offsets = BTreeMap::new();
    let mut any = false;
    for stream in streams.iter().filter(|stream| in_project(&stream.path)) {
        if stream.name.eq_ignore_ascii_case("dir")
            && let Some(bytes) = compound::read(file, container, stream)
            && let Some(records) = decompress(&bytes, MAX_SOURCE)
        {
            offsets.extend(modules(&records));
        }
    }
    for stream in streams
        .iter()
        .filter(|stream| in_project(&stream.path))
        .take(MAX_MODULES)
    {
        if stream.name.eq_ignore_ascii_case("dir") || stream.name.starts_with("__SRP") {
            continue;
        }
        let Some(bytes) = compound::read(file, container, stream) else {
            continue;
        };
        let source = offsets
            .get(&stream.name.to_lowercase())
            .and_then(|at| decompress(bytes.get(*at..)?, MAX_SOURCE))
            .or_else(|| sources(&bytes).next());
        if let Some(source) = source {
            any = true;
            file.note(NoteKind::Macro, &stream.name);
            module(file, &source);
        }
    }
    any
}

/// Reads the modules whose beginning shows in bytes of unknown order.
pub(super) fn scattered(file: &mut Open<'_, '_>, bytes: &[u8]) {
    for source in sources(bytes).take(MAX_MODULES) {
        file.note(NoteKind::Macro, "VBA module");
        module(file, &source);
    }
}

fn module(file: &mut Open<'_, '_>, source: &[u8]) {
    if source.len() >= MAX_SOURCE {
        file.stop(Stop::Member);
    }
    if let Some(source) = file.produce(source) {
        macros::look(file, &text_of(&source));
    }
}

/// The sources that are found by how they begin.
fn sources(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    memchr::memmem::find_iter(bytes, FIRST)
        .filter_map(|at| decompress(bytes.get(at.checked_sub(3)?..)?, MAX_SOURCE))
}

/// Where the source of each module begins, by the name of its stream in lower case.
fn modules(records: &[u8]) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let mut name = String::new();
    let mut rest = records;
    while let Some((head, tail)) = rest.split_first_chunk::<6>() {
        let [a, b, c, d, e, f] = *head;
        let kind = u16::from_le_bytes([a, b]);
        let length = u32::from_le_bytes([c, d, e, f]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let length = if kind == VERSION { 6 } else { length };
        let Some((value, tail)) = tail.split_at_checked(length) else {
            break;
        };
        match (kind, value) {
            (STREAM_NAME, value) => name = text_of(value).to_lowercase(),
            (OFFSET, [a, b, c, d]) => {
                let at = u32::from_le_bytes([*a, *b, *c, *d]);
                found.insert(
                    std::mem::take(&mut name),
                    usize::try_from(at).unwrap_or(usize::MAX),
                );
            }
            _ => {}
        }
        rest = tail;
    }
    found
}

/// Decompresses a container (section 2.4.1) up to `most` bytes. `None` when it is
/// none; of a damaged one, what came before the damage.
pub(super) fn decompress(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut rest = bytes.strip_prefix(&[1])?;
    let mut out = Vec::new();
    while let Some((header, tail)) = rest.split_first_chunk::<2>() {
        let header = u16::from_le_bytes(*header);
        // three bits that are always 0b011
        if (header >> 12) & 7 != 3 || out.len() >= most {
            break;
        }
        let length = usize::from(header & 0x0fff) + 1;
        let (chunk, after) = tail.split_at_checked(length).unwrap_or((tail, &[]));
        if header & 0x8000 == 0 {
            out.extend_from_slice(chunk);
        } else if expand(chunk, &mut out).is_none() {
            break;
        }
        rest = after;
    }
    out.truncate(most);
    (!out.is_empty()).then_some(out)
}

/// Expands one chunk: literals, and copies of what came before in the same chunk
/// (section 2.4.1.3.19). A chunk has at most 4,096 bytes; more is damage.
fn expand(mut chunk: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    while let Some((flags, tail)) = chunk.split_first() {
        chunk = tail;
        for bit in 0..8 {
            if chunk.is_empty() {
                return Some(());
            }
            let produced = out.len() - start;
            if flags >> bit & 1 == 0 {
                let (literal, tail) = chunk.split_first()?;
                out.push(*literal);
                chunk = tail;
            } else {
                let (token, tail) = chunk.split_first_chunk::<2>()?;
                chunk = tail;
                let token = u16::from_le_bytes(*token);
                // the more there is to point at, the more bits the distance has
                let bits = (4..12).find(|bits| produced <= 1 << bits).unwrap_or(12);
                let length = usize::from(token & (0xffff >> bits)) + 3;
                let distance = usize::from(token >> (16 - bits)) + 1;
                if distance > produced {
                    return None;
                }
                for _ in 0..length {
                    let byte = *out.get(out.len().checked_sub(distance)?)?;
                    out.push(byte);
                }
            }
            if out.len() - start > 4_096 {
                return None;
            }
        }
    }
    Some(())
}
