//! Hunting through what is stored: which value stands in which message, and what the
//! organisation itself says of values.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261123_000006_hunting"
    }
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("sighting")
            .col(string("tenant_id"))
            .col(string("kind"))
            // SHA-256: values are longer than an index takes
            .col(string("value_sha256"))
            .col(string("submission_id"))
            .col(text("value"))
            // what its kept answers say of the value, as far as a hunt compares it
            .col(text("said"))
            .col(big_integer("created_at"))
            .primary_key(
                Index::create()
                    .col("tenant_id")
                    .col("kind")
                    .col("value_sha256")
                    .col("submission_id"),
            )
            .to_owned(),
        Table::create()
            .table("indicator")
            .col(string("tenant_id"))
            .col(string("kind"))
            .col(string("value_sha256"))
            .col(text("value"))
            .col(string("reputation"))
            .col(text("note"))
            .col(string("added_by"))
            .col(big_integer("added_at"))
            .col(big_integer_null("until"))
            .col(big_integer_null("withdrawn_at"))
            .col(string_null("withdrawn_by"))
            .primary_key(
                Index::create()
                    .col("tenant_id")
                    .col("kind")
                    .col("value_sha256"),
            )
            .to_owned(),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        let of_submission = Index::create()
            .name("sighting_of_submission")
            .table("sighting")
            .col("tenant_id")
            .col("submission_id")
            .to_owned();
        manager.create_index(of_submission).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["indicator", "sighting"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
