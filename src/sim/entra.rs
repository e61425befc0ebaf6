//! Microsoft's token endpoint, metadata and keys.

use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use super::{
    call::{Call, Reply},
    counters::Operation,
    keys::unverified,
    tenant::Tenant,
    tokens::Grant,
};

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(super) fn answer(tenant: &Tenant, operation: Operation, call: &Call) -> Reply {
    let tid = call.segments.first().map_or("", String::as_str);
    let own = tid.eq_ignore_ascii_case(&tenant.identity.tenant_id);
    match operation {
        Operation::EntraKeys => keys(tenant),
        Operation::EntraMetadata => metadata(tenant),
        Operation::EntraToken if own => token(tenant, call),
        _ => refuse(
            400,
            "invalid_request",
            "AADSTS90002: Tenant not found. Check the tenant identifier.",
        ),
    }
}

fn keys(tenant: &Tenant) -> Reply {
    let mut key = tenant.keys.entra.jwk();
    if let Some(members) = key.as_object_mut() {
        members.insert("issuer".into(), json!(issuer(tenant)));
        members.insert("x5t".into(), json!(tenant.keys.entra.kid));
    }
    Reply::json(200, &json!({ "keys": [key] })).with("cache-control", "max-age=86400, private")
}

fn issuer(tenant: &Tenant) -> String {
    format!(
        "https://login.microsoftonline.com/{}/v2.0",
        tenant.identity.tenant_id
    )
}

fn metadata(tenant: &Tenant) -> Reply {
    let root = format!("{}/{}", tenant.base(), tenant.identity.tenant_id);
    Reply::json(
        200,
        &json!({
            "issuer": issuer(tenant),
            "token_endpoint": format!("{root}/oauth2/v2.0/token"),
            "jwks_uri": format!("{root}/discovery/v2.0/keys"),
            "authorization_endpoint": format!("{root}/oauth2/v2.0/authorize"),
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported":
                ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
        }),
    )
}

fn token(tenant: &Tenant, call: &Call) -> Reply {
    let form = call.form();
    let field = |name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    if field("grant_type") != Some("client_credentials") {
        return refuse(
            400,
            "unsupported_grant_type",
            "AADSTS70003: The app requested an unsupported grant type.",
        );
    }
    let (basic_id, basic_secret) = basic(call).unwrap_or_default();
    let client = field("client_id").unwrap_or(&basic_id);
    if !client.eq_ignore_ascii_case(&tenant.identity.client_id) {
        return refuse(
            400,
            "unauthorized_client",
            "AADSTS700016: Application was not found in the directory.",
        );
    }
    if !field("scope").is_some_and(|scope| scope.ends_with("/.default")) {
        return refuse(
            400,
            "invalid_scope",
            "AADSTS1002012: The provided value for scope is not valid.",
        );
    }
    let proven = match (field("client_secret"), field("client_assertion")) {
        (Some(secret), _) => secret == tenant.identity.client_secret,
        (None, Some(assertion)) => {
            field("client_assertion_type") == Some(ASSERTION) && asserted(tenant, assertion)
        }
        (None, None) => basic_secret == tenant.identity.client_secret,
    };
    if !proven {
        return refuse(
            401,
            "invalid_client",
            "AADSTS7000215: Invalid client secret provided.",
        );
    }
    let expires = tenant.now() + TimeDelta::seconds(3599);
    let access = tenant.tokens().issue(Grant::Graph { expires });
    Reply::json(
        200,
        &json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": access}),
    )
    .with("cache-control", "no-store, no-cache")
}

fn basic(call: &Call) -> Option<(String, String)> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let value = call.header("authorization")?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// Checks a certificate credential: issuer and subject are the client, the
/// audience is this token endpoint, and the signature if the key is known.
fn asserted(tenant: &Tenant, assertion: &str) -> bool {
    let Some(claims) = unverified(assertion) else {
        return false;
    };
    let is_client = |name: &str| {
        claims.get(name).and_then(Value::as_str) == Some(tenant.identity.client_id.as_str())
    };
    let audience = claims
        .get("aud")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let for_us = audience.contains(&tenant.identity.tenant_id);
    let signed = tenant.identity.client_key_pem.as_ref().is_none_or(|pem| {
        let Ok(key) = DecodingKey::from_rsa_pem(pem.as_bytes()) else {
            return false;
        };
        [Algorithm::PS256, Algorithm::RS256].iter().any(|alg| {
            let mut rules = Validation::new(*alg);
            rules.validate_exp = false;
            rules.validate_aud = false;
            rules.required_spec_claims.clear();
            jsonwebtoken::decode::<Value>(assertion, &key, &rules).is_ok()
        })
    });
    is_client("iss") && is_client("sub") && for_us && signed
}

fn refuse(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(
        status,
        &json!({
            "error": error,
            "error_description": description,
            "error_codes": [],
            "trace_id": "00000000-0000-0000-0000-000000000000",
            "correlation_id": "00000000-0000-0000-0000-000000000000",
        }),
    )
}
