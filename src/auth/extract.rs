//! The verified reporter as a handler's argument.

use std::sync::Arc;

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{AUTHORIZATION, HeaderMap},
};
use futures::future::LocalBoxFuture;

use super::{AuthError, ReporterVerifier, VerifiedReporter};

/// A handler that takes this runs only for a person whose token was verified.
/// Needs `Arc<ReporterVerifier>` in the app's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporter(pub VerifiedReporter);

impl FromRequest for Reporter {
    type Error = AuthError;
    type Future = LocalBoxFuture<'static, Result<Self, AuthError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let verified = async {
                let verifier = request
                    .app_data::<Arc<ReporterVerifier>>()
                    .ok_or(AuthError::NotWired)?;
                verifier.verify(bearer_token(request.headers())?).await
            };
            verified.await.map(Self).map_err(AuthError::recorded)
        })
    }
}

/// The token of the one `Authorization: Bearer <token>` header: exactly one
/// header, one space, a token of visible ASCII without spaces. The scheme's
/// case does not matter (RFC 9110 section 11.1).
///
/// # Errors
/// `Missing` without such a header, `Header` when it is not of that form.
pub fn bearer_token(headers: &HeaderMap) -> Result<&str, AuthError> {
    let mut all = headers.get_all(AUTHORIZATION);
    let header = all.next().ok_or(AuthError::Missing)?;
    if all.next().is_some() {
        return Err(AuthError::Header);
    }
    let (scheme, token) = header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or(AuthError::Header)?;
    let visible = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    if scheme.eq_ignore_ascii_case("Bearer") && visible {
        Ok(token)
    } else {
        Err(AuthError::Header)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for value in values {
            map.append(
                AUTHORIZATION,
                HeaderValue::from_bytes(value).expect("value"),
            );
        }
        map
    }

    #[test]
    fn only_one_spelling_of_the_header_is_read() {
        assert_eq!(bearer_token(&headers(&[b"Bearer a.b.c"])), Ok("a.b.c"));
        assert_eq!(bearer_token(&headers(&[b"bearer a.b.c"])), Ok("a.b.c"));
        assert_eq!(bearer_token(&headers(&[])), Err(AuthError::Missing));
        let bad: [&[&[u8]]; 9] = [
            &[b"Bearer  a.b.c"],
            &[b"Bearer\ta.b.c"],
            &[b"Bearer a.b.c "],
            &[b"Bearer a b"],
            &[b"Bearer "],
            &[b"Bearer"],
            &[b"Basic a.b.c"],
            &[b"Bearer \xff"],
            &[b"Bearer a.b.c", b"Bearer a.b.c"],
        ];
        for values in bad {
            assert_eq!(bearer_token(&headers(values)), Err(AuthError::Header));
        }
    }
}
