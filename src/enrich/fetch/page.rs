//! What was found at the end of a visit.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::StatusCode;
use serde::Serialize;
use sha2::{Digest, Sha256};
use url::Url;

use super::Stopped;
use crate::message::{DefangedUrl, HtmlView, Limits, registrable};

/// Characters kept of a title, a content type, a link.
const SHOWN: usize = 300;

/// One request of a visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// Where it went, fit to be shown.
    pub url: DefangedUrl,
    /// The answer's status.
    pub status: u16,
}

impl Hop {
    pub(super) fn new(url: &Url, status: StatusCode) -> Self {
        Self {
            url: DefangedUrl::new(url.as_str(), SHOWN),
            status: status.as_u16(),
        }
    }
}

/// A page as it stood at the end of a visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// Every request in order; the last one is the page itself.
    pub hops: Vec<Hop>,
    /// Where the page stands, after all hops. A stranger's text: show the last hop.
    pub final_url: String,
    /// The registrable domain it stands on, or its address.
    pub domain: String,
    /// The status; an error is an answer too.
    pub status: u16,
    /// The content type as the server says it, at most 300 characters, defanged.
    pub content_type: Option<DefangedUrl>,
    /// The title, at most 300 characters, defanged.
    pub title: Option<DefangedUrl>,
    /// Whether it asks for a password.
    pub password_field: bool,
    /// Fields to fill in, of any kind but hidden.
    pub fields: usize,
    /// Bytes, decompressed.
    pub bytes: usize,
    /// SHA-256 of these bytes, hexadecimal.
    pub sha256: String,
}

impl Page {
    pub(super) fn of(
        hops: Vec<Hop>,
        url: &Url,
        status: StatusCode,
        content_type: Option<String>,
        body: &[u8],
    ) -> Self {
        let text = String::from_utf8_lossy(body);
        let kind = content_type.as_deref().unwrap_or("text/html");
        // what is sent as a picture or a program is no form, whatever is in it
        let html = kind.to_ascii_lowercase().contains("html") || kind.starts_with("text/");
        let view = html.then(|| HtmlView::of(&text, &Limits::default()));
        Self {
            hops,
            final_url: url.to_string(),
            domain: registrable(url.host_str().unwrap_or_default()),
            status: status.as_u16(),
            content_type: content_type.map(|kind| DefangedUrl::new(&kind, SHOWN)),
            title: html.then(|| title(&text)).flatten(),
            password_field: view.as_ref().is_some_and(|view| view.password_field),
            fields: view.map_or(0, |view| view.fields),
            bytes: body.len(),
            sha256: hex::encode(Sha256::digest(body)),
        }
    }
}

/// The text of the first `<title>`, entities decoded.
fn title(html: &str) -> Option<DefangedUrl> {
    let lower = html.to_ascii_lowercase();
    let start = memchr::memmem::find(lower.as_bytes(), b"<title")?;
    let open = start + lower.get(start..)?.find('>')? + 1;
    let rest = html.get(open..)?;
    let length = lower.get(open..)?.find("</title").unwrap_or(rest.len());
    let raw = rest.get(..length.min(rest.len()))?;
    let short: String = raw.chars().take(4 * SHOWN).collect();
    let text = HtmlView::of(&short, &Limits::default()).text;
    let shown = DefangedUrl::new(&text, SHOWN);
    (!shown.as_str().is_empty()).then_some(shown)
}

/// Undoes gzip, never more than `limit` bytes.
///
/// # Errors
/// [`Stopped::TooLarge`]; [`Stopped::Encoding`] for other codings and broken data.
pub(super) fn decompress(encoding: &str, raw: Bytes, limit: usize) -> Result<Bytes, Stopped> {
    match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(raw),
        "gzip" | "x-gzip" => {
            let mut plain = Vec::new();
            let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
            MultiGzDecoder::new(raw.as_ref())
                .take(most)
                .read_to_end(&mut plain)
                .map_err(|_| Stopped::Encoding)?;
            if plain.len() > limit {
                return Err(Stopped::TooLarge);
            }
            Ok(plain.into())
        }
        _ => Err(Stopped::Encoding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(kind: Option<&str>, body: &str) -> Page {
        let url = Url::parse("https://login.a.example/x").unwrap();
        Page::of(
            Vec::new(),
            &url,
            StatusCode::OK,
            kind.map(str::to_owned),
            body.as_bytes(),
        )
    }

    #[test]
    fn title_form_and_domain_of_a_page() {
        let body = "<html><head><TITLE lang=en>Sign in &amp; win\n https://bank.example</Title></head><form><input name=u><input type=password><input type=hidden></form>";
        let found = page(Some("Text/HTML; charset=utf-8"), body);
        let title = found.title.unwrap();
        assert_eq!(title.as_str(), "Sign in & win hxxps[:]//bank[.]example");
        assert!(found.password_field);
        assert_eq!((found.fields, found.domain.as_str()), (2, "a.example"));
        assert_eq!(found.bytes, body.len());
    }

    #[test]
    fn what_is_no_page_has_no_form() {
        let found = page(
            Some("application/zip"),
            "<title>x</title><input type=password>",
        );
        assert_eq!(found.title, None);
        assert!(!found.password_field);
        assert_eq!(page(None, "<title></title>").title, None);
        assert_eq!(page(None, "<title>open").title.unwrap().as_str(), "open");
    }

    #[test]
    fn other_codings_and_broken_gzip_are_said() {
        let raw = Bytes::from_static(b"\x1f\x8bnot really");
        assert!(matches!(
            decompress("gzip", raw.clone(), 100),
            Err(Stopped::Encoding)
        ));
        assert!(matches!(decompress("br", raw, 100), Err(Stopped::Encoding)));
    }
}
