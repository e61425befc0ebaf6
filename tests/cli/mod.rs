//! The command line as a person at a terminal, or a script, meets it: the real
//! program is run, and what it prints is read.

mod audit;
mod demo;
mod indicators;
mod models;

use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::support::stage::tenant;

/// The program in a folder of its own, without a configuration of the machine.
fn unhook(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unhook"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("UNHOOK_") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    unhook(folder, arguments).output().expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What failed, in one line of `unhook: …`.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = said(output);
    let line = text.lines().last().unwrap_or_default();
    assert!(line.starts_with("unhook: "), "{text}");
    line.to_owned()
}

/// Every part of an error stands in it once.
fn says_once(line: &str, part: &str) {
    assert_eq!(line.matches(part).count(), 1, "{part:?} in {line}");
}

#[test]
fn an_error_names_the_place_and_the_cause_and_says_both_once() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path();
    std::fs::write(at.join("file"), "no folder").expect("written");

    std::fs::write(at.join("db.toml"), "[database]\nurl = 'sqlite:file/x.db'").expect("written");
    for command in [
        &["migrate"][..],
        &["keys", "create", "--name", "a", "--scopes", "admin"],
    ] {
        let arguments = [command, &["--config", "db.toml"]].concat();
        let line = refusal(&run(at, &arguments));
        says_once(&line, "file/x.db");
        says_once(&line, "database");
        assert!(line.contains("os error"), "the system's reason: {line}");
    }
    let doctor = printed(&run(at, &["doctor", "--config", "db.toml"]));
    let line = doctor
        .lines()
        .find(|line| line.contains("database"))
        .expect("a line");
    says_once(line, "os error");
    std::fs::write(at.join("none.toml"), "[database]\nurl = 'sqlite:none.db'").expect("written");
    let doctor = printed(&run(at, &["doctor", "--config", "none.toml"]));
    assert!(
        doctor.contains("FAIL  database: there is none yet"),
        "{doctor}"
    );
    assert!(!at.join("none.db").exists(), "a look makes nothing");

    std::fs::write(
        at.join("blobs.toml"),
        "[database]\nurl = 'sqlite:a.db'\n[blobs]\npath = 'file/blobs'",
    )
    .expect("written");
    let line = refusal(&run(at, &["serve", "--config", "blobs.toml"]));
    says_once(&line, "blobs.path: file/blobs");
    says_once(&line, "os error");

    let taken = TcpListener::bind("127.0.0.1:0").expect("port");
    let address = taken.local_addr().expect("address").to_string();
    std::fs::write(
        at.join("taken.toml"),
        format!("[server]\nlisten = '{address}'\n[database]\nurl = 'sqlite:a.db'"),
    )
    .expect("written");
    let line = refusal(&run(at, &["serve", "--config", "taken.toml"]));
    says_once(&line, &address);
    says_once(&line, "os error");
    assert!(line.contains("is taken by another process"), "{line}");
}

#[test]
fn a_server_that_refuses_is_told_from_one_that_is_slow() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("port");
    let address = closed.local_addr().expect("address");
    drop(closed);
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(
        folder.path().join("pg.toml"),
        format!("[database]\nurl = 'postgres://u:hush@{address}/unhook'\nwait_seconds = 1"),
    )
    .expect("written");
    let line = refusal(&run(folder.path(), &["migrate", "--config", "pg.toml"]));
    says_once(&line, &format!("{address}/unhook"));
    says_once(&line, "refused");
    assert!(!line.contains("hush"), "{line}");
}

#[test]
fn a_configuration_that_is_there_is_kept_and_the_way_over_it_named() {
    let folder = tempfile::tempdir().expect("folder");
    assert!(run(folder.path(), &["config", "init"]).status.success());
    let line = refusal(&run(folder.path(), &["config", "init"]));
    assert_eq!(
        line,
        "unhook: unhook.toml is there already; --force overwrites it"
    );
    assert!(
        run(folder.path(), &["config", "init", "--force"])
            .status
            .success()
    );
}

#[test]
fn a_variable_is_blamed_for_what_it_says_and_a_file_for_its_own() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("a.toml");
    std::fs::write(&file, "[server]\nlisten = '127.0.0.1:1'").expect("written");
    for (name, value, rest) in [
        ("UNHOOK__SERVER__LISTEN", "nonsense", "server.listen"),
        ("UNHOOK__SERVER__BOGUS", "1", "bogus"),
        (
            "UNHOOK__WORKERS__CONCURRENCY",
            "0",
            "workers.concurrency: must be",
        ),
        (
            "UNHOOK__REPORTERS__SKEW_SECONDS",
            "999",
            "reporters.skew_seconds",
        ),
    ] {
        let output = unhook(folder.path(), &["config", "check", "--config", "a.toml"])
            .env("UNHOOK__LOG__LEVEL", "info")
            .env(name, value)
            .output()
            .expect("it runs");
        let line = refusal(&output);
        assert!(line.starts_with(&format!("unhook: {name}: ")), "{line}");
        assert!(line.contains(rest) && !line.contains("a.toml"), "{line}");
    }
    std::fs::write(&file, "[server]\nlisten = 'nonsense'").expect("written");
    let output = unhook(folder.path(), &["config", "check", "--config", "a.toml"])
        .env("UNHOOK__LOG__LEVEL", "info")
        .output()
        .expect("it runs");
    let line = refusal(&output);
    assert!(line.starts_with("unhook: a.toml: "), "{line}");
}

#[test]
fn f75_every_file_that_a_configuration_names_is_looked_for() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path();
    std::fs::write(at.join("there"), "something\n").expect("written");
    let graph = "[graph]\ntenant_id = 'x'\nclient_id = 'y'\n";
    let google = "[google]\nadmin_subject = 'a@x.example'\n";
    for (section, field, others) in [
        (
            "[server]\n",
            "tls_certificate_file",
            "tls_key_file = 'there'\n",
        ),
        (
            "[server]\n",
            "tls_key_file",
            "tls_certificate_file = 'there'\n",
        ),
        ("[database]\n", "url_file", ""),
        (graph, "client_secret_file", ""),
        (graph, "certificate_file", "private_key_file = 'there'\n"),
        (graph, "private_key_file", "certificate_file = 'there'\n"),
        (google, "service_account_file", ""),
        (
            "[notify.smtp]\nhost = 'localhost'\nusername = 'u'\n",
            "password_file",
            "",
        ),
    ] {
        let text = format!("{section}{others}{field} = 'nowhere'\n");
        std::fs::write(at.join("a.toml"), &text).expect("written");
        let line = refusal(&run(at, &["config", "check", "--config", "a.toml"]));
        assert!(
            line.contains(&format!(".{field}: cannot read nowhere: ")),
            "{text}: {line}"
        );
        if field != "url_file" {
            std::fs::write(at.join("a.toml"), text.replace("nowhere", "there")).expect("written");
            let output = run(at, &["config", "check", "--config", "a.toml"]);
            assert!(output.status.success(), "{text}: {output:?}");
        }
    }
}

#[test]
fn looking_for_keys_makes_no_database_and_a_log_file_gets_no_colours() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path();
    std::fs::write(at.join("a.toml"), "[database]\nurl = 'sqlite:keys.db'").expect("written");
    for command in [
        &["keys", "list"][..],
        &["keys", "revoke", "key_019aab00000070008000000000000077"],
    ] {
        let arguments = [command, &["--config", "a.toml"]].concat();
        let line = refusal(&run(at, &arguments));
        assert!(
            line.contains("there is no database yet (keys.db)"),
            "{line}"
        );
    }
    assert!(!at.join("keys.db").exists(), "nothing was made");

    let create = [
        "keys", "create", "--name", "a", "--scopes", "admin", "--config", "a.toml",
    ];
    let output = run(at, &create);
    assert!(output.status.success(), "{output:?}");
    assert!(!said(&output).contains('\u{1b}'), "{}", said(&output));
    assert!(!said(&output).contains("igrat"), "{}", said(&output));
    assert_eq!(
        printed(&run(at, &["keys", "list", "--config", "a.toml"]))
            .lines()
            .count(),
        1
    );

    // Who asks for details gets them, without colours too.
    std::fs::write(
        at.join("b.toml"),
        "[database]\nurl = 'sqlite:b.db'\n[log]\nlevel = 'debug'",
    )
    .expect("written");
    let output = run(at, &["migrate", "--config", "b.toml"]);
    assert!(
        said(&output).contains("sea_orm_migration"),
        "{}",
        said(&output)
    );
    assert!(!said(&output).contains('\u{1b}'), "{}", said(&output));
}

#[test]
fn analysing_says_what_it_found_and_quotes_stay_quotes() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path();
    std::fs::create_dir(at.join("empty")).expect("folder");
    std::fs::create_dir(at.join("it's")).expect("folder");
    let mail = "From: \"Pay\u{1b}[2J\" <a@b.example>\r\nReply-To: x@evil.example\r\n\
        Subject: Your account\r\n\r\nYour account will be suspended within 24 hours, so \
        verify your password now: http://192.0.2.7/login\r\n";
    std::fs::write(at.join("it's/a.eml"), mail).expect("written");

    let none = run(at, &["analyze", "empty"]);
    assert_eq!(none.status.code(), Some(1), "{none:?}");
    assert!(
        said(&none).contains("no mail files were found in empty"),
        "{none:?}"
    );
    assert_eq!(printed(&none), "");

    let some = run(at, &["analyze", "empty", "it's"]);
    assert_eq!(some.status.code(), Some(0), "{some:?}");
    assert!(
        said(&some).contains("no mail files were found in empty"),
        "{some:?}"
    );
    let text = printed(&some);
    assert!(text.contains("it's/a.eml"), "{text}");
    assert!(!text.contains('\\') && !text.contains('\u{1b}'), "{text}");
    let reasons: String = text.lines().skip(1).collect();
    assert!(
        reasons.contains(['"', '\'']),
        "a reason quotes the mail: {text}"
    );

    let help = printed(&run(at, &["analyze", "--help"]));
    assert!(help.contains("Exit codes"), "{help}");
}

#[test]
fn the_doctor_tries_the_mail_server() {
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    let _inside = runtime.enter();
    let sim = tenant(10, 8, None);
    let folder = tempfile::tempdir().expect("folder");
    let closed = TcpListener::bind("127.0.0.1:0").expect("port");
    let dead = closed.local_addr().expect("address").port();
    drop(closed);
    let alive = sim.smtp_addr().port();
    for (port, tls, sound, detail) in [
        (
            alive,
            "none",
            true,
            "takes letters (no TLS, loopback only, no sign-in configured)",
        ),
        (dead, "none", false, "refused"),
        // The simulated server knows neither STARTTLS nor passwords.
        (alive, "starttls", false, "STARTTLS"),
    ] {
        let text = format!(
            "[database]\nurl = 'sqlite:a.db'\n[notify.smtp]\nhost = '127.0.0.1'\nport = {port}\ntls = '{tls}'"
        );
        std::fs::write(folder.path().join("a.toml"), text).expect("written");
        let output = run(folder.path(), &["doctor", "--json", "--config", "a.toml"]);
        let findings: serde_json::Value = serde_json::from_slice(&output.stdout).expect("json");
        let line = findings
            .as_array()
            .expect("findings")
            .iter()
            .find(|finding| finding["subject"] == "mail server")
            .unwrap_or_else(|| panic!("no line on the mail server: {findings:#}"));
        assert_eq!(line["ok"], sound, "{line}");
        let said = line["detail"].as_str().expect("detail");
        assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
        assert!(said.contains(detail), "{said}");
    }
}

#[test]
fn a_check_names_the_file_that_it_read_or_says_that_there_is_none() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path();
    let none = printed(&run(at, &["config", "check"]));
    assert!(none.contains("There is no unhook.toml here"), "{none}");
    std::fs::write(at.join("mine.toml"), "").expect("written");
    let mine = printed(&run(at, &["config", "check", "--config", "mine.toml"]));
    assert!(mine.contains("mine.toml is in order."), "{mine}");
}

#[test]
fn the_doctor_reads_yara_rules_and_asks_scanners_of_ones_own() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path();
    let rules = at.join("rules");
    std::fs::create_dir(&rules).expect("folder");
    std::fs::write(rules.join("good.yar"), "rule good { condition: true }").expect("written");
    let closed = TcpListener::bind("127.0.0.1:0").expect("port");
    let dead = closed.local_addr().expect("address").port();
    drop(closed);
    let text = format!(
        "[database]\nurl = 'sqlite:a.db'\n[files]\nrules = '{}'\n[lookups.clamav]\nendpoint = 'tcp://127.0.0.1:{dead}'\n[lookups.rspamd]\nendpoint = 'http://127.0.0.1:{dead}'\n",
        rules.display()
    );
    std::fs::write(at.join("a.toml"), text).expect("written");
    let said = printed(&run(at, &["doctor", "--config", "a.toml"]));
    assert!(said.contains("ok    YARA rules: those of"), "{said}");
    assert!(said.contains("FAIL  source clamav: "), "{said}");
    assert!(said.contains("FAIL  source rspamd: "), "{said}");
    std::fs::write(
        rules.join("poor.yar"),
        "rule poor {\n condition: nothing\n}",
    )
    .expect("written");
    let said = printed(&run(at, &["doctor", "--config", "a.toml"]));
    assert!(
        said.contains("FAIL  YARA rules: left out: poor.yar:2"),
        "{said}"
    );
}
