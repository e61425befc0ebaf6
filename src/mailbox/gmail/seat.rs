//! One seat per impersonated mailbox: its hub and its token. Connections and
//! the key are shared; the seats are bounded.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex as StdMutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use google_gmail1::{Gmail, common};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, OnceCell};
use yup_oauth2::{
    CustomHyperClientBuilder, ServiceAccountAuthenticator, ServiceAccountKey,
    authenticator::Authenticator, error::Error as TokenError,
};

use super::{connector::Connector, refusal};
use crate::{
    config::{
        google::{GOOGLE_HOSTS, Google},
        graph::{FieldError, endpoint, read_small},
    },
    mailbox::{MailboxError, wire},
};

/// Seats kept; beyond it the longer unused half is given up.
const SEATS: usize = 8_192;

/// The SDK's entry for one mailbox.
pub(super) type Hub = Gmail<Connector>;

/// All seats of the organisation.
pub(super) struct Seats {
    key: ServiceAccountKey,
    client: common::Client<Connector>,
    token_client: legacy::Client<Connector, String>,
    root: Option<String>,
    seats: StdMutex<HashMap<String, (Arc<Seat>, u64)>>,
    ticks: AtomicU64,
}

/// One impersonated mailbox.
pub(super) struct Seat {
    pub(super) hub: Hub,
    pub(super) access: Access,
    /// Access to its calendar: fetched apart, so that a refusal of that scope is no
    /// refusal of its mail.
    calendar: OnceCell<Access>,
}

/// A person's access token; one fetch at a time.
#[derive(Clone)]
pub(super) struct Access(Arc<Door>);

struct Door {
    authenticator: Authenticator<Connector>,
    state: Mutex<State>,
    attempts: AtomicU64,
}

#[derive(Default)]
struct State {
    current: Option<SecretString>,
    refused: bool,
    failure: Option<(u64, MailboxError)>,
}

impl Seats {
    pub(super) fn new(config: &Google) -> Result<Self, FieldError> {
        wire::install_tls_provider();
        let connector = Connector::new()?;
        let root = config
            .base_url
            .as_ref()
            .map(|url| format!("{}/", url.as_str().trim_end_matches('/')));
        Ok(Self {
            key: key(config)?,
            client: pool().build(connector.clone()),
            token_client: pool().build(connector),
            root,
            seats: StdMutex::default(),
            ticks: AtomicU64::new(0),
        })
    }

    /// The project whose quota the calls are counted against; keys made long ago
    /// name the account only.
    pub(super) fn project(&self) -> &str {
        let project = self.key.project_id.as_deref();
        project.unwrap_or(&self.key.client_email)
    }

    /// The seat of a mailbox by its primary address.
    pub(super) async fn of(&self, address: &str) -> Result<Arc<Seat>, MailboxError> {
        let tick = self.ticks.fetch_add(1, Ordering::Relaxed);
        {
            let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((seat, used)) = seats.get_mut(address) {
                *used = tick;
                return Ok(Arc::clone(seat));
            }
        }
        let access = self.access(address).await?;
        let mut hub = Gmail::new(self.client.clone(), access.clone());
        hub.user_agent(wire::USER_AGENT.to_owned());
        if let Some(root) = &self.root {
            hub.base_url(root.clone());
            hub.root_url(root.clone());
        }
        let made = Arc::new(Seat {
            hub,
            access,
            calendar: OnceCell::new(),
        });
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if seats.len() >= SEATS {
            let mut used: Vec<u64> = seats.values().map(|(_, used)| *used).collect();
            used.sort_unstable();
            let middle = used.get(SEATS / 2).copied().unwrap_or_default();
            seats.retain(|_, (_, used)| *used > middle);
        }
        // Another caller may have been quicker: its seat holds the token.
        let (seat, _) = seats.entry(address.to_owned()).or_insert((made, tick));
        Ok(Arc::clone(seat))
    }

    /// Access to the calendar of a mailbox.
    pub(super) async fn calendar_access(&self, address: &str) -> Result<Access, MailboxError> {
        let seat = self.of(address).await?;
        let access = seat
            .calendar
            .get_or_try_init(|| self.access(address))
            .await?;
        Ok(access.clone())
    }

    /// Access as `subject`.
    pub(super) async fn access(&self, subject: &str) -> Result<Access, MailboxError> {
        let client = CustomHyperClientBuilder::from(self.token_client.clone());
        let authenticator = ServiceAccountAuthenticator::with_client(self.key.clone(), client)
            .subject(subject)
            .build()
            .await
            .map_err(|_| {
                MailboxError::Unauthorized("the service account's key cannot sign".to_owned())
            })?;
        Ok(Access(Arc::new(Door {
            authenticator,
            state: Mutex::default(),
            attempts: AtomicU64::new(0),
        })))
    }
}

impl Access {
    /// The current token for `scopes`, fetched or renewed if need be.
    pub(super) async fn token(&self, scopes: &[&str]) -> Result<SecretString, MailboxError> {
        let door = &self.0;
        let before = door.attempts.load(Ordering::SeqCst);
        let mut state = door.state.lock().await;
        if let Some((number, failure)) = &state.failure
            && *number > before
        {
            // We waited for this very attempt: do not each try again.
            return Err(failure.clone());
        }
        let fetched = tokio::time::timeout(wire::CALL_LIMIT, async {
            if state.refused {
                door.authenticator.force_refreshed_token(scopes).await
            } else {
                door.authenticator.token(scopes).await
            }
        })
        .await;
        let number = door.attempts.fetch_add(1, Ordering::SeqCst) + 1;
        let token = match fetched {
            Ok(Ok(token)) => token
                .token()
                .map(|token| SecretString::from(token.to_owned()))
                .ok_or_else(|| MailboxError::Malformed("token endpoint".to_owned())),
            Ok(Err(error)) => Err(token_failure(&error)),
            Err(_) => Err(MailboxError::Unavailable("token endpoint".to_owned())),
        };
        match &token {
            Ok(token) => {
                state.refused = false;
                state.failure = None;
                state.current = Some(token.clone());
            }
            Err(failure) => state.failure = Some((number, failure.clone())),
        }
        token
    }

    /// Marks the current token as refused by the provider.
    pub(super) async fn refuse(&self, token: Option<&SecretString>) {
        let mut state = self.0.state.lock().await;
        let same = match (token, &state.current) {
            (Some(token), Some(current)) => token.expose_secret() == current.expose_secret(),
            (None, Some(_)) => true,
            (_, None) => false,
        };
        state.refused |= same;
    }
}

impl common::GetToken for Access {
    fn get_token<'a>(
        &'a self,
        scopes: &'a [&str],
    ) -> std::pin::Pin<
        Box<
            dyn Future<Output = Result<Option<String>, Box<dyn std::error::Error + Send + Sync>>>
                + Send
                + 'a,
        >,
    > {
        Box::pin(async move {
            match self.token(scopes).await {
                Ok(token) => Ok(Some(token.expose_secret().to_owned())),
                Err(error) => Err(error.into()),
            }
        })
    }
}

/// Connections are kept for reuse and closed by a timer when idle.
fn pool() -> legacy::Builder {
    let mut pool = legacy::Client::builder(TokioExecutor::new());
    pool.pool_timer(TokioTimer::new());
    pool
}

fn token_failure(error: &TokenError) -> MailboxError {
    match error {
        TokenError::AuthError(refused) => refusal::token(
            refused.error.as_str(),
            refused.error_description.as_deref().unwrap_or_default(),
        ),
        TokenError::JSONError(_) | TokenError::MissingAccessToken => {
            // The library hides the status: an overloaded endpoint looks like this too.
            MailboxError::Unavailable("token endpoint gave no token".to_owned())
        }
        _ => MailboxError::Unavailable("token endpoint".to_owned()),
    }
}

fn key(config: &Google) -> Result<ServiceAccountKey, FieldError> {
    let (field, text) = match (&config.service_account, &config.service_account_file) {
        (Some(text), _) => ("google.service_account", text.clone()),
        (None, Some(path)) => (
            "google.service_account_file",
            SecretString::from(read_small("google.service_account_file", path)?),
        ),
        (None, None) => {
            return Err(FieldError::new(
                "google.service_account_file",
                "no key is given",
            ));
        }
    };
    // serde's message may quote the key: it is not shown.
    let mut key: ServiceAccountKey = serde_json::from_str(text.expose_secret())
        .map_err(|_| FieldError::new(field, "is no service account key in JSON form"))?;
    if let Some(url) = &config.token_url {
        url.as_str().clone_into(&mut key.token_uri);
    }
    let url = url::Url::parse(&key.token_uri)
        .map_err(|_| FieldError::new(field, "token_uri is no URL"))?;
    endpoint(field, &url, &GOOGLE_HOSTS)?;
    Ok(key)
}
