//! Section `graph`.
