//! A tokenizer for mail HTML: one pass, no tree, no recursion.
//!
//! A tree builder is where hostile HTML costs time and stack. Judging needs only
//! what a reader sees and where links lead, so tags are taken as they come.

use std::borrow::Cow;

/// One token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token<'h> {
    /// A start tag: its name in lower case.
    Start {
        name: String,
        attributes: Vec<(String, Cow<'h, str>)>,
    },
    /// An end tag: its name in lower case.
    End(String),
    /// Text between tags, entities not yet decoded.
    Text(&'h str),
    /// The content of an element that holds text for machines; its name.
    Raw(String, &'h str),
    /// The content of a comment.
    Comment(&'h str),
}

/// Attributes kept of one tag.
const MAX_ATTRIBUTES: usize = 64;
/// Elements whose content is text for machines.
const RAW: [&str; 8] = [
    "script", "style", "title", "textarea", "xmp", "noembed", "noframes", "iframe",
];

/// The tokens of a document.
pub(crate) struct Tokens<'h> {
    rest: &'h str,
    raw: Option<String>,
}

impl<'h> Tokens<'h> {
    pub const fn of(html: &'h str) -> Self {
        Self {
            rest: html,
            raw: None,
        }
    }

    fn cut(&mut self, at: usize) -> &'h str {
        let (head, tail) = self.rest.split_at_checked(at).unwrap_or((self.rest, ""));
        self.rest = tail;
        head
    }

    /// Cuts off the content of an element that holds no markup.
    fn raw(&mut self, name: &str) -> &'h str {
        let mut from = 0;
        while let Some(found) = self.rest.get(from..).and_then(|tail| tail.find("</")) {
            let at = from + found;
            let after = self.rest.get(at + 2..).unwrap_or_default();
            let closes = after
                .get(..name.len())
                .is_some_and(|n| n.eq_ignore_ascii_case(name))
                && after.get(name.len()..).is_some_and(|t| {
                    t.is_empty() || t.starts_with([' ', '\t', '\r', '\n', '>', '/'])
                });
            if closes {
                return self.cut(at);
            }
            from = at + 2;
        }
        self.cut(self.rest.len())
    }

    fn skip_until(&mut self, end: &str) {
        match self.rest.find(end) {
            Some(at) => {
                self.cut(at + end.len());
            }
            None => self.rest = "",
        }
    }

    /// Cuts off a comment; gives its content.
    fn comment(&mut self) -> &'h str {
        // "<!-->" and "<!--->" are complete comments
        if self.rest.starts_with('>') {
            self.cut(1);
            return "";
        }
        if self.rest.starts_with("->") {
            self.cut(2);
            return "";
        }
        let plain = self.rest.find("-->").map(|at| at + 3);
        let bang = self
            .rest
            .get(..plain.unwrap_or(self.rest.len()))
            .and_then(|head| head.find("--!>"))
            .map(|at| at + 4);
        let whole = self.cut(bang.or(plain).unwrap_or(self.rest.len()));
        let end = if bang.is_some() { "--!>" } else { "-->" };
        whole.strip_suffix(end).unwrap_or(whole)
    }

    fn tag(&mut self, closing: bool) -> Token<'h> {
        let name_end = self
            .rest
            .find([' ', '\t', '\r', '\n', '\x0c', '/', '>'])
            .unwrap_or(self.rest.len());
        let name = self.cut(name_end).to_ascii_lowercase();
        let attributes = self.attributes();
        if closing {
            return Token::End(name);
        }
        if RAW.contains(&name.as_str()) {
            self.raw = Some(name.clone());
        }
        Token::Start { name, attributes }
    }

    fn attributes(&mut self) -> Vec<(String, Cow<'h, str>)> {
        let mut found: Vec<(String, Cow<'h, str>)> = Vec::new();
        loop {
            self.rest = self
                .rest
                .trim_start_matches([' ', '\t', '\r', '\n', '\x0c', '/']);
            if self.rest.starts_with('>') {
                self.cut(1);
                return found;
            }
            if self.rest.is_empty() {
                return found;
            }
            let name_end = self
                .rest
                .char_indices()
                .skip(1)
                .find(|(_, c)| matches!(c, ' ' | '\t' | '\r' | '\n' | '\x0c' | '/' | '>' | '='))
                .map_or(self.rest.len(), |(at, _)| at);
            let name = self.cut(name_end);
            let value = self.value();
            if found.len() < MAX_ATTRIBUTES {
                let name = name.to_ascii_lowercase();
                // the first of equal names counts, as in browsers
                if !found.iter().any(|(known, _)| *known == name) {
                    found.push((name, entities(value)));
                }
            }
        }
    }

    fn value(&mut self) -> &'h str {
        const BLANK: [char; 5] = [' ', '\t', '\r', '\n', '\x0c'];
        let after_name = self.rest.trim_start_matches(BLANK);
        let Some(value) = after_name.strip_prefix('=') else {
            return "";
        };
        self.rest = value.trim_start_matches(BLANK);
        for quote in ['"', '\''] {
            if self.rest.starts_with(quote) {
                self.cut(1);
                let end = self.rest.find(quote).unwrap_or(self.rest.len());
                let value = self.cut(end);
                self.cut(1);
                return value;
            }
        }
        let end = self
            .rest
            .find([' ', '\t', '\r', '\n', '\x0c', '>'])
            .unwrap_or(self.rest.len());
        self.cut(end)
    }
}

impl<'h> Iterator for Tokens<'h> {
    type Item = Token<'h>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(name) = self.raw.take() {
            let content = self.raw(&name);
            if !content.is_empty() {
                return Some(Token::Raw(name, content));
            }
        }
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let text_end = memchr::memchr_iter(b'<', self.rest.as_bytes())
                .find(|at| opens(self.rest.get(at + 1..).unwrap_or_default()))
                .unwrap_or(self.rest.len());
            if text_end > 0 {
                return Some(Token::Text(self.cut(text_end)));
            }
            self.cut(1);
            if self.rest.starts_with("!--") {
                self.cut(3);
                return Some(Token::Comment(self.comment()));
            } else if self.rest.starts_with(['!', '?']) {
                self.skip_until(">");
            } else if self.rest.starts_with('/') {
                self.cut(1);
                return Some(self.tag(true));
            } else {
                return Some(self.tag(false));
            }
        }
    }
}

/// Whether markup follows a `<`.
fn opens(after: &str) -> bool {
    match after.as_bytes() {
        [b'!' | b'?', ..] => true,
        [b'/', next, ..] => next.is_ascii_alphabetic(),
        [next, ..] => next.is_ascii_alphabetic(),
        [] => false,
    }
}

/// Decodes character references.
pub(super) fn entities(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (head, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(head);
        let length = tail
            .bytes()
            .skip(1)
            .take(32)
            .take_while(|b| b.is_ascii_alphanumeric() || *b == b'#')
            .count()
            + 1;
        let closed = tail.as_bytes().get(length) == Some(&b';');
        let body = tail.get(1..length).unwrap_or_default();
        let known =
            body.starts_with('#') || closed || ["amp", "lt", "gt", "quot", "nbsp"].contains(&body);
        if body.is_empty() || !known {
            out.push('&');
            rest = tail.get(1..).unwrap_or_default();
            continue;
        }
        let token = format!("&{body};");
        mail_parser::decoders::html::add_html_token(&mut out, token.as_bytes(), false);
        rest = tail.get(length + usize::from(closed)..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_attributes_comments_and_raw_text() {
        let html = "a<!-- <a href=x> --><A HREF='http://x/?a&amp;b' href=two Title=\"q>\">t</a><script>'<a>'</scr</script >b < c</style";
        let tokens: Vec<_> = Tokens::of(html).collect();
        assert_eq!(tokens[0], Token::Text("a"));
        assert_eq!(tokens[1], Token::Comment(" <a href=x> "));
        assert_eq!(
            tokens[2],
            Token::Start {
                name: "a".into(),
                attributes: vec![
                    ("href".into(), "http://x/?a&b".into()),
                    ("title".into(), "q>".into())
                ]
            }
        );
        assert_eq!(tokens[3], Token::Text("t"));
        assert_eq!(tokens[4], Token::End("a".into()));
        assert!(matches!(&tokens[5], Token::Start { name, .. } if name == "script"));
        assert_eq!(tokens[6], Token::Raw("script".into(), "'<a>'</scr"));
        assert_eq!(tokens[7], Token::End("script".into()));
        assert_eq!(tokens[8], Token::Text("b < c"));
    }

    #[test]
    fn entities_decode_once() {
        assert_eq!(
            entities("&amp;lt; &#104;&#x74; &nbsp &bogus; &"),
            "&lt; ht \u{a0} &bogus; &"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_ends(html in "[<>/!a-z=\"' &#;-]{0,200}") {
            let _ = Tokens::of(&html).count();
        }
    }
}
