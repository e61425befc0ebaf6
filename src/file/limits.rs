//! How much of a file is looked at.

use serde::{Deserialize, Serialize};

/// Bounds of taking one message's files apart. What lies past a bound is left
/// unread and noted as a [`Stop`](super::Stop); nothing is refused.
///
/// Bytes are counted as they are produced, never as a header declares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLimits {
    /// Bytes that all unpacking of one message may produce together.
    pub produced: usize,
    /// Bytes that one member may produce.
    pub member: usize,
    /// Containers within containers.
    pub depth: usize,
    /// Members looked at, over the whole message.
    pub members: usize,
    /// Bytes of text kept of one file.
    pub text: usize,
    /// Links kept of one file.
    pub links: usize,
    /// Notes kept of one file.
    pub notes: usize,
    /// Pixels of a picture that is searched for QR codes.
    pub pixels: u64,
    /// Pictures searched for QR codes, over the whole message.
    pub pictures: usize,
    /// Passwords tried on one encrypted container.
    pub passwords: usize,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self {
            produced: 96 << 20,
            member: 32 << 20,
            depth: 6,
            members: 500,
            text: 256 << 10,
            links: 1_000,
            notes: 100,
            pixels: 16_000_000,
            pictures: 20,
            passwords: 16,
        }
    }
}
