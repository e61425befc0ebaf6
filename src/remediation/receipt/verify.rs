//! Checking a receipt: its signature, its chain, and what it says against its own
//! figures. Whoever is handed a file needs nothing else.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{FORMAT, key::id_of};
use crate::store::search::Entry;

/// Why a file is no receipt that can be believed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReceiptError {
    /// It is not of the format.
    #[error("not a receipt of the form {FORMAT}: {0}")]
    Form(&'static str),
    /// The signature does not fit what stands in it.
    #[error("the signature does not fit: the receipt was changed, or another key signed it")]
    Signature,
    /// It is signed by another key than the one expected.
    #[error("signed by key {found}, and not by {wanted}")]
    OtherKey {
        /// The key that signed it.
        found: String,
        /// The key that was to have signed it.
        wanted: String,
    },
    /// An entry of the chain does not follow from the one before.
    #[error("entry {0} of the chain does not follow from the one before")]
    Chain(i64),
    /// It says complete and names what is open, or has no chain.
    #[error("it says complete, and its own figures say otherwise")]
    Contradiction,
    /// The chain does not end where the receipt says.
    #[error("the chain does not end in the entry that the receipt names as its last")]
    Head,
}

/// What a receipt that was checked says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// The search.
    pub search: String,
    /// The key that signed it.
    pub key_id: String,
    /// Its public half, base64.
    pub public_key: String,
    /// Entries of the chain.
    pub entries: usize,
    /// Hash of the last.
    pub head: String,
    /// Whether the search was complete.
    pub complete: bool,
    /// Mailboxes by what became of them: `expected`, `searched`, `unreachable`,
    /// `excluded`, `partly`, `retrying`, `waiting`.
    pub mailboxes: BTreeMap<String, u64>,
    /// Why it may be incomplete, in words.
    pub doubts: Vec<String>,
    /// Whether the key was compared with one that is known to be the issuer's.
    pub key_checked: bool,
}

/// A value as text with the members of every object in the order of their names,
/// without spaces: the same text for the same receipt, whoever wrote it.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            out.push('{');
            for (n, name) in names.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                if let Some(member) = members.get(name) {
                    write(member, out);
                }
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// Checks the signature that stands in `file` over `signed`; gives the public key that
/// it was made with, base64, and the key's name.
///
/// # Errors
/// [`ReceiptError::Form`] where there is no such signature, [`ReceiptError::Signature`]
/// where it does not fit.
pub fn check_signature<'a>(
    file: &'a Value,
    signed: &Value,
) -> Result<(&'a str, String), ReceiptError> {
    let form = ReceiptError::Form;
    let text = |name: &str| {
        file.get("signature")
            .and_then(|signature| signature.get(name))
            .and_then(Value::as_str)
    };
    if text("algorithm") != Some("Ed25519") {
        return Err(form("another signature algorithm"));
    }
    let public_text = text("public_key").ok_or(form("no public key"))?;
    let public = STANDARD
        .decode(public_text)
        .map_err(|_| form("the public key is no base64"))?;
    let signature = text("value")
        .and_then(|value| STANDARD.decode(value).ok())
        .ok_or(form("no signature"))?;
    UnparsedPublicKey::new(&ED25519, &public)
        .verify(canonical(signed).as_bytes(), &signature)
        .map_err(|_| ReceiptError::Signature)?;
    Ok((public_text, id_of(&public)))
}

/// Checks a receipt's signature and chain; with `expected`, the base64 of a public
/// key, also that this key signed it.
///
/// # Errors
/// See [`ReceiptError`].
pub fn check(file: &Value, expected: Option<&str>) -> Result<Verified, ReceiptError> {
    let form = ReceiptError::Form;
    let receipt = file.get("receipt").ok_or(form("no member receipt"))?;
    if receipt.get("format").and_then(Value::as_str) != Some(FORMAT) {
        return Err(form("another format or version"));
    }
    let (public_text, key_id) = check_signature(file, receipt)?;
    if let Some(wanted) = expected
        && wanted.trim() != public_text
    {
        let wanted = STANDARD
            .decode(wanted.trim())
            .map_or_else(|_| "(no base64)".to_owned(), |public| id_of(&public));
        return Err(ReceiptError::OtherKey {
            found: key_id,
            wanted,
        });
    }
    let chain = receipt.get("chain").ok_or(form("no chain"))?;
    let entries: Vec<Entry> = chain
        .get("entries")
        .cloned()
        .and_then(|entries| serde_json::from_value(entries).ok())
        .ok_or(form("the chain cannot be read"))?;
    let head = chain
        .get("head")
        .and_then(Value::as_str)
        .unwrap_or_default();
    follows(&entries, head)?;
    let complete = receipt.get("complete").and_then(Value::as_bool) == Some(true);
    let open = receipt.get("still_open").and_then(Value::as_object);
    let open = open.is_none_or(|open| open.values().any(|n| n.as_u64() != Some(0)));
    let through = entries
        .last()
        .is_some_and(|last| last.body.contains("\"step\":\"through\""));
    let mailboxes: BTreeMap<String, u64> = receipt
        .get("mailboxes")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, n)| Some((name.clone(), n.as_u64()?)))
        .collect();
    let of = |name: &str| mailboxes.get(name).copied().unwrap_or_default();
    // Every mailbox is accounted for once.
    let accounted = of("searched")
        .checked_add(of("unreachable"))
        .and_then(|sum| sum.checked_add(of("excluded")));
    if complete && (open || !through || accounted != Some(of("expected"))) {
        return Err(ReceiptError::Contradiction);
    }
    let word = |name: &str| receipt.get(name).and_then(Value::as_str);
    Ok(Verified {
        search: word("search").unwrap_or_default().to_owned(),
        key_id,
        public_key: public_text.to_owned(),
        entries: entries.len(),
        head: head.to_owned(),
        complete,
        mailboxes,
        doubts: receipt
            .get("doubts")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|doubt| doubt.as_str().map(str::to_owned))
            .collect(),
        key_checked: expected.is_some(),
    })
}

fn follows(entries: &[Entry], head: &str) -> Result<(), ReceiptError> {
    let mut last = "";
    for (n, entry) in entries.iter().enumerate() {
        let seq = i64::try_from(n).unwrap_or(i64::MAX).saturating_add(1);
        if entry.seq != seq || entry.previous != last || entry.digest() != entry.hash {
            return Err(ReceiptError::Chain(seq));
        }
        last = &entry.hash;
    }
    if last == head {
        Ok(())
    } else {
        Err(ReceiptError::Head)
    }
}
