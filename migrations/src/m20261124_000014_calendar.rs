//! What is known of the calendar entry that an invitation made, beside the copy of
//! the invitation. Copies from before have none.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_000014_calendar"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table("pull")
            .add_column(json_null("calendar"))
            .to_owned();
        manager.alter_table(column).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table("pull")
            .drop_column("calendar")
            .to_owned();
        manager.alter_table(column).await
    }
}
