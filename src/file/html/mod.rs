//! Pages as files: where they lead, what they ask for, and what their scripts hide.
//!
//! Nothing is run or loaded, no entity is expanded and no external one resolved.

mod smuggling;
mod xml;

pub(super) use xml::plain;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use percent_encoding::percent_decode_str;
use url::Url;

use super::{
    kind::FileKind,
    open::Open,
    report::{LinkSource, NoteKind, Stop},
    script,
};
use crate::message::{HtmlView, Limits, LinkPlace, Token, Tokens};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Reads HTML, SVG or other XML.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let text = script::text_of(file.bytes);
    if file.report.kind != FileKind::Html {
        xml::entities(file, &text);
    }
    if file.report.kind == FileKind::Xml {
        xml::look(file, &text);
    } else {
        page(file, &text);
    }
}

/// Reads a page, or a part of a file that is one.
pub(super) fn page(file: &mut Open<'_, '_>, html: &str) {
    let limits = Limits {
        urls: file.run.limits.links,
        text_bytes: file.run.limits.text,
        ..Limits::default()
    };
    let view = HtmlView::of(html, &limits);
    let base = view.base.as_deref().and_then(|base| Url::parse(base).ok());
    let mut form = String::new();
    for link in &view.links {
        if data_uri(file, &link.target) || script_uri(file, &link.target) {
            continue;
        }
        let source = match link.place {
            LinkPlace::Click => LinkSource::Click,
            LinkPlace::Form => LinkSource::Form,
            LinkPlace::Refresh => LinkSource::Refresh,
            LinkPlace::Load => LinkSource::Load,
            LinkPlace::Mention => LinkSource::Script,
        };
        let target = absolute(base.as_ref(), &link.target);
        if source == LinkSource::Form && form.is_empty() {
            form.clone_from(&target);
        }
        let text = if link.text.trim().is_empty() {
            &link.title
        } else {
            &link.text
        };
        file.link(source, &target, text);
    }
    if view.password_field {
        let detail = if form.is_empty() {
            "no form address"
        } else {
            &form
        };
        file.note(NoteKind::PasswordForm, detail);
    }
    if view.links_dropped {
        file.stop(Stop::Kept);
    }
    file.text(&view.text);
    script::links(file, LinkSource::Text, &view.text);
    let mut code = scripts(html);
    attributes(file, html, base.as_ref(), &mut code);
    if code.trim().is_empty() {
        return;
    }
    if file.report.kind == FileKind::Svg {
        file.note(NoteKind::Script, "script in a picture");
    }
    smuggling::look(file, html, &code);
    script::examine(file, &code);
}

/// Reads XML that is part of a file.
pub(super) fn markup(file: &mut Open<'_, '_>, text: &str) {
    xml::entities(file, text);
    xml::look(file, text);
}

/// Notes what the declarations of XML would expand or load.
pub(super) fn declarations(file: &mut Open<'_, '_>, text: &str) {
    if memchr::memmem::find(text.as_bytes(), b"<!ENTITY").is_some() {
        xml::entities(file, text);
    }
}

/// A target against the base of the page.
fn absolute(base: Option<&Url>, target: &str) -> String {
    match (base, Url::parse(target)) {
        (Some(base), Err(url::ParseError::RelativeUrlWithoutBase)) => base
            .join(target)
            .map_or_else(|_| target.to_owned(), Into::into),
        _ => target.to_owned(),
    }
}

/// The content of all `<script>` elements, one after another; a script element
/// that is never closed runs to the end.
fn scripts(html: &str) -> String {
    let bytes = html.as_bytes();
    let mut code = String::new();
    let mut from = 0;
    for at in memchr::memchr_iter(b'<', bytes) {
        if at < from || !folded_starts(bytes, at, b"<script") {
            continue;
        }
        let Some(open) = tail(bytes, at).iter().position(|b| *b == b'>') else {
            break;
        };
        let start = at + open + 1;
        let end = memchr::memchr_iter(b'<', tail(bytes, start))
            .map(|close| start + close)
            .find(|close| folded_starts(bytes, *close, b"</script"))
            .unwrap_or(bytes.len());
        code.push_str(html.get(start..end).unwrap_or_default());
        code.push('\n');
        from = end;
    }
    code
}

fn tail(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

fn folded_starts(bytes: &[u8], at: usize, wanted: &[u8]) -> bool {
    tail(bytes, at)
        .get(..wanted.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(wanted))
}

/// What attributes hold that the view leaves out: event handlers, pages within
/// frames, links of SVG and of styles.
fn attributes(file: &mut Open<'_, '_>, html: &str, base: Option<&Url>, code: &mut String) {
    for token in Tokens::of(html) {
        let Token::Start { name, attributes } = token else {
            continue;
        };
        if matches!(name.as_str(), "foreignobject" | "svg:foreignobject")
            && file.report.kind == FileKind::Svg
        {
            file.note(NoteKind::Script, "a page in a picture (foreignObject)");
        }
        for (key, value) in &attributes {
            match key.as_str() {
                "srcdoc" => file.member(None, "text/html", value.as_bytes()),
                "xlink:href" | "href"
                    if !matches!(name.as_str(), "a" | "area" | "link" | "base") =>
                {
                    reference(file, base, &name, value);
                }
                "xlink:href" => reference(file, base, &name, value),
                "style" if value.contains("url(") => {
                    script::links(file, LinkSource::Load, value);
                }
                handler if handler.starts_with("on") && handler.len() > 4 => {
                    code.push_str(value);
                    code.push('\n');
                }
                // values of animations and parameters can be links as well
                "to" | "values" | "from" => {
                    script_uri(file, value);
                }
                _ => {}
            }
        }
    }
}

fn reference(file: &mut Open<'_, '_>, base: Option<&Url>, element: &str, target: &str) {
    let target = target.trim();
    if target.is_empty()
        || target.starts_with('#')
        || data_uri(file, target)
        || script_uri(file, target)
    {
        return;
    }
    let source = if matches!(element, "a" | "svg:a") {
        LinkSource::Click
    } else {
        LinkSource::Load
    };
    file.link(source, &absolute(base, target), "");
}

/// Examines the code of a `javascript:` or `vbscript:` target. Whether it was one.
fn script_uri(file: &mut Open<'_, '_>, target: &str) -> bool {
    let compact: String = target
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control())
        .take(12)
        .collect::<String>()
        .to_ascii_lowercase();
    if !compact.starts_with("javascript:") && !compact.starts_with("vbscript:") {
        return false;
    }
    let code = percent_decode_str(target).decode_utf8_lossy();
    script::examine(file, &code);
    true
}

/// Takes a `data:` URI apart (RFC 2397): what it holds becomes a member, and a
/// note when it is a page, a script or a document. Whether it was one.
pub(super) fn data_uri(file: &mut Open<'_, '_>, target: &str) -> bool {
    let target = target.trim();
    let Some((head, data)) = target
        .get(..5)
        .filter(|scheme| scheme.eq_ignore_ascii_case("data:"))
        .and_then(|_| target.get(5..))
        .and_then(|rest| rest.split_once(','))
    else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    let claimed = head.split(';').next().unwrap_or_default().trim().to_owned();
    let raw: Vec<u8> = percent_decode_str(data).collect();
    let bytes = if head.contains("base64") {
        let packed: Vec<u8> = raw
            .into_iter()
            .filter(|b| !b.is_ascii_whitespace())
            .collect();
        // of a damaged text, what stands before the damage
        LENIENT.decode(&packed).or_else(|_| {
            let sound = packed
                .iter()
                .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
                .count();
            LENIENT.decode(packed.get(..sound / 4 * 4).unwrap_or_default())
        })
    } else {
        Ok(raw)
    };
    let Ok(bytes) = bytes else {
        file.note(NoteKind::Corrupt, "data: URI");
        return true;
    };
    let Some(bytes) = file.produce(bytes.as_slice()) else {
        return true;
    };
    let kind = FileKind::of(&bytes, None, &claimed);
    if !kind.is_picture() && !claimed.starts_with("font/") && !bytes.is_empty() {
        file.note(NoteKind::DataUri, &claimed);
    }
    if bytes.len() > 64 || !kind.is_picture() {
        file.member(None, &claimed, &bytes);
    }
    true
}

#[cfg(test)]
mod tests;
