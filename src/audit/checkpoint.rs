//! A signed word about where the chain stood.
//!
//! Format `unhook-audit-checkpoint/1`: an object with `checkpoint` (format, tenant, seq,
//! hash, at) and `signature`, on one line; signed as receipts are, with the same key.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    remediation::receipt::{Key, ReceiptError, check_signature},
    store::audit::{Checkpoint, Head},
};

/// The format's name and version.
pub const FORMAT: &str = "unhook-audit-checkpoint/1";
/// Octets of a line of a file of checkpoints; the real ones are below 700.
const LINE: u64 = 16 * 1024;
/// Checkpoints that are read out of one file: one a minute for 19 years.
const MOST: usize = 10_000_000;

/// Why a file of checkpoints cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It cannot be read.
    #[error("line {0} cannot be read")]
    Read(usize, #[source] std::io::Error),
    /// A line holds something else.
    #[error("line {0} is no checkpoint of the form {FORMAT}")]
    Form(usize),
    /// A line is of another tenant.
    #[error("line {0} is a checkpoint of another installation")]
    Tenant(usize),
    /// A line was changed, or is signed by nobody who is known.
    #[error("line {0} is not to be believed")]
    Signature(usize, #[source] ReceiptError),
    /// A line is signed by another key.
    #[error("line {line} is signed by key {key}, which is not the one that is known; give --key")]
    Key {
        /// Which line, from 1.
        line: usize,
        /// The key's name.
        key: String,
    },
    /// Two lines say different things of one entry.
    #[error("line {0} says something else of its entry than an earlier line")]
    Contradiction(usize),
    /// There are too many.
    #[error("more than {MOST} lines")]
    Length,
}

/// Signs where the chain stands.
#[must_use]
pub fn sign(key: &Key, tenant: &str, head: &Head, now: DateTime<Utc>) -> Checkpoint {
    let said = json!({
        "format": FORMAT, "tenant": tenant, "seq": head.seq, "hash": head.hash, "at": now,
    });
    let signature = key.signature(&said);
    Checkpoint {
        seq: head.seq,
        at: now,
        body: json!({ "checkpoint": said, "signature": signature }).to_string(),
        filed: false,
        posted: false,
    }
}

/// Reads a file of checkpoints, each of which must be signed with one of `keys` (public
/// halves, base64); gives the hashes that they vouch for by the number of their entry.
///
/// # Errors
/// [`CheckpointError`], which names the line.
pub fn read(
    file: impl Read,
    tenant: &str,
    keys: &[String],
) -> Result<BTreeMap<i64, String>, CheckpointError> {
    let mut reader = BufReader::new(file);
    let mut signed = BTreeMap::new();
    for line in 1.. {
        let mut text = String::new();
        let mut bounded = reader.by_ref().take(LINE);
        let octets = bounded
            .read_line(&mut text)
            .map_err(|error| CheckpointError::Read(line, error))?;
        if octets == 0 {
            break;
        }
        if line > MOST {
            return Err(CheckpointError::Length);
        }
        if text.trim().is_empty() {
            continue;
        }
        let (seq, hash) = one(&text, line, tenant, keys)?;
        if signed
            .insert(seq, hash.clone())
            .is_some_and(|known| known != hash)
        {
            return Err(CheckpointError::Contradiction(line));
        }
    }
    Ok(signed)
}

fn one(
    text: &str,
    line: usize,
    tenant: &str,
    keys: &[String],
) -> Result<(i64, String), CheckpointError> {
    let form = || CheckpointError::Form(line);
    let file: Value = serde_json::from_str(text).map_err(|_| form())?;
    let said = file.get("checkpoint").ok_or_else(form)?;
    let word = |name: &str| said.get(name).and_then(Value::as_str);
    if word("format") != Some(FORMAT) {
        return Err(form());
    }
    let (public, key) =
        check_signature(&file, said).map_err(|error| CheckpointError::Signature(line, error))?;
    if !keys.iter().any(|known| known.trim() == public) {
        return Err(CheckpointError::Key { line, key });
    }
    if word("tenant") != Some(tenant) {
        return Err(CheckpointError::Tenant(line));
    }
    let seq = said.get("seq").and_then(Value::as_i64).ok_or_else(form)?;
    let hash = word("hash").ok_or_else(form)?;
    Ok((seq, hash.to_owned()))
}
