//! Every input that fuzzing once found fault with, and a few that exercise each
//! target, given to the very functions that are fuzzed (`tests/fuzz/targets.rs`).

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "what a test does not expect must stop it"
)]

use std::path::{Path, PathBuf};

/// What `tests/fuzz/targets.rs` finds in the fuzz crate.
#[path = "fuzz"]
mod rooms {
    pub mod enrich {
        pub mod observables {
            pub use unhook::enrich::{observables, observables_of_files};
        }
    }
    pub use unhook::{file, message};

    pub mod targets;
}

fn kept(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/findings")
        .join(target);
    let mut inputs: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "nothing is kept for {target}");
    inputs
}

fn replay(target: &str, judge: fn(&[u8])) {
    for input in kept(target) {
        eprintln!("{}", input.display());
        judge(&std::fs::read(&input).unwrap());
    }
}

#[test]
fn mime() {
    replay("mime", rooms::targets::mime);
}

#[test]
fn urls() {
    replay("urls", rooms::targets::urls);
}

#[test]
fn rewriters() {
    replay("rewriters", rooms::targets::rewriters);
}

#[test]
fn msg() {
    replay("msg", rooms::targets::msg);
}

#[test]
fn archive() {
    replay("archive", rooms::targets::archive);
}
