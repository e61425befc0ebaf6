//! Which submissions are one case and why, what a person took apart, who clicked, and
//! people's departments.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261123_000010_membership"
    }
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("membership")
            .col(string("tenant_id"))
            .col(string("submission_id"))
            // the case: a campaign that is no variant of another
            .col(string("campaign_id"))
            .col(string("how"))
            .col(double("score"))
            .col(json("reasons"))
            .col(string("decided_by"))
            .col(big_integer("at"))
            .primary_key(Index::create().col("tenant_id").col("submission_id"))
            .to_owned(),
        Table::create()
            .table("campaign_key")
            .col(string("tenant_id"))
            .col(string("key_sha256"))
            .col(string("campaign_id"))
            .primary_key(
                Index::create()
                    .col("tenant_id")
                    .col("key_sha256")
                    .col("campaign_id"),
            )
            .to_owned(),
        // two campaigns that a person took apart, the smaller id first
        Table::create()
            .table("apart")
            .col(string("tenant_id"))
            .col(string("one_id"))
            .col(string("other_id"))
            .col(text("reason"))
            .col(string("decided_by"))
            .col(big_integer("at"))
            .primary_key(
                Index::create()
                    .col("tenant_id")
                    .col("one_id")
                    .col("other_id"),
            )
            .to_owned(),
        Table::create()
            .table("click")
            .col(string("tenant_id"))
            .col(string("campaign_id"))
            .col(string("address"))
            .col(big_integer("at"))
            .col(string("url_sha256"))
            .col(text("url"))
            .col(string("imported_by"))
            .col(big_integer("imported_at"))
            .primary_key(
                Index::create()
                    .col("tenant_id")
                    .col("campaign_id")
                    .col("address")
                    .col("at")
                    .col("url_sha256"),
            )
            .to_owned(),
    ]
}

/// Name, table, columns.
const INDEXES: [(&str, &str, [&str; 2]); 3] = [
    (
        "membership_campaign",
        "membership",
        ["tenant_id", "campaign_id"],
    ),
    ("apart_other", "apart", ["tenant_id", "other_id"]),
    ("campaign_variant", "campaign", ["tenant_id", "variant_of"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (table, column) in [("campaign", "variant_of"), ("mailbox", "department")] {
            let more = Table::alter()
                .table(table)
                .add_column(string_null(column))
                .to_owned();
            manager.alter_table(more).await?;
        }
        for (name, table, columns) in INDEXES {
            let mut index = Index::create().name(name).table(table).to_owned();
            for column in columns {
                index.col(column);
            }
            manager.create_index(index).await?;
        }
        // what joined before joined as the same message
        let mut known = Query::insert();
        known
            .into_table("membership")
            .columns([
                "tenant_id",
                "submission_id",
                "campaign_id",
                "how",
                "score",
                "reasons",
                "decided_by",
                "at",
            ])
            .select_from(
                Query::select()
                    .columns(["tenant_id", "id", "campaign_id"])
                    .expr(Expr::value("exact"))
                    .expr(Expr::value(1.0))
                    .expr(Expr::cust("'[\"the same message\"]'"))
                    .expr(Expr::value("unhook"))
                    .column("created_at")
                    .from("submission")
                    .and_where(Expr::col("campaign_id").is_not_null())
                    .take(),
            )
            .map_err(|error| DbErr::Migration(error.to_string()))?;
        manager.exec_stmt(known).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::drop()
            .name("campaign_variant")
            .table("campaign")
            .to_owned();
        manager.drop_index(index).await?;
        for (table, column) in [("campaign", "variant_of"), ("mailbox", "department")] {
            let less = Table::alter().table(table).drop_column(column).to_owned();
            manager.alter_table(less).await?;
        }
        for table in ["click", "apart", "campaign_key", "membership"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
