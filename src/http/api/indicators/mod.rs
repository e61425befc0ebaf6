//! The organisation's own indicators: what it says of links, hosts, files, senders.

pub(in crate::http) mod create;
pub(in crate::http) mod list;
pub(in crate::http) mod view;
pub(in crate::http) mod withdraw;
