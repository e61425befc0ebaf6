//! The key that signs receipts.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::verify::canonical;
use crate::{app::App, jobs::JobError, store::StoreError};

/// Largest key file, octets.
const LARGEST: u64 = 16 * 1024;

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The configured file cannot be read.
    #[error("search.receipt_key_file cannot be read")]
    File(#[source] std::io::Error),
    /// It holds something else.
    #[error("search.receipt_key_file holds no Ed25519 key in PKCS#8 PEM form")]
    Form,
    /// A key could not be made.
    #[error("the system gave no randomness for a key")]
    Randomness,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<KeyError> for JobError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => Self::Store(error),
            // An administrator can put it right; until then nothing is lost.
            other => Self::Outage(other.to_string()),
        }
    }
}

/// An Ed25519 key pair. `Debug` shows no secret.
pub struct Key {
    pair: Ed25519KeyPair,
    id: String,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Key {
    fn of_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| KeyError::Form)?;
        let id = id_of(pair.public_key().as_ref());
        Ok(Self { pair, id })
    }

    /// The public half, base64.
    #[must_use]
    pub fn public(&self) -> String {
        STANDARD.encode(self.pair.public_key().as_ref())
    }

    /// The key's name: the first sixteen hexadecimal digits of the SHA-256 of the
    /// public half.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The receipt with its signature.
    pub(super) fn sign(&self, receipt: Value) -> Value {
        let signature = self.signature(&receipt);
        json!({ "receipt": receipt, "signature": signature })
    }

    /// The signature over the canonical text of a value; see [`super::check_signature`].
    #[must_use]
    pub fn signature(&self, value: &Value) -> Value {
        let signature = self.pair.sign(canonical(value).as_bytes());
        json!({
            "algorithm": "Ed25519",
            "key_id": self.id,
            "public_key": self.public(),
            "value": STANDARD.encode(signature.as_ref()),
        })
    }
}

pub(super) fn id_of(public: &[u8]) -> String {
    hex::encode(Sha256::digest(public))
        .chars()
        .take(16)
        .collect()
}

/// The key of this installation: of the configured file, or the one that was made
/// on first use and is kept in the database.
///
/// # Errors
/// See [`KeyError`].
pub async fn key(app: &App) -> Result<Key, KeyError> {
    if let Some(path) = &app.config.search.receipt_key_file {
        let size = std::fs::metadata(path).map_err(KeyError::File)?.len();
        if size > LARGEST {
            return Err(KeyError::Form);
        }
        let pem = std::fs::read(path).map_err(KeyError::File)?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| KeyError::Form)?;
        return Key::of_pkcs8(der.secret_pkcs8_der());
    }
    if let Some(kept) = app.store.read(app.tenant).signing_key().await? {
        return of_text(&kept);
    }
    let made = Ed25519KeyPair::generate().map_err(|_| KeyError::Randomness)?;
    let der = made.to_pkcs8().map_err(|_| KeyError::Randomness)?;
    let fresh = Key::of_pkcs8(der.as_ref())?;
    let tx = app.store.begin().await?;
    tx.of(app.tenant)
        .keep_signing_key(
            fresh.id(),
            &STANDARD.encode(der.as_ref()),
            &fresh.public(),
            app.clock.now(),
        )
        .await?;
    tx.commit().await?;
    // Another process may have been quicker: the first key counts.
    match app.store.read(app.tenant).signing_key().await? {
        Some(kept) => of_text(&kept),
        None => Ok(fresh),
    }
}

fn of_text(kept: &str) -> Result<Key, KeyError> {
    let der = STANDARD
        .decode(kept)
        .map_err(|_| StoreError::Corrupt("signing_key.private".to_owned()))?;
    Key::of_pkcs8(&der)
}
