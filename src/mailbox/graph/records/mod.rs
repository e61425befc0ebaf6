//! Who got a message, by the tenant's own records: Defender's advanced hunting
//! where it is licensed, else Exchange's message trace.
//!
//! A record only saves calls. Where it cannot be read, or names less than asked
//! for, the answer says so and the mailboxes are searched instead.

mod hunting;
mod trace;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::GraphMail;
use crate::{
    domain::MailboxAddress,
    mailbox::{Deliveries, Delivery, DeliveryQuery, DeliverySource, MailboxError, wire},
};

/// What has been gathered so far.
#[derive(Default)]
struct Gathered {
    deliveries: BTreeMap<(MailboxAddress, Option<String>), Option<DateTime<Utc>>>,
    remarks: Vec<String>,
    incomplete: bool,
    calls: u64,
}

impl Gathered {
    fn gap(&mut self, remark: impl Into<String>) {
        self.incomplete = true;
        self.note(remark);
    }

    fn note(&mut self, remark: impl Into<String>) {
        let remark = remark.into();
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    fn add(&mut self, address: &str, network_id: Option<String>, at: Option<DateTime<Utc>>) {
        match address.parse() {
            Ok(address) => {
                let key = (address, network_id);
                let known = self.deliveries.entry(key).or_insert(at);
                *known = (*known).min(at).or(at);
            }
            Err(_) => self.gap("a recipient in the record is no address"),
        }
    }

    fn finish(self, source: DeliverySource) -> Deliveries {
        let recipients = self.deliveries.into_iter();
        Deliveries {
            source,
            recipients: recipients
                .map(|((address, network_message_id), at)| Delivery {
                    address,
                    network_message_id,
                    at,
                })
                .collect(),
            complete: !self.incomplete,
            remark: (!self.remarks.is_empty()).then(|| self.remarks.join("; ")),
            calls: self.calls,
        }
    }
}

impl GraphMail {
    pub(in crate::mailbox::graph) async fn recorded(
        &self,
        query: &DeliveryQuery,
    ) -> Result<Deliveries, MailboxError> {
        let mut gathered = Gathered::default();
        let ids: Vec<&str> = query
            .message_ids
            .iter()
            .filter_map(|id| plain(id))
            .collect();
        if ids.len() < query.message_ids.len() {
            gathered.gap("a Message-ID cannot be asked for");
        }
        if ids.is_empty() {
            return Ok(gathered.finish(DeliverySource::None));
        }
        match self.hunted(&ids, query, &mut gathered).await {
            Ok(true) => return Ok(gathered.finish(DeliverySource::Hunting)),
            Ok(false) => {}
            // Nothing can be done with this credential at all.
            Err(error @ MailboxError::Unauthorized(_)) => return Err(error),
            Err(error) => gathered.note(format!("hunting gave no answer ({error})")),
        }
        // The trace begins anew; what hunting cost stays counted.
        gathered.deliveries.clear();
        match self.traced(&ids, query, &mut gathered).await {
            Ok(()) => Ok(gathered.finish(DeliverySource::Trace)),
            Err(error @ MailboxError::Unauthorized(_)) => Err(error),
            Err(error) => {
                gathered.gap(format!("the message trace gave no answer ({error})"));
                let source = if gathered.deliveries.is_empty() {
                    DeliverySource::None
                } else {
                    DeliverySource::Trace
                };
                Ok(gathered.finish(source))
            }
        }
    }
}

/// A Message-ID that may stand in a record's query. Both languages could hold
/// quotes; an id that has them is not worth the risk of being wrong about that.
fn plain(id: &str) -> Option<&str> {
    let id = wire::message_id(id)?;
    (!id.contains(['\'', '"', '`', '\\', ';', '|', '<', '>'])).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_end_its_literal_is_not_asked_for() {
        let long = "a".repeat(10_000);
        for bad in [
            "",
            "a'b@c",
            "a\"b@c",
            "a\\b@c",
            "a@b') | union (EmailEvents",
            "a@b>' or messageId eq '<c@d",
            "a|b@c",
            "a;b@c",
            "a`b@c",
            "a\r\nb@c",
            long.as_str(),
        ] {
            assert_eq!(plain(bad), None, "{bad:?}");
        }
        assert_eq!(plain("<a{b}+c=$d@e>"), Some("a{b}+c=$d@e"));
    }
}
