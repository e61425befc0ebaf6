//! API keys of analysts and programs, as pure functions; rows are the store's.
//!
//! A key is 256 random bits, so its SHA-256 can be kept as it is: there is
//! nothing to guess and no need for a slow hash.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use rand::CryptoRng;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::AuthError;
use crate::domain::ApiKeyId;

/// How every key begins, so that secret scanners can find one that leaked.
pub const PREFIX: &str = "uhk_";

const KEY_BYTES: usize = 32;

/// One thing that a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// See reports.
    ReportsRead,
    /// See submissions and campaigns.
    SubmissionsRead,
    /// Download the raw message.
    RawRead,
    /// Set a verdict.
    VerdictsWrite,
    /// See pulls.
    PullsRead,
    /// Pull and restore.
    PullsWrite,
    /// Approve large pulls of others, and let go on what was stopped.
    PullsApprove,
    /// See how groups of people report.
    StatisticsRead,
    /// Everything, keys and settings included.
    Admin,
}

/// A word that is no scope.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error(
    "not one of: reports:read, submissions:read, raw:read, verdicts:write, pulls:read, pulls:write, pulls:approve, statistics:read, admin"
)]
pub struct ScopeError;

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 9] = [
        Self::ReportsRead,
        Self::SubmissionsRead,
        Self::RawRead,
        Self::VerdictsWrite,
        Self::PullsRead,
        Self::PullsWrite,
        Self::PullsApprove,
        Self::StatisticsRead,
        Self::Admin,
    ];

    /// The name used in rows, the API and the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReportsRead => "reports:read",
            Self::SubmissionsRead => "submissions:read",
            Self::RawRead => "raw:read",
            Self::VerdictsWrite => "verdicts:write",
            Self::PullsRead => "pulls:read",
            Self::PullsWrite => "pulls:write",
            Self::PullsApprove => "pulls:approve",
            Self::StatisticsRead => "statistics:read",
            Self::Admin => "admin",
        }
    }

    const fn bit(self) -> u16 {
        1 << (self as u8)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or(ScopeError)
    }
}

/// A set of scopes; in rows as words between single spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Scopes(u16);

impl Scopes {
    /// Whether `scope` is granted; `admin` grants all.
    #[must_use]
    pub const fn allow(self, scope: Scope) -> bool {
        self.0 & (scope.bit() | Scope::Admin.bit()) != 0
    }

    /// The granted scopes by name; `admin` is not spelt out.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL
            .into_iter()
            .filter(move |scope| self.0 & scope.bit() != 0)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | scope.bit()))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Scope::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

impl FromStr for Scopes {
    type Err = ScopeError;

    /// Words between white space; none at all is an empty set.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        text.split_whitespace().map(str::parse::<Scope>).collect()
    }
}

/// SHA-256 of a key's text: what is stored, and what rows are found by.
#[derive(Debug, Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of a presented key.
    ///
    /// # Errors
    /// `Malformed` when the text is no key at all, so that it costs no query.
    pub fn of(presented: &str) -> Result<Self, ApiKeyError> {
        let body = presented
            .strip_prefix(PREFIX)
            .ok_or(ApiKeyError::Malformed)?;
        match URL_SAFE_NO_PAD.decode(body) {
            Ok(bytes) if bytes.len() == KEY_BYTES => {
                Ok(Self(Sha256::digest(presented.as_bytes()).into()))
            }
            _ => Err(ApiKeyError::Malformed),
        }
    }

    /// A hash read from a row.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash for a row.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for KeyHash {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}
impl Eq for KeyHash {}

/// A key just made. The secret is shown once and never stored.
#[derive(Debug)]
pub struct NewApiKey {
    /// What the owner presents: `uhk_` and 43 characters.
    pub secret: SecretString,
    /// What is stored.
    pub hash: KeyHash,
}

/// Makes a key from 256 bits of `random` (`rand::rngs::OsRng.unwrap_err()` or
/// `rand::rng()` outside tests).
pub fn generate(random: &mut impl CryptoRng) -> NewApiKey {
    let mut bytes = [0; KEY_BYTES];
    random.fill_bytes(&mut bytes);
    let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
    NewApiKey {
        hash: KeyHash(Sha256::digest(text.as_bytes()).into()),
        secret: SecretString::from(text),
    }
}

/// A key as its row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredApiKey {
    /// The row.
    pub key_id: ApiKeyId,
    /// The hash of the key.
    pub hash: KeyHash,
    /// What it may do.
    pub scopes: Scopes,
    /// From then on it is refused; every key ends.
    pub expires_at: DateTime<Utc>,
    /// When it was withdrawn, if it was; then it is refused at any time.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl StoredApiKey {
    /// Admits the owner of the presented key.
    ///
    /// # Errors
    /// `Unknown`, `Revoked` or `Expired`; the hash is compared first.
    pub fn admit(&self, presented: &KeyHash, now: DateTime<Utc>) -> Result<Analyst, ApiKeyError> {
        if self.hash != *presented {
            return Err(ApiKeyError::Unknown);
        }
        if self.revoked_at.is_some() {
            return Err(ApiKeyError::Revoked);
        }
        if now >= self.expires_at {
            return Err(ApiKeyError::Expired);
        }
        Ok(Analyst {
            key_id: self.key_id,
            scopes: self.scopes,
        })
    }
}

/// Why an API key was refused. For logs; the caller never learns it.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum ApiKeyError {
    /// Not of the form of a key.
    #[error("not an api key")]
    Malformed,
    /// No such key.
    #[error("no such api key")]
    Unknown,
    /// Withdrawn.
    #[error("api key revoked")]
    Revoked,
    /// Past its end.
    #[error("api key expired")]
    Expired,
}

impl ApiKeyError {
    /// A stable reason code for logs and counters.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "api_key_malformed",
            Self::Unknown => "api_key_unknown",
            Self::Revoked => "api_key_revoked",
            Self::Expired => "api_key_expired",
        }
    }
}

/// Who speaks on the analyst side: a key, and what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Analyst {
    /// The key; named in events as the actor.
    pub key_id: ApiKeyId,
    /// What it may do.
    pub scopes: Scopes,
}

impl Analyst {
    /// Goes on only with `scope`.
    ///
    /// # Errors
    /// [`AuthError::Scope`], a 403.
    pub fn require(&self, scope: Scope) -> Result<(), AuthError> {
        if self.scopes.allow(scope) {
            Ok(())
        } else {
            Err(AuthError::Scope(scope))
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use rand::{SeedableRng, rngs::StdRng};
    use secrecy::ExposeSecret;

    use super::*;

    fn stored(hash: KeyHash) -> StoredApiKey {
        StoredApiKey {
            key_id: ApiKeyId::new(DateTime::UNIX_EPOCH),
            hash,
            scopes: "reports:read pulls:read".parse().expect("scopes"),
            expires_at: DateTime::UNIX_EPOCH + TimeDelta::days(1),
            revoked_at: None,
        }
    }

    #[test]
    fn a_key_admits_its_owner_until_it_ends() {
        let new = generate(&mut StdRng::seed_from_u64(1));
        let text = new.secret.expose_secret();
        assert_eq!(text.len(), 47);
        assert!(!format!("{new:?}").contains(text));
        let row = stored(new.hash);
        let presented = KeyHash::of(text).expect("a key");
        let analyst = row
            .admit(&presented, DateTime::UNIX_EPOCH)
            .expect("admitted");
        assert_eq!(analyst.require(Scope::PullsRead), Ok(()));
        assert_eq!(
            analyst.require(Scope::PullsWrite),
            Err(AuthError::Scope(Scope::PullsWrite))
        );
        assert_eq!(
            row.admit(&presented, row.expires_at),
            Err(ApiKeyError::Expired)
        );
        let revoked = StoredApiKey {
            revoked_at: Some(DateTime::UNIX_EPOCH),
            ..row.clone()
        };
        assert_eq!(
            revoked.admit(&presented, DateTime::UNIX_EPOCH),
            Err(ApiKeyError::Revoked)
        );
        let other = generate(&mut StdRng::seed_from_u64(2));
        assert_eq!(
            row.admit(&other.hash, DateTime::UNIX_EPOCH),
            Err(ApiKeyError::Unknown)
        );
    }

    #[test]
    fn what_is_no_key_is_not_looked_up() {
        let long = format!("{PREFIX}{}", "A".repeat(44));
        for text in ["", "uhk_", "UHK_AAAA", "eyJ0.e30.x", &long] {
            assert_eq!(KeyHash::of(text), Err(ApiKeyError::Malformed), "{text}");
        }
    }

    #[test]
    fn scopes_read_back_and_only_admin_grants_the_rest() {
        for scope in Scope::ALL {
            let alone = Scopes::from_iter([scope]);
            assert_eq!(alone.to_string().parse(), Ok(alone));
            for other in Scope::ALL {
                let granted = scope == other || scope == Scope::Admin;
                assert_eq!(alone.allow(other), granted, "{scope} {other}");
            }
        }
        assert_eq!("reports:write".parse::<Scopes>(), Err(ScopeError));
        assert!(!Scopes::default().allow(Scope::ReportsRead));
    }
}
