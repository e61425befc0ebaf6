//! Work that gave up.

use super::{Words, before, id};
use crate::store::job::JobRow;

pub(in crate::http::console) fn jobs(w: &Words) -> Vec<JobRow> {
    let job = |n, kind: &str, target: String, error: &str, age| JobRow {
        id: id(n),
        kind: w.say(kind),
        target,
        state: "parked".to_owned(),
        attempts: 10,
        last_error: Some(w.say(error)),
        run_after: before(age),
    };
    vec![
        job(
            201,
            "triage",
            id::<crate::domain::kinds::Submission>(3).to_string(),
            "The mail platform answered 403: consent for Mail.ReadWrite was withdrawn",
            4_000,
        ),
        job(
            202,
            "letter",
            w.say("let_019aab00000070008000000000000031"),
            "The mail server refused the recipient",
            90_000,
        ),
    ]
}
