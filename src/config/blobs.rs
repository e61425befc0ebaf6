//! Section `blobs`.
