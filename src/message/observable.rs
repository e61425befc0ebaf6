//! Facts taken from a message: what an analyst looks up and a rule weighs.

use serde::Serialize;
use url::{Host, Url};

use super::{DefangedUrl, LinkPlace, PrivateReason, private};

/// The kinds of observable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ObservableKind {
    /// A link, rewriters undone.
    Url,
    /// A registrable domain.
    Domain,
    /// An IP address.
    Ip,
    /// A mail address.
    Email,
    /// SHA-256 of an attachment.
    Hash,
    /// A telephone number.
    Phone,
    /// An address to pay crypto-currency to.
    Wallet,
    /// An international bank account number.
    Iban,
}

/// A host written in letters beyond ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Idn {
    /// As DNS knows it, `xn--…`.
    pub ascii: String,
    /// As people see it. A stranger's text.
    pub unicode: String,
    /// Whether every letter of it can be taken for one of ASCII (UTS 39 skeleton).
    pub confusable_with_ascii: bool,
}

/// What is known of a link beyond its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkFacts {
    /// Host, lower case, ASCII form; empty for schemes without one.
    pub host: String,
    /// Registrable domain of the host; the host itself where there is none.
    pub domain: String,
    /// How the body refers to it.
    pub place: LinkPlace,
    /// The host that the visible text shows, when that text is itself a link.
    pub shown_host: Option<String>,
    /// Visible text, at most 200 characters; analysis only.
    pub text: String,
    /// Whether a rewriter stood around it.
    pub wrapped: bool,
    /// The rewriters around it, outermost first.
    pub wrapped_by: Vec<&'static str>,
    /// The link as it stood in the message, rewriters and all. It may name a
    /// recipient: it is never sent out.
    pub wrapped_form: Option<String>,
    /// The host that a rewriter hints at which does not tell its target.
    pub hint: Option<String>,
    /// For hosts with letters beyond ASCII.
    pub idn: Option<Idn>,
    /// Whether a name stands before the host (`https://bank.example@evil.example`).
    pub userinfo: bool,
    /// Why the link belongs to one recipient.
    pub private: Option<PrivateReason>,
}

impl LinkFacts {
    /// Whether the link may be shown to anybody outside: it leads to the web and
    /// belongs to nobody in particular.
    #[must_use]
    pub const fn may_leave(&self) -> bool {
        self.private.is_none() && !self.domain.is_empty()
    }
}

/// One observable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observable {
    /// Its kind.
    pub kind: ObservableKind,
    /// Its value in normal form. A stranger's text: show `defanged` instead.
    pub value: String,
    /// Where it stood first, e.g. `body:html`, `header:From`, `attachment:1`.
    pub place: String,
    /// Every place where it stood, the first one included, at most 20.
    pub places: Vec<String>,
    /// Whether the message itself writes it broken up (`hxxp`, `[.]`), and nowhere
    /// whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub written_defanged: bool,
    /// What kind of wallet it is, or how sure its form is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'static str>,
    /// The value fit to be shown.
    pub defanged: DefangedUrl,
    /// For links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkFacts>,
}

impl Observable {
    /// An observable that is no link.
    #[must_use]
    pub fn new(kind: ObservableKind, value: String, place: &str) -> Self {
        let defanged = DefangedUrl::new(&value, 300);
        Self {
            kind,
            value,
            place: place.to_owned(),
            places: vec![place.to_owned()],
            written_defanged: false,
            detail: None,
            defanged,
            link: None,
        }
    }

    /// Whether it may be shown to anybody outside. A link that belongs to one
    /// recipient may not: opening or publishing it would act in his name.
    #[must_use]
    pub fn may_leave(&self) -> bool {
        match (&self.link, self.kind) {
            (Some(facts), _) => facts.may_leave(),
            (None, ObservableKind::Url) => false,
            (None, _) => true,
        }
    }

    /// The value with everything replaced that could belong to one recipient.
    #[must_use]
    pub fn masked(&self) -> String {
        match self.kind {
            ObservableKind::Url => private::masked(&self.value),
            _ => self.value.clone(),
        }
    }

    /// The shape of a link: host, path and names of parameters, without values;
    /// `None` for what is no link.
    #[must_use]
    pub fn template(&self) -> Option<String> {
        (self.kind == ObservableKind::Url)
            .then(|| private::template(&self.value))
            .flatten()
    }
}

/// The registrable domain of a host (public suffix list); the host itself when it
/// is an address or has none. Lower case, without a trailing dot.
#[must_use]
pub fn registrable(host: &str) -> String {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[') {
        return host;
    }
    psl::domain_str(&host).map_or_else(|| host.clone(), str::to_owned)
}

/// The host of a link, lower case, without a trailing dot.
#[must_use]
pub fn host_of(url: &Url) -> String {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.').to_ascii_lowercase(),
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => ip.to_string(),
        None => String::new(),
    }
}
