//! Section `reporters`: whose tokens are believed, and for what.
//!
//! ```toml
//! [reporters.entra]
//! tenant_id = "11111111-aaaa-4aaa-8aaa-111111111111"
//! audiences = ["33333333-cccc-4ccc-8ccc-333333333333"]
//! clients = ["44444444-dddd-4ddd-8ddd-444444444444"]
//! scope = "Report.Submit"
//! ```

use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use super::reputation::ReporterReputation;

/// The most clock difference that may be tolerated, seconds (Microsoft's own bound).
pub const MAX_SKEW_SECONDS: u32 = 300;

/// Microsoft's change-notification publisher, the `azp`/`appid` of Graph's
/// validation tokens (Graph documentation, "change notifications with resource data").
pub const GRAPH_PUBLISHER: Uuid = Uuid::from_u128(0x0bf3_0f3b_4a52_48df_9a82_2349_10c4_a086);

const GOOGLE_CERTS: &str = "https://www.googleapis.com/oauth2/v3/certs";

/// Section `reporters`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reporters {
    /// Reporters who sign in with Microsoft; none are believed without it.
    #[serde(default)]
    pub entra: Option<Entra>,
    /// Reporters who sign in with Google; none are believed without it.
    #[serde(default)]
    pub google: Option<Google>,
    /// Tolerated clock difference in seconds, at most [`MAX_SKEW_SECONDS`].
    #[serde(default = "default_skew")]
    pub skew_seconds: u32,
    /// Tokens of the providers' notifications.
    #[serde(default)]
    pub hooks: Hooks,
    /// Whether it is kept how right reporters were.
    #[serde(default)]
    pub reputation: ReporterReputation,
}

impl Default for Reporters {
    fn default() -> Self {
        Self {
            entra: None,
            google: None,
            skew_seconds: default_skew(),
            hooks: Hooks::default(),
            reputation: ReporterReputation::default(),
        }
    }
}

const fn default_skew() -> u32 {
    MAX_SKEW_SECONDS
}

/// Microsoft Entra ID access tokens, version 1 and 2.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entra {
    /// The one directory whose people may report; every issuer is computed from it.
    pub tenant_id: Uuid,
    /// Accepted `aud`, compared exactly: the API's client id (v2) or App ID URI (v1).
    pub audiences: Vec<String>,
    /// Client ids of the add-ins (`azp` in v2, `appid` in v1 tokens).
    pub clients: Vec<Uuid>,
    /// The delegated scope that `scp` must contain, for example `Report.Submit`.
    pub scope: String,
    /// Where the signing keys are; by default Microsoft's address for the tenant.
    #[serde(default)]
    pub jwks_url: Option<Url>,
}

impl Entra {
    /// The address of the signing keys; `None` cannot happen for a parsed tenant id.
    #[must_use]
    pub fn keys_url(&self) -> Option<Url> {
        self.jwks_url.clone().or_else(|| {
            let tid = self.tenant_id;
            Url::parse(&format!(
                "https://login.microsoftonline.com/{tid}/discovery/v2.0/keys"
            ))
            .ok()
        })
    }
}

/// Google ID tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Google {
    /// Accepted `aud`, compared exactly: OAuth client ids.
    pub audiences: Vec<String>,
    /// Workspace domains whose people may report (`hd`); never the e-mail's ending.
    pub hosted_domains: Vec<String>,
    /// Where the signing keys are; by default Google's.
    #[serde(default)]
    pub jwks_url: Option<Url>,
    /// The add-on's service account: every Google customer has one, so it is pinned.
    #[serde(default)]
    pub addon_service_account_email: Option<String>,
    /// Public base of the add-on endpoints; the expected `aud` of a call is this
    /// plus the route's path, never anything from the `Host` header.
    #[serde(default)]
    pub addon_base_url: Option<Url>,
}

impl Google {
    /// The address of the signing keys; `None` cannot happen.
    #[must_use]
    pub fn keys_url(&self) -> Option<Url> {
        self.jwks_url
            .clone()
            .or_else(|| Url::parse(GOOGLE_CERTS).ok())
    }
}

/// Tokens of the providers' notifications; a hook without its section refuses all.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// Pub/Sub pushes of Gmail watches, to `POST /hooks/gmail`.
    #[serde(default)]
    pub pubsub: Option<PubSub>,
    /// Graph change notifications, to `POST /hooks/graph`.
    #[serde(default)]
    pub graph_notify: Option<GraphNotify>,
}

/// What a Pub/Sub push token must say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PubSub {
    /// The subscription's audience (by default its push endpoint's address).
    pub audience: String,
    /// The service account chosen in the subscription.
    pub email: String,
}

/// What a Graph validation token must say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphNotify {
    /// Our own app's client id.
    pub audience: String,
    /// The publisher's app id; by default [`GRAPH_PUBLISHER`].
    #[serde(default = "default_publisher")]
    pub publisher: Uuid,
}

const fn default_publisher() -> Uuid {
    GRAPH_PUBLISHER
}

/// A setting that cannot be used.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{field}: {reason}")]
pub struct ReportersError {
    /// The full name of the setting, e.g. `reporters.entra.scope`.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub reason: &'static str,
}

pub(super) const fn wrong(field: &'static str, reason: &'static str) -> ReportersError {
    ReportersError { field, reason }
}

impl Reporters {
    /// Checks every setting of the section.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn validate(&self) -> Result<(), ReportersError> {
        if self.skew_seconds > MAX_SKEW_SECONDS {
            return Err(wrong("reporters.skew_seconds", "at most 300"));
        }
        if let Some(entra) = &self.entra {
            entra.validate()?;
        }
        if let Some(google) = &self.google {
            google.validate()?;
        }
        self.reputation.validate()?;
        self.validate_hooks()
    }

    fn validate_hooks(&self) -> Result<(), ReportersError> {
        if let Some(pubsub) = &self.hooks.pubsub {
            words(
                "reporters.hooks.pubsub.audience",
                std::slice::from_ref(&pubsub.audience),
            )?;
            email("reporters.hooks.pubsub.email", &pubsub.email)?;
            let Some(google) = &self.google else {
                return Err(wrong("reporters.hooks.pubsub", "needs reporters.google"));
            };
            // Otherwise a notification's token could pass for a person's.
            if google.audiences.contains(&pubsub.audience) {
                return Err(wrong(
                    "reporters.hooks.pubsub.audience",
                    "must not be one of reporters.google.audiences",
                ));
            }
        }
        if let Some(notify) = &self.hooks.graph_notify {
            words(
                "reporters.hooks.graph_notify.audience",
                std::slice::from_ref(&notify.audience),
            )?;
            let Some(entra) = &self.entra else {
                return Err(wrong(
                    "reporters.hooks.graph_notify",
                    "needs reporters.entra",
                ));
            };
            if entra.clients.contains(&notify.publisher) {
                return Err(wrong(
                    "reporters.hooks.graph_notify.publisher",
                    "must not be one of reporters.entra.clients",
                ));
            }
        }
        Ok(())
    }
}

impl Entra {
    fn validate(&self) -> Result<(), ReportersError> {
        if self.tenant_id.is_nil() {
            return Err(wrong("reporters.entra.tenant_id", "must not be all zero"));
        }
        words("reporters.entra.audiences", &self.audiences)?;
        if self.clients.is_empty() || self.clients.iter().any(Uuid::is_nil) {
            return Err(wrong(
                "reporters.entra.clients",
                "at least one client id, none all zero",
            ));
        }
        words("reporters.entra.scope", std::slice::from_ref(&self.scope))?;
        address("reporters.entra.jwks_url", self.jwks_url.as_ref())
    }
}

impl Google {
    fn validate(&self) -> Result<(), ReportersError> {
        words("reporters.google.audiences", &self.audiences)?;
        words("reporters.google.hosted_domains", &self.hosted_domains)?;
        if self.hosted_domains.iter().any(|d| d.to_lowercase() != *d) {
            return Err(wrong(
                "reporters.google.hosted_domains",
                "lower case only, as Google writes `hd`",
            ));
        }
        address("reporters.google.jwks_url", self.jwks_url.as_ref())?;
        let base = "reporters.google.addon_base_url";
        address(base, self.addon_base_url.as_ref())?;
        if self
            .addon_base_url
            .as_ref()
            .is_some_and(|url| url.query().is_some() || url.fragment().is_some())
        {
            return Err(wrong(base, "without query and fragment"));
        }
        match (&self.addon_service_account_email, &self.addon_base_url) {
            (Some(account), Some(_)) => {
                email("reporters.google.addon_service_account_email", account)
            }
            (None, None) => Ok(()),
            _ => Err(wrong(
                base,
                "set together with reporters.google.addon_service_account_email, or neither",
            )),
        }
    }
}

/// A list that must have entries, none empty or with white space (a scope list
/// is split at spaces, so such an entry could never match or match too much).
fn words(field: &'static str, values: &[String]) -> Result<(), ReportersError> {
    if values.is_empty() {
        return Err(wrong(field, "must not be empty"));
    }
    let bad = |v: &String| {
        v.is_empty()
            || v.chars()
                .any(|c| c.is_whitespace() || c.is_control() || c == '*')
    };
    if values.iter().any(bad) {
        return Err(wrong(
            field,
            "no empty entry, white space or wildcard; entries are compared exactly",
        ));
    }
    Ok(())
}

fn email(field: &'static str, value: &str) -> Result<(), ReportersError> {
    let parsed = value.parse::<crate::domain::MailboxAddress>();
    if parsed.is_ok_and(|parsed| parsed.as_str() == value) {
        Ok(())
    } else {
        Err(wrong(field, "not a lower-case e-mail address"))
    }
}

fn address(field: &'static str, url: Option<&Url>) -> Result<(), ReportersError> {
    let Some(url) = url else { return Ok(()) };
    if !url.username().is_empty() || url.password().is_some() || url.host().is_none() {
        return Err(wrong(field, "needs a host and no user name"));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if cfg!(feature = "sim") => Ok(()),
        "http" => Err(wrong(
            field,
            "plain http is refused: this build has no simulated tenant, use https",
        )),
        _ => Err(wrong(field, "must begin with https://")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [entra]
        tenant_id = "11111111-aaaa-4aaa-8aaa-111111111111"
        audiences = ["api://x"]
        clients = ["44444444-dddd-4ddd-8ddd-444444444444"]
        scope = "Report.Submit"
        [google]
        audiences = ["1-a.apps.googleusercontent.com"]
        hosted_domains = ["example.com"]
        addon_service_account_email = "service-1@gcp-sa-gsuiteaddons.iam.gserviceaccount.com"
        addon_base_url = "https://phish.example/"
        [hooks.pubsub]
        audience = "https://phish.example/hooks/gmail"
        email = "push@proj.iam.gserviceaccount.com"
        [hooks.graph_notify]
        audience = "44444444-dddd-4ddd-8ddd-444444444444"
    "#;

    fn with(from: &str, to: &str) -> Result<(), ReportersError> {
        let text = GOOD.replace(from, to);
        assert_ne!((from, text.as_str()), (to, GOOD), "nothing replaced");
        toml::from_str::<Reporters>(&text)
            .expect("parses")
            .validate()
    }

    #[test]
    fn a_complete_section_passes_with_microsofts_own_defaults() {
        let section: Reporters = toml::from_str(GOOD).expect("parses");
        assert_eq!(section.validate(), Ok(()));
        assert_eq!(section.skew_seconds, 300);
        let entra = section.entra.expect("entra");
        assert_eq!(
            entra.keys_url().expect("url").as_str(),
            "https://login.microsoftonline.com/11111111-aaaa-4aaa-8aaa-111111111111/discovery/v2.0/keys"
        );
        let notify = section.hooks.graph_notify.expect("graph");
        assert_eq!(
            notify.publisher.to_string(),
            "0bf30f3b-4a52-48df-9a82-234910c4a086"
        );
    }

    #[test]
    fn each_fault_names_its_setting() {
        let cases = [
            (r#"["api://x"]"#, "[]", "reporters.entra.audiences"),
            (r#"["api://x"]"#, r#"["*"]"#, "reporters.entra.audiences"),
            (
                "\"Report.Submit\"",
                "\"Report.Submit User.Read\"",
                "reporters.entra.scope",
            ),
            (
                "clients = [\"44444444-dddd-4ddd-8ddd-444444444444\"]",
                "clients = []",
                "reporters.entra.clients",
            ),
            (
                "clients = [\"44444444-dddd-4ddd-8ddd-444444444444\"]",
                "clients = [\"0bf30f3b-4a52-48df-9a82-234910c4a086\"]",
                "reporters.hooks.graph_notify.publisher",
            ),
            (
                "[\"example.com\"]",
                "[\"Example.com\"]",
                "reporters.google.hosted_domains",
            ),
            (
                "\"https://phish.example/hooks/gmail\"",
                "\"1-a.apps.googleusercontent.com\"",
                "reporters.hooks.pubsub.audience",
            ),
            (
                "\"https://phish.example/\"",
                "\"ftp://phish.example/\"",
                "reporters.google.addon_base_url",
            ),
            (
                "addon_base_url = \"https://phish.example/\"",
                "",
                "reporters.google.addon_base_url",
            ),
            ("push@proj", "Push@proj", "reporters.hooks.pubsub.email"),
        ];
        for (from, to, field) in cases {
            assert_eq!(with(from, to).expect_err(field).field, field);
        }
        assert!(toml::from_str::<Reporters>("skew = 1").is_err());
    }

    #[test]
    fn plain_http_is_for_the_simulated_tenant_only() {
        let outcome = with("\"https://phish.example/\"", "\"http://127.0.0.1:1/\"");
        assert_eq!(outcome.is_ok(), cfg!(feature = "sim"), "{outcome:?}");
    }
}
