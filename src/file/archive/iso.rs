//! ISO 9660 with Joliet (ECMA-119; Joliet specification 1.0).

use std::collections::HashSet;

use crate::file::{
    cursor::Cursor,
    open::Open,
    report::{NoteKind, Stop},
};

/// Bytes of a sector.
const SECTOR: usize = 2_048;
/// Directories that are read.
const MAX_FOLDERS: usize = 1_000;
/// Directory records that are read, files and folders together.
const MAX_RECORDS: usize = 20_000;

/// Where a folder or file lies in the image.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Extent {
    start: usize,
    length: usize,
}

struct Record {
    name: String,
    extent: Extent,
    is_folder: bool,
    continues: bool,
}

/// One tree of the image: its root and how its names are written.
#[derive(Clone, Copy)]
struct Tree {
    root: Extent,
    block: usize,
    joliet: bool,
}

/// Takes an image apart: the tree that Windows shows, then what only the plain
/// tree holds.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let mut trees = trees(file.bytes);
    if trees.is_empty() {
        // UDF alone
        return file.stop(Stop::Unsupported);
    }
    trees.sort_by_key(|tree| !tree.joliet);
    let mut records_left = MAX_RECORDS;
    let mut seen = HashSet::new();
    for tree in trees {
        walk(file, tree, &mut seen, &mut records_left);
    }
}

/// The volume descriptors (ECMA-119 8.4 and 8.5).
fn trees(bytes: &[u8]) -> Vec<Tree> {
    let mut found = Vec::new();
    for sector in 16..32 {
        let Some(descriptor) = bytes.get(sector * SECTOR..(sector + 1) * SECTOR) else {
            break;
        };
        if descriptor.get(1..6) != Some(b"CD001") {
            break;
        }
        let kind = descriptor.first().copied().unwrap_or_default();
        let escape = descriptor.get(88..91).unwrap_or_default();
        let joliet = kind == 2 && [b"%/@", b"%/C", b"%/E"].iter().any(|e| escape == *e);
        let block = Cursor::at(descriptor, 128).and_then(|mut at| at.u16());
        let block = usize::from(block.unwrap_or_default());
        if kind == 255 {
            break;
        }
        if (kind == 1 || joliet)
            && let Some(root) = descriptor.get(156..190)
            && let Some(record) = record(root, block, false)
        {
            found.push(Tree {
                root: record.extent,
                block,
                joliet,
            });
        }
    }
    found
}

fn walk(file: &mut Open<'_, '_>, tree: Tree, seen: &mut HashSet<Extent>, records_left: &mut usize) {
    let bytes = file.bytes;
    let mut waiting = vec![(String::new(), tree.root)];
    let mut folders = HashSet::new();
    while let Some((path, extent)) = waiting.pop() {
        if !folders.insert(extent.start) {
            continue;
        }
        if folders.len() > MAX_FOLDERS {
            return file.stop(Stop::Members);
        }
        let Some(listing) = slice(bytes, extent) else {
            file.note(NoteKind::Corrupt, "a folder lies outside the image");
            continue;
        };
        let mut parts: Vec<Extent> = Vec::new();
        for record in records(listing, tree) {
            if *records_left == 0 {
                return file.stop(Stop::Members);
            }
            *records_left -= 1;
            let name = format!("{path}{}", record.name);
            if record.is_folder {
                waiting.push((format!("{name}/"), record.extent));
                continue;
            }
            parts.push(record.extent);
            if record.continues {
                continue;
            }
            let parts = std::mem::take(&mut parts);
            if parts.first().is_some_and(|first| !seen.insert(*first)) {
                continue;
            }
            if !file.has_room() {
                return;
            }
            file.note_name(&name);
            content(file, &name, &parts);
        }
    }
}

/// The content of a file out of its extents, counted like any other member.
fn content(file: &mut Open<'_, '_>, name: &str, parts: &[Extent]) {
    let bytes = file.bytes;
    let slices: Vec<&[u8]> = parts.iter().map_while(|part| slice(bytes, *part)).collect();
    if slices.len() < parts.len() {
        file.note(NoteKind::Corrupt, name);
    }
    let stream = slices.into_iter().fold(
        Box::new(std::io::empty()) as Box<dyn std::io::Read + '_>,
        |so_far, next| Box::new(std::io::Read::chain(so_far, next)),
    );
    if let Some(unpacked) = file.produce(stream) {
        file.member(Some(name), "", &unpacked);
    }
}

fn slice(bytes: &[u8], extent: Extent) -> Option<&[u8]> {
    bytes.get(extent.start..extent.start.checked_add(extent.length)?)
}

/// The records of a folder; a record does not cross a sector, and a zero length
/// passes on to the next (ECMA-119 6.8.1.1).
fn records(listing: &[u8], tree: Tree) -> impl Iterator<Item = Record> {
    listing.chunks(SECTOR).flat_map(move |sector| {
        let mut rest = sector;
        std::iter::from_fn(move || {
            let length = usize::from(*rest.first()?);
            let (head, tail) = rest.split_at_checked(length)?;
            rest = tail;
            (length >= 34).then_some(head)
        })
        .filter_map(move |head| record(head, tree.block, tree.joliet))
        // the folder itself and its parent are named 0 and 1
        .filter(|record| !matches!(record.name.as_str(), "\0" | "\u{1}"))
    })
}

/// One directory record (ECMA-119 9.1).
fn record(head: &[u8], block: usize, joliet: bool) -> Option<Record> {
    let start = usize::try_from(Cursor::at(head, 2)?.u32()?).ok()?;
    let length = usize::try_from(Cursor::at(head, 10)?.u32()?).ok()?;
    let flags = *head.get(25)?;
    let mut name = Cursor::at(head, 32)?;
    let name_length = usize::from(name.u8()?);
    let raw = name.take(name_length)?;
    let name = if joliet && name_length > 1 {
        let units: Vec<u16> = raw
            .as_chunks()
            .0
            .iter()
            .map(|pair| u16::from_be_bytes(*pair))
            .collect();
        String::from_utf16_lossy(&units)
    } else {
        String::from_utf8_lossy(raw).into_owned()
    };
    let name = name.split_once(';').map_or(name.as_str(), |(name, _)| name);
    Some(Record {
        name: name.to_owned(),
        extent: Extent {
            start: start.checked_mul(if block == 0 { SECTOR } else { block })?,
            length,
        },
        is_folder: flags & 2 != 0,
        continues: flags & 0x80 != 0,
    })
}
