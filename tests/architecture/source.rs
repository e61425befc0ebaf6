//! A source file as the house rules see it: comments and string contents
//! blanked, `#[cfg(test)]` items removed, line numbers kept.

/// One Rust file, taken apart just enough to be judged.
#[derive(Debug)]
pub struct Source {
    /// Path from `src/`, with `/`.
    pub path: String,
    /// The code, with comments, strings and test items blanked.
    pub code: String,
    /// The text of every string literal outside test items, with its line.
    pub strings: Vec<(usize, String)>,
}

impl Source {
    /// Takes `text` apart. Never fails: what does not parse stays as it is.
    pub fn new(path: &str, text: &str) -> Self {
        let (blanked, strings) = blank(text);
        let tests = test_items(&blanked);
        let code: String = blanked
            .char_indices()
            .map(|(at, c)| {
                let hidden = tests.iter().any(|(from, to)| (*from..*to).contains(&at));
                if hidden && c != '\n' { ' ' } else { c }
            })
            .collect();
        let strings = strings
            .into_iter()
            .filter(|(at, _)| !tests.iter().any(|(from, to)| (*from..*to).contains(at)))
            .map(|(at, literal)| (line_of(&blanked, at), literal))
            .collect();
        Self {
            path: path.to_owned(),
            code,
            strings,
        }
    }

    /// The room of the file: its first folder, or its name for `src/room.rs`.
    pub fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Whether the whole file is tests (`tests.rs`, or a folder `tests/`).
    pub fn is_test_file(&self) -> bool {
        self.path
            .split('/')
            .any(|part| part == "tests" || part == "tests.rs")
    }

    /// How many modules deep the file is: 1 for `room.rs` and `room/mod.rs`.
    pub fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        if self.path == "lib.rs" || self.path == "main.rs" {
            0
        } else if self.path.ends_with("/mod.rs") {
            parts - 1
        } else {
            parts
        }
    }

    /// Lines outside tests with a word of code on them: comments, brackets and the
    /// entries of a word list do not make a file hard to hold in the head.
    pub fn lines_of_code(&self) -> usize {
        self.code
            .lines()
            .filter(|line| line.contains(is_word))
            .count()
    }

    /// Every place where `word` stands as a whole word, as byte offsets.
    pub fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.code.match_indices(word).filter_map(|(at, _)| {
            let before = self.code[..at].chars().next_back();
            let after = self.code[at + word.len()..].chars().next();
            let inside = |c: Option<char>| c.is_some_and(is_word);
            let starts_word = word.chars().next().is_some_and(is_word);
            let ends_word = word.chars().next_back().is_some_and(is_word);
            let part = starts_word && inside(before) || ends_word && inside(after);
            (!part).then_some(at)
        })
    }

    /// The line, counted from 1, of a byte offset into `code`.
    pub fn line(&self, at: usize) -> usize {
        line_of(&self.code, at)
    }

    /// Every room this file names, by `crate::`, `unhook::` or enough
    /// `super::`, with the line; groups in braces count one by one.
    pub fn rooms_used(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for root in ["crate::", "unhook::"] {
            for at in self.words(root) {
                self.heads(at + root.len(), &mut found);
            }
        }
        for at in self.words("super::") {
            if self.code[..at].ends_with("super::") {
                continue;
            }
            let climbs = climb(&self.code[at..]);
            if climbs >= self.depth() && self.depth() > 0 {
                self.heads(at + climbs * "super::".len(), &mut found);
            }
        }
        found
    }

    fn heads(&self, at: usize, found: &mut Vec<(usize, String)>) {
        let rest = &self.code[at..];
        let line = self.line(at);
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0_usize;
            let mut head = true;
            let mut word = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        push(line, &mut word, found);
                        head = true;
                    }
                    ':' | ' ' if depth == 0 && !word.is_empty() => head = false,
                    c if depth == 0 && head && is_word(c) => word.push(c),
                    _ => {}
                }
            }
            push(line, &mut word, found);
        } else {
            let mut word: String = rest.chars().take_while(|c| is_word(*c)).collect();
            push(line, &mut word, found);
        }
    }
}

fn push(line: usize, word: &mut String, found: &mut Vec<(usize, String)>) {
    if !word.is_empty() {
        found.push((line, std::mem::take(word)));
    }
}

fn climb(code: &str) -> usize {
    let mut rest = code;
    let mut count = 0;
    while let Some(tail) = rest.strip_prefix("super::") {
        rest = tail;
        count += 1;
    }
    count
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].bytes().filter(|b| *b == b'\n').count() + 1
}

/// Blanks comments and string contents, byte for byte, and gives the strings.
fn blank(text: &str) -> (String, Vec<(usize, String)>) {
    let mut out = String::with_capacity(text.len());
    let mut strings = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let before_is_word = out.chars().next_back().is_some_and(is_word);
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some((open, close)) = string_bounds(rest, before_is_word) {
            strings.push((at, rest.get(open..close).unwrap_or_default().to_owned()));
            // The first byte stays a quote, so that `word` before it ends there.
            out.push('"');
            let behind = closing(rest, close);
            fill(&mut out, &rest[1..behind]);
            at += behind;
            continue;
        } else if let Some(length) = char_literal(rest) {
            length
        } else {
            let c = rest.chars().next().unwrap_or(' ');
            out.push(c);
            at += c.len_utf8();
            continue;
        };
        fill(&mut out, &rest[..taken]);
        at += taken;
    }
    (out, strings)
}

fn fill(out: &mut String, text: &str) {
    out.extend(text.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
}

fn block_comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" if depth == 1 => return at + 2,
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

fn is_raw(rest: &str) -> bool {
    let rest = rest.strip_prefix('b').unwrap_or(rest);
    rest.strip_prefix('r')
        .is_some_and(|r| r.trim_start_matches('#').starts_with('"'))
}

/// Where the content of a string literal at the start of `rest` begins and ends.
fn string_bounds(rest: &str, before_is_word: bool) -> Option<(usize, usize)> {
    if let Some(open) = raw_open(rest).filter(|_| !before_is_word) {
        let close = raw_close(rest);
        let end = rest[open..].find(&close).map_or(rest.len(), |i| open + i);
        return Some((open, end));
    }
    let open = if rest.starts_with('"') {
        1
    } else if !before_is_word && (rest.starts_with("b\"") || rest.starts_with("c\"")) {
        2
    } else {
        return None;
    };
    let mut escaped = false;
    for (i, b) in rest.bytes().enumerate().skip(open) {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some((open, i)),
            _ => {}
        }
    }
    Some((open, rest.len()))
}

fn raw_open(rest: &str) -> Option<usize> {
    is_raw(rest)
        .then(|| rest.find('"').map(|i| i + 1))
        .flatten()
}

fn raw_close(rest: &str) -> String {
    let hashes = rest
        .bytes()
        .take_while(|b| *b != b'"')
        .filter(|b| *b == b'#')
        .count();
    format!("\"{}", "#".repeat(hashes))
}

/// The offset behind the closing quote that stands at `end`.
fn closing(rest: &str, end: usize) -> usize {
    let length = if is_raw(rest) {
        raw_close(rest).len()
    } else {
        1
    };
    (end + length).min(rest.len())
}

/// The length of a character literal at the start of `rest`; none for a lifetime.
fn char_literal(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    if let Some(escape) = inner.strip_prefix('\\') {
        let skip = escape.chars().next()?.len_utf8();
        return escape[skip..].find('\'').map(|i| 2 + skip + i + 1);
    }
    let c = inner.chars().next()?;
    inner[c.len_utf8()..]
        .starts_with('\'')
        .then_some(1 + c.len_utf8() + 1)
}

/// The byte ranges of `#[cfg(test)]` items in blanked code.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    let mut items = Vec::new();
    for mark in ["#[cfg(test)]", "#[cfg(all(test"] {
        for (from, _) in code.match_indices(mark) {
            let mut depth = 0_usize;
            let mut to = code.len();
            for (i, b) in code.bytes().enumerate().skip(from + mark.len()) {
                match b {
                    b'{' => depth += 1,
                    b'}' if depth <= 1 => {
                        to = i + 1;
                        break;
                    }
                    b'}' => depth -= 1,
                    b';' if depth == 0 => {
                        to = i + 1;
                        break;
                    }
                    _ => {}
                }
            }
            items.push((from, to));
        }
    }
    items
}
