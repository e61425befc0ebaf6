//! The queue's order for what waits already, and indexes for what is asked often.

use sea_orm_migration::prelude::*;

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261123_000008_order"
    }
}

/// Name, table and columns.
const INDEXES: [(&str, &str, [&str; 2]); 3] = [
    ("submission_verdict", "submission", ["tenant_id", "verdict"]),
    ("vote_decided", "vote", ["tenant_id", "decided_at"]),
    ("sighting_created", "sighting", ["tenant_id", "created_at"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // an even chance, one person: a doubling down, and one for every day since then,
        // in thousandths
        let baseline = Query::update()
            .table("submission")
            .value(
                "urgency",
                Expr::value(-1_000_i64).sub(Expr::col("created_at").div(86_400_i64)),
            )
            .and_where(Expr::col("urgency").is_null())
            .take();
        manager.exec_stmt(baseline).await?;
        for (name, table, columns) in INDEXES {
            let mut index = Index::create();
            index.name(name).table(table);
            for column in columns {
                index.col(column);
            }
            manager.create_index(index.take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table, _) in INDEXES {
            let index = Index::drop().name(name).table(table).to_owned();
            manager.drop_index(index).await?;
        }
        Ok(())
    }
}
