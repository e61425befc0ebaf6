//! `winmail.dat` (MS-OXTNEF): attributes, and MAPI properties inside two of them.

use super::{Letter, codepage, lzfu, rtf, with_passwords};
use crate::file::{
    cursor::Cursor,
    open::Open,
    report::{NoteKind, Stop},
};

/// Properties and attributes that are read.
const MAX_PROPERTIES: u32 = 20_000;

#[derive(Default)]
struct Attached<'b> {
    name: String,
    claimed: String,
    bytes: Option<&'b [u8]>,
}

/// Attributes (MS-OXTNEF 2.1.3.2).
const SUBJECT: u32 = 0x0001_8004;
const BODY: u32 = 0x0002_800c;
const MESSAGE_PROPERTIES: u32 = 0x0006_9003;
const CODEPAGE: u32 = 0x0006_9007;
const ATTACHMENT_BEGINS: u32 = 0x0006_9002;
const ATTACHMENT_TITLE: u32 = 0x0001_8010;
const ATTACHMENT_BYTES: u32 = 0x0006_800f;
const ATTACHMENT_PROPERTIES: u32 = 0x0006_9005;

/// Takes a TNEF stream apart.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let bytes = file.bytes;
    let mut letter = Letter::default();
    let mut attachments: Vec<Attached<'_>> = Vec::new();
    let mut page = 1_252;
    let mut at = Cursor::new(bytes.get(6..).unwrap_or_default());
    for _ in 0..MAX_PROPERTIES {
        if at.rest().is_empty() {
            break;
        }
        let Some((attribute, content)) = attribute(&mut at) else {
            file.note(NoteKind::Corrupt, "TNEF attribute");
            break;
        };
        match attribute {
            SUBJECT if letter.subject.is_empty() => {
                letter.subject = codepage::text(content, page);
            }
            BODY => letter.text = codepage::text(content, page),
            CODEPAGE => page = Cursor::new(content).u32().unwrap_or(page),
            MESSAGE_PROPERTIES => of_message(content, page, &mut letter),
            ATTACHMENT_BEGINS => {
                if attachments.len() >= file.run.members_left {
                    file.stop(Stop::Members);
                    break;
                }
                attachments.push(Attached::default());
            }
            _ => {
                if let Some(attached) = attachments.last_mut() {
                    of_attachment(attribute, content, page, attached);
                }
            }
        }
    }
    letter.tell(file);
    with_passwords(file, &letter.words(), |file| {
        for attached in attachments {
            let name = (!attached.name.is_empty()).then_some(attached.name.as_str());
            if let Some(bytes) = attached.bytes
                && let Some(content) = file.produce(bytes)
            {
                file.member(name, &attached.claimed, &content);
            }
        }
    });
}

/// One attribute: level, name, length, content, checksum.
fn attribute<'b>(at: &mut Cursor<'b>) -> Option<(u32, &'b [u8])> {
    at.u8()?;
    let name = at.u32()?;
    let length = at.length()?;
    let content = at.take(length)?;
    // a stream that ends without its last checksum is read all the same
    at.u16();
    Some((name, content))
}

fn of_message(content: &[u8], page: u32, letter: &mut Letter) {
    let mut packed = None;
    for property in properties(content) {
        match property.id {
            0x0037 => letter.subject = property.text(page),
            0x0c1f | 0x5d01 => letter.from = property.text(page),
            0x1000 => letter.text = property.text(page),
            0x1013 => letter.html(&property.text(page)),
            0x1009 => packed = Some(property.value),
            _ => {}
        }
    }
    if let Some(packed) = packed
        && letter.view.is_none()
    {
        match rtf::body(&lzfu::unpack(packed)) {
            rtf::Body::Html(html) => letter.html(&html),
            rtf::Body::Text(plain) if letter.text.trim().is_empty() => letter.text = plain,
            rtf::Body::Text(_) => {}
        }
    }
}

fn of_attachment<'b>(attribute: u32, content: &'b [u8], page: u32, attached: &mut Attached<'b>) {
    match attribute {
        ATTACHMENT_TITLE if attached.name.is_empty() => {
            attached.name = codepage::text(content, page);
        }
        ATTACHMENT_BYTES => attached.bytes = Some(content),
        ATTACHMENT_PROPERTIES => {
            for property in properties(content) {
                match property.id {
                    0x3707 => attached.name = property.text(page),
                    0x3704 if attached.name.is_empty() => attached.name = property.text(page),
                    0x370e => attached.claimed = property.text(page).to_lowercase(),
                    // an object begins with the identifier of its interface
                    0x3701 if property.kind == 0x0d => {
                        attached.bytes = property.value.get(16..).or(attached.bytes);
                    }
                    0x3701 => attached.bytes = Some(property.value),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// A MAPI property; of one with many values the first.
struct Property<'b> {
    id: u16,
    kind: u16,
    value: &'b [u8],
}

impl Property<'_> {
    fn text(&self, page: u32) -> String {
        if self.kind == 0x1f {
            codepage::wide(self.value)
        } else {
            codepage::text(self.value, page)
        }
    }
}

/// The properties of a list (MS-OXTNEF 2.1.3.4), as far as it is sound.
fn properties(content: &[u8]) -> impl Iterator<Item = Property<'_>> {
    let mut at = Cursor::new(content);
    let count = at.u32().unwrap_or_default().min(MAX_PROPERTIES);
    (0..count).map_while(move |_| property(&mut at))
}

fn property<'b>(at: &mut Cursor<'b>) -> Option<Property<'b>> {
    let (kind, id) = (at.u16()?, at.u16()?);
    if id >= 0x8000 {
        at.take(16)?;
        let named = at.u32()?;
        let length = at.length()?;
        if named == 1 {
            padded(at, length)?;
        }
    }
    let (many, kind) = (kind & 0x1000 != 0, kind & 0x0fff);
    let fixed = match kind {
        0x02 | 0x03 | 0x04 | 0x0a | 0x0b => Some(4),
        0x05 | 0x06 | 0x07 | 0x14 | 0x40 => Some(8),
        0x48 => Some(16),
        _ => None,
    };
    let count = if many || fixed.is_none() {
        at.length()?
    } else {
        1
    };
    let mut value: &[u8] = &[];
    for index in 0..count {
        // a value takes at least four bytes, so what is left bounds the count
        let length = match fixed {
            Some(length) => length,
            None => at.length()?,
        };
        let one = padded(at, length)?;
        if index == 0 {
            value = one;
        }
    }
    Some(Property { id, kind, value })
}

/// Takes so many bytes and the padding to the next multiple of four.
fn padded<'b>(at: &mut Cursor<'b>, length: usize) -> Option<&'b [u8]> {
    let value = at.take(length)?;
    at.take(length.wrapping_neg() & 3)
        .or_else(|| at.take(at.rest().len()))?;
    Some(value)
}
