//! Links that belong to one recipient.
//!
//! Who opens such a link unsubscribes somebody, resets a password or tells the
//! sender who read the mail. They never leave the house as they are.

use base64::Engine as _;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use url::Url;

use super::ParsedMessage;

/// Why a link belongs to one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivateReason {
    /// It ends a subscription.
    Unsubscribe,
    /// It sets a new password.
    PasswordReset,
    /// It works once: a sign-in, a confirmation, an invitation.
    OneTime,
    /// It carries the recipient's address in some form, or a token long enough to
    /// stand for him.
    RecipientTagged,
}

/// Words of links that end a subscription: English, German, French, Spanish,
/// Portuguese, Italian, Dutch, Nordic, Polish, Czech, Hungarian, Russian, Japanese.
const UNSUBSCRIBE: [&str; 38] = [
    "unsubscri",
    "un-subscri",
    "optout",
    "opt-out",
    "opt_out",
    "listunsub",
    "remove-me",
    "manage-subscription",
    "managesubscription",
    "subscription-center",
    "email-preferences",
    "emailpreferences",
    "email_preferences",
    "preference-center",
    "abmeld",
    "abbestell",
    "austrag",
    "desabonn",
    "désabonn",
    "desinscri",
    "désinscri",
    "darse-de-baja",
    "dar-de-baja",
    "desuscri",
    "cancelar-suscri",
    "descadastr",
    "cancelar-inscri",
    "disiscri",
    "annulla-iscri",
    "uitschrijv",
    "afmeld",
    "avmeld",
    "avregistrer",
    "wypisz",
    "odhlas",
    "leiratkoz",
    "отпис",
    "配信停止",
];
/// Words of links that set a new password.
const PASSWORD: [&str; 24] = [
    "reset-password",
    "resetpassword",
    "reset_password",
    "password-reset",
    "passwordreset",
    "password_reset",
    "pwreset",
    "pwdreset",
    "forgot-password",
    "forgotpassword",
    "forgot_password",
    "change-password",
    "changepassword",
    "set-password",
    "setpassword",
    "new-password",
    "passwort-zur",
    "kennwort-zur",
    "mot-de-passe",
    "motdepasse",
    "restablecer-contrase",
    "redefinir-senha",
    "reimposta-password",
    "wachtwoord",
];
/// Words of links that work once.
const ONCE: [&str; 27] = [
    "magic",
    "onetime",
    "one-time",
    "otp",
    "verify",
    "verification",
    "verif",
    "confirm",
    "confirmation",
    "activate",
    "activation",
    "invite",
    "invitation",
    "accept",
    "validate",
    "bestaetig",
    "bestätig",
    "aktivier",
    "einlad",
    "confirmar",
    "verificar",
    "activar",
    "invitacion",
    "conferma",
    "bevestig",
    "potwierd",
    "подтверд",
];
/// Names of parameters that hold something for one person.
const TOKEN_NAMES: [&str; 16] = [
    "token",
    "otp",
    "ticket",
    "magic",
    "nonce",
    "auth",
    "authkey",
    "key",
    "sig",
    "signature",
    "hash",
    "jwt",
    "session",
    "sid",
    "access_token",
    "code",
];
/// Recipients that are looked for in links.
const MAX_RECIPIENTS: usize = 12;

/// The forms that a recipient's address takes inside links.
#[derive(Debug, Clone, Default)]
pub struct Recipients {
    /// Lower case.
    addresses: Vec<String>,
    /// Hexadecimal of the address and of its hashes.
    coded: Vec<String>,
}

impl Recipients {
    /// Those in whose mailboxes a message lay, then those it was delivered and
    /// addressed to; at most twelve.
    #[must_use]
    pub fn of(message: &ParsedMessage) -> Self {
        let inside = message.nested.iter().map(|nested| nested.message.as_ref());
        let people = std::iter::once(message)
            .chain(inside.take(4))
            .flat_map(|message| {
                let delivered = message.claims.delivered_to.iter();
                delivered.chain(message.to.iter().chain(&message.cc).take(3))
            })
            .map(|person| person.address.as_str());
        let held_by = message.held_by.iter().map(String::as_str);
        Self::named(held_by.chain(people))
    }

    /// The addresses, lower case.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Those of a list of addresses; at most twelve.
    #[must_use]
    pub fn named<'a>(addresses: impl Iterator<Item = &'a str>) -> Self {
        let mut known = Vec::new();
        for address in addresses {
            let address = address.to_lowercase();
            if known.len() == MAX_RECIPIENTS {
                break;
            }
            if address.len() >= 6 && address.contains('@') && !known.contains(&address) {
                known.push(address);
            }
        }
        let addresses = known;
        let coded = addresses
            .iter()
            .flat_map(|address| {
                [
                    hex::encode(address),
                    hex::encode(md5::Md5::digest(address)),
                    hex::encode(sha1::Sha1::digest(address)),
                    hex::encode(sha2::Sha256::digest(address)),
                ]
            })
            .collect();
        Self { addresses, coded }
    }

    /// Whether a text holds one of them, plain, in hexadecimal or as a hash.
    fn stand_in(&self, lower: &str) -> bool {
        self.addresses
            .iter()
            .chain(&self.coded)
            .any(|form| memchr::memmem::find(lower.as_bytes(), form.as_bytes()).is_some())
    }

    /// Whether a piece of a link is base64 of a text that holds one.
    fn stand_in_base64(&self, piece: &str) -> bool {
        let sound = (8..=2_048).contains(&piece.len())
            && piece.bytes().all(|b| {
                b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'=')
            });
        if !sound || self.addresses.is_empty() {
            return false;
        }
        let plain: String = piece
            .trim_end_matches('=')
            .chars()
            .map(|c| match c {
                '-' => '+',
                '_' => '/',
                other => other,
            })
            .collect();
        let decoded = base64::engine::general_purpose::STANDARD_NO_PAD.decode(plain);
        decoded.is_ok_and(|bytes| {
            bytes.contains(&b'@') && self.stand_in(&String::from_utf8_lossy(&bytes).to_lowercase())
        })
    }
}

/// Why a link belongs to one recipient; `None` when it may go out as it is.
#[must_use]
pub fn reason(url: &Url, recipients: &Recipients) -> Option<PrivateReason> {
    let query = url.query().unwrap_or_default();
    let fragment = url.fragment().unwrap_or_default();
    // a name before the host can be a sign-in
    if !url.username().is_empty() || url.password().is_some() {
        return Some(PrivateReason::OneTime);
    }
    if url.path().len() + query.len() + fragment.len() < 2 {
        return None;
    }
    let tail = format!("{}?{query}#{fragment}", url.path());
    let once = percent_decode_str(&tail).decode_utf8_lossy().into_owned();
    // encoded twice is still the same address
    let plain = percent_decode_str(&once).decode_utf8_lossy().to_lowercase();
    if UNSUBSCRIBE.iter().any(|word| plain.contains(word)) {
        return Some(PrivateReason::Unsubscribe);
    }
    let token = has_token(url);
    if token && PASSWORD.iter().any(|word| plain.contains(word)) {
        return Some(PrivateReason::PasswordReset);
    }
    if token {
        for word in plain.split(|c: char| !c.is_alphanumeric()) {
            if word == "reset" {
                return Some(PrivateReason::PasswordReset);
            }
            if ONCE.contains(&word) {
                return Some(PrivateReason::OneTime);
            }
        }
    }
    let long = |piece: &str| piece.len() >= 24 && opaque(piece);
    let tagged = recipients.stand_in(&plain)
        || pieces(url).any(|piece| long(&piece) || recipients.stand_in_base64(&piece));
    tagged.then_some(PrivateReason::RecipientTagged)
}

/// Path segments and parameter values, percent-decoded, at most 64.
fn pieces(url: &Url) -> impl Iterator<Item = String> + '_ {
    let path = url.path().split('/');
    let values = url
        .query()
        .into_iter()
        .flat_map(|query| query.split(['&', ';']))
        // a token may stand as a name, and end in the padding of base64
        .flat_map(|pair| {
            let named = pair.split_once('=');
            [
                Some(pair),
                named.map(|(name, _)| name),
                named.map(|(_, value)| value),
            ]
        })
        .flatten();
    path.chain(values)
        .chain(url.fragment())
        .filter(|piece| !piece.is_empty())
        .take(64)
        .map(|piece| percent_decode_str(piece).decode_utf8_lossy().into_owned())
}

/// Whether a link carries something that could be a key.
fn has_token(url: &Url) -> bool {
    let named = url.query().is_some_and(|query| {
        query.split(['&', ';']).any(|pair| {
            pair.split_once('=').is_some_and(|(name, value)| {
                !value.is_empty() && TOKEN_NAMES.contains(&name.to_ascii_lowercase().as_str())
            })
        })
    });
    named || pieces(url).any(|piece| opaque(&piece))
}

/// Whether a piece looks made by a machine: a long run of letters and digits
/// mixed, or of both cases mixed.
pub(crate) fn opaque(piece: &str) -> bool {
    if piece.len() < 16 || !piece.is_ascii() {
        return false;
    }
    let dashes = piece.bytes().filter(|b| *b == b'-').count();
    if piece.len() == 36 && dashes == 4 {
        return true;
    }
    piece
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|run| run.len() >= 14)
        .any(|run| {
            let count = |is: fn(&u8) -> bool| run.bytes().filter(is).count();
            let digits = count(u8::is_ascii_digit);
            let upper = count(u8::is_ascii_uppercase);
            let lower = count(u8::is_ascii_lowercase);
            (digits >= 3 && upper + lower >= 3)
                || digits >= 16
                || (run.len() >= 20 && upper >= 4 && lower >= 4)
        })
}

/// Whether a value says nothing about anybody: a word or a small number.
fn harmless(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    value.len() <= 16 && digits <= 4 && !value.contains('@') && !value.contains("%40")
}

/// A link with tokens, values, fragment and names before the host replaced by `*`.
/// What is no link becomes its scheme alone.
#[must_use]
pub(crate) fn masked(link: &str) -> String {
    shaped(link, |value| if harmless(value) { value } else { "*" }).unwrap_or_else(|| {
        let scheme = link.split(':').next().unwrap_or_default();
        format!("{}:*", scheme.chars().take(20).collect::<String>())
    })
}

/// Host, path and names of parameters; tokens and all values as `*`.
#[must_use]
pub(crate) fn template(link: &str) -> Option<String> {
    shaped(link, |_| "*")
}

fn shaped(link: &str, value: impl Fn(&str) -> &str) -> Option<String> {
    let url = Url::parse(link).ok()?;
    let host = url.host_str()?;
    let path: Vec<&str> = url
        .path()
        .split('/')
        .take(32)
        .map(|segment| {
            let plain = percent_decode_str(segment).decode_utf8_lossy();
            let digits = plain.bytes().filter(u8::is_ascii_digit).count();
            let hidden = plain.contains('@') || opaque(&plain) || digits >= 6 || segment.len() > 48;
            if hidden { "*" } else { segment }
        })
        .collect();
    let mut out = format!("{}://{host}", url.scheme());
    if let Some(port) = url.port() {
        out.push_str(&format!(":{port}"));
    }
    out.push_str(&path.join("/"));
    if let Some(query) = url.query().filter(|q| !q.is_empty()) {
        let pairs: Vec<String> = query
            .split('&')
            .take(32)
            .map(|pair| match pair.split_once('=') {
                Some((name, given)) if harmless(name) => format!("{name}={}", value(given)),
                Some(_) => "*=*".to_owned(),
                None => value(pair).to_owned(),
            })
            .collect();
        out.push('?');
        out.push_str(&pairs.join("&"));
    }
    if url.fragment().is_some_and(|f| !f.is_empty()) {
        out.push_str("#*");
    }
    Some(out)
}

#[cfg(test)]
mod tests;
