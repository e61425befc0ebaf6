//! Finding and pulling every copy, and putting them back.

pub mod undo;
