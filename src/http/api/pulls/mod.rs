//! Pulls: one copy's fate.

pub(in crate::http) mod pull;
pub(in crate::http) mod read;
pub(in crate::http) mod restore;
pub(in crate::http) mod view;
