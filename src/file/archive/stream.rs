//! One packed stream: gzip, xz, bzip2.

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;

use crate::file::{kind::FileKind, open::Open};

/// Memory for the dictionary of an xz stream, in KiB.
const MAX_DICTIONARY_KIB: u32 = 128 << 10;

/// Unpacks the stream; its one member bears the name without its last ending, or
/// the one that gzip keeps of it (RFC 1952).
pub(super) fn look(file: &mut Open<'_, '_>) {
    if !file.has_room() {
        return;
    }
    let bytes = file.bytes;
    let mut name = None;
    let unpacked = match file.report.kind {
        FileKind::Gzip => {
            let stream = MultiGzDecoder::new(bytes);
            name = stream
                .header()
                .and_then(|header| header.filename())
                .map(|name| String::from_utf8_lossy(name).into_owned());
            file.produce(stream)
        }
        FileKind::Xz => file.produce(XzReader::new_mem_limit(bytes, true, MAX_DICTIONARY_KIB)),
        _ => file.produce_slowly(MultiBzDecoder::new(bytes)),
    };
    if let Some(name) = &name {
        file.note_name(name);
    }
    let outer = file.report.name.as_ref().map(|name| name.exposed().clone());
    let name = name.or_else(|| outer.as_deref().map(without_ending));
    if let Some(unpacked) = unpacked {
        file.member(name.as_deref(), "", &unpacked);
    }
}

fn without_ending(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, ending)) if ["tgz", "txz", "tbz2"].contains(&ending) => format!("{stem}.tar"),
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => name.to_owned(),
    }
}
