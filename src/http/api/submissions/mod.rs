//! Submissions: the evidence behind reports, for analysts.

pub(in crate::http) mod assessments;
pub(in crate::http) mod indicators;
pub(in crate::http) mod list;
pub(in crate::http) mod raw;
pub(in crate::http) mod read;
pub(in crate::http) mod verdict;
mod view;
