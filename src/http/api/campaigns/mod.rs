//! Campaigns: submissions that are one attack, and what was pulled.

pub(in crate::http) mod clicks;
pub(in crate::http) mod hold;
pub(in crate::http) mod list;
pub(in crate::http) mod members;
pub(in crate::http) mod merge;
pub(in crate::http) mod pulls;
pub(in crate::http) mod read;
pub(in crate::http) mod remove;
pub(in crate::http) mod restore;
pub(in crate::http) mod split;
pub(in crate::http) mod variants;
pub(in crate::http) mod view;
