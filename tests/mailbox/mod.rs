//! The mailbox room against real HTTP: what each wire makes of every way an
//! exchange can end, and one contract for both providers.

#[cfg(feature = "sim")]
mod contract;
#[cfg(feature = "sim")]
mod gmail_wire;
#[cfg(feature = "sim")]
mod graph_wire;
#[cfg(feature = "sim")]
mod reach;
#[cfg(not(feature = "sim"))]
mod shipped;
#[cfg(feature = "sim")]
mod stand_in;
#[cfg(feature = "sim")]
mod world;
