//! Normal forms of text: what stays equal when mail systems rewrite a message.

use linkify::{LinkFinder, LinkKind};
use mail_parser::ContentType;
use unicode_normalization::UnicodeNormalization as _;

use super::is_invisible;

/// Bytes of text that are looked at for words and links.
const MAX_TEXT: usize = 1 << 20;
/// Words kept of a text.
const MAX_WORDS: usize = 50_000;
/// Prefixes of replies and forwards in the languages mail programs speak.
const PREFIXES: [&str; 22] = [
    "re", "fw", "fwd", "aw", "wg", "tr", "rv", "enc", "res", "antw", "doorst", "r", "i", "ref",
    "sv", "vs", "vb", "vl", "odp", "pd", "ynt", "ilt",
];

fn bounded(text: &str) -> &str {
    let end = (0..=MAX_TEXT.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

fn finder() -> LinkFinder {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]).url_must_have_scheme(true);
    finder
}

/// The words of a text in normal form: compatibility forms and case folded,
/// punctuation, quoting marks, invisible characters and written-out links gone.
/// At most 50,000.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let text = bounded(text);
    let mut plain = String::with_capacity(text.len());
    let mut from = 0;
    if text.contains("://") {
        for link in finder().links(text) {
            plain.push_str(text.get(from..link.start()).unwrap_or_default());
            plain.push(' ');
            from = link.end();
        }
    }
    plain.push_str(text.get(from..).unwrap_or_default());
    let folded: String = if plain.is_ascii() {
        plain.to_ascii_lowercase()
    } else {
        plain
            .chars()
            .filter(|c| c.is_whitespace() || !is_invisible(*c))
            .nfkc()
            .flat_map(char::to_lowercase)
            .collect()
    };
    folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(MAX_WORDS)
        .map(|word| word.chars().take(64).collect())
        .collect()
}

/// A body of `format=flowed; delsp=yes` with its soft line breaks undone (RFC 3676
/// section 4): only there a link may be broken over lines. Any other text stays
/// as it is.
#[must_use]
pub(super) fn unflowed(text: String, kind: &ContentType<'_>) -> String {
    let is = |name: &str, wanted: &str| {
        kind.attribute(name)
            .is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    };
    if !is("format", "flowed") || !is("delsp", "yes") {
        return text;
    }
    let mut whole = String::with_capacity(text.len());
    let mut quoting = 0;
    let mut soft = false;
    for line in text.lines() {
        let depth = line.bytes().take_while(|b| *b == b'>').count();
        let content = line.get(depth..).unwrap_or_default();
        let content = content.strip_prefix(' ').unwrap_or(content);
        if !soft || depth != quoting {
            if !whole.is_empty() {
                whole.push('\n');
            }
            whole.extend(std::iter::repeat_n('>', depth));
            if depth > 0 {
                whole.push(' ');
            }
        }
        // the separator of a signature ends in a blank and is no soft break
        soft = content.ends_with(' ') && content != "-- ";
        quoting = depth;
        whole.push_str(if soft {
            content.strip_suffix(' ').unwrap_or(content)
        } else {
            content
        });
    }
    if text.ends_with('\n') {
        whole.push('\n');
    }
    whole
}

/// Links written out in a text: with a scheme, or beginning with `www.`.
#[must_use]
pub(crate) fn links_of_text(text: &str, most: usize) -> Vec<String> {
    let text = bounded(text);
    let mut found: Vec<String> = Vec::new();
    if text.contains("://") {
        found.extend(
            finder()
                .links(text)
                .map(|link| before_prose(link.as_str()))
                .filter(|link| link.len() <= 8_192)
                .take(most)
                .map(str::to_owned),
        );
    }
    if text.contains("www.") {
        let bare = text
            .split(|c: char| c.is_whitespace() || "<>()[]\"'|".contains(c))
            .filter(|word| word.starts_with("www.") && word.len() > 6 && word.len() <= 2_048)
            .map(|word| {
                format!(
                    "http://{}",
                    word.trim_end_matches(['.', ',', ';', ':', '!'])
                )
            });
        found.extend(bare.take(most.saturating_sub(found.len())));
    }
    found
}

/// A written link without the sentence that follows it at once, as in languages
/// that set no blanks. A host may itself be of such letters: it is cut only where
/// what stands before them is a name under a known suffix, and the whole is not.
fn before_prose(link: &str) -> &str {
    let Some(start) = link.find("://").map(|at| at + 3) else {
        return link;
    };
    let Some((cut, _)) = link.char_indices().find(|(_, c)| is_unspaced(*c)) else {
        return link;
    };
    let authority = link.get(start..).unwrap_or_default();
    let end = authority
        .find(['/', '?', '#'])
        .map_or(link.len(), |length| start + length);
    let known = |end: usize| {
        let host = link.get(start..end).unwrap_or_default();
        psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.is_known())
    };
    if cut >= end || (known(cut) && !known(end)) {
        link.get(..cut).unwrap_or(link)
    } else {
        link
    }
}

/// Letters and marks of languages that are written without blanks: CJK marks,
/// Hiragana, Katakana, Han, Hangul, full-width forms (Unicode blocks), and Thai.
const fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{e7f}'
        | '\u{3000}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}'
        | '\u{ff00}'..='\u{ffef}')
}

/// A subject without reply and forward prefixes, tags of gateways in brackets at
/// its start, case and spacing.
#[must_use]
pub fn normal_subject(subject: &str) -> String {
    let folded: String = subject
        .chars()
        .take(2_000)
        .filter(|c| c.is_whitespace() || !is_invisible(*c))
        .nfkc()
        .flat_map(char::to_lowercase)
        .collect();
    let mut rest = folded.trim();
    for _ in 0..20 {
        if let Some((head, tail)) = rest.split_once(':')
            && PREFIXES.contains(
                &head
                    .trim()
                    .trim_end_matches(|c: char| "[]()0123456789".contains(c)),
            )
        {
            rest = tail.trim();
        } else if let Some((tag, tail)) = rest.strip_prefix('[').and_then(|r| r.split_once(']'))
            && [
                "ext",
                "external",
                "extern",
                "externe",
                "externo",
                "spam",
                "suspicious",
            ]
            .contains(&tag.trim())
        {
            rest = tail.trim();
        } else {
            break;
        }
    }
    rest.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_quoting_wrapping_and_hiding() {
        let plain =
            words("Your PASS\u{200b}WORD ex\u{ad}pires today: https://a.example/x?y=1 sign in.");
        let quoted =
            words("> Your password\r\n> expires today:\r\n> <https://b.example/> sign in.");
        assert_eq!(plain, quoted);
        assert_eq!(words("ｆｕｌｌ Straße"), ["full", "straße"]);
    }

    #[test]
    fn subjects_lose_their_prefixes() {
        for subject in [
            "FW: Re[2]: [EXTERNAL] Your  invoice",
            "WG: AW: your invoice",
            "Your Invoice",
        ] {
            assert_eq!(normal_subject(subject), "your invoice");
        }
        assert_eq!(normal_subject("Note: x"), "note: x");
    }

    #[test]
    fn links_of_text_are_found() {
        assert_eq!(
            links_of_text("go to <https://a.example/b?c=d>, or www.b.example.", 9),
            ["https://a.example/b?c=d", "http://www.b.example"]
        );
        for (text, link) in [
            ("https://a.jp/login?x=1をクリック", "https://a.jp/login?x=1"),
            ("https://a.co.jpをご確認ください。", "https://a.co.jp"),
            ("リンク：https://a.com/b。次", "https://a.com/b"),
            ("https://日本語.jp/page", "https://日本語.jp/page"),
            ("https://例え.テスト.com/", "https://例え.テスト.com/"),
        ] {
            assert_eq!(links_of_text(text, 9), [link], "{text}");
        }
    }
}
