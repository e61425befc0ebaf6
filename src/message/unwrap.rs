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

/// The link behind rewriters; the link itself where there is none.
#[must_use]
pub fn unwrap_link(link: &str) -> String {
    let mut current = link.to_owned();
    for _ in 0..MAX_LAYERS {
        if current.len() > MAX_LENGTH {
            break;
        }
        match unwrap_once(&current) {
            Some(inner) if inner != current => current = inner,
            _ => break,
        }
    }
    current
}

fn under(host: &str, domain: &str) -> bool {
    host == domain
        || host
            .strip_suffix(domain)
            .is_some_and(|head| head.ends_with('.'))
}

/// One layer; `None` when the link is not wrapped or does not decode.
fn unwrap_once(link: &str) -> Option<String> {
    let link = link.replace("&amp;", "&");
    let url = Url::parse(&link).ok()?;
    let host = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
    let path = url.path().to_owned();
    let candidate = by_query(&url, &link, &host, &path)
        .or_else(|| by_path(&link, &host, &path))
        .or_else(|| google(&url, &host, &path))?;
    let candidate = candidate.trim().to_owned();
    let inner = Url::parse(&candidate).ok()?;
    (matches!(inner.scheme(), "http" | "https") && inner.host_str().is_some()).then_some(candidate)
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

fn by_query(url: &Url, link: &str, host: &str, path: &str) -> Option<String> {
    let safe_links = [
        "safelinks.protection.outlook.com",
        "safelinks.protection.office365.us",
        "safelinks.protection.outlook.cn",
    ];
    if safe_links.iter().any(|domain| under(host, domain))
        || (host == "statics.teams.cdn.office.net" && path.contains("safelinks"))
        || (under(host, "outlook.office.com") && path.ends_with("safelink.html"))
    {
        return parameter(url, "url");
    }
    let simple: [(&str, &str, &str); 14] = [
        ("linkprotect.cudasvc.com", "/url", "a"),
        ("clicktime.symantec.com", "/", "u"),
        ("scanmail.trustwave.com", "/", "u"),
        ("link.edgepilot.com", "/", "u"),
        ("l.facebook.com", "/l.php", "u"),
        ("lm.facebook.com", "/l.php", "u"),
        ("l.instagram.com", "/", "u"),
        ("youtube.com", "/redirect", "q"),
        ("linkedin.com", "/redir/redirect", "url"),
        ("slack-redir.net", "/link", "url"),
        ("out.reddit.com", "/", "url"),
        ("t.umblr.com", "/redirect", "z"),
        ("duckduckgo.com", "/l/", "uddg"),
        ("ctp.trendmicro.com", "/", "url"),
    ];
    if let Some((_, _, name)) = simple
        .iter()
        .find(|(domain, start, _)| under(host, domain) && path.starts_with(start))
    {
        return parameter(url, name);
    }
    if host.ends_with("-ctp.trendmicro.com") || host.ends_with("-urlprotect.trendmicro.com") {
        return parameter(url, "url");
    }
    if matches!(host, "protect2.fireeye.com" | "protect.fireeye.com") {
        // old links put the target last and as it is
        let raw = link.split_once("&u=").or_else(|| link.split_once("?u="))?.1;
        return Some(if raw.contains("://") {
            raw.to_owned()
        } else {
            percent_decode_str(raw.split('&').next()?)
                .decode_utf8_lossy()
                .into_owned()
        });
    }
    if under(host, "protection.sophos.com") {
        let coded = parameter(url, "u")?;
        let coded: String = coded
            .chars()
            .filter(|c| *c != '=')
            .map(|c| match c {
                '-' => '+',
                '_' => '/',
                other => other,
            })
            .collect();
        let bytes = base64::engine::general_purpose::STANDARD_NO_PAD
            .decode(coded)
            .ok()?;
        return String::from_utf8(bytes).ok();
    }
    None
}

fn by_path(link: &str, host: &str, path: &str) -> Option<String> {
    if [
        "urldefense.proofpoint.com",
        "urldefense.com",
        "urldefense.us",
    ]
    .contains(&host)
    {
        return proofpoint(link, path);
    }
    if host == "secure-web.cisco.com" {
        let (_, target) = path.strip_prefix('/')?.split_once('/')?;
        return Some(percent_decode_str(target).decode_utf8_lossy().into_owned());
    }
    if matches!(host, "url.avanan.click" | "protect.checkpoint.com") && path.contains("/v2/") {
        let (_, tail) = link.split_once("___")?;
        return Some(tail.split_once("___.")?.0.to_owned());
    }
    None
}

fn google(url: &Url, host: &str, path: &str) -> Option<String> {
    let label = psl::domain_str(host)?.split('.').next()?;
    if label == "google" {
        if path == "/url" {
            return parameter(url, "q")
                .filter(|target| target.contains("://"))
                .or_else(|| parameter(url, "url"));
        }
        return match path.strip_prefix("/amp/s/") {
            Some(target) => Some(format!("https://{target}")),
            None => path
                .strip_prefix("/amp/")
                .map(|target| format!("http://{target}")),
        };
    }
    (label == "googleadservices" && path == "/pagead/aclk")
        .then(|| parameter(url, "adurl"))
        .flatten()
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
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_vendors() {
        let shared = std::env::var("UNHOOK_SHARED")
            .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned());
        let Ok(text) = std::fs::read_to_string(format!("{shared}/spec/url-rewriters/vectors.json"))
        else {
            eprintln!("left out: no link vectors at {shared}");
            return;
        };
        let vectors: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert!(!vectors.is_empty());
        let mut wrong = Vec::new();
        for vector in vectors {
            let wrapped = vector["wrapped"].as_str().unwrap();
            let expected = vector["expected"].as_str().unwrap_or(wrapped);
            let got = unwrap_once(wrapped).unwrap_or_else(|| wrapped.to_owned());
            if got != expected {
                wrong.push(format!(
                    "{wrapped}\n  expected {expected}\n  got      {got}"
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_lookalike_of_a_rewriter_is_no_rewriter() {
        for link in [
            "https://notsafelinks.protection.outlook.com.evil.example/?url=https%3A%2F%2Fa.example",
            "https://evil.example/?url=https://a.example",
            "https://eur01.safelinks.protection.outlook.com/?url=javascript%3Aalert(1)",
        ] {
            assert_eq!(unwrap_link(link), link);
        }
        assert_eq!(
            unwrap_link(
                "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Furldefense.com%2Fv3%2F__https%3A%2F%2Fa.example%2Fx__%3B%21%21o%21b%24&data=05%7C02%7Cann%40x.example"
            ),
            "https://a.example/x"
        );
    }
}
