//! Section `log`.
