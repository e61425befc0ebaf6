//! From a report to a verdict: fetch the evidence, enrich, assess, settle.

pub mod overturn;
