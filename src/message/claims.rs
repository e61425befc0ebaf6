//! Header fields by which a message names where it comes from and where an answer
//! goes. All of it is the sender's own words.

use std::net::IpAddr;

use mail_parser::HeaderName;

use super::{Limits, Person, header::Block, received};

/// Links kept of list headers.
const MAX_LINKS: usize = 10;
/// Domains kept of signatures.
const MAX_SIGNERS: usize = 8;
/// Fields kept that begin with `X-`.
const MAX_MARKS: usize = 40;
/// Characters kept of one.
const MAX_MARK: usize = 200;
/// Addresses kept of those it was delivered to.
const MAX_DELIVERED: usize = 8;

/// What header fields claim beside the visible sender.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    /// `Return-Path`: where bounces go; the last server wrote it.
    pub return_path: Option<Person>,
    /// Whom it was delivered to, as servers noted on the way: `Delivered-To`,
    /// `X-Original-To`, `Envelope-To`, `X-Forwarded-To`; at most eight.
    pub delivered_to: Vec<Person>,
    /// Addresses that other fields name, each with the field's name:
    /// `Disposition-Notification-To`, `Errors-To`, `X-Sender`.
    pub addresses: Vec<(&'static str, Person)>,
    /// `d=` of every `DKIM-Signature`, valid or not, lower case.
    pub signers: Vec<String>,
    /// `X-Originating-IP` and the like: the writer's own machine, when the first
    /// server says so.
    pub originating_ip: Option<IpAddr>,
    /// Fields that begin with `X-`, by which programs mark mail, those of the platforms
    /// left out: name in small letters and value, at most forty of at most 200
    /// characters.
    pub marks: Vec<(String, String)>,
    /// Targets in `List-Unsubscribe` and the other `List-` fields (RFC 2369), each
    /// with the field's name.
    pub list_links: Vec<(&'static str, String)>,
}

impl Claims {
    pub(super) fn of(block: &Block<'_>, limits: &Limits) -> Self {
        let mut claims = Self {
            return_path: block
                .ids(&HeaderName::ReturnPath, 1)
                .first()
                .map(|address| Person::of(Some(address), None, limits.value_chars)),
            ..Self::default()
        };
        claims.return_path = claims.return_path.filter(|p| !p.domain().is_empty());
        for name in ["Disposition-Notification-To", "Errors-To", "X-Sender"] {
            let people = block.raw(name, 400).into_iter().take(2).map(|value| {
                let bare = value
                    .rsplit_once('<')
                    .map_or(value.as_str(), |(_, tail)| tail);
                Person::of(Some(bare.trim().trim_end_matches('>')), None, 320)
            });
            claims.addresses.extend(
                people
                    .filter(|person| !person.domain().is_empty())
                    .map(|person| (name, person)),
            );
        }
        for name in [
            "Delivered-To",
            "X-Original-To",
            "Envelope-To",
            "X-Envelope-To",
            "X-Forwarded-To",
        ] {
            let people = block.raw(name, 400).into_iter().take(4).map(|value| {
                let bare = value.trim().trim_start_matches('<').trim_end_matches('>');
                Person::of(Some(bare), None, 320)
            });
            for person in people.filter(|person| !person.domain().is_empty()) {
                let room = claims.delivered_to.len() < MAX_DELIVERED;
                if room && !claims.delivered_to.contains(&person) {
                    claims.delivered_to.push(person);
                }
            }
        }
        for name in ["X-Originating-IP", "X-Sender-IP", "X-ClientProxiedBy-IP"] {
            let found = block
                .raw(name, 100)
                .iter()
                .find_map(|value| received::literal(value.trim()));
            claims.originating_ip = claims.originating_ip.or(found);
        }
        for value in block.raw("dkim-signature", 2_000).iter().take(MAX_SIGNERS) {
            let domain = value.split(';').find_map(|tag| {
                let (key, domain) = tag.split_once('=')?;
                (key.trim() == "d").then(|| domain.trim().to_ascii_lowercase())
            });
            claims.signers.extend(domain.filter(|d| is_name(d)));
        }
        claims.signers.dedup();
        let mut names: Vec<String> = block
            .headers
            .iter()
            .map(|header| header.name.as_str().to_ascii_lowercase())
            .filter(|name| name.starts_with("x-") && name.len() <= 60)
            // what the platforms themselves write would leave no room
            .filter(|name| {
                ![
                    "x-ms-",
                    "x-microsoft-",
                    "x-gm-",
                    "x-google-",
                    "x-forefront-",
                ]
                .iter()
                .any(|platform| name.starts_with(platform))
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        names.truncate(MAX_MARKS);
        for name in names {
            let values = block.raw(&name, MAX_MARK);
            claims.marks.extend(
                values
                    .into_iter()
                    .take(2)
                    .map(|value| (name.clone(), value)),
            );
        }
        claims.marks.truncate(MAX_MARKS);
        for name in [
            "List-Unsubscribe",
            "List-Archive",
            "List-Help",
            "List-Subscribe",
            "List-Owner",
        ] {
            for value in block.raw(name, 4_000).iter().take(2) {
                // a comma may stand inside a link: the brackets part them
                let links = value
                    .split('<')
                    .skip(1)
                    .filter_map(|entry| entry.split_once('>'))
                    .map(|(target, _)| (name, target.split_whitespace().collect::<String>()));
                let room = MAX_LINKS.saturating_sub(claims.list_links.len());
                claims.list_links.extend(links.take(room));
            }
        }
        claims
    }
}

/// Whether a signer's claim can be a domain at all.
fn is_name(domain: &str) -> bool {
    (1..=253).contains(&domain.len())
        && domain
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_') || b >= 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::parse;

    #[test]
    fn what_fields_claim() {
        let raw = "Return-Path: <Bounce@R.example>\r\nDKIM-Signature: v=1; a=rsa-sha256; d=S.example; s=x; b=AA=\r\nX-Originating-IP: [203.0.113.5]\r\nErrors-To: Err <e@x.example>\r\nDelivered-To: Max@Org.example\r\nX-Original-To: <max@org.example>\r\nList-Unsubscribe: <mailto:u@l.example?subject=x>,\r\n <https://l.example/u?id=1,2>\r\nFrom: a@b.example\r\n\r\n";
        let claims = parse(raw.as_bytes(), &Limits::default()).claims;
        assert_eq!(claims.return_path.unwrap().address, "bounce@r.example");
        assert_eq!(claims.signers, ["s.example"]);
        assert_eq!(claims.originating_ip.unwrap().to_string(), "203.0.113.5");
        assert_eq!(claims.addresses[0].1.address, "e@x.example");
        let delivered: Vec<&str> = claims
            .delivered_to
            .iter()
            .map(|p| p.address.as_str())
            .collect();
        assert_eq!(delivered, ["max@org.example"]);
        assert_eq!(claims.list_links.len(), 2);
        assert_eq!(claims.list_links[1].1, "https://l.example/u?id=1,2");
    }
}
