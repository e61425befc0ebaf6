//! What happened in the story.

use serde_json::json;

use super::{Words, before, id};
use crate::{http::console::timeline::Names, store::event::Event};

pub(super) fn events(w: &Words) -> Vec<Event> {
    let event = |kind: &str, age: i64, detail: serde_json::Value| Event {
        id: id(u128::from(age.unsigned_abs())),
        submission: None,
        campaign: None,
        kind: w.say(kind),
        actor: "unhook".to_owned(),
        detail,
        at: before(age),
    };
    let mut all = vec![
        event(
            "reported",
            724,
            json!({"client": w.say("outlook"), "reason": w.say("phishing"), "report": report(41)}),
        ),
        event("quarantined", 722, json!({})),
        event("evidence_fetched", 721, json!({"octets": 48_211})),
        event("enriched", 721, json!({"observables": 6})),
        event(
            "verdict",
            720,
            json!({"verdict": w.say("malicious"), "score": 0.97}),
        ),
        event(
            "verdict",
            719,
            json!({"verdict": w.say("malicious"), "score": 0.97}),
        ),
        event("search_started", 720, json!({"mailboxes": 200})),
        event(
            "reported",
            655,
            json!({"client": w.say("gmail"), "reason": w.say("phishing")}),
        ),
        event("searched", 640, json!({"mailboxes": 198, "found": 61})),
        event("pulled", 612, json!({"copies": 58})),
        event(
            "verdict",
            240,
            json!({"verdict": w.say("malicious"), "reason": w.say("Confirmed with payroll: not theirs")}),
        ),
        event(
            "thanked",
            300,
            json!({"report": report(41), "via": w.say("smtp")}),
        ),
        event(
            "thanked",
            233,
            json!({"report": report(41), "via": w.say("smtp")}),
        ),
    ];
    if let Some(decision) = all.iter_mut().find(|event| event.at == before(240)) {
        decision.actor = KEY.to_owned();
    }
    all
}

fn report(n: u128) -> String {
    id::<crate::domain::kinds::Report>(n).to_string()
}

const KEY: &str = "key_019aab00000070008000000000000077";

pub(super) fn names(w: &Words) -> Names {
    Names::from([
        (KEY.to_owned(), w.say("Priya, SOC desk")),
        (report(41), w.say("maya.lindqvist@northwind.example")),
    ])
}
