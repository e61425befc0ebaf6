//! Section `database`.
