//! A mail of the user's own, looked at before anything is started.

use std::{fs::File, io::Read as _, path::Path};

use anyhow::{Context as _, ensure};

use crate::message::{Limits, parse};

/// The largest message that is planted; the platforms take less.
const LARGEST: u64 = 25 * 1024 * 1024;

/// Reads the file and makes sure that a mail is in it.
///
/// # Errors
/// In words for whoever named the file.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .with_context(|| format!("--message {shown}: cannot be read"))?;
    ensure!(!bytes.is_empty(), "--message {shown}: the file is empty");
    ensure!(
        u64::try_from(bytes.len()).is_ok_and(|size| size <= LARGEST),
        "--message {shown}: larger than the {LARGEST} octets that are taken"
    );
    ensure!(
        is_mail(&bytes),
        "--message {shown}: no mail is in it (a mail begins with headers such as From and Subject)"
    );
    Ok(bytes)
}

/// Whether the headers that every mail client writes are there, at least in part.
fn is_mail(bytes: &[u8]) -> bool {
    let parsed = parse(bytes, &Limits::default());
    let signs = [
        !parsed.from.is_empty(),
        !parsed.to.is_empty(),
        !parsed.subject.exposed().trim().is_empty(),
        parsed.message_id.is_some(),
        parsed.date.is_some(),
    ];
    signs.into_iter().filter(|sign| *sign).count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("message");
        std::fs::write(&path, bytes).expect("written");
        read(&path).map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn what_is_no_mail_is_refused_and_what_is_odd_but_mail_is_taken() {
        assert!(refusal(b"").ends_with("the file is empty"));
        for none in [
            &b"root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n"[..],
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            b"{\"from\": \"a@b.example\"}",
            b"Just a note.\n\nFrom here on it is only text.\n",
        ] {
            assert!(refusal(none).contains("no mail is in it"), "{none:?}");
        }
        for mail in [
            &b"From: a@b.example\r\nSubject: hi\r\n\r\nwords\r\n"[..],
            b"subject: hi\nmessage-id: <1@b.example>\n\n",
        ] {
            assert_eq!(refusal(mail), "");
        }
        assert!(read(Path::new("/nonexistent/x.eml")).is_err());
    }
}
