use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::super::{
    FileReport,
    picture::tests::{links, notes, report},
    report::{LinkSource, NoteKind},
};

fn page(html: &str) -> FileReport {
    report(html.as_bytes().to_vec(), "a.html", "text/html")
}

#[test]
fn places_of_a_page_are_told_apart() {
    let report = page(
        "<html><base href='https://b.example/x/'><a href='y'>Read</a><form action='https://f.example/'><input type=password></form><meta http-equiv=refresh content='0;url=https://r.example/'><img src=https://l.example/p.png width=9></html>",
    );
    assert_eq!(
        links(&report),
        [
            (LinkSource::Click, "https://b.example/x/y".to_owned()),
            (LinkSource::Form, "https://f.example/".to_owned()),
            (LinkSource::Refresh, "https://r.example/".to_owned()),
            (LinkSource::Load, "https://l.example/p.png".to_owned()),
        ]
    );
    assert_eq!(notes(&report), [NoteKind::PasswordForm]);
    assert_eq!(report.notes[0].detail.exposed(), "https://f.example/");
}

#[test]
fn smuggled_files_are_taken_out() {
    let mut program = b"MZ".to_vec();
    program.resize(3_000, 0);
    let payload = BASE64_STANDARD.encode(program);
    let report = page(&format!(
        "<html><script>var b=atob('{payload}');var a=document.createElement('a');a.href=URL.createObjectURL(new Blob([b]));a.download='i.iso';a.click()</script></html>"
    ));
    assert!(notes(&report).contains(&NoteKind::HtmlSmuggling));
    assert_eq!(report.members[0].kind, super::super::FileKind::Program);
}

#[test]
fn a_page_written_by_a_script_is_read() {
    let inner = "<html><form action=https://steal.example/><input type=password></form></html>";
    let report = page(&format!(
        "<html><script>document.write(unescape('{}'))</script></html>",
        percent(inner)
    ));
    assert!(links(&report).contains(&(LinkSource::Form, "https://steal.example/".to_owned())));
    let notes = notes(&report);
    assert!(notes.contains(&NoteKind::ObfuscatedScript) && notes.contains(&NoteKind::PasswordForm));
}

fn percent(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02x}")).collect()
}

#[test]
fn data_uris_are_taken_apart() {
    let inner = BASE64_STANDARD.encode("<html><a href=https://in.example/>x</a></html>");
    let report = page(&format!(
        "<html><iframe src='data:text/html;base64,{inner}'></iframe></html>"
    ));
    assert!(notes(&report).contains(&NoteKind::DataUri));
    assert!(links(&report).contains(&(LinkSource::Click, "https://in.example/".to_owned())));
}

#[test]
fn pictures_with_scripts_and_links_are_read() {
    let svg = "<svg xmlns='http://www.w3.org/2000/svg' onload=\"location='https://go.example/'\"><a xlink:href='https://c.example/'><text>Open</text></a><image href='https://i.example/a.png'/><foreignObject><form action='https://f.example/'><input type='password'/></form></foreignObject></svg>";
    let report = report(svg.into(), "a.svg", "image/svg+xml");
    let found = links(&report);
    for link in [
        (LinkSource::Script, "https://go.example/"),
        (LinkSource::Click, "https://c.example/"),
        (LinkSource::Load, "https://i.example/a.png"),
        (LinkSource::Form, "https://f.example/"),
    ] {
        assert!(
            found.contains(&(link.0, link.1.to_owned())),
            "{link:?} {found:?}"
        );
    }
    assert!(notes(&report).contains(&NoteKind::Script));
}

#[test]
fn entities_are_noted_and_neither_expanded_nor_resolved() {
    let svg = "<!DOCTYPE l [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;\"><!ENTITY x SYSTEM \"file:///etc/passwd\"><!ENTITY y PUBLIC \"-//x\" \"http://ent.example/y\">]><svg xmlns=\"http://www.w3.org/2000/svg\"><text>&b;&x;</text></svg>";
    let report = report(svg.into(), "a.svg", "image/svg+xml");
    assert_eq!(
        notes(&report),
        [
            NoteKind::EntityExpansion,
            NoteKind::ExternalEntity,
            NoteKind::ExternalEntity
        ]
    );
    assert_eq!(report.notes[1].detail.exposed(), "x file:///etc/passwd");
    assert_eq!(
        links(&report),
        [
            (LinkSource::Load, "file:///etc/passwd".to_owned()),
            (LinkSource::Load, "http://ent.example/y".to_owned())
        ]
    );
}

#[test]
fn other_xml_shows_links_and_text() {
    let xml = "<?xml version='1.0'?><?xml-stylesheet href='https://s.example/a.xsl'?><doc xmlns='https://ns.example/'><x href='https://h.example/'>see https://t.example/</x></doc>";
    let report = report(xml.into(), "a.xml", "text/xml");
    assert_eq!(
        links(&report),
        [
            (LinkSource::Load, "https://s.example/a.xsl".to_owned()),
            (LinkSource::Click, "https://h.example/".to_owned()),
            (LinkSource::Text, "https://t.example/".to_owned()),
        ]
    );
}

#[test]
fn hostile_pages_cost_little() {
    for html in [
        format!("<html>{}", "<script>".repeat(100_000)),
        format!("<html>{}", "<div>".repeat(200_000)),
        format!("<html><script>{}", "</scrip".repeat(200_000)),
        format!("<html>{}", "<a href=data:,".repeat(100_000)),
        format!("<html><a {}>", "on=1 ".repeat(200_000)),
        format!("<svg>{}", "<!ENTITY a \"&b;\">".repeat(50_000)),
    ] {
        let started = std::time::Instant::now();
        page(&html);
        assert!(started.elapsed().as_secs() < 20, "{:.30}", html);
    }
}

proptest::proptest! {
    #[test]
    fn any_page_ends(html in "<html>[<>/!a-z=\"' &#;:,%0-9-]{0,300}") {
        page(&html);
    }
}
