//! References of a body outside the markup that every program shows.
//!
//! Kept apart from the links that are judged and compared: a copy of a message may
//! have lost its comments and styles on the way and is still the same message.

use serde::{Deserialize, Serialize};

use super::{
    HtmlLink, HtmlView, Limits, LinkPlace,
    html::{Token, Tokens},
    reading,
    view::{Attributes, attribute, push_bounded, refresh, tidy},
};

/// Documents inside attributes and comments inside each other that are read.
const MAX_DEPTH: usize = 2;
/// Bytes of text for machines that are kept.
const MAX_UNSEEN: usize = 128 << 10;

/// Where a reference stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// `<!--[if mso]>`: Outlook for Windows shows what stands in it.
    Conditional,
    /// An attribute that only some programs follow: `srcset`, `ping`,
    /// `xlink:href`, VML's `href`, `data-saferedirecturl`.
    Attribute,
    /// `url()` and `@import` of a style.
    Style,
    /// A document in `srcdoc`.
    Srcdoc,
    /// A comment that no program shows.
    Comment,
    /// A script.
    Script,
}

impl Origin {
    /// The word that follows the place of the body, e.g. `body:html/comment`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conditional => "conditional",
            Self::Attribute => "attribute",
            Self::Style => "style",
            Self::Srcdoc => "srcdoc",
            Self::Comment => "comment",
            Self::Script => "script",
        }
    }
}

/// One such reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Where it stood.
    pub origin: Origin,
    /// The reference.
    pub link: HtmlLink,
}

impl HtmlView {
    fn aside(&mut self, origin: Origin, place: LinkPlace, target: &str, limits: &Limits) -> bool {
        let target = tidy(target);
        let empty = target.is_empty() || target.starts_with('#') || target.starts_with("cid:");
        if empty {
            return false;
        }
        if self.asides.len() >= limits.urls {
            self.asides_dropped = true;
            return false;
        }
        self.asides.push(Aside {
            origin,
            link: HtmlLink {
                place,
                target,
                text: String::new(),
                title: String::new(),
            },
        });
        true
    }

    /// The attributes of one tag that the judged links leave out.
    pub(super) fn beside(
        &mut self,
        name: &str,
        attributes: &Attributes<'_>,
        limits: &Limits,
        depth: usize,
    ) {
        for (key, value) in attributes {
            let value = value.as_ref();
            match key.as_str() {
                "style" => self.style(value, limits),
                "srcset" | "imagesrcset" => {
                    for entry in value.split(',').take(20) {
                        let target = entry.split_whitespace().next().unwrap_or_default();
                        self.aside(Origin::Attribute, LinkPlace::Load, target, limits);
                    }
                }
                "ping" => {
                    for target in value.split_whitespace().take(20) {
                        self.aside(Origin::Attribute, LinkPlace::Load, target, limits);
                    }
                }
                "srcdoc" if depth < MAX_DEPTH => {
                    self.inside(value, Origin::Srcdoc, limits, depth + 1);
                }
                "href" if !matches!(name, "a" | "area" | "link") => {
                    let place = if name == "base" {
                        LinkPlace::Mention
                    } else {
                        LinkPlace::Click
                    };
                    self.aside(Origin::Attribute, place, value, limits);
                }
                "xlink:href" => {
                    let place = if name == "a" {
                        LinkPlace::Click
                    } else {
                        LinkPlace::Load
                    };
                    self.aside(Origin::Attribute, place, value, limits);
                }
                "action" if name != "form" => {
                    self.aside(Origin::Attribute, LinkPlace::Form, value, limits);
                }
                "formaction" if !matches!(name, "button" | "input") => {
                    self.aside(Origin::Attribute, LinkPlace::Form, value, limits);
                }
                "src" if name == "input" => {
                    self.aside(Origin::Attribute, LinkPlace::Load, value, limits);
                }
                "lowsrc" | "dynsrc" | "codebase" | "classid" | "archive" | "manifest" | "icon" => {
                    self.aside(Origin::Attribute, LinkPlace::Load, value, limits);
                }
                // what the judged links read, and names of vocabularies
                "href" | "src" | "action" | "formaction" | "background" | "poster" | "data"
                | "itemtype" | "itemscope" | "vocab" | "profile" | "typeof" | "property" => {}
                other if other.starts_with("xmlns") => {}
                _ if names_web(value) => {
                    self.aside(Origin::Attribute, LinkPlace::Mention, value, limits);
                }
                _ => {}
            }
        }
    }

    /// Styles: `url(…)` and `@import "…"` (CSS Syntax 3, section 4.3.6).
    pub(super) fn style(&mut self, css: &str, limits: &Limits) {
        let mut rest = css;
        while let Some(at) = find_any(rest, "url(", "@import") {
            let found = rest.get(at..).unwrap_or_default();
            let import = found.starts_with('@');
            let tail = found.get(if import { 7 } else { 4 }..).unwrap_or_default();
            rest = tail;
            let tail = tail.trim_start();
            let target = match tail.chars().next() {
                Some(quote @ ('"' | '\'')) => tail
                    .get(1..)
                    .and_then(|t| t.split_once(quote))
                    .map(|(t, _)| t),
                // "@import url(…)" comes by again
                _ if import => None,
                _ => tail.split_once(')').map(|(target, _)| target),
            };
            let Some(target) = target.filter(|t| t.len() <= 8_192) else {
                continue;
            };
            let plain = unescape(target);
            if !plain.trim_start().starts_with("data:") {
                self.aside(Origin::Style, LinkPlace::Load, &plain, limits);
            }
        }
    }

    /// The content of an element for machines.
    pub(super) fn raw(&mut self, name: &str, content: &str, limits: &Limits) {
        if name == "style" {
            self.style(content, limits);
        } else {
            self.unseen(Origin::Script, content);
        }
    }

    /// A comment: Outlook reads those that begin with a condition.
    pub(super) fn comment(&mut self, content: &str, limits: &Limits, depth: usize) {
        let condition = content.trim_start();
        let inner = condition
            .get(..3)
            .filter(|start| start.eq_ignore_ascii_case("[if"))
            .and_then(|_| condition.split_once("]>"))
            .map(|(_, inner)| inner);
        match inner {
            Some(inner) if depth < MAX_DEPTH => {
                self.inside(inner, Origin::Conditional, limits, depth + 1);
            }
            _ => self.unseen(Origin::Comment, content),
        }
    }

    fn unseen(&mut self, origin: Origin, content: &str) {
        let used: usize = self.unseen.iter().map(|(_, text)| text.len()).sum();
        if used < MAX_UNSEEN && self.unseen.len() < 200 && reading::names_link(content) {
            let mut kept = String::new();
            push_bounded(&mut kept, content, MAX_UNSEEN - used);
            self.unseen.push((origin, kept));
        }
    }

    /// A document inside the document: only its references are taken.
    fn inside(&mut self, html: &str, origin: Origin, limits: &Limits, depth: usize) {
        let mut open = None;
        for token in Tokens::of(html) {
            match token {
                Token::Start { name, attributes } => {
                    if let Some(at) = self.plain(&name, &attributes, origin, limits) {
                        open = Some(at);
                    }
                    self.beside(&name, &attributes, limits, depth);
                }
                Token::Text(text) => {
                    if let Some(aside) = open.and_then(|at: usize| self.asides.get_mut(at)) {
                        let text = super::html::entities(text);
                        push_bounded(&mut aside.link.text, &text, 512);
                    }
                }
                Token::End(name) => {
                    if name == "a" || name.starts_with("v:") {
                        open = None;
                    }
                }
                Token::Raw(name, content) => self.raw(&name, content, limits),
                Token::Comment(content) => self.comment(content, limits, depth),
            }
        }
    }

    /// What the judged links would be, here as an aside; gives the index of a
    /// reference whose text follows.
    fn plain(
        &mut self,
        name: &str,
        attributes: &Attributes<'_>,
        origin: Origin,
        limits: &Limits,
    ) -> Option<usize> {
        let target = |key: &str| attribute(attributes, key);
        let clicked = match name {
            "a" | "area" => target("href").map(|t| (LinkPlace::Click, t)),
            "link" => target("href").map(|t| (LinkPlace::Load, t)),
            "form" => target("action").map(|t| (LinkPlace::Form, t)),
            "button" | "input" => target("formaction").map(|t| (LinkPlace::Form, t)),
            _ => None,
        };
        let mut at = None;
        if let Some((place, target)) = clicked
            && self.aside(origin, place, target, limits)
            && place == LinkPlace::Click
        {
            at = self.asides.len().checked_sub(1);
        }
        if let Some(target) = (name == "meta").then(|| refresh(attributes)).flatten() {
            self.aside(origin, LinkPlace::Refresh, &target, limits);
        }
        for key in ["src", "background", "poster", "data"] {
            if let Some(target) = target(key) {
                let place = if matches!(name, "iframe" | "embed" | "object") {
                    LinkPlace::Refresh
                } else {
                    LinkPlace::Load
                };
                self.aside(origin, place, target, limits);
            }
        }
        at
    }
}

/// Whether a value is a web address in itself.
fn names_web(value: &str) -> bool {
    let value = value.trim_start();
    let head = value.get(..8).unwrap_or(value);
    head.len() == 8
        && (head
            .get(..7)
            .is_some_and(|h| h.eq_ignore_ascii_case("http://"))
            || head.eq_ignore_ascii_case("https://"))
}

/// The first of two words in any case.
fn find_any(text: &str, one: &str, two: &str) -> Option<usize> {
    memchr::memchr3_iter(b'u', b'U', b'@', text.as_bytes()).find(|at| {
        let tail = text.as_bytes().get(*at..).unwrap_or_default();
        let begins = |word: &str| {
            tail.get(..word.len())
                .is_some_and(|t| t.eq_ignore_ascii_case(word.as_bytes()))
        };
        begins(one) || begins(two)
    })
}

/// Escapes of CSS: a backslash and up to six hexadecimal digits, or a character.
fn unescape(css: &str) -> String {
    if !css.contains('\\') {
        return css.to_owned();
    }
    let mut out = String::with_capacity(css.len());
    let mut chars = css.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let mut digits = String::new();
        while let Some(digit) = chars
            .peek()
            .filter(|d| d.is_ascii_hexdigit() && digits.len() < 6)
        {
            digits.push(*digit);
            chars.next();
        }
        if digits.is_empty() {
            out.extend(chars.next());
            continue;
        }
        let code = u32::from_str_radix(&digits, 16).ok();
        out.extend(code.and_then(char::from_u32));
        chars.next_if(|next| next.is_whitespace());
    }
    out
}

#[cfg(test)]
mod tests;
