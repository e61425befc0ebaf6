//! Whatever crosses the simulated Graph and Google wires is as the providers'
//! own descriptions say: the adapters ask for nothing that is not there, and the
//! simulator answers with nothing that they would not send.

mod caught;
mod exchange;
mod google;
mod graph;
mod multipart;
mod openapi;
mod recorded;
mod schema;
mod story;
mod ways;

use std::collections::{BTreeMap, BTreeSet};

use unhook::sim::{Exchange, Face, Operation};

use self::{exchange::Checked, google::Google, graph::Graph};
use crate::support::database::shared;

/// Operations that the descriptions at hand leave out: Graph's is cut to mail, people and
/// groups, and of Google's there are Gmail and the Directory. What they ask for and are
/// answered rests on the reference pages alone:
/// <https://learn.microsoft.com/graph/api/resources/event>,
/// <https://learn.microsoft.com/graph/api/eventmessage-get> and
/// <https://developers.google.com/workspace/calendar/api/v3/reference/events>.
const UNDESCRIBED: [Operation; 8] = [
    Operation::MessageEvent,
    Operation::EventsList,
    Operation::EventGet,
    Operation::EventCreate,
    Operation::EventDelete,
    Operation::CalendarList,
    Operation::CalendarDelete,
    Operation::CalendarPatch,
];

/// The descriptions; `None` (said plainly) when they are not there.
pub struct Descriptions {
    graph: Graph,
    google: Google,
}

impl Descriptions {
    pub fn open() -> Option<Self> {
        let graph = shared("spec/graph-openapi/graph-v1.0-cut.openapi.yaml")?;
        let gmail = shared("spec/google-discovery/gmail.v1.json")?;
        let directory = shared("spec/google-discovery/admin.directory_v1.cut.json")?;
        Some(Self {
            graph: Graph::open(&graph),
            google: Google::open(&[gmail, directory]),
        })
    }

    /// `None` when the exchange is outside the descriptions: tokens and keys,
    /// and what tests tell the simulator itself.
    pub fn check(&self, exchange: &Exchange) -> Option<Checked> {
        match (exchange.face, exchange.operation) {
            _ if UNDESCRIBED.contains(&exchange.operation) => None,
            (Face::Graph, _) => Some(self.graph.check(exchange)),
            (Face::Gmail | Face::Directory | Face::Calendar, _) => {
                Some(self.google.check(exchange))
            }
            // A path that is nobody's.
            (Face::Sim, Operation::Unknown) => Some(Checked::unknown(exchange)),
            (Face::Entra | Face::GoogleAuth | Face::Sim, _) => None,
        }
    }
}

/// What came of checking a record.
#[derive(Debug, Default)]
pub struct Tally {
    /// Exchanges by operation, and how many of them a fault had changed.
    by_operation: BTreeMap<String, (usize, usize)>,
    skipped: BTreeMap<String, usize>,
    statuses: BTreeMap<u16, usize>,
    /// Each once, with how often it was seen.
    violations: BTreeMap<String, usize>,
}

impl Tally {
    pub fn add(&mut self, descriptions: &Descriptions, record: &[Exchange]) {
        for exchange in record {
            let Some(checked) = descriptions.check(exchange) else {
                let kind = format!("{:?} {:?}", exchange.face, exchange.operation);
                *self.skipped.entry(kind).or_default() += 1;
                continue;
            };
            let (seen, faulted) = self.by_operation.entry(checked.operation).or_default();
            *seen += 1;
            *faulted += usize::from(exchange.faulted);
            *self.statuses.entry(exchange.status).or_default() += 1;
            for wrong in checked.wrong {
                *self.violations.entry(wrong).or_default() += 1;
            }
        }
    }

    pub fn print(&self) {
        eprintln!("wire conformance: exchanges by operation (of these faulted: request only)");
        for (operation, (seen, faulted)) in &self.by_operation {
            eprintln!("  {seen:>6} {faulted:>4}  {operation}");
        }
        let checked: usize = self.by_operation.values().map(|(seen, _)| seen).sum();
        let skipped: usize = self.skipped.values().sum();
        eprintln!("answers by status: {:?}", self.statuses);
        eprintln!("outside the descriptions, skipped: {:?}", self.skipped);
        let violations = self.violations.len();
        eprintln!("checked {checked}, skipped {skipped}, violations {violations}");
    }

    pub fn assert_clean(&self) {
        let first: Vec<_> = self.violations.iter().take(40).collect();
        assert!(first.is_empty(), "violations: {first:#?}");
    }

    pub fn seen(&self) -> BTreeSet<&str> {
        self.by_operation.keys().map(String::as_str).collect()
    }
}
