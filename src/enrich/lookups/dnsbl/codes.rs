//! What the codes of blocklists mean.

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::super::Reputation;

/// A code that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("code {code:?} must be an address in 127.0.0.0/8 with a meaning such as \"bad: SBL\"")]
pub struct BadCode {
    /// The code as configured.
    pub code: String,
}

/// What a code says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) reputation: Reputation,
    pub(super) words: String,
}

impl Meaning {
    /// A code that no table knows: listed (RFC 5782, section 2.1), for what is not
    /// known.
    pub(super) fn unknown(code: Ipv4Addr) -> Self {
        Self {
            reputation: Reputation::Doubtful,
            words: format!("code {code}"),
        }
    }

    /// The worst first; facts and praise only where nothing worse is said.
    pub(super) const fn rank(&self) -> u8 {
        match self.reputation {
            Reputation::Bad => 0,
            Reputation::Doubtful => 1,
            Reputation::Good => 2,
            Reputation::Facts => 3,
            Reputation::Unlisted => 4,
        }
    }
}

/// An answer that is no listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Refused(&'static str),
    Throttled,
    Unexpected(&'static str),
    Ignored,
}

/// Answers that speak of the question, not of the value: Spamhaus, return codes of
/// 2019 and later (spamhaus.org/news/article/788); 127.0.0.1, which RFC 5782 keeps
/// free and lists that close answer to everything.
pub(super) fn trouble(code: Ipv4Addr) -> Option<Trouble> {
    match code.octets() {
        [127, 255, 255, 252] => Some(Trouble::Refused(
            "there is no such zone; check its spelling",
        )),
        [127, 255, 255, 254] => Some(Trouble::Refused(
            "it does not answer public resolvers; ask through one of your own",
        )),
        [127, 255, 255, 255] => Some(Trouble::Throttled),
        [127, 255, 255, _] => Some(Trouble::Refused("it reports an error; check the key")),
        [127, 0, 1, 255] => Some(Trouble::Unexpected("it lists names, not addresses")),
        [127, 0, 0, 1] => Some(Trouble::Unexpected(
            "it lists everything, as closed lists do",
        )),
        [127, ..] => None,
        _ => Some(Trouble::Ignored),
    }
}

type Row = (&'static [[u8; 2]], Reputation, &'static str);

/// docs.spamhaus.com, available zones: SBL, CSS, XBL, DROP, PBL, BCL, AuthBL. The
/// PBL says which addresses are no mail servers, and nothing against them.
const SPAMHAUS_IP: [Row; 8] = [
    (&[[0, 2]], Reputation::Bad, "SBL"),
    (&[[0, 3]], Reputation::Bad, "CSS"),
    (&[[0, 4], [0, 5], [0, 6], [0, 7]], Reputation::Bad, "XBL"),
    (&[[0, 9]], Reputation::Bad, "DROP"),
    (&[[0, 10], [0, 11]], Reputation::Facts, "PBL"),
    (&[[0, 20]], Reputation::Bad, "AuthBL"),
    (&[[0, 30]], Reputation::Bad, "botnet controller"),
    (&[[0, 8]], Reputation::Doubtful, "code not in use"),
];

/// The same page: DBL; abused domains belong to somebody honest.
const SPAMHAUS_DOMAIN: [Row; 9] = [
    (&[[1, 2]], Reputation::Bad, "low reputation"),
    (&[[1, 4]], Reputation::Bad, "phishing"),
    (&[[1, 5]], Reputation::Bad, "malware"),
    (&[[1, 6]], Reputation::Bad, "botnet controller"),
    (&[[1, 102]], Reputation::Doubtful, "abused, spam"),
    (&[[1, 103]], Reputation::Doubtful, "abused redirector"),
    (&[[1, 104]], Reputation::Doubtful, "abused, phishing"),
    (&[[1, 105]], Reputation::Doubtful, "abused, malware"),
    (
        &[[1, 106]],
        Reputation::Doubtful,
        "abused, botnet controller",
    ),
];

/// spamhaus/rspamd-dqs: HBL.
const SPAMHAUS_HASH: [Row; 4] = [
    (&[[3, 2]], Reputation::Bad, "address used by criminals"),
    (&[[3, 10]], Reputation::Bad, "malicious file"),
    (&[[3, 15]], Reputation::Doubtful, "suspicious file"),
    (&[[3, 20]], Reputation::Bad, "wallet used by criminals"),
];

/// docs.abusix.com, production zones: black, exploit, dynamic (policy), and
/// combined, which holds all three.
const ABUSIX_IP: [Row; 6] = [
    (&[[0, 2]], Reputation::Bad, "hit spam traps"),
    (&[[0, 3]], Reputation::Bad, "low reputation"),
    (&[[0, 200]], Reputation::Bad, "listed by hand"),
    (&[[0, 4]], Reputation::Bad, "exploited host"),
    (
        &[[0, 11]],
        Reputation::Facts,
        "policy: generic reverse name",
    ),
    (&[[0, 12]], Reputation::Facts, "policy: no reverse name"),
];

/// The same pages: dblack, shorthash.
const ABUSIX_CONTENT: [Row; 4] = [
    (&[[1, 1]], Reputation::Bad, "seen in spam"),
    (&[[1, 2]], Reputation::Doubtful, "newly observed in spam"),
    (&[[1, 3]], Reputation::Bad, "behind a short link in spam"),
    (&[[3, 1]], Reputation::Bad, "short link in spam"),
];

/// The built-in table of a zone (with or without a key in it); empty for zones that
/// are not known here.
pub(super) fn built_in(zone: &str) -> BTreeMap<Ipv4Addr, Meaning> {
    let plain = zone.replace("{key}.", "");
    let under = |domain: &str| plain == domain || plain.ends_with(&format!(".{domain}"));
    let spamhaus = under("spamhaus.org") || under("dq.spamhaus.net");
    let mut table = BTreeMap::new();
    let tables: &[&[Row]] = if spamhaus {
        &[&SPAMHAUS_IP, &SPAMHAUS_DOMAIN, &SPAMHAUS_HASH]
    } else if under("mail.abusix.zone") {
        &[&ABUSIX_IP, &ABUSIX_CONTENT]
    } else {
        &[]
    };
    for (codes, reputation, words) in tables.iter().copied().flatten() {
        for [c, d] in *codes {
            let meaning = Meaning {
                reputation: *reputation,
                words: (*words).to_owned(),
            };
            table.insert(Ipv4Addr::new(127, 0, *c, *d), meaning);
        }
    }
    if spamhaus {
        // ZRD: 127.0.2.2 to 127.0.2.24, first seen so many hours ago
        for hours in 2..=24u8 {
            let meaning = Meaning {
                reputation: Reputation::Doubtful,
                words: format!("first seen less than {hours} hours ago"),
            };
            table.insert(Ipv4Addr::new(127, 0, 2, hours), meaning);
        }
    }
    table
}

/// The codes of the section: `"127.0.0.2" = "bad: SBL"`.
///
/// # Errors
/// [`BadCode`].
pub(super) fn configured(
    codes: &BTreeMap<String, String>,
) -> Result<BTreeMap<Ipv4Addr, Meaning>, BadCode> {
    codes
        .iter()
        .map(|(code, text)| {
            let bad = || BadCode { code: code.clone() };
            let address: Ipv4Addr = code.parse().map_err(|_| bad())?;
            if !address.is_loopback() || trouble(address).is_some() {
                return Err(bad());
            }
            let (reputation, words) = text.split_once(':').unwrap_or((text, ""));
            let reputation = match reputation.trim() {
                "bad" => Reputation::Bad,
                "doubtful" => Reputation::Doubtful,
                "facts" => Reputation::Facts,
                "good" => Reputation::Good,
                _ => return Err(bad()),
            };
            let words = match words.trim() {
                "" => format!("code {address}"),
                words => words.to_owned(),
            };
            Ok((address, Meaning { reputation, words }))
        })
        .collect()
}
