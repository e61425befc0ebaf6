//! What a search looked at, as a table for a spreadsheet.

use super::indicators::neutral;
use crate::{
    app::App,
    domain::SearchId,
    store::{PageRequest, StoreError, search::Hit},
};

/// Rows read at a time.
const PAGE: u64 = 1_000;
/// Rows of a table; a spreadsheet takes no more than about a million.
const MOST: usize = 200_000;

/// One row a message, at most 200,000. Cells that a program would run are quoted.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub(super) async fn csv(app: &App, id: SearchId) -> Result<Vec<u8>, StoreError> {
    let rows = app.store.read(app.tenant);
    let mut table = csv::WriterBuilder::new()
        .quote_style(csv::QuoteStyle::Always)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let failed = |error: csv::Error| StoreError::Corrupt(error.to_string());
    table
        .write_record([
            "mailbox",
            "platform",
            "outcome",
            "found by",
            "depth",
            "score",
            "why",
            "folder",
            "read",
            "reply",
            "received",
            "sender",
            "subject",
            "network message id",
            "message",
        ])
        .map_err(failed)?;
    let mut page = PageRequest::first(PAGE);
    let mut n = 0;
    loop {
        let found = rows.hits(id, None, &page).await?;
        for hit in &found.items {
            table.write_record(record(hit)).map_err(failed)?;
            n += 1;
        }
        match found.next.filter(|_| n < MOST) {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    table
        .into_inner()
        .map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn record(hit: &Hit) -> [String; 15] {
    let sighting = &hit.sighting;
    let place = &sighting.place;
    let folder = if place.names.is_empty() {
        place.containers.join(" ")
    } else {
        place.names.join(" ")
    };
    let cells = [
        hit.locator.mailbox.address.to_string(),
        hit.locator.mailbox.provider.product().to_owned(),
        sighting.outcome.to_string(),
        sighting.way.to_string(),
        sighting.depth.to_string(),
        format!("{:.2}", sighting.score),
        sighting.reasons.join("; "),
        folder,
        if place.read { "read" } else { "unread" }.to_owned(),
        sighting.reply.clone().unwrap_or_default(),
        sighting
            .received
            .map(|at| at.to_rfc3339())
            .unwrap_or_default(),
        sighting.sender.clone().unwrap_or_default(),
        sighting.subject.clone().unwrap_or_default(),
        sighting.network_message_id.clone().unwrap_or_default(),
        hit.locator.message().to_owned(),
    ];
    cells.map(|cell| neutral(&cell))
}
