//! Evidence class `links`: where a click leads.

use std::collections::{BTreeSet, HashSet};

use base64::Engine as _;

use super::sender::resembled;
use crate::{
    message::{LinkPlace, registrable},
    verdict::{
        brands::BRANDS,
        case::{Case, Way},
        hosts, lookalike,
    },
};

/// Ways into a form for passwords, as words of a path.
const LOGIN_WORDS: [&str; 22] = [
    "login",
    "log-in",
    "signin",
    "sign-in",
    "verify",
    "verification",
    "webmail",
    "owa",
    "account",
    "secure",
    "update",
    "auth",
    "validate",
    "confirm",
    "password",
    "portal",
    "recover",
    "unlock",
    "billing",
    "wallet",
    "invoice",
    "session",
];

/// A finding about one link: id, place, evidence.
type Seen = (&'static str, String, String);

pub(super) fn run(case: &mut Case<'_>) {
    let mut seen: Vec<Seen> = Vec::new();
    let mut hosts_seen: HashSet<&str> = HashSet::new();
    for way in &case.ways {
        let new_host = hosts_seen.insert(way.facts.host.as_str());
        one(case, way, new_host, &mut seen);
    }
    for (id, place, evidence) in seen {
        case.find(id, &place, evidence);
    }
    together(case);
}

fn one(case: &Case<'_>, way: &Way<'_>, new_host: bool, seen: &mut Vec<Seen>) {
    let mut note = |id: &'static str, says: &str| {
        seen.push((
            id,
            way.place.to_owned(),
            format!("{says}: {}", short(way.shown)),
        ));
    };
    let facts = way.facts;
    if facts.domain.is_empty() {
        if way.url.starts_with("javascript:") || way.url.starts_with("data:") {
            note("link.script", "a link that runs a script");
        } else if !facts.host.is_empty() || way.url.starts_with("file:") {
            note("link.scheme", "a link to another program or a file share");
        }
        return;
    }
    let host = facts.host.as_str();
    let foreign = facts.domain != case.domain && !case.is_own(&facts.domain);
    let branded = Case::is_branded(&facts.domain) && !hosts::is_free_hosting(host);
    if new_host && lookalike::imitates(host, &case.facts.organisation_domains).is_some() {
        note(
            "link.org_lookalike",
            "leads to an imitation of the organisation's domain",
        );
    }
    if new_host && !branded && foreign {
        if BRANDS.iter().any(|b| b.token_in(host).is_some()) {
            note(
                "link.brand_in_host",
                "a foreign host carries a brand's name",
            );
        }
        if resembled(&facts.domain).is_some() {
            note("link.brand_lookalike", "a host that resembles a brand");
        }
    }
    text_against_target(case, way, &mut note);
    if host.parse::<std::net::IpAddr>().is_ok() {
        note("link.ip_host", "leads to a bare IP address");
    }
    if host.contains("xn--") {
        note("link.punycode", "a host with foreign letters");
    }
    if hosts::is_shortener(host) {
        note("link.shortener", "a shortened link");
    }
    if hosts::is_free_hosting(host) {
        note("link.free_hosting", "a page on free or throw-away hosting");
    }
    if hosts::is_odd_tld(&facts.domain) && foreign {
        note("link.odd_ending", "unusual domain ending");
    }
    if host.split('.').count() >= 5 && !hosts::is_free_hosting(host) {
        note("link.deep_host", "a host with many sub-domains");
    }
    shape(case, way, foreign && !branded, &mut note);
}

fn text_against_target(case: &Case<'_>, way: &Way<'_>, note: &mut impl FnMut(&'static str, &str)) {
    let Some(shown) = way.facts.shown_host.as_deref().map(registrable) else {
        return;
    };
    if shown == way.facts.domain || way.facts.place != LinkPlace::Click {
        return;
    }
    // a sender's own click counter under his own domain is no deceit
    if case.is_own(&shown) {
        note(
            "link.shows_own",
            "shows the organisation's address but leads elsewhere",
        );
    } else if Case::is_branded(&shown)
        && !Case::is_branded(&way.facts.domain)
        && shown != case.domain
    {
        note(
            "link.shows_brand",
            "shows a brand's address but leads elsewhere",
        );
    } else if way.facts.domain != case.domain && shown != case.domain {
        note("link.shows_other", "shows one address but leads to another");
    }
}

fn shape(case: &Case<'_>, way: &Way<'_>, foreign: bool, note: &mut impl FnMut(&'static str, &str)) {
    let Ok(url) = url::Url::parse(way.url) else {
        return;
    };
    if !url.username().is_empty() {
        note(
            "link.userinfo",
            "a name before the host hides where it leads",
        );
    }
    if url.port().is_some() {
        note("link.port", "an unusual port");
    }
    let path = url.path().to_ascii_lowercase();
    let tail = format!(
        "{}?{}#{}",
        path,
        url.query().unwrap_or_default(),
        url.fragment().unwrap_or_default()
    );
    if carries_recipient(case, &tail) {
        note("link.recipient", "carries the recipient's address");
    }
    if !foreign {
        return;
    }
    if speaks_of_login(&path) {
        note("link.login_path", "a path that speaks of signing in");
    }
    let query = url.query().unwrap_or_default().to_ascii_lowercase();
    if query.contains("http://")
        || query.contains("https://")
        || query.contains("http%3a")
        || query.contains("https%3a")
    {
        note("link.redirect", "hands on to another address");
    }
    let longest = path.split('/').map(str::len).max().unwrap_or_default();
    if longest >= 40 {
        note("link.random_path", "a long random path");
    }
    if path.contains("/wp-content/")
        || path.contains("/wp-includes/")
        || path.contains("/wp-admin/")
    {
        note(
            "link.hacked_site",
            "a page in the innards of somebody's web site",
        );
    }
    if url.fragment().is_some_and(|f| f.len() >= 12) {
        note("link.fragment", "a token behind the number sign");
    }
    if [
        ".exe", ".zip", ".iso", ".js", ".vbs", ".msi", ".rar", ".7z", ".apk", ".scr",
    ]
    .iter()
    .any(|end| path.ends_with(end))
    {
        note("link.download", "downloads a program or an archive");
    }
}

/// Whether a path, in small letters, is that of a form for passwords by its words.
pub(super) fn speaks_of_login(path: &str) -> bool {
    path.split(['/', '-', '_', '.'])
        .any(|part| LOGIN_WORDS.contains(&part))
}

/// Whether a link names a recipient, openly or as base64.
fn carries_recipient(case: &Case<'_>, tail: &str) -> bool {
    let plain = percent_encoding::percent_decode_str(tail)
        .decode_utf8_lossy()
        .to_lowercase();
    case.message.to.iter().take(5).any(|person| {
        let address = person.address.as_str();
        if address.len() < 6 {
            return false;
        }
        let coded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(address);
        plain.contains(address) || tail.contains(coded.trim_end_matches('='))
    })
}

fn together(case: &mut Case<'_>) {
    let domains: BTreeSet<&str> = case
        .ways
        .iter()
        .filter(|way| way.facts.place != LinkPlace::Refresh || way.place != "raw")
        .map(|way| way.facts.domain.as_str())
        .filter(|domain| !domain.is_empty())
        .collect();
    let targets: BTreeSet<&str> = case.ways.iter().map(|way| way.url).collect();
    let (count, distinct) = (case.ways.len(), targets.len());
    let own = domains.contains(case.domain.as_str());
    let spread = domains.len();
    let foreign = !domains.is_empty() && !own && !domains.iter().any(|d| case.is_own(d));
    let plain = !case.ways.is_empty() && case.ways.iter().all(|way| way.url.starts_with("http://"));
    let to_brand = !case.ways.is_empty()
        && case.ways.iter().all(|way| {
            Case::is_branded(&way.facts.domain)
                && !hosts::is_free_hosting(&way.facts.host)
                && !hosts::is_shortener(&way.facts.host)
        });
    let free = |d: &&str| hosts::is_freemail(d);
    let real_author = !case.domain.is_empty() && !free(&case.domain.as_str());
    if count == 0 {
        case.find("link.none", "body", "no link to follow");
    }
    if foreign && real_author {
        case.find(
            "link.all_foreign",
            "body",
            "no link leads to the sender's own domain",
        );
    }
    if own && real_author {
        case.find(
            "link.to_sender",
            "body",
            "links lead to the sender's own domain",
        );
    }
    if to_brand {
        case.find(
            "link.to_brand",
            "body",
            "all links lead to well-known domains",
        );
    }
    if foreign && spread == 1 && distinct <= 3 {
        case.find(
            "link.single_target",
            "body",
            "everything leads to one foreign place",
        );
    }
    if spread >= 6 {
        case.find(
            "link.many_domains",
            "body",
            format!("links to {spread} domains"),
        );
    }
    if plain {
        case.find("link.unencrypted", "body", "all links are unencrypted");
    }
    // the text speaks for a brand, no link leads there
    if foreign
        && !case.findings.iter().any(|f| f.id == "sender.brand_name")
        && let Some(brand) = BRANDS.iter().find(|b| !b.common && b.named_in(&case.text))
        && !domains.iter().any(|d| brand.owns(d))
        && !brand.owns(&case.domain)
    {
        let name = brand.names.first().copied().unwrap_or_default();
        case.find(
            "link.brand_text",
            "body",
            format!("the text names {name}, no link leads there"),
        );
    }
}

fn short(shown: &str) -> String {
    shown.chars().take(120).collect()
}
