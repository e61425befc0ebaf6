//! Tokens: those the service fetches for itself and those its reporters bring.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::{
    PushTarget,
    keys::Keys,
    org::{User, domain_of},
    seed::mix,
};

/// The fixed identities of the simulated world.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub tenant_id: String,
    pub client_id: String,
    pub client_secret: String,
    /// Public key (PEM) that verifies client assertions; without it only their
    /// claims are checked.
    pub client_key_pem: Option<String>,
    /// Audience of reporter tokens: the reporting API's client id.
    pub reporter_audience: String,
    /// Client that asks for them: the Outlook add-in.
    pub addin_client_id: String,
    pub service_account_email: String,
    pub service_account_id: String,
    /// OAuth client of the Gmail add-on, audience of its user id tokens.
    pub google_audience: String,
    pub addon_account_email: String,
}

/// The scope that lets an employee report.
pub const REPORTER_SCOPE: &str = "Report.Submit";

/// What an access token allows.
#[derive(Debug, Clone)]
pub(super) enum Grant {
    Graph {
        expires: DateTime<Utc>,
    },
    Google {
        user: u32,
        scopes: Vec<String>,
        /// Real time: Google's client library keeps its own clock.
        issued: Instant,
    },
}

const GOOGLE_LIFE: Duration = Duration::from_secs(3600);

/// Live access tokens.
#[derive(Debug)]
pub(super) struct AccessTokens {
    grants: HashMap<String, Grant>,
    /// Message access tokens of the Gmail add-on: user and message number.
    pub messages: HashMap<String, (u32, u32)>,
    next: u64,
    seed: u64,
}

impl AccessTokens {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            grants: HashMap::new(),
            messages: HashMap::new(),
            next: 0,
            seed,
        }
    }

    fn word(&mut self) -> String {
        self.next += 1;
        let a = mix(self.seed ^ mix(self.next));
        format!("{a:016x}{:016x}{:016x}", mix(a ^ 1), mix(a ^ 2))
    }

    pub(super) fn issue(&mut self, grant: Grant) -> String {
        let token = match grant {
            Grant::Graph { .. } => format!("eyJzaW0.{}", self.word()),
            Grant::Google { .. } => format!("ya29.{}", self.word()),
        };
        self.grants.insert(token.clone(), grant);
        token
    }

    pub(super) fn issue_for_message(&mut self, user: u32, uid: u32) -> String {
        let token = format!("gmat.{}", self.word());
        self.messages.insert(token.clone(), (user, uid));
        token
    }

    pub(super) fn grant(&self, token: &str, now: DateTime<Utc>) -> Option<&Grant> {
        self.grants.get(token).filter(|grant| match grant {
            Grant::Graph { expires } => now < *expires,
            Grant::Google { issued, .. } => issued.elapsed() < GOOGLE_LIFE,
        })
    }

    pub(super) fn forget(&mut self) {
        self.grants.clear();
        self.messages.clear();
    }
}

/// Members of `overrides` replace claims; `null` takes one out.
fn overridden(mut claims: Value, overrides: &Map<String, Value>) -> Value {
    if let Some(members) = claims.as_object_mut() {
        for (name, value) in overrides {
            if value.is_null() {
                members.remove(name);
            } else {
                members.insert(name.clone(), value.clone());
            }
        }
    }
    claims
}

/// A delegated v2 access token for the reporting API.
pub(super) fn entra_token(
    keys: &Keys,
    identity: &Identity,
    user: &User,
    now: DateTime<Utc>,
    overrides: &Map<String, Value>,
) -> String {
    let claims = json!({
        "aud": identity.reporter_audience,
        "iss": format!("https://login.microsoftonline.com/{}/v2.0", identity.tenant_id),
        "iat": (now - TimeDelta::minutes(1)).timestamp(),
        "nbf": (now - TimeDelta::minutes(1)).timestamp(),
        "exp": (now + TimeDelta::minutes(70)).timestamp(),
        "azp": identity.addin_client_id,
        "azpacr": "0",
        "name": user.display_name(),
        "oid": user.id,
        "preferred_username": user.address,
        "scp": REPORTER_SCOPE,
        "sub": format!("sub-{}", user.id),
        "tid": identity.tenant_id,
        "uti": format!("uti-{}", user.index),
        "ver": "2.0",
    });
    keys.entra
        .sign(&overridden(claims, overrides))
        .unwrap_or_default()
}

/// An id token of a Workspace user for the Gmail add-on's OAuth client.
pub(super) fn google_id_token(
    keys: &Keys,
    identity: &Identity,
    user: &User,
    now: DateTime<Utc>,
    overrides: &Map<String, Value>,
) -> String {
    let claims = json!({
        "iss": "https://accounts.google.com",
        "azp": identity.google_audience,
        "aud": identity.google_audience,
        "sub": user.id,
        "hd": domain_of(user.provider),
        "email": user.address,
        "email_verified": true,
        "iat": (now - TimeDelta::minutes(1)).timestamp(),
        "exp": (now + TimeDelta::minutes(59)).timestamp(),
    });
    keys.google
        .sign(&overridden(claims, overrides))
        .unwrap_or_default()
}

/// The token with which Pub/Sub pushes.
pub(super) fn push_token(
    keys: &Keys,
    target: &PushTarget,
    now: DateTime<Utc>,
    overrides: &Map<String, Value>,
) -> String {
    let claims = json!({
        "iss": "https://accounts.google.com",
        "azp": "113774264463038321964",
        "aud": target.audience,
        "sub": "113774264463038321964",
        "email": target.account,
        "email_verified": true,
        "iat": (now - TimeDelta::minutes(1)).timestamp(),
        "exp": (now + TimeDelta::minutes(59)).timestamp(),
    });
    keys.google
        .sign(&overridden(claims, overrides))
        .unwrap_or_default()
}

/// The id token with which Google's add-on platform calls an endpoint.
pub(super) fn system_id_token(
    keys: &Keys,
    identity: &Identity,
    endpoint: &str,
    now: DateTime<Utc>,
    overrides: &Map<String, Value>,
) -> String {
    let claims = json!({
        "iss": "https://accounts.google.com",
        "azp": "112233445566778899001",
        "aud": endpoint,
        "sub": "112233445566778899001",
        "email": identity.addon_account_email,
        "email_verified": true,
        "iat": (now - TimeDelta::minutes(1)).timestamp(),
        "exp": (now + TimeDelta::minutes(59)).timestamp(),
    });
    keys.google
        .sign(&overridden(claims, overrides))
        .unwrap_or_default()
}
