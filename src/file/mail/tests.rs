//! Mails built here, taken apart as a caller would.

use std::io::{Cursor, Write as _};

use crate::file::{
    FileKind, FileLimits, FileReport, Given, LinkSource, NoteKind, Rules, Stop, dissect,
};

fn look(name: &str, bytes: &[u8]) -> FileReport {
    let given = Given {
        place: "attachment:0".to_owned(),
        name: Some(name.to_owned()),
        claimed: String::new(),
        bytes: bytes.to_vec(),
    };
    dissect(&[given], &[], &Rules::none(), &FileLimits::default()).remove(0)
}

fn has(report: &FileReport, kind: NoteKind, detail: &str) -> bool {
    report
        .notes
        .iter()
        .any(|note| note.kind == kind && note.detail.exposed() == detail)
}

fn links(report: &FileReport) -> Vec<(LinkSource, &str)> {
    report
        .links
        .iter()
        .map(|link| (link.source, link.target.exposed().as_str()))
        .collect()
}

fn text(report: &FileReport) -> &str {
    report.text.as_ref().map_or("", |text| text.exposed())
}

fn locked_zip(password: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .with_aes_encryption(zip::AesMode::Aes256, password);
    writer.start_file("a.exe", options).unwrap();
    writer.write_all(b"MZ").unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_mail_inside_with_the_password_of_its_own_file() {
    use base64::Engine as _;
    let packed = base64::engine::general_purpose::STANDARD.encode(locked_zip("kf-998"));
    let raw = format!(
        "From: evil@y.example\nSubject: Your file\nTo: a@x.example\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: text/html\n\n<p>Password: kf-998</p><a href='https://e.example/x'>open</a>\n--o\nContent-Type: application/zip; name=a.zip\nContent-Disposition: attachment; filename=a.zip\nContent-Transfer-Encoding: base64\n\n{packed}\n--o\nContent-Type: message/rfc822\n\nFrom: b@x.example\nSubject: inner\n\nsee https://inner.example/\n--o--\n"
    );
    let report = look("m.eml", raw.as_bytes());
    assert_eq!(report.kind, FileKind::Mail);
    assert!(has(
        &report,
        NoteKind::NestedMail,
        "evil@y.example: Your file"
    ));
    assert!(has(&report, NoteKind::NestedMail, "b@x.example: inner"));
    assert_eq!(
        links(&report),
        [
            (LinkSource::Click, "https://e.example/x"),
            (LinkSource::Text, "https://inner.example/")
        ]
    );
    assert!(text(&report).contains("Password: kf-998"));
    let zip = &report.members[0];
    assert!(has(zip, NoteKind::PasswordFromMessage, "kf-998"));
    assert_eq!(zip.members[0].kind, FileKind::Program);
}

type Compound = cfb::CompoundFile<Cursor<Vec<u8>>>;

fn put(file: &mut Compound, path: &str, bytes: &[u8]) {
    file.create_stream(path).unwrap().write_all(bytes).unwrap();
}

fn put_text(file: &mut Compound, path: &str, text: &str) {
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    put(file, &format!("{path}001F"), &wide);
}

fn outlook_message() -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    let mut properties = vec![0; 32];
    properties.extend_from_slice(&0x3ffd_0003_u32.to_le_bytes());
    properties.extend_from_slice(&[0; 4]);
    properties.extend_from_slice(&1_251_u64.to_le_bytes());
    put(&mut file, "/__properties_version1.0", &properties);
    put(
        &mut file,
        "/__substg1.0_0037001E",
        b"\xcf\xf0\xe8\xe2\xe5\xf2",
    );
    put_text(&mut file, "/__substg1.0_5D01", "evil@y.example");
    put_text(&mut file, "/__substg1.0_1000", "go to https://t.example/");
    put(
        &mut file,
        "/__substg1.0_10130102",
        b"<p>Hello <a href='https://h.example/'>here</a>",
    );
    file.create_storage("/__attach_version1.0_#00000000")
        .unwrap();
    let at = "/__attach_version1.0_#00000000/__substg1.0_";
    put_text(&mut file, &format!("{at}3707"), "Rechnung.pdf.js");
    put(&mut file, &format!("{at}37010102"), b"alert(1)");
    file.create_storage("/__attach_version1.0_#00000001")
        .unwrap();
    let inner = "/__attach_version1.0_#00000001/__substg1.0_3701000D";
    file.create_storage(inner).unwrap();
    put(
        &mut file,
        &format!("{inner}/__properties_version1.0"),
        &[0; 24],
    );
    put_text(&mut file, &format!("{inner}/__substg1.0_0037"), "embedded");
    let rtf = br#"{\rtf1\ansi\fromhtml1 {\*\htmltag84 <a href="https://r.example/">}x{\*\htmltag92 </a>}}"#;
    let mut packed = [0_u32; 2]
        .iter()
        .flat_map(|n| n.to_le_bytes())
        .collect::<Vec<u8>>();
    packed.extend_from_slice(b"MELA\0\0\0\0");
    packed.extend_from_slice(rtf);
    put(&mut file, &format!("{inner}/__substg1.0_10090102"), &packed);
    file.create_storage(format!("{inner}/__attach_version1.0_#00000000"))
        .unwrap();
    let at = format!("{inner}/__attach_version1.0_#00000000/__substg1.0_");
    put_text(&mut file, &format!("{at}3704"), "deep.exe");
    put(&mut file, &format!("{at}37010102"), b"MZ");
    file.flush().unwrap();
    file.into_inner().into_inner()
}

#[test]
fn an_outlook_message_with_another_inside() {
    let report = look("m.msg", &outlook_message());
    assert_eq!(report.kind, FileKind::Msg);
    assert!(has(&report, NoteKind::NestedMail, "evil@y.example: Привет"));
    assert!(has(&report, NoteKind::NestedMail, "embedded"));
    let links = links(&report);
    for link in [
        (LinkSource::Click, "https://h.example/"),
        (LinkSource::Text, "https://t.example/"),
        (LinkSource::Click, "https://r.example/"),
    ] {
        assert!(links.contains(&link), "{link:?} in {links:?}");
    }
    let names: Vec<_> = report
        .members
        .iter()
        .map(|m| (m.name.as_ref().unwrap().exposed().as_str(), m.kind))
        .collect();
    assert_eq!(
        names,
        [
            ("Rechnung.pdf.js", FileKind::Script),
            ("deep.exe", FileKind::Program)
        ]
    );
    assert!(report.is_complete());
}

fn attribute(level: u8, name: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![level];
    bytes.extend_from_slice(&name.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(content);
    let sum = content
        .iter()
        .fold(0_u16, |sum, b| sum.wrapping_add(u16::from(*b)));
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

fn property(kind: u16, id: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), id.to_le_bytes()].concat();
    bytes.extend_from_slice(&1_u32.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn winmail() -> Vec<u8> {
    let wide: Vec<u8> = "lang.exe\0"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut fixed = [3_u16.to_le_bytes(), 0x0e08_u16.to_le_bytes()].concat();
    fixed.extend_from_slice(&7_u32.to_le_bytes());
    let message = [
        2_u32.to_le_bytes().to_vec(),
        fixed,
        property(0x102, 0x1013, b"<a href='https://w.example/'>x</a>"),
    ]
    .concat();
    let attached = [1_u32.to_le_bytes().to_vec(), property(0x1f, 0x3707, &wide)].concat();
    [
        0x223e_9f78_u32.to_le_bytes().to_vec(),
        vec![1, 0],
        attribute(1, 0x0001_8004, b"Offer\0"),
        attribute(1, 0x0006_9003, &message),
        attribute(2, 0x0006_9002, &[0; 14]),
        attribute(2, 0x0001_8010, b"SHORT~1.EXE\0"),
        attribute(2, 0x0006_800f, b"MZ"),
        attribute(2, 0x0006_9005, &attached),
    ]
    .concat()
}

#[test]
fn a_winmail_dat() {
    let report = look("winmail.dat", &winmail());
    assert_eq!(report.kind, FileKind::Tnef);
    assert!(has(&report, NoteKind::NestedMail, "Offer"));
    assert_eq!(links(&report), [(LinkSource::Click, "https://w.example/")]);
    assert_eq!(report.members[0].kind, FileKind::Program);
    assert_eq!(
        report.members[0].name.as_ref().unwrap().exposed(),
        "lang.exe"
    );
    assert!(report.is_complete());
}

#[test]
fn messages_in_messages_end_at_the_depth() {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    let mut path = String::new();
    for _ in 0..15 {
        put(
            &mut file,
            &format!("{path}/__properties_version1.0"),
            &[0; 32],
        );
        put_text(
            &mut file,
            &format!("{path}/__substg1.0_0037"),
            &path.len().to_string(),
        );
        path.push_str("/__attach_version1.0_#00000000");
        file.create_storage(&path).unwrap();
        path.push_str("/__substg1.0_3701000D");
        file.create_storage(&path).unwrap();
    }
    file.flush().unwrap();
    let report = look("m.msg", &file.into_inner().into_inner());
    assert!(report.stops.contains(&Stop::Depth));
    assert_eq!(report.notes.len(), FileLimits::default().depth + 1);
}

#[test]
fn damage_anywhere_is_survived() {
    let mut state = 3_u32;
    for sample in [outlook_message(), winmail()] {
        for _ in 0..120 {
            let mut bytes = sample.clone();
            for _ in 0..4 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = state as usize % bytes.len();
                bytes[at] = (state >> 24) as u8;
            }
            assert_eq!(look("m", &bytes).size, sample.len() as u64);
        }
        for end in (0..sample.len()).step_by(1 + sample.len() / 100) {
            look("m", &sample[..end]);
        }
    }
}
