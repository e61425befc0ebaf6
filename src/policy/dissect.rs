//! A message taken apart with everything that needs no source outside: its form,
//! its files (in their own process), its observables, the way it took.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::{
    app::App,
    enrich,
    file::{FileReport, Given, left_out, words_that_may_be_passwords},
    jobs::JobError,
    message::{self, Border, Limits, Observable, ParsedMessage, Path},
};

/// One message, taken apart.
pub struct Dissected {
    /// Its form.
    pub parsed: ParsedMessage,
    /// What the message itself holds.
    pub observables: Vec<Observable>,
    /// What its files hold.
    pub inside: Vec<Observable>,
    /// Its files.
    pub files: Vec<FileReport>,
    /// The way it took.
    pub path: Path,
}

/// The organisation's own mail servers.
#[must_use]
pub fn border(app: &App) -> Border {
    let organisation = &app.config.organisation;
    Border {
        hosts: organisation.mail_hosts.clone(),
        networks: organisation.mail_networks.clone(),
    }
}

/// Takes a message apart. Parsing hostile mail is work for a thread of its own: a
/// slow message must not hold up the others. Its files go to the process that can
/// be killed. `held_by` are the addresses of those in whose mailboxes it lay.
///
/// # Errors
/// When the thread that read it fell.
pub async fn dissect(
    app: &App,
    raw: Bytes,
    received: Option<DateTime<Utc>>,
    held_by: Vec<String>,
) -> Result<Dissected, JobError> {
    let border = border(app);
    let (mut parsed, carried) =
        apart(move || message::parse_with_files(&raw, &Limits::default())).await?;
    parsed.held_by = held_by;
    let missing = left_out(&parsed, carried.len());
    let mut files = if carried.is_empty() {
        Vec::new()
    } else {
        let passwords = words_that_may_be_passwords(parsed.visible_text());
        let given: Vec<Given> = carried.into_iter().map(Given::from).collect();
        app.sandbox.dissect(given, passwords).await
    };
    files.extend(missing);
    apart(move || Dissected {
        observables: enrich::observables(&parsed),
        inside: enrich::observables_of_files(&files, &parsed),
        path: message::path(&parsed, &border, received),
        parsed,
        files,
    })
    .await
}

/// Does work that a stranger's text can make long on a thread of its own.
///
/// # Errors
/// When that thread fell.
pub async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JobError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| JobError::Retry {
            reason: "the message could not be taken apart or judged".to_owned(),
            after: None,
            counts: true,
        })
}
