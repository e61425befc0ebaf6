//! What is known beyond the message itself: observables out of it, and questions to
//! the DNS, to sources outside and to the places that links lead to.
//!
//! Observables are pure and bounded. Everything that leaves the machine stands
//! behind a switch of its own and takes its resolver and connections as arguments;
//! what is sent is written down by the caller before it is sent.

pub mod authenticate;
pub mod fetch;
pub mod guard;
pub mod lookups;
pub mod observables;
pub mod resolve;
#[cfg(test)]
pub(crate) mod tests;

pub use observables::{ObservableKind, merged, observables, observables_of_files};
