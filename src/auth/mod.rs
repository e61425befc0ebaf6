//! Who is speaking: reporters by their identity provider's token, analysts by
//! an API key, providers by the tokens of their notifications.
//!
//! Identity comes from the verified token, never from a body or another
//! header. This room holds no policy beyond "who", and touches no rows: it may
//! use `config`, `clock`, `domain`, and from `http` only the strict JSON reader.

pub mod api_key;
mod error;
mod extract;
pub mod jwks;
pub mod token;
mod verifier;

pub use api_key::{Analyst, Scope, Scopes};
pub use error::AuthError;
pub(crate) use error::problem;
pub use extract::{Reporter, bearer_token};
pub use token::{IssuerKind, Subject, TokenError, VerifiedReporter};
pub use verifier::{ReporterVerifier, VerifierError};
