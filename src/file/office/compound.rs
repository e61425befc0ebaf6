//! Compound files ([MS-CFB]): Office before 2007, installer packages, embedded
//! objects.

use std::{
    io::Cursor,
    path::{Path, PathBuf},
};

use cfb::CompoundFile;

use super::{
    super::{
        kind::FileKind,
        open::Open,
        report::{LinkSource, NoteKind, Stop},
        script::{self, printable},
    },
    carve, excel, field, package, vba,
};

/// Streams that are read of one file.
const MAX_STREAMS: usize = 2_000;
/// `{000C1084-0000-0000-C000-000000000046}`: Windows Installer.
const INSTALLER: &str = "000c1084-0000-0000-c000-000000000046";

/// A stream and its place.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub path: PathBuf,
    pub name: String,
}

/// The streams of a compound file.
pub(super) fn streams(container: &CompoundFile<Cursor<&[u8]>>) -> Vec<Found> {
    container
        .walk()
        .filter(cfb::Entry::is_stream)
        .take(MAX_STREAMS + 1)
        .map(|entry| Found {
            path: entry.path().to_owned(),
            name: entry.name().to_owned(),
        })
        .collect()
}

/// The bytes of a stream, within the allowance and counted.
pub(super) fn read(
    file: &mut Open<'_, '_>,
    container: &mut CompoundFile<Cursor<&[u8]>>,
    stream: &Found,
) -> Option<Vec<u8>> {
    match container.open_stream(&stream.path) {
        Ok(stream) => file.produce(stream),
        Err(error) => {
            file.note(NoteKind::Corrupt, &error.to_string());
            None
        }
    }
}

/// Reads a compound file.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let bytes = file.bytes;
    let mut container = match CompoundFile::open(Cursor::new(bytes)) {
        Ok(container) => container,
        Err(error) => {
            file.note(NoteKind::Corrupt, &error.to_string());
            words(file, bytes);
            return vba::scattered(file, bytes);
        }
    };
    if container.root_entry().clsid().to_string() == INSTALLER {
        return file.note(NoteKind::Executable, "Windows Installer package");
    }
    let mut streams = streams(&container);
    if streams.len() > MAX_STREAMS {
        streams.truncate(MAX_STREAMS);
        file.stop(Stop::Members);
    }
    if vba::project(file, &mut container, &streams) {
        file.note(NoteKind::Macro, "VBA project");
    }
    for stream in &streams {
        let in_project = stream
            .path
            .parent()
            .and_then(Path::file_name)
            .is_some_and(|name| name.eq_ignore_ascii_case("VBA"));
        if !in_project {
            part(file, &mut container, stream);
        }
    }
}

fn part(file: &mut Open<'_, '_>, container: &mut CompoundFile<Cursor<&[u8]>>, stream: &Found) {
    let name = stream.name.trim_start_matches(|c: char| c.is_control());
    match name {
        "EncryptedPackage" => return file.note(NoteKind::Encrypted, "document with a password"),
        "WordDocument"
        | "Workbook"
        | "Book"
        | "PowerPoint Document"
        | "Data"
        | "Pictures"
        | "Ole10Native"
        | "Package"
        | "CONTENTS"
        | "Contents"
        | "1Table"
        | "0Table" => {}
        // fields of forms can hold what a macro decodes
        "o" | "f" | "LinkInfo" | "ObjInfo" => {}
        _ => return,
    }
    let Some(bytes) = read(file, container, stream) else {
        return;
    };
    match name {
        "Ole10Native" => package::native(file, &bytes),
        "Package" | "CONTENTS" | "Contents" => {
            if FileKind::of(&bytes, None, "") != FileKind::Unknown {
                file.note(NoteKind::EmbeddedObject, name);
                file.member(None, "", &bytes);
            }
        }
        "Data" | "Pictures" => carve::pictures(file, &bytes),
        "Workbook" | "Book" => {
            excel::look(file, &bytes);
            words(file, &bytes);
            carve::pictures(file, &bytes);
        }
        "WordDocument" => {
            // fEncrypted of the file information block ([MS-DOC] section 2.5.2)
            if bytes.get(11).is_some_and(|flags| flags & 1 != 0) {
                file.note(NoteKind::Encrypted, "document with a password");
            }
            words(file, &bytes);
        }
        "PowerPoint Document" => {
            words(file, &bytes);
            package::stored(file, &bytes);
        }
        _ => {
            let words = printable(&bytes, file.run.limits.text);
            script::links(file, LinkSource::Script, &words);
        }
    }
}

/// The words of a stream: text, links and fields.
fn words(file: &mut Open<'_, '_>, bytes: &[u8]) {
    let words = printable(bytes, file.run.limits.text);
    for line in words.lines() {
        if ["HYPERLINK", "DDE", "INCLUDE"]
            .iter()
            .any(|word| line.contains(word))
        {
            field(file, line);
        }
    }
    file.text(&words);
    script::links(file, LinkSource::Text, &words);
}
