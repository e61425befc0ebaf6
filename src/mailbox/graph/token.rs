//! The application's token: client credentials by secret or certificate,
//! fetched once for all callers and renewed before it ends.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use graph_core::identity::ForceTokenRefresh;
use graph_rs_sdk::{error::AuthExecutionResult, identity::ClientApplication};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use url::Url;

use crate::{
    clock::SharedClock,
    config::graph::{FieldError, Graph, is_loopback, read_small},
    mailbox::{MailboxError, pace, wire},
};

/// Renewed this long before its end.
const MARGIN: TimeDelta = TimeDelta::minutes(5);
/// Life of a client assertion.
const ASSERTION_LIFE: TimeDelta = TimeDelta::minutes(10);

/// A shared source of access tokens; cheap to clone.
#[derive(Clone)]
pub(super) struct Tokens(Arc<Source>);

struct Source {
    http: reqwest::Client,
    url: Url,
    scope: String,
    client_id: String,
    credential: Credential,
    clock: SharedClock,
    held: Mutex<Held>,
    /// Counts ended attempts, so that callers who waited for one that failed
    /// share its failure and do not each try again.
    attempts: AtomicU64,
}

enum Credential {
    Secret(SecretString),
    Certificate {
        key: Box<EncodingKey>,
        thumbprint: String,
    },
}

#[derive(Default)]
struct Held {
    token: Option<Token>,
    failure: Option<(u64, MailboxError)>,
}

/// An access token and when it is to be renewed.
#[derive(Clone)]
pub(super) struct Token {
    secret: SecretString,
    renew_at: DateTime<Utc>,
    /// Which attempt gave it.
    pub(super) number: u64,
}

#[derive(Serialize)]
struct Assertion<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: i64,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Answer {
    access_token: SecretString,
    expires_in: i64,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_codes: Vec<u64>,
}

impl Tokens {
    pub(super) fn new(config: &Graph, clock: SharedClock) -> Result<Self, FieldError> {
        let mut url = config.authority_url.clone();
        url.path_segments_mut()
            .map_err(|()| FieldError::new("graph.authority_url", "must be an https URL"))?
            .pop_if_empty()
            .extend([config.tenant_id.as_str(), "oauth2", "v2.0", "token"]);
        Ok(Self(Arc::new(Source {
            http: wire::outbound("graph.authority_url")?,
            url,
            scope: scope(&config.base_url),
            client_id: config.client_id.clone(),
            credential: Credential::load(config)?,
            clock,
            held: Mutex::default(),
            attempts: AtomicU64::new(0),
        })))
    }

    /// The current token, fetched or renewed if need be; one fetch at a time.
    pub(super) async fn current(&self) -> Result<Token, MailboxError> {
        let source = &self.0;
        let before = source.attempts.load(Ordering::SeqCst);
        let mut held = source.held.lock().await;
        if let Some(token) = &held.token
            && source.clock.now() < token.renew_at
        {
            return Ok(token.clone());
        }
        if let Some((number, failure)) = &held.failure
            && *number > before
        {
            return Err(failure.clone());
        }
        let fetched = source.fetch().await;
        let number = source.attempts.fetch_add(1, Ordering::SeqCst) + 1;
        match fetched {
            Ok(mut token) => {
                token.number = number;
                held.failure = None;
                held.token = Some(token.clone());
                Ok(token)
            }
            Err(failure) => {
                held.failure = Some((number, failure.clone()));
                Err(failure)
            }
        }
    }

    /// Drops the token that the provider refused, unless it was renewed meanwhile.
    pub(super) async fn refuse(&self, number: u64) {
        let mut held = self.0.held.lock().await;
        if held.token.as_ref().is_some_and(|t| t.number == number) {
            held.token = None;
        }
    }
}

impl Token {
    pub(super) fn expose(&self) -> &str {
        self.secret.expose_secret()
    }
}

impl Source {
    async fn fetch(&self) -> Result<Token, MailboxError> {
        let now = self.clock.now();
        let form = self.form(now)?;
        let response = self
            .http
            .post(self.url.clone())
            .header(
                reqwest::header::CONTENT_TYPE,
                "application/x-www-form-urlencoded",
            )
            .body(form)
            .send()
            .await
            .map_err(|error| MailboxError::Unavailable(wire::kind(&error)))?;
        let status = response.status().as_u16();
        let wait = response
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| pace::retry_after(value, now));
        let body = wire::body(response, wire::TOKEN_LIMIT).await?;
        match status {
            200 => {
                let answer: Answer = serde_json::from_slice(&body)
                    .map_err(|_| MailboxError::Malformed("token endpoint".to_owned()))?;
                Ok(answer.into_token(now))
            }
            429 => Err(MailboxError::Throttled { retry_after: wait }),
            503 if wait.is_some() => Err(MailboxError::Throttled { retry_after: wait }),
            500.. | 408 => Err(MailboxError::Unavailable(format!(
                "token endpoint {status}"
            ))),
            _ => Err(MailboxError::Unauthorized(refusal(&body, status))),
        }
    }

    fn form(&self, now: DateTime<Utc>) -> Result<String, MailboxError> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id)
            .append_pair("scope", &self.scope);
        match &self.credential {
            Credential::Secret(secret) => {
                form.append_pair("client_secret", secret.expose_secret());
            }
            Credential::Certificate { key, thumbprint } => {
                let assertion = self.assertion(key, thumbprint, now)?;
                form.append_pair(
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                )
                .append_pair("client_assertion", &assertion);
            }
        }
        Ok(form.finish())
    }

    fn assertion(
        &self,
        key: &EncodingKey,
        thumbprint: &str,
        now: DateTime<Utc>,
    ) -> Result<String, MailboxError> {
        let mut header = Header::new(Algorithm::PS256);
        header.x5t_s256 = Some(thumbprint.to_owned());
        let claims = Assertion {
            aud: self.url.as_str(),
            iss: &self.client_id,
            sub: &self.client_id,
            jti: uuid::Uuid::new_v4().to_string(),
            nbf: now.timestamp(),
            iat: now.timestamp(),
            exp: (now + ASSERTION_LIFE).timestamp(),
        };
        jsonwebtoken::encode(&header, &claims, key)
            .map_err(|_| MailboxError::Unauthorized("the private key cannot sign".to_owned()))
    }
}

impl Answer {
    fn into_token(self, now: DateTime<Utc>) -> Token {
        let life = TimeDelta::seconds(self.expires_in.clamp(0, 86_400));
        // A token that lives less than twice the margin is renewed at half its life.
        let margin = MARGIN.min(life / 2);
        Token {
            secret: self.access_token,
            renew_at: now + life - margin,
            number: 0,
        }
    }
}

impl Credential {
    fn load(config: &Graph) -> Result<Self, FieldError> {
        if let Some(secret) = &config.client_secret {
            return Ok(Self::Secret(secret.clone()));
        }
        if let Some(path) = &config.client_secret_file {
            let text = read_small("graph.client_secret_file", path)?;
            return Ok(Self::Secret(SecretString::from(text.trim().to_owned())));
        }
        let (Some(certificate), Some(key)) = (&config.certificate_file, &config.private_key_file)
        else {
            return Err(FieldError::new(
                "graph.client_secret_file",
                "no credential is given",
            ));
        };
        let key = SecretString::from(read_small("graph.private_key_file", key)?);
        let key = EncodingKey::from_rsa_pem(key.expose_secret().as_bytes()).map_err(|_| {
            FieldError::new(
                "graph.private_key_file",
                "holds no RSA private key in PEM form",
            )
        })?;
        let pem = read_small("graph.certificate_file", certificate)?;
        Ok(Self::Certificate {
            key: Box::new(key),
            thumbprint: thumbprint(&pem)?,
        })
    }
}

/// The base64url SHA-256 of the first certificate (`x5t#S256`, RFC 7515 4.1.8).
fn thumbprint(pem: &str) -> Result<String, FieldError> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
        FieldError::new("graph.certificate_file", "holds no certificate in PEM form")
    })?;
    Ok(URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)))
}

/// `.default` of the cloud that is called; the simulated tenant plays the global one.
fn scope(base: &Url) -> String {
    match base.host_str() {
        Some(host) if !is_loopback(base) => {
            format!("https://{host}/.default")
        }
        _ => "https://graph.microsoft.com/.default".to_owned(),
    }
}

/// The refusal in codes only: descriptions may quote identifiers and times.
fn refusal(body: &[u8], status: u16) -> String {
    match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) => {
            let code = refusal.error_codes.first();
            let code = code.map(|c| format!(" (AADSTS{c})")).unwrap_or_default();
            format!("{}{code}", wire::plain_code(&refusal.error))
        }
        Err(_) => format!("token endpoint {status}"),
    }
}

#[async_trait]
impl ClientApplication for Tokens {
    fn get_token_silent(&mut self) -> AuthExecutionResult<String> {
        // Only the SDK's blocking client asks this way, and we have none.
        Err(graph_rs_sdk::error::AuthExecutionError::Other(
            "the blocking client is not used".into(),
        ))
    }

    async fn get_token_silent_async(&mut self) -> AuthExecutionResult<String> {
        match self.current().await {
            Ok(token) => Ok(token.expose().to_owned()),
            Err(error) => Err(graph_rs_sdk::error::AuthExecutionError::Other(Box::new(
                error,
            ))),
        }
    }

    fn with_force_token_refresh(&mut self, _: ForceTokenRefresh) {}
}
