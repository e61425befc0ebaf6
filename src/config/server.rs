//! Section `server`.
