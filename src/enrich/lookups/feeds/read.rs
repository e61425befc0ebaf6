//! The three forms of a list.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value as Json;

use super::entries::{Entries, Value};
use crate::config::lookups::FeedFormat;

/// Entries of a list.
const MAX_ENTRIES: usize = 5_000_000;

/// Why a list is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not in the form that is configured.
    #[error("it is not in the form that is configured")]
    Form,
    /// The column or member is not there.
    #[error("its column or member is not there; check field")]
    Field,
    /// Most of it holds no link, name, address or hash.
    #[error("most of it holds no link, name, address or hash")]
    NoValues,
    /// More entries than are kept.
    #[error("it has more than {MAX_ENTRIES} entries")]
    TooMany,
}

/// Reads a list.
///
/// # Errors
/// [`Unreadable`]: also when more than half of its rows hold no value, as in an
/// error page with status 200; an empty list is taken as broken.
pub(super) fn read(
    bytes: &[u8],
    format: FeedFormat,
    field: Option<&str>,
) -> Result<Entries, Unreadable> {
    let mut rows = Rows::default();
    match format {
        FeedFormat::Plain => plain(bytes, &mut rows)?,
        FeedFormat::Csv => csv(bytes, field, &mut rows)?,
        FeedFormat::Json => json(bytes, field, &mut rows)?,
    }
    if rows.good == 0 || rows.good < rows.bad {
        return Err(Unreadable::NoValues);
    }
    rows.entries.finish();
    Ok(rows.entries)
}

#[derive(Default)]
struct Rows {
    entries: Entries,
    good: usize,
    bad: usize,
}

impl Rows {
    fn take(&mut self, text: &str) -> Result<(), Unreadable> {
        if self.good + self.bad >= MAX_ENTRIES {
            return Err(Unreadable::TooMany);
        }
        match Value::of(text) {
            Some(value) => {
                self.entries.push(&value);
                self.good += 1;
            }
            None => self.bad += 1,
        }
        Ok(())
    }
}

fn plain(bytes: &[u8], rows: &mut Rows) -> Result<(), Unreadable> {
    for line in bytes.split(|b| *b == b'\n') {
        let line = String::from_utf8_lossy(line);
        // a # inside a link is part of it
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        // a hosts file puts an address before each name
        let mut words = line.split_whitespace();
        let value = match (words.next(), words.next()) {
            (Some("0.0.0.0" | "127.0.0.1" | "::" | "::1"), Some(name)) => name,
            (Some(first), None) => first,
            // DROP lists write "network ; reference"
            (Some(first), Some(second)) if second.starts_with(';') => first,
            _ => line,
        };
        rows.take(value)?;
    }
    Ok(())
}

fn csv(bytes: &[u8], field: Option<&str>, rows: &mut Rows) -> Result<(), Unreadable> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    let field = field.unwrap_or("0");
    let mut column = match field.parse::<usize>() {
        Ok(column) => Some(column),
        // some lists put the headings into the last comment
        Err(_) => heading_in_comment(bytes, field),
    };
    let mut missing = 0usize;
    while reader
        .read_byte_record(&mut record)
        .map_err(|_| Unreadable::Form)?
    {
        let Some(column) = column else {
            column = Some(
                record
                    .iter()
                    .position(|name| name.eq_ignore_ascii_case(field.as_bytes()))
                    .ok_or(Unreadable::Field)?,
            );
            continue;
        };
        match record.get(column) {
            Some(value) => rows.take(&String::from_utf8_lossy(value))?,
            None => missing += 1,
        }
    }
    if missing > rows.good {
        return Err(Unreadable::Field);
    }
    Ok(())
}

fn heading_in_comment(bytes: &[u8], field: &str) -> Option<usize> {
    bytes
        .split(|b| *b == b'\n')
        .take(100)
        .take_while(|line| line.is_empty() || line.starts_with(b"#") || *line == b"\r")
        .filter_map(|line| {
            let line = String::from_utf8_lossy(line);
            line.trim_start_matches('#')
                .split(',')
                .position(|name| name.trim().trim_matches('"').eq_ignore_ascii_case(field))
        })
        .last()
}

fn json(bytes: &[u8], field: Option<&str>, rows: &mut Rows) -> Result<(), Unreadable> {
    let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
    if first == Some(&b'[') {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let mut stop = None;
        let list = List {
            field,
            rows,
            stop: &mut stop,
        };
        let read = list
            .deserialize(&mut reader)
            .and_then(|()| reader.end())
            .map_err(|_| Unreadable::Form);
        return stop.map_or(read, Err);
    }
    for item in serde_json::Deserializer::from_slice(bytes).into_iter::<Json>() {
        element(&item.map_err(|_| Unreadable::Form)?, field, rows)?;
    }
    Ok(())
}

fn element(item: &Json, field: Option<&str>, rows: &mut Rows) -> Result<(), Unreadable> {
    let value = match (item, field) {
        (Json::String(text), _) => text,
        (Json::Object(members), Some(field)) => match members.get(field) {
            Some(Json::String(text)) => text,
            // metadata stands between the entries of some lists
            _ => {
                rows.bad += 1;
                return Ok(());
            }
        },
        (Json::Object(_), None) => return Err(Unreadable::Field),
        _ => return Err(Unreadable::Form),
    };
    rows.take(value)
}

/// An array, one element in memory at a time.
struct List<'r> {
    field: Option<&'r str>,
    rows: &'r mut Rows,
    stop: &'r mut Option<Unreadable>,
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element::<Json>()? {
            if let Err(why) = element(&item, self.field, self.rows) {
                *self.stop = Some(why);
                while list.next_element::<IgnoredAny>()?.is_some() {}
                break;
            }
        }
        Ok(())
    }
}
