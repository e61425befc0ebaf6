//! What a message says of its own: its text without what surrounds it.
//!
//! Quoted mail, greetings, signatures, disclaimers and the footers of mass mail are
//! alike between strangers, so they must neither join two messages nor part them.

use std::collections::BTreeSet;

use super::{text::words, untrusted::is_invisible};

/// Words of a shingle.
const SHINGLE: usize = 3;
/// Hashes kept: the smallest ones.
pub(super) const MAX_HASHES: usize = 256;
/// Lines looked at.
const MAX_LINES: usize = 4_000;
/// Words that must stand before a quoted message for the rest to be left out.
const BEFORE_QUOTE: usize = 12;
/// Words of a greeting or of a line in a signature at most.
const SHORT_LINE: usize = 7;
/// Lines of a signature at most.
const SIGNATURE: usize = 12;
/// Telephone and account numbers kept.
const MAX_NUMBERS: usize = 16;

const GREETINGS: [&str; 22] = [
    "dear",
    "hello",
    "hi",
    "hey",
    "good",
    "greetings",
    "attention",
    "hallo",
    "guten",
    "liebe",
    "lieber",
    "sehr",
    "bonjour",
    "cher",
    "chère",
    "hola",
    "estimado",
    "estimada",
    "buenos",
    "ciao",
    "gentile",
    "beste",
];

/// Beginnings of the lines that close a letter.
const CLOSINGS: [&str; 16] = [
    "best regards",
    "kind regards",
    "regards",
    "warm regards",
    "sincerely",
    "yours sincerely",
    "yours truly",
    "best wishes",
    "many thanks",
    "mit freundlichen",
    "viele grüße",
    "freundliche grüße",
    "cordialement",
    "saludos",
    "atentamente",
    "met vriendelijke",
];

/// What lines of mass mail say about themselves.
const BULK: [&str; 14] = [
    "unsubscribe",
    "abmelden",
    "abbestellen",
    "désabonner",
    "désinscrire",
    "darse de baja",
    "cancelar suscripción",
    "manage your preferences",
    "manage preferences",
    "email preferences",
    "update your preferences",
    "view in browser",
    "view this email in",
    "you are receiving this",
];

/// What lines say that many mails carry, whoever wrote them.
const BOILERPLATE: [&str; 20] = [
    "confidential",
    "intended recipient",
    "intended solely",
    "intended only for",
    "privileged",
    "all rights reserved",
    "copyright",
    "privacy policy",
    "terms of service",
    "vertraulich",
    "datenschutz",
    "impressum",
    "think before you print",
    "please consider the environment",
    "originated from outside",
    "external email",
    "external sender",
    "do not reply to this",
    "sent from my",
    "registered office",
];

/// Beginnings of the lines that open a quoted message.
const QUOTE: [&str; 8] = [
    "-----original message",
    "-----ursprüngliche nachricht",
    "---------- forwarded",
    "begin forwarded message",
    "________________",
    "-----mensaje original",
    "-----message d'origine",
    "----- forwarded",
];

/// A message's own text, in a form that can be stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Essence {
    /// The smallest hashes of three-word shingles, words with digits taken for one,
    /// sorted.
    pub shingles: Vec<u64>,
    /// Hashes of the telephone and account numbers, sorted.
    pub numbers: Vec<u64>,
    /// Whether it says that it is mass mail.
    pub bulk: bool,
}

impl Essence {
    /// Reads a visible text; linear in its length.
    pub fn of(text: &str, hash: impl Fn(&[u8]) -> u64) -> Self {
        let (own, bulk) = own_lines(text);
        let words: Vec<String> = words(&own)
            .into_iter()
            .map(|word| {
                if word.chars().any(char::is_numeric) {
                    "#".to_owned()
                } else {
                    word
                }
            })
            .collect();
        let mut shingles: Vec<u64> = words
            .windows(SHINGLE)
            .map(|window| hash(window.join(" ").as_bytes()))
            .collect();
        shingles.sort_unstable();
        shingles.dedup();
        shingles.truncate(MAX_HASHES);
        let numbers: BTreeSet<u64> = numbers(&own)
            .into_iter()
            .map(|number| hash(number.as_bytes()))
            .collect();
        Self {
            shingles,
            numbers: numbers.into_iter().take(MAX_NUMBERS).collect(),
            bulk,
        }
    }
}

fn begins(line: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|b| line.starts_with(b))
}

fn holds(line: &str, marks: &[&str]) -> bool {
    marks.iter().any(|mark| line.contains(mark))
}

/// `On .. wrote:` and the like in one line.
fn announces_quote(line: &str) -> bool {
    line.ends_with(':')
        && [
            ("on ", "wrote:"),
            ("am ", "schrieb"),
            ("le ", "écrit"),
            ("el ", "escribió"),
        ]
        .iter()
        .any(|(head, tail)| line.starts_with(head) && line.contains(tail))
}

/// The lines that are the message's own, and whether it says that it is mass mail.
fn own_lines(text: &str) -> (String, bool) {
    let mut own = String::with_capacity(text.len().min(1 << 16));
    let (mut bulk, mut disclaimer, mut said, mut leaving) = (false, false, 0, 0_usize);
    for line in text.lines().take(MAX_LINES) {
        let folded: String = line
            .trim()
            .chars()
            .filter(|c| !is_invisible(*c))
            .flat_map(char::to_lowercase)
            .collect();
        if folded.is_empty() {
            disclaimer = false;
            continue;
        }
        let length = folded.split_whitespace().count();
        bulk |= holds(&folded, &BULK);
        if folded.starts_with('>') {
            continue;
        }
        if (begins(&folded, &QUOTE) || announces_quote(&folded)) && said >= BEFORE_QUOTE {
            break;
        }
        // a disclaimer goes on to the end of its paragraph
        disclaimer |= holds(&folded, &BOILERPLATE) || holds(&folded, &BULK);
        if disclaimer {
            continue;
        }
        if said < BEFORE_QUOTE && length <= SHORT_LINE && {
            let first = folded.split(|c: char| !c.is_alphanumeric()).next();
            first.is_some_and(|word| GREETINGS.contains(&word))
        } {
            continue;
        }
        if folded == "--" || (begins(&folded, &CLOSINGS) && length <= SHORT_LINE) {
            leaving = SIGNATURE;
            continue;
        }
        if leaving > 0 && length <= SHORT_LINE {
            leaving -= 1;
            continue;
        }
        leaving = 0;
        said += length;
        own.push_str(line);
        own.push('\n');
    }
    (own, bulk)
}

/// Telephone numbers as their digits and account numbers (IBAN) that check out.
fn numbers(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        for run in line.split(|c: char| !(c.is_ascii_digit() || " -.()+\u{a0}/".contains(c))) {
            found.extend(telephone(run));
            if found.len() >= MAX_NUMBERS {
                return found;
            }
        }
        let compact: Vec<&str> = line.split_whitespace().take(400).collect();
        for at in 0..compact.len() {
            let whole: String = compact.iter().skip(at).take(9).copied().collect();
            found.extend(account(&whole));
        }
    }
    found
}

/// The digits of a run that is written like a telephone number: with a plus, or in
/// three groups of three digits and more.
fn telephone(run: &str) -> Option<String> {
    let run = run.trim_matches([' ', '-', '.', '/', '\u{a0}']);
    let digits: String = run.chars().filter(char::is_ascii_digit).collect();
    if !(9..=15).contains(&digits.len()) {
        return None;
    }
    let groups: Vec<usize> = run
        .split(|c: char| !c.is_ascii_digit())
        .map(str::len)
        .filter(|length| *length > 0)
        .collect();
    let grouped = groups.len() >= 3
        && groups.iter().rev().take(3).all(|length| *length >= 3)
        && groups.iter().all(|length| *length <= 4);
    // the country's own number stands before the same groups or does not
    (run.starts_with('+') || grouped).then(|| {
        let from = digits.len().saturating_sub(9);
        digits.chars().skip(from).collect()
    })
}

/// An account number at the start of letters and digits without blanks, where its
/// check digits are right (ISO 13616).
fn account(text: &str) -> Option<String> {
    let code: String = text
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .take(34)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let form = code.bytes().enumerate().take(4).all(|(at, b)| {
        if at < 2 {
            b.is_ascii_uppercase()
        } else {
            b.is_ascii_digit()
        }
    });
    if !form || code.len() < 15 {
        return None;
    }
    // a following word may stand behind it: the longest number that checks out
    (15..=code.len())
        .rev()
        .filter_map(|length| code.get(..length))
        .find(|iban| {
            let turned = iban.bytes().skip(4).chain(iban.bytes().take(4));
            let rest = turned.fold(0_u32, |rest, b| match b {
                b'0'..=b'9' => (rest * 10 + u32::from(b - b'0')) % 97,
                _ => (rest * 100 + u32::from(b.saturating_sub(b'A')) + 10) % 97,
            });
            rest == 1 && iban.bytes().filter(u8::is_ascii_digit).count() * 2 > iban.len()
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> String {
        let words: Vec<String> = own_lines(text)
            .0
            .split_whitespace()
            .map(Into::into)
            .collect();
        words.join(" ")
    }

    #[test]
    fn what_surrounds_a_text_is_left_out() {
        let text = "CAUTION: this mail originated from outside.\n\nHello Ms Adams,\n\nplease look at the invoice that is attached and pay it before the end of the week.\n> an older answer\n\nBest regards\nJo Field\nNorthwind, Main Street 5\n\nThis message is confidential and meant\nfor its reader alone.\n\nUnsubscribe here\n\nOn Monday Ann wrote:\nolder words";
        assert_eq!(
            own(text),
            "please look at the invoice that is attached and pay it before the end of the week."
        );
        assert!(own_lines(text).1);
        assert!(!own_lines("Pay the invoice today.").1);
    }

    #[test]
    fn numbers_to_call_and_to_pay_to_are_found_and_dates_are_not() {
        let found = numbers(
            "Call +1 (800) 555-0199 or 0800 555 0123.\nPay to DE89 3704 0044 0532 0130 00 now.\nOrder 2026-11-23 08, 10.0.0.1, total 1 000 000 and DE88 3704 0044 0532 0130 00.",
        );
        assert_eq!(found, ["005550199", "005550123", "DE89370400440532013000"]);
    }
}
