//! A published key set: only RSA signing keys of 2048 bits or more are kept.

use std::collections::{HashMap, hash_map::Entry};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use crate::strict_json::{self, StrictJsonError};

const MIN_BITS: usize = 2048;
const MAX_BITS: usize = 8192;

/// A key that may check signatures.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// The key itself.
    pub key: DecodingKey,
    /// Microsoft's `issuer` member: for whom this key signs; may hold `{tenantid}`.
    pub issuer: Option<String>,
}

/// Why bytes are no usable key set.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// Not a JSON object with `keys`.
    #[error("not a key set")]
    Json(#[source] StrictJsonError),
    /// No key in it can be used.
    #[error("no usable key")]
    Empty,
}

/// Keys by name.
#[derive(Debug)]
pub struct KeySet(HashMap<String, SigningKey>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Published {
    kty: String,
    kid: String,
    n: String,
    e: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    issuer: Option<String>,
}

impl KeySet {
    /// Reads a JWKS (RFC 7517) of at most `limit` bytes. Keys that cannot check
    /// RS256 are left out; so is a name that two different keys share, since
    /// nobody can tell which is meant.
    ///
    /// # Errors
    /// `Json` when it is no key set, `Empty` when no key is left.
    pub fn parse(bytes: &[u8], limit: usize) -> Result<Self, KeySetError> {
        let document: Document = strict_json::parse(bytes, limit).map_err(KeySetError::Json)?;
        let mut keys: HashMap<String, Option<(Published, SigningKey)>> = HashMap::new();
        for published in document.keys {
            let Ok(published) = serde_json::from_value::<Published>(published) else {
                continue;
            };
            let Some(key) = usable(&published) else {
                continue;
            };
            match keys.entry(published.kid.clone()) {
                Entry::Vacant(free) => {
                    free.insert(Some((published, key)));
                }
                Entry::Occupied(mut taken) => {
                    let same = taken.get().as_ref().is_some_and(|(first, _)| {
                        (&first.n, &first.e, &first.issuer)
                            == (&published.n, &published.e, &published.issuer)
                    });
                    if !same {
                        taken.insert(None);
                    }
                }
            }
        }
        let keys: HashMap<_, _> = keys
            .into_iter()
            .filter_map(|(kid, entry)| entry.map(|(_, key)| (kid, key)))
            .collect();
        if keys.is_empty() {
            return Err(KeySetError::Empty);
        }
        Ok(Self(keys))
    }

    /// The key called `kid`, compared exactly.
    #[must_use]
    pub fn get(&self, kid: &str) -> Option<SigningKey> {
        self.0.get(kid).cloned()
    }

    /// How many keys there are; never none.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an empty set is not built")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

fn usable(key: &Published) -> Option<SigningKey> {
    let wanted = key.kty == "RSA"
        && key
            .purpose
            .as_deref()
            .is_none_or(|purpose| purpose == "sig")
        && key.alg.as_deref().is_none_or(|alg| alg == "RS256");
    if !wanted {
        return None;
    }
    let modulus = number(&key.n)?;
    let exponent = number(&key.e)?;
    let bits = modulus.len() * 8 - modulus.first()?.leading_zeros() as usize;
    let small = exponent.as_slice() == [1];
    let odd = exponent.last()? & 1 == 1;
    if !(MIN_BITS..=MAX_BITS).contains(&bits) || small || !odd || exponent.len() > 4 {
        return None;
    }
    Some(SigningKey {
        key: DecodingKey::from_rsa_raw_components(&modulus, &exponent),
        issuer: key.issuer.clone(),
    })
}

/// A big-endian number without its leading zeros.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    let start = bytes.iter().position(|byte| *byte != 0)?;
    bytes.get(start..).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn modulus(bits: usize, fill: u8) -> String {
        let mut bytes = vec![fill; bits / 8];
        bytes[0] = 0x80;
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn parse(keys: &Value) -> Result<Vec<String>, KeySetError> {
        let text = json!({ "keys": keys }).to_string();
        KeySet::parse(text.as_bytes(), 1 << 20).map(|set| {
            let mut names: Vec<_> = set.0.into_keys().collect();
            names.sort();
            names
        })
    }

    #[test]
    fn only_strong_rsa_signing_keys_are_kept() {
        let n = modulus(2048, 7);
        let key = |kid: &str, patch: Value| {
            let mut key = json!({"kty":"RSA","kid":kid,"n":n,"e":"AQAB","use":"sig"});
            for (name, value) in patch.as_object().expect("object") {
                key[name] = value.clone();
            }
            key
        };
        let keys = json!([
            key("good", json!({"alg":"RS256","x5c":["ignored"]})),
            key("plain", json!({"use":null})),
            key("weak", json!({"n":modulus(1024, 7)})),
            key("padded-weak", json!({"n":URL_SAFE_NO_PAD.encode([vec![0; 128], vec![9; 128]].concat())})),
            key("huge", json!({"n":modulus(16_384, 7)})),
            key("enc", json!({"use":"enc"})),
            key("alg", json!({"alg":"PS256"})),
            key("ec", json!({"kty":"EC"})),
            key("e1", json!({"e":"AQ"})),
            key("even", json!({"e":"Ag"})),
            key("twice", json!({})),
            key("twice", json!({})),
            key("torn", json!({})),
            key("torn", json!({"n":modulus(2048, 9)})),
            key("torn", json!({})),
            {"kty":"RSA"},
            7,
        ]);
        assert_eq!(parse(&keys).expect("set"), ["good", "plain", "twice"]);
    }

    #[test]
    fn nothing_usable_is_an_error_so_that_the_last_good_set_stays() {
        assert!(matches!(parse(&json!([])), Err(KeySetError::Empty)));
        assert!(matches!(parse(&json!({})), Err(KeySetError::Json(_))));
        assert!(matches!(
            KeySet::parse(b"<html>", 99),
            Err(KeySetError::Json(_))
        ));
    }
}
