//! Times as people read them: how long ago, and exactly when.

use askama::{Template, filters::HtmlSafe};
use chrono::{DateTime, TimeDelta, Utc};

/// A moment, seen from another.
#[derive(Debug, Clone, Template)]
#[template(
    source = "<time datetime=\"{{ iso }}\" title=\"{{ exact }}\"><span class=\"ago\">{{ ago }}</span> <span class=\"at\">{{ short }}</span></time>",
    ext = "html"
)]
pub struct When {
    /// RFC 3339.
    iso: String,
    /// To the second, with the zone.
    exact: String,
    /// `12 min ago`.
    pub ago: String,
    /// `08:41` today, `21 Nov 08:41` before.
    pub short: String,
}

impl HtmlSafe for When {}

impl When {
    /// `at` seen from `now`.
    #[must_use]
    pub fn of(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let short = if at.date_naive() == now.date_naive() {
            at.format("%H:%M:%S")
        } else if now - at < TimeDelta::days(300) {
            at.format("%-d %b %H:%M")
        } else {
            at.format("%-d %b %Y")
        };
        Self {
            iso: at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            exact: at.format("%A, %-d %B %Y, %H:%M:%S UTC").to_string(),
            ago: ago(now - at),
            short: short.to_string(),
        }
    }
}

fn ago(past: TimeDelta) -> String {
    let minutes = past.num_minutes();
    match minutes {
        ..=-1 => format!("in {}", span(-past)),
        0 if past.num_seconds() < 10 => "just now".to_owned(),
        _ => format!("{} ago", span(past)),
    }
}

/// A length of time in its largest fitting unit: `42 s`, `12 min`, `3 h`, `9 d`.
#[must_use]
pub fn span(length: TimeDelta) -> String {
    let seconds = length.num_seconds();
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A length of time that may be short: `0.9 s`, else as [`span`].
#[must_use]
pub fn brief(length: TimeDelta) -> String {
    let tenths = length.num_milliseconds().max(0) / 100;
    if tenths < 100 {
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else {
        span(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_and_absolute() {
        let now = DateTime::parse_from_rfc3339("2026-11-22T09:00:00Z")
            .expect("time")
            .to_utc();
        let at = |s| When::of(now - TimeDelta::seconds(s), now);
        assert_eq!(
            (at(3).ago, at(3).short),
            ("just now".into(), "08:59:57".into())
        );
        assert_eq!(at(725).ago, "12 min ago");
        let old = at(40 * 3_600);
        assert_eq!(
            (old.ago, old.short),
            ("1 d ago".into(), "20 Nov 17:00".into())
        );
        assert_eq!(at(-300).ago, "in 5 min");
        assert_eq!(brief(TimeDelta::milliseconds(991)), "0.9 s");
    }
}
