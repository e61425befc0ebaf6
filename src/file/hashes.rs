//! Digests of a file.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use tlsh2::TlshDefaultBuilder;

use super::report::Hashes;

/// Bytes that TLSH reads of a file: it is the slowest of the digests by far.
const TLSH_BYTES: usize = 8 << 20;

/// All digests of a file. TLSH is left out past 8 MiB.
pub(super) fn of(bytes: &[u8]) -> Hashes {
    let tlsh = (bytes.len() <= TLSH_BYTES)
        .then(|| TlshDefaultBuilder::build_from(bytes))
        .flatten();
    Hashes {
        md5: hex::encode(Md5::digest(bytes)),
        sha1: hex::encode(Sha1::digest(bytes)),
        sha256: hex::encode(Sha256::digest(bytes)),
        tlsh: tlsh.map(|digest| String::from_utf8_lossy(&digest.hash()).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digests() {
        let hashes = of(b"abc");
        assert_eq!(hashes.md5, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(hashes.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(hashes.sha256.starts_with("ba7816bf8f01cfea"));
        assert_eq!(hashes.tlsh, None);
    }

    #[test]
    fn variants_have_near_tlsh_and_uniform_files_none() {
        let text: Vec<u8> = (0..4_000_u32).flat_map(|n| (n * n).to_le_bytes()).collect();
        let tlsh = of(&text).tlsh.unwrap();
        assert!(tlsh.starts_with("T1") && tlsh.len() == 72, "{tlsh}");
        assert_eq!(of(&[0; 10_000]).tlsh, None);
    }
}
