//! From a bearer token to a person: form, issuer, key, signature, claims.

use url::Url;

use super::{
    AuthError,
    jwks::{JwksCache, KeyError},
    token::{Claims, Compact, EntraRules, GoogleRules, TokenError, VerifiedReporter},
};
use crate::{
    clock::SharedClock,
    config::reporters::{GraphNotify, PubSub, Reporters, ReportersError},
};

/// Verifies reporters' tokens and the tokens of the providers' notifications.
/// Built once at start; shared as `Arc<ReporterVerifier>` in the app's data.
#[derive(Debug)]
pub struct ReporterVerifier {
    entra: Option<(EntraRules, JwksCache)>,
    google: Option<(GoogleRules, JwksCache)>,
    pubsub: Option<PubSub>,
    graph_notify: Option<GraphNotify>,
    addon: Option<Addon>,
    clock: SharedClock,
}

#[derive(Debug)]
struct Addon {
    base: String,
    service_account: String,
}

/// Why no verifier could be built.
#[derive(Debug, thiserror::Error)]
pub enum VerifierError {
    /// A setting cannot be used.
    #[error("reporters cannot be verified")]
    Config(#[from] ReportersError),
    /// The client that fetches keys could not be built.
    #[error("no TLS client for key sets")]
    Client(#[from] reqwest::Error),
}

impl ReporterVerifier {
    /// A verifier for `section`, which is validated again. Fetches nothing yet.
    ///
    /// # Errors
    /// A setting that cannot be used, or no TLS.
    pub fn new(section: &Reporters, clock: SharedClock) -> Result<Self, VerifierError> {
        section.validate()?;
        let cache = |issuer, url: Option<Url>| {
            url.map(|url| JwksCache::new(issuer, url, SharedClock::clone(&clock)))
                .transpose()
        };
        let entra = match &section.entra {
            Some(entra) => cache("entra", entra.keys_url())?
                .map(|keys| (EntraRules::new(entra, section.skew_seconds), keys)),
            None => None,
        };
        let google = match &section.google {
            Some(google) => cache("google", google.keys_url())?
                .map(|keys| (GoogleRules::new(google, section.skew_seconds), keys)),
            None => None,
        };
        let addon = section.google.as_ref().and_then(|google| {
            Some(Addon {
                base: google
                    .addon_base_url
                    .as_ref()?
                    .as_str()
                    .trim_end_matches('/')
                    .to_owned(),
                service_account: google.addon_service_account_email.clone()?,
            })
        });
        Ok(Self {
            entra,
            google,
            pubsub: section.hooks.pubsub.clone(),
            graph_notify: section.hooks.graph_notify.clone(),
            addon,
            clock,
        })
    }

    /// Fetches the configured issuers' keys ahead of the first report. Says for
    /// each issuer (`entra`, `google`) whether its keys are there.
    pub async fn warm(&self) -> Vec<(&'static str, bool)> {
        let mut there = Vec::new();
        if let Some((_, keys)) = &self.entra {
            there.push(("entra", keys.warm().await));
        }
        if let Some((_, keys)) = &self.google {
            there.push(("google", keys.warm().await));
        }
        there
    }

    /// The person behind an Entra access token or a Google ID token.
    ///
    /// # Errors
    /// `Token` with the reason, or `KeysUnavailable`.
    pub async fn verify(&self, token: &str) -> Result<VerifiedReporter, AuthError> {
        let compact = Compact::read(token)?;
        let now = self.clock.now();
        let of_google = compact.claimed_issuer().is_some_and(GoogleRules::issuer);
        Ok(if of_google {
            let (rules, claims) = self.google_claims(compact).await?;
            rules.reporter(&claims, now)?
        } else {
            let (rules, claims) = self.entra_claims(compact).await?;
            rules.reporter(&claims, now)?
        })
    }

    /// Whether Pub/Sub pushed this for the configured subscription.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub async fn verify_pubsub(&self, token: &str) -> Result<(), AuthError> {
        let pubsub = self.pubsub.as_ref().ok_or(TokenError::NotConfigured)?;
        self.verify_google_service(token, &pubsub.audience, &pubsub.email)
            .await
    }

    /// Whether Graph's publisher signed one of a notification's `validationTokens`.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub async fn verify_graph_notification(&self, token: &str) -> Result<(), AuthError> {
        let notify = self
            .graph_notify
            .as_ref()
            .ok_or(TokenError::NotConfigured)?;
        let (rules, claims) = self.entra_claims(Compact::read(token)?).await?;
        Ok(rules.notification(&claims, self.clock.now(), notify)?)
    }

    /// The person behind a call of the Gmail add-on to our route `path` (with
    /// its leading slash): the bearer token must be our add-on's service account
    /// speaking to exactly that address, the `userIdToken` of the event the person.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub async fn verify_addon(
        &self,
        system_id_token: &str,
        user_id_token: &str,
        path: &str,
    ) -> Result<VerifiedReporter, AuthError> {
        let addon = self.addon.as_ref().ok_or(TokenError::NotConfigured)?;
        let audience = format!("{}{path}", addon.base);
        self.verify_google_service(system_id_token, &audience, &addon.service_account)
            .await?;
        let (rules, claims) = self.google_claims(Compact::read(user_id_token)?).await?;
        Ok(rules.reporter(&claims, self.clock.now())?)
    }

    async fn verify_google_service(
        &self,
        token: &str,
        audience: &str,
        email: &str,
    ) -> Result<(), AuthError> {
        let (rules, claims) = self.google_claims(Compact::read(token)?).await?;
        Ok(rules.service(&claims, self.clock.now(), audience, email)?)
    }

    /// Claims signed by a key of our tenant. A token that does not even name
    /// our issuer costs no look at the keys.
    async fn entra_claims(&self, compact: Compact<'_>) -> Result<(&EntraRules, Claims), AuthError> {
        let (rules, keys) = self.entra.as_ref().ok_or(TokenError::Issuer)?;
        compact
            .claimed_issuer()
            .and_then(|issuer| rules.issuer(issuer))
            .ok_or(TokenError::Issuer)?;
        let found = keys.key(compact.kid()).await.map_err(no_key)?;
        if !rules.owns_key(found.issuer.as_deref()) {
            return Err(TokenError::UnknownKey.into());
        }
        Ok((rules, compact.verified(&found.key)?))
    }

    async fn google_claims(
        &self,
        compact: Compact<'_>,
    ) -> Result<(&GoogleRules, Claims), AuthError> {
        let (rules, keys) = self.google.as_ref().ok_or(TokenError::Issuer)?;
        if !compact.claimed_issuer().is_some_and(GoogleRules::issuer) {
            return Err(TokenError::Issuer.into());
        }
        let found = keys.key(compact.kid()).await.map_err(no_key)?;
        Ok((rules, compact.verified(&found.key)?))
    }
}

fn no_key(error: KeyError) -> AuthError {
    match error {
        KeyError::Unknown => TokenError::UnknownKey.into(),
        KeyError::Unavailable => AuthError::KeysUnavailable,
    }
}
