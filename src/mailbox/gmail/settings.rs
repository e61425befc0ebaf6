//! What passes a mailbox's mail on.

use google_gmail1::api::{AutoForwarding, Filter};

use super::{GmailMail, cost, side_by_side, wire::SCOPE};
use crate::{
    domain::{MailboxAddress, MailboxRef},
    mailbox::{Forwarding, ForwardingKind, MailboxError},
};

impl GmailMail {
    pub(super) async fn forwardings(
        &self,
        mailboxes: &[MailboxRef],
    ) -> Vec<Result<Vec<Forwarding>, MailboxError>> {
        side_by_side(mailboxes.iter().map(|mailbox| self.passed_on(mailbox))).await
    }

    async fn passed_on(&self, mailbox: &MailboxRef) -> Result<Vec<Forwarding>, MailboxError> {
        let all = self
            .wire
            .call(mailbox, cost::SETTING, |hub, watch| {
                Box::pin(
                    hub.users()
                        .settings_get_auto_forwarding(mailbox.key())
                        .add_scope(SCOPE)
                        .delegate(watch)
                        .doit(),
                )
            })
            .await?;
        let some = self
            .wire
            .call(mailbox, cost::SETTING, |hub, watch| {
                Box::pin(
                    hub.users()
                        .settings_filters_list(mailbox.key())
                        .add_scope(SCOPE)
                        .delegate(watch)
                        .doit(),
                )
            })
            .await?;
        let filters = some.filter.unwrap_or_default();
        Ok(everything(all)
            .into_iter()
            .chain(filters.into_iter().filter_map(chosen))
            .collect())
    }
}

fn everything(setting: AutoForwarding) -> Option<Forwarding> {
    let on = setting.enabled.unwrap_or_default();
    let to = on.then_some(setting.email_address).flatten()?;
    passed_to(&to, ForwardingKind::AutoForward)
}

fn chosen(filter: Filter) -> Option<Forwarding> {
    passed_to(&filter.action?.forward?, ForwardingKind::Rule)
}

/// Gmail passes a message on as it is.
fn passed_to(address: &str, how: ForwardingKind) -> Option<Forwarding> {
    let to: MailboxAddress = address.parse().ok()?;
    Some(Forwarding {
        to: vec![to],
        how,
        keeps_message_id: true,
    })
}

#[cfg(test)]
mod tests {
    use google_gmail1::api::FilterAction;

    use super::*;

    #[test]
    fn what_is_switched_off_passes_nothing_on() {
        let setting = |enabled| AutoForwarding {
            enabled,
            email_address: Some("out@else.example".to_owned()),
            ..AutoForwarding::default()
        };
        assert_eq!(everything(setting(Some(false))), None);
        assert_eq!(everything(setting(None)), None);
        let on = everything(setting(Some(true))).expect("on");
        assert_eq!(on.how, ForwardingKind::AutoForward);
        let filter = |forward: Option<&str>| Filter {
            action: Some(FilterAction {
                forward: forward.map(str::to_owned),
                ..FilterAction::default()
            }),
            ..Filter::default()
        };
        assert_eq!(chosen(filter(None)), None);
        assert!(chosen(filter(Some("out@else.example"))).is_some());
    }
}
