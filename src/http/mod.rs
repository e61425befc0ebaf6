//! Routes, the error table, the API and the console.

pub mod api;
pub mod console;
pub mod hooks;
pub mod strict_json;
