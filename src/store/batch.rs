//! Changes that go to the database in one round trip.
//!
//! Each statement sent to SQLite is handed to the connection's thread and back;
//! for a group of reports the hand-overs cost more than the rows. SQLite runs
//! several statements of one text, their values bound in order, so a batch is
//! one hand-over there. PostgreSQL takes one statement with values at a time.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryTrait, Statement, Value};

/// Statements that run in the order of adding, inside the caller's change.
pub(super) struct Batch {
    backend: DbBackend,
    statements: Vec<Statement>,
}

impl Batch {
    pub(super) fn on(conn: &impl ConnectionTrait) -> Self {
        Self {
            backend: conn.get_database_backend(),
            statements: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, query: &impl QueryTrait) {
        self.statements.push(query.build(self.backend));
    }

    /// Runs them; the first that fails ends it.
    pub(super) async fn execute(self, conn: &impl ConnectionTrait) -> Result<(), DbErr> {
        let statements = if self.backend == DbBackend::Sqlite {
            joined(self.statements).into_iter().collect()
        } else {
            self.statements
        };
        for statement in statements {
            conn.execute_raw(statement).await?;
        }
        Ok(())
    }
}

fn joined(statements: Vec<Statement>) -> Option<Statement> {
    let mut text = String::new();
    let mut values: Vec<Value> = Vec::new();
    for statement in statements {
        text.push_str(&statement.sql);
        text.push_str(";\n");
        values.extend(statement.values.into_iter().flat_map(|v| v.0));
    }
    (!text.is_empty()).then(|| Statement::from_sql_and_values(DbBackend::Sqlite, text, values))
}
