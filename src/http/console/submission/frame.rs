//! `GET /console/submissions/{id}/frame`: a message's HTML for the sandboxed
//! frame: no script, no form, no link that leads anywhere, nothing loaded.
//!
//! Three walls, each enough alone against scripts: the frame's `sandbox=""`, this
//! answer's own policy, and the rewriting below.

use actix_web::{HttpResponse, http::header::CONTENT_SECURITY_POLICY, web};
use lol_html::{RewriteStrSettings, doc_comments, doctype, element, html_content::Element};

use super::{
    super::{fault::PageError, guard::Signed, text::Plain},
    body,
};
use crate::{auth::Scope, domain::SubmissionId, http::viewed};

/// What the frame's document may do: nothing but style itself.
pub const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'";

/// Elements that carry no content worth reading or change how the rest is read.
const DROPPED: [&str; 23] = [
    "script",
    "noscript",
    "iframe",
    "frame",
    "frameset",
    "noframes",
    "object",
    "embed",
    "applet",
    "template",
    "title",
    "xmp",
    "noembed",
    "plaintext",
    "svg",
    "math",
    "audio",
    "video",
    "canvas",
    "link",
    "meta",
    "base",
    "portal",
];

/// Elements that stay; of all others only the content stays.
const KEPT: [&str; 66] = [
    "html",
    "head",
    "body",
    "style",
    "p",
    "div",
    "span",
    "br",
    "hr",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "table",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "td",
    "th",
    "caption",
    "col",
    "colgroup",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "blockquote",
    "pre",
    "code",
    "b",
    "strong",
    "i",
    "em",
    "u",
    "s",
    "strike",
    "small",
    "big",
    "sub",
    "sup",
    "font",
    "center",
    "a",
    "img",
    "article",
    "section",
    "header",
    "footer",
    "main",
    "nav",
    "figure",
    "figcaption",
    "address",
    "abbr",
    "cite",
    "q",
    "label",
    "input",
    "button",
    "textarea",
    "select",
];

const ATTRIBUTES: [&str; 29] = [
    "style",
    "class",
    "id",
    "align",
    "valign",
    "width",
    "height",
    "bgcolor",
    "color",
    "face",
    "size",
    "border",
    "cellpadding",
    "cellspacing",
    "colspan",
    "rowspan",
    "dir",
    "lang",
    "alt",
    "title",
    "type",
    "placeholder",
    "value",
    "start",
    "nowrap",
    "hspace",
    "vspace",
    "text",
    "open",
];

const BEFORE: &str = "<!doctype html><html><head><meta charset=\"utf-8\"><style>\
     html{background:#fff;color:#1b1d21}\
     body{font:14px/1.5 system-ui,sans-serif;margin:16px;overflow-wrap:anywhere}\
     a{color:#1f5fa8;text-decoration:underline dotted;cursor:help}\
     img{display:inline-block;min-width:1em;outline:1px dashed #b9bec6;color:#6b7079;font-size:12px}\
     </style></head><body>";

/// Rewrites HTML so that it only shows. `None` when its form is too tangled to
/// be rewritten surely.
#[must_use]
pub fn inert(html: &str) -> Option<String> {
    let settings = RewriteStrSettings {
        element_content_handlers: vec![element!("*", |element| {
            disarm(element);
            Ok(())
        })],
        document_content_handlers: vec![
            doctype!(|doctype| {
                doctype.remove();
                Ok(())
            }),
            doc_comments!(|comment| {
                comment.remove();
                Ok(())
            }),
        ],
        strict: true,
        ..RewriteStrSettings::default()
    };
    let shown = lol_html::rewrite_str(html, settings).ok()?;
    Some(format!("{BEFORE}{shown}"))
}

fn disarm(element: &mut Element<'_, '_>) {
    let tag = element.tag_name();
    if DROPPED.contains(&tag.as_str()) {
        element.remove();
        return;
    }
    if !KEPT.contains(&tag.as_str()) {
        element.remove_and_keep_content();
        return;
    }
    let target = element.get_attribute("href");
    let names: Vec<_> = element.attributes().iter().map(|a| a.name()).collect();
    for name in names
        .iter()
        .filter(|name| !ATTRIBUTES.contains(&name.as_str()))
    {
        element.remove_attribute(name);
    }
    // Setting these attributes cannot fail: their names are plain letters.
    match tag.as_str() {
        "a" => {
            let shown = Plain::defanged(&target.unwrap_or_default(), 500);
            let _ = element.set_attribute("title", shown.as_str());
        }
        "img"
            if element
                .get_attribute("alt")
                .is_none_or(|alt| alt.trim().is_empty()) =>
        {
            let _ = element.set_attribute("alt", "image not loaded");
        }
        "input" | "button" | "textarea" | "select" => {
            let _ = element.set_attribute("disabled", "");
        }
        _ => {}
    }
}

/// See the module.
pub(in super::super) async fn show(
    signed: Signed,
    path: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    signed.require(Scope::RawRead)?;
    let id = path
        .parse::<SubmissionId>()
        .map_err(|_| PageError::NotFound)?;
    let rows = signed.app.store.read(signed.session.tenant);
    let submission = rows.submission(id).await?.ok_or(PageError::NotFound)?;
    let html = match body::bytes(&signed.app.blobs, &submission).await {
        Some(bytes) => body::html_of(bytes).await.as_deref().and_then(inert),
        None => None,
    };
    if html.is_some() {
        viewed::note(&signed.app, id, &signed.actor(), "rendered").await?;
    }
    let html = html.unwrap_or_else(|| {
        format!("{BEFORE}<p>This message has no HTML that can be shown. Use Text or Source.</p>")
    });
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(html))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_or_loads_is_gone_and_what_is_read_stays() {
        let shown = inert(
            "<!doctype html><base href=//x0><meta http-equiv=refresh content='0;//x0'>\
             <script>x()</script><h1 onclick=x()>Pay now</h1>\
             <a href=\"https://evil.example/a\" target=_top ping=//x0>open</a>\
             <img src=//x0/p.gif srcset=//x0><table background=//x0><tr><td>1</td></tr></table>\
             <form action=//x0><input name=p type=password></form><svg><a xlink:href=//x0>s</a></svg>\
             <!--[if mso]><x><![endif]-->",
        )
        .expect("shown");
        let shown = shown.strip_prefix(BEFORE).expect("ours first");
        assert!(shown.contains("<h1>Pay now</h1>"), "{shown}");
        assert!(
            shown.contains("title=\"hxxps://evil[.]example/a\""),
            "{shown}"
        );
        assert!(shown.contains("disabled"), "{shown}");
        for gone in [
            "href",
            "src",
            "script",
            "onclick",
            "refresh",
            "action",
            "background",
            "svg",
            "<!--",
            "name=",
            "target",
            "ping",
            "//x0",
        ] {
            assert!(!shown.contains(gone), "{gone} in {shown}");
        }
    }
}
