//! What several processes may use of the providers' limits together, and how many
//! calls at once a provider was found to bear.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261123_000012_budget"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("budget")
            .col(string("tenant_id"))
            .col(text("name"))
            .col(text("content"))
            .col(big_integer("version"))
            .col(big_integer("changed_at"))
            .primary_key(Index::create().col("tenant_id").col("name"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table("budget").to_owned();
        manager.drop_table(table).await
    }
}
