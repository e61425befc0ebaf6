//! The style sheet and the keyboard shortcuts: compiled in, named by content.

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::header::CACHE_CONTROL, web};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/keys.js");

static STYLE_NAME: LazyLock<String> = LazyLock::new(|| named("style", STYLE, "css"));
static SCRIPT_NAME: LazyLock<String> = LazyLock::new(|| named("keys", SCRIPT, "js"));

fn named(stem: &str, content: &str, extension: &str) -> String {
    let digest = hex::encode(Sha256::digest(content.as_bytes()));
    let short: String = digest.chars().take(12).collect();
    format!("{stem}.{short}.{extension}")
}

/// Where the style sheet is.
#[must_use]
pub fn style_path() -> String {
    format!("/console/assets/{}", *STYLE_NAME)
}

/// Where the script is.
#[must_use]
pub fn script_path() -> String {
    format!("/console/assets/{}", *SCRIPT_NAME)
}

/// `GET /console/assets/{name}`: a known name is served for a year, since its
/// content can never change; the names without a hash only for a minute.
pub(super) async fn asset(name: web::Path<String>) -> HttpResponse {
    let name = name.as_str();
    let (kind, content) = match name {
        _ if name == *STYLE_NAME => ("text/css; charset=utf-8", STYLE),
        "style.css" => ("text/css; charset=utf-8", STYLE),
        _ if name == *SCRIPT_NAME => ("text/javascript; charset=utf-8", SCRIPT),
        _ => return HttpResponse::NotFound().finish(),
    };
    let keep = if name == "style.css" {
        "public, max-age=60"
    } else {
        "public, max-age=31536000, immutable"
    };
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header((CACHE_CONTROL, keep))
        .body(content)
}
