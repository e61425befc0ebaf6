//! What was really tried, and when: attempts at letters whose outcome may be
//! unknown, looks for evidence, and the last full reading of each platform's
//! directory.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_000002_tries"
    }
}

/// Table and column; one statement each, since SQLite adds one at a time.
fn columns() -> [(&'static str, ColumnDef); 3] {
    [
        ("letter", big_integer_null("attempted_at")),
        ("submission", integer("looks").default(0).take()),
        ("submission", integer("holds").default(0).take()),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, mut column) in columns() {
            let change = Table::alter()
                .table(table)
                .add_column(&mut column)
                .to_owned();
            manager.alter_table(change).await?;
        }
        manager
            .create_table(
                Table::create()
                    .table("directory_reading")
                    .col(string("tenant_id"))
                    .col(string("provider"))
                    .col(big_integer("read_at"))
                    .primary_key(Index::create().col("tenant_id").col("provider"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("directory_reading").to_owned())
            .await?;
        for (table, column) in columns() {
            let name = Alias::new(column.get_column_name());
            let change = Table::alter().table(table).drop_column(name).to_owned();
            manager.alter_table(change).await?;
        }
        Ok(())
    }
}
