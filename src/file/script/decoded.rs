//! What stands encoded in code: Base64, hexadecimal, escapes, lists of character
//! codes. One pass each, every piece shorter than the text it comes from.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// Shorter Base64 is an ordinary word as often as not.
const MIN_BASE64: usize = 20;
/// Shorter lists of numbers are numbers.
const MIN_CODES: usize = 6;

/// Code with strings put back together (`"ab" + "cd"`, `"ab" & _ "cd"`) and the
/// marks that shells skip (`^`, `` ` ``) removed.
pub(super) fn joined(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(['"', '\'', '^', '`']) {
        let (head, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(head);
        let mark = tail.chars().next().unwrap_or_default();
        let after = tail.get(1..).unwrap_or_default();
        let letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        if matches!(mark, '^' | '`') {
            // between letters only: elsewhere they are operators or quotes
            if !(letter(out.chars().next_back()) && letter(after.chars().next())) {
                out.push(mark);
            }
            rest = after;
            continue;
        }
        if let Some(next) = continued(after) {
            rest = next;
        } else {
            out.push(mark);
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// What follows the opening quote of the next part, when a closing quote is
/// followed by an operator and another string.
fn continued(after: &str) -> Option<&str> {
    // more white space than this stands in no program a person wrote
    let window = after.get(..64.min(after.len())).unwrap_or(after);
    let blank = |c: char| c.is_whitespace() || c == '_';
    let tail = window.trim_start_matches(blank).strip_prefix(['+', '&'])?;
    let tail = tail.trim_start_matches(blank).strip_prefix(['"', '\''])?;
    after.get(window.len() - tail.len()..)
}

/// Whether a decoded piece is text and not noise.
pub(super) fn is_readable(text: &str) -> bool {
    let (mut good, mut all) = (0usize, 0usize);
    for c in text.chars().take(400) {
        all += 1;
        good += usize::from(c.is_alphanumeric() || c.is_ascii_graphic() || c.is_whitespace());
    }
    all >= 4 && good * 10 >= all * 9
}

/// How many escaped characters (`\x41`, `\u0041`, `%41`) the code has.
pub(super) fn escapes(code: &str) -> usize {
    let bytes = code.as_bytes();
    memchr::memchr2_iter(b'\\', b'%', bytes)
        .filter(|at| match bytes.get(*at..) {
            Some([b'\\', b'x', a, b, ..] | [b'%', a, b, ..]) => {
                a.is_ascii_hexdigit() && b.is_ascii_hexdigit()
            }
            Some([b'\\', b'u', digits @ ..]) => digits.iter().take(4).all(u8::is_ascii_hexdigit),
            _ => false,
        })
        .count()
}

/// The encoded pieces of code, decoded; at most `most`.
pub(super) fn pieces(code: &str, most: usize) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    runs(code, most, &mut found);
    if escapes(code) >= 4 {
        found.push(unescaped(code));
    }
    codes(code, &mut found);
    if memchr::memmem::find(code.as_bytes(), b"//:ptth").is_some()
        || memchr::memmem::find(code.as_bytes(), b"//:sptth").is_some()
    {
        found.push(code.chars().rev().collect::<String>().into_bytes());
    }
    found.truncate(most);
    found
}

/// Runs of Base64 and of hexadecimal digits.
fn runs(code: &str, most: usize, found: &mut Vec<Vec<u8>>) {
    let in_run = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    for run in code.as_bytes().split(|b| !in_run(b)) {
        if found.len() >= most {
            return;
        }
        if run.len() < MIN_BASE64 {
            continue;
        }
        let digits = run.strip_prefix(b"0x").unwrap_or(run);
        if digits.len() >= 32 && digits.iter().all(u8::is_ascii_hexdigit) {
            let whole = digits.get(..digits.len() / 2 * 2).unwrap_or_default();
            if let Ok(bytes) = hex::decode(whole) {
                found.push(bytes);
            }
            continue;
        }
        // Base64 of anything mixes capitals, small letters or digits
        let mixed = [
            u8::is_ascii_uppercase,
            u8::is_ascii_lowercase,
            u8::is_ascii_digit,
        ]
        .iter()
        .filter(|kind| run.iter().any(kind))
        .count()
            >= 2;
        if !mixed && run.len() < 200 {
            continue;
        }
        let plain: Vec<u8> = run
            .iter()
            .map(|b| match b {
                b'-' => b'+',
                b'_' => b'/',
                other => *other,
            })
            .collect();
        // one character too many is a word's end, not data
        let whole = if plain.len() % 4 == 1 {
            plain.len() - 1
        } else {
            plain.len()
        };
        if let Ok(bytes) = LENIENT.decode(plain.get(..whole).unwrap_or_default()) {
            found.push(bytes);
        }
    }
}

/// The code with its escapes undone.
fn unescaped(code: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(code.len());
    let mut rest = code.as_bytes();
    let two = |a: u8, b: u8| {
        let digit = |c: u8| {
            char::from(c)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        Some(digit(a)? << 4 | digit(b)?)
    };
    while let Some((first, tail)) = rest.split_first() {
        rest = match tail {
            [b'u' | b'U', a, b, c, d, after @ ..] if matches!(first, b'\\' | b'%') => {
                match (two(*a, *b), two(*c, *d)) {
                    (Some(high), Some(low)) => {
                        let c = char::from_u32(u32::from(high) << 8 | u32::from(low));
                        let mut buffer = [0; 4];
                        out.extend(c.unwrap_or(' ').encode_utf8(&mut buffer).as_bytes());
                        after
                    }
                    _ => {
                        out.push(*first);
                        tail
                    }
                }
            }
            [b'x', a, b, after @ ..] if *first == b'\\' => match two(*a, *b) {
                Some(byte) => {
                    out.push(byte);
                    after
                }
                None => {
                    out.push(*first);
                    tail
                }
            },
            [a, b, after @ ..] if *first == b'%' => match two(*a, *b) {
                Some(byte) => {
                    out.push(byte);
                    after
                }
                None => {
                    out.push(*first);
                    tail
                }
            },
            _ => {
                out.push(*first);
                tail
            }
        };
    }
    out
}

/// Lists of character codes: `fromCharCode(104,116,...)`, `[104,116,...]`,
/// `Chr(104) & Chr(116)`.
fn codes(code: &str, found: &mut Vec<Vec<u8>>) {
    let mut text: Vec<u8> = Vec::new();
    let mut all = Vec::new();
    let mut gap = String::new();
    let mut number: Option<u32> = None;
    for c in code.chars().chain([';']) {
        if let Some(digit) = c.to_digit(10) {
            // past any character code; kept from growing
            number = Some((number.unwrap_or_default() * 10 + digit).min(100_000));
            continue;
        }
        if let Some(value) = number.take() {
            let joins = gap.len() <= 24 && {
                let folded = gap.to_ascii_lowercase();
                folded
                    .replace("chrw", "")
                    .replace("chr", "")
                    .replace("[char]", "")
                    .chars()
                    .all(|c| " \t\r\n,+&()$_".contains(c))
            };
            if !joins {
                flush(&mut text, &mut all);
            }
            gap.clear();
            match u8::try_from(value) {
                Ok(byte @ (9 | 10 | 13 | 32..=126)) => text.push(byte),
                _ => flush(&mut text, &mut all),
            }
        }
        if gap.len() <= 24 {
            gap.push(c);
        }
    }
    flush(&mut text, &mut all);
    if !all.is_empty() {
        found.push(all);
    }
}

fn flush(text: &mut Vec<u8>, all: &mut Vec<u8>) {
    if text.len() >= MIN_CODES {
        all.extend_from_slice(text);
        all.push(b'\n');
    }
    text.clear();
}
