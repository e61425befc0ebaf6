//! Transfer encodings and character sets, leniently and in one pass.

use mail_parser::decoders::charsets::map::charset_decoder;

/// Bytes of a part and whether its encoding was damaged.
pub(super) struct Decoded {
    pub bytes: Vec<u8>,
    pub damaged: bool,
    /// Data stands behind the padding: programs disagree whether to read it.
    pub ambiguous: bool,
}

/// Base64 that skips what does not belong, as mail programs do.
pub(super) fn base64(input: &[u8]) -> Decoded {
    let mut bytes = Vec::with_capacity(input.len() / 4 * 3 + 3);
    let (mut chunk, mut count) = (0u32, 0u8);
    let (mut damaged, mut ambiguous, mut padded) = (false, false, false);
    for &byte in input {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                flush(&mut bytes, chunk, count);
                (chunk, count, padded) = (0, 0, true);
                continue;
            }
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            _ => {
                damaged = true;
                continue;
            }
        };
        ambiguous |= padded;
        chunk = (chunk << 6) | u32::from(value);
        count += 1;
        if count == 4 {
            let [_, a, b, c] = chunk.to_be_bytes();
            bytes.extend_from_slice(&[a, b, c]);
            (chunk, count) = (0, 0);
        }
    }
    damaged |= count != 0 && !padded;
    flush(&mut bytes, chunk, count);
    Decoded {
        bytes,
        damaged,
        ambiguous,
    }
}

fn flush(bytes: &mut Vec<u8>, chunk: u32, count: u8) {
    let [_, a, b, _] = match count {
        2 => (chunk << 12).to_be_bytes(),
        3 => (chunk << 6).to_be_bytes(),
        _ => return,
    };
    bytes.push(a);
    if count == 3 {
        bytes.push(b);
    }
}

/// Quoted-printable; an escape that is none stays as it stands.
pub(super) fn quoted_printable(input: &[u8]) -> Decoded {
    let mut bytes = Vec::with_capacity(input.len());
    let mut damaged = false;
    let mut rest = input;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'=' {
            bytes.push(first);
            continue;
        }
        match tail {
            [b'\r', b'\n', after @ ..] | [b'\n', after @ ..] => rest = after,
            [high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            _ => {
                // white space may stand between "=" and the line end
                let blank = tail
                    .iter()
                    .take(80)
                    .take_while(|b| matches!(b, b' ' | b'\t' | b'\r'))
                    .count();
                match tail.get(blank..) {
                    Some([b'\n', after @ ..]) => rest = after,
                    Some([]) | None => rest = &[],
                    _ => {
                        damaged = true;
                        bytes.push(b'=');
                    }
                }
            }
        }
    }
    Decoded {
        bytes,
        damaged,
        ambiguous: false,
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10) & 0xf,
    }
}

/// Text in a character set; the flag says that the set was unknown or is one
/// that hides markup (UTF-7), and that UTF-8 was read instead.
pub(super) fn text(bytes: &[u8], charset: Option<&str>) -> (String, bool) {
    let name = charset.unwrap_or_default().trim();
    if name.is_empty() || name.eq_ignore_ascii_case("utf-8") {
        return (String::from_utf8_lossy(bytes).into_owned(), false);
    }
    let decoder = (!name.to_ascii_lowercase().contains("utf-7")
        && !name.eq_ignore_ascii_case("utf7"))
    .then(|| charset_decoder(name.as_bytes()))
    .flatten();
    match decoder {
        Some(decode) => (decode(bytes), false),
        None => (String::from_utf8_lossy(bytes).into_owned(), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_encodings_still_give_their_text() {
        assert_eq!(base64(b"aGVs\r\nbG8=").bytes, b"hello");
        assert!(!base64(b"aGVs\r\nbG8=").damaged);
        let torn = base64(b"aG!Vsb");
        assert_eq!((torn.bytes.as_slice(), torn.damaged), (&b"hel"[..], true));
        assert!(base64(b"aGVsbG8=aGVsbG8=").ambiguous);
        assert_eq!(quoted_printable(b"a=3Db=\r\nc= \nd=ZZ=").bytes, b"a=bcd=ZZ");
    }

    #[test]
    fn utf7_is_never_decoded() {
        assert_eq!(
            text(b"+ADw-script", Some("utf-7")),
            ("+ADw-script".into(), true)
        );
        assert_eq!(text(b"\xe4", Some("iso-8859-1")), ("ä".into(), false));
    }
}
