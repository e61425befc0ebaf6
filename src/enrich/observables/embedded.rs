//! Content that a link carries in itself: `data:` (RFC 2397) and `javascript:`.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use percent_encoding::percent_decode_str;

/// Base64 as browsers take it: with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a link carries.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A page.
    Html(String),
    /// A script or other text.
    Text(String),
}

/// The content of a link; `None` for other schemes and for pictures.
pub(super) fn of(target: &str) -> Option<Content> {
    let (scheme, tail) = target.split_once(':')?;
    match scheme.to_ascii_lowercase().as_str() {
        "javascript" | "vbscript" => {
            let text = percent_decode_str(tail).decode_utf8_lossy().into_owned();
            Some(Content::Text(text))
        }
        "data" => {
            let (head, body) = tail.split_once(',')?;
            let head = head.to_ascii_lowercase();
            let page = head.contains("html") || head.contains("svg") || head.contains("xml");
            if !page && !head.is_empty() && !head.starts_with("text/") && !head.starts_with(';') {
                return None;
            }
            let plain = percent_decode_str(body).collect::<Vec<u8>>();
            let bytes = if head.trim_end().ends_with("base64") {
                let mut coded = plain;
                coded.retain(|b| !b.is_ascii_whitespace());
                // a link that was cut ends anywhere: whole groups are read
                let whole = coded.len() / 4 * 4;
                LENIENT
                    .decode(&coded)
                    .or_else(|_| LENIENT.decode(coded.get(..whole).unwrap_or_default()))
                    .ok()?
            } else {
                plain
            };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Some(if page {
                Content::Html(text)
            } else {
                Content::Text(text)
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_scripts_inside_links() {
        assert_eq!(
            of("data:text/html;base64,PGEgaHJlZj0iaHR0cHM6Ly9hLmV4YW1wbGUvIj4="),
            Some(Content::Html("<a href=\"https://a.example/\">".into()))
        );
        assert_eq!(
            of("data:text/html,%3Cp%3Ehi"),
            Some(Content::Html("<p>hi".into()))
        );
        assert_eq!(
            of("javascript:location='https://a.example/%61'"),
            Some(Content::Text("location='https://a.example/a'".into()))
        );
        assert_eq!(of("data:image/png;base64,AAAA"), None);
        assert_eq!(of("https://a.example/"), None);
    }
}
