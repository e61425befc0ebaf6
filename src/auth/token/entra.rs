//! Microsoft Entra ID: access tokens for our own API, and the validation tokens
//! of Graph's change notifications.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::{IssuerKind, Subject, TokenError, VerifiedReporter, claims::Claims};
use crate::config::reporters::{Entra, GraphNotify};

/// The rules for one registered tenant.
#[derive(Debug)]
pub struct EntraRules {
    tenant: Uuid,
    tid: String,
    v1: String,
    v2: String,
    audiences: Vec<String>,
    clients: Vec<String>,
    scope: String,
    skew: u32,
}

impl EntraRules {
    /// The rules that `section` asks for.
    pub fn new(section: &Entra, skew: u32) -> Self {
        let tid = section.tenant_id.to_string();
        Self {
            tenant: section.tenant_id,
            v1: format!("https://sts.windows.net/{tid}/"),
            v2: format!("https://login.microsoftonline.com/{tid}/v2.0"),
            tid,
            audiences: section.audiences.clone(),
            clients: section.clients.iter().map(Uuid::to_string).collect(),
            scope: section.scope.clone(),
            skew,
        }
    }

    /// Which form of this tenant's issuer `iss` is, compared exactly.
    pub fn issuer(&self, iss: &str) -> Option<IssuerKind> {
        if iss == self.v1 {
            Some(IssuerKind::EntraV1)
        } else if iss == self.v2 {
            Some(IssuerKind::EntraV2)
        } else {
            None
        }
    }

    /// Whether a published key may sign for this tenant. The key's own issuer,
    /// when it names one, is the v2 form even for keys that sign v1 tokens.
    pub fn owns_key(&self, key_issuer: Option<&str>) -> bool {
        key_issuer.is_none_or(|issuer| {
            self.issuer(&issuer.replace("{tenantid}", &self.tid))
                .is_some()
        })
    }

    /// The person behind a delegated access token.
    pub fn reporter(
        &self,
        claims: &Claims,
        now: DateTime<Utc>,
    ) -> Result<VerifiedReporter, TokenError> {
        let issuer = self.check_origin(claims, now)?;
        if !claims.is_one_of("aud", &self.audiences) {
            return Err(TokenError::Audience);
        }
        if !claims.is_one_of(client_claim(issuer), &self.clients) {
            return Err(TokenError::Client);
        }
        // `user` is the only value a person's token has.
        if claims
            .get("idtyp")
            .is_some_and(|v| v.as_str() != Some("user"))
        {
            return Err(TokenError::AppOnly);
        }
        let scopes = claims.text("scp").ok_or(TokenError::Scope)?;
        if !scopes.split(' ').any(|scope| scope == self.scope) {
            return Err(TokenError::Scope);
        }
        Ok(VerifiedReporter {
            issuer,
            subject: Subject::Entra {
                tid: self.tenant,
                oid: object_id(claims)?,
            },
            guest: self.is_guest(claims),
        })
    }

    /// Whether Graph's publisher signed a notification for us.
    pub fn notification(
        &self,
        claims: &Claims,
        now: DateTime<Utc>,
        notify: &GraphNotify,
    ) -> Result<(), TokenError> {
        let issuer = self.check_origin(claims, now)?;
        if claims.text("aud") != Some(notify.audience.as_str()) {
            return Err(TokenError::Audience);
        }
        if claims.text(client_claim(issuer)) != Some(notify.publisher.to_string().as_str()) {
            return Err(TokenError::Client);
        }
        Ok(())
    }

    fn check_origin(&self, claims: &Claims, now: DateTime<Utc>) -> Result<IssuerKind, TokenError> {
        let issuer = claims
            .text("iss")
            .and_then(|iss| self.issuer(iss))
            .ok_or(TokenError::Issuer)?;
        if claims.text("tid") != Some(self.tid.as_str()) {
            return Err(TokenError::Tenant);
        }
        let version = match issuer {
            IssuerKind::EntraV1 => "1.0",
            IssuerKind::EntraV2 | IssuerKind::Google => "2.0",
        };
        if claims.text("ver") != Some(version) {
            return Err(TokenError::Version);
        }
        claims.check_times(now, self.skew, true)?;
        Ok(issuer)
    }

    /// A guest's `idp` names where they really signed in; `acct` 1 says guest.
    /// Whatever is not plainly a member counts as a guest.
    fn is_guest(&self, claims: &Claims) -> bool {
        let elsewhere = claims
            .get("idp")
            .is_some_and(|idp| idp.as_str().is_none_or(|idp| self.issuer(idp).is_none()));
        let account = claims
            .get("acct")
            .is_some_and(|acct| acct.as_u64() != Some(0));
        elsewhere || account
    }
}

const fn client_claim(issuer: IssuerKind) -> &'static str {
    match issuer {
        IssuerKind::EntraV1 => "appid",
        IssuerKind::EntraV2 | IssuerKind::Google => "azp",
    }
}

/// The person's id in the one spelling Microsoft uses, so that two spellings
/// cannot become two people.
fn object_id(claims: &Claims) -> Result<Uuid, TokenError> {
    let text = claims
        .get("oid")
        .and_then(Value::as_str)
        .ok_or(TokenError::Subject)?;
    Uuid::try_parse(text)
        .ok()
        .filter(|oid| !oid.is_nil() && oid.to_string() == text)
        .ok_or(TokenError::Subject)
}

#[cfg(test)]
mod tests;
