//! The way a message took, as its servers wrote it: the newest hop first, with the
//! border of trust drawn in.

use serde_json::Value;

use super::{
    super::text::Plain,
    evidence::{list, words},
};

/// One hop.
pub struct HopRow {
    /// Who sent it.
    pub from: Plain,
    /// Who took it.
    pub by: Plain,
    /// By which protocol.
    pub with: Plain,
    /// When.
    pub at: Plain,
    /// Whether a server of the organisation wrote it.
    pub trusted: bool,
    /// Whether everything below it is a claim.
    pub border: bool,
    /// What is odd about it.
    pub oddities: Vec<Plain>,
}

/// The way, and what is odd about it as a whole.
pub struct Route {
    /// The newest hop first, at most 100.
    pub hops: Vec<HopRow>,
    /// The address that gave it to the organisation.
    pub sending_ip: Plain,
    /// The name that address gave itself.
    pub helo: Plain,
    /// What is odd.
    pub oddities: Vec<Plain>,
}

fn texts(value: &Value, name: &str) -> Vec<Plain> {
    list(value, name)
        .iter()
        .take(20)
        .map(|one| Plain::line(&words(Some(one)), 200))
        .collect()
}

/// The way; empty when it was not read.
pub fn route(findings: &Value) -> Route {
    let received = findings.get("received").unwrap_or(&Value::Null);
    let said = |hop: &Value, name: &str| Plain::line(&words(hop.get(name)), 160);
    let is = |hop: &Value, name: &str| hop.get(name) == Some(&Value::Bool(true));
    Route {
        hops: list(received, "hops")
            .iter()
            .take(100)
            .map(|hop| HopRow {
                from: said(hop, "from"),
                by: said(hop, "by"),
                with: said(hop, "with"),
                at: said(hop, "at"),
                trusted: is(hop, "trusted"),
                border: is(hop, "border"),
                oddities: texts(hop, "oddities"),
            })
            .collect(),
        sending_ip: said(received, "sending_ip"),
        helo: said(received, "helo"),
        oddities: texts(received, "oddities"),
    }
}
