//! Letters to reporters: the row first, then the sending.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _,
    PaginatorTrait as _, QueryFilter as _, QueryOrder as _, sea_query::OnConflict,
};

use super::{Scope, StoreError, held, instant, millis, parse};
use crate::domain::{LetterId, MailboxAddress, ReportId, SubmissionId, Verdict};

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "letter")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub tenant_id: String,
        pub report_id: String,
        pub submission_id: String,
        pub case_key: String,
        pub reporter: String,
        pub outcome: String,
        pub message_id: String,
        pub state: String,
        pub via: Option<String>,
        pub address: Option<String>,
        pub attempts: i32,
        pub attempted_at: Option<i64>,
        pub created_at: i64,
        pub sent_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How far a letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterState {
    /// To be sent.
    Queued,
    /// An attempt was begun; whether it went out must be looked up first.
    Sending,
    /// It went out.
    Sent,
    /// It will not go out (no address).
    Dropped,
    /// The verdict changed before it went out; it is taken up again should the
    /// verdict come back.
    Superseded,
}

impl LetterState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Dropped => "dropped",
            Self::Superseded => "superseded",
        }
    }
}

/// One letter to one reporter about one case and outcome.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Identity.
    pub id: LetterId,
    /// The report it answers.
    pub report: ReportId,
    /// The submission of that report.
    pub submission: SubmissionId,
    /// What makes it unique with reporter and outcome: the campaign or submission.
    pub case_key: String,
    /// Stable identity of the reporter.
    pub reporter: String,
    /// What they are told.
    pub outcome: Verdict,
    /// Its own Message-ID without angle brackets, fixed before the first attempt.
    pub message_id: String,
    /// How far it is.
    pub state: LetterState,
    /// `mailbox`, `smtp` or `file`.
    pub via: Option<String>,
    /// The directory address it went to.
    pub address: Option<MailboxAddress>,
    /// Attempts begun.
    pub attempts: i32,
    /// When the last attempt began whose outcome is not known; absent when
    /// nothing can be under way.
    pub attempted_at: Option<DateTime<Utc>>,
    /// When it was decided.
    pub created_at: DateTime<Utc>,
    /// When it went out.
    pub sent_at: Option<DateTime<Utc>>,
}

fn letter_of(row: entity::Model) -> Result<Letter, StoreError> {
    Ok(Letter {
        id: parse(&row.id, "letter.id")?,
        report: parse(&row.report_id, "letter.report_id")?,
        submission: parse(&row.submission_id, "letter.submission_id")?,
        case_key: row.case_key,
        reporter: row.reporter,
        outcome: parse(&row.outcome, "letter.outcome")?,
        message_id: row.message_id,
        state: match row.state.as_str() {
            "queued" => LetterState::Queued,
            "sending" => LetterState::Sending,
            "sent" => LetterState::Sent,
            "dropped" => LetterState::Dropped,
            "superseded" => LetterState::Superseded,
            _ => return Err(StoreError::Corrupt("letter.state".to_owned())),
        },
        via: row.via,
        address: row
            .address
            .map(|a| parse(&a, "letter.address"))
            .transpose()?,
        attempts: row.attempts,
        attempted_at: row.attempted_at.map(instant),
        created_at: instant(row.created_at),
        sent_at: row.sent_at.map(instant),
    })
}

impl<C: ConnectionTrait> Scope<'_, C> {
    /// One letter.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn letter(&self, id: LetterId) -> Result<Option<Letter>, StoreError> {
        let row = entity::Entity::find_by_id(id.to_string())
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .one(self.conn)
            .await?;
        row.map(letter_of).transpose()
    }

    /// The letters that answer a report, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn letters_of(&self, report: ReportId) -> Result<Vec<Letter>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::ReportId.eq(report.to_string()))
            .order_by_asc(entity::Column::Id)
            .all(self.conn)
            .await?;
        rows.into_iter().map(letter_of).collect()
    }

    /// How many letters of the tenant are in a state.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn count_letters(&self, state: LetterState) -> Result<u64, StoreError> {
        Ok(entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::State.eq(state.as_str()))
            .count(self.conn)
            .await?)
    }
}

impl Scope<'_, DatabaseTransaction> {
    fn letter_row(&self, letter: &Letter) -> entity::ActiveModel {
        entity::ActiveModel {
            id: Set(letter.id.to_string()),
            tenant_id: Set(self.tenant.clone()),
            report_id: Set(letter.report.to_string()),
            submission_id: Set(letter.submission.to_string()),
            case_key: Set(letter.case_key.clone()),
            reporter: Set(letter.reporter.clone()),
            outcome: Set(letter.outcome.to_string()),
            message_id: Set(letter.message_id.clone()),
            state: Set(letter.state.as_str().to_owned()),
            via: Set(letter.via.clone()),
            address: Set(letter.address.as_ref().map(ToString::to_string)),
            attempts: Set(letter.attempts),
            attempted_at: Set(letter.attempted_at.map(millis)),
            created_at: Set(millis(letter.created_at)),
            sent_at: Set(letter.sent_at.map(millis)),
        }
    }

    /// Writes a letter unless this reporter already has one about this case and
    /// outcome. Gives the letter that is now to be sent: the new one, or one that
    /// was superseded before it went out.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn insert_letter_once(
        &self,
        letter: &Letter,
    ) -> Result<Option<LetterId>, StoreError> {
        let new = entity::Entity::insert_many([self.letter_row(letter)])
            .on_conflict(
                OnConflict::columns([
                    entity::Column::TenantId,
                    entity::Column::Reporter,
                    entity::Column::CaseKey,
                    entity::Column::Outcome,
                ])
                .do_nothing()
                .to_owned(),
            )
            .exec_without_returning(self.conn)
            .await?;
        if new == 1 {
            return Ok(Some(letter.id));
        }
        self.revive_letter(letter).await
    }

    /// Queues a letter anew that was superseded before it went out, or that was
    /// contradicted since. One that may be under way is looked up first, as it
    /// would have been.
    async fn revive_letter(&self, letter: &Letter) -> Result<Option<LetterId>, StoreError> {
        // Held before it is judged: the letter step may be giving it up just now.
        let query = entity::Entity::find()
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Reporter.eq(&letter.reporter))
            .filter(entity::Column::CaseKey.eq(&letter.case_key))
            .order_by_asc(entity::Column::Id);
        let all = held(self.conn, query).all(self.conn).await?;
        let outcome = letter.outcome.to_string();
        let Some(known) = all.iter().find(|known| known.outcome == outcome) else {
            return Ok(None);
        };
        let superseded = known.state == LetterState::Superseded.as_str();
        // What they were told last is no longer so: they are told anew, in a letter
        // of its own, which must not be taken for the first when it is looked up.
        let corrected = known.state == LetterState::Sent.as_str()
            && all.iter().any(|other| other.sent_at > known.sent_at);
        let (state, message_id, attempted_at) = match (superseded, known.attempted_at) {
            (true, Some(at)) => (LetterState::Sending, &known.message_id, Some(at)),
            (true, None) => (LetterState::Queued, &known.message_id, None),
            (false, _) if corrected => (LetterState::Queued, &letter.message_id, None),
            (false, _) => return Ok(None),
        };
        entity::Entity::update_many()
            .set(entity::ActiveModel {
                state: Set(state.as_str().to_owned()),
                message_id: Set(message_id.clone()),
                attempted_at: Set(attempted_at),
                ..Default::default()
            })
            .filter(entity::Column::TenantId.eq(&self.tenant))
            .filter(entity::Column::Id.eq(&known.id))
            .exec(self.conn)
            .await?;
        Ok(Some(parse(&known.id, "letter.id")?))
    }

    /// Writes a letter's state back.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn save_letter(&self, letter: &Letter) -> Result<(), StoreError> {
        entity::Entity::update(self.letter_row(letter))
            .exec(self.conn)
            .await?;
        Ok(())
    }
}
