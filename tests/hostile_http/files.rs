//! Every hostile file that the shared folder holds, as a report.

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::json;
use unhook::domain::{Provider, SubmissionId};

use super::{House, JSON, MESSAGE};
use crate::support::database::shared;

/// The files of a folder with their bytes, in order.
fn files(inside: &str) -> Vec<(String, Bytes)> {
    let Some(folder) = shared(inside) else {
        return Vec::new();
    };
    let mut waiting: Vec<PathBuf> = vec![folder];
    let mut found = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let bytes = Bytes::from(std::fs::read(&path).expect("file"));
                found.push((path.display().to_string(), bytes));
            }
        }
    }
    found.sort();
    found
}

/// Posts files as messages; the taken ones are stored byte for byte.
async fn post(house: &House, files: &[(String, Bytes)]) -> Vec<(String, SubmissionId, Bytes)> {
    let (_, token) = house.reporter(Provider::Graph);
    let mut taken = Vec::new();
    for (name, bytes) in files {
        let answer = house.post(MESSAGE, bytes.clone(), &token, name).await;
        if answer.status == 202 {
            let id = house.kept(&answer, bytes, name).await;
            taken.push((name.clone(), id, bytes.clone()));
        } else {
            let code = answer.problem(name);
            let expected = if bytes.is_empty() {
                "empty_body"
            } else {
                "too_large"
            };
            assert_eq!(code, expected, "{name}");
        }
    }
    taken
}

#[actix_web::test]
async fn every_hostile_mail_is_kept_and_comes_to_its_end() {
    let files = files("corpora/hostile");
    if files.is_empty() {
        return;
    }
    let house = House::new().await;
    let taken = post(&house, &files).await;
    assert!(
        taken.len() * 10 > files.len() * 9,
        "{} of {}",
        taken.len(),
        files.len()
    );
    house.follow(&taken).await;
    assert_eq!(
        house.sim.truth().reachable(),
        house.sim.truth().planted.len()
    );
}

#[actix_web::test]
async fn f07_every_bomb_is_kept_and_comes_to_its_end() {
    let files = files("vectors/bombs");
    if files.is_empty() {
        return;
    }
    let house = House::new().await;
    let mut taken = post(&house, &files).await;
    assert_eq!(taken.len(), files.len());
    // the same inside JSON, from somebody else: another person's report
    let (_, token) = house.reporter(Provider::Gmail);
    for (name, bytes) in &files {
        let body = json!({"client": "gmail", "raw": STANDARD.encode(bytes)}).to_string();
        let answer = house.post(JSON, body, &token, name).await;
        let id = house.kept(&answer, bytes, name).await;
        taken.push((name.clone(), id, bytes.clone()));
    }
    house.follow(&taken).await;
}

#[actix_web::test]
async fn the_json_test_suite_is_refused_as_a_report_and_kept_as_a_message() {
    let files = files("vectors/json/test_parsing");
    if files.is_empty() {
        return;
    }
    let house = House::new().await;
    let (_, token) = house.reporter(Provider::Graph);
    for (name, bytes) in &files {
        let answer = house.post(JSON, bytes.clone(), &token, name).await;
        let code = answer.problem(name);
        assert_eq!(answer.status, 400, "{name}: {code}");
    }
    assert_eq!(house.reports().await, 0, "refused ones leave no row");
    let taken = post(&house, &files).await;
    house.follow(&taken).await;
}
