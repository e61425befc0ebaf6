//! How right reports were: one's own for each reporter, groups for those who run it.

pub(in crate::http) mod me;
pub(in crate::http) mod statistics;
