//! Section `[lookups]`: the sources outside that may be asked about a message.
//!
//! Without this section nothing leaves the machine.

mod bounds;
mod own;

use std::{collections::BTreeMap, path::PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

/// The sources; one that is absent is switched off.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lookups {
    /// URLhaus of abuse.ch: links, hosts, file hashes.
    pub urlhaus: Option<Source>,
    /// MalwareBazaar of abuse.ch: file hashes.
    pub malwarebazaar: Option<Source>,
    /// ThreatFox of abuse.ch: links, hosts, addresses, hashes.
    pub threatfox: Option<Source>,
    /// Google Web Risk: links.
    pub web_risk: Option<Source>,
    /// VirusTotal: looks links and hashes up, uploads nothing.
    pub virustotal: Option<Source>,
    /// urlscan.io: searches what others scanned, submits nothing.
    pub urlscan: Option<Source>,
    /// RDAP: age and registrar of domains.
    pub rdap: Option<Source>,
    /// A MISP instance: attributes and warning lists.
    pub misp: Option<Source>,
    /// DNS blocklists, by a name of your own.
    pub dnsbl: BTreeMap<String, Blocklist>,
    /// DNS facts of domains: MX, NS, SOA.
    pub dns: Option<Source>,
    /// rspamd of your own: `http://127.0.0.1:11333`.
    pub rspamd: Option<Source>,
    /// ClamAV of your own: `tcp://127.0.0.1:3310` or `unix:/run/clamav/clamd.ctl`.
    pub clamav: Option<Source>,
    /// Lists of your own or of others, by file or address.
    pub feeds: BTreeMap<String, Feed>,
}

/// How one source is asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Source {
    /// Another address than the public one: https, or plain http on this machine.
    pub endpoint: Option<String>,
    /// The key, where the source needs one; prefer the file.
    pub key: Option<SecretString>,
    /// The file that holds the key, trailing white space ignored.
    pub key_file: Option<PathBuf>,
    /// Seconds to wait for an answer, 1 to 60.
    pub timeout_seconds: u32,
    /// Questions a day (UTC), 1 to 1,000,000; the free tier of the source by default,
    /// see [`Lookups::allowance`].
    pub per_day: Option<u32>,
    /// Questions in any minute, 1 to 10,000; the free tier by default.
    pub per_minute: Option<u32>,
    /// Hours that an answer is kept, 1 to 720.
    pub keep_hours: u32,
    /// Hours that "nothing known" is kept, 1 to 720.
    pub keep_unlisted_hours: u32,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            endpoint: None,
            key: None,
            key_file: None,
            timeout_seconds: 10,
            per_day: None,
            per_minute: None,
            keep_hours: 24,
            keep_unlisted_hours: 4,
        }
    }
}

/// One DNS blocklist.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocklist {
    /// The zone, e.g. `zen.spamhaus.org`; `{key}` stands for the key of the account.
    pub zone: String,
    /// The key of the account, where the zone needs one.
    #[serde(default)]
    pub key: Option<SecretString>,
    /// The file that holds the key.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// What it lists.
    pub lists: Vec<Listed>,
    /// Return codes and their meaning, e.g. `"127.0.0.2" = "bad: SBL"`; the words
    /// `bad`, `doubtful`, `facts` or `good` before the colon.
    #[serde(default)]
    pub codes: BTreeMap<String, String>,
    /// Questions a day (UTC), 1 to 1,000,000; 50,000 by default.
    #[serde(default)]
    pub per_day: Option<u32>,
}

/// What a DNS blocklist lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Listed {
    /// Addresses, asked in reverse.
    Ip,
    /// Domains.
    Domain,
    /// SHA-1, base32, of mail addresses or links, as Abusix and Spamhaus HBL do.
    Hash,
}

/// One list.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// Where it is fetched from.
    #[serde(default)]
    pub url: Option<String>,
    /// Or the file it is read from.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// Its form.
    pub format: FeedFormat,
    /// The column (CSV, counted from 0, or its heading) or member (JSON) that holds
    /// the value.
    #[serde(default)]
    pub field: Option<String>,
    /// Whether its entries are harmless instead of bad: a list of exceptions.
    #[serde(default)]
    pub good: bool,
    /// Minutes between two looks for a newer one, 5 to 10,080.
    #[serde(default = "sixty")]
    pub every_minutes: u32,
}

const fn sixty() -> u32 {
    60
}

/// The form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedFormat {
    /// One value a line; `#` and `;` begin a comment.
    Plain,
    /// Comma-separated.
    Csv,
    /// A JSON array, or one JSON object a line.
    Json,
}

/// How often a source may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Questions a UTC day; without a limit when absent.
    pub per_day: Option<u32>,
    /// Questions in any sixty seconds; without a limit when absent.
    pub per_minute: Option<u32>,
}

impl Lookups {
    /// How often a source may be asked, by its name; `None` when it is switched off
    /// or unknown. What the configuration leaves out is the free tier:
    ///
    /// - VirusTotal: 500 a day, 4 a minute (its pages on the public API).
    /// - Web Risk: 3,200 a day, so that a month stays below the 100,000 that are free
    ///   (its price list); 6,000 a minute (its quotas).
    /// - urlscan.io: 500 a day, which others report for searches without a key;
    ///   30 a minute. Unverified: an account shows its own quotas.
    /// - URLhaus, MalwareBazaar, ThreatFox: fair use without a published figure;
    ///   2,000 a day and 30 a minute are a guess at it. Unverified.
    /// - RDAP: rdap.org and the registries throttle; 2,000 a day and 30 a minute are
    ///   a guess. Unverified.
    /// - MISP and DNS are the house's own: 100,000 a day; rspamd and ClamAV: no limit.
    #[must_use]
    pub fn allowance(&self, id: &str) -> Option<Allowance> {
        let (source, per_day, per_minute) = match id {
            "urlhaus" => (&self.urlhaus, Some(2_000), Some(30)),
            "malwarebazaar" => (&self.malwarebazaar, Some(2_000), Some(30)),
            "threatfox" => (&self.threatfox, Some(2_000), Some(30)),
            "web_risk" => (&self.web_risk, Some(3_200), Some(6_000)),
            "virustotal" => (&self.virustotal, Some(500), Some(4)),
            "urlscan" => (&self.urlscan, Some(500), Some(30)),
            "rdap" => (&self.rdap, Some(2_000), Some(30)),
            "misp" => (&self.misp, Some(100_000), None),
            "dns" => (&self.dns, Some(100_000), None),
            "rspamd" => (&self.rspamd, None, None),
            "clamav" => (&self.clamav, None, None),
            _ => return None,
        };
        source.as_ref().map(|source| Allowance {
            per_day: source.per_day.or(per_day),
            per_minute: source.per_minute.or(per_minute),
        })
    }
}

impl Blocklist {
    /// How often it may be asked. The operators of public lists ask those who send
    /// more than a few hundred thousand questions a day to pay; 50,000 stays below
    /// every figure known here. Unverified for single lists.
    #[must_use]
    pub fn allowance(&self) -> Allowance {
        Allowance {
            per_day: Some(self.per_day.unwrap_or(50_000)),
            per_minute: None,
        }
    }
}

#[cfg(test)]
mod tests;
