//! How far a pull may go: its stage, second persons' approvals, the stops, and what
//! was moved in a day and in a minute.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_000013_stages"
    }
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("approval")
            .col(string("id").primary_key())
            .col(string("tenant_id"))
            .col(string("campaign_id"))
            .col(string("remediation_id"))
            .col(integer("decision_version"))
            .col(string("state"))
            // whoever decided the pull; none: no person did
            .col(string_null("asked_by"))
            .col(big_integer("asked_at"))
            // what was shown
            .col(big_integer("mailboxes"))
            .col(big_integer("copies"))
            .col(string_null("decided_by"))
            .col(big_integer_null("decided_at"))
            .col(text_null("reason"))
            .col(big_integer_null("expires_at"))
            .to_owned(),
        // a row is a stop in force
        Table::create()
            .table("pull_stop")
            .col(string("tenant_id"))
            .col(string("scope"))
            .col(string("stopped_by"))
            .col(text("reason"))
            .col(big_integer("since"))
            .primary_key(Index::create().col("tenant_id").col("scope"))
            .to_owned(),
        Table::create()
            .table("pull_window")
            .col(string("tenant_id"))
            .col(string("span"))
            .col(big_integer("start"))
            .col(big_integer("moved"))
            .primary_key(Index::create().col("tenant_id").col("span").col("start"))
            .to_owned(),
    ]
}

/// Of the remediation. SQLite adds one column a statement.
fn columns() -> Vec<ColumnDef> {
    vec![
        string_null("decided_by"),
        string("stage").default("rest").to_owned(),
        big_integer_null("waits_until"),
        text_null("halted"),
        big_integer_null("halted_at"),
        // objections before this are settled
        big_integer_null("heard_since"),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        manager
            .create_index(
                Index::create()
                    .name("approval_campaign")
                    .table("approval")
                    .col("tenant_id")
                    .col("campaign_id")
                    .to_owned(),
            )
            .await?;
        for column in columns() {
            let table = Table::alter()
                .table("remediation")
                .add_column(column)
                .to_owned();
            manager.alter_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["approval", "pull_stop", "pull_window"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        for column in [
            "decided_by",
            "stage",
            "waits_until",
            "halted",
            "halted_at",
            "heard_since",
        ] {
            let less = Table::alter()
                .table("remediation")
                .drop_column(column)
                .to_owned();
            manager.alter_table(less).await?;
        }
        Ok(())
    }
}
