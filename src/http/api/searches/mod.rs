//! Searches: what a pull asked and what a dry run would find, with their receipts.

pub(in crate::http) mod create;
pub(in crate::http) mod hits;
pub(in crate::http) mod list;
pub(in crate::http) mod mailboxes;
pub(in crate::http) mod read;
pub(in crate::http) mod receipt;
pub(in crate::http) mod view;
