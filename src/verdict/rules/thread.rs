//! Somebody who steps into a conversation under a name like that of one who is in it.

use std::collections::BTreeSet;

use crate::{
    message::registrable,
    verdict::{case::Case, hosts, lookalike},
};

/// Octets of a text in which earlier mail is looked for.
const MOST_TEXT: usize = 256 << 10;
/// Addresses taken of earlier mail.
const MOST_ADDRESSES: usize = 200;
/// First words of the header of quoted mail, and those that must follow within a few
/// lines: in the languages that mail programs write it.
const FROM_LINES: [&str; 8] = [
    "from:", "von:", "de:", "de :", "da:", "van:", "från:", "fra:",
];
const NEXT_LINES: [&str; 30] = [
    "sent:",
    "date:",
    "date :",
    "to:",
    "subject:",
    "gesendet:",
    "datum:",
    "an:",
    "betreff:",
    "envoyé:",
    "envoyé :",
    "à:",
    "à :",
    "objet:",
    "objet :",
    "enviado:",
    "enviado el:",
    "fecha:",
    "para:",
    "asunto:",
    "assunto:",
    "inviato:",
    "data:",
    "a:",
    "oggetto:",
    "verzonden:",
    "aan:",
    "onderwerp:",
    "skickat:",
    "sendt:",
];
/// Ends of the line by which answers introduce what they quote.
const WROTE: [&str; 12] = [
    "wrote:",
    "schrieb:",
    "a écrit:",
    "a écrit :",
    "escribió:",
    "escribio:",
    "ha scritto:",
    "schreef:",
    "escreveu:",
    "skrev:",
    "napisał:",
    "napisał(a):",
];
/// Rules between an answer and what it quotes.
const RULES: [&str; 8] = [
    "original message",
    "forwarded message",
    "ursprüngliche nachricht",
    "weitergeleitete nachricht",
    "message d'origine",
    "mensaje original",
    "messaggio originale",
    "oorspronkelijk bericht",
];

pub(super) fn run(case: &mut Case<'_>) {
    let domain = case.domain.clone();
    if domain.is_empty() {
        return;
    }
    answers(case, &domain);
    // a mailbox provider is everybody's, and of the own name it is said already
    if hosts::is_freemail(&domain) || case.is_own(&domain) || Case::is_branded(&domain) {
        return;
    }
    if let Some(party) = imitated(case, &domain) {
        let (theirs, real) = (Case::shown(&domain), Case::shown(&party));
        case.find(
            "thread.lookalike_party",
            "header:From",
            format!("takes part in a conversation with {real} from {theirs}, which resembles it"),
        );
    }
}

/// Answers that go to a domain like the sender's own.
fn answers(case: &mut Case<'_>, domain: &str) {
    let targets = case.message.reply_to.iter().take(20);
    let twin = targets
        .map(|person| registrable(person.domain()))
        .filter(|target| !case.is_own(target) && !hosts::is_freemail(target))
        .find(|target| twins(target, domain) || twins(domain, target));
    if let Some(twin) = twin {
        let (twin, theirs) = (Case::shown(&twin), Case::shown(domain));
        case.find(
            "sender.reply_lookalike",
            "header:Reply-To",
            format!("answers go to {twin}, which resembles the sender's {theirs}"),
        );
    }
}

/// The party of the conversation whose domain the author's imitates. None where the
/// author's domain is itself a party, and where there is no conversation.
fn imitated(case: &Case<'_>, domain: &str) -> Option<String> {
    let message = case.message;
    let ids: BTreeSet<String> = message
        .references
        .iter()
        .chain(&message.in_reply_to)
        .take(MOST_ADDRESSES)
        .filter_map(|id| id.rsplit_once('@'))
        .map(|(_, host)| registrable(host))
        .collect();
    let quoted = quoted(message.visible_text());
    let written: BTreeSet<String> = quoted.map(addresses).unwrap_or_default();
    if (ids.is_empty() && quoted.is_none()) || ids.contains(domain) || written.contains(domain) {
        return None;
    }
    let recipients: BTreeSet<String> = message
        .to
        .iter()
        .chain(&message.cc)
        .take(MOST_ADDRESSES)
        .map(|person| registrable(person.domain()))
        .collect();
    let parties = written.into_iter().chain(recipients).chain(ids);
    // that it imitates the organisation is said of the sender already
    parties
        .filter(|party| !case.is_own(party))
        .find(|party| twins(domain, party))
}

/// Whether one domain can be taken for another, by its first label. Names that count
/// (`mx1`, `mx2`) are siblings, not twins.
fn twins(domain: &str, genuine: &str) -> bool {
    let label = |domain: &str| domain.split('.').next().unwrap_or_default().to_owned();
    let (one, other) = (label(domain), label(genuine));
    let bare = |label: &str| label.replace(|c: char| c.is_ascii_digit(), "");
    let counted = one != bare(&one) && other != bare(&other) && bare(&one) == bare(&other);
    !counted && lookalike::resembles(&one, &other)
}

/// The part of a text that quotes earlier mail; `None` when nothing does.
fn quoted(text: &str) -> Option<&str> {
    let text = text.get(..text.floor_char_boundary(MOST_TEXT))?;
    let mut at = 0;
    let mut lines: Vec<(usize, &str)> = Vec::new();
    for line in text.split_inclusive('\n') {
        lines.push((at, line.trim()));
        at += line.len();
    }
    let start = lines.iter().enumerate().find_map(|(index, (at, line))| {
        let bare = line.trim_start_matches(['>', ' ', '*']);
        // a longer line is prose
        let folded: String = bare.chars().take(300).collect::<String>().to_lowercase();
        let wrote = WROTE.iter().any(|end| folded.ends_with(end));
        if wrote && bare.len() < 40 {
            // the line was broken: who wrote stands before
            let before = lines.get(index.saturating_sub(1));
            return before.map(|(at, _)| *at);
        }
        let rule = RULES.iter().any(|rule| {
            let inner = folded.trim_matches(|c: char| "-_= :".contains(c));
            inner == *rule
        });
        let header = FROM_LINES.iter().any(|word| folded.starts_with(word))
            && lines.iter().skip(index + 1).take(4).any(|(_, next)| {
                let next = next.trim_start_matches(['>', ' ', '*']);
                let next: String = next.chars().take(20).collect::<String>().to_lowercase();
                NEXT_LINES.iter().any(|word| next.starts_with(word))
            });
        (wrote || rule || header || line.starts_with('>')).then_some(*at)
    })?;
    text.get(start..)
}

/// The registrable domains of the addresses in a text.
fn addresses(text: &str) -> BTreeSet<String> {
    text.split(|c: char| c.is_whitespace() || "<>()[]{}\"',;:|\u{a0}".contains(c))
        .filter(|word| word.len() <= 320)
        .filter_map(|word| word.rsplit_once('@'))
        .map(|(_, host)| host.trim_end_matches(['.', '*', '_', '!', '?']))
        .filter(|host| host.contains('.'))
        .take(MOST_ADDRESSES)
        .map(registrable)
        .collect()
}
