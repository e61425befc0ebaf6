//! OneNote sections: the files attached to a page, and links.
//!
//! The page structure is not read; attached files lie in objects that their GUID
//! shows ([MS-ONESTORE] section 2.6.13, FileDataStoreObject).

use super::{
    open::Open,
    report::{LinkSource, NoteKind},
    script::{self, printable},
};

/// `{BDE316E7-2665-4511-A4C4-8D4D0B7A9EAC}` as it lies in the file.
const FILE_DATA: [u8; 16] = [
    0xe7, 0x16, 0xe3, 0xbd, 0x65, 0x26, 0x11, 0x45, 0xa4, 0xc4, 0x8d, 0x4d, 0x0b, 0x7a, 0x9e, 0xac,
];
/// Attached files that are taken out.
const MAX_FILES: usize = 100;

/// Takes the attached files out and reads the links of the section.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let bytes = file.bytes;
    for at in memchr::memmem::find_iter(bytes, &FILE_DATA).take(MAX_FILES) {
        // the GUID, the length of the data, four and eight unused bytes, the data
        let rest = bytes.get(at + FILE_DATA.len()..).unwrap_or_default();
        let Some((length, rest)) = rest.split_first_chunk::<8>() else {
            file.note(NoteKind::Corrupt, "an attached file is cut off");
            break;
        };
        let data = rest.get(12..).unwrap_or_default();
        let wanted = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if wanted > data.len() {
            file.note(NoteKind::Corrupt, "an attached file is cut off");
        }
        let data = data.get(..wanted.min(data.len())).unwrap_or_default();
        if let Some(data) = file.produce(data) {
            file.note(NoteKind::EmbeddedObject, "a file on a OneNote page");
            file.member(None, "", &data);
        }
    }
    let words = printable(bytes, file.run.limits.text);
    file.text(&words);
    script::links(file, LinkSource::Text, &words);
}
