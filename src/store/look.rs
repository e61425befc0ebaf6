//! How often a submission's message was really looked for, and its copy really
//! moved: counted apart from the attempts of its job, which outages raise too.

use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, ExprTrait as _, QueryFilter as _,
    sea_query::Expr,
};

use super::{Scope, StoreError};
use crate::domain::SubmissionId;

mod entity {
    use sea_orm::entity::prelude::*;

    /// The counters of a submission; the rest of its row is the submission's own.
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "submission")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub looks: i32,
        pub holds: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// The reported message was looked for, and the mailbox answered.
    Look,
    /// The reporter's copy was to be moved into quarantine.
    Hold,
}

impl Scope<'_, DatabaseTransaction> {
    /// Counts one try; gives how many there were with it.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_try(
        &self,
        submission: SubmissionId,
        tried: Tried,
    ) -> Result<i32, StoreError> {
        let column = match tried {
            Tried::Look => entity::Column::Looks,
            Tried::Hold => entity::Column::Holds,
        };
        entity::Entity::update_many()
            .col_expr(column, Expr::col(column).add(1))
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Id.eq(submission.to_string()))
            .exec(self.conn)
            .await?;
        let row = entity::Entity::find_by_id(submission.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .one(self.conn)
            .await?;
        Ok(row.map_or(0, |row| match tried {
            Tried::Look => row.looks,
            Tried::Hold => row.holds,
        }))
    }
}
