//! Entries of the audit trail, as one would read who writes the database himself.

use super::{Words, before, id};
use crate::store::audit::Entry;

pub(in crate::http::console) fn entries(w: &Words) -> Vec<Entry> {
    let entry = |seq, action: &str, subject: String, detail: &str, age| Entry {
        seq,
        at: before(age),
        actor: w.say("key_019aab00000070008000000000000077"),
        action: w.say(action),
        subject,
        detail: w.say(detail),
        previous: "a".repeat(64),
        hash: w.say(&"b".repeat(64)),
    };
    let submission = id::<crate::domain::kinds::Submission>(3).to_string();
    let campaign = id::<crate::domain::kinds::Campaign>(11).to_string();
    vec![
        entry(412, "restore_asked", campaign, "{\"copies\":60}", 90),
        entry(
            411,
            "content_viewed",
            submission,
            "{\"part\":\"text\"}",
            400,
        ),
        entry(
            410,
            "put_into_force",
            w.say("frc_019aab00000070008000000000000051"),
            "{\"model\":\"shipped\",\"policy\":\"0f3a9c51d2e4\"}",
            4_000,
        ),
    ]
}
