//! What containers with many uses hold: ZIP and compound files.

use std::io::Cursor;

use memchr::memmem;
use zip::{read::Config, unstable::read::ZipIterable};

use super::FileKind;

/// Entries of a ZIP's directory that are looked at for its kind.
const MAX_NAMES: usize = 4_000;

/// Which kind of ZIP it is, by the names in its directory.
pub(super) fn zip(bytes: &[u8]) -> FileKind {
    let Ok(mut archive) = ZipIterable::try_new(Cursor::new(bytes), Config::default()) else {
        return FileKind::Zip;
    };
    let Ok(entries) = archive.files() else {
        return FileKind::Zip;
    };
    let (mut types, mut package, mut office, mut open) = (false, false, false, false);
    for entry in entries.take(MAX_NAMES).map_while(Result::ok) {
        let name = String::from_utf8_lossy(entry.name_raw()).to_ascii_lowercase();
        types |= name == "[content_types].xml";
        package |= name == "appxmanifest.xml" || name == "extension.vsixmanifest";
        office |= ["word/", "xl/", "ppt/", "visio/", "_rels/.rels"]
            .iter()
            .any(|start| name.starts_with(start));
        open |= name == "mimetype" || name == "meta-inf/manifest.xml";
    }
    if types && office && !package {
        FileKind::OfficeXml
    } else if open && memmem::find(bytes, b"application/vnd.oasis.opendocument").is_some() {
        FileKind::OpenDocument
    } else {
        FileKind::Zip
    }
}

/// Which kind of compound file it is, by the names at its root, or where it is too
/// damaged for that by the names anywhere in it.
pub(super) fn compound(bytes: &[u8]) -> FileKind {
    let names: Vec<String> = match cfb::CompoundFile::open(Cursor::new(bytes)) {
        Ok(file) => file
            .read_root_storage()
            .take(MAX_NAMES)
            .map(|entry| entry.name().to_owned())
            .collect(),
        Err(_) => [
            "__properties_version1.0",
            "WordDocument",
            "Workbook",
            "PowerPoint Document",
        ]
        .into_iter()
        .filter(|name| {
            let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            memmem::find(bytes, &wide).is_some()
        })
        .map(str::to_owned)
        .collect(),
    };
    let has = |wanted: &[&str]| {
        names
            .iter()
            .any(|name| wanted.iter().any(|w| name.eq_ignore_ascii_case(w)))
    };
    if has(&["__properties_version1.0", "__nameid_version1.0"]) {
        FileKind::Msg
    } else if has(&["WordDocument", "Workbook", "Book", "PowerPoint Document"]) {
        FileKind::OfficeLegacy
    } else {
        FileKind::CompoundFile
    }
}

/// Whether a compound file is an installer, by the class of its root (MS-CFB 2.6.1;
/// `000C1084-0000-0000-C000-000000000046` is Windows Installer).
pub(super) fn is_installer(bytes: &[u8]) -> bool {
    let class = b"\x84\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46";
    let patch = b"\x86\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46";
    memmem::find(bytes, class).is_some() || memmem::find(bytes, patch).is_some()
}

/// Whether a ZIP directory ends the file, within 64 bytes of its end (APPNOTE
/// 4.3.16).
pub(super) fn ends_as_zip(bytes: &[u8]) -> bool {
    let from = bytes.len().saturating_sub(66_000);
    let tail = bytes.get(from..).unwrap_or_default();
    let Some(end) = memmem::rfind(tail, b"PK\x05\x06").and_then(|at| tail.get(at..)) else {
        return false;
    };
    let number = |at: usize, bytes: usize| {
        end.get(at..at + bytes).map(|field| {
            field
                .iter()
                .rev()
                .fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte))
        })
    };
    let (Some(entries), Some(size), Some(comment)) = (number(10, 2), number(12, 4), number(20, 2))
    else {
        return false;
    };
    let held = 22 + comment;
    entries > 0 && size >= 46 && size < bytes.len() && held <= end.len() && end.len() - held <= 64
}
