//! Gmail's quota units: per user and minute, per project and minute.

use chrono::TimeDelta;

use crate::sim::{
    call::Reply,
    counters::Operation,
    tenant::{Tenant, lock},
};

/// Units a user has in a minute (projects from May 2026).
const UNITS: u32 = 6_000;

const fn cost(operation: Operation) -> u32 {
    use Operation as O;
    match operation {
        O::GmailSend | O::GmailWatch => 100,
        O::GmailBatchModify | O::GmailStop => 50,
        O::GmailInsert => 25,
        O::GmailGet | O::GmailTrash => 20,
        O::GmailList | O::GmailModify | O::GmailUntrash | O::GmailDelete => 5,
        O::LabelCreate | O::LabelDelete => 5,
        O::GmailHistory => 2,
        _ => 1,
    }
}

/// Uses the call's units, or says that there are none left.
pub(super) fn spend(tenant: &Tenant, user: u32, operation: Operation) -> Result<(), Box<Reply>> {
    if !tenant.limits {
        return Ok(());
    }
    let now = tenant.now();
    let spent = tenant.mailbox(user).map(|mut mailbox| {
        mailbox
            .calls
            .spend(now, TimeDelta::minutes(1), UNITS, cost(operation))
    });
    let limit = tenant.platform().project_units;
    let whole =
        lock(&tenant.allowances.project).spend(now, TimeDelta::minutes(1), limit, cost(operation));
    if whole.is_err() {
        return super::refused(
            403,
            "rateLimitExceeded",
            "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute'.",
        );
    }
    match spent {
        Some(Err(_)) => super::refused(
            403,
            "userRateLimitExceeded",
            "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user'.",
        ),
        _ => Ok(()),
    }
}
