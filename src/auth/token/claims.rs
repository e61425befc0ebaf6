//! A token's payload, typed at the moment of asking: a claim of the wrong type
//! is never the same as a missing one that has a default.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{MAX_LIFETIME_SECONDS, TokenError};

/// The members of a payload.
#[derive(Debug)]
pub struct Claims(pub(super) Map<String, Value>);

impl Claims {
    /// A claim as it came.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that is there and a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// A string claim that equals one of `allowed` exactly.
    pub fn is_one_of(&self, name: &str, allowed: &[String]) -> bool {
        self.text(name)
            .is_some_and(|text| allowed.iter().any(|a| a == text))
    }

    fn seconds(&self, name: &str) -> Result<Option<f64>, TokenError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => value
                .as_f64()
                .filter(|seconds| seconds.is_finite())
                .map(Some)
                .ok_or(TokenError::Time),
        }
    }

    /// Checks `exp`, `iat` and `nbf` against `now` with `skew` seconds of
    /// tolerance. Google's tokens carry no `nbf`; Microsoft's always do.
    pub fn check_times(
        &self,
        now: DateTime<Utc>,
        skew: u32,
        nbf_required: bool,
    ) -> Result<(), TokenError> {
        let exp = self.seconds("exp")?.ok_or(TokenError::Time)?;
        let iat = self.seconds("iat")?.ok_or(TokenError::Time)?;
        let nbf = match self.seconds("nbf")? {
            Some(nbf) => nbf,
            None if nbf_required => return Err(TokenError::Time),
            None => iat,
        };
        // Seconds since 1970 are exact in an f64 for the next 285 million years.
        #[expect(clippy::cast_precision_loss, reason = "exact at this size")]
        let now = now.timestamp_millis() as f64 / 1_000.0;
        let skew = f64::from(skew);
        if now >= exp + skew {
            return Err(TokenError::Expired);
        }
        if now + skew < nbf || now + skew < iat {
            return Err(TokenError::NotYet);
        }
        let life = exp - iat.min(nbf);
        if life > f64::from(MAX_LIFETIME_SECONDS) || exp <= iat.max(nbf) {
            return Err(TokenError::Lifetime);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, nbf_required: bool) -> Result<(), TokenError> {
        let claims = Claims(serde_json::from_str(json).expect("json"));
        let now = DateTime::from_timestamp(1_000_000, 0).expect("time");
        claims.check_times(now, 300, nbf_required)
    }

    #[test]
    fn the_edges_of_time_are_where_they_should_be() {
        use TokenError::{Expired, Lifetime, NotYet, Time};
        let cases = [
            (r#"{"exp":1000100,"iat":999990,"nbf":999990}"#, Ok(())),
            // expiry: the second of exp + skew is already too late
            (r#"{"exp":999701,"iat":999000,"nbf":999000}"#, Ok(())),
            (r#"{"exp":999700,"iat":999000,"nbf":999000}"#, Err(Expired)),
            // not before: the second of nbf - skew is in time
            (r#"{"exp":1001000,"iat":1000300,"nbf":1000300}"#, Ok(())),
            (r#"{"exp":1001000,"iat":999000,"nbf":1000301}"#, Err(NotYet)),
            (r#"{"exp":1001000,"iat":1000301,"nbf":999000}"#, Err(NotYet)),
            // 24 hours, to the second, by the earlier of iat and nbf
            (r#"{"exp":1086400,"iat":1000000,"nbf":1000000}"#, Ok(())),
            (
                r#"{"exp":1086401,"iat":1000000,"nbf":1000010}"#,
                Err(Lifetime),
            ),
            (r#"{"exp":999900,"iat":999900,"nbf":999000}"#, Err(Lifetime)),
            (r#"{"exp":1000100.5,"iat":999990.5,"nbf":999990}"#, Ok(())),
            (r#"{"exp":"1000100","iat":999990,"nbf":999990}"#, Err(Time)),
            (r#"{"exp":1000100,"iat":true,"nbf":999990}"#, Err(Time)),
            (r#"{"exp":1000100,"iat":999990,"nbf":null}"#, Err(Time)),
            (r#"{"exp":1000100,"nbf":999990}"#, Err(Time)),
            (r#"{"iat":999990,"nbf":999990}"#, Err(Time)),
            (r#"{"exp":1000100,"iat":999990}"#, Err(Time)),
            (
                r#"{"exp":18446744073709551615,"iat":999990,"nbf":999990}"#,
                Err(Lifetime),
            ),
            (
                r#"{"exp":1000100,"iat":-9e300,"nbf":999990}"#,
                Err(Lifetime),
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(check(json, true), expected, "{json}");
        }
        assert_eq!(check(r#"{"exp":1000100,"iat":999990}"#, false), Ok(()));
        assert_eq!(
            check(r#"{"exp":1000100,"iat":999990,"nbf":"x"}"#, false),
            Err(Time)
        );
    }
}
