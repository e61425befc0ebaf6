//! What judged and why: every policy that was ever proposed, every model that was
//! trained here, what of both was put into force and when, and every assessment with
//! the facts it rested on.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261123_000004_judgements"
    }
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("policy")
            .col(string("tenant_id"))
            // the start of the digest of its text
            .col(string("version"))
            .col(text("content"))
            .col(text_null("note"))
            .col(string("created_by"))
            .col(big_integer("created_at"))
            // what trying it on the history gave
            .col(json_null("trial"))
            .col(big_integer_null("tried_at"))
            .primary_key(Index::create().col("tenant_id").col("version"))
            .to_owned(),
        Table::create()
            .table("model")
            .col(string("tenant_id"))
            .col(string("version"))
            .col(string("blob_sha256"))
            // where it comes from, and how it compares
            .col(json("provenance"))
            .col(json("trial"))
            .col(string("created_by"))
            .col(big_integer("created_at"))
            .primary_key(Index::create().col("tenant_id").col("version"))
            .to_owned(),
        Table::create()
            .table("in_force")
            .col(string("id").primary_key())
            .col(string("tenant_id"))
            // nothing: the configuration's policy, the model that comes with Unhook
            .col(string_null("policy_version"))
            .col(string_null("model_version"))
            .col(string("decided_by"))
            .col(big_integer("since"))
            .to_owned(),
        Table::create()
            .table("assessment")
            .col(string("id").primary_key())
            .col(string("tenant_id"))
            .col(string("submission_id"))
            .col(string("cause"))
            .col(string("verdict"))
            .col(string("policy_version"))
            .col(string_null("model_version"))
            .col(string("rules_version"))
            // texts, not JSON: byte for byte as they were written
            .col(text("facts"))
            .col(text("assessment"))
            .col(big_integer("created_at"))
            .to_owned(),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        let latest = Index::create()
            .name("in_force_latest")
            .table("in_force")
            .col("tenant_id")
            .col("id")
            .to_owned();
        manager.create_index(latest).await?;
        let of_submission = Index::create()
            .name("assessment_of_submission")
            .table("assessment")
            .col("tenant_id")
            .col("submission_id")
            .col("id")
            .to_owned();
        manager.create_index(of_submission).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["assessment", "in_force", "model", "policy"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
