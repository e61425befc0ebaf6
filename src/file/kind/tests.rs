//! Kinds, names and the notes on both.

use crate::file::{FileKind, FileLimits, FileReport, Given, NoteKind, Rules, Stop, dissect};

fn look(name: &str, claimed: &str, bytes: &[u8]) -> FileReport {
    let given = Given {
        place: "attachment:0".to_owned(),
        name: Some(name.to_owned()),
        claimed: claimed.to_owned(),
        bytes: bytes.to_vec(),
    };
    dissect(&[given], &[], &Rules::none(), &FileLimits::default()).remove(0)
}

fn kinds(report: &FileReport) -> Vec<NoteKind> {
    report.notes.iter().map(|note| note.kind).collect()
}

#[test]
fn content_comes_before_the_name() {
    let cases: &[(&str, &[u8], FileKind)] = &[
        ("a.txt", b"", FileKind::Empty),
        ("a.txt", b"%PDF-1.7 ...", FileKind::Pdf),
        ("a.pdf", b"MZ\x90\0", FileKind::Program),
        ("a.doc", b"{\\rtf1 hello}", FileKind::Rtf),
        ("a", b"\x89PNG\r\n\x1a\n....", FileKind::Png),
        ("a", b"RIFF\0\0\0\0WEBPVP8 ", FileKind::Webp),
        ("a.dat", b"\x78\x9f\x3e\x22\x01\0", FileKind::Tnef),
        ("a", b"  <!DOCTYPE html><p>x", FileKind::Html),
        ("a.hta", b"<script language=vbscript>x", FileKind::Html),
        ("a", b"<?xml version='1.0'?><svg xmlns='x'/>", FileKind::Svg),
        ("a", b"<?xml version='1.0'?><x/>", FileKind::Xml),
        ("a", b"BEGIN:VCALENDAR\r\n", FileKind::Calendar),
        ("a", b"BEGIN:VCARD\r\n", FileKind::VCard),
        (
            "a",
            b"[InternetShortcut]\r\nURL=x",
            FileKind::InternetShortcut,
        ),
        ("a", b"L\0\0\0\x01\x14\x02\0\0\0", FileKind::Shortcut),
        ("a.js", b"document.write('<html>')", FileKind::Script),
        ("a", b"#!/bin/sh\n", FileKind::Script),
        ("a", b"\xff\xfeh\0e\0l\0l\0o\0", FileKind::Text),
        (
            "a",
            b"From: a@x.example\r\nTo: b\r\nSubject: c\r\n\r\nhi",
            FileKind::Mail,
        ),
        ("a.eml", b"Subject: c\r\n\r\nhi", FileKind::Mail),
        ("a.txt", b"Note: this is no mail.\n", FileKind::Text),
        ("a", b"-----BEGIN PGP MESSAGE-----", FileKind::Cryptographic),
        ("a", &[0, 1, 2, 3, 0x80, 0xff, 0], FileKind::Unknown),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(FileKind::of(bytes, Some(name), ""), *expected, "{name}");
    }
}

#[test]
fn names_that_deceive() {
    let double = look("Rechnung.pdf   .exe", "", b"MZ");
    assert_eq!(
        kinds(&double),
        [NoteKind::DoubleExtension, NoteKind::Executable]
    );
    let reordered = look("invoice\u{202e}fdp.exe", "", b"MZ");
    assert_eq!(
        kinds(&reordered),
        [NoteKind::ReorderedName, NoteKind::Executable]
    );
    assert_eq!(kinds(&look("notes.v1.txt", "text/plain", b"hi")), []);
    assert_eq!(
        kinds(&look("a.tar.gz", "", b"hi")),
        [NoteKind::TypeMismatch]
    );
    let long = look(&"a\u{7}".repeat(400), "", b"hi");
    assert_eq!(long.name.unwrap().exposed().chars().count(), 255);
}

#[test]
fn types_that_deceive() {
    let page = look("scan.pdf", "application/pdf", b"<html><body>x");
    assert_eq!(kinds(&page), [NoteKind::TypeMismatch]);
    assert_eq!(page.notes[0].detail.exposed(), ".pdf is HTML");
    let program = look("photo", "image/png", b"MZ\x90");
    assert_eq!(
        kinds(&program),
        [NoteKind::TypeMismatch, NoteKind::Executable]
    );
    // a picture of another kind deceives nobody, and this one is cut off
    assert_eq!(
        kinds(&look("a.png", "image/png", b"\xff\xd8\xff\xe0")),
        [NoteKind::Corrupt]
    );
}

#[test]
fn valid_as_more_than_one() {
    let gif = look("a.js", "", b"GIF89a=1;alert(1);//\0\0");
    assert_eq!(gif.kind, FileKind::Script);
    assert_eq!(kinds(&gif), [NoteKind::Polyglot, NoteKind::Script]);
    let gif = look("a.gif", "", b"GIF89a/*\0\0*/=1;alert(1)");
    assert_eq!(
        (gif.kind, kinds(&gif)),
        (FileKind::Gif, vec![NoteKind::Polyglot])
    );
    let page = look("a.gif", "image/gif", b"GIF89a....<html><script>x</script>");
    assert_eq!(kinds(&page), [NoteKind::Polyglot]);
}

#[test]
fn the_test_virus_and_what_cannot_be_read() {
    let eicar = super::remarks::eicar();
    assert!(kinds(&look("a", "", eicar.as_bytes())).contains(&NoteKind::TestVirus));
    let pgp = look("a.asc", "", b"-----BEGIN PGP MESSAGE-----\n");
    assert_eq!(kinds(&pgp), [NoteKind::Encrypted]);
    let smime = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80";
    let smime = look("smime.p7m", "application/pkcs7-mime", smime);
    assert_eq!(kinds(&smime), [NoteKind::Encrypted]);
    let signed = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80";
    let signature = look("smime.p7s", "application/pkcs7-signature", signed);
    assert!(signature.is_complete() && kinds(&signature).is_empty());
    let zstd = look("a.zst", "", b"\x28\xb5\x2f\xfd\x04\0\0\0\0\0\0\0\0");
    assert_eq!(zstd.stops, [Stop::Unsupported]);
}
