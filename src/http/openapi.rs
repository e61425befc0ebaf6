//! The one list of operations: from it come the routes and the OpenAPI 3.1
//! document, so that neither can have what the other has not.

use std::sync::OnceLock;

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::{Method, header},
    web,
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{Code, Problem, api};

macro_rules! operations {
    ($($($segment:ident)::+,)*) => {
        /// Adds every operation of the document to the routes.
        pub(super) fn mount(config: &mut web::ServiceConfig) {
            $(config.service($($segment)::+);)*
        }

        #[derive(OpenApi)]
        #[openapi(
            info(
                title = "Unhook",
                description = "The closed loop for reported mail. Errors are problem documents (RFC 9457).",
            ),
            paths($($($segment)::+,)*),
            tags(
                (name = "reports", description = "For reporters: hand in a message, follow one's own reports"),
                (name = "submissions", description = "For analysts: evidence and verdicts"),
                (name = "campaigns", description = "For analysts: attacks and what was pulled"),
                (name = "policies", description = "For administrators: how an assessment becomes a verdict"),
                (name = "indicators", description = "For analysts: what the organisation itself says of links, hosts, files and senders"),
                (name = "service", description = "For operators"),
            ),
            modifiers(&Credentials),
        )]
        struct Document;
    };
}

operations! {
    api::reports::create::create,
    api::reports::list::list,
    api::reports::read::read,
    api::reporters::me::me,
    api::reporters::statistics::read,
    api::submissions::list::list,
    api::submissions::read::read,
    api::submissions::assessments::assessments,
    api::submissions::indicators::export,
    api::submissions::raw::raw,
    api::submissions::verdict::verdict,
    api::campaigns::list::list,
    api::campaigns::read::read,
    api::campaigns::pulls::pulls,
    api::campaigns::restore::restore,
    api::campaigns::hold::halt,
    api::campaigns::hold::resume,
    api::campaigns::hold::object,
    api::approvals::list::list,
    api::approvals::read::read,
    api::approvals::answer::approve,
    api::approvals::answer::refuse,
    api::approvals::answer::withdraw,
    api::kill_switch::read::read,
    api::kill_switch::change::stop,
    api::kill_switch::change::release,
    api::searches::list::list,
    api::searches::create::create,
    api::searches::read::read,
    api::searches::hits::csv,
    api::searches::hits::hits,
    api::searches::mailboxes::mailboxes,
    api::searches::receipt::receipt,
    api::campaigns::members::members,
    api::campaigns::variants::variants,
    api::campaigns::split::split,
    api::campaigns::merge::merge,
    api::campaigns::remove::remove,
    api::campaigns::clicks::list,
    api::campaigns::clicks::import,
    api::pulls::read::read,
    api::pulls::restore::restore,
    api::pulls::pull::pull,
    api::policies::list::list,
    api::policies::propose::propose,
    api::policies::read::read,
    api::policies::trial::trial,
    api::policies::activate::activate,
    api::indicators::list::list,
    api::indicators::create::create,
    api::indicators::withdraw::withdraw,
    api::jobs::parked::parked,
    api::audit::list::list,
    crate::http::openapi::openapi_json,
    super::health::healthz,
    super::health::readyz,
    super::metrics::scrape,
}

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = |format: &str, words: &str| {
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .bearer_format(format)
                    .description(Some(words))
                    .build(),
            )
        };
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(
            "reporter",
            bearer(
                "JWT",
                "The reporter's Entra access token or Google ID token",
            ),
        );
        components.add_security_scheme(
            "api_key",
            bearer(
                "uhk_…",
                "An API key made by `unhook keys create`; scopes are named with each operation",
            ),
        );
    }
}

/// The document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// The description of this API.
#[utoipa::path(
    tag = "service",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json"))
)]
#[get("/api/v1/openapi.json")]
pub(super) async fn openapi_json() -> HttpResponse {
    HttpResponse::Ok().json(document())
}

/// Every operation as method and path template.
#[must_use]
pub fn operations() -> &'static [(Method, String)] {
    static TABLE: OnceLock<Vec<(Method, String)>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Vec::new();
        for (path, item) in document().paths.paths {
            for (method, _) in methods(&item) {
                table.push((method, path.clone()));
            }
        }
        table
    })
}

/// The operations of one path.
#[must_use]
pub fn methods(
    item: &utoipa::openapi::PathItem,
) -> Vec<(Method, &utoipa::openapi::path::Operation)> {
    [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
    .collect()
}

/// Paths of the mail platforms' own calls, whose shape is theirs and not part of
/// the document; each takes POST alone.
pub const PLATFORM_PATHS: [&str; 5] = [
    "/gmail/home",
    "/gmail/message",
    "/gmail/report",
    "/hooks/gmail",
    "/hooks/graph",
];

/// Answers what no route took: 405 for a known path, else 404.
pub(super) async fn unmatched(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut allowed: Vec<&str> = operations()
        .iter()
        .filter(|(_, template)| fits(template, request.path()))
        .map(|(method, _)| method.as_str())
        .collect();
    if PLATFORM_PATHS.contains(&request.path()) {
        allowed.push("POST");
    }
    if allowed.is_empty() {
        return Err(Problem::new(Code::NotFound));
    }
    let mut response =
        actix_web::ResponseError::error_response(&Problem::new(Code::MethodNotAllowed));
    if let Ok(value) = header::HeaderValue::from_str(&allowed.join(", ")) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    Ok(response)
}

fn fits(template: &str, path: &str) -> bool {
    let mut wanted = template.split('/');
    let mut given = path.split('/');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(w), Some(g)) if w == g || (w.starts_with('{') && !g.is_empty()) => {}
            _ => return false,
        }
    }
}
