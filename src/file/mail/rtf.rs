//! The body inside RTF: HTML that Outlook wrapped into it (MS-OXRTFEX), or the
//! plain text.

use super::codepage;

/// Bytes of text that are taken out.
const MAX_TEXT: usize = 2 << 20;
/// Groups in groups that are told apart; deeper ones share their state.
const MAX_DEPTH: usize = 200;

/// What the RTF held.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    Html(String),
    Text(String),
}

#[derive(Clone, Copy, Default)]
struct Group {
    /// Shows nothing: a table of fonts and the like.
    silent: bool,
    /// Inside `\htmltag`: HTML as it was.
    tag: bool,
    /// Between `\htmlrtf` and `\htmlrtf0`: RTF that stands for HTML.
    doubled: bool,
}

struct Reader<'r> {
    rest: &'r [u8],
    group: Group,
    groups: Vec<Group>,
    too_deep: usize,
    html: bool,
    codepage: u32,
    /// The next control word names a destination that may be passed over.
    starred: bool,
    /// Characters to pass over after a `\u`.
    skip: usize,
    pending: Vec<u8>,
    out: String,
}

/// Reads the body; linear in its length.
pub(super) fn body(rtf: &[u8]) -> Body {
    let mut reader = Reader {
        rest: rtf,
        group: Group::default(),
        groups: Vec::new(),
        too_deep: 0,
        html: false,
        codepage: 1_252,
        starred: false,
        skip: 0,
        pending: Vec::new(),
        out: String::new(),
    };
    while let Some(byte) = reader.next() {
        match byte {
            b'{' => reader.open(),
            b'}' => reader.close(),
            b'\\' => reader.control(),
            b'\r' | b'\n' | 0 => {}
            byte => reader.byte(byte),
        }
        if reader.out.len() + reader.pending.len() > MAX_TEXT {
            break;
        }
    }
    reader.flush();
    if reader.html {
        Body::Html(reader.out)
    } else {
        Body::Text(reader.out)
    }
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn open(&mut self) {
        if self.groups.len() < MAX_DEPTH {
            self.groups.push(self.group);
        } else {
            self.too_deep += 1;
        }
    }

    fn close(&mut self) {
        self.starred = false;
        if self.too_deep > 0 {
            self.too_deep -= 1;
        } else {
            self.group = self.groups.pop().unwrap_or_default();
        }
    }

    const fn shows(&self) -> bool {
        self.group.tag || !(self.group.silent || (self.html && self.group.doubled))
    }

    fn byte(&mut self, byte: u8) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.shows() {
            self.pending.push(byte);
        }
    }

    fn char(&mut self, c: char) {
        if self.shows() {
            self.flush();
            self.out.push(c);
        }
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            let bytes = std::mem::take(&mut self.pending);
            self.out.push_str(&codepage::text(&bytes, self.codepage));
        }
    }

    fn control(&mut self) {
        let Some(first) = self.rest.first().copied() else {
            return;
        };
        if !first.is_ascii_alphabetic() {
            self.next();
            match first {
                b'\'' => {
                    let digits: String = [self.next(), self.next()]
                        .into_iter()
                        .flatten()
                        .map(char::from)
                        .collect();
                    if let Ok(byte) = u8::from_str_radix(&digits, 16) {
                        self.byte(byte);
                    }
                }
                b'*' => self.starred = true,
                b'~' => self.char('\u{a0}'),
                b'\r' | b'\n' => self.char('\n'),
                b'{' | b'}' | b'\\' => self.byte(first),
                _ => {}
            }
            return;
        }
        let letters = self.rest.iter().take(32);
        let end = letters.take_while(|b| b.is_ascii_alphabetic()).count();
        let (word, rest) = self.rest.split_at(end);
        let sign = usize::from(rest.first() == Some(&b'-'));
        let digits = rest.iter().skip(sign).take(10);
        let digits = digits.take_while(|b| b.is_ascii_digit()).count();
        let (number, rest) = if digits > 0 {
            rest.split_at(sign + digits)
        } else {
            rest.split_at(0)
        };
        let number = std::str::from_utf8(number)
            .ok()
            .and_then(|number| number.parse::<i64>().ok());
        self.rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let starred = std::mem::take(&mut self.starred);
        self.word(word, number, starred);
    }

    fn word(&mut self, word: &[u8], number: Option<i64>, starred: bool) {
        match word {
            b"htmltag" => {
                self.html |= starred;
                self.group.tag = starred;
            }
            b"fromhtml" => self.html = number != Some(0),
            b"htmlrtf" => self.group.doubled = number != Some(0),
            b"fonttbl" | b"colortbl" | b"stylesheet" | b"info" | b"pict" | b"object"
            | b"listtable" | b"mhtmltag" => {
                self.group.silent = true;
                self.group.tag = false;
            }
            b"par" | b"line" | b"row" => self.char('\n'),
            b"tab" | b"cell" => self.char('\t'),
            b"lquote" => self.char('‘'),
            b"rquote" => self.char('’'),
            b"ldblquote" => self.char('“'),
            b"rdblquote" => self.char('”'),
            b"bullet" => self.char('•'),
            b"emdash" => self.char('—'),
            b"endash" => self.char('–'),
            b"ansicpg" => {
                self.flush();
                self.codepage = number
                    .and_then(|number| u32::try_from(number).ok())
                    .unwrap_or(1_252);
            }
            b"u" => {
                // written as a signed number of 16 bits, then a stand-in
                let unit = number.unwrap_or_default().rem_euclid(65_536);
                let c = u32::try_from(unit).ok().and_then(char::from_u32);
                self.char(c.unwrap_or(char::REPLACEMENT_CHARACTER));
                self.skip = 1;
            }
            b"bin" => {
                let length = usize::try_from(number.unwrap_or_default()).unwrap_or_default();
                self.rest = self.rest.get(length..).unwrap_or_default();
            }
            _ if starred => self.group.silent = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_comes_out_of_its_wrapping() {
        let rtf = br"{\rtf1\ansi\ansicpg1251\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}}{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 \'cf\'f0\u233?{\*\htmltag84 <a href=\'22https://e.example/\'22>}\htmlrtf {\field{\*\fldinst{HYPERLINK x}}{\fldrslt\htmlrtf0 go\htmlrtf }\htmlrtf0 }{\*\htmltag92 </a>}\htmlrtf\par}\htmlrtf0 {\*\htmltag72 </p>}}";
        let Body::Html(html) = body(rtf) else {
            panic!("no HTML");
        };
        assert_eq!(html, "<p>Прé<a href=\"https://e.example/\">go</a></p>");
    }

    #[test]
    fn plain_text_without_tables() {
        let rtf = br"{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\*\generator Word;}\pard Hello\tab \{you\}\par bye}";
        assert_eq!(body(rtf), Body::Text("Hello\t{you}\nbye".to_owned()));
    }

    #[test]
    fn depth_and_broken_words_do_no_harm() {
        let deep = b"{".repeat(100_000);
        assert_eq!(body(&deep), Body::Text(String::new()));
        assert_eq!(body(br"x\bin99999999999 y"), Body::Text("x".to_owned()));
        assert_eq!(body(br"\u-1\'g"), Body::Text("\u{ffff}".to_owned()));
    }
}
