//! Section `workers`.
