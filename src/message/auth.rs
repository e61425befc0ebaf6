//! Authentication results as a receiving server recorded them (RFC 8601).

use serde::{Deserialize, Serialize};

/// The outcome of one method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthOutcome {
    /// Proven.
    Pass,
    /// Disproven.
    Fail,
    /// SPF `~all`.
    SoftFail,
    /// SPF `?all`, or DKIM that could not be used.
    Neutral,
    /// Nothing to check.
    None,
    /// A passing failure of the check itself.
    TempError,
    /// A lasting failure of the check itself.
    PermError,
    /// A word this reader does not know, e.g. `bestguesspass`.
    Other,
}

impl AuthOutcome {
    /// The word of RFC 8601.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::Neutral => "neutral",
            Self::None => "none",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
            Self::Other => "other",
        }
    }

    fn of(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "pass" => Self::Pass,
            "fail" | "hardfail" => Self::Fail,
            "softfail" => Self::SoftFail,
            "neutral" | "policy" => Self::Neutral,
            "none" => Self::None,
            "temperror" => Self::TempError,
            "permerror" => Self::PermError,
            _ => Self::Other,
        }
    }

    /// Whether the check itself said no.
    #[must_use]
    pub const fn failed(self) -> bool {
        matches!(self, Self::Fail | Self::SoftFail)
    }
}

/// One `Authentication-Results` field. Whether to believe it is decided by
/// [`ParsedMessage::authentication`](super::ParsedMessage::authentication).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AuthResults {
    /// The server that speaks, lower case; `None` as Exchange Online writes it.
    pub authserv_id: Option<String>,
    /// SPF.
    pub spf: Option<AuthOutcome>,
    /// DKIM: the best of the signatures.
    pub dkim: Option<AuthOutcome>,
    /// DMARC.
    pub dmarc: Option<AuthOutcome>,
    /// Microsoft's composite authentication.
    pub compauth: Option<AuthOutcome>,
    /// `header.from`, lower case.
    pub header_from: Option<String>,
    /// Domain of `smtp.mailfrom`, lower case.
    pub mail_from: Option<String>,
    /// `header.d` of signatures that passed, lower case.
    pub dkim_domains: Vec<String>,
}

impl AuthResults {
    /// Reads one field. Comments and quoted strings never count as results.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        let plain = without_comments(value);
        let mut found = Self::default();
        for (index, clause) in plain.split(';').take(40).enumerate() {
            let mut words = clause.split_whitespace();
            let Some(first) = words.next() else { continue };
            let Some((method, outcome)) = first.split_once('=') else {
                if index == 0 {
                    found.authserv_id = Some(first.to_lowercase());
                }
                continue;
            };
            found.take(
                &method.to_ascii_lowercase(),
                AuthOutcome::of(outcome),
                words,
            );
        }
        found
    }

    fn take<'w>(
        &mut self,
        method: &str,
        outcome: AuthOutcome,
        properties: impl Iterator<Item = &'w str>,
    ) {
        let method = method.split('/').next().unwrap_or_default();
        match method {
            "spf" => {
                self.spf.get_or_insert(outcome);
            }
            "dmarc" => {
                self.dmarc.get_or_insert(outcome);
            }
            "compauth" => {
                self.compauth.get_or_insert(outcome);
            }
            "dkim" if self.dkim != Some(AuthOutcome::Pass) => self.dkim = Some(outcome),
            _ => {}
        }
        for property in properties.take(20) {
            let Some((name, value)) = property.split_once('=') else {
                continue;
            };
            let value = value.trim_matches(['<', '>', ',']).to_lowercase();
            match name.to_ascii_lowercase().as_str() {
                "header.from" => {
                    self.header_from.get_or_insert(value);
                }
                "smtp.mailfrom" | "smtp.mail" => {
                    let domain = value
                        .rsplit_once('@')
                        .map_or(value.clone(), |(_, d)| d.to_owned());
                    self.mail_from.get_or_insert(domain);
                }
                "header.d" if method == "dkim" && outcome == AuthOutcome::Pass => {
                    self.signed_by(&value);
                }
                // Gmail names the signer so; it lies in the signing domain (RFC 6376, 3.5)
                "header.i" if method == "dkim" && outcome == AuthOutcome::Pass => {
                    if let Some((_, domain)) = value.rsplit_once('@') {
                        self.signed_by(domain);
                    }
                }
                _ => {}
            }
        }
    }

    fn signed_by(&mut self, domain: &str) {
        if !self.dkim_domains.iter().any(|known| known == domain) {
            self.dkim_domains.push(domain.to_owned());
        }
    }

    /// Whether the visible sender's domain is proven: DMARC passed for it.
    #[must_use]
    pub fn proves(&self, from_domain: &str) -> bool {
        self.dmarc == Some(AuthOutcome::Pass)
            && self
                .header_from
                .as_deref()
                .is_none_or(|domain| domain == from_domain)
    }
}

/// The value without comments (nested parentheses) and without what stands in
/// quotation marks, so that neither can play a result.
fn without_comments(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let (mut depth, mut quoted, mut escaped) = (0u32, false, false);
    for c in value.chars() {
        if escaped {
            escaped = false;
            continue;
        }
        match c {
            '\\' if quoted || depth > 0 => escaped = true,
            '"' if depth == 0 => {
                quoted = !quoted;
                // something stood here, but it is no result
                out.push('_');
            }
            _ if quoted => {}
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            '\r' | '\n' | '\t' => out.push(' '),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_dialects() {
        let google = AuthResults::parse(
            "mx.northwind.example; dkim=pass header.i=@a.example header.d=a.example; dkim=fail header.d=b.example;\r\n spf=softfail (google: x; dmarc=pass) smtp.mailfrom=bounce@c.example; dmarc=fail (p=NONE) header.from=a.example",
        );
        assert_eq!(google.authserv_id.as_deref(), Some("mx.northwind.example"));
        assert_eq!(google.dkim, Some(AuthOutcome::Pass));
        assert_eq!(google.spf, Some(AuthOutcome::SoftFail));
        assert_eq!(google.dmarc, Some(AuthOutcome::Fail));
        assert_eq!(google.mail_from.as_deref(), Some("c.example"));
        assert_eq!(google.dkim_domains, ["a.example"]);
        let gmail = AuthResults::parse(
            "mx.google.com; dkim=pass header.i=@sign.vendor.example header.s=s1 header.b=AbCdEf; spf=pass smtp.mailfrom=b@vendor.example",
        );
        assert_eq!(gmail.dkim_domains, ["sign.vendor.example"]);
        let microsoft = AuthResults::parse(
            "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.example; dkim=none (message not signed) header.d=none;dmarc=bestguesspass action=none header.from=a.example;compauth=pass reason=109",
        );
        assert_eq!(microsoft.authserv_id, None);
        assert_eq!(microsoft.dmarc, Some(AuthOutcome::Other));
        assert_eq!(microsoft.compauth, Some(AuthOutcome::Pass));
    }

    #[test]
    fn comments_and_quotes_prove_nothing() {
        let forged = AuthResults::parse(
            r#"mx.example; spf=fail reason="; dmarc=pass header.from=mx.example" (; dmarc=pass (nested; dmarc=pass))"#,
        );
        assert_eq!(forged.dmarc, None);
        assert_eq!(forged.spf, Some(AuthOutcome::Fail));
    }
}
