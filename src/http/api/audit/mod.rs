//! Who did what.

pub(in crate::http) mod list;
