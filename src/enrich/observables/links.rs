//! One reference of a body into a link with its facts.

use url::Url;

use super::{LinkFacts, ObservableKind};
use crate::message::{
    HtmlLink, Idn, LinkPlace, Recipients, host_of, private_reason, registrable, unwrap_chain,
    unwrap_link,
};

/// What a reference is.
pub(super) enum Target {
    Link {
        value: String,
        facts: Box<LinkFacts>,
    },
    Other(ObservableKind, String),
}

/// A reference of HTML; relative ones resolve against `<base>`, or are nothing.
pub(super) fn link(
    reference: &HtmlLink,
    base: Option<&Url>,
    recipients: &Recipients,
) -> Option<Target> {
    let target = reference.target.as_str();
    let absolute = match Url::parse(target) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => match base {
            Some(base) => base.join(target).ok()?,
            // browsers take a backslash for a slash
            None if target.starts_with(['/', '\\'])
                && target.get(1..).is_some_and(|t| t.starts_with(['/', '\\'])) =>
            {
                Url::parse(&format!("https:{target}")).ok()?
            }
            // a bare "www.host/path", which programs take for a link
            None if target
                .get(..4)
                .is_some_and(|start| start.eq_ignore_ascii_case("www.")) =>
            {
                Url::parse(&format!("http://{target}")).ok()?
            }
            None => return None,
        },
        Err(_) => return Some(Target::Other(ObservableKind::Url, cut(target))),
    };
    build(&absolute, reference, recipients)
}

/// A link written out in text.
pub(super) fn written(text: &str, place: LinkPlace, recipients: &Recipients) -> Option<Target> {
    let url = Url::parse(text).ok()?;
    let reference = HtmlLink {
        place,
        target: text.to_owned(),
        text: String::new(),
        title: String::new(),
    };
    build(&url, &reference, recipients)
}

fn build(url: &Url, reference: &HtmlLink, recipients: &Recipients) -> Option<Target> {
    match url.scheme() {
        "mailto" => {
            let address = percent_encoding::percent_decode_str(url.path())
                .decode_utf8_lossy()
                .to_lowercase();
            return address
                .contains('@')
                .then(|| Target::Other(ObservableKind::Email, cut(&address)));
        }
        "tel" => {
            let number: String = url
                .path()
                .chars()
                .filter(|c| c.is_ascii_digit() || *c == '+')
                .take(20)
                .collect();
            return (number.len() > 5).then_some(Target::Other(ObservableKind::Phone, number));
        }
        "http" | "https" | "ftp" => {}
        // a link that was broken up on purpose is read whole elsewhere
        scheme if scheme.starts_with("hxx") => return None,
        // never opened, but worth seeing: javascript, data, file, ms-…
        _ => {
            return Some(Target::Link {
                value: cut(url.as_str()),
                facts: Box::new(LinkFacts {
                    host: host_of(url),
                    domain: String::new(),
                    place: reference.place,
                    shown_host: None,
                    text: String::new(),
                    wrapped: false,
                    wrapped_by: Vec::new(),
                    wrapped_form: None,
                    hint: None,
                    idn: None,
                    userinfo: false,
                    private: None,
                }),
            });
        }
    }
    let found = unwrap_chain(url.as_str());
    let wrapped = !found.by.is_empty();
    let plain = wrapped.then(|| Url::parse(&found.link)).transpose().ok()?;
    let plain = plain.as_ref().unwrap_or(url);
    let host = host_of(plain);
    Some(Target::Link {
        value: cut(plain.as_str()),
        facts: Box::new(LinkFacts {
            domain: registrable(&host),
            idn: idn(&host),
            host,
            place: reference.place,
            shown_host: shown_host(&reference.text),
            text: reference.text.trim().chars().take(200).collect(),
            wrapped,
            wrapped_by: found.by,
            wrapped_form: wrapped.then(|| cut(url.as_str())),
            hint: found.hint,
            userinfo: !plain.username().is_empty(),
            private: private_reason(plain, recipients),
        }),
    })
}

/// The two forms of a host with letters beyond ASCII.
fn idn(host: &str) -> Option<Idn> {
    if !host.contains("xn--") {
        return None;
    }
    let (unicode, _) = idna::domain_to_unicode(host);
    if unicode.is_ascii() {
        return None;
    }
    let confusable = unicode_security::skeleton(&unicode).all(|c| c.is_ascii());
    Some(Idn {
        ascii: host.to_owned(),
        unicode,
        confusable_with_ascii: confusable,
    })
}

fn cut(value: &str) -> String {
    value.chars().take(2_048).collect()
}

/// The host that a link's visible text claims, when that text is a link itself:
/// `https://portal.example/`, `www.portal.example`, `portal.example/login`.
pub(super) fn shown_host(text: &str) -> Option<String> {
    let text = text.trim();
    let first = text.split_whitespace().next()?;
    if first.len() > 300 || first.contains('@') || text.split_whitespace().count() > 3 {
        return None;
    }
    let with_scheme = first
        .get(..8)
        .is_some_and(|s| s.to_ascii_lowercase().starts_with("http"));
    let candidate = if with_scheme {
        first.to_owned()
    } else {
        format!("http://{first}")
    };
    let url = Url::parse(&unwrap_link(&candidate)).ok()?;
    let host = host_of(&url);
    if !host.contains('.') {
        return None;
    }
    let known = psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.is_known());
    // "report.pdf" and "e.g." are no hosts; a name under a reserved ending with a
    // scheme in front is
    let file = host.rsplit('.').next().is_some_and(|end| {
        ["zip", "mov", "doc", "pdf", "py", "sh", "md", "rs", "app"].contains(&end)
    });
    (with_scheme || (known && !file)).then_some(host)
}
