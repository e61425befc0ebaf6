//! A mailbox's settings: what passes its mail on, and whose it is.

use serde::Deserialize;
use serde_json::Value;

use super::{
    GraphMail,
    call::Call,
    message::{self, Recipient, address},
    path::Path,
};
use crate::{
    domain::{MailboxAddress, MailboxRef},
    mailbox::{Family, Forwarding, ForwardingKind, MailboxError, Purpose, wire::Effect},
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    is_enabled: Option<bool>,
    actions: Option<Actions>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Actions {
    forward_to: Option<Vec<Recipient>>,
    forward_as_attachment_to: Option<Vec<Recipient>>,
    redirect_to: Option<Vec<Recipient>>,
}

impl GraphMail {
    /// The inbox rules. Forwarding that an administrator set on the mailbox
    /// (`ForwardingSmtpAddress`) is not in Graph.
    pub(super) async fn rules(
        &self,
        mailboxes: &[MailboxRef],
    ) -> Vec<Result<Vec<Forwarding>, MailboxError>> {
        let calls = mailboxes.iter().map(|mailbox| {
            let key = mailbox.key();
            let path = Path::new(&["users", key, "mailFolders", "inbox", "messageRules"])
                .ask("$select", "isEnabled,actions");
            Call::get(key, &path).of(Family::Settings)
        });
        let answers = self.wire.batch(calls.collect()).await;
        let read = |answer: Result<super::call::Answer, MailboxError>| {
            // A mailbox has all its rules in one answer.
            let (rules, _) = message::page(answer?.ok(Effect::Read)?)?;
            let found: Result<Vec<_>, _> = rules.into_iter().map(forwardings).collect();
            Ok(found?.into_iter().flatten().collect())
        };
        answers.into_iter().map(read).collect()
    }

    pub(super) async fn purposes_of(
        &self,
        mailboxes: &[MailboxRef],
    ) -> Vec<Result<Purpose, MailboxError>> {
        let calls = mailboxes.iter().map(|mailbox| {
            let key = mailbox.key();
            let path = Path::new(&["users", key, "mailboxSettings"]).ask("$select", "userPurpose");
            Call::get(key, &path).of(Family::Settings)
        });
        let answers = self.wire.batch(calls.collect()).await;
        let read = |answer: Result<super::call::Answer, MailboxError>| {
            Ok(purpose(&answer?.ok(Effect::Read)?))
        };
        answers.into_iter().map(read).collect()
    }
}

/// What one rule passes on; nothing when it is switched off or does something else.
fn forwardings(rule: Value) -> Result<Vec<Forwarding>, MailboxError> {
    let rule: Rule = serde_json::from_value(rule)
        .map_err(|_| MailboxError::Malformed("rule is not of the documented form".to_owned()))?;
    let (Some(true), Some(actions)) = (rule.is_enabled, rule.actions) else {
        return Ok(Vec::new());
    };
    let orders = [
        (actions.forward_to, false),
        (actions.forward_as_attachment_to, false),
        // A redirected message stays what it was.
        (actions.redirect_to, true),
    ];
    let found = orders
        .into_iter()
        .filter_map(|(recipients, keeps_message_id)| {
            let to: Vec<MailboxAddress> = recipients?
                .into_iter()
                .filter_map(address)
                .filter_map(|address| address.parse().ok())
                .collect();
            (!to.is_empty()).then_some(Forwarding {
                to,
                how: ForwardingKind::Rule,
                keeps_message_id,
            })
        });
    Ok(found.collect())
}

fn purpose(settings: &Value) -> Purpose {
    let purpose = settings.get("userPurpose").and_then(Value::as_str);
    match purpose.unwrap_or_default() {
        "user" | "linked" => Purpose::User,
        "shared" => Purpose::Shared,
        "room" | "equipment" => Purpose::Room,
        _ => Purpose::Other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_that_is_on_and_passes_mail_on_is_seen() {
        let to = json!([{"emailAddress": {"address": "out@else.example"}}]);
        let rule =
            |on: bool, action: &str| forwardings(json!({"isEnabled": on, "actions": {action: to}}));
        assert_eq!(rule(false, "forwardTo"), Ok(Vec::new()));
        assert_eq!(rule(true, "copyToFolder"), Ok(Vec::new()));
        for (action, keeps) in [
            ("forwardTo", false),
            ("forwardAsAttachmentTo", false),
            ("redirectTo", true),
        ] {
            let found = rule(true, action).expect("a rule");
            assert!(
                matches!(&found[..], [one] if one.keeps_message_id == keeps),
                "{action}"
            );
        }
        let nothing = forwardings(json!({"isEnabled": true, "actions": null}));
        assert_eq!(nothing, Ok(Vec::new()));
        assert!(forwardings(json!("x")).is_err());
    }
}
