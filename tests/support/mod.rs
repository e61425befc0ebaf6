//! What the integration tests share: throw-away databases, the simulated
//! organisation, and the whole service over it.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod collection;
pub mod database;
pub mod recorded;
pub mod stage;
