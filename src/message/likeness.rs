//! Whether two messages are copies of one, or one quotes the other.
//!
//! Likeness is always measured to a confirmed seed, never from copy to copy, and
//! a message with little text is like another only by identity.

use std::collections::BTreeSet;

use super::{Fingerprint, ParsedMessage};

/// Shingles below which text alone proves nothing (twelve words).
const MIN_SHINGLES: usize = 8;
/// Shingles that a message without any link needs to be followed in a forward.
const MIN_SHINGLES_WITHOUT_LINK: usize = 40;
/// Share of common shingles that makes two texts one.
const SAME_TEXT: f64 = 0.8;
/// Share of the seed's shingles that a forward holds.
const HELD_TEXT: f64 = 0.8;

/// How another message relates to the seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Likeness {
    /// A copy: same id, same sender, same content.
    Same {
        /// What agrees, in plain words.
        reasons: Vec<String>,
    },
    /// Another message that holds the seed's links and text: a forward, or a
    /// resending under another id.
    Forward {
        /// What is held, in plain words.
        reasons: Vec<String>,
    },
    /// Not the same.
    Different {
        /// What differs, in plain words.
        reason: String,
    },
}

impl Likeness {
    fn different(reason: &str) -> Self {
        Self::Different {
            reason: reason.to_owned(),
        }
    }
}

/// Compares a message with a confirmed seed.
#[must_use]
pub fn compare(seed: &Fingerprint, other: &Fingerprint) -> Likeness {
    match same(seed, other) {
        Ok(reasons) => Likeness::Same { reasons },
        Err(reason) => forward(seed, other).map_or_else(
            || Likeness::different(reason),
            |reasons| Likeness::Forward { reasons },
        ),
    }
}

fn same(seed: &Fingerprint, other: &Fingerprint) -> Result<Vec<String>, &'static str> {
    if seed.from.is_none() || seed.from != other.from {
        return Err("another sender");
    }
    let equal_text = seed.digest == other.digest;
    let short = seed.shingles.len() < MIN_SHINGLES;
    if seed.message_id.is_none() {
        // without an id the content must carry the whole proof
        let proven =
            equal_text && !short && seed.subject == other.subject && seed.links == other.links;
        return proven
            .then(|| vec!["no Message-ID, but same sender, subject, text and links".to_owned()])
            .ok_or("the seed has no Message-ID and the content differs");
    }
    if seed.message_id != other.message_id {
        return Err("another Message-ID");
    }
    let mut reasons = vec!["same Message-ID".to_owned(), "same sender".to_owned()];
    if equal_text && seed.hosts() == other.hosts() {
        reasons.push("same text and link hosts".to_owned());
        return Ok(reasons);
    }
    if short {
        return Err("same Message-ID, but another text, and too little text to compare");
    }
    let likeness = resemblance(seed, other);
    if likeness < SAME_TEXT {
        return Err("same Message-ID, but another text");
    }
    if seed.hosts() != other.hosts() {
        return Err("same Message-ID and text, but other links");
    }
    reasons.push(format!(
        "{:.0} % of the text agrees, same link hosts",
        likeness * 100.0
    ));
    Ok(reasons)
}

impl Fingerprint {
    /// Whether it holds enough to be recognised inside another message.
    #[must_use]
    pub fn can_be_followed(&self) -> bool {
        let needed = if self.links.is_empty() {
            MIN_SHINGLES_WITHOUT_LINK
        } else {
            MIN_SHINGLES
        };
        self.shingles.len() >= needed
    }
}

fn forward(seed: &Fingerprint, other: &Fingerprint) -> Option<Vec<String>> {
    if !seed.can_be_followed() {
        return None;
    }
    let held = held_links(seed, other);
    let missing = seed.links.len() - held;
    // one link in five may be lost on the way, of three or fewer none
    if missing * 5 > seed.links.len() || (missing > 0 && seed.links.len() <= 3) {
        return None;
    }
    let share = containment(seed, other);
    if share < HELD_TEXT {
        return None;
    }
    Some(vec![
        format!("holds {held} of {} links", seed.links.len()),
        format!("holds {:.0} % of the text", share * 100.0),
    ])
}

fn held_links(seed: &Fingerprint, other: &Fingerprint) -> usize {
    let theirs: BTreeSet<&str> = other.links.iter().map(String::as_str).collect();
    seed.links
        .iter()
        .filter(|link| theirs.contains(link.as_str()))
        .count()
}

/// The largest hash up to which a sample is complete.
fn horizon(print: &Fingerprint) -> u64 {
    if print.sampled {
        print.shingles.last().copied().unwrap_or_default()
    } else {
        u64::MAX
    }
}

/// Common and own hashes of the seed up to a horizon that both samples cover.
fn common(seed: &Fingerprint, other: &Fingerprint, limit: u64) -> (usize, usize, usize) {
    let within = |print: &Fingerprint| -> BTreeSet<u64> {
        print
            .shingles
            .iter()
            .copied()
            .filter(|h| *h <= limit)
            .collect()
    };
    let (ours, theirs) = (within(seed), within(other));
    (ours.intersection(&theirs).count(), ours.len(), theirs.len())
}

#[expect(clippy::cast_precision_loss, reason = "counts of at most 512")]
fn resemblance(seed: &Fingerprint, other: &Fingerprint) -> f64 {
    let limit = horizon(seed).min(horizon(other));
    let (both, ours, theirs) = common(seed, other, limit);
    let union = ours + theirs - both;
    if union == 0 {
        return 0.0;
    }
    both as f64 / union as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of at most 512")]
fn containment(seed: &Fingerprint, other: &Fingerprint) -> f64 {
    let (both, ours, _) = common(seed, other, horizon(other).min(horizon(seed)));
    if ours < MIN_SHINGLES.min(seed.shingles.len()) {
        return 0.0;
    }
    both as f64 / ours as f64
}

/// Whether a client's upload shows the message that the server fetched itself:
/// the proof that the reporter really holds it. Same id (where the upload has
/// one), same text and links, and for a mail with little text the same subject
/// and files.
#[must_use]
pub fn content_matches(uploaded: &ParsedMessage, fetched: &ParsedMessage) -> bool {
    if uploaded.sha256 == fetched.sha256 {
        return true;
    }
    let (ours, theirs) = (Fingerprint::of(uploaded), Fingerprint::of(fetched));
    if ours.message_id.is_some() && ours.message_id != theirs.message_id {
        return false;
    }
    if ours.from.is_some() && ours.from != theirs.from {
        return false;
    }
    if ours.hosts() != theirs.hosts() {
        return false;
    }
    if ours.shingles.len() >= MIN_SHINGLES {
        return ours.digest == theirs.digest || resemblance(&ours, &theirs) >= 0.9;
    }
    let files = |message: &ParsedMessage| -> BTreeSet<String> {
        message
            .attachments
            .iter()
            .map(|file| file.sha256.clone())
            .collect()
    };
    ours.digest == theirs.digest
        && ours.subject == theirs.subject
        && files(uploaded) == files(fetched)
}

#[cfg(test)]
mod tests;
