//! Link rewriters undone, offline, by each vendor's published rule.
//!
//! A host is matched exactly or as a dot suffix; a parameter is percent-decoded
//! once a layer; only http and https results count; a link that does not decode
//! stays as it is.

use base64::Engine as _;
use percent_encoding::percent_decode_str;
use url::Url;

/// Layers that are undone.
const MAX_LAYERS: usize = 5;
/// Longest link that is looked at, bytes.
const MAX_LENGTH: usize = 8_192;

/// A link with its rewriters undone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unwrapped {
    /// The link behind them; the link itself where there are none.
    pub link: String,
    /// The rewriters, outermost first.
    pub by: Vec<&'static str>,
    /// The host that a rewriter names which does not tell its target (Mimecast's
    /// `domain`): a hint, nothing more.
    pub hint: Option<String>,
}

/// The link behind rewriters; the link itself where there is none.
#[must_use]
pub fn unwrap_link(link: &str) -> String {
    unwrap_chain(link).link
}

/// The link behind rewriters, and which they were. At most five are undone.
#[must_use]
pub fn unwrap_chain(link: &str) -> Unwrapped {
    let mut found = Unwrapped {
        link: link.to_owned(),
        ..Unwrapped::default()
    };
    while found.by.len() < MAX_LAYERS && found.link.len() <= MAX_LENGTH {
        match unwrap_once(&found.link) {
            Some((name, inner)) if inner != found.link => {
                found.link = inner;
                found.by.push(name);
            }
            _ => break,
        }
    }
    found.hint = hint(&found.link);
    found
}

/// Mimecast keeps the target for itself and tells only its domain.
fn hint(link: &str) -> Option<String> {
    if !link.contains("mimecast") {
        return None;
    }
    let url = Url::parse(link).ok()?;
    let host = url.host_str()?;
    let mimecast = under(host, "mimecastprotect.com")
        || (under(host, "mimecast.com") && host.starts_with("protect-"));
    mimecast
        .then(|| parameter(&url, "domain"))
        .flatten()
        .map(|domain| domain.to_ascii_lowercase())
        .filter(|domain| domain.contains('.') && domain.len() <= 253)
}

fn under(host: &str, domain: &str) -> bool {
    host == domain
        || host
            .strip_suffix(domain)
            .is_some_and(|head| head.ends_with('.'))
}

/// A rewriter's name and what stands behind it.
type Layer = Option<(&'static str, String)>;

/// One layer; `None` when the link is not wrapped or does not decode.
fn unwrap_once(link: &str) -> Layer {
    let link = link.replace("&amp;", "&");
    let url = Url::parse(&link).ok()?;
    let host = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
    let path = url.path().to_owned();
    let (name, candidate) = by_query(&url, &host, &path)
        .or_else(|| coded(&url, &link, &host))
        .or_else(|| by_path(&url, &link, &host, &path))
        .or_else(|| google(&url, &host, &path))?;
    // as browsers do: controls and blanks around it, tabs and line ends anywhere
    // (URL Standard, basic URL parser, steps 1 and 3)
    let candidate: String = candidate
        .trim_matches(|c: char| c <= ' ' || c.is_whitespace())
        .chars()
        .filter(|c| !matches!(c, '\t' | '\n' | '\r'))
        .collect();
    let inner = Url::parse(&candidate).ok()?;
    (matches!(inner.scheme(), "http" | "https") && inner.host_str().is_some())
        .then_some((name, candidate))
}

/// A query parameter, percent-decoded once; `+` stays a plus.
fn parameter(url: &Url, name: &str) -> Option<String> {
    let raw = url
        .query()?
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))?
        .1;
    Some(percent_decode_str(raw).decode_utf8_lossy().into_owned())
}

/// Rewriters that carry the target in a parameter: name, domain, start of the
/// path, parameter.
const PLAIN: [(&str, &str, &str, &str); 29] = [
    ("barracuda", "linkprotect.cudasvc.com", "/url", "a"),
    ("symantec", "clicktime.symantec.com", "/", "u"),
    ("trustwave", "scanmail.trustwave.com", "/", "u"),
    ("edgepilot", "link.edgepilot.com", "/", "u"),
    ("trend", "ctp.trendmicro.com", "/", "url"),
    ("libraesva", "urlsand.esvalabs.com", "/", "u"),
    ("facebook", "l.facebook.com", "/l.php", "u"),
    ("facebook", "lm.facebook.com", "/l.php", "u"),
    ("facebook", "l.messenger.com", "/l.php", "u"),
    ("facebook", "l.workplace.com", "/l.php", "u"),
    ("instagram", "l.instagram.com", "/", "u"),
    ("youtube", "youtube.com", "/redirect", "q"),
    ("linkedin", "linkedin.com", "/redir/redirect", "url"),
    ("linkedin", "linkedin.com", "/safety/go", "url"),
    ("slack", "slack-redir.net", "/link", "url"),
    ("reddit", "out.reddit.com", "/", "url"),
    ("vk", "vk.com", "/away.php", "to"),
    ("steam", "steamcommunity.com", "/linkfilter", "url"),
    ("steam", "steamcommunity.com", "/linkfilter", "u"),
    ("tumblr", "t.umblr.com", "/redirect", "z"),
    ("duckduckgo", "duckduckgo.com", "/l/", "uddg"),
    ("soundcloud", "exit.sc", "/", "url"),
    ("bluesky", "go.bsky.app", "/redirect", "u"),
    ("disqus", "disq.us", "/url", "url"),
    ("skype", "web.skype.com", "/api/v1/redirect", "url"),
    (
        "firefox",
        "outgoing.prod.webservices.mozgcp.net",
        "/v1",
        "url",
    ),
    ("gmail", "mail.google.com", "/url", "q"),
    (
        "doubleclick",
        "adclick.g.doubleclick.net",
        "/pcs/click",
        "adurl",
    ),
    ("googleads", "googleadservices.com", "/pagead/aclk", "adurl"),
];

fn by_query(url: &Url, host: &str, path: &str) -> Layer {
    let safe_links = [
        "safelinks.protection.outlook.com",
        "safelinks.protection.office365.us",
        "safelinks.protection.outlook.cn",
    ];
    if safe_links.iter().any(|domain| under(host, domain))
        || (host == "statics.teams.cdn.office.net" && path.contains("safelinks"))
        || ((under(host, "outlook.office.com")
            || under(host, "outlook.office365.com")
            || under(host, "outlook.live.com"))
            && path.ends_with("safelink.html"))
    {
        return parameter(url, "url").map(|target| ("safelinks", target));
    }
    if host.ends_with("-ctp.trendmicro.com") || host.ends_with("-urlprotect.trendmicro.com") {
        return parameter(url, "url").map(|target| ("trend", target));
    }
    PLAIN
        .iter()
        .filter(|(_, domain, start, _)| under(host, domain) && path.starts_with(start))
        .find_map(|(name, _, _, key)| Some((*name, parameter(url, key)?)))
}

/// Rewriters that carry the target in a coding of their own.
fn coded(url: &Url, link: &str, host: &str) -> Layer {
    if matches!(host, "protect2.fireeye.com" | "protect.fireeye.com") {
        // old links put the target last and as it is
        let raw = link.split_once("&u=").or_else(|| link.split_once("?u="))?.1;
        let target = if raw.contains("://") {
            raw.to_owned()
        } else {
            percent_decode_str(raw.split('&').next()?)
                .decode_utf8_lossy()
                .into_owned()
        };
        return Some(("fireeye", target));
    }
    if under(host, "protection.sophos.com") {
        return base64_text(&parameter(url, "u")?).map(|target| ("sophos", target));
    }
    if under(host, "bing.com") && url.path() == "/ck/a" {
        let raw = parameter(url, "u")?;
        return base64_text(raw.strip_prefix("a1")?).map(|target| ("bing", target));
    }
    if under(host, "linkscan.io") {
        let raw = url.path_segments()?.find(|s| s.starts_with("aHR0c"))?;
        return base64_text(raw).map(|target| ("bitdefender", target));
    }
    // the whole query is the target
    if matches!(host, "href.li" | "www.deviantart.com" | "deviantart.com") {
        let fits = host == "href.li" || url.path() == "/users/outgoing";
        let raw = fits.then(|| link.split_once('?')).flatten()?.1;
        let plain = if raw.contains("://") {
            raw.to_owned()
        } else {
            percent_decode_str(raw).decode_utf8_lossy().into_owned()
        };
        return Some(("outgoing", plain));
    }
    None
}

/// Base64 of either alphabet, with or without padding.
fn base64_text(coded: &str) -> Option<String> {
    let plain: String = coded
        .chars()
        .filter(|c| *c != '=')
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    let bytes = base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(plain)
        .ok()?;
    String::from_utf8(bytes).ok()
}

fn by_path(url: &Url, link: &str, host: &str, path: &str) -> Layer {
    if [
        "urldefense.proofpoint.com",
        "urldefense.com",
        "urldefense.us",
    ]
    .contains(&host)
    {
        return proofpoint(link, path).map(|target| ("proofpoint", target));
    }
    if host == "secure-web.cisco.com" {
        let (_, target) = path.strip_prefix('/')?.split_once('/')?;
        let plain = percent_decode_str(target).decode_utf8_lossy().into_owned();
        return Some(("cisco", plain));
    }
    if matches!(host, "url.avanan.click" | "protect.checkpoint.com") && path.contains("/v2/") {
        let (_, tail) = link.split_once("___")?;
        return Some(("checkpoint", tail.split_once("___.")?.0.to_owned()));
    }
    if under(host, "search.yahoo.com") {
        let target = path.split('/').find_map(|part| part.strip_prefix("RU="))?;
        let plain = percent_decode_str(target).decode_utf8_lossy().into_owned();
        return Some(("yahoo", plain));
    }
    if under(host, "cdn.ampproject.org") {
        let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
        let (_, tail) = path.strip_prefix('/')?.split_once('/')?;
        return Some(match tail.strip_prefix("s/") {
            Some(target) => ("amp", format!("https://{target}{query}")),
            None => ("amp", format!("http://{tail}{query}")),
        });
    }
    None
}

fn google(url: &Url, host: &str, path: &str) -> Layer {
    let label = psl::domain_str(host)?.split('.').next()?;
    if label != "google" {
        return None;
    }
    if path == "/url" {
        return parameter(url, "q")
            .filter(|target| target.contains("://"))
            .or_else(|| parameter(url, "url"))
            .map(|target| ("google", target));
    }
    match path.strip_prefix("/amp/s/") {
        Some(target) => Some(("amp", format!("https://{target}"))),
        None => path
            .strip_prefix("/amp/")
            .map(|target| ("amp", format!("http://{target}"))),
    }
}

fn proofpoint(link: &str, path: &str) -> Option<String> {
    if path.starts_with("/v1/url") {
        let raw = link.split_once("u=")?.1.split("&k=").next()?;
        let plain = percent_decode_str(raw).decode_utf8_lossy().into_owned();
        return Some(super::html::entities(&plain).into_owned());
    }
    if path.starts_with("/v2/url") {
        let raw = link
            .split_once('?')?
            .1
            .split('&')
            .find_map(|pair| pair.strip_prefix("u="))?
            .replace('-', "%")
            .replace('_', "/");
        let plain = percent_decode_str(&raw).decode_utf8_lossy().into_owned();
        return Some(super::html::entities(&plain).into_owned());
    }
    proofpoint_v3(link)
}

/// Version 3: `/v3/__<url with stars>__;<base64url of what the stars hide>!`.
/// A run's length counts UTF-8 bytes; what does not fit carries to the next run.
fn proofpoint_v3(link: &str) -> Option<String> {
    let (_, tail) = link.split_once("/v3/__")?;
    let (pattern, tail) = tail.split_once("__;")?;
    let (coded, _) = tail.split_once('!')?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(coded.trim_end_matches('='))
        .ok()?;
    let hidden = String::from_utf8(bytes).ok()?;
    let mut hidden = hidden.chars().peekable();
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    let mut carried = 0usize;
    while let Some(c) = chars.next() {
        if c != '*' {
            out.push(c);
            continue;
        }
        let run = {
            let mut ahead = chars.clone();
            (ahead.next() == Some('*'))
                .then(|| ahead.next().and_then(run_length))
                .flatten()
        };
        match run {
            Some(length) => {
                chars.next();
                chars.next();
                let mut room = length + carried;
                while let Some(next) = hidden.peek().copied().filter(|n| n.len_utf8() <= room) {
                    room -= next.len_utf8();
                    out.push(next);
                    hidden.next();
                }
                carried = if hidden.peek().is_some() { room } else { 0 };
            }
            None => out.push(hidden.next()?),
        }
    }
    Some(mend_slashes(out))
}

fn run_length(c: char) -> Option<usize> {
    let order = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    order.find(c).map(|at| at + 2)
}

/// Mail clients fold the `//` of an embedded link.
fn mend_slashes(link: String) -> String {
    match link.split_once(":/") {
        Some((scheme, rest)) if !rest.starts_with('/') && !scheme.contains('/') => {
            format!("{scheme}://{rest}")
        }
        _ => link,
    }
}

#[cfg(test)]
mod tests;
