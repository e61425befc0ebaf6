//! The labelled mail that benches read.

use std::path::{Path, PathBuf};

/// The folder it is read from.
#[must_use]
pub fn folder() -> String {
    let shared = std::env::var("UNHOOK_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned());
    format!("{shared}/corpora/dev")
}

/// Every message, or as many as the first number on the command line says, spread
/// over all kinds.
#[must_use]
pub fn read() -> Vec<Vec<u8>> {
    let most: usize = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(usize::MAX);
    let mut files = Vec::new();
    walk(Path::new(&folder()), &mut files);
    files.sort();
    let step = (files.len() / most.max(1)).max(1);
    files
        .iter()
        .step_by(step)
        .map(|path| std::fs::read(path).expect("readable"))
        .collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|e| e == "eml") {
            files.push(path);
        }
    }
}
