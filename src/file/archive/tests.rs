//! Archives built here, taken apart as a caller would.

use std::io::{Cursor, Write as _};

use sevenz_rust2::{
    ArchiveEntry, ArchiveWriter, EncoderConfiguration, EncoderMethod,
    encoder_options::{AesEncoderOptions, PpmdOptions},
};
use zip::{
    AesMode, CompressionMethod, ZipWriter,
    unstable::write::FileOptionsExt as _,
    write::{FileOptions, SimpleFileOptions},
};

use crate::file::{FileKind, FileLimits, FileReport, Given, NoteKind, Rules, Stop, dissect};

fn take(name: &str, bytes: &[u8], passwords: &[&str], limits: &FileLimits) -> FileReport {
    let given = Given {
        place: "attachment:0".to_owned(),
        name: Some(name.to_owned()),
        claimed: "application/octet-stream".to_owned(),
        bytes: bytes.to_vec(),
    };
    let passwords: Vec<String> = passwords.iter().map(|word| (*word).to_owned()).collect();
    dissect(&[given], &passwords, &Rules::none(), limits).remove(0)
}

fn look(name: &str, bytes: &[u8], passwords: &[&str]) -> FileReport {
    take(name, bytes, passwords, &FileLimits::default())
}

fn notes(report: &FileReport) -> Vec<(NoteKind, &str)> {
    report
        .notes
        .iter()
        .map(|note| (note.kind, note.detail.exposed().as_str()))
        .collect()
}

fn members(report: &FileReport) -> Vec<(&str, FileKind, u64)> {
    report
        .members
        .iter()
        .map(|m| (m.name.as_ref().unwrap().exposed().as_str(), m.kind, m.size))
        .collect()
}

fn zip_of(files: &[(&str, &[u8])], options: FileOptions<'_, '_, ()>) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn plain_zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    zip_of(files, SimpleFileOptions::default())
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

#[test]
fn a_zip_with_passwords_of_the_message() {
    let content: &[(&str, &[u8])] = &[("invoice.pdf.exe", b"MZ program"), ("b.txt", b"second")];
    let aes = SimpleFileOptions::default().with_aes_encryption(AesMode::Aes256, "Q7-x9!");
    let old = SimpleFileOptions::default()
        .with_deprecated_encryption(b"Q7-x9!")
        .unwrap();
    for options in [aes, old] {
        let bytes = zip_of(content, options);
        let report = look("a.zip", &bytes, &["wrong", "Q7-x9!"]);
        assert_eq!(notes(&report), [(NoteKind::PasswordFromMessage, "Q7-x9!")]);
        assert_eq!(
            members(&report),
            [
                ("invoice.pdf.exe", FileKind::Program, 10),
                ("b.txt", FileKind::Text, 6)
            ]
        );
        let closed = look("a.zip", &bytes, &["wrong"]);
        assert_eq!(
            notes(&closed),
            [
                (NoteKind::Encrypted, "invoice.pdf.exe"),
                (NoteKind::Encrypted, "b.txt")
            ]
        );
        // the names are there to be seen all the same
        let first = notes(&closed.members[0]);
        assert!(first.contains(&(NoteKind::DoubleExtension, "invoice.pdf.exe")));
        assert!(first.contains(&(NoteKind::Encrypted, "invoice.pdf.exe")));
    }
    let common = SimpleFileOptions::default().with_aes_encryption(AesMode::Aes128, "infected");
    let report = look("a.zip", &zip_of(content, common), &[]);
    assert_eq!(report.members[0].kind, FileKind::Program);
    assert!(notes(&report)[0].1.contains("infected"));
}

fn sevenz(options: Vec<EncoderConfiguration>, encrypt_names: bool) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    writer.set_content_methods(options);
    writer.set_encrypt_header(encrypt_names);
    for (name, content) in [("a.js", "alert(1)"), ("../b.txt", "text text text text")] {
        writer
            .push_archive_entry(ArchiveEntry::new_file(name), Some(content.as_bytes()))
            .unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_7z_plain_and_with_passwords() {
    let lzma = || EncoderConfiguration::from(EncoderMethod::LZMA2);
    let plain = look("a.7z", &sevenz(vec![lzma()], false), &[]);
    let inside = [
        ("a.js", FileKind::Script, 8),
        ("../b.txt", FileKind::Text, 19),
    ];
    assert_eq!(members(&plain), inside);
    assert_eq!(notes(&plain), [(NoteKind::PathTraversal, "../b.txt")]);
    for hidden in [false, true] {
        let aes = AesEncoderOptions::new(sevenz_rust2::Password::from("4711"));
        let bytes = sevenz(vec![aes.into(), lzma()], hidden);
        let opened = look("a.7z", &bytes, &["0815", "4711"]);
        assert_eq!(members(&opened), inside, "names hidden: {hidden}");
        assert!(notes(&opened).contains(&(NoteKind::PasswordFromMessage, "4711")));
        let closed = look("a.7z", &bytes, &["0815"]);
        assert!(notes(&closed).contains(&(NoteKind::Encrypted, "7z")));
        assert_eq!(closed.members.len(), if hidden { 0 } else { 2 });
    }
}

#[test]
fn a_7z_that_asks_for_too_much_is_not_begun() {
    let ppmd = PpmdOptions::from_order_memory_size(6, 1 << 30);
    let bytes = sevenz(vec![ppmd.into()], false);
    assert_eq!(look("a.7z", &bytes, &[]).stops, [Stop::Unsupported]);
}

#[test]
fn packed_tar_archives_with_links_and_climbing_names() {
    let mut tar = tar_of(&[("ok/a.txt", b"hello"), ("../../up.sh", b"#!/bin/sh")]);
    tar.truncate(tar.len() - 1_024);
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    link.as_old_mut().name[..2].copy_from_slice(b"ln");
    link.as_old_mut().linkname[..11].copy_from_slice(b"/etc/passwd");
    link.set_cksum();
    tar.extend_from_slice(link.as_bytes());
    tar.extend_from_slice(&[0; 1_024]);
    let mut xz =
        lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    xz.write_all(&tar).unwrap();
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz.write_all(&tar).unwrap();
    for (name, packed) in [
        ("a.tar.gz", gzip(&tar)),
        ("a.tar.xz", xz.finish().unwrap()),
        ("a.tar.bz2", bz.finish().unwrap()),
    ] {
        let report = look(name, &packed, &[]);
        assert_eq!(
            members(&report),
            [("a.tar", FileKind::Tar, tar.len() as u64)]
        );
        let inner = &report.members[0];
        assert_eq!(inner.place, "attachment:0/0");
        assert_eq!(inner.members[1].place, "attachment:0/0/1");
        assert_eq!(
            members(inner),
            [
                ("ok/a.txt", FileKind::Text, 5),
                ("../../up.sh", FileKind::Script, 9)
            ]
        );
        assert_eq!(
            notes(inner),
            [
                (NoteKind::PathTraversal, "../../up.sh"),
                (NoteKind::PathTraversal, "link ln to /etc/passwd")
            ]
        );
    }
}

#[test]
fn a_gzip_of_several_members_is_read_whole() {
    let packed = [gzip(b"one "), gzip(b"two")].concat();
    assert_eq!(
        members(&look("a.gz", &packed, &[])),
        [("a", FileKind::Text, 7)]
    );
}

#[test]
fn links_and_names_twice_in_a_zip() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    writer.add_symlink("ln", "../../x", options).unwrap();
    writer.start_file("twin-a", options).unwrap();
    writer.write_all(b"first").unwrap();
    writer.start_file("twin-b", options).unwrap();
    writer.write_all(b"MZ second").unwrap();
    let mut bytes = writer.finish().unwrap().into_inner();
    while let Some(at) = memchr::memmem::find(&bytes, b"twin-b") {
        bytes[at + 5] = b'a';
    }
    let report = look("a.zip", &bytes, &[]);
    assert_eq!(
        notes(&report),
        [(NoteKind::PathTraversal, "link ln to ../../x")]
    );
    assert_eq!(
        members(&report),
        [
            ("twin-a", FileKind::Text, 5),
            ("twin-a", FileKind::Program, 9)
        ]
    );
}

#[test]
fn a_stated_size_that_is_too_small_hides_nothing() {
    let content = b"MZ".repeat(5_000);
    let mut bytes = plain_zip(&[("a.exe", &content)]);
    let at = memchr::memmem::rfind(&bytes, b"PK\x01\x02").unwrap();
    bytes[at + 24..at + 28].copy_from_slice(&1_u32.to_le_bytes());
    let report = look("a.zip", &bytes, &[]);
    assert_eq!(notes(&report)[0].0, NoteKind::Corrupt);
    assert_eq!(members(&report), [("a.exe", FileKind::Program, 10_000)]);
}

#[test]
fn nested_archives_end_at_the_limits() {
    let mut bytes = plain_zip(&[("x", b"x")]);
    for _ in 0..20 {
        bytes = plain_zip(&[("n.zip", &bytes)]);
    }
    let report = look("a.zip", &bytes, &[]);
    assert_eq!(report.all().count(), FileLimits::default().depth + 1);
    assert!(report.all().any(|file| file.stops == [Stop::Depth]));

    let zeros = vec![0; 1 << 20];
    let inner = plain_zip(&[("z", &zeros)]);
    let files: Vec<(String, &[u8])> = (0..50).map(|n| (format!("{n}.zip"), &*inner)).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(n, b)| (n.as_str(), *b)).collect();
    let limits = FileLimits {
        produced: 3 << 20,
        member: 2 << 20,
        members: 30,
        ..FileLimits::default()
    };
    let report = take("b.zip", &plain_zip(&files), &[], &limits);
    let produced: u64 = report.all().skip(1).map(|file| file.size).sum();
    assert!(produced <= 3 << 20, "{produced}");
    assert!(report.stops.contains(&Stop::Produced));
    let many = FileLimits {
        members: 3,
        ..FileLimits::default()
    };
    let report = take("b.zip", &plain_zip(&files), &[], &many);
    assert_eq!(report.all().count(), 4);
    assert!(!report.is_complete());
}

#[test]
fn a_zip_behind_another_type_is_opened_too() {
    let mut bytes = b"%PDF-1.4\n%%EOF\n".to_vec();
    let at = bytes.len();
    bytes.extend_from_slice(&plain_zip(&[("x.exe", b"MZ")]));
    assert!(at > 0);
    let report = look("a.pdf", &bytes, &[]);
    assert_eq!(report.kind, FileKind::Pdf);
    let found = notes(&report);
    assert_eq!(found[0], (NoteKind::Polyglot, "PDF and ZIP"));
    // the PDF of this test has no page
    assert_eq!(found[1].0, NoteKind::Corrupt);
    assert_eq!(found.len(), 2);
    assert_eq!(members(&report), [("x.exe", FileKind::Program, 2)]);
}

#[test]
fn cabinets_stored_and_packed() {
    let text = "the same words again and again ".repeat(3_000);
    for packing in [cab::CompressionType::None, cab::CompressionType::MsZip] {
        let mut builder = cab::CabinetBuilder::new();
        let folder = builder.add_folder(packing);
        folder.add_file("..\\up.txt");
        folder.add_file("b.exe");
        let mut writer = builder.build(Cursor::new(Vec::new())).unwrap();
        for content in [text.as_bytes(), b"MZ"] {
            let mut file = writer.next_file().unwrap().unwrap();
            file.write_all(content).unwrap();
        }
        let bytes = writer.finish().unwrap().into_inner();
        let report = look("a.cab", &bytes, &[]);
        assert_eq!(
            members(&report),
            [
                ("..\\up.txt", FileKind::Text, text.len() as u64),
                ("b.exe", FileKind::Program, 2)
            ]
        );
        assert_eq!(notes(&report), [(NoteKind::PathTraversal, "..\\up.txt")]);
    }
}

/// A directory record of an image.
fn iso_record(name: &[u8], sector: u32, length: usize, flags: u8) -> Vec<u8> {
    let mut record = vec![0; 33];
    record[2..6].copy_from_slice(&sector.to_le_bytes());
    record[10..14].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
    record[25] = flags;
    record[32] = u8::try_from(name.len()).unwrap();
    record.extend_from_slice(name);
    record.resize(record.len().next_multiple_of(2).max(34), 0);
    record[0] = u8::try_from(record.len()).unwrap();
    record
}

fn iso() -> Vec<u8> {
    let mut image = vec![0; 24 * 2_048];
    let mut put = |sector: usize, at: usize, bytes: &[u8]| {
        let at = sector * 2_048 + at;
        image[at..at + bytes.len()].copy_from_slice(bytes);
    };
    for (sector, kind, root) in [(16, 1, 19_u32), (17, 2, 20), (18, 255, 0)] {
        put(sector, 0, &[kind]);
        put(sector, 1, b"CD001\x01");
        put(sector, 128, &2_048_u16.to_le_bytes());
        put(sector, 156, &iso_record(b"\0", root, 2_048, 2));
    }
    put(17, 88, b"%/E");
    let wide = |name: &str| -> Vec<u8> { name.encode_utf16().flat_map(u16::to_be_bytes).collect() };
    let itself = |sector| {
        [
            iso_record(b"\0", sector, 2_048, 2),
            iso_record(b"\x01", sector, 2_048, 2),
        ]
        .concat()
    };
    put(
        19,
        0,
        &[
            itself(19),
            iso_record(b"INVOICE.EXE;1", 22, 9, 0),
            iso_record(b"HIDDEN.TXT;1", 23, 5, 0),
        ]
        .concat(),
    );
    put(
        20,
        0,
        &[itself(20), iso_record(&wide("Ordner"), 21, 2_048, 2)].concat(),
    );
    // the folder names its parent as a folder inside: a loop
    put(
        21,
        0,
        &[
            itself(21),
            iso_record(&wide("invoice.exe;1"), 22, 9, 0),
            iso_record(&wide("loop"), 20, 2_048, 2),
        ]
        .concat(),
    );
    put(22, 0, b"MZ inside");
    put(23, 0, b"plain");
    image
}

#[test]
fn an_image_with_both_trees() {
    let image = iso();
    let report = look("a.iso", &image, &[]);
    assert_eq!(notes(&report), [(NoteKind::DiskImage, "a.iso")]);
    assert_eq!(
        members(&report),
        [
            ("Ordner/invoice.exe", FileKind::Program, 9),
            ("HIDDEN.TXT", FileKind::Text, 5)
        ]
    );
    assert!(report.is_complete());
    let cut = look("a.iso", &image[..22 * 2_048 + 4], &[]);
    assert!(
        notes(&cut)
            .iter()
            .any(|(kind, _)| *kind == NoteKind::Corrupt)
    );
}

fn rar5_block(kind: u8, rest: &[u8], content: &[u8]) -> Vec<u8> {
    let held = !content.is_empty();
    let mut header = vec![kind, if held { 2 } else { 0 }];
    if held {
        header.push(u8::try_from(content.len()).unwrap());
    }
    header.extend_from_slice(rest);
    header.insert(0, u8::try_from(header.len()).unwrap());
    let mut crc = flate2::Crc::new();
    crc.update(&header);
    [&crc.sum().to_le_bytes(), header.as_slice(), content].concat()
}

#[test]
fn names_and_stored_members_of_a_rar() {
    let member = |name: &str, packing: &[u8]| {
        let mut rest = vec![0, 5, 0];
        rest.extend_from_slice(packing);
        rest.extend_from_slice(&[0, u8::try_from(name.len()).unwrap()]);
        rest.extend_from_slice(name.as_bytes());
        rest
    };
    let bytes = [
        b"Rar!\x1a\x07\x01\x00".to_vec(),
        rar5_block(1, &[0], b""),
        rar5_block(2, &member("stored.txt", &[0]), b"hello"),
        rar5_block(2, &member("../rechnung.pdf.js", &[0x80, 0x03]), b"xxxxx"),
        rar5_block(5, &[0], b""),
    ]
    .concat();
    let report = look("a.rar", &bytes, &[]);
    assert_eq!(
        members(&report),
        [
            ("stored.txt", FileKind::Text, 5),
            ("../rechnung.pdf.js", FileKind::Unknown, 5)
        ]
    );
    assert_eq!(report.stops, [Stop::Unsupported]);
    assert_eq!(
        notes(&report),
        [(NoteKind::PathTraversal, "../rechnung.pdf.js")]
    );
    let unread = notes(&report.members[1]);
    assert_eq!(
        unread.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(),
        [NoteKind::DoubleExtension, NoteKind::Script]
    );
    let mut broken = bytes;
    broken[30] ^= 1;
    assert_eq!(notes(&look("a.rar", &broken, &[]))[0].0, NoteKind::Corrupt);
}

#[test]
fn virtual_disks_are_noted_and_left() {
    let report = look("a.vhdx", &[b"vhdxfile".as_slice(), &[0; 600]].concat(), &[]);
    assert_eq!(notes(&report), [(NoteKind::DiskImage, "a.vhdx")]);
    assert_eq!(report.stops, [Stop::Unsupported]);
}

#[test]
fn damage_anywhere_is_survived() {
    let tar = tar_of(&[("a.txt", b"hello")]);
    let mut builder = cab::CabinetBuilder::new();
    builder
        .add_folder(cab::CompressionType::MsZip)
        .add_file("a.txt");
    let mut writer = builder.build(Cursor::new(Vec::new())).unwrap();
    while let Some(mut file) = writer.next_file().unwrap() {
        file.write_all(b"hello").unwrap();
    }
    let samples = [
        plain_zip(&[("a.txt", b"hello hello hello hello")]),
        zip_of(
            &[("a.txt", b"hello")],
            SimpleFileOptions::default()
                .compression_method(CompressionMethod::Stored)
                .with_aes_encryption(AesMode::Aes256, "1234"),
        ),
        sevenz(
            vec![EncoderConfiguration::from(EncoderMethod::LZMA2)],
            false,
        ),
        gzip(&tar),
        tar,
        writer.finish().unwrap().into_inner(),
        iso()[16 * 2_048..].to_vec(),
    ];
    let limits = FileLimits {
        produced: 1 << 20,
        member: 1 << 18,
        ..FileLimits::default()
    };
    let mut state = 7_u32;
    for sample in &samples {
        for _ in 0..60 {
            let mut bytes = sample.clone();
            for _ in 0..3 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = state as usize % bytes.len();
                bytes[at] = (state >> 24) as u8;
            }
            let report = take("a", &bytes, &[], &limits);
            assert_eq!(report.size, bytes.len() as u64);
        }
        for end in (0..sample.len()).step_by(1 + sample.len() / 60) {
            take("a", &sample[..end], &[], &limits);
        }
    }
}
