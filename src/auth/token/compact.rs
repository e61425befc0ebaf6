//! A token's outer form, read strictly before any key is looked for.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use super::{MAX_TOKEN_BYTES, TokenError, claims::Claims};
use crate::strict_json;

/// Header members that would let a token bring its own key, its own reading of
/// the payload, or another token inside.
const FORBIDDEN: [&str; 9] = [
    "b64", "crit", "cty", "enc", "jku", "jwk", "x5c", "x5u", "zip",
];

/// A token in three well-formed segments. Nothing in it is believed yet.
#[derive(Debug)]
pub struct Compact<'t> {
    signed: &'t str,
    signature: &'t str,
    kid: String,
    claims: Claims,
}

impl<'t> Compact<'t> {
    /// Reads `token`.
    ///
    /// # Errors
    /// The form's own reasons: `TooLong`, `Segments`, `Encoding`, `Header`,
    /// `HeaderMember`, `Algorithm`, `KeyId`, `Payload`.
    pub fn read(token: &'t str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Segments)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Segments)?;
        if payload.contains('.') || [header, payload, signature].contains(&"") {
            return Err(TokenError::Segments);
        }
        let kid = read_header(&object(header, TokenError::Header)?)?;
        segment(signature)?;
        Ok(Self {
            signed,
            signature,
            kid,
            claims: Claims(object(payload, TokenError::Payload)?),
        })
    }

    /// The key the token names.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The issuer the token names; not believed before the signature.
    #[must_use]
    pub fn claimed_issuer(&self) -> Option<&str> {
        self.claims.text("iss")
    }

    /// Checks the signature and gives the claims out.
    ///
    /// # Errors
    /// `Signature` when it does not fit `key`.
    pub fn verified(self, key: &DecodingKey) -> Result<Claims, TokenError> {
        let fits = jsonwebtoken::crypto::verify(
            self.signature,
            self.signed.as_bytes(),
            key,
            Algorithm::RS256,
        );
        match fits {
            Ok(true) => Ok(self.claims),
            _ => Err(TokenError::Signature),
        }
    }
}

fn read_header(header: &Map<String, Value>) -> Result<String, TokenError> {
    if FORBIDDEN.iter().any(|name| header.contains_key(*name)) {
        return Err(TokenError::HeaderMember);
    }
    if header.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err(TokenError::Algorithm);
    }
    match header.get("typ").map(Value::as_str) {
        None => {}
        Some(Some(typ))
            if typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("at+jwt") => {}
        Some(_) => return Err(TokenError::Header),
    }
    match header.get("kid") {
        Some(Value::String(kid)) if !kid.is_empty() => Ok(kid.clone()),
        _ => Err(TokenError::KeyId),
    }
}

/// Canonical only: no padding, no white space, no stray trailing bits, so that
/// one token has one spelling.
fn segment(text: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| TokenError::Encoding)
}

fn object(text: &str, error: TokenError) -> Result<Map<String, Value>, TokenError> {
    strict_json::parse(&segment(text)?, MAX_TOKEN_BYTES).map_err(|_| error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str) -> String {
        format!(
            "{}.{}.AAAA",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload)
        )
    }

    #[test]
    fn each_fault_of_form_has_its_name() {
        let ok = r#"{"alg":"RS256","kid":"k"}"#;
        let nested = format!("{{\"a\":{}1{}}}", "[".repeat(70), "]".repeat(70));
        let cases = [
            (token(ok, "{}"), None),
            (token(r#"{"\u0061lg":"RS256","kid":"k"}"#, "{}"), None),
            (
                token(
                    r#"{"alg":"RS256","kid":"k","typ":"at+JWT","x5t":"AA"}"#,
                    "{}",
                ),
                None,
            ),
            (
                token(r#"{"alg":"RS256","alg":"RS256","kid":"k"}"#, "{}"),
                Some(TokenError::Header),
            ),
            (
                token(r#"{"alg":"RS256","kid":"k","typ":1}"#, "{}"),
                Some(TokenError::Header),
            ),
            (
                token(r#"{"alg":"rs256","kid":"k"}"#, "{}"),
                Some(TokenError::Algorithm),
            ),
            (token(r#"{"alg":"RS256"}"#, "{}"), Some(TokenError::KeyId)),
            (
                token(r#"{"alg":"RS256","kid":["k"]}"#, "{}"),
                Some(TokenError::KeyId),
            ),
            (token("[]", "{}"), Some(TokenError::Header)),
            (token(ok, "[]"), Some(TokenError::Payload)),
            (token(ok, &nested), Some(TokenError::Payload)),
            (
                token(ok, r#"{"x":{"a":1,"a":2}}"#),
                Some(TokenError::Payload),
            ),
            (format!("{}.", token(ok, "{}")), Some(TokenError::Segments)),
            (format!("{}=", token(ok, "{}")), Some(TokenError::Encoding)),
            ("..".to_owned(), Some(TokenError::Segments)),
            (String::new(), Some(TokenError::Segments)),
            ("a".repeat(MAX_TOKEN_BYTES + 1), Some(TokenError::TooLong)),
            // "AB" has stray bits after its one byte
            (
                format!(
                    "{}.{}.AB",
                    URL_SAFE_NO_PAD.encode(ok),
                    URL_SAFE_NO_PAD.encode("{}")
                ),
                Some(TokenError::Encoding),
            ),
        ];
        for (token, expected) in cases {
            assert_eq!(Compact::read(&token).err(), expected, "{token}");
        }
        for name in FORBIDDEN {
            let header = format!(r#"{{"alg":"RS256","kid":"k","{name}":null}}"#);
            assert_eq!(
                Compact::read(&token(&header, "{}")).err(),
                Some(TokenError::HeaderMember),
                "{name}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_ends_in_an_answer(text in r"[\PC.]{0,80}") {
            let _ = Compact::read(&text);
        }
    }
}
