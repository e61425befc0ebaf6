//! `Retry-After` as providers write it.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};

/// Reads a `Retry-After` value (RFC 9110 section 10.2.3): whole seconds, the
/// fractional seconds Graph sends ("2.128"), or one of the three HTTP dates.
/// Anything else is `None`; a date in the past is zero. Nothing is clamped.
#[must_use]
pub fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if value.starts_with(|c: char| c.is_ascii_digit())
        && value.chars().all(|c| c.is_ascii_digit() || c == '.')
    {
        let seconds: f64 = value.parse().ok()?;
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = http_date(value)?;
    Some((at - now).to_std().unwrap_or(Duration::ZERO))
}

fn http_date(value: &str) -> Option<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc2822(value) {
        return Some(at.to_utc());
    }
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(value, form).ok())
        .map(|at| at.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f29_reads_every_documented_form_and_nothing_else() {
        let now = "1994-11-06T08:49:00Z".parse().expect("time");
        let seconds = |s: f64| Some(Duration::from_secs_f64(s));
        for (value, expected) in [
            ("0", seconds(0.0)),
            (" 7 ", seconds(7.0)),
            ("2.128", seconds(2.128)),
            ("86400", seconds(86_400.0)),
            ("300000", seconds(300_000.0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", seconds(37.0)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", seconds(37.0)),
            ("Sun Nov  6 08:49:37 1994", seconds(37.0)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", seconds(0.0)),
            ("", None),
            ("-1", None),
            ("1e3", None),
            ("1.2.3", None),
            ("inf", None),
            ("NaN", None),
            (".5", None),
            ("soon", None),
            ("99999999999999999999999999", None),
        ] {
            assert_eq!(retry_after(value, now), expected, "{value:?}");
        }
    }
}
