//! The way a message took, as the servers on it wrote it down (RFC 5321 section
//! 4.4).
//!
//! Every server puts its line on top. The lines of the own servers can be
//! believed, and the last of them names the address that handed the message in;
//! everything below is whatever the sender chose to write.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{ParsedMessage, header::Block};

/// Lines that are read.
pub(super) const MAX_HOPS: usize = 100;
/// Characters of one line that are read.
const MAX_LINE: usize = 2_000;
/// How far clocks of servers may go apart before it is worth a word.
const CLOCK_SLACK: TimeDelta = TimeDelta::minutes(5);
/// How far the writer's `Date` may lie from the arrival.
const DATE_SLACK: TimeDelta = TimeDelta::hours(24);

/// One `Received` line. The `for` clause is not kept: it names a recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hop {
    /// The name by which the sending machine greeted: its own claim.
    pub helo: Option<String>,
    /// The name that the receiving server found for the address.
    pub rdns: Option<String>,
    /// The address that the receiving server saw.
    pub ip: Option<IpAddr>,
    /// The server that wrote the line.
    pub by: Option<String>,
    /// The protocol, e.g. `ESMTPS`.
    pub with: Option<String>,
    /// The number the server gave the message.
    pub id: Option<String>,
    /// When it was written.
    pub time: Option<DateTime<Utc>>,
    /// What is wrong with the line itself.
    pub damage: Option<HopDamage>,
}

/// What is wrong with one `Received` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HopDamage {
    /// Longer than is read.
    Oversize,
    /// It holds control bytes.
    ControlBytes,
    /// Neither a server nor a sending machine is named.
    Unreadable,
}

/// The organisation's own servers: whose lines are believed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Border {
    /// Host names; each stands for itself and everything below it.
    pub hosts: Vec<String>,
    /// Networks of the own servers.
    pub networks: Vec<IpNet>,
}

impl Border {
    /// Whether a host is one of the own servers. It may also be a literal address.
    #[must_use]
    pub fn holds_host(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        let named = self.hosts.iter().any(|own| {
            let own = own.trim_matches('.').to_ascii_lowercase();
            !own.is_empty()
                && (host == own
                    || host
                        .strip_suffix(own.as_str())
                        .is_some_and(|head| head.ends_with('.')))
        });
        named || literal(host).is_some_and(|ip| self.holds_ip(ip))
    }

    /// Whether an address is one of the own servers.
    #[must_use]
    pub fn holds_ip(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.networks.iter().any(|net| net.contains(&ip))
    }
}

/// Something about the way that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum PathAnomaly {
    /// The line at `hop` is earlier than the one below it.
    Backwards {
        /// Index from the top.
        hop: usize,
        /// By how many seconds.
        seconds: i64,
    },
    /// The line at `hop` is later than the arrival.
    Future {
        /// Index from the top.
        hop: usize,
        /// By how many seconds.
        seconds: i64,
    },
    /// The writer's `Date` lies far from the arrival; positive when it is later.
    DateFar {
        /// By how many hours.
        hours: i64,
    },
    /// The line at `hop` is damaged.
    Damaged {
        /// Index from the top.
        hop: usize,
        /// How.
        damage: HopDamage,
    },
}

/// The way of one message, judged.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Path {
    /// All lines, topmost first.
    pub hops: Vec<Hop>,
    /// The line in which an own server took the message from outside; `None` when
    /// no own server is known to have written one. Everything below is a claim.
    pub border: Option<usize>,
    /// The address that handed the message in, as the border saw it.
    pub sending_ip: Option<IpAddr>,
    /// The name by which it greeted.
    pub helo: Option<String>,
    /// What does not fit.
    pub anomalies: Vec<PathAnomaly>,
}

/// Judges the way of a message. `arrived` is the platform's own time of arrival,
/// where it is known; the lines never replace it.
#[must_use]
pub fn path(message: &ParsedMessage, border: &Border, arrived: Option<DateTime<Utc>>) -> Path {
    let hops = message.received.clone();
    let mut at = None;
    for (index, hop) in hops.iter().enumerate() {
        let own = hop.by.as_deref().is_some_and(|by| border.holds_host(by));
        if !own || hop.damage.is_some() {
            break;
        }
        // a line without an address is a step inside one machine
        if hop
            .ip
            .is_some_and(|ip| is_public(ip) && !border.holds_ip(ip))
        {
            at = Some(index);
            break;
        }
    }
    let taken = at.and_then(|index| hops.get(index));
    Path {
        border: at,
        sending_ip: taken.and_then(|hop| hop.ip),
        helo: taken.and_then(|hop| hop.helo.clone()),
        anomalies: anomalies(&hops, message.date, arrived),
        hops,
    }
}

fn anomalies(
    hops: &[Hop],
    date: Option<DateTime<Utc>>,
    arrived: Option<DateTime<Utc>>,
) -> Vec<PathAnomaly> {
    let mut found = Vec::new();
    let mut below = hops.iter().skip(1).map(|hop| hop.time);
    for (index, hop) in hops.iter().enumerate() {
        if let Some(damage) = hop.damage {
            found.push(PathAnomaly::Damaged { hop: index, damage });
        }
        let earlier = below.next().flatten();
        let Some(time) = hop.time else { continue };
        if let Some(gap) = earlier.map(|e| e - time).filter(|gap| *gap > CLOCK_SLACK) {
            found.push(PathAnomaly::Backwards {
                hop: index,
                seconds: gap.num_seconds(),
            });
        }
        if let Some(gap) = arrived.map(|a| time - a).filter(|gap| *gap > CLOCK_SLACK) {
            found.push(PathAnomaly::Future {
                hop: index,
                seconds: gap.num_seconds(),
            });
        }
    }
    if let (Some(date), Some(arrived)) = (date, arrived) {
        let gap = date - arrived;
        if gap.abs() > DATE_SLACK {
            found.push(PathAnomaly::DateFar {
                hours: gap.num_hours(),
            });
        }
    }
    found
}

/// Whether an address is one of the open Internet.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b)))
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local())
        }
    }
}

/// The lines of a header block, topmost first, and whether some were left out.
pub(super) fn hops(block: &Block<'_>) -> (Vec<Hop>, bool) {
    let lines = block.raw("received", MAX_LINE + 1);
    let hops = lines.iter().take(MAX_HOPS).map(|l| hop(l)).collect();
    (hops, lines.len() > MAX_HOPS)
}

/// Reads one unfolded line.
fn hop(line: &str) -> Hop {
    let mut hop = Hop::default();
    if line.chars().count() > MAX_LINE {
        hop.damage = Some(HopDamage::Oversize);
    } else if line.chars().any(char::is_control) {
        hop.damage = Some(HopDamage::ControlBytes);
    }
    let (clauses, time) = match split_last_semicolon(line) {
        Some((clauses, time)) => (clauses, Some(time)),
        None => (line, None),
    };
    hop.time = time.and_then(moment);
    let words = Words::of(clauses);
    let mut clause = Clause::None;
    let mut commented = false;
    for word in words {
        match word {
            Word::Atom(atom) => {
                let next = Clause::of(atom);
                // a keyword is one only where a clause may begin
                if next != Clause::None && (clause != Clause::From || hop.helo.is_some()) {
                    clause = next;
                    continue;
                }
                match clause {
                    Clause::From if hop.helo.is_none() => {
                        hop.helo = Some(name(atom));
                        hop.ip = hop.ip.or_else(|| literal(atom));
                    }
                    Clause::By if hop.by.is_none() => hop.by = Some(name(atom)),
                    Clause::With if hop.with.is_none() => hop.with = Some(name(atom)),
                    Clause::Id if hop.id.is_none() => hop.id = Some(short(atom)),
                    _ => {}
                }
            }
            // the last comment of the sending side is the receiving server's own
            Word::Comment(comment) if clause == Clause::From => {
                from_comment(comment, &mut hop, &mut commented);
            }
            Word::Comment(_) => {}
        }
    }
    if hop.damage.is_none() && hop.by.is_none() && hop.helo.is_none() {
        hop.damage = Some(HopDamage::Unreadable);
    }
    hop
}

/// `(rdns [ip])`, `([ip] helo=name)`, `(HELO name)`, `(ip)`: what the receiving
/// server adds about the sending one, in the dialects of Postfix, Sendmail, Exim,
/// qmail and Exchange.
fn from_comment(comment: &str, hop: &mut Hop, commented: &mut bool) {
    let mut ip = None;
    let mut rdns = None;
    let mut words = comment.split_whitespace().take(20).peekable();
    while let Some(word) = words.next() {
        let lower = word.to_ascii_lowercase();
        if matches!(lower.as_str(), "helo" | "ehlo") {
            // qmail: the greeting stands in the comment, the name before it
            let greeted = words.next().map(name);
            if let Some(before) = hop.helo.take().filter(|n| n != "unknown") {
                hop.rdns.get_or_insert(before);
            }
            hop.helo = greeted;
        } else if let Some(greeted) = lower.strip_prefix("helo=") {
            if let Some(before) = hop.helo.take().filter(|n| literal(n).is_none()) {
                rdns.get_or_insert(before);
            }
            hop.helo = Some(name(greeted));
        } else if ip.is_none() && literal(&lower).is_some() {
            ip = literal(&lower);
        } else if ip.is_none() && rdns.is_none() && is_host(&lower) && lower != "unknown" {
            rdns = Some(name(&lower));
        }
    }
    if ip.is_some() || !*commented {
        hop.ip = ip.or(hop.ip);
        hop.rdns = rdns.or_else(|| hop.rdns.take());
        *commented |= ip.is_some();
    }
}

fn is_host(word: &str) -> bool {
    word.contains('.')
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// An address, bare or as a literal: `192.0.2.1`, `[192.0.2.1]:587`,
/// `[IPv6:2001:db8::1]`.
pub(super) fn literal(word: &str) -> Option<IpAddr> {
    let word = word.trim_matches([',', ';', '(', ')']);
    let inner = match word.strip_prefix('[') {
        Some(tail) => tail.split_once(']')?.0,
        None => word,
    };
    let inner = match inner.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => inner.get(5..)?,
        _ => inner,
    };
    let inner = inner.split('%').next().unwrap_or(inner);
    inner.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    let date = mail_parser::DateTime::parse_rfc822(text.trim())?;
    date.is_valid()
        .then(|| DateTime::from_timestamp(date.to_timestamp(), 0))
        .flatten()
}

/// Cuts the time off. It stands behind the last semicolon.
fn split_last_semicolon(line: &str) -> Option<(&str, &str)> {
    line.rsplit_once(';')
}

fn name(word: &str) -> String {
    let kept = word.trim_matches(['<', '>', ',', ';', '"']);
    short(kept).trim_end_matches('.').to_ascii_lowercase()
}

fn short(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(255).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Clause {
    None,
    From,
    By,
    With,
    Id,
    Other,
}

impl Clause {
    fn of(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "from" => Self::From,
            "by" => Self::By,
            "with" => Self::With,
            "id" => Self::Id,
            "for" | "via" | "envelope-from" => Self::Other,
            _ => Self::None,
        }
    }
}

enum Word<'l> {
    Atom(&'l str),
    Comment(&'l str),
}

/// Atoms and whole comments (nested parentheses) of a line.
struct Words<'l> {
    rest: &'l str,
}

impl<'l> Words<'l> {
    const fn of(line: &'l str) -> Self {
        Self { rest: line }
    }
}

impl<'l> Iterator for Words<'l> {
    type Item = Word<'l>;

    fn next(&mut self) -> Option<Word<'l>> {
        self.rest = self.rest.trim_start();
        let inside = self.rest.strip_prefix('(');
        let Some(inside) = inside else {
            let end = self
                .rest
                .find(|c: char| c.is_whitespace() || c == '(')
                .unwrap_or(self.rest.len());
            let (atom, rest) = self.rest.split_at_checked(end)?;
            self.rest = rest;
            return (!atom.is_empty()).then_some(Word::Atom(atom));
        };
        let mut depth = 1u32;
        let end = inside.char_indices().find_map(|(at, c)| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            (depth == 0).then_some(at)
        });
        let (comment, rest) = inside
            .split_at_checked(end.unwrap_or(inside.len()))
            .unwrap_or((inside, ""));
        self.rest = rest.strip_prefix(')').unwrap_or(rest);
        Some(Word::Comment(comment))
    }
}

#[cfg(test)]
mod tests;
