//! Signing in with an API key, and out again.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{LazyLock, Mutex, PoisonError},
};

use actix_web::{HttpRequest, HttpResponse, http::header::LOCATION, web};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::{
    assets,
    fault::PageError,
    guard::{self, Change},
    page,
};
use crate::{
    app::App,
    auth::{Scope, api_key::KeyHash},
    store::{api_key::ApiKeyRow, audit::Deed},
};

/// Refused keys that one address may send within [`WINDOW_SECONDS`].
const TRIES: usize = 8;
const WINDOW_SECONDS: i64 = 300;
/// Addresses remembered at once; beyond that the oldest knowledge is dropped.
const ADDRESSES: usize = 4_096;

/// One table a process: actix builds the routes once a worker, and a guess must
/// count whichever worker meets it.
static REFUSED: LazyLock<Refusals> = LazyLock::new(Refusals::default);

/// Which addresses sent keys that were refused, and when.
#[derive(Debug, Default)]
struct Refusals(Mutex<HashMap<IpAddr, Vec<DateTime<Utc>>>>);

impl Refusals {
    /// Seconds this address has to wait, if it has to.
    fn wait(&self, from: IpAddr, now: DateTime<Utc>) -> Option<u64> {
        let window = TimeDelta::seconds(WINDOW_SECONDS);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = all.get_mut(&from)?;
        times.retain(|at| now - *at < window);
        let oldest = times.first().filter(|_| times.len() >= TRIES)?;
        u64::try_from((*oldest + window - now).num_seconds().max(1)).ok()
    }

    fn count(&self, from: IpAddr, now: DateTime<Utc>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ADDRESSES && !all.contains_key(&from) {
            let window = TimeDelta::seconds(WINDOW_SECONDS);
            all.retain(|_, times| times.last().is_some_and(|at| now - *at < window));
            if all.len() >= ADDRESSES {
                all.clear();
            }
        }
        all.entry(from).or_default().push(now);
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    style: String,
    next: String,
    refused: Option<&'static str>,
}

/// Where to go after signing in.
#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

/// A path of this console and nothing else: no other host can be reached by it.
fn own_path(next: &str) -> Option<&str> {
    let plain = next
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"/_-".contains(&b));
    (plain && next.len() <= 200 && next.starts_with("/console/")).then_some(next)
}

fn form(next: &str, refused: Option<&'static str>) -> SignInPage {
    let next = own_path(next).unwrap_or_default().to_owned();
    SignInPage {
        style: assets::style_path(),
        next,
        refused,
    }
}

/// `GET /console/sign-in`
pub(super) async fn show(query: web::Query<Next>) -> Result<HttpResponse, PageError> {
    page(&form(&query.next, None))
}

/// What the sign-in form sends.
#[derive(Deserialize)]
pub(super) struct SignIn {
    key: String,
    #[serde(default)]
    next: String,
}

/// `POST /console/sign-in`
pub(super) async fn submit(
    request: HttpRequest,
    app: web::Data<App>,
    form_sent: web::Form<SignIn>,
) -> Result<HttpResponse, PageError> {
    guard::own_origin(&request)?;
    let now = app.clock.now();
    let from = request
        .peer_addr()
        .map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip());
    if let Some(wait) = REFUSED.wait(from, now) {
        return Err(PageError::TooMany { wait });
    }
    let refused = match admitted(&app, form_sent.key.trim(), now).await? {
        Ok(key) => {
            let (session, value) = guard::new_session(&key, now, &mut rand::rng());
            let change = app.store.begin().await?;
            change
                .of(app.tenant)
                .insert_console_session(&session)
                .await?;
            change.commit().await?;
            tracing::info!(key = %key.id, "console session opened");
            let next = own_path(&form_sent.next).unwrap_or("/console");
            return Ok(HttpResponse::SeeOther()
                .cookie(guard::cookie(&request, value))
                .insert_header((LOCATION, next))
                .finish());
        }
        Err(why) => why,
    };
    REFUSED.count(from, now);
    let mut response = page(&form(&form_sent.next, Some(refused)))?;
    *response.status_mut() = actix_web::http::StatusCode::UNAUTHORIZED;
    Ok(response)
}

/// The row of a presented key, or why it opens nothing, in words.
async fn admitted(
    app: &App,
    presented: &str,
    now: DateTime<Utc>,
) -> Result<Result<ApiKeyRow, &'static str>, PageError> {
    let refused = "That key was not accepted. Check that it is complete, and not expired.";
    let Ok(hash) = KeyHash::of(presented) else {
        return Ok(Err(refused));
    };
    let found = app
        .store
        .api_key_by_hash(&hex::encode(hash.as_bytes()))
        .await?;
    Ok(match found {
        Some(key) if key.tenant == app.tenant && guard::in_force(&key, now) => {
            if guard::scopes_of(&key).allow(Scope::SubmissionsRead) {
                Ok(key)
            } else {
                Err("That key may not see submissions. It needs the scope submissions:read.")
            }
        }
        _ => Err(refused),
    })
}

/// A form without fields.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// `POST /console/sign-out`
pub(super) async fn sign_out(
    request: HttpRequest,
    change: Change<Nothing>,
) -> Result<HttpResponse, PageError> {
    let signed = change.signed;
    let tx = signed.app.store.begin().await?;
    let who = signed.actor();
    let out = Deed::new("signed_out", signed.now).by(&who).about(who);
    tx.of(signed.session.tenant).note(out);
    tx.end_console_session(&signed.session.hash, signed.now)
        .await?;
    tx.commit().await?;
    Ok(HttpResponse::SeeOther()
        .cookie(guard::cookie(&request, String::new()))
        .insert_header((LOCATION, "/console/sign-in"))
        .finish())
}

/// The sign-in page after a refused key, for tests and pictures.
///
/// # Errors
/// When the template fails.
pub fn sample(refused: bool) -> Result<String, askama::Error> {
    let why = "That key was not accepted. Check that it is complete, and not expired.";
    form("", refused.then_some(why)).render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_one_stays_in_the_console() {
        assert_eq!(
            own_path("/console/campaigns/cmp_1"),
            Some("/console/campaigns/cmp_1")
        );
        for bad in [
            "//evil.example",
            "https://evil.example",
            "/console/..%2f",
            "/other",
            "/console/\r\nx",
        ] {
            assert_eq!(own_path(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn guessing_is_slowed_and_forgotten_after_a_while() {
        let refusals = Refusals::default();
        let from = IpAddr::from([192, 0, 2, 1]);
        let now = DateTime::UNIX_EPOCH;
        for _ in 0..TRIES {
            assert_eq!(refusals.wait(from, now), None);
            refusals.count(from, now);
        }
        assert_eq!(refusals.wait(from, now), Some(300));
        assert_eq!(refusals.wait(IpAddr::from([192, 0, 2, 2]), now), None);
        assert_eq!(refusals.wait(from, now + TimeDelta::seconds(300)), None);
    }

    #[test]
    fn the_table_of_addresses_does_not_grow_without_end() {
        let refusals = Refusals::default();
        for n in 0..10_000_u32 {
            refusals.count(IpAddr::from(n.to_be_bytes()), DateTime::UNIX_EPOCH);
        }
        assert!(refusals.0.lock().expect("table").len() <= ADDRESSES);
    }
}
