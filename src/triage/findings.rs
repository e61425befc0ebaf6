//! What triage keeps of a message for people to read. Text of strangers stays
//! text: pages escape it, links are defanged already.

use serde::{Deserialize, Serialize};

use crate::{
    enrich::Observable,
    message::{ParsedMessage, Person},
};

/// Characters of the body kept for the preview.
const PREVIEW: usize = 4000;

/// The findings of one message, stored as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Findings {
    /// Selected header fields.
    pub headers: serde_json::Value,
    /// Results that the trusted border recorded.
    pub authentication: serde_json::Value,
    /// Links, domains, addresses, hashes.
    pub observables: serde_json::Value,
    /// What is wrong with the form.
    pub defects: Vec<String>,
    /// Attached files.
    pub attachments: serde_json::Value,
    /// The start of the visible text.
    pub text_preview: String,
}

fn people(list: &[Person]) -> Vec<String> {
    list.iter()
        .take(20)
        .map(|person| match &person.name {
            Some(name) => format!("{} <{}>", name.neutral(120), person.address),
            None => person.address.clone(),
        })
        .collect()
}

/// Makes the findings of a message.
#[must_use]
pub fn of(parsed: &ParsedMessage, observables: &[Observable], trusted: &[String]) -> Findings {
    let recorded = parsed.authentication(trusted);
    Findings {
        headers: serde_json::json!({
            "from": people(&parsed.from),
            "to": people(&parsed.to),
            "cc": people(&parsed.cc),
            "reply_to": people(&parsed.reply_to),
            "subject": parsed.subject.neutral(500),
            "date": parsed.date,
            "message_id": parsed.message_id,
        }),
        authentication: serde_json::json!(recorded),
        observables: serde_json::json!(observables.iter().take(500).collect::<Vec<_>>()),
        defects: parsed.defects.iter().map(ToString::to_string).collect(),
        attachments: parsed
            .attachments
            .iter()
            .map(|file| {
                serde_json::json!({
                    "name": file.name.as_ref().map(|n| n.neutral(200)),
                    "content_type": file.media_type,
                    "size": file.size,
                    "sha256": file.sha256,
                })
            })
            .collect(),
        text_preview: parsed
            .visible_text()
            .chars()
            .filter(|c| *c != '\0')
            .take(PREVIEW)
            .collect(),
    }
}
