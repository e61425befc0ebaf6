//! Naughty strings wherever a report has words.

use std::collections::HashSet;

use chrono::TimeDelta;
use serde_json::{Value, json};
use unhook::domain::Provider;

use super::{House, JSON, MESSAGE};
use crate::support::database::shared;

fn strings() -> Vec<String> {
    let Some(folder) = shared("vectors/strings") else {
        return Vec::new();
    };
    let text = std::fs::read(folder.join("blns.json")).expect("blns.json");
    let mut words: Vec<String> = serde_json::from_slice(&text).expect("strings");
    // what the list has none of
    let more = [
        "\0",
        "a\0b",
        "\u{7f}",
        "\r\nX-Injected: 1",
        "../../../users",
        "?$top=999",
        "a/b%2f..%00",
    ];
    words.extend(more.map(str::to_owned));
    words.extend([1_000, 2_001, 8_001].map(|n| "\u{1f3a3}".repeat(n)));
    words
}

/// Posts a report; the row of a taken one, or nothing when it was refused.
async fn told(house: &House, body: &Value, token: &str) -> Option<unhook::store::report::Report> {
    let about: String = body.to_string().chars().take(120).collect();
    let answer = house.post(JSON, body.to_string(), token, &about).await;
    if answer.status == 202 {
        return Some(house.stored(&answer, &about).await);
    }
    let code = answer.problem(&about);
    let expected = ["invalid_field", "json_shape", "nothing_named"];
    assert!(expected.contains(&code.as_str()), "{about}: {code}");
    None
}

#[actix_web::test]
async fn comments_reasons_and_mailboxes_are_kept_verbatim_or_refused() {
    let house = House::new().await;
    let (_, token) = house.reporter(Provider::Graph);
    let (mut kept, mut refused) = (0, 0);
    for (i, word) in strings().iter().enumerate() {
        let comment = json!({"client": "api", "item_id": format!("c{i}"), "comment": word});
        match told(&house, &comment, &token).await {
            Some(row) => {
                let given = Some(word).filter(|w| !w.trim().is_empty());
                assert_eq!(row.comment.as_ref(), given, "{word:?}");
                kept += 1;
            }
            None => refused += 1,
        }
        let reason = json!({"client": "api", "item_id": "r", "reason": word});
        assert!(
            told(&house, &reason, &token).await.is_none(),
            "{word:?} is no reason"
        );
        let client = json!({"client": word, "item_id": "r"});
        assert!(
            told(&house, &client, &token).await.is_none(),
            "{word:?} is no client"
        );
        let mailbox = json!({"client": "api", "item_id": format!("m{i}"), "mailbox": word});
        if let Some(row) = told(&house, &mailbox, &token).await {
            let rows = house.app.store.read(house.app.tenant);
            let row = rows
                .submission(row.submission)
                .await
                .expect("read")
                .expect("row");
            let address = row.mailbox.map(|m| m.to_string());
            assert!(
                word.trim().is_empty() || address.is_some_and(|a| a.contains('@')),
                "{word:?} became a mailbox"
            );
        }
    }
    if kept + refused > 0 {
        assert!(
            kept > 400 && (4..40).contains(&refused),
            "{kept} kept, {refused} refused"
        );
    }
}

#[actix_web::test]
async fn item_ids_go_to_both_platforms_as_ids_and_nothing_more() {
    let house = House::new().await;
    let mut taken = HashSet::new();
    for provider in [Provider::Graph, Provider::Gmail] {
        let (_, token) = house.reporter(provider);
        // one in five: each is looked for four times before it is given up
        for word in strings().into_iter().rev().step_by(5) {
            for member in ["item_id", "internet_message_id"] {
                let body = json!({"client": "api", member: word});
                let Some(row) = told(&house, &body, &token).await else {
                    continue;
                };
                let rows = house.app.store.read(house.app.tenant);
                let stored = rows
                    .submission(row.submission)
                    .await
                    .expect("read")
                    .expect("row");
                let stored = match member {
                    "item_id" => stored.item_id,
                    _ => stored.internet_message_id,
                };
                assert_eq!(stored, Some(word.clone()), "{member}");
                taken.insert(row.submission);
            }
        }
    }
    house.drain(TimeDelta::minutes(50)).await;
    assert_eq!(house.parked().await, Vec::<String>::new());
    let rows = house.app.store.read(house.app.tenant);
    for id in taken {
        let row = rows.submission(id).await.expect("read").expect("row");
        assert!(
            row.verdict.is_some(),
            "{:?} {:?}",
            row.item_id,
            row.internet_message_id
        );
        assert!(row.locator.is_none(), "{:?} named something", row.item_id);
    }
    let truth = house.sim.truth();
    assert!(truth.all_in_place() && truth.touched() == 0);
}

#[actix_web::test]
async fn idempotency_keys_are_kept_or_refused_and_the_same_key_is_the_same_report() {
    let house = House::new().await;
    let (_, token) = house.reporter(Provider::Graph);
    let mut keys = HashSet::new();
    for (i, word) in strings().iter().enumerate() {
        if word.len() > 8_192 {
            continue; // over-long headers end in the HTTP layer, before the application
        }
        let Ok(value) = reqwest::header::HeaderValue::from_bytes(word.as_bytes()) else {
            continue; // no client can put it on the wire
        };
        let message = format!("Subject: {i}\r\n\r\nbody");
        let send = || {
            let request = house.request(MESSAGE, message.clone()).bearer_auth(&token);
            request.header("idempotency-key", value.clone())
        };
        let first = house.send(send(), word).await;
        if first.status == 202 {
            let row = house.stored(&first, word).await;
            assert_eq!(row.idempotency_key.as_deref(), Some(word.trim()));
            assert!(
                keys.insert(word.trim().to_owned()),
                "{word:?} was taken for another key"
            );
            let again = house.send(send(), word).await;
            assert_eq!(house.stored(&again, word).await.id, row.id);
        } else {
            let code = first.problem(word);
            let known = match code.as_str() {
                "idempotency_key_reused" => keys.contains(word.trim()),
                "invalid_parameter" => {
                    word.trim().is_empty() || word.len() > 1024 || !word.is_ascii()
                }
                "invalid_field" => word.len() > 128 || word.chars().any(char::is_control),
                "headers_too_large" | "bad_request" => word.len() > 4096,
                _ => false,
            };
            assert!(known, "{word:?}: {code}");
        }
    }
}
