//! Compressed RTF (MS-OXRTFCP).

use crate::file::cursor::Cursor;

/// Bytes of the ring that references point into (MS-OXRTFCP 2.1.3.1.1).
const RING: usize = 4_096;
/// Bytes of RTF that are unpacked of one body.
const MAX_RTF: usize = 4 << 20;
/// What the ring holds at first (MS-OXRTFCP 2.1.3.1.2).
const FIRST: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/// Unpacks a body as far as it is sound, at most 4 MiB; empty where its header is
/// none.
pub(super) fn unpack(packed: &[u8]) -> Vec<u8> {
    unpack_bounded(packed).unwrap_or_default()
}

fn unpack_bounded(packed: &[u8]) -> Option<Vec<u8>> {
    let mut at = Cursor::new(packed);
    at.take(8)?;
    let form = at.array::<4>()?;
    at.take(4)?;
    match &form {
        b"MELA" => return Some(at.rest().get(..MAX_RTF).unwrap_or(at.rest()).to_vec()),
        b"LZFu" => {}
        _ => return None,
    }
    let mut ring = [0; RING];
    ring.get_mut(..FIRST.len())?.copy_from_slice(FIRST);
    let mut place = FIRST.len();
    let mut unpacked = Vec::new();
    let mut put = |ring: &mut [u8; RING], place: &mut usize, byte: u8| {
        if let Some(slot) = ring.get_mut(*place) {
            *slot = byte;
        }
        *place = (*place + 1) % RING;
        unpacked.push(byte);
        unpacked.len() < MAX_RTF
    };
    'runs: while let Some(control) = at.u8() {
        for bit in 0..8 {
            if control >> bit & 1 == 0 {
                let Some(byte) = at.u8() else { break 'runs };
                if !put(&mut ring, &mut place, byte) {
                    break 'runs;
                }
                continue;
            }
            let Some(reference) = at.array().map(u16::from_be_bytes) else {
                break 'runs;
            };
            let from = usize::from(reference >> 4);
            // a reference to where the next byte goes marks the end
            if from == place {
                break 'runs;
            }
            for step in 0..usize::from(reference & 0xf) + 2 {
                let byte = ring.get((from + step) % RING).copied().unwrap_or_default();
                if !put(&mut ring, &mut place, byte) {
                    break 'runs;
                }
            }
        }
    }
    Some(unpacked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        // MS-OXRTFCP 3.1 and 3.2
        let simple = b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125\x42\x32\x0a\xf3 hel\x09\0 bw\x05\xb0ld}\x0a\x80\x0f\xa0";
        assert_eq!(
            unpack(simple),
            b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
        );
        let crossing =
            b"\x1a\0\0\0\x1c\0\0\0LZFu\xe2\xd4\x4b\x51\x41\0\x04\x20WXYZ\x0d\x6e}\x01\x0e\xb0";
        assert_eq!(unpack(crossing), b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
    }

    #[test]
    fn a_flood_ends_and_rubbish_is_nothing() {
        let mut flood = b"\0\0\0\0\xff\xff\xff\x7fLZFu\0\0\0\0".to_vec();
        flood.extend_from_slice(&b"\0aaaaaaaa".repeat(600_000));
        assert_eq!(unpack(&flood).len(), MAX_RTF);
        assert!(unpack(b"short").is_empty());
        assert!(unpack(&[7; 100]).is_empty());
    }
}
