//! A multipart cut at its delimiter lines (RFC 2046 section 5.1.1), in one pass.

/// What a multipart falls into.
#[derive(Default)]
pub(super) struct Children<'b> {
    /// The children.
    pub parts: Vec<&'b [u8]>,
    /// Whether the closing delimiter was found.
    pub closed: bool,
    /// What stands before the first delimiter.
    pub before: &'b [u8],
    /// What stands behind the closing one.
    pub after: &'b [u8],
}

/// The children between delimiter lines, at most `most`.
pub(super) fn children<'b>(body: &'b [u8], boundary: &str, most: usize) -> Children<'b> {
    let boundary = boundary.trim_end().as_bytes();
    let mut found = Children::default();
    let mut open: Option<usize> = None;
    let mut line_start = 0;
    while line_start < body.len() {
        let rest = body.get(line_start..).unwrap_or_default();
        let line_end = memchr::memchr(b'\n', rest).map_or(body.len(), |at| line_start + at + 1);
        let line = body.get(line_start..line_end).unwrap_or_default();
        if let Some(closing) = delimiter(line, boundary) {
            match open {
                Some(start) => found.parts.push(without_line_end(
                    body.get(start..line_start).unwrap_or_default(),
                )),
                None => found.before = body.get(..line_start).unwrap_or_default(),
            }
            if closing {
                found.after = body.get(line_end..).unwrap_or_default();
            }
            if closing || found.parts.len() >= most {
                found.closed = true;
                return found;
            }
            open = Some(line_end);
        }
        line_start = line_end;
    }
    if let Some(start) = open {
        found.parts.push(body.get(start..).unwrap_or_default());
    }
    found
}

/// Whether a line is a delimiter, and whether it closes.
fn delimiter(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let tail = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    if tail.starts_with(b"--") {
        return Some(true);
    }
    tail.iter()
        .all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
        .then_some(false)
}

fn without_line_end(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_what_stands_around_them() {
        let found = children(b"pre\n--b\none\r\n--b \ntwo\n--bc\n--b--\npost\n", "b", 9);
        assert_eq!(found.parts, [&b"one"[..], b"two\n--bc"]);
        assert_eq!((found.before, found.after), (&b"pre\n"[..], &b"post\n"[..]));
        assert!(found.closed);
        assert!(!children(b"--b\none", "b", 9).closed);
        assert_eq!(children(b"--b\n1\n--b\n2\n--b\n3", "b", 2).parts.len(), 2);
    }
}
