//! Kinds of domains that a sender need not own.

use crate::message::{Person, registrable};

/// Mailbox providers anyone can use, by their registrable label.
const FREEMAIL: [&str; 40] = [
    "gmail",
    "googlemail",
    "outlook",
    "hotmail",
    "live",
    "msn",
    "yahoo",
    "ymail",
    "aol",
    "icloud",
    "gmx",
    "web",
    "mail",
    "inbox",
    "yandex",
    "protonmail",
    "proton",
    "tutanota",
    "zoho",
    "163",
    "126",
    "qq",
    "sina",
    "foxmail",
    "rediffmail",
    "libero",
    "virgilio",
    "orange",
    "wanadoo",
    "laposte",
    "free",
    "sfr",
    "terra",
    "uol",
    "bol",
    "seznam",
    "naver",
    "daum",
    "hanmail",
    "rambler",
];

/// Domains of link shorteners and of redirects open to anyone.
const SHORTENERS: [&str; 44] = [
    "bit.ly",
    "tinyurl.com",
    "t.co",
    "goo.gl",
    "is.gd",
    "ow.ly",
    "cutt.ly",
    "rebrand.ly",
    "rb.gy",
    "t.ly",
    "tiny.cc",
    "shorturl.at",
    "urly.fi",
    "geni.us",
    "s.id",
    "lnkd.in",
    "buff.ly",
    "v.gd",
    "bl.ink",
    "short.io",
    "qrco.de",
    "shrtco.de",
    "u.to",
    "clck.ru",
    "tr.ee",
    "linktr.ee",
    "did.li",
    "urlz.fr",
    "2u.pw",
    "n9.cl",
    "acortar.link",
    "encurtador.com.br",
    "l.ead.me",
    "share.google",
    "g.co",
    "surl.li",
    "adf.ly",
    "soo.gd",
    "ulvis.net",
    "x.gd",
    "goo.su",
    "me-qr.com",
    "qr.codes",
    "shorturl.asia",
];

/// Domains under which anyone can put a page at once.
const FREE_HOSTING: [&str; 76] = [
    "storage.googleapis.com",
    "storage.cloud.google.com",
    "sites.google.com",
    "script.google.com",
    "cloudapp.azure.com",
    "cloudapp.net",
    "linodeobjects.com",
    "oraclecloud.com",
    "myfreesites.net",
    "hostingerapp.com",
    "r2.dev",
    "pages.dev",
    "workers.dev",
    "web.app",
    "firebaseapp.com",
    "appspot.com",
    "amazonaws.com",
    "cloudfront.net",
    "windows.net",
    "azurewebsites.net",
    "azureedge.net",
    "azurefd.net",
    "netlify.app",
    "vercel.app",
    "herokuapp.com",
    "glitch.me",
    "repl.co",
    "replit.app",
    "replit.dev",
    "onrender.com",
    "fly.dev",
    "github.io",
    "gitlab.io",
    "gitbook.io",
    "weebly.com",
    "weeblysite.com",
    "wixsite.com",
    "wixstudio.io",
    "editorx.io",
    "godaddysites.com",
    "webflow.io",
    "framer.app",
    "framer.website",
    "square.site",
    "carrd.co",
    "blogspot.com",
    "wordpress.com",
    "000webhostapp.com",
    "infinityfreeapp.com",
    "duckdns.org",
    "ddns.net",
    "no-ip.org",
    "ngrok.io",
    "ngrok-free.app",
    "trycloudflare.com",
    "backblazeb2.com",
    "digitaloceanspaces.com",
    "ondigitalocean.app",
    "translate.goog",
    "fleek.co",
    "ipfs.io",
    "dweb.link",
    "cf-ipfs.com",
    "w3s.link",
    "nftstorage.link",
    "codesandbox.io",
    "surge.sh",
    "jimdosite.com",
    "jotform.com",
    "typeform.com",
    "formstack.com",
    "forms.gle",
    "notion.site",
    "tilda.ws",
    "canva.site",
    "mybluehost.me",
];

/// Top-level domains that phishing uses far more than business does.
const ODD_TLDS: [&str; 46] = [
    "xyz", "top", "click", "icu", "buzz", "rest", "live", "club", "online", "site", "shop",
    "store", "space", "website", "fun", "monster", "quest", "cyou", "cfd", "sbs", "bond", "lol",
    "pro", "life", "world", "today", "vip", "win", "bid", "loan", "work", "link", "gq", "tk", "ml",
    "cf", "ga", "pw", "su", "ru", "cn", "zip", "mov", "beauty", "hair", "autos",
];

fn under(host: &str, domains: &[&str]) -> bool {
    domains.iter().any(|domain| {
        host == *domain
            || host
                .strip_suffix(domain)
                .is_some_and(|head| head.ends_with('.'))
    })
}

/// Whether a registrable domain gives mailboxes to anyone.
pub(super) fn is_freemail(domain: &str) -> bool {
    let label = domain.split('.').next().unwrap_or_default();
    FREEMAIL.contains(&label)
}

/// Whether a person's address is at such a provider.
pub(super) fn is_freemail_address(person: &Person) -> bool {
    is_freemail(&registrable(person.domain()))
}

/// Whether a host shortens or redirects links for anyone.
pub(super) fn is_shortener(host: &str) -> bool {
    under(host, &SHORTENERS)
}

/// Whether a host shows anyone's pages.
pub(super) fn is_free_hosting(host: &str) -> bool {
    under(host, &FREE_HOSTING) || host.split('.').any(|label| label == "ipfs")
}

/// Whether a domain ends in one of the endings that abuse favours.
pub(super) fn is_odd_tld(domain: &str) -> bool {
    domain
        .rsplit('.')
        .next()
        .is_some_and(|end| ODD_TLDS.contains(&end))
}
