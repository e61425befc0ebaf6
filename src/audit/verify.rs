//! Whether the chain holds, and where it does not.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    app::App,
    store::{
        StoreError,
        audit::{Entry, Head},
    },
};

/// Entries read at once.
const PAGE: u64 = 1_000;
/// Findings that are listed; all are counted.
const LISTED: usize = 100;
/// How far from its place an entry is looked for that was moved.
const FAR: i64 = 10_000;

/// A place where the chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Finding {
    /// What stands in the entry is not what its hash was made of.
    Edited {
        /// The entry.
        seq: i64,
    },
    /// An entry stands in the place of another.
    Moved {
        /// Where it stands.
        seq: i64,
        /// Under which number it was written.
        written_as: i64,
    },
    /// Entries are not there.
    Missing {
        /// The first of them.
        from: i64,
        /// The last of them.
        to: i64,
    },
    /// The entry is sound in itself and does not follow from the one before: one of the
    /// two was written anew, hash and all.
    Unlinked {
        /// The entry.
        seq: i64,
    },
    /// An entry under a number that no entry has.
    Foreign {
        /// The number.
        seq: i64,
    },
    /// The end is cut off.
    Cut {
        /// The last entry that is there; 0 for none.
        last: i64,
        /// The last that there was, as far as is known.
        known: i64,
    },
    /// Entries behind the chain's end, or an end that is not there.
    Added {
        /// The first of them.
        from: i64,
        /// The last of them.
        to: i64,
    },
    /// The end of the chain names another hash than the last entry has.
    Head {
        /// The last entry.
        seq: i64,
    },
    /// A signed checkpoint names another hash: from somewhere on all was written anew.
    Rewritten {
        /// The last entry that a checkpoint vouches for; 0 for none.
        after: i64,
        /// The entry that is not the one that was signed.
        seq: i64,
    },
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Edited { seq } => write!(f, "entry {seq} was edited"),
            Self::Moved { seq, written_as } => {
                write!(
                    f,
                    "entry {seq} was written as entry {written_as}: reordered"
                )
            }
            Self::Missing { from, to } if from == to => write!(f, "entry {from} was deleted"),
            Self::Missing { from, to } => write!(f, "entries {from} to {to} were deleted"),
            Self::Unlinked { seq } => write!(
                f,
                "entry {seq} does not follow from entry {}: one of them was written anew",
                seq - 1
            ),
            Self::Foreign { seq } => write!(f, "entry {seq} is none of the chain's"),
            Self::Cut { last, known } => {
                write!(
                    f,
                    "the end is cut off: {last} is the last entry, and there were {known}"
                )
            }
            Self::Added { from, to } => {
                write!(
                    f,
                    "entries {from} to {to} stand behind the end of the chain"
                )
            }
            Self::Head { seq } => {
                write!(f, "the chain's end names another hash than entry {seq} has")
            }
            Self::Rewritten { after, seq } => write!(
                f,
                "entry {seq} is not the one that was signed: written anew from somewhere \
                 between entry {} and it",
                after + 1
            ),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Whether the chain holds.
    pub intact: bool,
    /// Entries that were read.
    pub entries: u64,
    /// The number of the last entry; 0 for none.
    pub last: i64,
    /// Its hash.
    pub hash: String,
    /// Signed checkpoints that were compared.
    pub checkpoints: usize,
    /// Where it does not hold, in the order of the entries; at most a hundred.
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub more: u64,
}

/// The walk along a chain, entry by entry: it holds one entry at a time.
#[derive(Debug)]
pub struct Walk {
    tenant: String,
    signed: BTreeMap<i64, String>,
    entries: u64,
    seq: i64,
    hash: String,
    /// Whether the hash before is believed, so that the next must name it.
    linked: bool,
    vouched: i64,
    findings: Vec<Finding>,
    more: u64,
}

impl Walk {
    /// Along the chain of a tenant, with the hashes that checkpoints vouch for by the
    /// number of their entry.
    #[must_use]
    pub const fn new(tenant: String, signed: BTreeMap<i64, String>) -> Self {
        Self {
            tenant,
            signed,
            entries: 0,
            seq: 0,
            hash: String::new(),
            linked: true,
            vouched: 0,
            findings: Vec::new(),
            more: 0,
        }
    }

    fn find(&mut self, finding: Finding) {
        if self.findings.len() < LISTED {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }

    /// Looks at the next entry.
    pub fn step(&mut self, entry: &Entry) {
        self.entries += 1;
        let seq = entry.seq;
        if seq < 1 {
            return self.find(Finding::Foreign { seq });
        }
        let next = self.seq + 1;
        if seq > next {
            self.find(Finding::Missing {
                from: next,
                to: seq - 1,
            });
            self.linked = false;
        }
        let sound = entry.digest(&self.tenant) == entry.hash;
        if !sound {
            let finding = match self.written_as(entry) {
                Some(written_as) => Finding::Moved { seq, written_as },
                None => Finding::Edited { seq },
            };
            self.find(finding);
        } else if self.linked && entry.previous != self.hash {
            self.find(Finding::Unlinked { seq });
        } else if let Some(signed) = self.signed.get(&seq) {
            if *signed == entry.hash {
                self.vouched = seq;
            } else {
                let after = self.vouched;
                self.find(Finding::Rewritten { after, seq });
            }
        }
        self.seq = seq;
        self.hash.clone_from(&entry.hash);
        self.linked = sound;
    }

    /// The number that an entry was written under, where it is another one not too far.
    fn written_as(&self, entry: &Entry) -> Option<i64> {
        if self.findings.len() >= LISTED {
            return None;
        }
        let near = entry.seq.saturating_sub(FAR).max(1)..=entry.seq.saturating_add(FAR);
        near.into_iter()
            .find(|seq| entry.digest_as(&self.tenant, *seq) == entry.hash)
    }

    /// Compares the end.
    #[must_use]
    pub fn end(mut self, head: Option<&Head>) -> Outcome {
        let last = self.seq;
        let named = head.map_or(0, |head| head.seq);
        let signed = self.signed.keys().next_back().copied().unwrap_or(0);
        let known = named.max(signed);
        if known > last {
            self.find(Finding::Cut { last, known });
        }
        if named < last {
            let from = named + 1;
            self.find(Finding::Added { from, to: last });
        }
        let other = head.is_some_and(|head| head.seq == last && head.hash != self.hash);
        if other && self.linked {
            self.find(Finding::Head { seq: last });
        }
        Outcome {
            intact: self.findings.is_empty(),
            entries: self.entries,
            last,
            hash: self.hash,
            checkpoints: self.signed.len(),
            findings: self.findings,
            more: self.more,
        }
    }
}

/// Walks along the chain in the database, also while it grows.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn verify(app: &App, signed: BTreeMap<i64, String>) -> Result<Outcome, StoreError> {
    let rows = app.store.read(app.tenant);
    let mut walk = Walk::new(rows.tenant_name().to_owned(), signed);
    let mut after = i64::MIN;
    loop {
        // The end before the entries: what it names was there when they were read, and
        // where no more follow, all that were read were there when it was.
        let head = rows.audit_head().await?;
        let page = rows.audit_after(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(walk.end(head.as_ref()));
        };
        after = last.seq;
        page.iter().for_each(|entry| walk.step(entry));
    }
}
