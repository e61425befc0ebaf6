//! How right reporters were, and what waits longest for the most at stake: one vote a
//! person and case, and the order of the queue with what it rests on.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261123_000005_reporters"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let vote = Table::create()
            .table("vote")
            .col(string("tenant_id"))
            // primary address of the person's mailbox, or the identity where there is none
            .col(string("person"))
            // the campaign, or the submission that belongs to none
            .col(string("case_key"))
            // part of the organisation the person is counted with: the mail domain
            .col(string("house"))
            .col(string("outcome"))
            // thousandths
            .col(integer("credit"))
            .col(integer("weight"))
            .col(big_integer("decided_at"))
            .primary_key(
                Index::create()
                    .col("tenant_id")
                    .col("person")
                    .col("case_key"),
            )
            .to_owned();
        manager.create_table(vote).await?;
        let of_case = Index::create()
            .name("vote_of_case")
            .table("vote")
            .col("tenant_id")
            .col("case_key")
            .to_owned();
        manager.create_index(of_case).await?;
        // SQLite takes one column at a time
        for column in [big_integer_null("urgency"), json_null("priority")] {
            let change = Table::alter()
                .table("submission")
                .add_column(column)
                .to_owned();
            manager.alter_table(change).await?;
        }
        let order = Index::create()
            .name("submission_urgency")
            .table("submission")
            .col("tenant_id")
            .col("urgency")
            .col("id")
            .to_owned();
        manager.create_index(order).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::drop()
            .name("submission_urgency")
            .table("submission")
            .to_owned();
        manager.drop_index(index).await?;
        for column in ["priority", "urgency"] {
            let change = Table::alter()
                .table("submission")
                .drop_column(column)
                .to_owned();
            manager.alter_table(change).await?;
        }
        manager
            .drop_table(Table::drop().table("vote").to_owned())
            .await
    }
}
