//! Pictures within the streams of binary documents, found by how they begin and
//! end.

use super::super::open::Open;

/// Pictures taken out of one stream.
const MAX_PICTURES: usize = 10;
/// Shorter ones are lines and bullets.
const MIN_BYTES: usize = 400;

/// Takes the PNG and JPEG pictures out of a stream, as members.
pub(super) fn pictures(file: &mut Open<'_, '_>, bytes: &[u8]) {
    let png = between(bytes, b"\x89PNG\r\n\x1a\n", b"IEND\xaeB\x60\x82");
    let jpeg = between(bytes, b"\xff\xd8\xff", b"\xff\xd9");
    for (picture, claimed) in png
        .map(|p| (p, "image/png"))
        .chain(jpeg.map(|p| (p, "image/jpeg")))
        .filter(|(picture, _)| picture.len() >= MIN_BYTES)
        .take(MAX_PICTURES)
    {
        file.member(None, claimed, picture);
    }
}

/// What lies between beginnings and the next end, without overlap.
fn between<'b>(
    bytes: &'b [u8],
    begins: &'static [u8],
    ends: &'static [u8],
) -> impl Iterator<Item = &'b [u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let start = memchr::memmem::find(rest, begins)?;
        let from = rest.get(start..)?;
        let end = memchr::memmem::find(from, ends)? + ends.len();
        let (picture, tail) = from.split_at_checked(end)?;
        rest = tail;
        Some(picture)
    })
}
