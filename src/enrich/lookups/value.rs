//! A value as a person writes it, brought into the form in which sources are asked
//! about it: what is compared later must be the same, character by character.

use std::net::IpAddr;

use url::Url;

use super::{AskedKind, Question};
use crate::message::{Recipients, is_public, private_reason, registrable, unwrap_link};

/// Characters of a link that are kept, as of those in mail.
const MOST_LINK: usize = 2_048;

/// Why nothing can be said of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadValue {
    /// It is not what its kind says.
    #[error("it must be {0}")]
    Form(&'static str),
    /// It is a name below a registrable domain.
    #[error(
        "a domain is what can be registered, here {0}; for one name below it use the kind host"
    )]
    BelowDomain(String),
    /// It is of a kind, or of a form, that is never asked about.
    #[error("{0}")]
    NeverAsked(&'static str),
}

impl Question {
    /// The question about a value that a person wrote, also broken up as people do
    /// (`hxxps://login[.]example`).
    ///
    /// # Errors
    /// [`BadValue`], which says what to write instead.
    pub fn written(kind: AskedKind, text: &str) -> Result<Self, BadValue> {
        let text = whole(text.trim());
        let value = match kind {
            AskedKind::Url => link(&text)?,
            AskedKind::Host => name(&text, "a host name such as login.evil.example")?,
            AskedKind::Domain => domain(&text)?,
            AskedKind::Ip => address(&text)?,
            AskedKind::Sha256 => text.to_ascii_lowercase(),
            AskedKind::Email => text.to_lowercase(),
            AskedKind::Message => {
                return Err(BadValue::NeverAsked(
                    "a whole message is not listed: list its links, hosts, files or sender",
                ));
            }
        };
        let question = Self::new(kind, value);
        if question.is_sound() {
            Ok(question)
        } else {
            Err(BadValue::Form(match kind {
                AskedKind::Sha256 | AskedKind::Message => "64 hexadecimal digits",
                AskedKind::Email => "a mail address",
                _ => "a value of that kind, at most 2,048 characters",
            }))
        }
    }
}

/// What was broken up is put together again.
fn whole(text: &str) -> String {
    let text = text
        .replace("[.]", ".")
        .replace("(.)", ".")
        .replace("[dot]", ".")
        .replace("[:]", ":")
        .replace("[://]", "://")
        .replace("[@]", "@")
        .replace("[at]", "@");
    match text.get(..4) {
        Some(start) if start.eq_ignore_ascii_case("hxxp") => {
            format!("http{}", text.get(4..).unwrap_or_default())
        }
        _ => text,
    }
}

fn link(text: &str) -> Result<String, BadValue> {
    let form = BadValue::Form("a whole link, beginning with https:// or http://");
    let url = Url::parse(text).map_err(|_| form.clone())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(form);
    }
    let plain = unwrap_link(url.as_str());
    let url = Url::parse(&plain).map_err(|_| form)?;
    if private_reason(&url, &Recipients::default()).is_some() {
        return Err(BadValue::NeverAsked(
            "that link is one person's own (a token, a reset or an unsubscription) and is never looked up: list its domain",
        ));
    }
    Ok(url.as_str().chars().take(MOST_LINK).collect())
}

fn name(text: &str, form: &'static str) -> Result<String, BadValue> {
    let text = text.trim_end_matches('.');
    if text.parse::<IpAddr>().is_ok() {
        return Err(BadValue::Form("a name; for an address use the kind ip"));
    }
    idna::domain_to_ascii(text)
        .ok()
        .filter(|name| !name.is_empty())
        .filter(|name| Question::new(AskedKind::Host, name.as_str()).is_sound())
        .ok_or(BadValue::Form(form))
}

fn domain(text: &str) -> Result<String, BadValue> {
    let name = name(text, "a domain such as evil.example")?;
    if psl::suffix_str(&name) == Some(name.as_str()) {
        return Err(BadValue::Form(
            "a domain that somebody registered: under this one anybody does",
        ));
    }
    let own = registrable(&name);
    if own == name {
        Ok(name)
    } else {
        Err(BadValue::BelowDomain(own))
    }
}

fn address(text: &str) -> Result<String, BadValue> {
    let ip: IpAddr = text
        .parse()
        .map_err(|_| BadValue::Form("an IP address; networks are not listed one by one"))?;
    if is_public(ip) {
        Ok(ip.to_string())
    } else {
        Err(BadValue::NeverAsked(
            "that address is not on the Internet, and none such is ever looked up",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(kind: AskedKind, text: &str) -> Result<String, BadValue> {
        Question::written(kind, text).map(|question| question.value)
    }

    #[test]
    fn what_people_write_takes_the_form_of_the_questions() {
        for (kind, text, wanted) in [
            (
                AskedKind::Url,
                "hxxps://Login[.]Evil[.]example",
                "https://login.evil.example/",
            ),
            (
                AskedKind::Url,
                " https://evil.example/a?b=1#c ",
                "https://evil.example/a?b=1#c",
            ),
            (AskedKind::Host, "Login.Evil.Example.", "login.evil.example"),
            (AskedKind::Domain, "bücher.example", "xn--bcher-kva.example"),
            (AskedKind::Domain, "evil.co.uk", "evil.co.uk"),
            (AskedKind::Ip, "203.0.114.9", "203.0.114.9"),
            (AskedKind::Ip, "2A00:1450:0:0:0:0:0:1", "2a00:1450::1"),
            (AskedKind::Email, "Boss[@]Evil.Example", "boss@evil.example"),
        ] {
            assert_eq!(value(kind, text).as_deref(), Ok(wanted), "{text}");
        }
        let hash = "AB".repeat(32);
        assert_eq!(value(AskedKind::Sha256, &hash), Ok(hash.to_lowercase()));
    }

    #[test]
    fn what_could_never_match_is_refused_with_the_way_out() {
        let said = |kind, text: &str| value(kind, text).unwrap_err().to_string();
        assert!(said(AskedKind::Domain, "login.evil.example").contains("evil.example; for one"));
        assert!(said(AskedKind::Host, "203.0.114.9").contains("kind ip"));
        assert!(said(AskedKind::Url, "evil.example/a").contains("https://"));
        assert!(said(AskedKind::Url, "ftp://evil.example/a").contains("https://"));
        assert!(
            said(
                AskedKind::Url,
                "https://x.example/reset?token=Zx81kQ93mmPq0aLwE5rT7yUi"
            )
            .contains("list its domain")
        );
        assert!(said(AskedKind::Ip, "10.0.0.1").contains("not on the Internet"));
        assert!(said(AskedKind::Ip, "10.0.0.0/8").contains("networks"));
        assert!(said(AskedKind::Sha256, "abc").contains("64"));
        assert!(said(AskedKind::Email, "evil.example").contains("mail address"));
        assert!(said(AskedKind::Message, &"a".repeat(64)).contains("links"));
        assert!(said(AskedKind::Domain, "nothing").contains("evil.example"));
        assert!(said(AskedKind::Host, "").contains("host name"));
    }
}
