//! Throwaway signing keys, made once in each process.

use std::{io, sync::OnceLock};

use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};

/// Base64url with or without padding: some clients pad their JWTs.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One RSA key.
pub(super) struct Key {
    pub kid: &'static str,
    pub pem: String,
    signing: EncodingKey,
    public: Vec<u8>,
    jwk: Value,
}

pub(super) struct Keys {
    pub entra: Key,
    pub google: Key,
    pub service_account: Key,
}

static KEYS: OnceLock<Keys> = OnceLock::new();

/// The keys of this process.
pub(super) fn keys() -> io::Result<&'static Keys> {
    if let Some(keys) = KEYS.get() {
        return Ok(keys);
    }
    let made = Keys {
        entra: Key::generate("sim-entra-1")?,
        google: Key::generate("sim-google-1")?,
        service_account: Key::generate("sim-sa-1")?,
    };
    Ok(KEYS.get_or_init(|| made))
}

impl Key {
    fn generate(kid: &'static str) -> io::Result<Self> {
        let failed = |what: &str| io::Error::other(format!("making a test key: {what}"));
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| failed("generate"))?;
        let der = pair.as_der().map_err(|_| failed("encode"))?;
        let text = STANDARD.encode(der.as_ref());
        let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, tail) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = tail;
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        let signing =
            EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|e| failed(&e.to_string()))?;
        let jwk = Jwk::from_encoding_key(&signing, Algorithm::RS256)
            .map_err(|e| failed(&e.to_string()))?;
        let mut jwk = serde_json::to_value(jwk)?;
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".into(), json!(kid));
            members.insert("use".into(), json!("sig"));
            members.insert("alg".into(), json!("RS256"));
        }
        Ok(Self {
            kid,
            pem,
            signing,
            public: pair.public_key().as_ref().to_vec(),
            jwk,
        })
    }

    /// The public half as a member of a JWKS.
    pub(super) fn jwk(&self) -> Value {
        self.jwk.clone()
    }

    /// Signs claims as an RS256 JWT.
    pub(super) fn sign(&self, claims: &Value) -> Option<String> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.kid.to_owned());
        jsonwebtoken::encode(&header, claims, &self.signing).ok()
    }

    /// The claims of a JWT that this key signed with RS256.
    pub(super) fn verify(&self, token: &str) -> Option<Value> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Value = serde_json::from_slice(&LENIENT.decode(header).ok()?).ok()?;
        if header.get("alg")?.as_str()? != "RS256" {
            return None;
        }
        let signature = LENIENT.decode(signature).ok()?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public)
            .verify(signed.as_bytes(), &signature)
            .ok()?;
        serde_json::from_slice(&LENIENT.decode(claims).ok()?).ok()
    }
}

/// The claims of a JWT without looking at its signature.
pub(super) fn unverified(token: &str) -> Option<Value> {
    let claims = token.split('.').nth(1)?;
    serde_json::from_slice(&LENIENT.decode(claims).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_own_key_only() {
        let keys = keys().expect("keys");
        let token = keys.entra.sign(&json!({"a": 1})).expect("token");
        assert_eq!(keys.entra.verify(&token), Some(json!({"a": 1})));
        assert_eq!(keys.google.verify(&token), None);
        let mut forged = token.clone();
        forged.insert(token.find('.').unwrap_or(0) + 2, 'A');
        assert_eq!(keys.entra.verify(&forged), None);
    }
}
