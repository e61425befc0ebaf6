//! What an observable is to its message: who takes a list of indicators to a
//! blocklist must see which of them are his own.

use std::collections::HashSet;

use serde::Serialize;

use crate::message::{LinkPlace, Observable, ObservableKind, Recipients, registrable};
use crate::policy::dissect::Dissected;

/// What an observable is to its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    /// The organisation's own: a host or an address of its domains, or a server of
    /// its own on the message's way.
    Own,
    /// An address of somebody it was sent to.
    Recipient,
    /// It names the sender, or where an answer goes.
    Sender,
    /// A click, a form or the page itself leads there.
    Followed,
    /// A program that shows the message fetches it.
    Loaded,
    /// A server on the way hosted by others.
    Hop,
    /// A file.
    File,
    /// Written somewhere; nothing leads there.
    Mentioned,
}

/// Whose is what, for one message.
pub(super) struct Roles {
    own: HashSet<String>,
    recipients: Recipients,
    /// Addresses of machines that the own border wrote down before the one that
    /// handed the message in.
    inside: HashSet<String>,
}

impl Roles {
    /// Those of a message, for an organisation with these domains.
    pub fn of(message: &Dissected, domains: &[String]) -> Self {
        let path = &message.path;
        let own_hops = path.hops.iter().take(path.border.unwrap_or_default());
        Self {
            own: domains.iter().map(|domain| registrable(domain)).collect(),
            recipients: Recipients::of(&message.parsed),
            inside: own_hops
                .filter_map(|hop| hop.ip)
                .map(|ip| ip.to_string())
                .collect(),
        }
    }

    /// The role of one observable.
    pub fn role(&self, one: &Observable) -> Role {
        let at = |header: &str| one.places.iter().any(|place| place.ends_with(header));
        let value = one.value.as_str();
        match (one.kind, &one.link) {
            (ObservableKind::Url, Some(link)) if self.is_own(&link.host) => Role::Own,
            (ObservableKind::Url, Some(link)) => match link.place {
                LinkPlace::Click | LinkPlace::Form | LinkPlace::Refresh => Role::Followed,
                LinkPlace::Load => Role::Loaded,
                LinkPlace::Mention => Role::Mentioned,
            },
            (ObservableKind::Domain, _) if self.is_own(value) => Role::Own,
            (ObservableKind::Email, _) => {
                let domain = value.rsplit_once('@').map_or("", |(_, domain)| domain);
                if self.recipients.addresses().iter().any(|a| a == value) {
                    Role::Recipient
                } else if self.is_own(domain) {
                    Role::Own
                } else if ["From", "Sender", "Reply-To", "Return-Path"]
                    .iter()
                    .any(|header| at(&format!("header:{header}")))
                {
                    Role::Sender
                } else {
                    Role::Mentioned
                }
            }
            (ObservableKind::Ip, _) if self.inside.contains(value) => Role::Own,
            (ObservableKind::Ip, _) if at("header:Received") => Role::Hop,
            (ObservableKind::Hash, _) => Role::File,
            _ => Role::Mentioned,
        }
    }

    fn is_own(&self, host: &str) -> bool {
        !host.is_empty() && self.own.contains(&registrable(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        enrich::observables,
        message::{Border, Limits, parse, path},
    };

    #[test]
    fn every_observable_has_its_role() {
        let raw = "Received: from edge.org.example ([198.51.100.9]) by mx.org.example with SMTP; Sun, 22 Nov 2026 10:00:00 +0000\r\nReceived: from x.evil.example ([203.0.113.5]) by edge.org.example with SMTP; Sun, 22 Nov 2026 09:59:00 +0000\r\nFrom: Boss <boss@evil.example>\r\nTo: max@org.example\r\nContent-Type: text/html\r\n\r\n<a href='https://evil.example/a'>x</a><a href='https://www.org.example/'>y</a><img src='https://pictures.example/z.png'> max@org.example, write to other@third.example or it@org.example\r\n";
        let parsed = parse(raw.as_bytes(), &Limits::default());
        let border = Border {
            hosts: vec!["mx.org.example".to_owned(), "edge.org.example".to_owned()],
            networks: vec!["198.51.100.0/24".parse().unwrap()],
        };
        let list = observables(&parsed);
        let message = Dissected {
            path: path(&parsed, &border, None),
            observables: list.clone(),
            inside: Vec::new(),
            files: Vec::new(),
            parsed,
        };
        let roles = Roles::of(&message, &["org.example".to_owned()]);
        let role = |value: &str| {
            let one = list.iter().find(|one| one.value == value);
            roles.role(one.unwrap_or_else(|| panic!("{value} is not among {list:#?}")))
        };
        assert_eq!(role("https://evil.example/a"), Role::Followed);
        assert_eq!(role("https://www.org.example/"), Role::Own);
        assert_eq!(role("https://pictures.example/z.png"), Role::Loaded);
        assert_eq!(role("org.example"), Role::Own);
        assert_eq!(role("boss@evil.example"), Role::Sender);
        assert_eq!(role("max@org.example"), Role::Recipient);
        assert_eq!(role("it@org.example"), Role::Own);
        assert_eq!(role("other@third.example"), Role::Mentioned);
    }
}
