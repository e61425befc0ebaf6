//! What is wrong with a message, as a closed set.

use std::fmt;

/// One thing that is wrong with a message's form. Never a reason to refuse it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum Defect {
    /// No header of a mail was found: empty, binary or other text.
    NotMail,
    /// Longer than the bytes that are read, or a multipart without its end.
    Truncated,
    /// More MIME parts than are looked at.
    TooManyParts,
    /// Nested deeper than is looked at.
    TooDeep,
    /// More header fields, or more bytes of them, than are looked at.
    TooManyHeaders,
    /// A field that may stand once stands more often; the name in lower case.
    DuplicateHeader(String),
    /// `From` names several authors.
    MultipleFrom,
    /// Bytes of value zero.
    NulBytes,
    /// Mail programs would read the structure differently.
    AmbiguousMime,
    /// More text or HTML than is looked at.
    OversizeBody,
    /// A transfer encoding with characters that do not belong.
    BadEncoding,
    /// A character set that is unknown or unsafe; read as UTF-8.
    UnknownCharset,
    /// More links than are looked at.
    TooManyLinks,
    /// More attachments than are listed.
    TooManyAttachments,
    /// More `Received` lines than are read.
    TooManyHops,
    /// More references outside the markup that is shown than are kept.
    LinksUnlisted,
    /// Links before the first part of a multipart or behind its last.
    TextOutsideParts,
    /// Content wrapped in a winmail.dat file (TNEF).
    Tnef,
    /// A file written into the text by uuencode.
    Uuencoded,
}

impl Defect {
    /// Whether mail programs may show something else than was judged, so that
    /// the message can be neither clean nor pulled on policy alone.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        match self {
            Self::NotMail
            | Self::TooManyParts
            | Self::TooDeep
            | Self::TooManyHeaders
            | Self::NulBytes
            | Self::AmbiguousMime
            | Self::OversizeBody
            | Self::TooManyLinks => true,
            Self::DuplicateHeader(name) => matches!(
                name.as_str(),
                "from" | "content-type" | "content-transfer-encoding" | "message-id"
            ),
            Self::Truncated
            | Self::MultipleFrom
            | Self::BadEncoding
            | Self::UnknownCharset
            | Self::TooManyAttachments
            | Self::TooManyHops
            | Self::LinksUnlisted
            | Self::TextOutsideParts
            | Self::Tnef
            | Self::Uuencoded => false,
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::NotMail => "no mail headers",
            Self::Truncated => "cut off",
            Self::TooManyParts => "too many parts",
            Self::TooDeep => "nested too deep",
            Self::TooManyHeaders => "too many headers",
            Self::DuplicateHeader(name) => return write!(f, "header {name} stands twice"),
            Self::MultipleFrom => "several senders in From",
            Self::NulBytes => "NUL bytes",
            Self::AmbiguousMime => "ambiguous MIME structure",
            Self::OversizeBody => "body too long to read whole",
            Self::BadEncoding => "damaged transfer encoding",
            Self::UnknownCharset => "unknown character set",
            Self::TooManyLinks => "too many links",
            Self::TooManyAttachments => "too many attachments",
            Self::TooManyHops => "too many Received lines",
            Self::LinksUnlisted => "too many hidden references",
            Self::TextOutsideParts => "links outside the parts",
            Self::Tnef => "content in a winmail.dat file",
            Self::Uuencoded => "a uuencoded file in the text",
        };
        f.write_str(words)
    }
}
