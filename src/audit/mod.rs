//! The audit trail from outside: whether its chain holds, and signed checkpoints of it
//! that leave the host.
//!
//! The entries are written by the store, with what they tell. A chain alone shows every
//! change but one: a tail written anew from some entry on, with all its hashes. That
//! takes a word from before, kept where whoever writes the database cannot write: the
//! checkpoint. The room may use the receipts' key and all that they may use.

pub mod checkpoint;
mod leave;
pub mod verify;

pub use leave::{LeaveError, Leaving, signed};
