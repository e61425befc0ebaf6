//! Text as the model reads it: normalised, cut into words and runs of letters.
//!
//! What names a recipient, a number or an address becomes a place-holder, so that
//! neither one person nor one campaign's token can be learned.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use crate::{message::ParsedMessage, verdict::case::latin_twin};

/// Words kept of one text.
const MAX_WORDS: usize = 1_500;
/// Characters of a word that count.
const MAX_WORD: usize = 20;

/// Who stands behind `rcptx`: the pieces of the recipients' addresses.
#[derive(Debug, Default)]
pub(super) struct Mask {
    pieces: Vec<String>,
}

impl Mask {
    /// The pieces of the first recipients' names, of three letters and more.
    pub fn of(message: &ParsedMessage) -> Self {
        let mut pieces: Vec<String> = message
            .to
            .iter()
            .chain(&message.cc)
            .take(5)
            .flat_map(|person| {
                let local = person.address.split('@').next().unwrap_or_default();
                local.split(['.', '_', '+', '-'])
            })
            .filter(|piece| piece.chars().count() > 2)
            .map(str::to_lowercase)
            .collect();
        pieces.sort_unstable();
        pieces.dedup();
        Self { pieces }
    }

    fn hides(&self, word: &str) -> bool {
        self.pieces.iter().any(|piece| piece == word)
    }
}

/// Whether a character is an invisible one: soft hyphens, joiners, directions,
/// variation selectors, tags.
pub(super) const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Whether a character is of a language that sets no blanks between words.
const fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

/// A text as words: lower case, accents off, look-alike letters folded, digits as
/// `0` (at most five in a row), links as `urlx`, addresses as `mailx`, the
/// recipient as `rcptx`. Of punctuation only `$ € £ ¥ ₹ % ! ?` stay. At most
/// `chars` characters are read.
pub(super) fn words_of(text: &str, chars: usize, mask: &Mask) -> Vec<String> {
    let end = text
        .char_indices()
        .nth(chars)
        .map_or(text.len(), |(at, _)| at);
    let text = text.get(..end).unwrap_or(text);
    let mut words = Vec::new();
    for chunk in text.split_whitespace() {
        if words.len() >= MAX_WORDS {
            break;
        }
        if is_link(chunk) {
            words.push("urlx".to_owned());
        } else if is_address(chunk) {
            words.push("mailx".to_owned());
        } else {
            cut(chunk, mask, &mut words);
        }
    }
    words.truncate(MAX_WORDS);
    words
}

fn is_link(chunk: &str) -> bool {
    chunk.contains("://")
        || chunk
            .trim_start_matches(['(', '<', '[', '"', '\''])
            .get(..4)
            .is_some_and(|head| head.eq_ignore_ascii_case("www."))
}

fn is_address(chunk: &str) -> bool {
    chunk
        .split_once('@')
        .is_some_and(|(local, host)| !local.is_empty() && host.contains('.'))
}

fn cut(chunk: &str, mask: &Mask, words: &mut Vec<String>) {
    if chunk.is_ascii() {
        letters(chunk.chars(), mask, words);
        return;
    }
    let mixed = chunk.chars().any(|c| c.is_ascii_alphabetic())
        && chunk.chars().any(|c| matches!(c, '\u{370}'..='\u{4ff}'));
    let plain = chunk
        .nfkc()
        .filter(|c| !is_invisible(*c))
        .flat_map(bare)
        .filter(|c| !is_combining_mark(*c) || matches!(c, '\u{3099}' | '\u{309a}'))
        .map(|c| if mixed { latin_twin(c) } else { c });
    letters(plain, mask, words);
}

/// A letter of a European alphabet without its accents. In others a mark makes
/// another letter.
fn bare(c: char) -> impl Iterator<Item = char> {
    let european = matches!(c, '\u{c0}'..='\u{52f}' | '\u{1e00}'..='\u{1fff}');
    let (apart, whole) = if european {
        (Some(c), None)
    } else {
        (None, Some(c))
    };
    apart.into_iter().nfd().chain(whole)
}

fn letters(chars: impl Iterator<Item = char>, mask: &Mask, words: &mut Vec<String>) {
    let mut word = String::new();
    let mut length = 0;
    let mut digits = 0;
    let flush = |word: &mut String, words: &mut Vec<String>| {
        if word.is_empty() {
            return;
        }
        let whole = std::mem::take(word);
        words.push(if mask.hides(&whole) {
            "rcptx".to_owned()
        } else {
            whole
        });
    };
    for c in chars {
        if c.is_alphanumeric() {
            for c in c.to_lowercase() {
                let c = match c {
                    'ı' => 'i',
                    'ł' => 'l',
                    'ø' => 'o',
                    c if c.is_numeric() => '0',
                    c => c,
                };
                digits = if c == '0' { digits + 1 } else { 0 };
                if length < MAX_WORD && digits <= 5 {
                    word.push(c);
                    length += 1;
                }
            }
            continue;
        }
        flush(&mut word, words);
        (length, digits) = (0, 0);
        if matches!(c, '$' | '€' | '£' | '¥' | '₹' | '%' | '!' | '?') {
            words.push(c.to_string());
        }
    }
    flush(&mut word, words);
}

/// Hands out every word, every `pairs` of neighbours, and the characters of
/// languages without blanks.
pub(super) fn each_word(words: &[String], pairs: bool, mut give: impl FnMut(&[&str])) {
    for word in words {
        give(&[word]);
        if word.chars().next().is_some_and(is_ideograph) {
            let starts: Vec<usize> = word.char_indices().map(|(at, _)| at).collect();
            for (index, start) in starts.iter().enumerate() {
                for span in [1, 2] {
                    let end = starts.get(index + span).copied().unwrap_or(word.len());
                    if index + span <= starts.len() {
                        give(&[word.get(*start..end).unwrap_or_default()]);
                    }
                }
            }
        }
    }
    if pairs {
        for two in words.windows(2) {
            if let [first, second] = two {
                give(&[first, " ", second]);
            }
        }
    }
}

/// Hands out the runs of three to five characters of each word, its borders marked
/// by blanks, until `most` characters are read.
pub(super) fn each_gram(words: &[String], most: usize, mut give: impl FnMut(&str)) {
    let mut read = 0;
    let mut framed = String::new();
    for word in words {
        read += word.len() + 1;
        if read > most {
            return;
        }
        framed.clear();
        framed.push(' ');
        framed.push_str(word);
        framed.push(' ');
        let starts: Vec<usize> = framed
            .char_indices()
            .map(|(at, _)| at)
            .chain(std::iter::once(framed.len()))
            .collect();
        let length = starts.len() - 1;
        for size in 3..=5 {
            if size >= length {
                give(&framed);
                break;
            }
            for window in starts.windows(size + 1) {
                if let (Some(from), Some(to)) = (window.first(), window.last()) {
                    give(framed.get(*from..*to).unwrap_or_default());
                }
            }
        }
    }
}

/// Plain text without what lists and answers add: footers of lists, quoted lines,
/// patches.
pub(super) fn own_words(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut kept = String::with_capacity(text.len().min(64 << 10));
    for (index, line) in lines.iter().enumerate() {
        let bare = line.trim_end();
        let rule = bare.len() >= 20
            && ["_", "-", "="]
                .iter()
                .any(|mark| bare.chars().all(|c| mark.starts_with(c)));
        let after = lines.iter().skip(index + 1).take(4);
        if rule && kept.len() > 20 && after.clone().any(|line| is_of_list(line)) {
            break;
        }
        if (bare == "--" || bare == "-- ")
            && after
                .clone()
                .any(|line| line.starts_with("You received this message because"))
        {
            break;
        }
        if ["diff --git ", "Index: ", "--- a/"]
            .iter()
            .any(|head| line.starts_with(head))
        {
            break;
        }
        if !line.starts_with('>') && !line.starts_with("|>") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

fn is_of_list(line: &str) -> bool {
    let lower = line.to_lowercase();
    [
        "mailing list",
        "listinfo",
        "unsubscribe",
        "google groups",
        "sponsored by",
        "sf.net",
    ]
    .iter()
    .any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mask = Mask {
            pieces: vec!["max".to_owned()],
        };
        words_of(text, 1_000, &mask)
    }

    #[test]
    fn text_is_read_alike_however_it_is_dressed() {
        assert_eq!(
            read("Héllo Max, päy $500,000 at https://x.example/y or to a@b.example!"),
            [
                "hello", "rcptx", "pay", "$", "000", "000", "at", "urlx", "or", "to", "mailx"
            ]
        );
        assert_eq!(read("p\u{200b}аypal"), ["paypal"]);
        assert_eq!(read("1234567890"), ["00000"]);
    }

    #[test]
    fn words_and_runs_are_handed_out() {
        let mut seen = Vec::new();
        each_word(&read("go now"), true, |parts| seen.push(parts.concat()));
        assert_eq!(seen, ["go", "now", "go now"]);
        let mut seen = Vec::new();
        each_gram(&read("go"), 100, |gram| seen.push(gram.to_owned()));
        assert_eq!(seen, [" go", "go ", " go "]);
        let mut seen = Vec::new();
        each_word(&read("発票"), true, |parts| seen.push(parts.concat()));
        assert_eq!(seen, ["発票", "発", "発票", "票"]);
    }

    #[test]
    fn what_lists_add_is_left_out() {
        let text = "Hello there, this is it.\n> quoted\nBye\n____________________\nusers mailing list\nusers@x.example\n";
        assert_eq!(own_words(text), "Hello there, this is it.\nBye\n");
    }
}
