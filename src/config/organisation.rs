//! Section `organisation`.
