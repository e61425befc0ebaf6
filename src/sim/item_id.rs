//! The ids a Graph client sees. Ordinary ids change on every move, immutable
//! ones do not; both look alike, are case-sensitive and safe in a path.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};

use super::seed::mix;

/// What an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GraphId {
    /// A message by its ordinary id: valid for one place only.
    Item {
        mailbox: u32,
        uid: u32,
        version: u32,
    },
    /// A message by its immutable id.
    Immutable { mailbox: u32, uid: u32 },
    /// A folder.
    Folder { mailbox: u32, folder: u32 },
}

const ITEM: &str = "AAMkAGVmMDEz";
const IMMUTABLE: &str = "AAkALgAAAAAA";
const FOLDER: &str = "AQMkADEwMDAy";

impl GraphId {
    pub(super) fn encode(self) -> String {
        let (head, kind, mailbox, number, version) = match self {
            Self::Item {
                mailbox,
                uid,
                version,
            } => (ITEM, 1_u8, mailbox, uid, version),
            Self::Immutable { mailbox, uid } => (IMMUTABLE, 2, mailbox, uid, 0),
            Self::Folder { mailbox, folder } => (FOLDER, 3, mailbox, folder, 0),
        };
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&mailbox.to_be_bytes());
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend_from_slice(&version.to_be_bytes());
        let check = seal(kind, mailbox, number, version);
        bytes.extend_from_slice(&check.to_be_bytes());
        // real ids are long and their tail says nothing to a client
        let filler = if kind == 1 { 7 } else { 4 };
        let mut state = check;
        for _ in 0..filler {
            state = mix(state.wrapping_add(1));
            bytes.extend_from_slice(&state.to_be_bytes());
        }
        bytes.push(kind);
        format!("{head}{}", URL_SAFE.encode(bytes))
    }

    pub(super) fn decode(text: &str) -> Option<Self> {
        let (kind, rest) = [(1_u8, ITEM), (2, IMMUTABLE), (3, FOLDER)]
            .iter()
            .find_map(|(kind, head)| Some((*kind, text.strip_prefix(head)?)))?;
        let bytes = URL_SAFE.decode(rest).ok()?;
        let word = |from: usize| {
            let four: [u8; 4] = bytes.get(from..from + 4)?.try_into().ok()?;
            Some(u32::from_be_bytes(four))
        };
        let (mailbox, number, version) = (word(0)?, word(4)?, word(8)?);
        let check: [u8; 8] = bytes.get(12..20)?.try_into().ok()?;
        if u64::from_be_bytes(check) != seal(kind, mailbox, number, version) {
            return None;
        }
        let id = match kind {
            1 => Self::Item {
                mailbox,
                uid: number,
                version,
            },
            2 => Self::Immutable {
                mailbox,
                uid: number,
            },
            _ => Self::Folder {
                mailbox,
                folder: number,
            },
        };
        // the tail is checked too, so that a changed letter never passes
        (id.encode() == text).then_some(id)
    }
}

const fn seal(kind: u8, mailbox: u32, number: u32, version: u32) -> u64 {
    let low = ((mailbox as u64) << 32) | number as u64;
    mix(mix(low) ^ ((version as u64) << 8) ^ kind as u64)
}

/// The EWS spelling of a REST id.
pub(super) fn to_ews(rest: &str) -> String {
    rest.replace('-', "/").replace('_', "+")
}

/// The REST spelling of an EWS id.
pub(super) fn from_ews(ews: &str) -> String {
    ews.replace('/', "-").replace('+', "_")
}

/// The Gmail id of a message: 16 hex digits, unique in the mailbox.
pub(super) fn gmail_id(mailbox: u32, uid: u32) -> String {
    format!("{:016x}", gmail_number(mailbox, uid))
}

/// The same as a number.
pub(super) const fn gmail_number(mailbox: u32, uid: u32) -> u64 {
    let spread = mix(((mailbox as u64) << 32) | uid as u64);
    (spread & 0x00ff_ffff_ffff_ffff) | 0x1900_0000_0000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_and_differ_in_form() {
        let item = GraphId::Item {
            mailbox: 3,
            uid: 9,
            version: 1,
        };
        let moved = GraphId::Item {
            mailbox: 3,
            uid: 9,
            version: 2,
        };
        let fixed = GraphId::Immutable { mailbox: 3, uid: 9 };
        assert_ne!(item.encode(), moved.encode());
        for id in [
            item,
            moved,
            fixed,
            GraphId::Folder {
                mailbox: 3,
                folder: 7,
            },
        ] {
            let text = id.encode();
            assert_eq!(GraphId::decode(&text), Some(id));
            assert!(
                text.chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_=".contains(c))
            );
            assert_eq!(GraphId::decode(&text.to_lowercase()), None);
            assert_eq!(from_ews(&to_ews(&text)), text);
        }
        assert_eq!(GraphId::decode("AAMkAG"), None);
        assert_eq!(GraphId::decode("\u{e9}"), None);
    }
}
