//! Real and hostile mail through parsing, enrichment and the verdict.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "what a test or bench does not expect must stop it"
)]

mod corpus {
    mod hostile;
    mod links;
    mod quality;
    mod shared;
}
