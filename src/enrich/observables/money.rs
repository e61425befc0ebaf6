//! Where money is asked to go: crypto-currency wallets and bank accounts, told
//! from other strings by their checksums.

use sha2::{Digest as _, Sha256};
use sha3::Keccak256;

/// Wallets and accounts kept of one text.
const MOST: usize = 50;
/// Countries with the length of their account numbers (SWIFT IBAN registry).
const COUNTRIES: [(&str, usize); 79] = [
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
];

/// The wallets in a text, each with its kind. An Ethereum address in one case has
/// no checksum and is told so.
pub(super) fn wallets(text: &str) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for run in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        if (25..=110).contains(&run.len())
            && let Some(kind) = wallet(run)
        {
            found.push((run.to_owned(), kind));
            if found.len() >= MOST {
                break;
            }
        }
    }
    found
}

fn wallet(run: &str) -> Option<&'static str> {
    match run.as_bytes() {
        [b'0', b'x', hexadecimal @ ..] if run.len() == 42 => ethereum(hexadecimal),
        [b'1' | b'3' | b'L' | b'M' | b'T' | b'D', ..] if run.len() <= 36 => {
            match checked(run, bs58::Alphabet::BITCOIN)? {
                0x00 | 0x05 => Some("bitcoin"),
                0x30 | 0x32 => Some("litecoin"),
                0x41 => Some("tron"),
                0x1e => Some("dogecoin"),
                _ => None,
            }
        }
        [b'r', ..] if run.len() <= 35 => {
            (checked(run, bs58::Alphabet::RIPPLE)? == 0).then_some("xrp")
        }
        [b'4' | b'8', ..] if matches!(run.len(), 95 | 106) => run
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() && !b"0OIl".contains(&b))
            .then_some("monero"),
        [b'b' | b'B' | b'l' | b'L', ..] if run.len() <= 90 => {
            let (name, _, _) = bech32::segwit::decode(run).ok()?;
            match name.to_lowercase().as_str() {
                "bc" => Some("bitcoin"),
                "ltc" => Some("litecoin"),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The version of a base58check address of 20 bytes whose checksum holds.
fn checked(run: &str, alphabet: &bs58::Alphabet) -> Option<u8> {
    let bytes = bs58::decode(run).with_alphabet(alphabet).into_vec().ok()?;
    let (payload, sum) = bytes.split_at_checked(21)?;
    let expected = Sha256::digest(Sha256::digest(payload));
    (sum.len() == 4 && expected.starts_with(sum))
        .then(|| payload.first().copied())
        .flatten()
}

/// EIP-55: the case of each letter is a bit of the hash of the address.
fn ethereum(digits: &[u8]) -> Option<&'static str> {
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let upper = digits.iter().any(u8::is_ascii_uppercase);
    let lower = digits.iter().any(u8::is_ascii_lowercase);
    if !(upper && lower) {
        let letters = upper || lower;
        return letters.then_some("ethereum, no checksum");
    }
    let hash = Keccak256::digest(digits.to_ascii_lowercase());
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .iter()
        .zip(nibbles)
        .all(|(digit, nibble)| {
            digit.is_ascii_digit() || digit.is_ascii_uppercase() == (nibble >= 8)
        })
        .then_some("ethereum")
}

/// The account numbers in a text (ISO 13616), without blanks.
pub(super) fn ibans(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let mut found: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(head) = bytes.get(at..at + 4) {
        let begins = matches!(head, [a, b, c, d]
            if a.is_ascii_uppercase() && b.is_ascii_uppercase()
                && c.is_ascii_digit() && d.is_ascii_digit());
        let inside = at > 0 && bytes.get(at - 1).is_some_and(u8::is_ascii_alphanumeric);
        if begins
            && !inside
            && let Some(number) = iban(bytes.get(at..).unwrap_or_default())
        {
            at += number.len();
            if !found.contains(&number) {
                found.push(number);
            }
            if found.len() >= MOST {
                break;
            }
            continue;
        }
        at += 1;
    }
    found
}

fn iban(bytes: &[u8]) -> Option<String> {
    let country = std::str::from_utf8(bytes.get(..2)?).ok()?;
    let length = COUNTRIES.iter().find(|(code, _)| *code == country)?.1;
    let mut number = String::with_capacity(length);
    let mut rest = bytes.iter().copied().peekable();
    while number.len() < length {
        match rest.next()? {
            digit @ (b'0'..=b'9' | b'A'..=b'Z') => number.push(char::from(digit)),
            // groups of four, parted by one blank each
            b' ' | b'-' if number.len().is_multiple_of(4) => {}
            _ => return None,
        }
    }
    if rest.peek().is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let (head, tail) = number.split_at_checked(4)?;
    let remainder = tail.bytes().chain(head.bytes()).fold(0u32, |left, byte| {
        if byte.is_ascii_digit() {
            (left * 10 + u32::from(byte - b'0')) % 97
        } else {
            (left * 100 + u32::from(byte - b'A') + 10) % 97
        }
    });
    (remainder == 1).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wallets_are_told_by_their_checksums() {
        for (address, kind) in [
            ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", Some("bitcoin")),
            ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", None),
            ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", Some("bitcoin")),
            (
                "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
                Some("bitcoin"),
            ),
            ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", None),
            (
                "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
                Some("bitcoin"),
            ),
            (
                "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
                Some("ethereum"),
            ),
            ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", None),
            (
                "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
                Some("ethereum, no checksum"),
            ),
            ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", Some("tron")),
            ("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", Some("xrp")),
            ("abcdefghijklmnopqrstuvwxyz0123456789", None),
        ] {
            let text = format!("pay to {address}.");
            let got = wallets(&text);
            assert_eq!(got.first().map(|w| w.1), kind, "{address}");
        }
    }

    #[test]
    fn accounts_are_told_by_country_length_and_remainder() {
        assert_eq!(
            ibans("to DE89 3704 0044 0532 0130 00, or GB82WEST12345698765432 (x)"),
            ["DE89370400440532013000", "GB82WEST12345698765432"]
        );
        assert!(ibans("DE89 3704 0044 0532 0130 01 XX12 DE893704004405320130001").is_empty());
    }
}
