//! Who is at the console, and whether a form is their own.
//!
//! A handler that takes [`Signed`] runs only for a session whose key is still in
//! force; one that takes [`Change`] only for a form of that session's own page.

use actix_web::{
    FromRequest, HttpRequest,
    cookie::{Cookie, SameSite},
    dev::Payload,
    http::header::{HOST, ORIGIN},
    web,
};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::LocalBoxFuture;
use rand::CryptoRng;
use serde::{Deserialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{fault::PageError, text::Plain};
use crate::{
    app::App,
    auth::{Analyst, Scope, api_key::Scopes},
    store::{api_key::ApiKeyRow, session::ConsoleSession},
};

const SECURE_COOKIE: &str = "__Host-unhook";
const LOOPBACK_COOKIE: &str = "unhook";
/// How long a session lasts: one long shift.
const SESSION_HOURS: i64 = 12;

/// A person at the console.
pub struct Signed {
    /// The adapters.
    pub app: web::Data<App>,
    /// The key and what it may do.
    pub analyst: Analyst,
    /// The key's name.
    pub who: Plain,
    /// The session; every form carries its token.
    pub session: ConsoleSession,
    /// The time of the request.
    pub now: DateTime<Utc>,
}

impl Signed {
    /// Goes on only with `scope`.
    ///
    /// # Errors
    /// [`PageError::Forbidden`].
    pub fn require(&self, scope: Scope) -> Result<(), PageError> {
        Ok(self.analyst.require(scope)?)
    }

    /// Whether the key has `scope`: what it may not do is not offered.
    #[must_use]
    pub const fn may(&self, scope: Scope) -> bool {
        self.analyst.scopes.allow(scope)
    }

    /// The name under which a change is recorded.
    #[must_use]
    pub fn actor(&self) -> String {
        self.analyst.key_id.to_string()
    }
}

impl FromRequest for Signed {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let app = request
                .app_data::<web::Data<App>>()
                .ok_or(PageError::Failed)?
                .clone();
            let Some(value) = cookie_of(&request) else {
                return Err(stranger(&request));
            };
            let now = app.clock.now();
            let session = app.store.console_session(&hashed(&value)).await?;
            let Some(session) = session.filter(|s| s.tenant == app.tenant && now < s.expires_at)
            else {
                return Err(stranger(&request));
            };
            match app
                .store
                .read(session.tenant)
                .api_key(session.api_key)
                .await?
            {
                Some(key) if in_force(&key, now) => {
                    let analyst = Analyst {
                        key_id: key.id,
                        scopes: scopes_of(&key),
                    };
                    let who = Plain::line(&key.name, 60);
                    let signed = Self {
                        app,
                        analyst,
                        who,
                        session,
                        now,
                    };
                    signed.require(Scope::SubmissionsRead)?;
                    Ok(signed)
                }
                _ => Err(stranger(&request)),
            }
        })
    }
}

fn stranger(request: &HttpRequest) -> PageError {
    let from_elsewhere = sent_from(request) == Some("cross-site");
    if request.method() == actix_web::http::Method::GET && from_elsewhere {
        PageError::Again
    } else if request.method() == actix_web::http::Method::GET {
        PageError::SignIn {
            next: request.path().to_owned(),
        }
    } else {
        PageError::SignIn {
            next: String::new(),
        }
    }
}

/// The scopes in a key's row; a row that is not understood grants nothing.
pub(super) fn scopes_of(key: &ApiKeyRow) -> Scopes {
    key.scopes.parse().unwrap_or_default()
}

/// Whether a key may be used at `now`.
pub(super) fn in_force(key: &ApiKeyRow, now: DateTime<Utc>) -> bool {
    key.revoked_at.is_none() && now < key.expires_at
}

/// A form of the session's own page: `T` is what it asks for.
pub struct Change<T> {
    /// Whose form it is.
    pub signed: Signed,
    /// What it asks for.
    pub form: T,
}

#[derive(Deserialize)]
struct Sealed<T> {
    #[serde(default)]
    csrf: String,
    #[serde(flatten)]
    form: T,
}

impl<T: DeserializeOwned + 'static> FromRequest for Change<T> {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let origin = own_origin(request);
        let signed = Signed::extract(request);
        let form = web::Form::<Sealed<T>>::from_request(request, payload);
        Box::pin(async move {
            origin?;
            let signed = signed.await?;
            let Sealed { csrf, form } = form
                .await
                .map_err(|_| PageError::Field("The form could not be read."))?
                .into_inner();
            if csrf.as_bytes().ct_eq(signed.session.csrf.as_bytes()).into() {
                Ok(Self { signed, form })
            } else {
                Err(PageError::Foreign("It was made for another session."))
            }
        })
    }
}

fn sent_from(request: &HttpRequest) -> Option<&str> {
    request
        .headers()
        .get("sec-fetch-site")
        .and_then(|v| v.to_str().ok())
}

fn header<'r>(
    request: &'r HttpRequest,
    name: &actix_web::http::header::HeaderName,
) -> Option<&'r str> {
    request.headers().get(name).and_then(|v| v.to_str().ok())
}

/// Goes on only for a request that a page of this very origin sent. Browsers
/// write both headers themselves; a request with neither is refused.
///
/// # Errors
/// [`PageError::Foreign`].
pub fn own_origin(request: &HttpRequest) -> Result<(), PageError> {
    let refused = Err(PageError::Foreign("It was sent from another site."));
    match (sent_from(request), header(request, &ORIGIN)) {
        (Some("same-origin"), _) => Ok(()),
        (Some(_), _) | (None, None) => refused,
        (None, Some(origin)) => {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            match (authority, header(request, &HOST)) {
                (Some(ours), Some(host)) if ours.eq_ignore_ascii_case(host) => Ok(()),
                _ => refused,
            }
        }
    }
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The demo's page on the same machine, over plain http: there alone a cookie
/// without `Secure` is made. The browser's own `Origin` decides.
fn plain_loopback(request: &HttpRequest) -> bool {
    header(request, &ORIGIN)
        .and_then(|origin| origin.strip_prefix("http://"))
        .is_some_and(is_loopback)
}

fn cookie_of(request: &HttpRequest) -> Option<String> {
    let plain = header(request, &HOST).is_some_and(is_loopback);
    request
        .cookie(SECURE_COOKIE)
        .or_else(|| request.cookie(LOOPBACK_COOKIE).filter(|_| plain))
        .map(|cookie| cookie.value().to_owned())
        .filter(|value| value.len() == 64)
}

/// What a session is kept under: the value itself is only in the browser.
fn hashed(value: &str) -> String {
    hex::encode(Sha256::digest(value.as_bytes()))
}

fn secret(random: &mut impl CryptoRng) -> String {
    let mut bytes = [0; 32];
    random.fill_bytes(&mut bytes);
    hex::encode(bytes)
}

/// A session for a key, and the cookie's value that opens it.
pub(super) fn new_session(
    key: &ApiKeyRow,
    now: DateTime<Utc>,
    random: &mut impl CryptoRng,
) -> (ConsoleSession, String) {
    let value = secret(random);
    let session = ConsoleSession {
        hash: hashed(&value),
        tenant: key.tenant,
        api_key: key.id,
        csrf: secret(random),
        created_at: now,
        expires_at: key.expires_at.min(now + TimeDelta::hours(SESSION_HOURS)),
    };
    (session, value)
}

/// The cookie that carries a session; an empty value takes it away.
pub(super) fn cookie(request: &HttpRequest, value: String) -> Cookie<'static> {
    let plain = plain_loopback(request);
    let name = if plain {
        LOOPBACK_COOKIE
    } else {
        SECURE_COOKIE
    };
    let gone = value.is_empty();
    let mut cookie = Cookie::build(name, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(!plain)
        .finish();
    if gone {
        cookie.make_removal();
    }
    cookie
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn from(headers: &[(&'static str, &'static str)]) -> HttpRequest {
        let mut request = TestRequest::post().uri("/console/sign-in");
        for header in headers {
            request = request.insert_header(*header);
        }
        request.to_http_request()
    }

    #[test]
    fn a_form_of_another_site_is_refused() {
        for accepted in [
            &[("sec-fetch-site", "same-origin")][..],
            &[
                ("host", "a.example:8443"),
                ("origin", "https://a.example:8443"),
            ],
        ] {
            assert!(own_origin(&from(accepted)).is_ok(), "{accepted:?}");
        }
        for refused in [
            &[][..],
            &[("sec-fetch-site", "cross-site")],
            &[
                ("sec-fetch-site", "same-site"),
                ("host", "a.example"),
                ("origin", "https://a.example"),
            ],
            &[("sec-fetch-site", "none")],
            &[("host", "a.example"), ("origin", "https://b.example")],
            &[("host", "a.example"), ("origin", "null")],
        ] {
            assert!(own_origin(&from(refused)).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn only_the_demo_on_loopback_gets_a_cookie_without_secure() {
        let plain = cookie(&from(&[("origin", "http://127.0.0.1:8080")]), "v".into());
        assert_eq!((plain.name(), plain.secure()), ("unhook", Some(false)));
        for origin in [
            "https://127.0.0.1:8080",
            "http://unhook.example",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
        ] {
            let safe = cookie(&from(&[("origin", origin)]), "v".into());
            assert_eq!(
                (safe.name(), safe.secure()),
                ("__Host-unhook", Some(true)),
                "{origin}"
            );
            assert_eq!(safe.http_only(), Some(true));
            assert_eq!(safe.same_site(), Some(SameSite::Strict));
            assert_eq!((safe.path(), safe.domain()), (Some("/"), None));
        }
    }
}
