//! Database migrations of Unhook. Each runs on SQLite and on PostgreSQL; a file
//! here is never edited once released.
//!
//! Times are milliseconds since 1970-01-01 UTC in 64-bit integers, so that both
//! databases order them alike. Identifiers are their printed form.

use sea_orm_migration::prelude::*;

mod m20261122_000001_first;
mod m20261122_000002_tries;
mod m20261122_000003_lookups;
mod m20261123_000004_judgements;
mod m20261123_000005_reporters;
mod m20261123_000006_hunting;
mod m20261123_000007_names;
mod m20261123_000008_order;
mod m20261123_000009_search;
mod m20261123_000010_membership;
mod m20261123_000011_subscriptions;
mod m20261123_000012_budget;
mod m20261124_000013_stages;
mod m20261124_000014_calendar;
mod m20261124_000015_audit;

/// All migrations, in order, each whole or not at all.
pub struct Migrator;

/// A migration in one transaction with its own record, on SQLite too, which by default has
/// none: one that is killed half-way would meet its own tables ever after.
struct Whole(Box<dyn MigrationTrait>);

impl MigrationName for Whole {
    fn name(&self) -> &str {
        self.0.name()
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Whole {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.up(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.down(manager).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let all: Vec<Box<dyn MigrationTrait>> = vec![
            Box::new(m20261122_000001_first::Migration),
            Box::new(m20261122_000002_tries::Migration),
            Box::new(m20261122_000003_lookups::Migration),
            Box::new(m20261123_000004_judgements::Migration),
            Box::new(m20261123_000005_reporters::Migration),
            Box::new(m20261123_000006_hunting::Migration),
            Box::new(m20261123_000007_names::Migration),
            Box::new(m20261123_000008_order::Migration),
            Box::new(m20261123_000009_search::Migration),
            Box::new(m20261123_000010_membership::Migration),
            Box::new(m20261123_000011_subscriptions::Migration),
            Box::new(m20261123_000012_budget::Migration),
            Box::new(m20261124_000013_stages::Migration),
            Box::new(m20261124_000014_calendar::Migration),
            Box::new(m20261124_000015_audit::Migration),
        ];
        all.into_iter()
            .map(|one| Box::new(Whole(one)) as Box<dyn MigrationTrait>)
            .collect()
    }
}
