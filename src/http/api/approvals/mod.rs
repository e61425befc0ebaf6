//! Second persons' approvals of large pulls.

pub(in crate::http) mod answer;
pub(in crate::http) mod list;
pub(in crate::http) mod read;
pub(in crate::http) mod view;
