//! A report's own words: who clicked where, why, and how far its evidence got.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A word that is not one of a closed set.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("not one of: {allowed}")]
pub struct WordError {
    /// The words that are allowed.
    pub allowed: &'static str,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $allowed:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// The name used in rows and the API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl FromStr for $name {
            type Err = WordError;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                match s {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(WordError { allowed: $allowed }),
                }
            }
        }
    };
}
pub(super) use words;

words! {
    /// The client that sent a report.
    ReportClient, "outlook, gmail, api" {
        /// The Outlook add-in.
        Outlook = "outlook",
        /// The Gmail add-on.
        Gmail = "gmail",
        /// Another program.
        Api = "api",
    }
}

words! {
    /// Why the person reported it.
    ReportReason, "phishing, spam, other" {
        /// Looks like phishing.
        Phishing = "phishing",
        /// Unwanted.
        Spam = "spam",
        /// Something else.
        Other = "other",
    }
}

words! {
    /// How far the server got at fetching the evidence itself.
    EvidenceState, "pending, fetched, mismatch, missing" {
        /// Not fetched yet.
        Pending = "pending",
        /// Fetched from the reporter's own mailbox; may carry a pull.
        Fetched = "fetched",
        /// Fetched, but what the client sent is another message: no pull.
        Mismatch = "mismatch",
        /// Not found in the reporter's mailbox; only the client's bytes, no pull.
        Missing = "missing",
    }
}

words! {
    /// What a reporter is told about their report.
    ReportStatus, "received, in_review, closed" {
        /// Stored; triage is under way.
        Received = "received",
        /// An analyst has to look.
        InReview = "in_review",
        /// Settled, and the reporter thanked.
        Closed = "closed",
    }
}

/// The identity provider's own subject inside `entra:{tid}:{oid}` or `google:{sub}`.
#[must_use]
pub fn subject_of(reporter: &str) -> &str {
    reporter.rsplit(':').next().unwrap_or(reporter)
}
