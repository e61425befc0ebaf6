//! The pure rooms of Unhook by path, and what each target does with its input.
#![allow(
    dead_code,
    unused_imports,
    missing_docs,
    reason = "only a part of each room is fuzzed"
)]

#[path = "../../src/file/mod.rs"]
pub mod file;
#[path = "../../src/message/mod.rs"]
pub mod message;

/// Observables, without the look-ups beside them.
#[path = "../../src/enrich"]
pub mod enrich {
    pub mod observables;
}

pub mod targets;
