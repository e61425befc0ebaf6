//! Which links may be visited, and at which addresses: the guard against being
//! turned on one's own network (SSRF). Pure; the caller resolves names and asks
//! [`vet_address`] for every address it got.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::message::{PrivateReason, Recipients, private_reason};

/// Longest link that is visited, bytes.
const MAX_LENGTH: usize = 8_192;

/// Ends of names that lead inside, or nowhere on the public network.
const INTERNAL_SUFFIXES: [&str; 15] = [
    "arpa",
    "corp",
    "home",
    "internal",
    "intra",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "workgroup",
    "alt",
];

/// What is ours and must not be visited.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Guard {
    /// Hosts of this service and others that are never visited, with everything
    /// under them: lower case, ASCII form.
    pub own_hosts: Vec<String>,
    /// The organisation's own domains, with everything under them.
    pub domains: Vec<String>,
    /// Mail addresses of the recipients; links that carry one are theirs alone.
    pub recipients: Vec<String>,
}

/// A link that may be visited, once the addresses of its host are vetted too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vetted {
    /// The link, without its fragment.
    pub url: Url,
    /// Its host: a name in ASCII form or a vetted address.
    pub host: Host<String>,
    /// 80 or 443.
    pub port: u16,
}

/// Why a link is not visited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No absolute link, or one that readers understand differently.
    #[error("it is no link that every reader understands alike")]
    Malformed,
    /// Another scheme than http and https.
    #[error("it is no web link")]
    Scheme,
    /// Another port than 80 and 443.
    #[error("it leads to port {0}, which is no web port")]
    Port(u16),
    /// A user name or password stands before the host.
    #[error("it carries a user name")]
    UserInfo,
    /// An address that is written otherwise than as four decimal numbers or IPv6.
    #[error("its address is written in an odd form")]
    OddAddress,
    /// An address inside, reserved, or of a cloud's own services.
    #[error("it leads to {0}, which is not on the public network")]
    Address(IpAddr),
    /// A name that means something inside only.
    #[error("its host is no public name")]
    InternalName,
    /// This service, or a host that is never visited.
    #[error("it leads to this service or to a host that is never visited")]
    Own,
    /// A domain of the organisation.
    #[error("it leads to a domain of the organisation")]
    Organisation,
    /// It is meant for one person: a visit would act for them or give them away.
    #[error("it belongs to its recipient")]
    Private(PrivateReason),
}

/// Whether a link may be visited, as far as the link itself can tell.
///
/// # Errors
/// [`Refused`], the first reason found.
pub fn vet(link: &str, guard: &Guard) -> Result<Vetted, Refused> {
    let written = authority(link)?;
    let mut url = Url::parse(link).map_err(|_| Refused::Malformed)?;
    url.set_fragment(None);
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::UserInfo);
    }
    let port = url.port_or_known_default().ok_or(Refused::Malformed)?;
    if !matches!(port, 80 | 443) {
        return Err(Refused::Port(port));
    }
    let host = match url.host().ok_or(Refused::Malformed)? {
        Host::Ipv4(ip) => {
            if written != ip.to_string() {
                return Err(Refused::OddAddress);
            }
            vet_address(IpAddr::V4(ip))?;
            Host::Ipv4(ip)
        }
        Host::Ipv6(ip) => {
            vet_address(IpAddr::V6(ip))?;
            Host::Ipv6(ip)
        }
        Host::Domain(name) => Host::Domain(vet_name(name, guard)?),
    };
    let recipients = Recipients::named(guard.recipients.iter().map(String::as_str));
    if let Some(reason) = private_reason(&url, &recipients) {
        return Err(Refused::Private(reason));
    }
    Ok(Vetted { url, host, port })
}

/// The host as it is written, without the port. Whatever two readers could
/// understand differently ends here.
fn authority(link: &str) -> Result<&str, Refused> {
    if link.len() > MAX_LENGTH {
        return Err(Refused::Malformed);
    }
    let (scheme, rest) = link.split_once(':').ok_or(Refused::Malformed)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(Refused::Scheme);
    }
    let rest = rest.strip_prefix("//").ok_or(Refused::Malformed)?;
    if link
        .chars()
        .any(|c| c == '\\' || c.is_control() || c.is_whitespace())
    {
        return Err(Refused::Malformed);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Refused::UserInfo);
    }
    // an escaped host is decoded by some readers only
    if authority.contains('%') || authority.is_empty() {
        return Err(Refused::Malformed);
    }
    Ok(match authority.rsplit_once(':') {
        Some((host, _)) if !authority.ends_with(']') => host,
        _ => authority,
    })
}

/// Whether a name may be resolved at all; gives it without a trailing dot.
fn vet_name(name: &str, guard: &Guard) -> Result<String, Refused> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let label_fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if name.is_empty() || name.len() > 253 || !name.split('.').all(label_fits) {
        return Err(Refused::Malformed);
    }
    let Some((_, top)) = name.rsplit_once('.') else {
        return Err(Refused::InternalName);
    };
    // a last label of digits is an address to some readers
    if INTERNAL_SUFFIXES.contains(&top) || top.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refused::InternalName);
    }
    if guard.own_hosts.iter().any(|own| under(&name, own)) {
        return Err(Refused::Own);
    }
    if guard.domains.iter().any(|domain| under(&name, domain)) {
        return Err(Refused::Organisation);
    }
    Ok(name)
}

fn under(name: &str, domain: &str) -> bool {
    name == domain
        || name
            .strip_suffix(domain)
            .is_some_and(|head| head.ends_with('.'))
}

/// Whether an address is a host on the public network.
///
/// Follows the IANA special-purpose registries (RFC 6890 and what was added since)
/// and the fixed addresses of cloud services. IPv6 is taken by what is allocated
/// (2000::/3), not by what is forbidden, so mapped, compatible, translated
/// (NAT64), local and future forms all fail.
///
/// # Errors
/// [`Refused::Address`].
pub fn vet_address(address: IpAddr) -> Result<(), Refused> {
    let public = match address {
        IpAddr::V4(ip) => public_v4(ip),
        IpAddr::V6(ip) => public_v6(ip),
    };
    if public {
        Ok(())
    } else {
        Err(Refused::Address(address))
    }
}

fn public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(matches!(a, 0 | 10 | 127)
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        // protocol assignments, TEST-NET-1, AS112, AMT, the 6to4 relays, AS112
        || matches!((a, b, c), (192, 0, 0 | 2) | (192, 31, 196) | (192, 52, 193))
        || matches!((a, b, c), (192, 88, 99) | (192, 175, 48))
        // benchmarks, TEST-NET-2 and 3
        || (a == 198 && (18..20).contains(&b))
        || matches!((a, b, c), (198, 51, 100) | (203, 0, 113))
        || a >= 224
        // the host agent of Azure, which every machine there can reach
        || ip == Ipv4Addr::new(168, 63, 129, 16))
}

fn public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    // global unicast, without protocol assignments (Teredo, ORCHID, benchmarks),
    // documentation, 6to4 and AS112
    (a & 0xe000) == 0x2000
        && !(a == 0x2001 && b < 0x200)
        && !(a == 0x2001 && b == 0xdb8)
        && a != 0x2002
        && !(a == 0x3fff && b < 0x1000)
        && !(a == 0x2620 && b == 0x4f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard {
            own_hosts: vec!["own-service.example".into()],
            domains: vec!["northwind.example".into()],
            recipients: vec!["ann@northwind.example".into()],
        }
    }

    #[test]
    fn ours_and_inner_names_are_refused_with_their_reason() {
        let refused = |link: &str| vet(link, &guard()).unwrap_err();
        assert_eq!(refused("https://api.own-service.example/x"), Refused::Own);
        assert_eq!(
            refused("https://mail.northwind.example./"),
            Refused::Organisation
        );
        assert_eq!(refused("http://wiki.corp.internal/"), Refused::InternalName);
        assert_eq!(refused("http://intranet/"), Refused::InternalName);
        assert_eq!(refused("http://a.example:8080/"), Refused::Port(8080));
        assert_eq!(refused("http://u:p@a.example/"), Refused::UserInfo);
        assert_eq!(refused("http://1572395042/"), Refused::OddAddress);
        assert_eq!(refused("ftp://a.example/"), Refused::Scheme);
        assert!(vet("https://notnorthwind.example/", &guard()).is_ok());
        assert!(vet("https://northwind.example.evil.example/", &guard()).is_ok());
    }

    #[test]
    fn what_may_be_visited_keeps_host_and_port() {
        let vetted = vet("HTTPS://B\u{fc}cher.EXAMPLE/a?b=c#d", &guard()).unwrap();
        assert_eq!(
            vetted.host,
            Host::Domain("xn--bcher-kva.example".to_owned())
        );
        assert_eq!(vetted.port, 443);
        assert_eq!(vetted.url.as_str(), "https://xn--bcher-kva.example/a?b=c");
        assert!(vet("http://[2606:2800:220:1::1]/", &guard()).is_ok());
    }

    #[test]
    fn special_addresses_and_their_neighbours() {
        let special = "0.0.0.0 10.255.255.255 100.127.255.255 127.0.0.1 169.254.169.254 172.16.0.1 192.0.0.170 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16 :: ::1 ::ffff:8.8.8.8 ::8.8.8.8 64:ff9b::808:808 64:ff9b:1::1 100::1 2001::1 2001:2::1 2001:20::1 2001:db8::1 2002:808:808::1 3fff:fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1";
        for address in special.split(' ') {
            let address = address.parse().unwrap();
            assert_eq!(vet_address(address), Err(Refused::Address(address)));
        }
        let public = "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.0.0.1 128.0.0.1 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.1 192.167.255.255 192.169.0.0 198.17.0.1 198.20.0.0 223.255.255.255 2001:200::1 2606:4700::1111 2a00::1 3fff:1000::1";
        for address in public.split(' ') {
            assert_eq!(vet_address(address.parse().unwrap()), Ok(()), "{address}");
        }
    }
}
