//! Outlook messages (MS-OXMSG): property streams in a compound file.

use std::io::Cursor;

use cfb::CompoundFile;

use super::{Letter, codepage, lzfu, rtf, with_passwords};
use crate::{
    file::{
        cursor,
        open::Open,
        report::{NoteKind, Stop},
    },
    message::{self, Limits},
};

/// Entries of one storage that are looked at.
const MAX_ENTRIES: usize = 10_000;
/// Bytes of a text property that are read.
const MAX_TEXT: usize = 4 << 20;

type Compound<'b> = CompoundFile<Cursor<&'b [u8]>>;

/// Takes an Outlook message apart, and the messages embedded in it.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let mut compound = match CompoundFile::open(Cursor::new(file.bytes)) {
        Ok(compound) => compound,
        Err(fault) => return file.note(NoteKind::Corrupt, &fault.to_string()),
    };
    let mut waiting = vec![(String::from("/"), 0)];
    while let Some((path, depth)) = waiting.pop() {
        let letter = letter(file, &mut compound, &path);
        letter.tell(file);
        with_passwords(file, &letter.words(), |file| {
            for attachment in storages(&compound, &path, "__attach_version1.0_") {
                if !file.has_room_for_mail() {
                    return;
                }
                let embedded = format!("{attachment}__substg1.0_3701000D/");
                let message = format!("{embedded}__properties_version1.0");
                if !compound.is_stream(&message) {
                    attached(file, &mut compound, &attachment);
                } else if depth >= file.run.limits.depth {
                    file.stop(Stop::Depth);
                } else {
                    waiting.push((embedded, depth + 1));
                }
            }
        });
    }
}

impl Open<'_, '_> {
    /// Whether members may still be taken; says so where not.
    fn has_room_for_mail(&mut self) -> bool {
        if self.run.members_left == 0 {
            self.stop(Stop::Members);
        } else if self.run.produced_left == 0 {
            self.stop(Stop::Produced);
        }
        self.run.members_left > 0 && self.run.produced_left > 0
    }
}

/// Paths of the storages in one storage whose name begins so, with a slash behind.
fn storages(compound: &Compound<'_>, path: &str, start: &str) -> Vec<String> {
    let Ok(entries) = compound.read_storage(path) else {
        return Vec::new();
    };
    entries
        .take(MAX_ENTRIES)
        .filter(|entry| entry.is_storage() && entry.name().starts_with(start))
        .map(|entry| format!("{path}{}/", entry.name()))
        .collect()
}

/// A property as bytes. The names of streams end in its tag (MS-OXMSG 2.2.1.1).
fn property(
    file: &mut Open<'_, '_>,
    compound: &mut Compound<'_>,
    path: &str,
    tag: &str,
) -> Option<Vec<u8>> {
    let name = format!("{path}__substg1.0_{tag}");
    if !compound.is_stream(&name) {
        return None;
    }
    match compound.open_stream(&name) {
        Ok(stream) => file.produce(stream),
        Err(fault) => {
            file.note(NoteKind::Corrupt, &fault.to_string());
            None
        }
    }
}

/// A property as text, in either of the two forms (types 001F and 001E).
fn text(
    file: &mut Open<'_, '_>,
    compound: &mut Compound<'_>,
    path: &str,
    tag: &str,
    page: u32,
) -> Option<String> {
    let cut = |bytes: &[u8]| {
        bytes
            .get(..MAX_TEXT)
            .map_or_else(|| bytes.to_vec(), <[u8]>::to_vec)
    };
    if let Some(bytes) = property(file, compound, path, &format!("{tag}001F")) {
        return Some(codepage::wide(&cut(&bytes)));
    }
    let bytes = property(file, compound, path, &format!("{tag}001E"))?;
    Some(codepage::text(&cut(&bytes), page))
}

/// A number out of the property stream: 16 bytes each, tag, flags, value, behind a
/// header of 8, 24 or 32 bytes (MS-OXMSG 2.4).
fn number(properties: &[u8], tag: u32) -> Option<u32> {
    let entries = properties.get(8..)?.as_chunks::<8>().0;
    entries.windows(2).find_map(|pair| {
        let mut head = cursor::Cursor::new(pair.first()?);
        let mut value = cursor::Cursor::new(pair.last()?);
        (head.u32()? == tag).then(|| value.u32())?
    })
}

/// Reads what the message at a path says.
fn letter(file: &mut Open<'_, '_>, compound: &mut Compound<'_>, path: &str) -> Letter {
    let properties = compound
        .open_stream(format!("{path}__properties_version1.0"))
        .ok()
        .and_then(|stream| file.produce(stream))
        .unwrap_or_default();
    // PidTagMessageCodepage for text, PidTagInternetCodepage for HTML
    let page = number(&properties, 0x3ffd_0003).unwrap_or(1_252);
    let html_page = number(&properties, 0x3fde_0003).unwrap_or(page);
    let mut letter = Letter::default();
    for (tag, into) in [
        ("0037", &mut letter.subject),
        ("1000", &mut letter.text),
        ("5D01", &mut letter.from),
    ] {
        *into = text(file, compound, path, tag, page).unwrap_or_default();
    }
    if letter.from.is_empty() {
        letter.from = text(file, compound, path, "0C1F", page).unwrap_or_default();
    }
    if let Some(header) = text(file, compound, path, "007D", page) {
        let header = message::parse(header.as_bytes(), &Limits::default());
        if let Some(author) = header.author() {
            letter.from.clone_from(&author.address);
        }
    }
    if let Some(html) = property(file, compound, path, "10130102") {
        letter.html(&codepage::text(&html, html_page));
    } else if let Some(html) = text(file, compound, path, "1013", html_page) {
        letter.html(&html);
    }
    if letter.view.is_none()
        && let Some(packed) = property(file, compound, path, "10090102")
    {
        match rtf::body(&lzfu::unpack(&packed)) {
            rtf::Body::Html(html) => letter.html(&html),
            rtf::Body::Text(plain) if letter.text.trim().is_empty() => letter.text = plain,
            rtf::Body::Text(_) => {}
        }
    }
    letter
}

/// Takes one attachment that is no message.
fn attached(file: &mut Open<'_, '_>, compound: &mut Compound<'_>, path: &str) {
    let name = ["3707", "3704", "3001"]
        .into_iter()
        .find_map(|tag| text(file, compound, path, tag, 1_252).filter(|name| !name.is_empty()));
    let claimed = text(file, compound, path, "370E", 1_252).unwrap_or_default();
    if let Some(bytes) = property(file, compound, path, "37010102") {
        file.member(name.as_deref(), &claimed.to_lowercase(), &bytes);
        return;
    }
    // an object: its streams one by one
    let object = format!("{path}__substg1.0_3701000D");
    if compound.is_storage(&object) {
        let streams: Vec<_> = compound
            .walk_storage(&object)
            .map(|entries| {
                entries
                    .take(MAX_ENTRIES)
                    .filter(cfb::Entry::is_stream)
                    .map(|entry| entry.path().to_owned())
                    .collect()
            })
            .unwrap_or_default();
        for stream in streams {
            if !file.has_room_for_mail() {
                return;
            }
            let content = compound.open_stream(&stream).ok();
            if let Some(content) = content.and_then(|stream| file.produce(stream)) {
                file.member(name.as_deref(), "", &content);
            }
        }
    } else if let Some(name) = text(file, compound, path, "3708", 1_252)
        .or_else(|| text(file, compound, path, "370D", 1_252))
    {
        // attached by its path only
        file.link(crate::file::LinkSource::Click, &name, "");
    }
}
