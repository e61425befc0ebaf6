//! What a reader sees of an HTML body, and where it leads.

use serde::{Deserialize, Serialize};

use super::{
    asides::{Aside, Origin},
    html::{Token, Tokens, entities},
    limits::Limits,
    untrusted::is_invisible,
};

/// How a body refers to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkPlace {
    /// `<a href>`, `<area href>`: a person clicks it.
    Click,
    /// `<form action>`: a person fills it in.
    Form,
    /// `<meta http-equiv=refresh>`: the page leaves by itself.
    Refresh,
    /// `src`, `background`, `<link>`: loaded, not clicked.
    Load,
    /// Only written down: in a comment, a script, broken up so that no program
    /// makes a link of it. A person would have to copy it.
    Mention,
}

impl LinkPlace {
    /// Whether a person can get there from the message.
    #[must_use]
    pub const fn followed(self) -> bool {
        matches!(self, Self::Click | Self::Form | Self::Refresh)
    }
}

/// One reference of an HTML body, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HtmlLink {
    /// How it refers.
    pub place: LinkPlace,
    /// The target as written, entities decoded, white space removed as browsers do.
    pub target: String,
    /// The visible text of a clicked link; empty for an image.
    pub text: String,
    /// The `title` or `aria-label` that shows on hovering.
    pub title: String,
}

/// The visible side of an HTML body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HtmlView {
    /// Visible text, blocks parted by line feeds.
    pub text: String,
    /// Text that styles hide: sizes of zero, `display:none` and the like.
    pub hidden: String,
    /// References of the markup that every program shows, in order of appearance.
    pub links: Vec<HtmlLink>,
    /// References elsewhere: conditional comments, styles, less known attributes,
    /// comments, scripts.
    pub asides: Vec<Aside>,
    /// Texts that no reader sees and that name links: comments and scripts, at most
    /// 128 KiB.
    pub unseen: Vec<(Origin, String)>,
    /// The tags in order, each as a small number that is equal for equal names, at
    /// most 4,000: the shape of the body.
    pub tags: Vec<u32>,
    /// The first `<base href>`.
    pub base: Option<String>,
    /// A field for a password.
    pub password_field: bool,
    /// Fields to fill in, of any kind but hidden.
    pub fields: usize,
    /// `<script>` elements and `javascript:` targets.
    pub scripts: usize,
    /// Images that show something (not one pixel).
    pub images: usize,
    /// More links than are kept.
    pub links_dropped: bool,
    /// More references elsewhere than are kept.
    pub asides_dropped: bool,
}

const BLOCKS: [&str; 22] = [
    "p",
    "div",
    "br",
    "tr",
    "td",
    "th",
    "table",
    "li",
    "ul",
    "ol",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "blockquote",
    "section",
    "pre",
    "center",
    "option",
];
const VOID: [&str; 10] = [
    "br", "img", "input", "meta", "link", "hr", "area", "base", "col", "wbr",
];

impl HtmlView {
    /// Reads a body; linear in its length.
    #[must_use]
    pub fn of(html: &str, limits: &Limits) -> Self {
        let mut reader = Reader {
            view: Self::default(),
            limits,
            open_link: None,
            hidden: None,
        };
        for token in Tokens::of(html) {
            match token {
                Token::Text(text) => reader.text(text),
                Token::Start { name, attributes } => {
                    reader.tag(&name);
                    reader.start(&name, &attributes);
                    reader.view.beside(&name, &attributes, reader.limits, 0);
                }
                Token::End(name) => reader.end(&name),
                Token::Raw(name, content) => reader.view.raw(&name, content, reader.limits),
                Token::Comment(content) => reader.view.comment(content, reader.limits, 0),
            }
        }
        reader.view
    }

    /// Targets that a person can reach by a click or by sending a form.
    pub fn clickable(&self) -> impl Iterator<Item = &HtmlLink> {
        self.links.iter().filter(|link| link.place.followed())
    }
}

struct Reader<'l> {
    view: HtmlView,
    limits: &'l Limits,
    /// Index of the link whose text is being read.
    open_link: Option<usize>,
    /// The element that hides its content, and how often it is open.
    hidden: Option<(String, usize)>,
}

pub(super) type Attributes<'h> = [(String, std::borrow::Cow<'h, str>)];

pub(super) fn attribute<'a>(attributes: &'a Attributes<'_>, name: &str) -> Option<&'a str> {
    attributes
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_ref())
}

impl Reader<'_> {
    fn tag(&mut self, name: &str) {
        if self.view.tags.len() < 4_000 {
            let number = name.bytes().take(20).fold(0x811c_9dc5_u32, |h, b| {
                (h ^ u32::from(b)).wrapping_mul(0x0100_0193)
            });
            self.view.tags.push(number);
        }
    }

    fn text(&mut self, raw: &str) {
        let text = entities(raw);
        if self.hidden.is_some() {
            push_bounded(&mut self.view.hidden, &text, self.limits.text_bytes);
            return;
        }
        push_bounded(&mut self.view.text, &text, self.limits.text_bytes);
        if let Some(link) = self.open_link.and_then(|at| self.view.links.get_mut(at)) {
            push_bounded(&mut link.text, &text, 512);
        }
    }

    fn start(&mut self, name: &str, attributes: &Attributes<'_>) {
        if BLOCKS.contains(&name) {
            let side = if self.hidden.is_some() {
                &mut self.view.hidden
            } else {
                &mut self.view.text
            };
            push_bounded(side, "\n", self.limits.text_bytes);
        }
        if let Some((hider, open)) = &mut self.hidden {
            if hider == name {
                *open += 1;
            }
        } else if !VOID.contains(&name) && hides(attributes) {
            self.hidden = Some((name.to_owned(), 1));
        }
        self.links(name, attributes);
        match name {
            "script" => self.view.scripts += 1,
            "base" if self.view.base.is_none() => {
                self.view.base = attribute(attributes, "href").map(tidy);
            }
            "input" => {
                let kind = attribute(attributes, "type").unwrap_or("text");
                self.view.password_field |= kind.eq_ignore_ascii_case("password");
                self.view.fields += usize::from(!kind.eq_ignore_ascii_case("hidden"));
            }
            "textarea" | "select" => self.view.fields += 1,
            "img" => {
                let tiny = ["width", "height"].iter().any(|side| {
                    matches!(
                        attribute(attributes, side).map(|v| v.trim_end_matches("px").trim()),
                        Some("0" | "1")
                    )
                });
                self.view.images += usize::from(!tiny);
                if let (Some(alt), Some(link)) = (
                    attribute(attributes, "alt"),
                    self.open_link.and_then(|at| self.view.links.get_mut(at)),
                ) && link.text.trim().is_empty()
                {
                    push_bounded(&mut link.title, alt, 256);
                }
            }
            _ => {}
        }
    }

    fn links(&mut self, name: &str, attributes: &Attributes<'_>) {
        let title = || {
            attribute(attributes, "title")
                .or_else(|| attribute(attributes, "aria-label"))
                .unwrap_or_default()
        };
        if name == "a" {
            self.open_link = None;
        }
        match name {
            "a" | "area" => {
                if let Some(target) = attribute(attributes, "href") {
                    let at = self.push(LinkPlace::Click, target, title());
                    if name == "a" {
                        self.open_link = at;
                    }
                }
            }
            "form" => {
                if let Some(target) = attribute(attributes, "action") {
                    self.push(LinkPlace::Form, target, title());
                }
            }
            "button" | "input" => {
                if let Some(target) = attribute(attributes, "formaction") {
                    self.push(LinkPlace::Form, target, title());
                }
            }
            "meta" => {
                if let Some(target) = refresh(attributes) {
                    self.push(LinkPlace::Refresh, &target, "");
                }
            }
            "link" => {
                if let Some(target) = attribute(attributes, "href") {
                    self.push(LinkPlace::Load, target, "");
                }
            }
            _ => {}
        }
        for key in ["src", "background", "poster", "data"] {
            if let Some(target) = attribute(attributes, key)
                && name != "input"
            {
                let place = if matches!(name, "iframe" | "embed" | "object") {
                    LinkPlace::Refresh
                } else {
                    LinkPlace::Load
                };
                self.push(place, target, "");
            }
        }
    }

    fn push(&mut self, place: LinkPlace, target: &str, title: &str) -> Option<usize> {
        let target = tidy(target);
        if target.is_empty() || target.starts_with('#') || target.starts_with("cid:") {
            return None;
        }
        if target
            .get(..11)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("javascript:"))
        {
            self.view.scripts += 1;
        }
        if self.view.links.len() >= self.limits.urls {
            self.view.links_dropped = true;
            return None;
        }
        self.view.links.push(HtmlLink {
            place,
            target,
            text: String::new(),
            title: title.chars().take(256).collect(),
        });
        Some(self.view.links.len() - 1)
    }

    fn end(&mut self, name: &str) {
        if name == "a" {
            self.open_link = None;
        }
        if let Some((hider, open)) = &mut self.hidden
            && hider == name
        {
            *open -= 1;
            if *open == 0 {
                self.hidden = None;
            }
        }
        if BLOCKS.contains(&name) && self.hidden.is_none() {
            push_bounded(&mut self.view.text, "\n", self.limits.text_bytes);
        }
    }
}

/// Where `<meta http-equiv=refresh>` leads.
pub(super) fn refresh(attributes: &Attributes<'_>) -> Option<String> {
    attribute(attributes, "http-equiv")
        .filter(|kind| kind.trim().eq_ignore_ascii_case("refresh"))?;
    let (_, tail) = attribute(attributes, "content")?.split_once([';', ','])?;
    let tail = tail.trim_start();
    let target = match tail.get(..3) {
        Some(url) if url.eq_ignore_ascii_case("url") => {
            tail.get(3..)?.trim_start().strip_prefix('=')?
        }
        _ => tail,
    };
    Some(target.trim().trim_matches(['"', '\'']).to_owned())
}

/// A target as browsers read it: no control characters, no outer white space.
/// Longer than 8 KiB is cut: no server takes it.
pub(super) fn tidy(target: &str) -> String {
    let mut tidy: String = target
        .trim()
        .chars()
        .filter(|c| !matches!(c, '\t' | '\r' | '\n') && !is_invisible(*c))
        .collect();
    if tidy.len() > 8_192 {
        let end = (0..=8_192).rev().find(|at| tidy.is_char_boundary(*at));
        tidy.truncate(end.unwrap_or_default());
    }
    tidy
}

fn hides(attributes: &Attributes<'_>) -> bool {
    if attribute(attributes, "hidden").is_some() {
        return true;
    }
    let Some(style) = attribute(attributes, "style") else {
        return false;
    };
    let style: String = style
        .chars()
        .take(2_000)
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    style.split(';').any(|rule| {
        matches!(
            rule.trim_end_matches("!important"),
            "display:none"
                | "visibility:hidden"
                | "font-size:0"
                | "font-size:0px"
                | "font-size:0pt"
                | "font-size:1px"
                | "opacity:0"
                | "max-height:0"
                | "max-height:0px"
                | "mso-hide:all"
                | "color:transparent"
        )
    })
}

pub(super) fn push_bounded(target: &mut String, text: &str, max_bytes: usize) {
    let room = max_bytes.saturating_sub(target.len());
    let end = (0..=room.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    target.push_str(text.get(..end.unwrap_or_default()).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(html: &str) -> HtmlView {
        HtmlView::of(html, &Limits::default())
    }

    #[test]
    fn visible_text_and_targets() {
        let v = view(
            "<base href='https://b.example/x/'><p>Hello&nbsp;<b>you</b></p><div style='display: none'>hid<div>den</div></div><a href=' https://e\nvil.example/ ' title=T>https://<i>good</i>.example</a><form action=/go><input type=password><input type=hidden></form><meta http-equiv=Refresh content=\"0; URL='http://r.example/'\"><img src=cid:x><img src=http://i.example/p width=1>",
        );
        assert_eq!(
            v.text.split_whitespace().collect::<Vec<_>>().join(" "),
            "Hello you https://good.example"
        );
        assert_eq!(v.hidden.trim(), "hid\nden");
        assert_eq!(v.base.as_deref(), Some("https://b.example/x/"));
        let shape: Vec<_> = v
            .links
            .iter()
            .map(|l| (l.place, l.target.as_str(), l.text.as_str()))
            .collect();
        assert_eq!(
            shape,
            [
                (
                    LinkPlace::Click,
                    "https://evil.example/",
                    "https://good.example"
                ),
                (LinkPlace::Form, "/go", ""),
                (LinkPlace::Refresh, "http://r.example/", ""),
                (LinkPlace::Load, "http://i.example/p", ""),
            ]
        );
        assert!(v.password_field);
        assert_eq!((v.fields, v.images), (1, 1));
    }

    #[test]
    fn links_are_bounded_and_said_so() {
        let limits = Limits {
            urls: 3,
            ..Limits::default()
        };
        let v = HtmlView::of(&"<a href=http://x/>".repeat(10), &limits);
        assert_eq!((v.links.len(), v.links_dropped), (3, true));
    }
}
