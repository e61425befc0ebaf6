//! What a PDF would cost to load, told from its raw bytes.
//!
//! Every number and name becomes an object of some hundred bytes, and the index of
//! a stream of objects may name one place again and again: both turn a small file
//! into gigabytes.

use super::{OBJECT_STREAM, raw};

/// Tokens that are loaded.
const MAX_TOKENS: usize = 1_000_000;
/// Bytes of all streams of objects together.
const MAX_OBJECT_BYTES: usize = 32 << 20;
/// Streams of objects.
const MAX_STREAMS: usize = 5_000;
/// How far the parts of a dictionary may stand from each other.
const WINDOW: usize = 4_096;

/// Whether the objects can be loaded within the memory at hand.
pub(super) fn is_bearable(bytes: &[u8]) -> bool {
    let mut tokens = outside(bytes);
    let mut produced = 0usize;
    for (read, at) in memchr::memmem::find_iter(bytes, b"/ObjStm").enumerate() {
        if tokens > MAX_TOKENS || produced > MAX_OBJECT_BYTES || read > MAX_STREAMS {
            return false;
        }
        let Some(stream) = Stream::around(bytes, at) else {
            return false;
        };
        let Some(objects) = stream.content(bytes) else {
            return false;
        };
        // of an encrypted stream nothing comes; its reader bounds it
        if !objects.is_empty() && !stream.first().is_some_and(|first| is_flat(&objects, first)) {
            return false;
        }
        produced += objects.len();
        tokens += count(&objects);
    }
    tokens <= MAX_TOKENS && produced <= MAX_OBJECT_BYTES && !is_disguised(bytes)
}

/// Tokens that stand outside streams.
fn outside(bytes: &[u8]) -> usize {
    let find = |from: usize, wanted: &[u8]| {
        memchr::memmem::find(bytes.get(from..)?, wanted).map(|at| from + at)
    };
    let mut tokens = 0;
    let mut from = 0;
    while let Some(start) = find(from, b"stream") {
        tokens += count(bytes.get(from..start).unwrap_or_default());
        from = start;
        let Some(end) = find(start, b"endstream") else {
            break;
        };
        from = end + 9;
    }
    tokens + count(bytes.get(from..).unwrap_or_default())
}

/// Numbers, names, strings, arrays and dictionaries, roughly.
fn count(bytes: &[u8]) -> usize {
    let mut between = true;
    let mut tokens = 0;
    for byte in bytes {
        let opens = matches!(byte, b'(' | b'<' | b'[' | b'/');
        let blank = byte.is_ascii_whitespace() || matches!(byte, b')' | b'>' | b']' | 0);
        if opens || (between && !blank) {
            tokens += 1;
        }
        between = blank;
    }
    tokens
}

/// Whether a name is written so that a search does not find it (`/Obj#53tm`).
fn is_disguised(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'#', bytes).any(|at| {
        let head = bytes.get(at.saturating_sub(6)..at).unwrap_or_default();
        let Some(start) = head.iter().rposition(|b| *b == b'/') else {
            return false;
        };
        let from = at - (head.len() - start) + 1;
        let mut rest = bytes.get(from..).unwrap_or_default();
        let mut name = Vec::new();
        while name.len() < 7 {
            rest = match rest {
                [b'#', high, low, tail @ ..] => {
                    let digit = |b: &u8| char::from(*b).to_digit(16).unwrap_or_default();
                    name.push(u8::try_from(digit(high) << 4 | digit(low)).unwrap_or_default());
                    tail
                }
                [b, tail @ ..] if b.is_ascii_alphabetic() => {
                    name.push(*b);
                    tail
                }
                _ => break,
            };
        }
        name == b"ObjStm"
    })
}

/// A stream of objects: its dictionary, and where its data begins.
struct Stream<'b> {
    dictionary: &'b [u8],
    keyword: usize,
}

impl<'b> Stream<'b> {
    /// The stream in whose dictionary the name at `at` stands; `None` when none
    /// follows near by.
    fn around(bytes: &'b [u8], at: usize) -> Option<Self> {
        let window = bytes.get(at.saturating_sub(WINDOW)..at)?;
        let start = memchr::memmem::rfind(window, b"obj").unwrap_or_default();
        let from = at - window.len() + start;
        let after = bytes.get(at..bytes.len().min(at + WINDOW))?;
        let keyword = at + memchr::memmem::find(after, b"stream")?;
        Some(Self {
            dictionary: bytes.get(from..keyword)?,
            keyword,
        })
    }

    fn times(&self, word: &[u8]) -> usize {
        memchr::memmem::find_iter(self.dictionary, word)
            .take(2)
            .count()
    }

    /// `/First`: where the objects begin behind their index.
    fn first(&self) -> Option<usize> {
        if self.times(b"/First") != 1 {
            return None;
        }
        let at = memchr::memmem::find(self.dictionary, b"/First")?;
        let number = self.dictionary.get(at + 6..)?.trim_ascii_start();
        let digits = number.iter().take_while(|b| b.is_ascii_digit()).count();
        std::str::from_utf8(number.get(..digits)?)
            .ok()?
            .parse()
            .ok()
    }

    /// The data; `None` for encodings that programs do not write here.
    fn content(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let filters = self.times(b"/Filter");
        if self.times(b"/Predictor") > 0 || filters > 1 || self.dictionary.contains(&b'#') {
            return None;
        }
        if filters == 0 {
            let data = bytes.get(self.keyword + 6..)?.trim_ascii_start();
            let end = memchr::memmem::find(data, b"endstream").unwrap_or(data.len());
            return Some(data.get(..end.min(OBJECT_STREAM))?.to_vec());
        }
        let others: [&[u8]; 5] = [b"/LZW", b"/ASCII", b"/RunLength", b"/Brotli", b"/Crypt"];
        if self.times(b"/FlateDecode") != 1 || others.iter().any(|word| self.times(word) > 0) {
            return None;
        }
        Some(raw::inflated(bytes, self.keyword, OBJECT_STREAM))
    }
}

/// Whether the index names each place once, and none within another object.
fn is_flat(content: &[u8], first: usize) -> bool {
    let Some((index, objects)) = content.split_at_checked(first) else {
        return false;
    };
    let Ok(index) = std::str::from_utf8(index) else {
        return false;
    };
    let mut places: Vec<usize> = index
        .split_ascii_whitespace()
        .skip(1)
        .step_by(2)
        .filter_map(|number| number.parse().ok())
        .collect();
    places.sort_unstable();
    if places.windows(2).any(|two| two.first() == two.last()) || index.contains('%') {
        return false;
    }
    let mut places = places.into_iter().peekable();
    let (mut open, mut strings) = (0usize, 0usize);
    let (mut escaped, mut comment) = (false, false);
    for (at, byte) in objects.iter().enumerate() {
        if places.next_if_eq(&at).is_some() && (open > 0 || strings > 0) {
            return false;
        }
        if comment {
            comment = !matches!(byte, b'\r' | b'\n');
        } else if strings > 0 {
            match byte {
                _ if escaped => {}
                b'(' => strings += 1,
                b')' => strings -= 1,
                _ => {}
            }
            escaped = *byte == b'\\' && !escaped;
        } else {
            match byte {
                b'(' => strings = 1,
                b'[' | b'<' => open += 1,
                b']' | b'>' => open = open.saturating_sub(1),
                b'%' => comment = true,
                _ => {}
            }
        }
    }
    true
}
