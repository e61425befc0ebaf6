//! The standing watch: which pulled campaigns are looked for again, in which
//! mailboxes first, and which mailboxes tell of their changes.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261123_000011_subscriptions"
    }
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("watch")
            .col(string("remediation_id").primary_key())
            .col(string("tenant_id"))
            .col(string("campaign_id"))
            .col(integer("decision_version"))
            .col(big_integer("began_at"))
            .col(big_integer("until_at"))
            // the next round; absent once it is over
            .col(big_integer_null("next_at"))
            // the round under way, and the last mailbox it has looked into
            .col(string_null("scope"))
            .col(string_null("after_provider"))
            .col(string_null("after_key"))
            // since when notifications may have been missed
            .col(big_integer_null("gap_at"))
            // when the last round over all mailboxes began
            .col(big_integer_null("swept_at"))
            .col(big_integer("resurfaced"))
            .to_owned(),
        Table::create()
            .table("watched")
            .col(string("remediation_id"))
            .col(string("provider"))
            .col(string("mailbox_key"))
            .col(string("tenant_id"))
            .col(string("address"))
            .col(boolean("likely"))
            // owed a look of its own, not before
            .col(big_integer_null("due_at"))
            .col(integer("tries"))
            .primary_key(
                Index::create()
                    .col("remediation_id")
                    .col("provider")
                    .col("mailbox_key"),
            )
            .to_owned(),
        Table::create()
            .table("subscription")
            .col(string("tenant_id"))
            .col(string("provider"))
            .col(string("mailbox_key"))
            .col(string("address"))
            .col(string("remote_id"))
            // SHA-256 of a random text of 128 bits
            .col(string("client_state_sha256"))
            .col(string("state"))
            // how far notifications were heard
            .col(string_null("mark"))
            .col(big_integer("expires_at"))
            .col(big_integer("due_at"))
            .col(text_null("last_error"))
            .primary_key(
                Index::create()
                    .col("tenant_id")
                    .col("provider")
                    .col("mailbox_key"),
            )
            .to_owned(),
    ]
}

/// Name, table and columns.
const INDEXES: [(&str, &str, &[&str]); 2] = [
    ("watch_next", "watch", &["tenant_id", "next_at"]),
    (
        "watched_mailbox",
        "watched",
        &["tenant_id", "provider", "mailbox_key"],
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (name, table, columns) in INDEXES {
            let mut index = Index::create();
            index.name(name).table(table);
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index.take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["subscription", "watched", "watch"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
