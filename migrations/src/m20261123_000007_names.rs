//! The names of people in a form that can be compared, so that a stranger who bears
//! one is seen. Rows from before are filled by the next reading of the directory.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261123_000007_names"
    }
}

/// Name, table, columns.
const INDEXES: [(&str, &str, &[&str]); 2] = [
    ("mailbox_name", "mailbox", &["tenant_id", "name_key"]),
    (
        "mailbox_address_mailbox",
        "mailbox_address",
        &["tenant_id", "provider", "mailbox_key"],
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table("mailbox")
            .add_column(string_null("name_key"))
            .to_owned();
        manager.alter_table(column).await?;
        for (name, table, columns) in INDEXES {
            let mut index = Index::create().name(name).table(table).to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table, _) in INDEXES {
            let index = Index::drop().name(name).table(table).to_owned();
            manager.drop_index(index).await?;
        }
        let column = Table::alter()
            .table("mailbox")
            .drop_column("name_key")
            .to_owned();
        manager.alter_table(column).await
    }
}
