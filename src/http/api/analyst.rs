//! Who asks on the analyst side, with the needed scope in the handler's
//! signature: `By<ReadPulls>` runs only for a key that may read pulls.

use std::marker::PhantomData;

use actix_web::{Error, FromRequest, HttpRequest, dev::Payload, web};
use futures::future::LocalBoxFuture;

use crate::{
    auth::{
        Analyst, AuthError, Scope, Scopes,
        api_key::{ApiKeyError, KeyHash, StoredApiKey},
        bearer_token,
    },
    http::{Problem, State},
    store::{StoreError, api_key::ApiKeyRow},
};

/// A scope as a type.
pub(crate) trait Right: 'static {
    /// The scope.
    const SCOPE: Scope;
}

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident = $scope:ident;)*) => {$(
        $(#[$doc])*
        pub(crate) enum $name {}
        impl Right for $name {
            const SCOPE: Scope = Scope::$scope;
        }
    )*};
}

rights! {
    /// See submissions, campaigns and parked jobs.
    ReadSubmissions = SubmissionsRead;
    /// Download the raw message.
    ReadRaw = RawRead;
    /// Set a verdict.
    SetVerdicts = VerdictsWrite;
    /// See pulls.
    ReadPulls = PullsRead;
    /// Restore what was pulled.
    ChangePulls = PullsWrite;
    /// Approve a large pull, and let go on what was stopped.
    ApprovePulls = PullsApprove;
    /// See how groups of people report.
    ReadStatistics = StatisticsRead;
    /// Change what judges.
    Administer = Admin;
}

/// An analyst (or program) whose key grants `R`.
pub(crate) struct By<R> {
    /// Who.
    pub(crate) analyst: Analyst,
    right: PhantomData<fn() -> R>,
}

impl<R> By<R> {
    /// The name under which a change is recorded.
    pub(crate) fn actor(&self) -> String {
        self.analyst.key_id.to_string()
    }
}

impl<R: Right> FromRequest for By<R> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let analyst = admit(&request).await?;
            analyst.require(R::SCOPE).map_err(AuthError::recorded)?;
            Ok(Self {
                analyst,
                right: PhantomData,
            })
        })
    }
}

async fn admit(request: &HttpRequest) -> Result<Analyst, Error> {
    let refused = |error: ApiKeyError| AuthError::from(error).recorded();
    let state = request
        .app_data::<web::Data<State>>()
        .ok_or(AuthError::NotWired)?;
    let token = bearer_token(request.headers()).map_err(AuthError::recorded)?;
    let presented = KeyHash::of(token).map_err(refused)?;
    let row = state
        .app
        .store
        .api_key_by_hash(&hex::encode(presented.as_bytes()))
        .await
        .map_err(Problem::from)?
        .filter(|row| row.tenant == state.app.tenant)
        .ok_or_else(|| refused(ApiKeyError::Unknown))?;
    let stored = stored(&row).map_err(Problem::from)?;
    Ok(stored
        .admit(&presented, state.app.clock.now())
        .map_err(refused)?)
}

fn stored(row: &ApiKeyRow) -> Result<StoredApiKey, StoreError> {
    let corrupt = |column: &str| StoreError::Corrupt(format!("api_key.{column}"));
    let mut hash = [0; 32];
    hex::decode_to_slice(&row.hash, &mut hash).map_err(|_| corrupt("hash"))?;
    Ok(StoredApiKey {
        key_id: row.id,
        hash: KeyHash::from_bytes(hash),
        scopes: row
            .scopes
            .parse::<Scopes>()
            .map_err(|_| corrupt("scopes"))?,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
    })
}
