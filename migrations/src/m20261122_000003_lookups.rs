//! Questions to sources outside: what was sent (the egress ledger), what was
//! answered (the cache, "nothing known" included), and on the submission the
//! answers in use.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_000003_lookups"
    }
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("egress")
            .col(string("id").primary_key())
            .col(string("tenant_id"))
            .col(string("submission_id"))
            .col(string("source"))
            .col(string("kind"))
            .col(text("value"))
            .col(text("sent_to"))
            .col(text("payload"))
            .col(string("state"))
            .col(text_null("outcome"))
            .col(big_integer("asked_at"))
            .col(big_integer_null("answered_at"))
            .to_owned(),
        Table::create()
            .table("lookup_answer")
            .col(string("tenant_id"))
            .col(string("source"))
            .col(string("kind"))
            // SHA-256: values are longer than an index takes
            .col(string("value_sha256"))
            .col(json("answer"))
            .col(big_integer("asked_at"))
            .col(big_integer("expires_at"))
            .primary_key(
                Index::create()
                    .col("tenant_id")
                    .col("source")
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
            .name("egress_of_submission")
            .table("egress")
            .col("tenant_id")
            .col("submission_id")
            .to_owned();
        manager.create_index(of_submission).await?;
        // what was asked of a source since midnight, and in the last minute
        let of_source = Index::create()
            .name("egress_of_source")
            .table("egress")
            .col("tenant_id")
            .col("source")
            .col("asked_at")
            .to_owned();
        manager.create_index(of_source).await?;
        let sender = Index::create()
            .name("submission_by_sender")
            .table("submission")
            .col("tenant_id")
            .col("sender")
            .to_owned();
        manager.create_index(sender).await?;
        let change = Table::alter()
            .table("submission")
            .add_column(json_null("enrichment"))
            .to_owned();
        manager.alter_table(change).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let change = Table::alter()
            .table("submission")
            .drop_column("enrichment")
            .to_owned();
        manager.alter_table(change).await?;
        let index = Index::drop()
            .name("submission_by_sender")
            .table("submission")
            .to_owned();
        manager.drop_index(index).await?;
        for table in ["lookup_answer", "egress"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
