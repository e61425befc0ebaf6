//! Section `notify`.
