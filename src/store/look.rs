//! How often a submission's message was really looked for, and its copy really
//! moved: counted apart from the attempts of its job, which outages raise too.

use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, ExprTrait as _, QueryFilter as _,
    sea_query::Expr,
};

use super::{Scope, StoreError, submission::entity};
use crate::domain::SubmissionId;

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
