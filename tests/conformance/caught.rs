//! The check itself is checked: what is as described passes, and each way of
//! not being so is caught.

use bytes::Bytes;
use serde_json::{Value, json};
use unhook::sim::{Exchange, Face, Operation};

use super::Descriptions;

fn call(
    face: Face,
    method: &str,
    target: &str,
    asked: Value,
    status: u16,
    said: Value,
) -> Exchange {
    let typed = |body: &Value| match body.is_null() {
        true => Vec::new(),
        false => vec![("content-type".to_owned(), "application/json".to_owned())],
    };
    let octets = |body: &Value| match body.is_null() {
        true => Bytes::new(),
        false => Bytes::from(body.to_string()),
    };
    Exchange {
        face,
        operation: Operation::Unknown,
        method: method.to_owned(),
        target: target.to_owned(),
        request_headers: typed(&asked),
        request_body: octets(&asked),
        status,
        response_headers: typed(&said),
        response_body: octets(&said),
        part: false,
        faulted: false,
    }
}

fn graph(method: &str, target: &str, asked: Value, status: u16, said: Value) -> Exchange {
    let target = format!("/v1.0{target}");
    call(Face::Graph, method, &target, asked, status, said)
}

fn gmail(method: &str, target: &str, asked: Value, status: u16, said: Value) -> Exchange {
    let target = format!("/gmail/v1/users{target}");
    call(Face::Gmail, method, &target, asked, status, said)
}

/// Each line with what it is caught for; an empty word for what is as described.
fn verdicts(lines: Vec<(&str, Exchange)>) {
    let Some(descriptions) = Descriptions::open() else {
        return;
    };
    for (word, exchange) in lines {
        let shown = format!("{exchange:?}");
        let wrong = descriptions.check(&exchange).expect("described").wrong;
        if word.is_empty() {
            assert!(wrong.is_empty(), "{wrong:#?} of {shown}");
        } else {
            let caught = wrong.iter().any(|wrong| wrong.contains(word));
            assert!(caught, "{word:?} is not among {wrong:#?} of {shown}");
        }
    }
}

#[test]
fn what_graph_does_not_describe_is_caught() {
    let list = "/users/u/messages?$top=5&$select=id,flag";
    let get = |query: &str| {
        graph(
            "GET",
            &format!("/users/u/messages{query}"),
            Value::Null,
            200,
            json!({"value": []}),
        )
    };
    let said = |status: u16, said: Value| graph("GET", list, Value::Null, status, said);
    let message = |message: Value| said(200, json!({"value": [message]}));
    let moved = |asked: Value, status: u16| {
        graph(
            "POST",
            "/users/u/messages/m/move",
            asked,
            status,
            json!({"id": "m"}),
        )
    };
    let error = json!({"error": {"code": "c", "message": "m", "innerError": {"date": "2026-01-01T00:00:00Z"}}});
    let mut faulted = said(200, json!({"surprise": 1}));
    faulted.faulted = true;
    let mut hurried = get("?$count=true");
    hurried
        .request_headers
        .push(("consistencylevel".into(), "eventual".into()));
    let mut text = said(200, json!({"value": []}));
    text.response_headers = vec![("content-type".into(), "text/html".into())];
    verdicts(vec![
        (
            "",
            message(json!({"id": "m", "flag": {"flagStatus": "flagged"}, "@odata.etag": "e"})),
        ),
        (
            "",
            message(json!({"id": "m", "flag": null, "receivedDateTime": "2026-01-01T00:00:00Z"})),
        ),
        ("", moved(json!({"destinationId": "f"}), 201)),
        ("", moved(json!({"DestinationId": "f"}), 201)),
        ("", get("?$skiptoken=x")),
        ("", said(404, error)),
        ("", faulted),
        (
            "no such operation",
            graph("GET", "/users/u/mails", Value::Null, 200, json!({})),
        ),
        (
            "no such operation",
            graph("GET", "/users//messages", Value::Null, 200, json!({})),
        ),
        (
            "no such operation",
            graph("PUT", "/users/u/messages", Value::Null, 200, json!({})),
        ),
        (
            "no such operation",
            call(
                Face::Graph,
                "GET",
                "/beta/users",
                Value::Null,
                200,
                json!({}),
            ),
        ),
        ("unknown parameter select", get("?select=id")),
        (
            "unknown parameter $skiptoken",
            graph(
                "GET",
                "/users/u?$skiptoken=x",
                Value::Null,
                200,
                json!({"id": "u"}),
            ),
        ),
        ("not of type integer", get("?$top=many")),
        ("less than the minimum", get("?$top=-1")),
        ("not of type boolean", get("?$count=yes")),
        ("given twice", get("?$top=1&$top=2")),
        (
            "no property \"wellKnownName\"",
            get("?$select=id,wellKnownName"),
        ),
        ("header ConsistencyLevel", hurried),
        ("media type", text),
        ("surprise", message(json!({"id": "m", "surprise": 1}))),
        ("surprise", message(json!({"id": "m", "surprise": {}}))),
        (
            "under any of",
            message(json!({"flag": {"flagStatus": "flagged", "surprise": 1}})),
        ),
        (
            "under any of",
            message(json!({"flag": {"flagStatus": "purple"}})),
        ),
        ("not of type", message(json!({"id": 7}))),
        ("not of type", message(json!({"isRead": "true"}))),
        (
            "date-time",
            message(json!({"receivedDateTime": "yesterday"})),
        ),
        (
            "\"message\" is a required property",
            said(404, json!({"error": {"code": "c"}})),
        ),
        ("\"error\" is a required property", said(500, json!({}))),
        ("not described", said(302, json!({}))),
        ("not described", moved(json!({"destinationId": "f"}), 200)),
        ("body is missing", moved(Value::Null, 201)),
        (
            "where none is described",
            graph("GET", list, json!({}), 200, json!({"value": []})),
        ),
        ("destinationID", moved(json!({"destinationID": "f"}), 201)),
        (
            "\"url\" is a required property",
            graph(
                "POST",
                "/$batch",
                json!({"requests": [{"id": "1", "method": "GET"}]}),
                200,
                json!({"responses": []}),
            ),
        ),
        (
            "not of type",
            graph(
                "POST",
                "/$batch",
                json!({"requests": []}),
                200,
                json!({"responses": [{"id": 1, "status": 200}]}),
            ),
        ),
    ]);
}

#[test]
fn what_google_does_not_describe_is_caught() {
    let get = |query: &str, said: Value| {
        gmail(
            "GET",
            &format!("/me/messages/m{query}"),
            Value::Null,
            200,
            said,
        )
    };
    let list = |query: &str| {
        gmail(
            "GET",
            &format!("/me/messages{query}"),
            Value::Null,
            200,
            json!({}),
        )
    };
    let modify = |asked: Value| {
        gmail(
            "POST",
            "/me/messages/m/modify",
            asked,
            200,
            json!({"id": "m"}),
        )
    };
    let refused = |error: Value| gmail("GET", "/me/messages/m", Value::Null, 404, error);
    let label = |asked: Value| gmail("POST", "/me/labels", asked, 200, json!({"id": "l"}));
    let users = |query: &str, said: Value| {
        let target = format!("/admin/directory/v1/users?{query}");
        call(Face::Directory, "GET", &target, Value::Null, 200, said)
    };
    let shown =
        json!({"name": "n", "labelListVisibility": "labelHide", "messageListVisibility": "hide"});
    verdicts(vec![
        (
            "",
            get(
                "?format=raw&alt=json",
                json!({"id": "m", "historyId": "7", "raw": "_-8="}),
            ),
        ),
        ("", list("?q=a&labelIds=A&labelIds=B&maxResults=500")),
        ("", modify(json!({"addLabelIds": ["A"]}))),
        ("", label(shown)),
        (
            "",
            users(
                "customer=my_customer&projection=basic",
                json!({"users": [{"id": "1", "emails": [{}]}]}),
            ),
        ),
        (
            "no such operation",
            gmail("GET", "/me/mails", Value::Null, 200, json!({})),
        ),
        (
            "no such operation",
            gmail("PUT", "/me/messages/m", Value::Null, 200, json!({})),
        ),
        (
            "no such operation",
            call(Face::Sim, "GET", "/gmal/v1", Value::Null, 404, json!({})),
        ),
        ("unknown parameter max_results", list("?max_results=1")),
        ("not of type integer", list("?maxResults=many")),
        ("less than the minimum", list("?maxResults=-1")),
        ("given twice", list("?q=a&q=b")),
        (
            "parameter format",
            get("?format=everything", json!({"id": "m"})),
        ),
        ("parameter projection", users("projection=all", json!({}))),
        ("surprise", get("", json!({"id": "m", "surprise": 1}))),
        (
            "surprise",
            get("", json!({"payload": {"parts": [{"surprise": 1}]}})),
        ),
        ("not of type", get("", json!({"historyId": 7}))),
        ("not a \"int64\"", get("", json!({"internalDate": "now"}))),
        ("not a \"base64url\"", get("", json!({"raw": "+/8="}))),
        ("addLabels", modify(json!({"addLabels": ["A"]}))),
        ("media type", modify(Value::Null)),
        ("required property", label(json!({"name": "n"}))),
        (
            "where none is described",
            gmail("GET", "/me/messages/m", json!({}), 200, json!({"id": "m"})),
        ),
        (
            "is not described",
            gmail("GET", "/me/messages/m", Value::Null, 302, json!({})),
        ),
        (
            "required property",
            refused(json!({"error": {"code": 404}})),
        ),
        (
            "another code",
            refused(json!({"error": {"code": 400, "message": "m"}})),
        ),
    ]);
}
