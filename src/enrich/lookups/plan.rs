//! Which questions a message raises, and which of them may be asked at all.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;

use super::Question;
use crate::{
    domain::AskedKind,
    enrich::guard::{self, Guard},
    message::{Observable, ObservableKind, Recipients, is_public, registrable},
};

/// Questions of one kind about one message.
const MOST_OF_A_KIND: usize = 50;

/// The questions that a message raises, each once, in order of appearance, at most
/// 50 of a kind.
///
/// Never asked: links that are private ([`crate::message::LinkFacts::may_leave`]:
/// unsubscribe, password reset, one-time, tagged with the recipient), of which only
/// the registrable domain is asked; what belongs to the organisation itself
/// (`own` domains); addresses that are not public; mail addresses other than the
/// senders'. `message` is the raw message and its SHA-256, `recipients` are the
/// addresses that stand for somebody wherever a link leads.
#[must_use]
pub fn questions(
    observables: &[Observable],
    own: &[String],
    recipients: &Recipients,
    message: Option<(Bytes, String)>,
) -> Vec<Question> {
    let mut plan = Plan {
        guard: Guard {
            domains: own.to_vec(),
            recipients: recipients.addresses().to_vec(),
            ..Guard::default()
        },
        recipients: recipients.addresses().into(),
        own: own.iter().map(|domain| registrable(domain)).collect(),
        ..Plan::default()
    };
    for observable in observables {
        plan.observable(observable);
    }
    if let Some((bytes, sha256)) = message {
        plan.list.push(Question {
            kind: AskedKind::Message,
            value: sha256,
            bytes,
            recipients: Arc::default(),
        });
    }
    plan.list
}

#[derive(Default)]
struct Plan {
    guard: Guard,
    own: HashSet<String>,
    recipients: Arc<[String]>,
    seen: HashSet<(AskedKind, String)>,
    list: Vec<Question>,
}

impl Plan {
    fn observable(&mut self, observable: &Observable) {
        let value = observable.value.as_str();
        match observable.kind {
            ObservableKind::Url => {
                let Some(facts) = &observable.link else {
                    return;
                };
                let address = facts.host.parse::<std::net::IpAddr>().ok();
                let inside = address.is_some_and(|ip| !is_public(ip));
                if facts.host.is_empty() || inside || self.is_own(&facts.host) {
                    return;
                }
                // the names that a visit refuses are nobody's business outside either
                if facts.may_leave() && guard::vet(value, &self.guard).is_ok() {
                    self.ask(AskedKind::Url, value);
                    if address.is_none() {
                        self.ask(AskedKind::Host, &facts.host);
                    }
                }
            }
            ObservableKind::Domain if !self.is_own(value) => self.ask(AskedKind::Domain, value),
            ObservableKind::Ip if value.parse().is_ok_and(is_public) => {
                self.ask(AskedKind::Ip, value);
            }
            ObservableKind::Email => {
                let domain = value.rsplit_once('@').map_or("", |(_, domain)| domain);
                let sender = ["header:From", "header:Sender", "header:Reply-To"]
                    .iter()
                    .any(|place| observable.place.ends_with(place));
                if sender && !domain.is_empty() && !self.is_own(domain) {
                    self.ask(AskedKind::Email, value);
                    self.ask(AskedKind::Domain, &registrable(domain));
                }
            }
            ObservableKind::Hash => self.ask(AskedKind::Sha256, value),
            _ => {}
        }
    }

    fn is_own(&self, host: &str) -> bool {
        self.own.contains(&registrable(host))
    }

    fn ask(&mut self, kind: AskedKind, value: &str) {
        let key = (kind, value.to_owned());
        let of_kind = self.list.iter().filter(|q| q.kind == kind).count();
        if value.is_empty() || of_kind >= MOST_OF_A_KIND || !self.seen.insert(key) {
            return;
        }
        self.list.push(Question {
            kind,
            value: value.to_owned(),
            bytes: Bytes::new(),
            recipients: Arc::clone(&self.recipients),
        });
    }
}
