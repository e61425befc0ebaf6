//! The providers' budgets in the database, where every worker process sees them.

use async_trait::async_trait;

use crate::{
    clock::SharedClock,
    domain::TenantId,
    mailbox::pace::{SharedBudgets, Unshared},
    store::Store,
};

/// See the module.
#[derive(Debug)]
pub struct StoredBudgets {
    store: Store,
    tenant: TenantId,
    clock: SharedClock,
}

impl StoredBudgets {
    /// The budgets of one organisation.
    #[must_use]
    pub const fn new(store: Store, tenant: TenantId, clock: SharedClock) -> Self {
        Self {
            store,
            tenant,
            clock,
        }
    }
}

#[async_trait]
impl SharedBudgets for StoredBudgets {
    async fn change(
        &self,
        name: &str,
        change: &mut (dyn for<'a> FnMut(Option<&'a str>) -> Option<String> + Send),
    ) -> Result<(), Unshared> {
        let now = self.clock.now();
        let changed = self
            .store
            .change_budget(self.tenant, name, now, change)
            .await;
        match changed {
            Ok(true) => Ok(()),
            Ok(false) => Err(Unshared),
            Err(error) => {
                tracing::warn!(%error, "the budgets of the other workers are out of reach");
                Err(Unshared)
            }
        }
    }
}
