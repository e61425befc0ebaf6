//! Moving copies into quarantine and back.

use std::time::Duration;

use graph_rs_sdk::http::Method;
use serde_json::{Map, Value, json};

use super::{
    GraphMail,
    call::{Answer, Call},
    message,
    path::Path,
};
use crate::{
    domain::{Locator, Place},
    mailbox::{MailboxError, QuarantineMove, RestoreMove, Restored, wire::Effect},
};

/// Attempts to set a restored message's state. Setting it is idempotent, and
/// once the message is back nobody looks for it in quarantine again.
const STATE_ATTEMPTS: u32 = 3;
/// The longest wait before another of them.
const STATE_WAIT: Duration = Duration::from_secs(2);

impl GraphMail {
    pub(super) async fn pull_all(
        &self,
        moves: &[QuarantineMove],
    ) -> Vec<Result<Place, MailboxError>> {
        let calls = moves
            .iter()
            .map(|m| move_to(&m.locator, &m.quarantine))
            .collect();
        let answers = self.wire.batch(calls).await;
        moves
            .iter()
            .zip(answers)
            .map(|(m, answer)| {
                let answer = answer?;
                if answer.status() == 404 {
                    // The same code may speak of the message or of the folder.
                    // Looking the folder up anew costs a call; a folder that is
                    // gone and still remembered would cost the pull.
                    self.quarantines.forget(m.locator.mailbox.key());
                }
                if is_folder_missing(&answer) {
                    return Err(MailboxError::Unavailable(
                        "the quarantine folder is gone".to_owned(),
                    ));
                }
                let mut place = moved(answer.ok(Effect::Change)?)?;
                if place.holds(&m.quarantine) {
                    place.names = vec![self.folder_name.clone()];
                }
                Ok(place)
            })
            .collect()
    }

    pub(super) async fn restore_all(
        &self,
        moves: &[RestoreMove],
    ) -> Vec<Result<Restored, MailboxError>> {
        let calls = moves
            .iter()
            .map(|m| move_to(&m.locator, home(m).unwrap_or("inbox")))
            .collect();
        let answers = self.wire.batch(calls).await;
        let mut back = Vec::with_capacity(moves.len());
        for (m, answer) in moves.iter().zip(answers) {
            let restored = match answer {
                Ok(answer) => self.settle(m, answer).await,
                Err(error) => Err(error),
            };
            back.push(restored);
        }
        self.set_states(moves, &mut back).await;
        back
    }

    /// Reads the answer to a move back; falls back to the Inbox when the
    /// original folder is gone.
    async fn settle(&self, m: &RestoreMove, answer: Answer) -> Result<Restored, MailboxError> {
        let to_inbox = home(m).is_none();
        let folder_gone = is_folder_missing(&answer) || self.is_home_gone(m, &answer).await?;
        if to_inbox || !folder_gone {
            let mut place = moved(answer.ok(Effect::Change)?)?;
            if place.containers == m.to.containers {
                place.names.clone_from(&m.to.names);
            }
            return Ok(Restored {
                place,
                fallback_to_inbox: to_inbox,
            });
        }
        let call = move_to(&m.locator, "inbox");
        let answer = self.wire.one(&call).await?;
        Ok(Restored {
            place: moved(answer.ok(Effect::Change)?)?,
            fallback_to_inbox: true,
        })
    }

    /// `ErrorItemNotFound` may speak of the message or of the folder: look.
    async fn is_home_gone(&self, m: &RestoreMove, answer: &Answer) -> Result<bool, MailboxError> {
        let unclear = answer.status() == 404 && answer.code() == "ErrorItemNotFound"
            || answer.status() == 400 && answer.code().starts_with("ErrorInvalidId");
        let (true, Some(folder)) = (unclear, home(m)) else {
            return Ok(false);
        };
        let key = m.locator.mailbox.key();
        let path = Path::new(&["users", key, "mailFolders", folder]).ask("$select", "id");
        let look = self.wire.one(&Call::get(key, &path)).await?;
        Ok(matches!(look.status(), 400 | 404) && !look.code().starts_with("Mailbox"))
    }

    /// Sets read, flag and categories where the move's answer shows others.
    async fn set_states(&self, moves: &[RestoreMove], back: &mut [Result<Restored, MailboxError>]) {
        for attempt in 1..=STATE_ATTEMPTS {
            let wanting: Vec<(usize, Call)> = moves
                .iter()
                .zip(back.iter())
                .enumerate()
                .filter_map(|(at, (m, restored))| {
                    let patch = difference(&m.to, &restored.as_ref().ok()?.place)?;
                    Some((at, set(&m.locator, patch)))
                })
                .collect();
            if wanting.is_empty() {
                return;
            }
            let (at, calls): (Vec<usize>, Vec<Call>) = wanting.into_iter().unzip();
            let answers = self.wire.batch(calls).await;
            let mut again = false;
            for (at, answer) in at.into_iter().zip(answers) {
                let done = answer.and_then(|answer| answer.ok(Effect::Change));
                let (Some(m), Some(Ok(restored))) = (moves.get(at), back.get_mut(at)) else {
                    continue;
                };
                match done {
                    Ok(_) => {
                        restored.place.read = m.to.read;
                        restored.place.flagged = m.to.flagged;
                        restored.place.categories.clone_from(&m.to.categories);
                    }
                    Err(error) if attempt < STATE_ATTEMPTS && is_passing(&error) => again = true,
                    Err(error) => {
                        if let Some(slot) = back.get_mut(at) {
                            *slot = Err(error);
                        }
                    }
                }
            }
            if !again {
                return;
            }
            tokio::time::sleep(STATE_WAIT / 4).await;
        }
    }
}

fn is_passing(error: &MailboxError) -> bool {
    match error {
        MailboxError::Throttled { retry_after } => {
            retry_after.is_none_or(|wait| wait <= STATE_WAIT)
        }
        MailboxError::Unavailable(_) | MailboxError::OutcomeUnknown(_) => true,
        _ => false,
    }
}

/// The original folder, unless there is none or it is the quarantine itself.
fn home(m: &RestoreMove) -> Option<&str> {
    m.to.containers
        .first()
        .map(String::as_str)
        .filter(|folder| *folder != m.quarantine && !folder.is_empty())
}

fn is_folder_missing(answer: &Answer) -> bool {
    answer.status() == 404
        && matches!(
            answer.code(),
            "ErrorFolderNotFound" | "ErrorToFolderNotFound"
        )
}

fn move_to(locator: &Locator, folder: &str) -> Call {
    let key = locator.mailbox.key();
    let path = Path::new(&["users", key, "messages", locator.message(), "move"]);
    Call::change(key, Method::POST, &path, json!({ "destinationId": folder }))
}

fn set(locator: &Locator, patch: Value) -> Call {
    let key = locator.mailbox.key();
    let path = Path::new(&["users", key, "messages", locator.message()]);
    Call::change(key, Method::PATCH, &path, patch)
}

/// What must be set on a message at `now` so that its state is `wanted`'s.
fn difference(wanted: &Place, now: &Place) -> Option<Value> {
    let mut patch = Map::new();
    if wanted.read != now.read {
        patch.insert("isRead".to_owned(), json!(wanted.read));
    }
    if wanted.flagged != now.flagged {
        let status = if wanted.flagged {
            "flagged"
        } else {
            "notFlagged"
        };
        patch.insert("flag".to_owned(), json!({ "flagStatus": status }));
    }
    if wanted.categories != now.categories {
        patch.insert("categories".to_owned(), json!(wanted.categories));
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

fn moved(body: Value) -> Result<Place, MailboxError> {
    message::place_of(body).map_err(unread)
}

/// The change was accepted and its answer cannot be read: look before anything else.
fn unread(error: MailboxError) -> MailboxError {
    match error {
        MailboxError::Malformed(what) => MailboxError::OutcomeUnknown(what),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_set() {
        let place = |read, flagged, categories: &[&str]| Place {
            containers: vec!["f".to_owned()],
            names: Vec::new(),
            read,
            flagged,
            categories: categories.iter().map(|&c| c.to_owned()).collect(),
        };
        let now = place(true, false, &[]);
        assert_eq!(difference(&place(true, false, &[]), &now), None);
        assert_eq!(
            difference(&place(false, true, &["Blue"]), &now),
            Some(json!({
                "isRead": false,
                "flag": { "flagStatus": "flagged" },
                "categories": ["Blue"],
            }))
        );
    }
}
