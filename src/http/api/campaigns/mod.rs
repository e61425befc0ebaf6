//! Campaigns: submissions that are one attack, and what was pulled.

pub(in crate::http) mod list;
pub(in crate::http) mod pulls;
pub(in crate::http) mod read;
pub(in crate::http) mod restore;
mod view;
