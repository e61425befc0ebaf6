use std::ffi::OsString;

use secrecy::ExposeSecret as _;

use super::*;

fn with_environment(text: &str, set: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let set = set
        .iter()
        .map(|(n, v)| (OsString::from(n), OsString::from(v)));
    load::from_text(text, set)
}

fn refusal(text: &str) -> String {
    Config::parse(text)
        .expect_err("must be refused")
        .to_string()
}

#[test]
fn the_example_is_a_working_configuration() {
    let config = Config::parse(EXAMPLE).expect("the example");
    assert_eq!(config.organisation.domains, ["contoso.example"]);
    assert!(config.graph.is_none() && config.reporters.entra.is_none());
}

/// Takes the mark away from every commented field, so that none of them can
/// have a name or type that the program does not know.
#[test]
fn every_commented_field_of_the_example_is_known() {
    let text: Vec<String> = EXAMPLE
        .lines()
        .filter_map(|line| {
            let bare = line.strip_prefix("# ").unwrap_or(line);
            let is_field = bare
                .split_once(" = ")
                .is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            let is_section = bare.starts_with('[') && bare.ends_with(']');
            (is_field || is_section).then(|| bare.to_owned())
        })
        .filter(|line| {
            // alternatives and files that are not on this machine
            ![
                "certificate_file",
                "private_key_file",
                "tls_",
                "url_file",
                "password_file",
                "username",
                "program",
                "rules",
                "key_file",
                // sources that ask nobody without a key, which stands in a file
                "[lookups.urlhaus]",
                "[lookups.malwarebazaar]",
                "[lookups.threatfox]",
                "[lookups.web_risk]",
                "[lookups.virustotal]",
                "[lookups.misp]",
                "endpoint = \"https://misp",
            ]
            .iter()
            .any(|other| line.starts_with(other))
        })
        .collect();
    let text = text.join("\n");
    assert!(text.contains("[reporters.hooks.graph_notify]"), "{text}");
    let config = Config::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert!(config.graph.is_some() && config.google.is_some());
    assert_eq!(
        config.server.max_body_bytes,
        server::Server::default().max_body_bytes
    );
    let (set, default) = (&config.server, server::Server::default());
    assert_eq!(
        (set.reports_per_minute, set.reports_burst),
        (default.reports_per_minute, default.reports_burst)
    );
    assert_eq!(
        (set.refused_per_minute, set.refused_burst),
        (default.refused_per_minute, default.refused_burst)
    );
    assert_eq!(
        config.notify.resend_after_seconds,
        notify::Notify::default().resend_after_seconds
    );
    assert_eq!(
        config.workers.search_concurrency,
        workers::WorkerPace::default().search_concurrency
    );
}

#[test]
fn the_organisations_servers_are_named_once() {
    let text = "[organisation]\nauthserv_ids = ['mx.a.example']";
    let config = Config::parse(text).expect("config");
    assert_eq!(config.policy.trusted_authserv_ids, ["mx.a.example"]);
    let text = format!("{text}\n[policy]\ntrusted_authserv_ids = ['*']");
    let config = Config::parse(&text).expect("config");
    assert_eq!(config.policy.trusted_authserv_ids, ["*"]);
}

#[test]
fn nothing_at_all_is_a_configuration_too() {
    let config = Config::parse("").expect("defaults");
    assert_eq!(config.server.base_url(), "http://127.0.0.1:8080");
    assert_eq!(config.server.max_body_bytes, 48 * 1024 * 1024);
    assert!(config.database.migrate_on_start);
}

#[test]
fn the_environment_overrides_and_text_stays_text() {
    let config = with_environment(
        "[server]\nlisten = '127.0.0.1:1'",
        &[
            ("UNHOOK__SERVER__LISTEN", "127.0.0.1:2"),
            ("UNHOOK__DATABASE__WAIT_SECONDS", "7"),
            ("UNHOOK__DATABASE__MIGRATE_ON_START", "false"),
            (
                "UNHOOK__ORGANISATION__DOMAINS",
                r#"["a.example", "b.example"]"#,
            ),
            ("UNHOOK__NOTIFY__VIA__GMAIL", "insert"),
            ("UNHOOK__NOTIFY__SMTP__HOST", "localhost"),
            ("UNHOOK__NOTIFY__SMTP__USERNAME", "u"),
            ("UNHOOK__NOTIFY__SMTP__PASSWORD", "00123"),
            ("UNHOOKED", "x"),
        ],
    )
    .expect("config");
    assert_eq!(config.server.listen.port(), 2);
    assert_eq!(config.database.wait_seconds, 7);
    assert!(!config.database.migrate_on_start);
    assert_eq!(config.organisation.domains, ["a.example", "b.example"]);
    assert_eq!(config.notify.via.gmail, notify::Way::Insert);
    let password = config
        .notify
        .smtp
        .and_then(|s| s.password)
        .expect("password");
    assert_eq!(password.expose_secret(), "00123");
}

#[test]
fn a_bad_variable_is_named() {
    for (name, value, said) in [
        ("UNHOOK__SERVER", "x", "UNHOOK__SECTION__FIELD"),
        ("UNHOOK__SERVER__LISTEN[0]", "x", "UNHOOK__SECTION__FIELD"),
        ("UNHOOK__ORGANISATION__DOMAINS", "[x]", "is none"),
        ("UNHOOK__ORGANISATION__DOMAINS", "[1]", "list of texts"),
    ] {
        let error = with_environment("", &[(name, value)])
            .expect_err(name)
            .to_string();
        assert!(error.starts_with(name) && error.contains(said), "{error}");
    }
}

#[test]
fn unknown_fields_and_sections_are_refused_by_name() {
    assert!(refusal("[server]\nlisten_on = 'x'").contains("listen_on"));
    assert!(refusal("[sever]\nlisten = 'x'").contains("sever"));
    assert!(refusal("[notify.via]\nimap = 'smtp'").contains("imap"));
    assert!(refusal("x = ").contains("TOML"));
    let error = with_environment("", &[("UNHOOK__SERVER__LISTN", "x")]).expect_err("unknown");
    assert!(error.to_string().contains("listn"), "{error}");
}

#[test]
fn a_field_that_cannot_be_used_is_named() {
    for (text, field) in [
        ("[server]\nmax_body_bytes = 1", "server.max_body_bytes:"),
        ("[server]\npublic_url = 'ftp://x'", "server.public_url:"),
        (
            "[server]\ntls_key_file = 'x'",
            "server.tls_certificate_file:",
        ),
        (
            "[server]\naddin_origins = ['https://a.example/']",
            "server.addin_origins:",
        ),
        ("[server]\naddin_origins = ['*']", "server.addin_origins:"),
        ("[server]\ndrain_seconds = 31", "server.drain_seconds:"),
        ("[server]\nreports_burst = 0", "server.reports_burst:"),
        (
            "[server]\nrefused_per_minute = 1000001",
            "server.refused_per_minute:",
        ),
        (
            "[notify]\nresend_after_seconds = 86401",
            "notify.resend_after_seconds:",
        ),
        ("[database]\nurl = 'mysql://x'", "database.url:"),
        (
            "[database]\nurl_file = '/nonexistent/x'",
            "database.url_file:",
        ),
        ("[database]\nwait_seconds = 0", "database.wait_seconds:"),
        ("[blobs]\npath = ''", "blobs.path:"),
        ("[organisation]\nname = ' '", "organisation.name:"),
        (
            "[organisation]\ndomains = ['Contoso.example']",
            "organisation.domains:",
        ),
        (
            "[organisation]\nauthserv_ids = ['a b']",
            "organisation.authserv_ids:",
        ),
        (
            "[graph]\ntenant_id = 't'\nclient_id = 'c'",
            "graph.client_secret_file:",
        ),
        ("[reporters]\nskew_seconds = 301", "reporters.skew_seconds:"),
        ("[notify]\nfrom_name = \"a\\nBcc: b\"", "notify.from_name:"),
        ("[notify.via]\ngraph = 'smtp'", "notify.smtp:"),
        (
            "[notify.smtp]\nhost = 'mail.example'\ntls = 'none'",
            "notify.smtp.tls:",
        ),
        (
            "[notify.smtp]\nhost = 'mail.example'\nusername = 'u'",
            "notify.smtp.username:",
        ),
        ("[policy]\nevidence_classes = 1", "policy.evidence_classes:"),
        ("[workers]\nlease_seconds = 1", "workers.lease_seconds:"),
        ("[log]\nlevel = 'a=b=c'", "log.level:"),
    ] {
        let error = refusal(text);
        assert!(error.starts_with(field), "{text}: {error}");
    }
}

#[test]
fn secrets_come_from_files_and_never_show() {
    let folder = tempfile::tempdir().expect("folder");
    let url = folder.path().join("url");
    let password = folder.path().join("password");
    std::fs::write(&url, "postgres://u:sesame-one@h/n\n").expect("write");
    std::fs::write(&password, "sesame-two\n").expect("write");
    let text = format!(
        "[database]\nurl_file = {url:?}\n[notify.smtp]\nhost = 'localhost'\nusername = 'u'\npassword_file = {password:?}"
    );
    let config = Config::parse(&text).expect("config");
    assert_eq!(
        config.database.url.expose_secret(),
        "postgres://u:sesame-one@h/n"
    );
    assert!(!format!("{config:?}").contains("sesame"));
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Some(Path::new("/nonexistent/unhook.toml"))).expect_err("none");
    assert!(
        error
            .to_string()
            .starts_with("/nonexistent/unhook.toml: cannot be read"),
        "{error}"
    );
}

#[test]
fn a_mistyped_level_is_refused_and_directives_are_not() {
    let level = |level: &str| Config::parse(&format!("[log]\nlevel = \"{level}\""));
    for good in [
        "warn",
        "INFO",
        "off",
        "info,unhook=debug",
        "unhook::jobs=trace",
    ] {
        assert!(level(good).is_ok(), "{good}");
    }
    for bad in ["warning", "loud", "", "info,verbose"] {
        let error = level(bad).expect_err(bad).to_string();
        assert!(error.contains("log.level"), "{error}");
    }
}
