//! Bytes of a text of unknown character set into text.

use mail_parser::decoders::charsets::map::charset_decoder;

/// Decodes by byte order mark, by the look of UTF-16, as UTF-8, and at last as
/// Windows-1252.
pub(in crate::file) fn text_of(bytes: &[u8]) -> String {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ if is_wide(bytes, 1) => utf16(bytes, u16::from_le_bytes),
        _ if is_wide(bytes, 0) => utf16(bytes, u16::from_be_bytes),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => charset_decoder(b"windows-1252").map_or_else(
                || String::from_utf8_lossy(bytes).into_owned(),
                |decode| decode(bytes),
            ),
        },
    }
}

/// Whether every second byte of the beginning is zero, as in UTF-16 of Latin text.
fn is_wide(bytes: &[u8], at: usize) -> bool {
    let pairs = || bytes.chunks_exact(2).take(64);
    let zero = |wanted: usize| pairs().filter(|pair| pair.get(wanted) == Some(&0)).count();
    pairs().count() >= 2 && zero(at) * 10 >= pairs().count() * 9 && zero(1 - at) == 0
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes
        .chunks_exact(2)
        .filter_map(|pair| <[u8; 2]>::try_from(pair).ok())
        .map(unit);
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// The runs of at least six printable characters in a binary, one to a line:
/// those of one byte a character, then those of two. At most `most` bytes.
pub(in crate::file) fn printable(bytes: &[u8], most: usize) -> String {
    let mut out = String::new();
    narrow(bytes, most, &mut out);
    for shift in 0..2 {
        wide(bytes.get(shift..).unwrap_or_default(), most, &mut out);
    }
    out
}

/// Runs shorter than this are noise.
const MIN_RUN: usize = 6;

fn narrow(bytes: &[u8], most: usize, out: &mut String) {
    for run in bytes.split(|b| !(b.is_ascii_graphic() || matches!(b, b' ' | b'\t'))) {
        if run.len() >= MIN_RUN && out.len() + run.len() < most {
            out.push_str(&String::from_utf8_lossy(run));
            out.push('\n');
        }
    }
}

fn wide(bytes: &[u8], most: usize, out: &mut String) {
    let mut run = String::new();
    let mut length = 0;
    for pair in bytes.chunks_exact(2) {
        let unit = pair.try_into().map(u16::from_le_bytes).unwrap_or_default();
        let shown = match unit {
            9 | 0x20..=0x7e | 0xa0..=0x24f | 0x370..=0x52f => char::from_u32(u32::from(unit)),
            _ => None,
        };
        if let Some(c) = shown {
            run.push(c);
            length += 1;
            continue;
        }
        keep(&mut run, length, most, out);
        length = 0;
    }
    keep(&mut run, length, most, out);
}

fn keep(run: &mut String, length: usize, most: usize, out: &mut String) {
    if length >= MIN_RUN && out.len() + run.len() < most {
        out.push_str(run);
        out.push('\n');
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_all_common_kinds_are_decoded() {
        let wide: Vec<u8> = "hé".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(text_of(&[&[0xff, 0xfe], wide.as_slice()].concat()), "hé");
        let bare: Vec<u8> = "http".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(text_of(&bare), "http");
        assert_eq!(text_of("hé".as_bytes()), "hé");
        assert_eq!(text_of(b"h\xe9"), "hé");
        assert_eq!(text_of(b""), "");
    }

    #[test]
    fn words_in_a_binary_are_found() {
        let mut bytes = b"\x01\x02powershell\x00\xffabc\x00".to_vec();
        bytes.extend("\u{1}C:\\a.exe\0".encode_utf16().flat_map(u16::to_le_bytes));
        let found = printable(&bytes, 1_000);
        assert!(
            found.contains("powershell\n") && found.contains("C:\\a.exe\n"),
            "{found}"
        );
        assert!(!found.contains("abc"));
    }
}
