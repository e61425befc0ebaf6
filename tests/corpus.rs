//! Real and hostile mail through parsing, enrichment and the verdict.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod corpus {
    mod hostile;
    mod quality;
    mod shared;
}
