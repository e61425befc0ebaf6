//! Real and hostile mail through parsing, enrichment and the verdict.

mod corpus {
    mod hostile;
    mod quality;
    mod shared;
}
