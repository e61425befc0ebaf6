use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::super::{
    picture::tests::{links, notes, report},
    report::{LinkSource, NoteKind},
};

fn script(code: &str, name: &str) -> super::super::FileReport {
    report(code.as_bytes().to_vec(), name, "application/octet-stream")
}

fn has(report: &super::super::FileReport, link: &str) -> bool {
    links(report).contains(&(LinkSource::Script, link.to_owned()))
}

#[test]
fn links_hidden_in_layers_are_found() {
    let link = "https://evil.example/p?x=1";
    let once = BASE64_STANDARD.encode(format!("location='{link}';"));
    let twice = BASE64_STANDARD.encode(format!("eval(atob('{once}'))"));
    let wide: Vec<u8> = format!("iwr {link}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let hex: String = link.bytes().map(|b| format!("{b:02x}")).collect();
    let percent: String = link.bytes().map(|b| format!("%{b:02X}")).collect();
    let escaped: String = link.bytes().map(|b| format!("\\x{b:02x}")).collect();
    let unicode: String = link.bytes().map(|b| format!("\\u{b:04x}")).collect();
    let codes: Vec<String> = link.bytes().map(|b| b.to_string()).collect();
    let chr: Vec<String> = link.bytes().map(|b| format!("Chr({b})")).collect();
    for code in [
        format!("eval(atob('{twice}'))"),
        format!("powershell -enc {}", BASE64_STANDARD.encode(wide)),
        format!("x = unhex(\"{hex}\")"),
        format!("unescape('{percent}')"),
        format!("a = \"{escaped}\""),
        format!("a = \"{unicode}\""),
        format!("String.fromCharCode({})", codes.join(",")),
        format!("u = {}", chr.join(" & ")),
        "u = \"https://ev\" & _\r\n \"il.example/p?x=1\"".to_owned(),
        "start h^ttps://evil.exam^ple/p?x=1".to_owned(),
        format!("s = '{}'", link.chars().rev().collect::<String>()),
    ] {
        assert!(has(&script(&code, "a.js"), link), "{code}");
    }
}

#[test]
fn code_that_hides_itself_is_said_so_and_plain_code_is_not() {
    let hidden = script("eval(unescape('%61'))", "a.js");
    assert!(notes(&hidden).contains(&NoteKind::ObfuscatedScript));
    let plain = script("function add(a, b) { return a + b; }", "a.js");
    assert_eq!(notes(&plain), [NoteKind::Script]);
}

#[test]
fn a_program_within_a_script_becomes_a_member() {
    let mut program = b"MZ".to_vec();
    program.resize(200, 0);
    let code = format!("var p = '{}';", BASE64_STANDARD.encode(program));
    let report = script(&code, "a.js");
    assert_eq!(report.members.len(), 1);
    assert_eq!(report.members[0].kind, super::super::FileKind::Program);
}

#[test]
fn calendars_show_links_of_all_their_properties() {
    let ics = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Payroll update\r\nDESCRIPTION:Go to https://evil.exam\r\n ple/login\\, today\\nThanks\r\nATTACH:https://evil.example/file\r\nATTACH;ENCODING=BASE64;VALUE=BINARY;FMTTYPE=text/html;FILENAME=\"a.html\":PGh0bWw+PGEgaHJlZj1odHRwczovL2luLmV4YW1wbGUvPng8L2E+\r\nX-ALT-DESC;FMTTYPE=text/html:<html><a href=\"https://alt.example/\">Join</a></html>\r\nURL:https://url.example/\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let report = report(ics.as_bytes().to_vec(), "a.ics", "text/calendar");
    let found = links(&report);
    for (source, link) in [
        (LinkSource::Text, "https://evil.example/login"),
        (LinkSource::Click, "https://evil.example/file"),
        (LinkSource::Click, "https://in.example/"),
        (LinkSource::Click, "https://alt.example/"),
        (LinkSource::Click, "https://url.example/"),
    ] {
        assert!(
            found.contains(&(source, link.to_owned())),
            "{link}: {found:?}"
        );
    }
    assert!(report.text.unwrap().exposed().contains("Payroll update"));
}

#[test]
fn a_table_that_starts_a_program_is_noted() {
    let table = "name,amount\n=cmd|'/c calc'!A0,3\n";
    let report = report(table.into(), "a.csv", "text/csv");
    assert_eq!(notes(&report), [NoteKind::Dde]);
}

#[test]
fn hostile_scripts_cost_little() {
    for code in [
        "\"+".repeat(500_000),
        "%".repeat(1_000_000),
        "1,".repeat(500_000),
        "\" + \"".repeat(200_000),
        "QUJD".repeat(250_000),
        "'".repeat(1_000_000),
        "http://".repeat(140_000),
    ] {
        let started = std::time::Instant::now();
        script(&code, "a.js");
        assert!(started.elapsed().as_secs() < 20, "{:.20}", code);
    }
}

proptest::proptest! {
    #[test]
    fn any_code_ends(code in "[a-z(),'\"+&%\\\\x0-9_ \r\n^`:/.-]{0,300}") {
        script(&code, "a.js");
    }
}
