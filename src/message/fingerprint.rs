//! What stays of a message when a mail system stores, rewraps or forwards it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use unicode_security::skeleton;
use url::Url;

use super::{
    HtmlView, Invite, Limits, ParsedMessage, Path, bare_id, essence::Essence, links_of_text,
    normal_subject, registrable, unwrap_link, words,
};

/// Words of a shingle.
const SHINGLE: usize = 5;
/// Hashes kept: the smallest ones, a fair sample of all.
const MAX_HASHES: usize = 512;
/// Links kept.
const MAX_LINKS: usize = 64;
/// Tags of a shingle of the HTML's shape.
const TAGS: usize = 6;
/// Hashes of the HTML's shape that are kept.
pub(super) const MAX_SHAPE: usize = 128;
/// Files kept.
const MAX_FILES: usize = 32;
/// Bytes of a picture below which it is taken for a logo, which honest mail carries
/// too.
const LOGO: u64 = 30 * 1024;
/// Names of parameters kept of a link.
const MAX_KEYS: usize = 8;

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
    /// The smallest hashes of runs of six tags, sorted: the shape of the HTML, which
    /// a kit keeps while it changes the words. Takes no part in [`compare`](super::compare).
    #[serde(default)]
    pub shape: Vec<u64>,
    /// Where it was sent from, sorted: `from:`, `return:`, `dkim:` with registrable
    /// domains, `net:` with the sender's network. Takes no part in
    /// [`compare`](super::compare).
    #[serde(default)]
    pub infrastructure: Vec<String>,
    /// Fuzzy hashes (TLSH) of the attachments, sorted; whoever opens the files fills
    /// it. Takes no part in [`compare`](super::compare).
    #[serde(default)]
    pub files: Vec<String>,
    /// SHA-256 of the attachments, sorted, small pictures left out; empty where the
    /// message is known by fields. Takes no part in [`compare`](super::compare), nor do
    /// the fields that follow.
    #[serde(default)]
    pub attached: Vec<String>,
    /// Links as `host/path?names`: [`Fingerprint::links`] with the sorted names of
    /// their parameters.
    #[serde(default)]
    pub templates: Vec<String>,
    /// The smallest hashes of three-word shingles of its own text, sorted: quoted mail,
    /// greeting, signature and footers left out.
    #[serde(default)]
    pub essence: Vec<u64>,
    /// Hashes of the telephone and account numbers in its own text, sorted.
    #[serde(default)]
    pub numbers: Vec<u64>,
    /// Whether it says that it is mass mail.
    #[serde(default)]
    pub bulk: bool,
    /// Whether calendars make an entry of it; takes no part in
    /// [`compare`](super::compare).
    #[serde(default)]
    pub invitation: bool,
    /// Hash of how the visible sender's name looks: confusable letters folded.
    #[serde(default)]
    pub name_look: Option<u64>,
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
        let mut print = Self::build(
            message.message_id.clone(),
            from,
            message.subject.exposed(),
            message.visible_text(),
            targets,
        );
        print.shape = message.view.as_ref().map(shape).unwrap_or_default();
        let claims = &message.claims;
        let returned = claims.return_path.iter().map(|p| ("return", p.domain()));
        let signed = claims.signers.iter().map(|d| ("dkim", d.as_str()));
        print.sent_from(returned.chain(signed));
        print.bulk |= message.list.unsubscribe;
        let name = message.author().and_then(|person| person.name.as_ref());
        print.name_look = name.and_then(|name| look(name.exposed()));
        let files = message
            .attachments
            .iter()
            .filter(|file| !(file.media_type.starts_with("image/") && file.size < LOGO))
            .filter(|file| file.size > 0)
            .map(|file| file.sha256.clone());
        print.attached = sorted(files);
        print.invitation = message.invites.iter().any(Invite::makes_entry);
        print
    }

    /// The fingerprint with the fuzzy hashes (TLSH) of the attachments, at most 32.
    #[must_use]
    pub fn with_files(mut self, hashes: impl IntoIterator<Item = String>) -> Self {
        self.files = sorted(hashes);
        self
    }

    /// The fingerprint with the network that handed the message in, as the border
    /// saw it: the /24 of an IPv4 address, the /48 of an IPv6 one.
    #[must_use]
    pub fn with_path(mut self, path: &Path) -> Self {
        let net = path.sending_ip.and_then(|ip| {
            let prefix = if ip.is_ipv4() { 24 } else { 48 };
            ipnet::IpNet::new(ip, prefix).ok()
        });
        self.infrastructure
            .extend(net.map(|net| format!("net:{}", net.trunc())));
        self.infrastructure.sort();
        self.infrastructure.dedup();
        self
    }

    fn sent_from<'d>(&mut self, more: impl Iterator<Item = (&'static str, &'d str)>) {
        let from = self.from.clone().unwrap_or_default();
        let author = from.rsplit_once('@');
        let mut places: Vec<String> = author
            .map(|(_, domain)| format!("from:{}", registrable(domain)))
            .into_iter()
            .chain(
                more.filter(|(_, domain)| !domain.is_empty())
                    .map(|(kind, domain)| format!("{kind}:{}", registrable(domain))),
            )
            .collect();
        places.sort();
        places.dedup();
        self.infrastructure = places;
    }

    /// The fingerprint of a message known by fields, as a provider's API gives
    /// them. `message_id` may have brackets; `from` is an address, bare or in
    /// angle brackets with the name before it.
    #[must_use]
    pub fn of_fields(
        message_id: Option<&str>,
        from: Option<&str>,
        subject: Option<&str>,
        body: &str,
        is_html: bool,
    ) -> Self {
        let name = from.and_then(|f| f.rsplit_once('<')).map(|(name, _)| name);
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
        let mut print = Self::build(
            message_id.and_then(bare_id),
            from,
            subject.unwrap_or_default(),
            text,
            targets,
        );
        print.shape = view.as_ref().map(shape).unwrap_or_default();
        print.sent_from(std::iter::empty());
        print.name_look = name.and_then(|name| look(name.trim().trim_matches('"')));
        print
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
        let mut templates = BTreeSet::new();
        let written = links_of_text(text, MAX_LINKS * 4);
        for link in targets
            .take(MAX_LINKS * 8)
            .map(str::to_owned)
            .chain(written)
        {
            if links.len() >= MAX_LINKS {
                break;
            }
            if let Some((place, names)) = template(&link) {
                templates.insert(format!("{place}{names}"));
                links.insert(place);
            }
        }
        let essence = Essence::of(text, |bytes| hash(bytes.iter().copied()));
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
            shape: Vec::new(),
            infrastructure: Vec::new(),
            files: Vec::new(),
            attached: Vec::new(),
            templates: templates.into_iter().take(MAX_LINKS).collect(),
            essence: essence.shingles,
            numbers: essence.numbers,
            bulk: essence.bulk,
            invitation: false,
            name_look: None,
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
/// become `*`, because they change from copy to copy. With it `?` and the names of the
/// parameters, nothing where there are none.
fn template(link: &str) -> Option<(String, String)> {
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
    let names: BTreeSet<String> = url
        .query_pairs()
        .take(MAX_KEYS * 4)
        .map(|(name, _)| {
            name.chars()
                .take(24)
                .collect::<String>()
                .to_ascii_lowercase()
        })
        // a key with digits may itself be a token
        .filter(|name| !name.is_empty() && !name.bytes().any(|b| b.is_ascii_digit()))
        .take(MAX_KEYS)
        .collect();
    let names: Vec<String> = names.into_iter().collect();
    let names = if names.is_empty() {
        String::new()
    } else {
        format!("?{}", names.join("&"))
    };
    Some((format!("{host}/{}", path.join("/")), names))
}

/// `host/path` of a link as [`Fingerprint::links`] holds it; nothing for what does not
/// lead to the web.
#[must_use]
pub fn link_template(link: &str) -> Option<String> {
    template(link).map(|(place, _)| place)
}

/// At most 32, each once.
fn sorted(hashes: impl IntoIterator<Item = String>) -> Vec<String> {
    let each: BTreeSet<String> = hashes.into_iter().collect();
    each.into_iter().take(MAX_FILES).collect()
}

/// A hash of how a name looks; nothing for a name of fewer than four letters.
fn look(name: &str) -> Option<u64> {
    let letters: String = skeleton(&name.chars().take(200).collect::<String>().to_lowercase())
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric())
        .collect();
    (letters.chars().count() >= 4).then(|| hash(letters.bytes()))
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

/// Hashes of runs of tags; a body with fewer tags than a run has no shape.
fn shape(view: &HtmlView) -> Vec<u64> {
    let mut hashes: Vec<u64> = view
        .tags
        .windows(TAGS)
        .map(|run| hash(run.iter().flat_map(|tag| tag.to_le_bytes())))
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes.truncate(MAX_SHAPE);
    hashes
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Border, parse, path};

    const RAW: &str = "Return-Path: <b@mail.bounce.example>\r\nReceived: from x (y [203.0.113.66]) by mx.corp.example; Mon, 21 Sep 2026 08:00:05 +0000\r\nDKIM-Signature: v=1; d=mail.s.example; b=A\r\nFrom: a@news.from.example\r\nContent-Type: text/html\r\n\r\n<html><body><table><tr><td><p>one<a href=x>";

    #[test]
    fn the_senders_machinery_and_the_shape_of_the_body_are_kept() {
        let message = parse(RAW.as_bytes(), &Limits::default());
        let border = Border {
            hosts: vec!["corp.example".into()],
            networks: Vec::new(),
        };
        let print = Fingerprint::of(&message).with_path(&path(&message, &border, None));
        assert_eq!(
            print.infrastructure,
            [
                "dkim:s.example",
                "from:from.example",
                "net:203.0.113.0/24",
                "return:bounce.example"
            ]
        );
        assert_eq!(print.shape.len(), 2);
        let words = RAW.replace("one", "quite other words");
        let other = parse(words.as_bytes(), &Limits::default());
        assert_eq!(Fingerprint::of(&other).shape, print.shape);
    }

    #[test]
    fn what_was_stored_before_is_still_read() {
        let old = r#"{"message_id":null,"from":null,"subject":"","links":[],"shingles":[],"sampled":false,"words":0,"digest":""}"#;
        let print: Fingerprint = serde_json::from_str(old).unwrap();
        assert!(print.shape.is_empty() && print.files.is_empty());
    }
}
