//! Where the shared test mail lies.

use std::path::PathBuf;

use unhook::sandbox::{Sandbox, SandboxOptions};

/// A folder of the shared test data; says plainly when it is absent.
pub fn folder(inside: &str) -> Option<PathBuf> {
    let root = std::env::var_os("UNHOOK_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")),
        PathBuf::from,
    );
    let folder = root.join(inside);
    if folder.exists() {
        return Some(folder);
    }
    eprintln!("LEFT OUT: no shared test data at {}", folder.display());
    None
}

/// The processes for files, of the program under test.
pub fn sandbox(workers: usize) -> Sandbox {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_unhook"));
    Sandbox::new(SandboxOptions {
        workers,
        ..SandboxOptions::new(program, vec!["dissect-files".into()])
    })
}
