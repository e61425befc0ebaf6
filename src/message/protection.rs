//! Signed and encrypted mail, recognised by its form. Nothing is verified here.

use mail_parser::ContentType;
use serde::{Deserialize, Serialize};

/// A form in which content is protected. It is a claim of the sender: a broken or
/// empty signature looks the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// S/MIME, signature beside the content or around it (RFC 8551).
    SmimeSigned,
    /// S/MIME, content that cannot be read.
    SmimeEncrypted,
    /// S/MIME, only compressed.
    SmimeCompressed,
    /// `OpenPGP`, signature beside the content (RFC 3156).
    PgpSigned,
    /// `OpenPGP`, content that cannot be read.
    PgpEncrypted,
    /// `OpenPGP` signed or encrypted text inside a plain body.
    PgpInline,
    /// An `OpenPGP` public key.
    PgpKey,
}

/// What the type of a part says.
pub(super) fn of_type(kind: &ContentType<'_>) -> Option<Protection> {
    let main = kind.ctype();
    let sub = kind.subtype().unwrap_or_default().to_ascii_lowercase();
    let attribute = |name: &str| {
        kind.attribute(name)
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    match (main, sub.as_str()) {
        ("multipart", "signed") if attribute("protocol").contains("pgp") => {
            Some(Protection::PgpSigned)
        }
        ("multipart", "signed") => Some(Protection::SmimeSigned),
        ("multipart", "encrypted") => Some(Protection::PgpEncrypted),
        ("application", "pkcs7-mime" | "x-pkcs7-mime") => match attribute("smime-type").as_str() {
            "signed-data" | "certs-only" => Some(Protection::SmimeSigned),
            "compressed-data" => Some(Protection::SmimeCompressed),
            _ => Some(Protection::SmimeEncrypted),
        },
        ("application", "pkcs7-signature" | "x-pkcs7-signature") => Some(Protection::SmimeSigned),
        ("application", "pgp-signature") => Some(Protection::PgpSigned),
        ("application", "pgp-encrypted") => Some(Protection::PgpEncrypted),
        ("application", "pgp-keys") => Some(Protection::PgpKey),
        _ => None,
    }
}

/// What the first mark of `OpenPGP` in a text says.
pub(super) fn of_text(text: &str) -> Option<Protection> {
    let at = memchr::memmem::find(text.as_bytes(), b"-----BEGIN PGP ")?;
    let tail = text.get(at + 15..)?;
    if tail.starts_with("PUBLIC KEY") {
        return Some(Protection::PgpKey);
    }
    (tail.starts_with("MESSAGE") || tail.starts_with("SIGNED MESSAGE"))
        .then_some(Protection::PgpInline)
}
