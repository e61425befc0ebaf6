//! The kill switch: stops of pulling, and what they hold back.

pub(in crate::http) mod change;
pub(in crate::http) mod read;
