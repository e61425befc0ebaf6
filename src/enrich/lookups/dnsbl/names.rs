//! Names that a blocklist is asked by.

use std::net::IpAddr;

use data_encoding::BASE32_NOPAD;
use sha1::{Digest, Sha1};
use url::Url;

use super::super::{AskedKind, Question};
use crate::{config::lookups::Listed, enrich::guard::vet_address};

/// What a list can be asked about. Zones of Spamhaus HBL take one kind of hash
/// each, named by their first label.
pub(super) fn kinds(lists: &[Listed], zone: &str) -> Vec<AskedKind> {
    let mut kinds = Vec::new();
    for listed in lists {
        let more: &[AskedKind] = match listed {
            Listed::Ip => &[AskedKind::Ip],
            Listed::Domain => &[AskedKind::Domain, AskedKind::Host],
            Listed::Hash if zone.starts_with("_email.") => &[AskedKind::Email],
            Listed::Hash if zone.starts_with("_file.") => &[AskedKind::Sha256],
            // its links are cut by rules that the vendor changes: not asked
            Listed::Hash if zone.starts_with('_') => &[],
            Listed::Hash => &[AskedKind::Email, AskedKind::Url],
        };
        for kind in more {
            if !kinds.contains(kind) {
                kinds.push(*kind);
            }
        }
    }
    kinds
}

/// What stands before the zone; `None` when the value is not asked: an address or
/// name inside, or nothing that fits into a name.
pub(super) fn prefix(question: &Question, zone: &str) -> Option<String> {
    let value = question.value.as_str();
    let prefix = match question.kind {
        AskedKind::Ip => reversed(value.parse().ok()?)?,
        AskedKind::Domain | AskedKind::Host => name(value)?,
        AskedKind::Email => hex::encode(Sha1::digest(address(value)?)),
        AskedKind::Url => hex::encode(Sha1::digest(link(value)?)),
        AskedKind::Sha256 => {
            let bytes = hex::decode(value).ok().filter(|b| b.len() == 32)?;
            BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
        }
        AskedKind::Message => return None,
    };
    // with the longest key
    (prefix.len() + zone.len() + 63 <= 253 + "{key}".len()).then_some(prefix)
}

/// RFC 5782, sections 2.1 and 2.4: octets or nibbles, last first.
fn reversed(address: IpAddr) -> Option<String> {
    vet_address(address).ok()?;
    Some(match address {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}")
        }
        IpAddr::V6(ip) => {
            let nibbles: Vec<String> = hex::encode(ip.octets())
                .chars()
                .rev()
                .map(String::from)
                .collect();
            nibbles.join(".")
        }
    })
}

fn name(value: &str) -> Option<String> {
    let name = value.trim_end_matches('.').to_ascii_lowercase();
    let fits = name.contains('.')
        && name.parse::<IpAddr>().is_err()
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        });
    fits.then_some(name)
}

/// SHA-1 in hexadecimal of the address in lower case, as Spamhaus' own rules for
/// rspamd ask it (spamhaus/rspamd-dqs, `sh_rbl_hbl.conf`). Abusix documents no
/// list of addresses; this form is unverified there.
fn address(value: &str) -> Option<String> {
    let address = value.trim().to_lowercase();
    let (local, domain) = address.rsplit_once('@')?;
    (!local.is_empty() && !domain.is_empty()).then_some(address)
}

/// Abusix, lists `shorthash` and `diskhash`: host in lower case and path, without
/// scheme and query (docs.abusix.com, production zones).
fn link(value: &str) -> Option<String> {
    let url = Url::parse(value).ok()?;
    let host = url.host_str()?.to_ascii_lowercase();
    let path = url.path();
    Some(format!("{host}{}", if path == "/" { "" } else { path }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(kind: AskedKind, value: &str) -> Option<String> {
        let question = Question::new(kind, value.to_owned());
        prefix(&question, "{key}.list.example")
    }

    #[test]
    fn values_as_their_vendors_write_them() {
        assert_eq!(
            asked(AskedKind::Ip, "93.184.216.34").unwrap(),
            "34.216.184.93"
        );
        assert_eq!(
            asked(AskedKind::Ip, "2a00:1450:4001::2e").unwrap(),
            "e.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.4.0.5.4.1.0.0.a.2"
        );
        // the example of the vendor's page
        assert_eq!(
            asked(AskedKind::Url, "http://BiT.do/e3s49?foo=bar&bar=baz").unwrap(),
            "bb395cece75455415de5f3b6f75c13352586788c"
        );
        assert_eq!(
            asked(AskedKind::Email, "Ann@A.example"),
            asked(AskedKind::Email, "ann@a.example")
        );
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(
            asked(AskedKind::Sha256, empty).unwrap(),
            "4oymiquy7qobjgx36tejs35zeqt24qpemsnzgtfeswmrw6csxbkq"
        );
        assert_eq!(
            asked(AskedKind::Domain, "Evil.Example.").unwrap(),
            "evil.example"
        );
    }

    #[test]
    fn what_is_inside_or_no_name_is_not_asked() {
        for (kind, value) in [
            (AskedKind::Ip, "10.0.0.1"),
            (AskedKind::Ip, "fe80::1"),
            (AskedKind::Domain, "localhost"),
            (AskedKind::Domain, "93.184.216.34"),
            (AskedKind::Host, "a b.example"),
            (AskedKind::Host, &format!("{}.example", "a.".repeat(100))),
            (AskedKind::Email, "nobody"),
            (AskedKind::Sha256, "abc"),
            (AskedKind::Message, "x"),
        ] {
            assert_eq!(asked(kind, value), None, "{value}");
        }
    }

    #[test]
    fn hash_zones_of_one_kind() {
        let of = |zone| kinds(&[Listed::Hash], zone);
        assert_eq!(of("_email.{key}.hbl.dq.spamhaus.net"), [AskedKind::Email]);
        assert_eq!(of("_file.{key}.hbl.dq.spamhaus.net"), [AskedKind::Sha256]);
        assert_eq!(of("_url.{key}.hbl.dq.spamhaus.net"), []);
        assert_eq!(
            of("{key}.shorthash.mail.abusix.zone"),
            [AskedKind::Email, AskedKind::Url]
        );
    }
}
