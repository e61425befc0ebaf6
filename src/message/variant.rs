//! Whether a message belongs to the seed's campaign though it is no copy of it.
//!
//! Evidence comes in classes that do not follow from each other. Two are needed,
//! one of them content: the links' template, the attachments, a number to call or
//! to pay to, the text. Links to platforms that everybody uses prove nothing. What
//! carries the seed's attack (a link, a file, a number) must be found again, or else
//! the message may be the honest one that the seed was made from; only a sender whom
//! servers vouched for in both makes up for it. Always measured to a confirmed seed,
//! never from variant to variant.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::{Fingerprint, commonplace::is_common, registrable};

/// Shingles of the own text below which it proves nothing.
const MIN_TEXT: usize = 20;
/// Shingles that a seed without any carrier needs.
const MIN_TEXT_ALONE: usize = 40;
/// Share of common shingles from which two texts are near.
const NEAR: f64 = 0.5;
/// Share that two texts without any carrier need.
const NEAR_ALONE: f64 = 0.75;
/// Runs of tags below which a shape proves nothing.
const MIN_SHAPE: usize = 12;
/// Share of common runs that makes two shapes one.
const SAME_SHAPE: f64 = 0.8;
/// Greatest distance of fuzzy hashes within one family. Files without relation are
/// above 100 (Oliver, Cheng, Chen: TLSH, 2013, table of false positives).
const FAMILY: i32 = 30;
/// Keys of one message.
const MAX_KEYS: usize = 60;
/// Words a subject needs so that a third of them may differ: names.
const MIN_SUBJECT: usize = 4;

/// Parts of a path that any house may use.
const GENERIC: [&str; 40] = [
    "",
    "login",
    "signin",
    "sign-in",
    "logon",
    "auth",
    "account",
    "index",
    "index.html",
    "index.php",
    "index.htm",
    "home",
    "default.aspx",
    "de",
    "en",
    "en-us",
    "fr",
    "es",
    "us",
    "uk",
    "unsubscribe",
    "u",
    "c",
    "l",
    "r",
    "ls",
    "click",
    "track",
    "open",
    "view",
    "news",
    "article",
    "articles",
    "blog",
    "shop",
    "product",
    "products",
    "help",
    "support",
    "contact",
];

/// A message that belongs to a campaign, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// How much speaks for it, 0 to 1. For order and display: whether it is one at
    /// all is decided by the classes of evidence.
    pub score: f64,
    /// What agrees, in plain words; no text of a message but names of domains.
    pub reasons: Vec<String>,
}

#[derive(Default)]
struct Evidence {
    /// Weight and words of what is the message's content.
    content: Vec<(f64, String)>,
    /// The same for what surrounds the content.
    beside: Vec<(f64, String)>,
}

/// Evidence that `other` is a variant of a confirmed seed. It does not exclude
/// copies and forwards: ask [`compare`](super::compare) first.
#[must_use]
pub fn variant(seed: &Fingerprint, other: &Fingerprint) -> Option<Variant> {
    let (proven, sender) = senders(seed, other);
    let impersonated = sent_by_named(seed, other);
    if impersonated && !proven {
        return None;
    }
    let links = Links::between(seed, other);
    let file = file(seed, other);
    let text = text(seed, other);
    let near = text.is_some_and(|share| share >= NEAR);
    let number = seed.numbers.iter().any(|n| other.numbers.contains(n));
    let other_number = !number && !seed.numbers.is_empty() && !other.numbers.is_empty();

    let has_carrier = links.uncommon
        || !seed.attached.is_empty()
        || !seed.files.is_empty()
        || !seed.numbers.is_empty();
    let carried = links.accounted || file.is_some() || number;
    let elsewhere = links.uncommon && links.others;
    let contradicted = !links.accounted && (other_number || elsewhere);
    if has_carrier {
        if (!carried || contradicted) && !(proven && near) {
            return None;
        }
    } else {
        let alone =
            seed.essence.len() >= MIN_TEXT_ALONE && text.is_some_and(|share| share >= NEAR_ALONE);
        if !alone || (!seed.links.is_empty() && !proven) {
            return None;
        }
    }
    // issues of one newsletter share links, sender and shape: the text must agree
    if seed.bulk && !near {
        return None;
    }

    let mut found = Evidence::default();
    found.content.extend(links.same);
    found.content.extend(file);
    if number {
        let words = "names the same telephone or account number".to_owned();
        found.content.push((0.6, words));
    }
    if let Some(share) = text.filter(|_| near) {
        let words = format!(
            "{:.0} % of its own text agrees (quotes, greeting, signature and footer left out)",
            share * 100.0
        );
        found.content.push((0.2 + 0.5 * share, words));
    }
    found.beside.extend(sender);
    found.beside.extend(subject(seed, other));
    found.beside.extend(shape(seed, other));
    // one class of content that is no text may be a builder's or a platform's
    let needed = if near || found.content.len() > 1 {
        1
    } else {
        2
    };
    let enough = match found.content.len() {
        0 => false,
        1 => found.beside.len() >= needed,
        _ => true,
    };
    enough.then(|| found.told(look_alike(seed, other)))
}

impl Evidence {
    fn told(self, look_alike: bool) -> Variant {
        let all: Vec<(f64, String)> = self.content.into_iter().chain(self.beside).collect();
        let doubt: f64 = all.iter().map(|(weight, _)| 1.0 - weight).product();
        let mut reasons: Vec<String> = all.into_iter().map(|(_, words)| words).collect();
        if look_alike {
            // shown, never counted: anybody can take a name
            reasons.push("the sender's name looks the same".to_owned());
        }
        Variant {
            score: (1.0 - doubt).clamp(0.0, 1.0),
            reasons,
        }
    }
}

/// Whether the visible senders' names look the same, confusable letters folded. For
/// display: it proves nothing.
#[must_use]
pub fn look_alike(seed: &Fingerprint, other: &Fingerprint) -> bool {
    seed.name_look.is_some() && seed.name_look == other.name_look
}

struct Shape<'p> {
    host: &'p str,
    /// Path and names of parameters.
    path: &'p str,
}

fn shapes(print: &Fingerprint) -> impl Iterator<Item = Shape<'_>> {
    let kept = if print.templates.is_empty() {
        &print.links
    } else {
        &print.templates
    };
    kept.iter().map(|link| {
        let (host, path) = link.split_once('/').unwrap_or((link, ""));
        Shape { host, path }
    })
}

fn uncommon(print: &Fingerprint) -> Vec<Shape<'_>> {
    shapes(print)
        .filter(|shape| !is_common(&registrable(shape.host)))
        .collect()
}

fn plain(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path)
}

/// Whether a path says whose it is: two parts that are its own, one of them a word.
fn distinctive(path: &str) -> bool {
    let (path, keys) = path.split_once('?').unwrap_or((path, ""));
    let own = |part: &&str| !GENERIC.contains(part) && part.len() > 1;
    let parts = || path.split('/').filter(|part| !part.is_empty());
    let words = parts().filter(own).count();
    let changing = parts().filter(|part| *part == "*").count();
    let keys = keys
        .split('&')
        .filter(|key| !key.is_empty() && !key.starts_with("utm_"))
        .count();
    words > 0 && words + changing.min(1) + keys.min(1) >= 2
}

#[derive(Default)]
struct Links {
    /// The seed has links that are not everybody's.
    uncommon: bool,
    /// The other message has such links too.
    others: bool,
    /// Each host of such a link is found again: with the same path, or its path at
    /// a host that the seed does not have.
    accounted: bool,
    /// The evidence, where they are.
    same: Option<(f64, String)>,
}

impl Links {
    fn between(seed: &Fingerprint, other: &Fingerprint) -> Self {
        let (ours, theirs) = (uncommon(seed), uncommon(other));
        let known: BTreeSet<&str> = ours.iter().map(|shape| shape.host).collect();
        let mut links = Self {
            uncommon: !ours.is_empty(),
            others: !theirs.is_empty(),
            ..Self::default()
        };
        let (mut stayed, mut moved) = (0_usize, 0_usize);
        for host in &known {
            let mut paths = ours.iter().filter(|shape| shape.host == *host);
            let at_home = paths.clone().any(|own| {
                theirs
                    .iter()
                    .any(|their| their.host == *host && plain(their.path) == plain(own.path))
            });
            let mut elsewhere = || {
                paths.any(|own| {
                    distinctive(own.path)
                        && theirs
                            .iter()
                            .any(|their| their.path == own.path && !known.contains(their.host))
                })
            };
            if at_home {
                let told = ours
                    .iter()
                    .any(|own| own.host == *host && !plain(own.path).is_empty());
                stayed += usize::from(told);
            } else if elsewhere() {
                moved += 1;
            } else {
                return links;
            }
        }
        links.accounted = links.uncommon;
        links.same = match (stayed, moved) {
            (0, 0) => None,
            (_, 0) => Some((
                0.6,
                "links to the same places by the same template".to_owned(),
            )),
            _ => Some((0.5, "links by the same template at another host".to_owned())),
        };
        links
    }
}

/// Whether the other message comes from a house that the seed only names: the
/// honest mail of whom the seed impersonates, or of whom it links to.
fn sent_by_named(seed: &Fingerprint, other: &Fingerprint) -> bool {
    let from = |print: &Fingerprint| {
        let address = print.from.as_deref().unwrap_or_default();
        address.rsplit_once('@').map(|(_, d)| registrable(d))
    };
    let Some(theirs) = from(other) else {
        return false;
    };
    from(seed).as_ref() != Some(&theirs)
        && seed
            .hosts()
            .into_iter()
            .any(|host| registrable(host) == theirs)
}

/// Whether servers' words place both at one sender, and the evidence for one sender.
fn senders(seed: &Fingerprint, other: &Fingerprint) -> (bool, Option<(f64, String)>) {
    let both: Vec<&String> = seed
        .infrastructure
        .iter()
        .filter(|place| other.infrastructure.contains(place))
        .filter(|place| {
            place
                .split_once(':')
                .is_some_and(|(kind, domain)| kind == "net" || !is_common(domain))
        })
        .collect();
    let proven = both
        .iter()
        .any(|place| place.starts_with("return:") || place.starts_with("dkim:"));
    if both.is_empty() {
        return (false, None);
    }
    let weight = if proven { 0.4 } else { 0.25 };
    let places: Vec<&str> = both.iter().map(|place| place.as_str()).take(4).collect();
    let words = format!("sent from the same places ({})", places.join(", "));
    (proven, Some((weight, words)))
}

fn file(seed: &Fingerprint, other: &Fingerprint) -> Option<(f64, String)> {
    if seed
        .attached
        .iter()
        .any(|file| other.attached.contains(file))
    {
        return Some((0.7, "carries the same file".to_owned()));
    }
    let read = |print: &Fingerprint| -> Vec<tlsh2::TlshDefault> {
        print.files.iter().filter_map(|h| h.parse().ok()).collect()
    };
    let theirs = read(other);
    read(seed)
        .iter()
        .flat_map(|ours| theirs.iter().map(|their| ours.diff(their, true)))
        .min()
        .filter(|distance| *distance <= FAMILY)
        .map(|distance| {
            let words = format!("carries a file of the same family (TLSH distance {distance})");
            (0.5, words)
        })
}

#[expect(clippy::cast_precision_loss, reason = "counts of at most 256")]
fn resemblance(ours: &[u64], theirs: &[u64], most: usize) -> f64 {
    // each is a sample of the smallest hashes: compared up to where both are whole
    let limit = |hashes: &[u64]| {
        if hashes.len() < most {
            u64::MAX
        } else {
            hashes.last().copied().unwrap_or_default()
        }
    };
    let limit = limit(ours).min(limit(theirs));
    let within = |hashes: &[u64]| -> BTreeSet<u64> {
        hashes.iter().copied().filter(|h| *h <= limit).collect()
    };
    let (ours, theirs) = (within(ours), within(theirs));
    let both = ours.intersection(&theirs).count();
    let union = ours.len() + theirs.len() - both;
    if union == 0 {
        return 0.0;
    }
    both as f64 / union as f64
}

fn text(seed: &Fingerprint, other: &Fingerprint) -> Option<f64> {
    let (ours, theirs) = (&seed.essence, &other.essence);
    (ours.len() >= MIN_TEXT && theirs.len() >= MIN_TEXT)
        .then(|| resemblance(ours, theirs, super::essence::MAX_HASHES))
}

fn shape(seed: &Fingerprint, other: &Fingerprint) -> Option<(f64, String)> {
    let (ours, theirs) = (&seed.shape, &other.shape);
    if ours.len() < MIN_SHAPE || theirs.len() < MIN_SHAPE {
        return None;
    }
    (resemblance(ours, theirs, super::fingerprint::MAX_SHAPE) >= SAME_SHAPE)
        .then(|| (0.3, "the HTML is built alike".to_owned()))
}

impl Fingerprint {
    /// The subject with what changes from copy to copy masked: numbers, ticket
    /// numbers, addresses. Empty where fewer than two words stay.
    #[must_use]
    pub fn subject_shape(&self) -> String {
        let mut parts: Vec<&str> = Vec::new();
        for word in self.subject.split_whitespace().take(60) {
            let word = word.trim_matches(|c: char| !c.is_alphanumeric());
            let changes = word.contains('@') || word.chars().any(char::is_numeric);
            let part = if changes { "#" } else { word };
            let repeated = changes && parts.last() == Some(&"#");
            // initials change with the name
            if part.len() > usize::from(!changes) && !repeated {
                parts.push(part);
            }
        }
        if parts.iter().filter(|part| **part != "#").count() < 2 {
            return String::new();
        }
        parts.join(" ")
    }
}

impl Fingerprint {
    /// By what variants of this message, or seeds that it is a variant of, may be
    /// found: messages that share none are not compared. SHA-256 in lower-case
    /// hexadecimal, at most 60, sorted. To share one proves nothing.
    #[must_use]
    pub fn kin_keys(&self) -> Vec<String> {
        let mut keys = BTreeSet::new();
        let mut add = |kind: &str, value: &str| {
            if keys.len() < MAX_KEYS {
                keys.insert(hex::encode(Sha256::digest(format!("{kind}\0{value}"))));
            }
        };
        let subject = self.subject_shape();
        if !subject.is_empty() {
            add("subject", &subject);
        }
        for file in self.attached.iter().take(8) {
            add("file", file);
        }
        for number in self.numbers.iter().take(4) {
            add("number", &number.to_string());
        }
        // near texts share one of the smallest hashes more likely than not
        if self.essence.len() >= MIN_TEXT {
            for hash in self.essence.iter().take(6) {
                add("text", &hash.to_string());
            }
        }
        for place in self.infrastructure.iter().take(8) {
            let common = place
                .split_once(':')
                .is_some_and(|(kind, domain)| kind != "net" && is_common(domain));
            if !common {
                add("place", place);
            }
        }
        for link in uncommon(self).iter().take(16) {
            add("host", &registrable(link.host));
            if distinctive(link.path) {
                add("path", link.path);
            }
        }
        keys.into_iter().collect()
    }
}

fn subject(seed: &Fingerprint, other: &Fingerprint) -> Option<(f64, String)> {
    let (ours, theirs) = (seed.subject_shape(), other.subject_shape());
    if ours.is_empty() || theirs.is_empty() {
        return None;
    }
    if ours == theirs {
        return Some((0.25, "the subject has the same shape".to_owned()));
    }
    let (ours, theirs): (Vec<_>, Vec<_>) = (ours.split(' ').collect(), theirs.split(' ').collect());
    let differ = ours.iter().zip(&theirs).filter(|(a, b)| a != b).count();
    (ours.len() == theirs.len() && ours.len() >= MIN_SUBJECT && differ * 3 <= ours.len()).then(
        || {
            (
                0.2,
                "the subject has the same shape but for a name".to_owned(),
            )
        },
    )
}

#[cfg(test)]
mod tests;
