//! Tells idle workers that there is new work, so that they need not poll.

use std::sync::Arc;

use tokio::sync::Notify;

/// A bell between those who queue work in this process and the workers.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Rings it; rung while nobody waits, the next wait ends at once.
    pub fn notify(&self) {
        self.0.notify_one();
    }

    pub(super) async fn wait(&self) {
        self.0.notified().await;
    }
}
