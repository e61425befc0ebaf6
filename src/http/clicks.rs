//! The people whose credentials are to be reset, as a table.

use chrono::SecondsFormat;

use super::indicators::neutral;
use crate::store::click::Clicker;

/// The table: user, clicks, first and last click.
///
/// # Errors
/// Never in memory; the writer's own otherwise.
pub(in crate::http) fn csv(people: &[Clicker]) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::WriterBuilder::new()
        .quote_style(csv::QuoteStyle::Always)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    table.write_record(["user", "clicks", "first", "last"])?;
    for each in people {
        let time =
            |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        table.write_record([
            neutral(&each.address),
            each.clicks.to_string(),
            time(each.first_at),
            time(each.last_at),
        ])?;
    }
    table
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn no_cell_runs() {
        let at = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let people = [Clicker {
            address: "=cmd@x.example".into(),
            clicks: 2,
            first_at: at,
            last_at: at,
        }];
        let table = String::from_utf8(csv(&people).unwrap()).unwrap();
        assert!(table.contains("\"'=cmd@x.example\",\"2\""), "{table}");
    }
}
