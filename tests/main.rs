//! One binary for all integration tests.

// `cfg(test)` always holds here; it tells clippy that these modules are tests.
#[cfg(test)]
mod mailbox;
