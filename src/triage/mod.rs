//! From a report to a verdict: find the item in the reporter's own mailbox, hold
//! it, fetch the evidence, enrich, assess, settle by policy or leave it to an
//! analyst, and thank the reporter.
//!
//! Each step commits before the next begins and is skipped when its result is
//! already there, so that a crash costs at most one step.

mod case;
pub mod clicks;
mod directory;
mod evidence;
mod findings;
pub mod grouping;
mod hunt;
pub mod indicators;
mod joining;
mod judge;
mod kin;
pub mod letter;
pub mod lookups;
mod news;
pub mod overturn;
mod own_letter;
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
