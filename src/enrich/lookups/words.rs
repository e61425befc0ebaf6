//! Answers of strangers, cut to what a page shows.

/// Text on one line, controls removed, at most 200 characters.
pub(super) fn shown(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars().take(2_000) {
        if c.is_control() || crate::message::is_invisible(c) {
            if !plain.ends_with(' ') {
                plain.push(' ');
            }
        } else {
            plain.push(c);
        }
    }
    let plain = plain.trim();
    if plain.chars().count() <= 200 {
        return plain.to_owned();
    }
    plain
        .chars()
        .take(199)
        .chain(std::iter::once('…'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_bounded_length() {
        assert_eq!(shown(" a\r\n\u{202e}b\u{1b}[0m "), "a b [0m");
        assert_eq!(shown(&"é".repeat(500)).chars().count(), 200);
    }
}
