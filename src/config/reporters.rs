//! Section `reporters`.
