//! Links, hosts and addresses as people write them in text: without a scheme, or
//! broken up on purpose so that nobody clicks them.

use std::net::IpAddr;

use crate::message::{LinkPlace, is_public, links_of_text};

/// Bytes of a text that are looked at.
const MAX_TEXT: usize = 1 << 20;
/// Endings under which a bare name without a path is taken for a host. Endings
/// that are common words or file endings are left out.
const ENDINGS: [&str; 62] = [
    "com", "net", "org", "info", "biz", "edu", "gov", "mil", "int", "eu", "uk", "de", "fr", "nl",
    "ch", "se", "dk", "fi", "pl", "cz", "sk", "hu", "ro", "bg", "gr", "pt", "ru", "ua", "by", "kz",
    "cn", "jp", "kr", "tw", "hk", "br", "ar", "mx", "cl", "ca", "nz", "za", "ng", "ke", "tr", "ir",
    "top", "xyz", "online", "site", "shop", "store", "club", "icu", "vip", "live", "cloud", "io",
    "tech", "space", "link", "click",
];
/// Endings of files that are also endings of hosts.
const FILES: [&str; 26] = [
    "zip", "mov", "doc", "pdf", "py", "sh", "md", "rs", "app", "pl", "cc", "so", "ps", "ai", "bz",
    "gz", "ms", "mp", "pm", "vi", "tm", "st", "pub", "bat", "cab", "py",
];

/// White space beyond ASCII.
const OTHER_BLANKS: [char; 5] = ['\u{a0}', '\u{3000}', '\u{2003}', '\u{2009}', '\u{202f}'];

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// A link that parses.
    Link(String),
    /// An address on the Internet.
    Ip(IpAddr),
    /// A mail address, lower case.
    Email(String),
}

/// One find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub what: What,
    /// Whether programs make it clickable.
    pub place: LinkPlace,
    /// Whether it was broken up.
    pub defanged: bool,
}

/// Everything of the kind in a text, at most `most`.
pub(super) fn written(text: &str, most: usize) -> Vec<Written> {
    // blanks of other kinds end a link too, though they may stand in one
    let plain;
    let text = if text.contains(OTHER_BLANKS) {
        plain = text.replace(OTHER_BLANKS, " ");
        plain.as_str()
    } else {
        text
    };
    let mut found: Vec<Written> = links_of_text(text, most)
        .into_iter()
        .map(|link| Written {
            what: What::Link(link),
            place: LinkPlace::Click,
            defanged: false,
        })
        .collect();
    let text = text
        .get(..text.floor_char_boundary(MAX_TEXT))
        .unwrap_or_default();
    coded_hosts(text, most, &mut found);
    let apart = [" [.] ", " [dot] ", " (dot) "];
    if apart.iter().any(|mark| text.contains(mark)) {
        let joined = apart.iter().fold(text.to_owned(), |text, mark| {
            text.replace(mark, mark.trim())
        });
        bare(&joined, most, &mut found);
    } else {
        bare(text, most, &mut found);
    }
    found
}

/// Links whose host is written in percent escapes: browsers undo them.
fn coded_hosts(text: &str, most: usize, found: &mut Vec<Written>) {
    for at in memchr::memmem::find_iter(text.as_bytes(), b"://%").take(most) {
        let head = text.get(..at).unwrap_or_default();
        let scheme = ["https", "http", "ftp"].into_iter().find(|scheme| {
            let start = head.len().checked_sub(scheme.len());
            start
                .and_then(|start| head.get(start..))
                .is_some_and(|tail| tail.eq_ignore_ascii_case(scheme))
        });
        let tail = text.get(at..).unwrap_or_default();
        let end = tail.bytes().take(2_048).position(parts_words);
        let end = end.unwrap_or_else(|| tail.floor_char_boundary(2_048));
        if let (Some(scheme), Some(tail)) = (scheme, tail.get(..end)) {
            found.push(Written {
                what: What::Link(format!(
                    "{scheme}://{}",
                    trimmed(tail.trim_start_matches("://"))
                )),
                place: LinkPlace::Click,
                defanged: false,
            });
        }
    }
}

const fn parts_words(b: u8) -> bool {
    b.is_ascii_whitespace() || matches!(b, b'<' | b'>' | b'"' | b'\'' | b'|' | b'`' | b',' | b';')
}

/// Words that hold a dot or a mark in brackets.
fn bare(text: &str, most: usize, found: &mut Vec<Written>) {
    let bytes = text.as_bytes();
    let mut done = 0;
    let mut budget = 20_000;
    for at in memchr::memchr3_iter(b'.', b'[', b'(', bytes) {
        if at < done {
            continue;
        }
        // a full stop, or a bracket that begins a word
        let after = bytes.get(at + 1).copied().unwrap_or(b' ');
        let before = at.checked_sub(1).and_then(|b| bytes.get(b)).copied();
        if parts_words(after) || (bytes.get(at) == Some(&b'.') && before.is_none_or(parts_words)) {
            continue;
        }
        if found.len() >= most || budget == 0 {
            return;
        }
        budget -= 1;
        let start = bytes
            .get(done..at)
            .and_then(|head| head.iter().rposition(|b| parts_words(*b)))
            .map_or(done, |gap| done + gap + 1);
        let end = bytes
            .get(at..)
            .and_then(|tail| tail.iter().position(|b| parts_words(*b)))
            .map_or(bytes.len(), |gap| at + gap);
        done = end;
        let Some(word) = text
            .get(start..end)
            .filter(|w| (4..=2_048).contains(&w.len()))
        else {
            continue;
        };
        let version = bytes.get(..start).is_some_and(ends_in_version);
        found.extend(one(word, version));
    }
}

/// Whether the words before speak of a version, so that four numbers are one.
fn ends_in_version(head: &[u8]) -> bool {
    let head = head.trim_ascii_end();
    let start = head.len().saturating_sub(8);
    let tail = head.get(start..).unwrap_or_default().to_ascii_lowercase();
    ["version", "release", "build", "ver.", "ver", " v"]
        .iter()
        .any(|word| tail.ends_with(word.as_bytes()))
}

fn one(word: &str, version: bool) -> Option<Written> {
    let word = match restored(word) {
        Some(plain) => {
            return whole(&plain).map(|what| Written {
                what,
                place: LinkPlace::Mention,
                defanged: true,
            });
        }
        None => word,
    };
    // with a scheme or an address before the host it was found already
    if word.contains("://") || word.contains('@') {
        return None;
    }
    let word = trimmed(word);
    if let Some(ip) = address(word) {
        return (!version && is_public(ip)).then_some(Written {
            what: What::Ip(ip),
            place: LinkPlace::Mention,
            defanged: false,
        });
    }
    host_like(word).then(|| Written {
        what: What::Link(format!("http://{word}")),
        place: LinkPlace::Mention,
        defanged: false,
    })
}

/// A word that was broken up, put together.
fn whole(plain: &str) -> Option<What> {
    let plain = trimmed(plain);
    if let Some(at) = plain.find("://") {
        let scheme = plain.get(..at)?;
        let sound = ["http", "https", "ftp"]
            .iter()
            .any(|s| scheme.eq_ignore_ascii_case(s));
        return sound.then(|| What::Link(plain.to_owned()));
    }
    if let Some(ip) = address(plain) {
        return Some(What::Ip(ip));
    }
    if let Some((local, domain)) = plain.split_once('@') {
        let sound = !local.is_empty() && !domain.contains(['@', '/']) && host_like(domain);
        return sound.then(|| What::Email(plain.to_lowercase()));
    }
    let host = plain.split(['/', '?', '#', ':']).next().unwrap_or_default();
    known(host).then(|| What::Link(format!("http://{plain}")))
}

fn address(word: &str) -> Option<IpAddr> {
    let host = word.split(['/', '?']).next().unwrap_or_default();
    if host.bytes().next()?.is_ascii_digit() {
        let host = host.split(':').next().unwrap_or_default();
        if let Ok(v4) = host.parse::<std::net::Ipv4Addr>() {
            return Some(IpAddr::V4(v4));
        }
    }
    let colons = word.bytes().filter(|b| *b == b':').count();
    (colons >= 2)
        .then(|| word.parse::<std::net::Ipv6Addr>().ok())
        .flatten()
        .map(IpAddr::V6)
}

fn trimmed(word: &str) -> &str {
    let word = word.trim_start_matches(['(', '[', '{', '*', '_', '~', '.', ':', '-', '=', '/']);
    let word = word.trim_end_matches(['.', ':', '!', '?', '*', '~', ']', '}', '…', '-', '\\']);
    // a closing bracket belongs to the word only when it was opened in it
    match word.strip_suffix(')') {
        Some(shorter) if !shorter.contains('(') => shorter.trim_end_matches(['.', '!', '?']),
        _ => word,
    }
}

/// Whether a bare word is a host, or a host with a path.
fn host_like(word: &str) -> bool {
    let end = word.find(['/', '?', '#', ':']).unwrap_or(word.len());
    let (host, tail) = word.split_at_checked(end).unwrap_or((word, ""));
    let Some((stem, ending)) = host.rsplit_once('.') else {
        return false;
    };
    let lower = ending.to_lowercase();
    // "end.Next" is two sentences
    let steady = ending == lower || ending.to_uppercase() == ending;
    if !steady || stem.is_empty() || !known(host) {
        return false;
    }
    let path = tail.len() > 1 && !tail.starts_with(':');
    if path {
        // "a/b.c/d" and dates are no hosts: the name must have letters
        return stem
            .bytes()
            .any(|b| b.is_ascii_alphabetic() || !b.is_ascii())
            && (!FILES.contains(&lower.as_str()) || stem.contains('.'));
    }
    let program = matches!(
        host.to_ascii_lowercase().as_str(),
        "asp.net" | "vb.net" | "ado.net"
    );
    ENDINGS.contains(&lower.as_str()) && !program && stem.chars().count() >= 2
}

/// Whether a name has the form of a host under a known public suffix.
fn known(host: &str) -> bool {
    let sound = (4..=253).contains(&host.len())
        && host.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        });
    if !sound || !host.contains('.') {
        return false;
    }
    let lower = host.to_lowercase();
    psl::domain(lower.as_bytes()).is_some_and(|domain| domain.suffix().is_known())
}

/// A word with its breaking marks undone; `None` when it has none. The marks are
/// those analysts use: `hxxp`, `[.]`, `(dot)`, `[at]`, `[:]`, `[://]`.
fn restored(word: &str) -> Option<String> {
    let start = word.trim_start_matches(['(', '[', '{', '*', '_']);
    let cut = word.len() - start.len();
    let lead: String = start
        .chars()
        .take(5)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let scheme = ["hxxp", "hxtp", "htxp", "h**p", "fxp:"]
        .iter()
        .any(|broken| lead.starts_with(broken));
    let mut out = String::with_capacity(word.len());
    let mut rest = word.get(cut..).unwrap_or_default();
    let mut touched = scheme;
    if scheme {
        let ftp = lead.starts_with("fxp");
        out.push_str(if ftp { "ftp" } else { "http" });
        rest = rest.get(if ftp { 3 } else { 4 }..).unwrap_or_default();
    }
    while let Some(at) = rest.find(['[', '(', '{']) {
        let (head, tail) = rest.split_at_checked(at)?;
        out.push_str(head);
        let inner = tail.get(1..).and_then(|t| {
            t.find([']', ')', '}'])
                .filter(|end| *end <= 3)
                .and_then(|end| t.get(..end))
        });
        let plain = inner.and_then(|mark| match mark.to_ascii_lowercase().as_str() {
            "." | "dot" => Some("."),
            "@" | "at" => Some("@"),
            ":" => Some(":"),
            "://" => Some("://"),
            "/" => Some("/"),
            _ => None,
        });
        match (plain, inner) {
            (Some(plain), Some(inner)) => {
                touched = true;
                out.push_str(plain);
                rest = tail.get(inner.len() + 2..).unwrap_or_default();
            }
            _ => {
                let first = tail.chars().next().map_or(0, char::len_utf8);
                out.push_str(tail.get(..first).unwrap_or_default());
                rest = tail.get(first..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    touched.then_some(out)
}

#[cfg(test)]
mod tests;
