//! The second person of the demo, who approves a pull that is too large for one.

use serde_json::{Value, json};

use super::progress::Show;

/// Approves what waits, as an analyst with a key of their own would.
pub async fn approve(show: &Show, url: &str, key: &str) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().build()?;
    let open: Value = client
        .get(format!("{url}/api/v1/approvals?state=open"))
        .bearer_auth(key)
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    let requests = open.get("items").and_then(Value::as_array);
    for request in requests.into_iter().flatten() {
        let (Some(id), Some(mailboxes)) = (
            request.get("id").and_then(Value::as_str),
            request.get("mailboxes").and_then(Value::as_u64),
        ) else {
            continue;
        };
        let answer = client
            .post(format!("{url}/api/v1/approvals/{id}/approve"))
            .bearer_auth(key)
            .json(&json!({ "mailboxes": mailboxes, "reason": "the demo's second person" }))
            .send()
            .await?;
        // More was found meanwhile: it is read again.
        if answer.status().is_success() {
            show.say(
                "approved",
                &format!("by a second person, since copies lie in {mailboxes} mailboxes"),
            );
        }
    }
    Ok(())
}
