//! Background work that needs a person.

pub(in crate::http) mod parked;
