//! From a report to a verdict: find the item in the reporter's own mailbox, hold
//! it, fetch the evidence, enrich, assess, settle by policy or leave it to an
//! analyst, and thank the reporter.
//!
//! Each step commits before the next begins and is skipped when its result is
//! already there, so that a crash costs at most one step.

mod case;
mod directory;
mod evidence;
mod findings;
mod hunt;
pub mod indicators;
mod judge;
pub mod letter;
pub mod lookups;
mod news;
pub mod overturn;
mod priority;
mod reassess;
mod role;
pub mod standing;
pub mod thank;

pub use case::Triage;
pub use directory::Directory;
pub use hunt::Hunt;
pub use letter::Letters;
pub use reassess::Reassess;
