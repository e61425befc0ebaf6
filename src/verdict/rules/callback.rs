//! A charge nobody made, and a number to call about it.

use std::collections::HashSet;

use crate::{
    file::FileReport,
    message::ObservableKind,
    verdict::{
        case::{Case, folded},
        hosts,
    },
};

/// Words between a number and the word that asks to call it.
const NEAR: usize = 14;
/// Files whose text is looked through.
const MOST_FILES: usize = 10;
/// Characters of a text that are looked through.
const MOST_TEXT: usize = 20_000;
const CALL: [&str; 33] = [
    "contact",
    "support",
    "reach",
    "kontaktieren",
    "contacter",
    "contactar",
    "contattare",
    "call",
    "calling",
    "dial",
    "phone",
    "helpline",
    "hotline",
    "toll",
    "helpdesk",
    "anrufen",
    "anruf",
    "rufen",
    "appelez",
    "appeler",
    "contactez",
    "llame",
    "llamar",
    "llamenos",
    "chiami",
    "chiama",
    "chiamare",
    "chiamate",
    "bel",
    "bellen",
    "ligue",
    "telefonisch",
    "telefoneer",
];
const CHARGE: [&str; 34] = [
    "charged",
    "charge",
    "debited",
    "deducted",
    "billed",
    "renewal",
    "renewed",
    "auto renew",
    "subscription",
    "order",
    "invoice",
    "abgebucht",
    "abbuchung",
    "abonnement",
    "verlangerung",
    "verlangert",
    "bestellung",
    "debite",
    "preleve",
    "renouvellement",
    "renouvele",
    "commande",
    "cargo",
    "cobrado",
    "renovacion",
    "suscripcion",
    "pedido",
    "addebitato",
    "addebito",
    "rinnovo",
    "abbonamento",
    "afgeschreven",
    "verlengd",
    "bestelling",
];
/// Words of who would not have it.
const DISPUTE: [&str; 39] = [
    "unexpected",
    "not recognize",
    "not recognise",
    "don t recognize",
    "don t want to continue",
    "do not want to continue",
    "cancel",
    "cancellation",
    "cancelation",
    "did not authorize",
    "did not authorise",
    "didn t authorize",
    "didn t authorise",
    "not authorized by you",
    "unauthorized",
    "unauthorised",
    "did not make this",
    "did not place",
    "didn t place",
    "didn t make",
    "dispute",
    "refund",
    "stornieren",
    "stornierung",
    "kundigen",
    "nicht autorisiert",
    "erstattung",
    "annuler",
    "annulation",
    "remboursement",
    "cancelar",
    "reembolso",
    "no autorizo",
    "annullare",
    "rimborso",
    "disdire",
    "annuleren",
    "terugbetaling",
    "niet geautoriseerd",
];

/// Anyone can write the fields of a list, and anyone sends from a free mailbox.
fn is_proven_list(case: &Case<'_>) -> bool {
    case.message.list.post && case.is_proven() && !hosts::is_freemail(&case.domain)
}

pub(super) fn run(case: &mut Case<'_>) {
    let own = |number: &str| number.trim_start_matches('+').to_owned();
    let numbers: HashSet<String> = case
        .observables
        .iter()
        .filter(|one| one.kind == ObservableKind::Phone)
        .map(|one| own(&one.value))
        .collect();
    // who wants a call gives little to click
    if numbers.is_empty() || case.ways.len() > 1 || is_proven_list(case) {
        return;
    }
    let facts = case.facts;
    let body = case.message.visible_text();
    let mut texts = vec![("body".to_owned(), body)];
    texts.extend(
        facts
            .files
            .iter()
            .flat_map(FileReport::all)
            .filter_map(|file| Some((file.place.clone(), file.text.as_ref()?.exposed().as_str())))
            .take(MOST_FILES),
    );
    let found = texts
        .into_iter()
        .find(|(_, text)| is_callback(text, &numbers));
    if let Some((place, _)) = found {
        case.find(
            "lure.callback",
            &place,
            "names a charge and a telephone number to call about it",
        );
    }
}

fn is_callback(text: &str, numbers: &HashSet<String>) -> bool {
    let text: String = text.chars().take(MOST_TEXT).collect();
    if !has_amount(&text) {
        return false;
    }
    let words = folded(&text, &mut Vec::new());
    let padded = format!(" {} ", words.join(" "));
    let says = |list: &[&str]| {
        list.iter()
            .any(|phrase| padded.contains(&format!(" {phrase} ")))
    };
    says(&CHARGE) && says(&DISPUTE) && asks_to_call(&words, numbers)
}

/// Whether one of the numbers stands near a word that asks to call it.
fn asks_to_call(words: &[String], numbers: &HashSet<String>) -> bool {
    let mut from = 0;
    while from < words.len() {
        let run = words.iter().skip(from);
        let digits: Vec<&str> = run
            .take(8)
            .map(String::as_str)
            .take_while(|word| word.bytes().all(|b| b.is_ascii_digit()))
            .collect();
        if digits.is_empty() {
            from += 1;
            continue;
        }
        let number = digits.concat();
        if numbers.iter().any(|known| number.contains(known.as_str())) {
            let first = from.saturating_sub(NEAR);
            let span = 2 * NEAR + digits.len();
            let near = words.iter().skip(first).take(span);
            if near.into_iter().any(|word| CALL.contains(&word.as_str())) {
                return true;
            }
        }
        from += digits.len();
    }
    false
}

/// Whether a sum of money is named: `$ 399`, `399,99 EUR`, `399.99`.
fn has_amount(text: &str) -> bool {
    let spaced: String = text
        .chars()
        .flat_map(|c| match c {
            '$' | '€' | '£' => [' ', c, ' '],
            other => [other, '\0', '\0'],
        })
        .filter(|c| *c != '\0')
        .collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let number = |word: &&str| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        (2..=9).contains(&digits)
            && word
                .bytes()
                .all(|b| b.is_ascii_digit() || b",.-()*".contains(&b))
    };
    let currency = |word: &&str| {
        let word = word.trim_matches(|c: char| ",.;:()*".contains(c));
        matches!(word, "$" | "€" | "£")
            || [
                "usd", "eur", "euro", "euros", "gbp", "cad", "aud", "chf", "dollars",
            ]
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known))
    };
    let cents = |word: &&str| {
        let word = word.trim_matches(|c: char| ",.;:()*".contains(c));
        let parts = word.rsplit_once(['.', ',']);
        // a decimal stands for a sum with two digits behind it; `1.10.25` is a day
        number(&word)
            && parts.is_some_and(|(whole, cents)| {
                cents.len() == 2 && !whole.is_empty() && !whole.contains('.')
            })
    };
    words.iter().any(cents)
        || words.windows(2).any(|pair| match pair {
            [one, other] => (number(one) && currency(other)) || (currency(one) && number(other)),
            _ => false,
        })
}
