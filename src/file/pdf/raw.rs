//! What can be read of a PDF that does not load, or may not.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

use super::{
    super::{
        open::Open,
        report::{LinkSource, NoteKind},
        script,
    },
    OBJECT_STREAM,
};

/// Streams that are inflated when the document does not load.
const MAX_STREAMS: usize = 300;
/// How far a keyword may stand from the one it belongs to.
const WINDOW: usize = 4_096;

/// Inflates the stream whose keyword stands at `at`, up to `most` bytes.
pub(super) fn inflated(bytes: &[u8], at: usize, most: usize) -> Vec<u8> {
    let data = bytes.get(at + 6..).unwrap_or_default();
    let data = data.strip_prefix(b"\r").unwrap_or(data);
    let data = data.strip_prefix(b"\n").unwrap_or(data);
    let mut content = Vec::new();
    // a damaged end is no loss: what came before it counts
    let _ = ZlibDecoder::new(data)
        .take(most as u64)
        .read_to_end(&mut content);
    content
}

/// Reads links and the names of actions from the bytes and from the streams that
/// inflate.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let bytes = file.bytes;
    words(file, bytes);
    let starts = memchr::memmem::find_iter(bytes, b"stream")
        .filter(|at| !bytes.get(..*at).is_some_and(|head| head.ends_with(b"end")))
        .take(MAX_STREAMS);
    for start in starts {
        if file.allowance() == 0 {
            return;
        }
        let content = inflated(bytes, start, file.allowance().min(OBJECT_STREAM));
        if let Some(content) = file.produce(content.as_slice()) {
            words(file, &content);
        }
    }
}

fn words(file: &mut Open<'_, '_>, bytes: &[u8]) {
    for (word, kind) in [
        (&b"/JavaScript"[..], NoteKind::PdfScript),
        (b"/JS", NoteKind::PdfScript),
        (b"/OpenAction", NoteKind::PdfOpenAction),
        (b"/Launch", NoteKind::PdfLaunch),
        (b"/SubmitForm", NoteKind::PdfSubmit),
        (b"/EmbeddedFile", NoteKind::EmbeddedObject),
    ] {
        let Some(at) = memchr::memmem::find(bytes, word) else {
            continue;
        };
        let after = bytes.get(at..bytes.len().min(at + 160)).unwrap_or_default();
        let after: String = after
            .iter()
            .map(|b| char::from(*b))
            .filter(|c| c.is_ascii_graphic() || *c == ' ')
            .collect();
        // a destination in brackets or a reference says nothing of an action
        let opening = after.trim_start_matches("/OpenAction").trim_start();
        if kind != NoteKind::PdfOpenAction || opening.starts_with("<<") {
            file.note(kind, &after);
        }
    }
    for at in memchr::memmem::find_iter(bytes, b"/URI").take(1_000) {
        let after = bytes
            .get(at + 4..bytes.len().min(at + WINDOW))
            .unwrap_or_default()
            .trim_ascii_start();
        if let Some(string) = after.strip_prefix(b"(") {
            let end = string.iter().position(|b| *b == b')').unwrap_or_default();
            let target = string.get(..end).unwrap_or_default();
            file.link(LinkSource::Click, &script::text_of(target), "");
        }
    }
    let latin: String = bytes
        .iter()
        .map(|b| if b.is_ascii() { char::from(*b) } else { ' ' })
        .collect();
    script::links(file, LinkSource::Text, &latin);
}
