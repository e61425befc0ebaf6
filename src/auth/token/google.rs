//! Google ID tokens: of people, of the add-on's service account, and of Pub/Sub.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{IssuerKind, Subject, TokenError, VerifiedReporter, claims::Claims};
use crate::{config::reporters::Google, domain::MailboxAddress};

const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// Google documents at most 255 ASCII characters for `sub`.
const MAX_SUB: usize = 255;

/// The rules for the configured Workspace domains.
#[derive(Debug)]
pub struct GoogleRules {
    audiences: Vec<String>,
    domains: Vec<String>,
    skew: u32,
}

impl GoogleRules {
    /// The rules that `section` asks for.
    pub fn new(section: &Google, skew: u32) -> Self {
        Self {
            audiences: section.audiences.clone(),
            domains: section.hosted_domains.clone(),
            skew,
        }
    }

    /// Whether `iss` is one of Google's two spellings.
    pub fn issuer(iss: &str) -> bool {
        ISSUERS.contains(&iss)
    }

    /// The person behind an ID token. `hd` decides who belongs, never the end
    /// of the address; `sub` is the identity, never the address.
    pub fn reporter(
        &self,
        claims: &Claims,
        now: DateTime<Utc>,
    ) -> Result<VerifiedReporter, TokenError> {
        self.check_origin(claims, now)?;
        if !claims.is_one_of("aud", &self.audiences) {
            return Err(TokenError::Audience);
        }
        let hd = claims
            .text("hd")
            .filter(|hd| self.domains.iter().any(|domain| domain == hd))
            .ok_or(TokenError::HostedDomain)?;
        let email: MailboxAddress = verified_email(claims)?
            .parse()
            .map_err(|_| TokenError::Email)?;
        let sub = claims
            .text("sub")
            .filter(|sub| {
                !sub.is_empty()
                    && sub.len() <= MAX_SUB
                    && sub.bytes().all(|b| b.is_ascii_alphanumeric())
            })
            .ok_or(TokenError::Subject)?;
        Ok(VerifiedReporter {
            issuer: IssuerKind::Google,
            subject: Subject::Google {
                sub: sub.to_owned(),
                hd: hd.to_owned(),
                email,
            },
            guest: false,
        })
    }

    /// Whether the service account `email` speaks to `audience`. Every Google
    /// customer can get a token with our audience, so the account is pinned.
    pub fn service(
        &self,
        claims: &Claims,
        now: DateTime<Utc>,
        audience: &str,
        email: &str,
    ) -> Result<(), TokenError> {
        self.check_origin(claims, now)?;
        if claims.text("aud") != Some(audience) {
            return Err(TokenError::Audience);
        }
        if verified_email(claims)? != email {
            return Err(TokenError::Email);
        }
        Ok(())
    }

    fn check_origin(&self, claims: &Claims, now: DateTime<Utc>) -> Result<(), TokenError> {
        if !claims.text("iss").is_some_and(Self::issuer) {
            return Err(TokenError::Issuer);
        }
        claims.check_times(now, self.skew, false)
    }
}

fn verified_email(claims: &Claims) -> Result<&str, TokenError> {
    // The boolean only: some libraries take the string "false" for true.
    if claims.get("email_verified") != Some(&Value::Bool(true)) {
        return Err(TokenError::Email);
    }
    claims.text("email").ok_or(TokenError::Email)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules() -> GoogleRules {
        GoogleRules {
            audiences: vec!["client".to_owned()],
            domains: vec!["example.com".to_owned()],
            skew: 300,
        }
    }

    fn good() -> Value {
        json!({
            "iss": "https://accounts.google.com", "aud": "client", "sub": "1099", "hd": "example.com",
            "email": "ann@alias.example", "email_verified": true, "iat": 999_990, "exp": 1_003_590,
        })
    }

    fn claims(value: &Value) -> Claims {
        Claims(value.as_object().expect("object").clone())
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000, 0).expect("time")
    }

    #[test]
    fn both_spellings_of_the_issuer_name_the_same_person() {
        let mut token = good();
        let one = rules().reporter(&claims(&token), now()).expect("accepted");
        token["iss"] = json!("accounts.google.com");
        assert_eq!(rules().reporter(&claims(&token), now()), Ok(one.clone()));
        assert_eq!(one.identity(), "google:1099");
        assert!(!one.guest);
    }

    #[test]
    fn each_claim_is_bound() {
        use TokenError as T;
        let cases = [
            ("iss", json!("https://accounts.google.com/"), T::Issuer),
            ("aud", json!(["client"]), T::Audience),
            ("aud", json!("client2"), T::Audience),
            ("hd", json!("example.com.evil.example"), T::HostedDomain),
            ("hd", json!("EXAMPLE.com"), T::HostedDomain),
            ("hd", json!(null), T::HostedDomain),
            ("email_verified", json!("true"), T::Email),
            ("email_verified", json!(1), T::Email),
            ("email", json!("a@b\r\nc"), T::Email),
            ("sub", json!(""), T::Subject),
            ("sub", json!(1099), T::Subject),
            ("sub", json!("a:b"), T::Subject),
            ("exp", json!(null), T::Time),
        ];
        for (name, value, expected) in cases {
            let mut token = good();
            token[name] = value.clone();
            assert_eq!(
                rules().reporter(&claims(&token), now()),
                Err(expected),
                "{name} = {value}"
            );
        }
    }

    #[test]
    fn a_service_needs_its_pinned_account_and_our_address() {
        let ask = |audience, email| rules().service(&claims(&good()), now(), audience, email);
        assert_eq!(ask("client", "ann@alias.example"), Ok(()));
        assert_eq!(ask("client", "bob@alias.example"), Err(TokenError::Email));
        assert_eq!(ask("other", "ann@alias.example"), Err(TokenError::Audience));
    }
}
