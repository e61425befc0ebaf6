//! Simulated tenants whose wires are kept, when `UNHOOK_EXCHANGES` names a
//! folder: `tests/run` has all that the tests made cross them checked at the end.

use std::sync::atomic::{AtomicU32, Ordering};

use unhook::sim::{Sim, SimOptions};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Starts it.
pub fn start(mut options: SimOptions) -> Sim {
    if let Some(folder) = std::env::var_os("UNHOOK_EXCHANGES") {
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("{}-{number}.jsonl", std::process::id());
        options.record_file = Some(std::path::Path::new(&folder).join(name));
    }
    Sim::start(options).expect("the simulated tenant starts")
}
