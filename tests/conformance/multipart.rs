//! The parts of a `multipart/related` body (RFC 2046, section 5.1.1).

/// Media type (lower case, bare) and content of each part; `None` when the body
/// is not of that form.
pub fn parts<'a>(content_type: &str, body: &'a [u8]) -> Option<Vec<(String, &'a [u8])>> {
    let mut words = content_type.split(';').map(str::trim);
    if !words.next()?.eq_ignore_ascii_case("multipart/related") {
        return None;
    }
    let boundary = words.find_map(|word| word.strip_prefix("boundary="))?;
    let mark = format!("--{}", boundary.trim_matches('"'));
    let mut parts = Vec::new();
    let mut rest = after(body, mark.as_bytes())?;
    while !rest.starts_with(b"--") {
        let close = [b"\r\n", mark.as_bytes()].concat();
        let end = position(rest, &close)?;
        let part = rest[..end].strip_prefix(b"\r\n")?;
        let head_end = position(part, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&part[..head_end]).ok()?;
        let kind = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-type").then_some(value)
        });
        let kind = kind?.split(';').next()?.trim().to_lowercase();
        parts.push((kind, &part[head_end + 4..]));
        rest = &rest[end + close.len()..];
    }
    Some(parts)
}

fn after<'a>(body: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    position(body, mark).map(|at| &body[at + mark.len()..])
}

fn position(body: &[u8], mark: &[u8]) -> Option<usize> {
    body.windows(mark.len()).position(|window| window == mark)
}
