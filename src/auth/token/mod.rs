//! What a token must say before anybody is believed.
//!
//! The signature is the smallest part: Microsoft signs for every tenant with
//! the same keys, so issuer, tenant, audience, client and scope are bound here,
//! each compared exactly. All of it is pure; keys come from [`super::jwks`].

mod claims;
mod compact;
mod entra;
mod google;

use uuid::Uuid;

use crate::domain::MailboxAddress;

pub(super) use claims::Claims;
pub(super) use compact::Compact;
pub(super) use entra::EntraRules;
pub(super) use google::GoogleRules;

/// The longest token that is looked at, bytes; longer ones are refused unread.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The longest life (`exp` minus `iat` or `nbf`) that is believed, seconds.
pub const MAX_LIFETIME_SECONDS: u32 = 24 * 60 * 60;

/// Which of the known issuer forms signed a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IssuerKind {
    /// `https://sts.windows.net/{tid}/`
    EntraV1,
    /// `https://login.microsoftonline.com/{tid}/v2.0`
    EntraV2,
    /// `https://accounts.google.com`
    Google,
}

/// The person, by identifiers that neither they nor an administrator of another
/// tenant can choose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A person of a Microsoft directory.
    Entra {
        /// The directory; equals the configured one.
        tid: Uuid,
        /// The person's object id in it.
        oid: Uuid,
    },
    /// A person of a Google Workspace domain.
    Google {
        /// The account's stable id.
        sub: String,
        /// The Workspace domain; one of the configured ones.
        hd: String,
        /// The verified address at the time of signing. Not an identity: it can
        /// be given to somebody else later.
        email: MailboxAddress,
    },
}

/// A person whose token was verified.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VerifiedReporter {
    /// Who vouches.
    pub issuer: IssuerKind,
    /// Who it is.
    pub subject: Subject,
    /// A guest from another organisation: may report, carries no weight for a pull.
    pub guest: bool,
}

impl VerifiedReporter {
    /// The person as one text for unique keys; the same for every token of theirs.
    #[must_use]
    pub fn identity(&self) -> String {
        match &self.subject {
            Subject::Entra { tid, oid } => format!("entra:{tid}:{oid}"),
            Subject::Google { sub, .. } => format!("google:{sub}"),
        }
    }
}

/// Why a token was refused. For logs and counters; a client never learns it.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum TokenError {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("token too long")]
    TooLong,
    /// Not three segments.
    #[error("not three segments")]
    Segments,
    /// A segment is not canonical unpadded base64url.
    #[error("not canonical base64url")]
    Encoding,
    /// The header is no strict JSON object.
    #[error("header malformed")]
    Header,
    /// The header carries key material, compression, criticals or nesting.
    #[error("header member not allowed")]
    HeaderMember,
    /// Not RS256.
    #[error("algorithm not allowed")]
    Algorithm,
    /// `kid` missing or no string.
    #[error("key id malformed")]
    KeyId,
    /// The payload is no strict JSON object.
    #[error("payload malformed")]
    Payload,
    /// `iss` is none of the configured issuers.
    #[error("issuer not accepted")]
    Issuer,
    /// The issuer publishes no such key, or the key belongs to another issuer.
    #[error("key unknown")]
    UnknownKey,
    /// The signature does not fit.
    #[error("signature invalid")]
    Signature,
    /// `exp`, `nbf` or `iat` missing or not a finite number.
    #[error("time claim malformed")]
    Time,
    /// Expired.
    #[error("expired")]
    Expired,
    /// Not valid yet.
    #[error("not valid yet")]
    NotYet,
    /// Lives longer than [`MAX_LIFETIME_SECONDS`], or ends before it begins.
    #[error("lifetime not accepted")]
    Lifetime,
    /// `tid` is not the configured tenant.
    #[error("tenant not accepted")]
    Tenant,
    /// `ver` does not fit the issuer's form.
    #[error("version does not fit the issuer")]
    Version,
    /// `aud` is not ours.
    #[error("audience not accepted")]
    Audience,
    /// `azp`/`appid` is not on the list.
    #[error("client not accepted")]
    Client,
    /// No person behind it: an app-only token.
    #[error("app-only token")]
    AppOnly,
    /// `scp` missing (an ID token, an app-only token) or without our scope.
    #[error("scope missing")]
    Scope,
    /// `oid` or `sub` missing or malformed.
    #[error("subject malformed")]
    Subject,
    /// `hd` is none of the configured domains.
    #[error("hosted domain not accepted")]
    HostedDomain,
    /// `email` missing, malformed, unverified or not the pinned one.
    #[error("e-mail not accepted")]
    Email,
    /// Nothing is configured that could accept such a token here.
    #[error("no such issuer configured")]
    NotConfigured,
}

impl TokenError {
    /// A stable reason code for logs and counters.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Segments => "segments",
            Self::Encoding => "encoding",
            Self::Header => "header",
            Self::HeaderMember => "header_member",
            Self::Algorithm => "algorithm",
            Self::KeyId => "key_id",
            Self::Payload => "payload",
            Self::Issuer => "issuer",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Time => "time",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Lifetime => "lifetime",
            Self::Tenant => "tenant",
            Self::Version => "version",
            Self::Audience => "audience",
            Self::Client => "client",
            Self::AppOnly => "app_only",
            Self::Scope => "scope",
            Self::Subject => "subject",
            Self::HostedDomain => "hosted_domain",
            Self::Email => "email",
            Self::NotConfigured => "not_configured",
        }
    }
}
