//! The audit trail: a chain of entries, its head, and the signed checkpoints of it.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_000015_audit"
    }
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("audit")
            .col(string("tenant_id"))
            .col(big_integer("seq"))
            .col(big_integer("at"))
            .col(string("actor"))
            .col(string("action"))
            // empty where it is about no single thing
            .col(string("subject"))
            // JSON as text: what is hashed is what stands here
            .col(text("detail"))
            .col(string("previous"))
            .col(string("hash"))
            .primary_key(Index::create().col("tenant_id").col("seq"))
            .to_owned(),
        Table::create()
            .table("audit_head")
            .col(string("tenant_id").primary_key())
            .col(big_integer("seq"))
            .col(string("hash"))
            .to_owned(),
        // the last ones, and those that have not left yet
        Table::create()
            .table("audit_checkpoint")
            .col(string("tenant_id"))
            .col(big_integer("seq"))
            .col(big_integer("at"))
            .col(text("body"))
            .col(big_integer_null("filed_at"))
            .col(big_integer_null("posted_at"))
            .primary_key(Index::create().col("tenant_id").col("seq"))
            .to_owned(),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (name, column) in [("audit_subject", "subject"), ("audit_actor", "actor")] {
            manager
                .create_index(
                    Index::create()
                        .name(name)
                        .table("audit")
                        .col("tenant_id")
                        .col(column)
                        .col("seq")
                        .to_owned(),
                )
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["audit", "audit_head", "audit_checkpoint"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
