//! Text that a stranger wrote, made fit to stand on a page.
//!
//! askama escapes the HTML; this file takes care of what escaping leaves: control
//! and bidirectional characters that reorder or hide, piles of combining marks,
//! endless length, and links that a chat program would make live again.

use std::fmt::{self, Write as _};

use linkify::{LinkFinder, LinkKind};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// Combining marks that may follow one another (Vietnamese needs two, Hebrew three).
const MARKS: usize = 3;
/// Stretches of a text that are marked.
const MARKED: usize = 200;

/// Text that is safe to show: nothing invisible, nothing endless.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plain(String);

impl Plain {
    /// One line of at most `cap` characters; line breaks become visible too.
    #[must_use]
    pub fn line(text: &str, cap: usize) -> Self {
        Self(visible(text, cap, false))
    }

    /// Text of several lines, at most `cap` characters; keeps line feeds and tabs.
    #[must_use]
    pub fn block(text: &str, cap: usize) -> Self {
        Self(visible(text, cap, true))
    }

    /// A link, host name or address of at most `cap` characters that nothing
    /// will link again: `hxxps://evil[.]example/x`. Defanging twice changes nothing.
    #[must_use]
    pub fn defanged(text: &str, cap: usize) -> Self {
        Self(defang(&visible(text, cap, false)))
    }

    /// Like [`Plain::block`], with the links inside defanged.
    #[must_use]
    pub fn defanged_block(text: &str, cap: usize) -> Self {
        let text = visible(text, cap, true);
        let mut finder = LinkFinder::new();
        finder.kinds(&[LinkKind::Url]).url_must_have_scheme(false);
        let mut out = String::with_capacity(text.len() + 64);
        for span in finder.spans(&text) {
            match span.kind() {
                Some(_) => out.push_str(&defang(span.as_str())),
                None => out.push_str(span.as_str()),
            }
        }
        Self(out)
    }

    /// The text in pieces: those that hold one of the phrases say why they are marked.
    /// Phrases are words in small letters; marks between words and accents do not
    /// count.
    #[must_use]
    pub fn marked(&self, phrases: &[(Vec<String>, Self)]) -> Vec<Piece> {
        let words = words(&self.0);
        let mut pieces = Vec::new();
        let (mut done, mut at) = (0, 0);
        while at < words.len() && pieces.len() < MARKED * 2 {
            let hit = phrases.iter().find_map(|(phrase, why)| {
                let here = words.get(at..at + phrase.len())?;
                let same = here
                    .iter()
                    .zip(phrase)
                    .all(|((_, _, own), word)| own == word);
                let (start, ..) = here.first()?;
                let (_, end, _) = here.last()?;
                same.then_some((*start, *end, phrase.len(), why))
            });
            let Some((start, end, count, why)) = hit else {
                at += 1;
                continue;
            };
            pieces.push(Piece::of(self.0.get(done..start), None));
            pieces.push(Piece::of(self.0.get(start..end), Some(why.clone())));
            (done, at) = (end, at + count);
        }
        pieces.push(Piece::of(self.0.get(done..), None));
        pieces.retain(|piece| !piece.text.0.is_empty());
        pieces
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A stretch of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// It.
    pub text: Plain,
    /// Why it is marked.
    pub why: Option<Plain>,
}

impl Piece {
    fn of(text: Option<&str>, why: Option<Plain>) -> Self {
        Self {
            text: Plain(text.unwrap_or_default().to_owned()),
            why,
        }
    }
}

/// The words of a text, each with where it begins and ends, in small letters and
/// without accents.
fn words(text: &str) -> Vec<(usize, usize, String)> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (start, c.is_alphanumeric() || is_combining_mark(c)) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                let word: String = text
                    .get(from..at)
                    .unwrap_or_default()
                    .to_lowercase()
                    .nfd()
                    .filter(|c| !is_combining_mark(*c))
                    .collect();
                words.push((from, at, word));
                start = None;
            }
            _ => {}
        }
    }
    words
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn visible(text: &str, cap: usize, lines: bool) -> String {
    let mut out = String::with_capacity(text.len().min(cap * 2));
    let mut marks = 0;
    for (at, c) in text.chars().enumerate() {
        if at >= cap {
            out.push('…');
            break;
        }
        if is_combining_mark(c) && c != '\u{FE0F}' {
            marks += 1;
            if marks <= MARKS {
                out.push(c);
            }
            continue;
        }
        marks = 0;
        match c {
            '\r' if lines => {}
            '\n' | '\t' if lines => out.push(c),
            '\0'..='\u{1F}' => {
                out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{FFFD}'));
            }
            '\u{7F}' => out.push('\u{2421}'),
            _ if is_hidden(c) => {
                let _ = write!(out, "‹U+{:04X}›", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out
}

/// Characters that show nothing or change the order of what is around them.
const fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9F}' | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}'
        | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0E}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E000}'..='\u{F8FF}' | '\u{E0000}'..='\u{10FFFF}')
}

fn defang(text: &str) -> String {
    let text = text
        .replace("[.]", ".")
        .replace("[:]", ":")
        .replace("[://]", "://");
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text.as_str()),
    };
    if scheme.is_none()
        && let Some((word, rest)) = rest.split_once(':')
        && !word.is_empty()
        && word.chars().all(|c| c.is_ascii_alphabetic())
    {
        return format!("{word}[:]{}", rest.replace('.', "[.]"));
    }
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (host, tail) = rest.split_at(end);
    let host = match host.rsplit_once('@') {
        // An address: its name part is no host.
        Some((name, domain)) if scheme.is_none() => {
            format!("{name}@{}", domain.replace('.', "[.]"))
        }
        _ => host.replace('.', "[.]"),
    };
    match scheme {
        None => format!("{host}{tail}"),
        Some(scheme) => {
            let scheme = scheme.to_ascii_lowercase();
            let scheme = match scheme.strip_prefix("http") {
                Some(rest) => format!("hxxp{rest}"),
                None => scheme,
            };
            // A link inside a link (a redirector's parameter) must not live on.
            let tail = tail.replace("://", "[://]");
            format!("{scheme}://{host}{tail}")
        }
    }
}

/// A number of octets in words: `812 B`, `14.2 kB`, `3.1 MB`.
#[must_use]
pub fn octets(n: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", n / unit, n % unit * 10 / unit);
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        _ => format!("{} MB", tenths(1_000_000)),
    }
}

/// A whole number with thin spaces between thousands: `12 480`.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + 4);
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{2009}');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_marked_whatever_stands_between_their_words() {
        let text = Plain::block(
            "Please VERIFY your\npassword, or: vérify <your> password!",
            200,
        );
        let phrase = ["verify", "your", "password"].map(str::to_owned).to_vec();
        let why = Plain::line("asks for a password", 80);
        let pieces = text.marked(&[(phrase, why.clone())]);
        let marked: Vec<&str> = pieces
            .iter()
            .filter(|piece| piece.why.as_ref() == Some(&why))
            .map(|piece| piece.text.as_str())
            .collect();
        assert_eq!(marked, ["VERIFY your\npassword", "vérify <your> password"]);
        let whole: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(whole, text.as_str(), "nothing is lost");
        assert_eq!(Plain::default().marked(&[]), []);
    }

    #[test]
    fn what_hides_is_shown_and_what_is_endless_is_cut() {
        assert_eq!(
            Plain::line("invoice\u{202E}fdp.exe\r\n\0", 40).as_str(),
            "invoice‹U+202E›fdp.exe␍␊␀"
        );
        assert_eq!(Plain::line("abcdef", 3).as_str(), "abc…");
        let pile = format!("a{}b", "\u{301}".repeat(90));
        assert_eq!(Plain::line(&pile, 200).as_str().chars().count(), 5);
        assert_eq!(Plain::block("a\r\n\tb", 9).as_str(), "a\n\tb");
        assert_eq!(Plain::line("\u{E0041}", 9).as_str(), "‹U+E0041›");
    }

    #[test]
    fn links_are_defanged_once() {
        for (raw, shown) in [
            ("https://evil.example/a.b?c", "hxxps://evil[.]example/a.b?c"),
            ("HTTP://a.example:8080", "hxxp://a[.]example:8080"),
            ("evil.example", "evil[.]example"),
            ("192.0.2.1", "192[.]0[.]2[.]1"),
            ("javascript:alert(1)", "javascript[:]alert(1)"),
            (
                "https://a.example/r?u=https://b.example",
                "hxxps://a[.]example/r?u=https[://]b.example",
            ),
            ("pay.desk@evil.example", "pay.desk@evil[.]example"),
        ] {
            let once = Plain::defanged(raw, 200);
            assert_eq!(once.as_str(), shown);
            assert_eq!(Plain::defanged(once.as_str(), 200).as_str(), shown);
        }
        assert_eq!(
            Plain::defanged_block("Go to www.evil.example/x now.\nBye.", 99).as_str(),
            "Go to www[.]evil[.]example/x now.\nBye."
        );
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(octets(14_250), "14.2 kB");
        assert_eq!(grouped(1_234_567), "1\u{2009}234\u{2009}567");
        assert_eq!(grouped(12), "12");
    }
}
