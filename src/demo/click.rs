//! What the two add-ins send when a person clicks Report.

use serde_json::{Map, json};

use crate::{
    domain::{Provider, ReportId},
    sim::{Reporter, Sim},
};

/// Sends the report as the reporter's client would, with a freshly signed token.
pub async fn report(sim: &Sim, url: &str, reporter: &Reporter) -> anyhow::Result<ReportId> {
    let client = reqwest::Client::builder().build()?;
    let user = sim
        .organisation()
        .by_address(&reporter.address)
        .ok_or_else(|| anyhow::anyhow!("the reporter is not in the organisation"))?;
    let none = Map::new();
    let request = match reporter.provider {
        Provider::Graph => client
            .post(format!("{url}/api/v1/reports"))
            .bearer_auth(sim.entra_token(user, &none))
            .header("Idempotency-Key", "demo-outlook")
            .json(&json!({
                "client": "outlook",
                "item_id": reporter.item_id,
                "internet_message_id": reporter.internet_message_id,
                "mailbox": reporter.address,
                "reason": "phishing",
                "comment": "The link does not go where it says.",
            })),
        Provider::Gmail => {
            let endpoint = format!("{url}/gmail/report");
            client
                .post(&endpoint)
                .bearer_auth(sim.system_id_token(&endpoint, &none))
                .json(&event(sim, reporter, sim.google_id_token(user, &none)))
        }
    };
    let answer = request.send().await?;
    let status = answer.status();
    let body: serde_json::Value = answer.json().await?;
    anyhow::ensure!(
        status.is_success(),
        "the report was refused: {status} {body}"
    );
    find_id(&body).ok_or_else(|| anyhow::anyhow!("the answer names no report: {body}"))
}

fn event(sim: &Sim, reporter: &Reporter, user_id_token: String) -> serde_json::Value {
    let user = sim.organisation().by_address(&reporter.address);
    let tokens = user.and_then(|user| sim.addon_tokens(user, &reporter.item_id));
    json!({
        "commonEventObject": {
            "hostApp": "GMAIL",
            "platform": "WEB",
            "formInputs": {
                "reason": { "stringInputs": { "value": ["phishing"] } },
                "comment": { "stringInputs": { "value": ["Never heard of them."] } },
            },
        },
        "authorizationEventObject": {
            "userIdToken": user_id_token,
            "userOAuthToken": tokens.as_ref().map(|t| t.user_oauth_token.clone()),
        },
        "gmail": {
            "messageId": reporter.item_id,
            "accessToken": tokens.as_ref().map(|t| t.message_access_token.clone()),
        },
    })
}

/// The report's id, wherever the answer holds it: a member of the API's answer,
/// or a parameter of the card.
fn find_id(body: &serde_json::Value) -> Option<ReportId> {
    match body {
        serde_json::Value::String(text) => text
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .find_map(|word| word.parse().ok()),
        serde_json::Value::Array(items) => items.iter().find_map(find_id),
        serde_json::Value::Object(members) => members.values().find_map(find_id),
        _ => None,
    }
}
