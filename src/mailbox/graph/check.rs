//! What `doctor` says about the connection to Microsoft 365.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{GraphMail, call::Call, path::Path};
use crate::mailbox::{Finding, MailboxError, wire::Effect};

/// What Unhook needs of the directory, and why.
const NEEDED: [(&str, &str); 2] = [
    ("User.Read.All", "to list the mailboxes"),
    (
        "GroupMember.Read.All",
        "to see who is behind a distribution list",
    ),
];

/// What it needs of mailboxes: granted for all of them, or scoped by RBAC for
/// Applications, which no token shows.
const MAIL: &str = "Mail.ReadWrite";

/// What a search is quicker or tells more with, and what is missing without it.
const USEFUL: [(&str, &str); 4] = [
    (
        "MailboxSettings.Read",
        "rules that pass mail on, and shared mailboxes, are not seen",
    ),
    (
        "ExchangeMessageTrace.Read.All",
        "recipients are not looked up in the message trace",
    ),
    (
        "ThreatHunting.Read.All",
        "recipients are not looked up in advanced hunting, which Defender must be licensed for",
    ),
    (
        "Member.Read.Hidden",
        "the members of lists that hide them are not seen",
    ),
];

/// What calendar entries go and return with (`pull.calendar`), and what becomes of
/// them without it: granted in Entra, or scoped by RBAC for Applications too.
const CALENDAR: (&str, &str) = (
    "Calendars.ReadWrite",
    "the calendar entries that pulled invitations made stay where they are, unless it is scoped by RBAC for Applications; it is needed for invitations only (pull.calendar)",
);

/// What may be granted beside it: the check itself reads the organisation.
const HARMLESS: [&str; 1] = ["Organization.Read.All"];

impl GraphMail {
    pub(super) async fn findings(&self) -> Vec<Finding> {
        let token = match self.wire.tokens().current().await {
            Ok(token) => token,
            Err(error) => return vec![failed("Graph token", &error)],
        };
        let mut findings = vec![finding("Graph token", true, "the credential is accepted")];
        findings.push(match roles(token.expose()) {
            Some(roles) => permissions(&roles, self.calendar),
            None => finding(
                "Graph permissions",
                true,
                "the token does not show its permissions; the calls below do",
            ),
        });
        let users = Path::new(&["users"]).ask("$select", "id").ask("$top", "1");
        findings.push(self.call("Graph users", &users).await);
        let organisation = Path::new(&["organization"]).ask("$select", "id");
        let mut organisation = self.call("Graph organisation", &organisation).await;
        if !organisation.ok && organisation.detail.contains("denies access") {
            // The minimal permissions do not cover it, and nothing needs it.
            organisation.ok = true;
            "not readable with these permissions, and not needed"
                .clone_into(&mut organisation.detail);
        }
        findings.push(organisation);
        findings
    }

    async fn call(&self, subject: &str, path: &Path) -> Finding {
        let answer = self.wire.one(&Call::directory(path)).await;
        match answer.and_then(|answer| answer.ok(Effect::Read)) {
            Ok(_) => finding(subject, true, "can be read"),
            Err(error) => failed(subject, &error),
        }
    }
}

fn permissions(roles: &[String], calendar: bool) -> Finding {
    let calendar = calendar.then_some(CALENDAR);
    let useful = || USEFUL.into_iter().chain(calendar);
    let has = |role: &str| roles.iter().any(|r| r == role);
    let missing: Vec<String> = NEEDED
        .iter()
        .filter(|(role, _)| !has(role))
        .map(|(role, why)| format!("{role} ({why})"))
        .collect();
    let excess: Vec<&str> = roles
        .iter()
        .map(String::as_str)
        .filter(|role| !NEEDED.iter().any(|(needed, _)| needed == role))
        .filter(|role| !useful().any(|(useful, _)| useful == *role))
        .filter(|role| *role != MAIL && !HARMLESS.contains(role))
        .collect();
    let mail = if has(MAIL) {
        "Mail.ReadWrite is granted for every mailbox"
    } else {
        "Mail.ReadWrite is not granted for every mailbox, so it must be scoped by RBAC for Applications"
    };
    let mut detail = Vec::new();
    if !missing.is_empty() {
        detail.push(format!("missing, grant: {}", missing.join(", ")));
    }
    if !excess.is_empty() {
        detail.push(format!(
            "more than is needed, remove: {}",
            excess.join(", ")
        ));
    }
    let ok = detail.is_empty();
    detail.push(mail.to_owned());
    let without = useful().filter(|(role, _)| !has(role));
    detail.extend(without.map(|(role, what)| format!("without {role} {what}")));
    finding("Graph permissions", ok, &detail.join("; "))
}

/// The `roles` claim, unverified: it is only shown, nothing rests on it.
fn roles(token: &str) -> Option<Vec<String>> {
    let claims = token.split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    serde_json::from_value(claims.get("roles")?.clone()).ok()
}

fn finding(subject: &str, ok: bool, detail: &str) -> Finding {
    Finding {
        subject: subject.to_owned(),
        ok,
        detail: detail.to_owned(),
    }
}

fn failed(subject: &str, error: &MailboxError) -> Finding {
    let advice = match error {
        MailboxError::Unauthorized(_) => "check tenant, client id and secret or certificate",
        MailboxError::Forbidden(_) => "grant the permission and admin consent",
        MailboxError::Unavailable(_) => "check the network path to the endpoint",
        _ => "see the provider's status page",
    };
    finding(subject, false, &format!("{error}; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_excess_permissions_are_named() {
        let roles = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect::<Vec<_>>();
        let exact = roles(&["User.Read.All", "GroupMember.Read.All", "Mail.ReadWrite"]);
        assert!(permissions(&exact, true).ok);
        let less = permissions(&roles(&["User.Read.All"]), true);
        assert!(!less.ok && less.detail.contains("GroupMember.Read.All"));
        let scoped = permissions(&roles(&["User.Read.All", "GroupMember.Read.All"]), true);
        assert!(scoped.ok && scoped.detail.contains("RBAC"));
        assert!(
            permissions(&exact, true)
                .detail
                .contains("without ThreatHunting")
        );
        let mut traced = exact.clone();
        traced.push("ExchangeMessageTrace.Read.All".to_owned());
        let traced = permissions(&traced, true);
        assert!(traced.ok && !traced.detail.contains("ExchangeMessageTrace"));
        let named = permissions(&exact, true).detail;
        assert!(named.contains("without Calendars.ReadWrite"), "{named}");
        let mut calendar = exact.clone();
        calendar.push("Calendars.ReadWrite".to_owned());
        let granted = permissions(&calendar, true);
        assert!(granted.ok && !granted.detail.contains("Calendars"));
        let unused = permissions(&calendar, false);
        assert!(!unused.ok && unused.detail.contains("remove: Calendars.ReadWrite"));
        let mut more = exact;
        more.push("Files.ReadWrite.All".to_owned());
        let more = permissions(&more, true);
        assert!(!more.ok && more.detail.contains("Files.ReadWrite.All"));
    }

    #[test]
    fn roles_come_from_a_token_or_not_at_all() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"roles":["A"]}"#);
        assert_eq!(roles(&format!("h.{claims}.s")), Some(vec!["A".to_owned()]));
        assert_eq!(roles("opaque"), None);
        assert_eq!(roles("a.!!.c"), None);
    }
}
