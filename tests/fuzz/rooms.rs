//! The pure rooms of Unhook, by path.
#![allow(dead_code, unused_imports, reason = "only a part of each room is fuzzed")]

#[path = "../../src/file/mod.rs"]
pub mod file;
#[path = "../../src/message/mod.rs"]
pub mod message;

/// Observables, without the look-ups beside them.
pub mod enrich {
    #[path = "../../../src/enrich/observables/mod.rs"]
    pub mod observables;
}
