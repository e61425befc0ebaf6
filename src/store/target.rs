//! Whom a case reached, by department.

use sea_orm::{
    ConnectionTrait, DbErr, Statement,
    sea_query::{Alias, Expr, ExprTrait as _, JoinType, Order, Query},
};

use super::{Scope, StoreError};
use crate::domain::CampaignId;

/// How many mailboxes of a department hold, or held, copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    /// As the directory names it; `None` where it names none.
    pub department: Option<String>,
    /// Its mailboxes with a copy.
    pub mailboxes: u64,
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// The mailboxes in which copies of these campaigns were found, by department,
    /// the most first; at most `most` departments.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn targets(
        &self,
        campaigns: &[CampaignId],
        most: u64,
    ) -> Result<Vec<Targets>, StoreError> {
        let copies = Query::select()
            .distinct()
            .columns(["tenant_id", "provider", "mailbox_key"])
            .from("pull")
            .and_where(Expr::col("tenant_id").eq(&self.tenant))
            .and_where(Expr::col("campaign_id").is_in(campaigns.iter().map(ToString::to_string)))
            // looked at, and found to be something else
            .and_where(Expr::col("observed").ne("changed"))
            .take();
        let (copy, mailbox) = (Alias::new("copy"), Alias::new("mailbox"));
        let same = |column: &'static str| {
            Expr::col((copy.clone(), column)).equals((mailbox.clone(), column))
        };
        let query = Query::select()
            .column((mailbox.clone(), "department"))
            .expr_as(Expr::cust("COUNT(*)"), "n")
            .from_subquery(copies, copy.clone())
            .join(
                JoinType::LeftJoin,
                "mailbox",
                same("tenant_id")
                    .and(same("provider"))
                    .and(same("mailbox_key")),
            )
            .group_by_col((mailbox.clone(), "department"))
            .order_by("n", Order::Desc)
            .limit(most)
            .take();
        let statement: Statement = self.conn.get_database_backend().build(&query);
        let rows = self.conn.query_all_raw(statement).await?;
        let read: Result<Vec<Targets>, DbErr> = rows
            .iter()
            .map(|row| {
                let n: i64 = row.try_get("", "n")?;
                Ok(Targets {
                    department: row.try_get("", "department")?,
                    mailboxes: u64::try_from(n).unwrap_or_default(),
                })
            })
            .collect();
        Ok(read?)
    }
}
