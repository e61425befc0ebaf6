//! The mailbox room against real HTTP: what each wire makes of every way an
//! exchange can end, and one contract for both providers.

mod gmail_wire;
mod graph_wire;
mod stand_in;
