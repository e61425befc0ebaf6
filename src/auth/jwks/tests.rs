//! Against a real HTTP server on loopback, under a clock that only we move.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::*;
use crate::clock::ManualClock;

#[derive(Default)]
struct Issuer {
    hits: AtomicUsize,
    down: AtomicBool,
    rotated: AtomicBool,
}

struct Stage {
    issuer: Arc<Issuer>,
    clock: ManualClock,
    cache: JwksCache,
    server: ServerHandle,
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

fn stage() -> Stage {
    let issuer = Arc::new(Issuer::default());
    let shared = web::Data::from(Arc::clone(&issuer));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .route("/keys", web::get().to(publish))
    })
    .workers(1)
    .bind(("127.0.0.1", 0))
    .expect("port");
    let port = server.addrs()[0].port();
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let clock = ManualClock::at(DateTime::UNIX_EPOCH);
    let url = Url::parse(&format!("http://127.0.0.1:{port}/keys")).expect("url");
    let cache = JwksCache::new("test", url, Arc::new(clock.clone())).expect("client");
    Stage {
        issuer,
        clock,
        cache,
        server: handle,
    }
}

async fn publish(issuer: web::Data<Issuer>) -> HttpResponse {
    issuer.hits.fetch_add(1, Ordering::SeqCst);
    // Long enough that callers really meet in flight.
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    if issuer.down.load(Ordering::SeqCst) {
        return HttpResponse::ServiceUnavailable().finish();
    }
    let kid = if issuer.rotated.load(Ordering::SeqCst) {
        "new"
    } else {
        "old"
    };
    let n = URL_SAFE_NO_PAD.encode([0xff; 256]);
    HttpResponse::Ok().json(json!({"keys":[{"kty":"RSA","kid":kid,"n":n,"e":"AQAB"}]}))
}

impl Stage {
    fn hits(&self) -> usize {
        self.issuer.hits.load(Ordering::SeqCst)
    }

    async fn ask(&self, kid: &str) -> Result<(), KeyError> {
        self.cache.key(kid).await.map(|_| ())
    }
}

#[actix_web::test]
async fn a_storm_of_unknown_names_makes_one_fetch_in_five_minutes() {
    let stage = stage();
    for round in 1..=3 {
        let asks = (0..10_000).map(|i| {
            let cache = stage.cache.clone();
            async move { cache.key(&format!("{round}-{i}")).await.err() }
        });
        let answers = futures::future::join_all(asks).await;
        assert!(answers.iter().all(|a| *a == Some(KeyError::Unknown)));
        assert_eq!(stage.hits(), round);
        stage
            .clock
            .advance(MIN_BETWEEN_FETCHES - TimeDelta::milliseconds(1));
        assert_eq!(stage.ask("x").await, Err(KeyError::Unknown));
        assert_eq!(stage.hits(), round);
        stage.clock.advance(TimeDelta::milliseconds(1));
    }
}

#[actix_web::test]
async fn callers_share_the_first_fetch_and_all_get_the_key() {
    let stage = stage();
    let asks = (0..200).map(|_| stage.ask("old"));
    let answers = futures::future::join_all(asks).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(stage.hits(), 1);
}

#[actix_web::test]
async fn a_caller_who_hangs_up_does_not_waste_the_fetch() {
    let stage = stage();
    let _ = tokio::time::timeout(std::time::Duration::from_millis(5), stage.ask("old")).await;
    assert_eq!(stage.ask("old").await, Ok(()));
    assert_eq!(stage.hits(), 1);
}

#[actix_web::test]
async fn a_rotated_key_is_found_and_the_old_one_forgotten() {
    let stage = stage();
    assert_eq!(stage.ask("old").await, Ok(()));
    stage.issuer.rotated.store(true, Ordering::SeqCst);
    assert_eq!(stage.ask("new").await, Err(KeyError::Unknown));
    stage.clock.advance(MIN_BETWEEN_FETCHES);
    assert_eq!(stage.ask("new").await, Ok(()));
    assert_eq!(stage.ask("old").await, Err(KeyError::Unknown));
    assert_eq!(stage.hits(), 2);
}

#[actix_web::test]
async fn a_set_is_refreshed_within_24_hours_even_when_its_keys_are_known() {
    let stage = stage();
    assert_eq!(stage.ask("old").await, Ok(()));
    stage.issuer.rotated.store(true, Ordering::SeqCst);
    stage.clock.advance(MUST_REFRESH_AFTER);
    assert_eq!(stage.ask("old").await, Err(KeyError::Unknown));
    assert_eq!(stage.hits(), 2);

    stage.clock.advance(REFRESH_AFTER);
    assert_eq!(stage.ask("new").await, Ok(()));
    for _ in 0..200 {
        if stage.hits() == 3 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no refresh in the background");
}

#[actix_web::test]
async fn the_last_good_set_outlives_an_outage_of_a_day_and_ends_some_day() {
    let stage = stage();
    assert_eq!(stage.ask("old").await, Ok(()));
    stage.issuer.down.store(true, Ordering::SeqCst);
    for _ in 0..71 {
        stage.clock.advance(TimeDelta::hours(1));
        assert_eq!(stage.ask("old").await, Ok(()));
    }
    stage.clock.advance(TimeDelta::hours(1));
    assert_eq!(stage.ask("old").await, Err(KeyError::Unavailable));
    stage.issuer.down.store(false, Ordering::SeqCst);
    stage.clock.advance(MIN_BETWEEN_FETCHES);
    assert_eq!(stage.ask("old").await, Ok(()));
}

#[actix_web::test]
async fn an_issuer_that_is_down_at_the_start_is_asked_again_soon() {
    let stage = stage();
    stage.issuer.down.store(true, Ordering::SeqCst);
    assert!(!stage.cache.warm().await);
    assert_eq!(stage.ask("old").await, Err(KeyError::Unavailable));
    assert_eq!(stage.hits(), 1);
    stage.issuer.down.store(false, Ordering::SeqCst);
    stage.clock.advance(MIN_BETWEEN_FIRST_FETCHES);
    assert!(stage.cache.warm().await);
    assert_eq!(stage.hits(), 2);
}
