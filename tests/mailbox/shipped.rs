//! The build that is shipped speaks to the real clouds and to nothing else.

use std::sync::Arc;

use unhook::{
    clock::SystemClock,
    mailbox::{gmail::GmailMail, graph::GraphMail},
};

#[test]
fn graph_refuses_plain_http_and_loopback_by_name() {
    for (field, extra) in [
        ("graph.base_url", "base_url = 'http://127.0.0.1:1/v1.0'"),
        ("graph.base_url", "base_url = 'https://127.0.0.1:1/v1.0'"),
        (
            "graph.base_url",
            "base_url = 'http://graph.microsoft.com/v1.0'",
        ),
        (
            "graph.authority_url",
            "authority_url = 'http://localhost:1'",
        ),
    ] {
        let section =
            format!("tenant_id = 'tid'\nclient_id = 'cid'\nclient_secret = 'hush'\n{extra}");
        let config = toml::from_str(&section).expect("section");
        let refused = GraphMail::new(&config, Arc::new(SystemClock)).err();
        assert_eq!(refused.map(|e| e.field), Some(field), "{extra}");
    }
}

#[tokio::test]
async fn gmail_refuses_plain_http_and_loopback_by_name() {
    for (field, extra) in [
        ("google.base_url", "base_url = 'http://127.0.0.1:1'"),
        (
            "google.token_url",
            "token_url = 'http://oauth2.googleapis.com/token'",
        ),
        ("google.service_account", ""),
    ] {
        let key =
            r#"{"client_email":"a","private_key":"b","token_uri":"http://127.0.0.1:1/token"}"#;
        let section = format!("service_account = '{key}'\nadmin_subject = 'a@x.example'\n{extra}");
        let config = toml::from_str(&section).expect("section");
        let refused = GmailMail::new(&config, Arc::new(SystemClock)).await.err();
        assert_eq!(refused.map(|e| e.field), Some(field), "{extra}");
    }
}
