//! Features of form: of subject, sender, links, structure and files.

use std::collections::{BTreeSet, HashMap};

use super::{
    features::Pieces,
    words::{Mask, is_invisible, words_of},
};
use crate::{
    message::{Observable, ObservableKind, ParsedMessage, registrable},
    verdict::hosts,
};

/// Links that are looked at.
const MAX_LINKS: usize = 200;

/// The logarithm of a number, base two, as a small step.
fn step(number: usize) -> String {
    number.saturating_add(1).ilog2().to_string()
}

/// A share in so many steps.
fn share(part: usize, whole: usize, steps: usize) -> String {
    part.saturating_mul(steps)
        .checked_div(whole)
        .map_or_else(|| "-".to_owned(), |step| step.to_string())
}

fn at_most(number: usize, most: usize) -> String {
    number.min(most).to_string()
}

fn yes(is: bool) -> &'static str {
    if is { "1" } else { "0" }
}

/// Letters as `a`, digits as `0`, runs of both as `x`; at most sixteen.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    for c in text.chars() {
        let mark = if c.is_ascii_digit() {
            '0'
        } else if c.is_alphanumeric() {
            'a'
        } else {
            c
        };
        match (shape.chars().last(), mark) {
            (Some(last), mark) if last == mark => {}
            (Some('x'), 'a' | '0') => {}
            (Some('a'), '0') | (Some('0'), 'a') => {
                shape.pop();
                shape.push('x');
            }
            _ => shape.push(mark),
        }
        if shape.len() >= 16 {
            break;
        }
    }
    shape
}

/// How much a label looks made by a machine: letters and digits in turn, long runs of
/// consonants.
fn randomness(label: &str) -> String {
    let bytes = label.as_bytes();
    let turns = bytes
        .windows(2)
        .filter(|two| {
            matches!(two, [a, b] if (a.is_ascii_alphabetic() && b.is_ascii_digit())
                || (a.is_ascii_digit() && b.is_ascii_alphabetic()))
        })
        .count();
    let mut run = 0;
    let mut longest = 0;
    for byte in bytes {
        let consonant = byte.is_ascii_alphabetic() && !b"aeiouyAEIOUY".contains(byte);
        run = if consonant { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    (usize::from(turns >= 2) + 2 * usize::from(longest >= 5)).to_string()
}

fn digits_folded(text: &str, most: usize) -> String {
    text.chars()
        .take(most)
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect()
}

fn top_level(host: &str) -> &str {
    host.rsplit('.').next().unwrap_or_default()
}

const fn is_pictogram(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{21ff}' | '\u{2600}'..='\u{27bf}' | '\u{2b50}' | '\u{1f300}'..='\u{1faff}')
}

/// Share of capitals among letters, in steps.
fn capitals(text: &str, steps: usize) -> String {
    let letters = text.chars().filter(|c| c.is_alphabetic());
    let (upper, all) = letters.fold((0, 0), |(upper, all), c| {
        (upper + usize::from(c.is_uppercase()), all + 1)
    });
    share(upper, all, steps)
}

fn mixed_alphabets(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_alphabetic())
        && word.chars().any(|c| matches!(c, '\u{370}'..='\u{4ff}'))
}

/// Form of the subject.
pub(super) fn subject(message: &ParsedMessage, out: &mut Pieces) {
    let subject = message.subject.exposed().as_str();
    let mut flag = |is: bool, name: &str| {
        if is {
            out.add(&[name]);
        }
    };
    flag(subject.chars().any(is_pictogram), "pictogram");
    flag(subject.contains('!'), "bang");
    flag(subject.contains('?'), "quest");
    flag(subject.contains(['$', '€', '£', '¥', '₹']), "money");
    let longest = subject
        .split(|c: char| !c.is_ascii_digit())
        .map(str::len)
        .max()
        .unwrap_or_default();
    flag(longest >= 4, "number");
    flag(subject.contains('#'), "hash");
    flag(
        subject.split_whitespace().any(|word| {
            word.len() >= 5
                && word.bytes().any(|b| b.is_ascii_digit())
                && word.bytes().any(|b| b.is_ascii_uppercase())
        }),
        "code",
    );
    flag(subject.contains('@'), "address");
    flag(subject.trim().is_empty(), "empty");
    flag(subject.chars().any(is_invisible), "invisible");
    flag(subject.split_whitespace().any(mixed_alphabets), "mixed");
    out.add(&["length=", &step(subject.chars().count())]);
    out.add(&["capitals=", &capitals(subject, 5)]);
}

/// Form of the sender's address and name, and where answers go.
pub(super) fn sender(message: &ParsedMessage, out: &mut Pieces) {
    let Some(author) = message.author() else {
        return out.add(&["none"]);
    };
    let (local, host) = author
        .address
        .split_once('@')
        .unwrap_or((&author.address, ""));
    let domain = registrable(host);
    for (name, value) in [
        ("tld=", top_level(host).to_owned()),
        ("domain=", domain.clone()),
        ("local_shape=", shape(local)),
        ("domain_shape=", shape(&domain)),
        ("depth=", at_most(host.matches('.').count(), 5)),
        ("local_length=", step(local.len())),
        ("host_length=", step(host.len())),
        ("local_random=", randomness(local)),
        (
            "domain_random=",
            randomness(domain.split('.').next().unwrap_or_default()),
        ),
    ] {
        out.add(&[name, &value]);
    }
    for piece in digits_folded(local, 60).split(['.', '_', '+', '-']) {
        out.add(&["local=", piece]);
    }
    for piece in digits_folded(host, 80).split(['.', '-']) {
        out.add(&["host=", piece]);
    }
    let free = |domain: &str| hosts::is_freemail(domain);
    if free(&domain) {
        out.add(&["free"]);
    }
    match author.name.as_ref().map(|name| name.exposed().as_str()) {
        Some(name) if !name.trim().is_empty() => {
            out.add(&["name_length=", &step(name.chars().count())]);
            out.add(&["name_words=", &at_most(name.split_whitespace().count(), 6)]);
            if name.contains('@') {
                out.add(&["name_address"]);
            }
            if name.chars().any(is_pictogram) {
                out.add(&["name_pictogram"]);
            }
            if name.len() >= 3 && !name.chars().any(char::is_lowercase) {
                out.add(&["name_capitals"]);
            }
            let words = words_of(name, 120, &Mask::default());
            let long = || words.iter().filter(|word| word.len() >= 4);
            out.add(&[
                "name_in_host=",
                yes(long().any(|word| host.contains(word.as_str()))),
            ]);
            out.add(&[
                "name_in_local=",
                yes(long().any(|word| local.contains(word.as_str()))),
            ]);
        }
        _ => out.add(&["no_name"]),
    }
    match message.reply_to.first() {
        None => out.add(&["reply=none"]),
        Some(reply) if reply.address == author.address => out.add(&["reply=same"]),
        Some(reply) => {
            let other = registrable(reply.domain());
            let same = other == domain;
            out.add(&["reply=", if same { "domain" } else { "other" }]);
            out.add(&["reply_free=", yes(free(&other))]);
            if !same {
                out.add(&["reply_tld=", top_level(reply.domain())]);
            }
        }
    }
    let id_host = message
        .message_id
        .as_deref()
        .and_then(|id| id.rsplit_once('@'))
        .map(|(_, host)| registrable(host));
    match id_host {
        None => out.add(&["id=none"]),
        Some(id) if id == domain => out.add(&["id=same"]),
        Some(id) => {
            out.add(&["id=other"]);
            out.add(&[
                "id_tld=",
                if id.contains('.') { top_level(&id) } else { "" },
            ]);
            out.add(&["id_domain=", &digits_folded(&id, 60)]);
        }
    }
    let own = message
        .to
        .iter()
        .any(|person| person.address == author.address);
    out.add(&["to_himself=", yes(own)]);
}

/// The names of hosts that links lead to, the sender's own left out.
pub(super) fn hosts(message: &ParsedMessage, observables: &[Observable]) -> String {
    let domain = message.author().map(|author| registrable(author.domain()));
    let mut labels = BTreeSet::new();
    let mut all = String::new();
    for link in observables
        .iter()
        .filter_map(|one| one.link.as_ref())
        .take(MAX_LINKS)
    {
        if Some(&link.domain) == domain.as_ref() {
            continue;
        }
        let mut names: Vec<&str> = link.host.split('.').collect();
        names.pop();
        for label in names {
            if label != "www" && labels.insert(label) {
                all.push_str(label);
                all.push(' ');
            }
        }
    }
    all
}

/// Form of links.
pub(super) fn links(message: &ParsedMessage, observables: &[Observable], out: &mut Pieces) {
    let domain = message
        .author()
        .map(|author| registrable(author.domain()))
        .unwrap_or_default();
    let mut domains: HashMap<&str, usize> = HashMap::new();
    let (mut all, mut same, mut plain) = (0, 0, 0);
    let list = observables
        .iter()
        .filter(|one| one.kind == ObservableKind::Url)
        .filter_map(|one| one.link.as_ref().map(|facts| (one, facts)))
        .take(MAX_LINKS);
    for (one, facts) in list {
        let Ok(url) = url::Url::parse(&one.value) else {
            out.add(&["damaged"]);
            continue;
        };
        if facts.domain.is_empty() {
            out.add(&["scheme=", url.scheme()]);
            continue;
        }
        all += 1;
        plain += usize::from(url.scheme() == "http");
        *domains.entry(facts.domain.as_str()).or_default() += 1;
        if facts.domain == domain {
            same += 1;
            out.add(&["same"]);
        } else {
            host(&facts.host, &facts.domain, out);
        }
        for (is, name) in [
            (hosts::is_shortener(&facts.host), "short"),
            (url.port().is_some(), "port"),
            (facts.userinfo, "userinfo"),
            (facts.idn.is_some(), "idn"),
            (facts.private.is_some(), "private"),
            (
                facts
                    .shown_host
                    .as_deref()
                    .is_some_and(|shown| registrable(shown) != facts.domain),
                "mismatch",
            ),
        ] {
            if is {
                out.add(&[name]);
            }
        }
        tail(&url, out);
    }
    let mail =
        |one: &&Observable| one.kind == ObservableKind::Email && one.place.starts_with("body");
    for address in observables.iter().filter(mail).take(20) {
        let host = address.value.rsplit('@').next().unwrap_or_default();
        let kind = match registrable(host) {
            other if other == domain => "same",
            other if hosts::is_freemail(&other) => "free",
            _ => "other",
        };
        out.add(&["mail=", kind]);
    }
    let count = |kind| observables.iter().filter(|one| one.kind == kind).count();
    for (name, value) in [
        ("links=", step(all)),
        ("domains=", at_most(domains.len(), 8)),
        ("own=", step(same)),
        ("own_share=", share(same, all, 4)),
        ("plain=", share(plain, all, 4)),
        ("phones=", at_most(count(ObservableKind::Phone), 3)),
        ("wallets=", at_most(count(ObservableKind::Wallet), 2)),
        ("accounts=", at_most(count(ObservableKind::Iban), 2)),
    ] {
        out.add(&[name, &value]);
    }
    // of equals the first by name, so that the order of a map decides nothing
    let top = domains
        .iter()
        .max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
    if let Some((top, _)) = top {
        out.add(&["top_other=", yes(**top != domain)]);
        out.add(&["one_domain=", yes(domains.len() == 1)]);
    }
}

fn host(name: &str, domain: &str, out: &mut Pieces) {
    out.add(&["domain=", domain]);
    out.add(&["tld=", top_level(name)]);
    if name.parse::<std::net::IpAddr>().is_ok() {
        return out.add(&["address"]);
    }
    if hosts::is_free_hosting(name) {
        out.add(&["hosting=", domain]);
    }
    let mut labels: Vec<&str> = name.split('.').collect();
    labels.pop();
    for label in labels.into_iter().filter(|label| *label != "www") {
        out.add(&["label_random=", &randomness(label)]);
        out.add(&["label_shape=", &shape(label)]);
        out.add(&["label_length=", &step(label.len())]);
    }
    out.add(&["depth=", &at_most(name.matches('.').count(), 6)]);
}

/// Path, query and fragment of a link.
fn tail(url: &url::Url, out: &mut Pieces) {
    let decoded = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .to_lowercase()
    };
    let path = decoded(url.path());
    let query = decoded(url.query().unwrap_or_default());
    let fragment = decoded(url.fragment().unwrap_or_default());
    out.add(&["path_depth=", &at_most(path.matches('/').count(), 7)]);
    out.add(&["path_length=", &step(path.len())]);
    out.add(&["query_length=", &step(query.len())]);
    if !fragment.is_empty() {
        out.add(&["fragment_length=", &step(fragment.len())]);
    }
    for segment in path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .take(12)
    {
        for word in segment.split(|c: char| !c.is_alphabetic()) {
            if (2..=16).contains(&word.len()) {
                out.add(&["path=", word]);
            }
        }
        if let Some((_, ending)) = segment.rsplit_once('.').filter(|(_, end)| end.len() <= 5) {
            out.add(&["ending=", ending]);
        }
        out.add(&["segment=", &shape(segment)]);
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()).take(12) {
        let name = pair.split('=').next().unwrap_or_default();
        out.add(&["parameter=", &digits_folded(name, 20)]);
    }
    let rest = [path, query, fragment].concat();
    if rest.contains('@') {
        out.add(&["address_in_link"]);
    }
    if rest.contains("http:") || rest.contains("https:") {
        out.add(&["link_in_link"]);
    }
}

/// Form of the body: its parts, tags, alphabets and marks.
pub(super) fn structure(message: &ParsedMessage, body: &str, words: &[String], out: &mut Pieces) {
    let body: String = body.chars().take(12_000).collect();
    let parts: Vec<String> = message
        .structure
        .iter()
        .take(8)
        .map(|part| format!("{}{}", part.depth.min(4), part.media_type))
        .collect();
    out.add(&["parts=", &parts.join("|")]);
    out.add(&["part_count=", &at_most(message.structure.len(), 10)]);
    let chars = body.chars().count();
    let text = message.text.as_ref().map_or(0, |text| text.exposed().len());
    out.add(&["text_length=", &step(chars)]);
    out.add(&["plain_length=", &step(text)]);
    if let (Some(view), Some(html)) = (&message.view, &message.html) {
        let length = html.exposed().len();
        out.add(&["html_length=", &step(length)]);
        out.add(&["ratio=", &step(length.saturating_mul(4) / (chars + 1))]);
        let mut tags: HashMap<u32, usize> = HashMap::new();
        for tag in &view.tags {
            *tags.entry(*tag).or_default() += 1;
        }
        for (tag, times) in tags {
            let tag = tag.to_string();
            out.add(&["tag=", &tag]);
            out.add(&["tags=", &tag, ":", &step(times)]);
        }
        for (name, value) in [
            ("pictures=", step(view.images)),
            ("hidden=", step(view.hidden.len())),
            ("fields=", at_most(view.fields, 3)),
            ("scripts=", at_most(view.scripts, 2)),
            (
                "picture_only=",
                yes(view.images > 0 && chars < 200).to_owned(),
            ),
        ] {
            out.add(&[name, &value]);
        }
    }
    let of = |is: fn(char) -> bool| body.chars().filter(|c| is(*c)).count();
    let letters = of(char::is_alphabetic);
    for (name, is) in [
        ("latin=", (|c| c.is_ascii_alphabetic()) as fn(char) -> bool),
        ("cyrillic=", |c| matches!(c, '\u{400}'..='\u{4ff}')),
        (
            "cjk=",
            |c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'),
        ),
        ("semitic=", |c| matches!(c, '\u{590}'..='\u{6ff}')),
    ] {
        out.add(&[name, &share(of(is), letters, 4)]);
    }
    out.add(&["invisible=", &step(of(is_invisible))]);
    out.add(&["pictograms=", &step(of(is_pictogram))]);
    out.add(&["bangs=", &step(of(|c| c == '!'))]);
    out.add(&[
        "money=",
        &step(of(|c| matches!(c, '$' | '€' | '£' | '¥' | '₹'))),
    ]);
    out.add(&[
        "digits=",
        &share(of(|c| c.is_ascii_digit()), chars.max(1), 40),
    ]);
    out.add(&["capitals=", &capitals(&body, 16)]);
    let mixed = body
        .split_whitespace()
        .filter(|word| mixed_alphabets(word))
        .count();
    out.add(&["mixed=", &step(mixed)]);
    out.add(&["words=", &step(words.len())]);
    let distinct: BTreeSet<&String> = words.iter().collect();
    out.add(&["distinct=", &share(distinct.len(), words.len(), 8)]);
    for place in ["rcptx", "mailx", "urlx"] {
        let times = words.iter().filter(|word| *word == place).count();
        out.add(&[place, "=", &at_most(times, 4)]);
    }
}

/// Names, types and sizes of files.
pub(super) fn files(message: &ParsedMessage, mask: &Mask, out: &mut Pieces) {
    out.add(&["files=", &at_most(message.attachments.len(), 4)]);
    for file in message.attachments.iter().take(20) {
        out.add(&["type=", &file.media_type]);
        out.add(&[
            "size=",
            &step(usize::try_from(file.size / 64).unwrap_or(usize::MAX)),
        ]);
        let Some(name) = file.name.as_ref().map(|name| name.exposed().to_lowercase()) else {
            continue;
        };
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        out.add(&["ending=", ending]);
        out.add(&["shape=", &shape(&name)]);
        for word in words_of(&name, 120, mask) {
            out.add(&["word=", &word]);
        }
    }
}
