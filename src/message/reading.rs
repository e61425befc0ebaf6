//! Other ways to read an ambiguous message.
//!
//! Where programs disagree about the structure, no single walk of it can be
//! trusted to show every link. So the bytes are read without any structure: under
//! each transfer encoding that could apply, whatever boundary or header says so.
//! What comes out is searched for links and never shown.

use super::{Untrusted, decode};

/// Readings kept of one message.
const MAX_READINGS: usize = 64;
/// Bytes of all readings together.
const MAX_BYTES: usize = 4 << 20;
/// Encodings inside encodings that are undone.
const MAX_LAYERS: usize = 3;
/// Characters that a line of base64 must have to begin a block.
const MIN_LINE: usize = 16;

/// Text that one way of reading gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// How it was read: `base64`, `quoted-printable`, `utf-16`, `uuencode`,
    /// `preamble`, `epilogue`, `headers`.
    pub how: &'static str,
    /// The text; it may be HTML.
    pub text: Untrusted<String>,
}

/// The readings of one message, bounded in number and bytes.
#[derive(Debug, Default)]
pub(super) struct Readings {
    pub list: Vec<Reading>,
    bytes: usize,
}

impl Readings {
    /// Keeps a text that names a link; gives whether it names one.
    pub fn keep(&mut self, how: &'static str, text: &str) -> bool {
        if !names_link(text) {
            return false;
        }
        let room = MAX_BYTES.saturating_sub(self.bytes);
        if self.list.len() < MAX_READINGS && room > 0 {
            let end = text.floor_char_boundary(room);
            let kept = text.get(..end).unwrap_or_default().replace('\0', "");
            self.bytes += kept.len();
            self.list.push(Reading {
                how,
                text: Untrusted::new(kept),
            });
        }
        true
    }

    /// Reads bytes under every encoding, at most three inside each other. Linear:
    /// each layer is smaller than the one around it.
    pub fn unstructured(&mut self, raw: &[u8]) {
        let mut waiting = vec![(raw.to_vec(), 0)];
        while let Some((bytes, layer)) = waiting.pop() {
            let bytes = match utf16(&bytes) {
                Some(text) => {
                    self.keep("utf-16", &text);
                    text.into_bytes()
                }
                None => bytes,
            };
            if memchr::memmem::find(&bytes, b"=3").is_some()
                || memchr::memmem::find(&bytes, b"=\n").is_some()
                || memchr::memmem::find(&bytes, b"=\r\n").is_some()
            {
                let plain = decode::quoted_printable(&bytes).bytes;
                self.keep("quoted-printable", &String::from_utf8_lossy(&plain));
            }
            if bytes.contains(&b'\r') && layer == 0 {
                self.bare_returns(&bytes);
            }
            for block in base64_blocks(&bytes) {
                let inner = decode::base64(block).bytes;
                let kept = self.keep("base64", &String::from_utf8_lossy(&inner));
                let deeper = kept || looks_encoded(&inner);
                if deeper && layer + 1 < MAX_LAYERS && waiting.len() < MAX_READINGS {
                    waiting.push((inner, layer + 1));
                }
            }
        }
    }

    /// A header block whose fields end in a bare carriage return, as the programs
    /// see it that take one for a line end.
    fn bare_returns(&mut self, bytes: &[u8]) {
        let head = bytes.get(..64 << 10).unwrap_or(bytes);
        let bare = head
            .iter()
            .zip(head.iter().skip(1))
            .any(|(a, b)| *a == b'\r' && *b != b'\n');
        if bare {
            let text = String::from_utf8_lossy(head).replace('\r', "\n");
            self.keep("headers", &text);
        }
    }
}

/// Whether a text speaks of a link at all.
pub(super) fn names_link(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memmem::find(bytes, b"://").is_some()
        || memchr::memmem::find(bytes, b"www.").is_some()
        || memchr::memmem::find(bytes, b"href").is_some()
        || memchr::memmem::find(bytes, b"HREF").is_some()
}

/// Whether decoded bytes look like a message or text worth another look.
fn looks_encoded(bytes: &[u8]) -> bool {
    let head = bytes.get(..512).unwrap_or(bytes);
    let text = head
        .iter()
        .filter(|b| b.is_ascii_graphic() || b.is_ascii_whitespace())
        .count();
    head.len() >= MIN_LINE && (text * 10 >= head.len() * 9 || head.starts_with(b"\xff\xfe"))
}

/// Text of two bytes a character: by its mark, or because every other byte is zero.
fn utf16(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..256).unwrap_or(bytes);
    let zeros = |odd: usize| {
        head.iter()
            .skip(odd)
            .step_by(2)
            .filter(|b| **b == 0)
            .count()
    };
    let little =
        bytes.starts_with(b"\xff\xfe") || (head.len() >= 32 && zeros(1) * 5 > head.len() * 2);
    let big = bytes.starts_with(b"\xfe\xff") || (head.len() >= 32 && zeros(0) * 5 > head.len() * 2);
    if little == big {
        return None;
    }
    let units = bytes.chunks_exact(2).filter_map(|pair| {
        let pair = <[u8; 2]>::try_from(pair).ok()?;
        Some(if little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        })
    });
    Some(
        char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
    )
}

/// Runs of lines that hold nothing but base64.
fn base64_blocks(bytes: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    let mut open: Option<usize> = None;
    let mut at = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let start = at;
        at += line.len();
        let trimmed = line.trim_ascii();
        let coded = !trimmed.is_empty()
            && trimmed
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        match (open, coded) {
            (None, true) if trimmed.len() >= MIN_LINE => open = Some(start),
            (Some(from), false) => {
                blocks.extend(bytes.get(from..start));
                open = None;
            }
            _ => {}
        }
        if blocks.len() >= 1_000 {
            return blocks;
        }
    }
    blocks.extend(open.and_then(|from| bytes.get(from..)));
    blocks
}

/// The text of a uuencoded file inside a body (POSIX `uuencode`), at most 256 KiB;
/// `None` when the body holds none.
pub(super) fn uuencoded(text: &str) -> Option<String> {
    let at = memchr::memmem::find(text.as_bytes(), b"begin ")?;
    let tail = text.get(at..)?;
    let starts_line = at == 0 || text.as_bytes().get(at - 1) == Some(&b'\n');
    let mut lines = tail.lines();
    let mut head = lines.next()?.split_whitespace().skip(1);
    let mode = head.next()?;
    let sound = starts_line
        && (3..=4).contains(&mode.len())
        && mode.bytes().all(|b| b.is_ascii_digit())
        && head.next().is_some();
    if !sound {
        return None;
    }
    let mut bytes = Vec::new();
    for line in lines {
        if line.trim_end() == "end" || bytes.len() > 256 << 10 {
            break;
        }
        let mut coded = line.bytes();
        let length = usize::from(coded.next().map_or(0, |b| b.wrapping_sub(32) & 63));
        let from = bytes.len();
        let values: Vec<u8> = coded.map(|b| b.wrapping_sub(32) & 63).collect();
        for quad in values.chunks(4) {
            let value = |i: usize| u32::from(quad.get(i).copied().unwrap_or_default());
            let word = value(0) << 18 | value(1) << 12 | value(2) << 6 | value(3);
            let [_, a, b, c] = word.to_be_bytes();
            bytes.extend_from_slice(&[a, b, c]);
        }
        bytes.truncate(from + length);
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    fn read(raw: &[u8]) -> Vec<Reading> {
        let mut readings = Readings::default();
        readings.unstructured(raw);
        readings.list
    }

    #[test]
    fn links_are_found_under_every_encoding() {
        let coder = base64::engine::general_purpose::STANDARD;
        let once = coder.encode("see https://evil.example/a");
        let twice = coder.encode(format!("Content-Transfer-Encoding: base64\n\n{once}\n"));
        for raw in [
            format!("junk\n\n{once}\njunk"),
            twice,
            "https:=\r\n//evil.example/a".to_owned(),
        ] {
            assert!(
                read(raw.as_bytes())
                    .iter()
                    .any(|r| r.text.exposed().contains("https://evil.example/a")),
                "{raw}"
            );
        }
        let wide: Vec<u8> = "Subject: x\n\nhttps://evil.example/a"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert!(
            read(&wide)[0]
                .text
                .exposed()
                .contains("https://evil.example/a")
        );
        assert_eq!(read(b"From: nobody\n\nhello you there\n"), []);
    }

    #[test]
    fn a_uuencoded_page_is_read() {
        let plain = b"<a href=https://uu.example/>x</a>";
        let mut coded = String::from("hi\nbegin 644 a.html\n");
        coded.push(char::from(32 + u8::try_from(plain.len()).unwrap()));
        for three in plain.chunks(3) {
            let mut three = three.to_vec();
            three.resize(3, 0);
            let word = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
            for shift in [18, 12, 6, 0] {
                let six = u8::try_from(word >> shift & 63).unwrap();
                coded.push(if six == 0 { '`' } else { char::from(six + 32) });
            }
        }
        coded.push_str("\n`\nend\n");
        assert_eq!(uuencoded(&coded).unwrap().as_bytes(), plain);
        assert_eq!(uuencoded("let us begin 100 times"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(raw in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            let _ = read(&raw);
            let _ = uuencoded(&String::from_utf8_lossy(&raw));
        }
    }
}
