//! What stays of a message when a mail system stores, rewraps or forwards it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{
    HtmlView, Limits, ParsedMessage, bare_id, links_of_text, normal_subject, unwrap_link, words,
};

/// Words of a shingle.
const SHINGLE: usize = 5;
/// Hashes kept: the smallest ones, a fair sample of all.
const MAX_HASHES: usize = 512;
/// Links kept.
const MAX_LINKS: usize = 64;

/// The likeness of a message in a form that can be stored. It holds no text of
/// the message but its subject and its links without their parameters.
///
/// Equal for the bytes a provider gives back and for the body in its JSON,
/// because it rests on visible words and on links with rewriters undone, never on
/// MIME structure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// `Message-ID` without brackets.
    pub message_id: Option<String>,
    /// Address of the visible sender, lower case.
    pub from: Option<String>,
    /// Subject in normal form.
    pub subject: String,
    /// Links as `host/path` with changing path segments as `*`, sorted.
    pub links: Vec<String>,
    /// The smallest hashes of five-word shingles, sorted.
    pub shingles: Vec<u64>,
    /// Whether there were more shingles than are kept.
    pub sampled: bool,
    /// Visible words.
    pub words: u32,
    /// SHA-256 over the visible words in normal form, lower-case hexadecimal.
    pub digest: String,
}

impl Fingerprint {
    /// The fingerprint of a parsed message.
    #[must_use]
    pub fn of(message: &ParsedMessage) -> Self {
        let from = message.author().map(|person| person.address.clone());
        let targets = message
            .view
            .iter()
            .flat_map(HtmlView::clickable)
            .map(|link| link.target.as_str());
        Self::build(
            message.message_id.clone(),
            from,
            message.subject.exposed(),
            message.visible_text(),
            targets,
        )
    }

    /// The fingerprint of a message known by fields, as a provider's API gives
    /// them. `message_id` may have brackets; `from` is an address, bare or in
    /// angle brackets.
    #[must_use]
    pub fn of_fields(
        message_id: Option<&str>,
        from: Option<&str>,
        subject: Option<&str>,
        body: &str,
        is_html: bool,
    ) -> Self {
        let from = from
            .map(|f| f.rsplit_once('<').map_or(f, |(_, tail)| tail))
            .map(|f| f.trim().trim_end_matches('>').to_lowercase())
            .filter(|f| !f.is_empty());
        let view = is_html.then(|| HtmlView::of(body, &Limits::default()));
        let text = view.as_ref().map_or(body, |view| view.text.as_str());
        let targets = view
            .iter()
            .flat_map(HtmlView::clickable)
            .map(|link| link.target.as_str());
        Self::build(
            message_id.and_then(bare_id),
            from,
            subject.unwrap_or_default(),
            text,
            targets,
        )
    }

    fn build<'t>(
        message_id: Option<String>,
        from: Option<String>,
        subject: &str,
        text: &str,
        targets: impl Iterator<Item = &'t str>,
    ) -> Self {
        let words = words(text);
        let mut links = BTreeSet::new();
        let written = links_of_text(text, MAX_LINKS * 4);
        for link in targets
            .take(MAX_LINKS * 8)
            .map(str::to_owned)
            .chain(written)
        {
            if links.len() >= MAX_LINKS {
                break;
            }
            links.extend(template(&link));
        }
        let (shingles, sampled) = shingles(&words);
        Self {
            message_id,
            from,
            subject: normal_subject(subject),
            links: links.into_iter().collect(),
            shingles,
            sampled,
            words: u32::try_from(words.len()).unwrap_or(u32::MAX),
            digest: hex::encode(Sha256::digest(words.join(" "))),
        }
    }

    /// The hosts of the links, sorted, each once.
    #[must_use]
    pub fn hosts(&self) -> BTreeSet<&str> {
        self.links
            .iter()
            .filter_map(|link| link.split('/').next())
            .collect()
    }
}

/// `host/path` of a link with rewriters undone; segments that look like tokens
/// become `*`, because they change from copy to copy.
fn template(link: &str) -> Option<String> {
    let url = Url::parse(&unwrap_link(link)).ok()?;
    if !matches!(url.scheme(), "http" | "https" | "ftp") {
        return None;
    }
    let host = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
    let path: Vec<&str> = url
        .path_segments()
        .into_iter()
        .flatten()
        .filter(|segment| !segment.is_empty())
        .take(8)
        .map(|segment| {
            let steady =
                segment.len() <= 24 && segment.bytes().filter(u8::is_ascii_digit).count() <= 1;
            if steady { segment } else { "*" }
        })
        .collect();
    Some(format!("{host}/{}", path.join("/")))
}

/// FNV-1a with a final mix: small, stable across builds and machines.
fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    let mut h = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    h ^= h >> 33;
    h = h.wrapping_mul(0xff51_afd7_ed55_8ccd);
    h ^ (h >> 33)
}

fn shingles(words: &[String]) -> (Vec<u64>, bool) {
    let mut hashes: Vec<u64> = words
        .windows(SHINGLE)
        .map(|window| {
            hash(
                window
                    .iter()
                    .flat_map(|word| word.bytes().chain(std::iter::once(0))),
            )
        })
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    let sampled = hashes.len() > MAX_HASHES;
    hashes.truncate(MAX_HASHES);
    (hashes, sampled)
}
