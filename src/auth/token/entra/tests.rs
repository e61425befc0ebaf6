use serde_json::json;

use super::*;

const TID: &str = "11111111-aaaa-4aaa-8aaa-111111111111";
const OID: &str = "66666666-0000-4000-8000-000000000001";
const CLIENT: &str = "44444444-dddd-4ddd-8ddd-444444444444";

fn rules() -> EntraRules {
    EntraRules::new(
        &Entra {
            tenant_id: TID.parse().expect("tid"),
            audiences: vec!["api://x".to_owned()],
            clients: vec![CLIENT.parse().expect("client")],
            scope: "Report.Submit".to_owned(),
            jwks_url: None,
        },
        300,
    )
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_000_000, 0).expect("time")
}

fn v2() -> Value {
    json!({
        "iss": format!("https://login.microsoftonline.com/{TID}/v2.0"), "tid": TID, "ver": "2.0",
        "aud": "api://x", "azp": CLIENT, "scp": "User.Read Report.Submit", "oid": OID,
        "iat": 999_990, "nbf": 999_990, "exp": 1_003_600,
    })
}

fn v1() -> Value {
    let mut claims = v2();
    claims["iss"] = json!(format!("https://sts.windows.net/{TID}/"));
    claims["ver"] = json!("1.0");
    claims["appid"] = claims["azp"].take();
    claims
}

fn ask(claims: &Value) -> Result<VerifiedReporter, TokenError> {
    rules().reporter(&Claims(claims.as_object().expect("object").clone()), now())
}

#[test]
fn both_versions_of_a_good_token_name_the_same_person() {
    let (one, two) = (ask(&v1()).expect("v1"), ask(&v2()).expect("v2"));
    assert_eq!(one.issuer, IssuerKind::EntraV1);
    assert_eq!(two.issuer, IssuerKind::EntraV2);
    assert_eq!(one.identity(), two.identity());
    assert_eq!(one.identity(), format!("entra:{TID}:{OID}"));
    assert!(!one.guest && !two.guest);
}

#[test]
fn each_claim_is_bound() {
    use TokenError as T;
    let sts = json!(format!("https://sts.windows.net/{TID}"));
    let cases: Vec<(&str, Value, T)> = vec![
        ("iss", sts, T::Issuer),
        (
            "iss",
            json!([format!("https://sts.windows.net/{TID}/")]),
            T::Issuer,
        ),
        ("tid", json!(TID.to_uppercase()), T::Tenant),
        ("tid", json!(OID), T::Tenant),
        ("ver", json!("1.0"), T::Version),
        ("ver", json!(2.0), T::Version),
        ("aud", json!(["api://x"]), T::Audience),
        ("aud", json!("api://x/"), T::Audience),
        ("aud", json!("API://x"), T::Audience),
        ("azp", json!(CLIENT.to_uppercase()), T::Client),
        ("azp", json!(""), T::Client),
        ("idtyp", json!("app"), T::AppOnly),
        ("idtyp", json!("device"), T::AppOnly),
        ("idtyp", json!(null), T::AppOnly),
        ("scp", json!("Report.SubmitAll"), T::Scope),
        ("scp", json!("report.submit"), T::Scope),
        ("scp", json!("xReport.Submit"), T::Scope),
        ("scp", json!("Report.Submit\tUser.Read"), T::Scope),
        ("scp", json!(["Report.Submit"]), T::Scope),
        ("scp", json!(null), T::Scope),
        ("oid", json!(""), T::Subject),
        ("oid", json!(OID.replace('-', "")), T::Subject),
        (
            "oid",
            json!("00000000-0000-0000-0000-000000000000"),
            T::Subject,
        ),
        ("oid", json!(6), T::Subject),
        ("exp", json!("1003600"), T::Time),
    ];
    for (name, value, expected) in cases {
        let mut claims = v2();
        claims[name] = value.clone();
        assert_eq!(ask(&claims), Err(expected), "{name} = {value}");
    }
    for name in [
        "iss", "tid", "ver", "aud", "azp", "scp", "oid", "exp", "nbf", "iat",
    ] {
        let mut claims = v2();
        claims.as_object_mut().expect("object").remove(name);
        assert!(ask(&claims).is_err(), "without {name}");
    }
    // each version reads its own client claim only
    let mut claims = v2();
    claims["appid"] = claims["azp"].take();
    assert_eq!(ask(&claims), Err(T::Client));
    let mut claims = v1();
    claims["azp"] = claims["appid"].take();
    assert_eq!(ask(&claims), Err(T::Client));
}

#[test]
fn an_application_without_a_person_is_refused() {
    let mut claims = v2();
    claims.as_object_mut().expect("object").remove("scp");
    claims["roles"] = json!(["Report.Submit"]);
    assert_eq!(ask(&claims), Err(TokenError::Scope));
    claims["idtyp"] = json!("app");
    assert_eq!(ask(&claims), Err(TokenError::AppOnly));
}

#[test]
fn guests_are_marked_and_members_are_not() {
    let own = format!("https://sts.windows.net/{TID}/");
    let cases = [
        (
            "idp",
            json!("https://sts.windows.net/22222222-bbbb-4bbb-8bbb-222222222222/"),
            true,
        ),
        ("idp", json!("live.com"), true),
        ("idp", json!(7), true),
        ("idp", json!(own), false),
        ("acct", json!(1), true),
        ("acct", json!("0"), true),
        ("acct", json!(0), false),
        ("idtyp", json!("user"), false),
    ];
    for (name, value, guest) in cases {
        let mut claims = v2();
        claims[name] = value.clone();
        assert_eq!(
            ask(&claims).expect("accepted").guest,
            guest,
            "{name} = {value}"
        );
    }
}

#[test]
fn a_key_signs_only_for_the_issuer_it_names() {
    let rules = rules();
    assert!(rules.owns_key(None));
    for (issuer, owns) in [
        ("https://login.microsoftonline.com/{tenantid}/v2.0", true),
        ("https://sts.windows.net/{tenantid}/", true),
        (
            "https://login.microsoftonline.com/11111111-aaaa-4aaa-8aaa-111111111111/v2.0",
            true,
        ),
        (
            "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
            false,
        ),
        ("https://login.microsoftonline.us/{tenantid}/v2.0", false),
        ("", false),
    ] {
        assert_eq!(rules.owns_key(Some(issuer)), owns, "{issuer}");
    }
}

#[test]
fn a_notification_needs_the_publisher_and_our_app() {
    let notify = GraphNotify {
        audience: "app".to_owned(),
        publisher: crate::config::reporters::GRAPH_PUBLISHER,
    };
    let ask = |claims: &Value| {
        let claims = Claims(claims.as_object().expect("object").clone());
        rules().notification(&claims, now(), &notify)
    };
    for (mut claims, client) in [(v1(), "appid"), (v2(), "azp")] {
        claims["aud"] = json!("app");
        claims[client] = json!("0bf30f3b-4a52-48df-9a82-234910c4a086");
        assert_eq!(ask(&claims), Ok(()));
        claims[client] = json!(CLIENT);
        assert_eq!(ask(&claims), Err(TokenError::Client));
        claims["aud"] = json!("api://x");
        assert_eq!(ask(&claims), Err(TokenError::Audience));
    }
}
