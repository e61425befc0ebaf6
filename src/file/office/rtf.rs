//! Rich text: objects, templates, fields and text, in one pass.
//!
//! Readers forgive nearly anything, and malware counts on it, so groups are only
//! counted and every hexadecimal digit of an object counts, whatever stands
//! between.

use super::{
    super::{
        open::Open,
        report::{LinkSource, NoteKind, Stop},
        script::{self, text_of},
    },
    field, is_elsewhere, package,
};

/// Groups within groups that are told apart.
const MAX_DEPTH: usize = 500;
/// Objects and pictures that are taken out.
const MAX_OBJECTS: usize = 100;
/// How a compound file begins.
const COMPOUND: [u8; 4] = [0xd0, 0xcf, 0x11, 0xe0];

/// Where the text of a group goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Into {
    Text,
    Nowhere,
    Object,
    Picture,
    Field,
    Template,
    Class,
}

struct Document {
    groups: Vec<Into>,
    now: Into,
    /// Groups deeper than are told apart.
    beyond: usize,
    text: String,
    field: String,
    template: String,
    class: String,
    data: Vec<u8>,
    half: Option<u8>,
    taken: usize,
}

/// Reads rich text.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let bytes = file.bytes;
    let mut document = Document {
        groups: Vec::new(),
        now: Into::Text,
        beyond: 0,
        text: String::new(),
        field: String::new(),
        template: String::new(),
        class: String::new(),
        data: Vec::new(),
        half: None,
        taken: 0,
    };
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        rest = match first {
            b'{' => {
                document.open();
                tail
            }
            b'}' => {
                document.close(file);
                tail
            }
            b'\\' => document.control(file, tail),
            b'\r' | b'\n' => tail,
            byte => {
                document.byte(*byte);
                tail
            }
        };
    }
    // a file that ends within groups
    document.end(file, document.now);
    let limit = file.run.limits.text;
    if document.text.len() > limit {
        file.stop(Stop::Kept);
    }
    file.text(&document.text);
    script::links(file, LinkSource::Text, &document.text);
}

impl Document {
    fn open(&mut self) {
        if self.groups.len() < MAX_DEPTH {
            self.groups.push(self.now);
        } else {
            self.beyond += 1;
        }
    }

    fn close(&mut self, file: &mut Open<'_, '_>) {
        if let Some(less) = self.beyond.checked_sub(1) {
            self.beyond = less;
            return;
        }
        let outer = self.groups.pop().unwrap_or(Into::Text);
        if outer != self.now {
            self.end(file, self.now);
        }
        self.now = outer;
    }

    /// Ends what a group gathered.
    fn end(&mut self, file: &mut Open<'_, '_>, group: Into) {
        match group {
            Into::Object => self.object(file),
            Into::Picture => {
                let data = std::mem::take(&mut self.data);
                self.half = None;
                if data.len() > 64 && self.may_take(file) {
                    file.member(None, "", &data);
                }
            }
            Into::Field => field(file, &std::mem::take(&mut self.field)),
            Into::Template => {
                let target = std::mem::take(&mut self.template);
                let target = target.trim();
                if is_elsewhere(target) {
                    file.note(NoteKind::ExternalTemplate, target);
                    file.link(LinkSource::Load, target, "");
                }
            }
            Into::Class => {
                let class = std::mem::take(&mut self.class);
                file.note(NoteKind::EmbeddedObject, class.trim());
            }
            Into::Text | Into::Nowhere => {}
        }
    }

    fn may_take(&mut self, file: &mut Open<'_, '_>) -> bool {
        self.taken += 1;
        if self.taken > MAX_OBJECTS {
            file.stop(Stop::Members);
        }
        self.taken <= MAX_OBJECTS
    }

    /// Takes the file out of an object: OLE 1.0 around a package or around a
    /// compound file ([MS-OLEDS] section 2.2.5).
    fn object(&mut self, file: &mut Open<'_, '_>) {
        self.half = None;
        let data = std::mem::take(&mut self.data);
        if data.is_empty() || !self.may_take(file) {
            return;
        }
        let Some(data) = file.produce(data.as_slice()) else {
            return;
        };
        let (class, native) = embedded(&data).unwrap_or((String::new(), &data));
        file.note(
            NoteKind::EmbeddedObject,
            if class.is_empty() { "object" } else { &class },
        );
        if let Some((label, inner)) = package::packed(native)
            && class.eq_ignore_ascii_case("package")
        {
            file.member(Some(&label), "", inner);
        } else if let Some(at) = memchr::memmem::find(&data, &COMPOUND) {
            file.member(None, "", data.get(at..).unwrap_or_default());
        } else {
            file.member(None, "", native);
        }
    }

    fn byte(&mut self, byte: u8) {
        match self.now {
            Into::Object | Into::Picture => {
                let Some(digit) = char::from(byte)
                    .to_digit(16)
                    .and_then(|d| u8::try_from(d).ok())
                else {
                    return;
                };
                match self.half.take() {
                    Some(high) => self.data.push(high << 4 | digit),
                    None => self.half = Some(digit),
                }
            }
            _ => self.character(char::from(byte)),
        }
    }

    fn character(&mut self, c: char) {
        let (into, most) = match self.now {
            // one more than is kept, so that the report says so
            Into::Text => (&mut self.text, 1 << 20),
            Into::Field => (&mut self.field, 16 << 10),
            Into::Template => (&mut self.template, 8 << 10),
            Into::Class => (&mut self.class, 200),
            Into::Nowhere | Into::Object | Into::Picture => return,
        };
        if into.len() < most {
            into.push(c);
        }
    }

    /// A control word or symbol; what follows it.
    fn control<'b>(&mut self, file: &mut Open<'_, '_>, tail: &'b [u8]) -> &'b [u8] {
        let letters = tail
            .iter()
            .take(64)
            .take_while(|b| b.is_ascii_alphabetic())
            .count();
        let (word, rest) = tail.split_at_checked(letters).unwrap_or((tail, &[]));
        if word.is_empty() {
            return self.symbol(rest);
        }
        let digits = rest
            .iter()
            .enumerate()
            .take(12)
            .take_while(|(at, b)| b.is_ascii_digit() || (*at == 0 && **b == b'-'))
            .count();
        let (number, rest) = rest.split_at_checked(digits).unwrap_or((rest, &[]));
        let number: i64 = std::str::from_utf8(number)
            .ok()
            .and_then(|n| n.parse().ok())
            .unwrap_or_default();
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        self.word(file, word, number, rest)
    }

    fn symbol<'b>(&mut self, rest: &'b [u8]) -> &'b [u8] {
        match rest {
            [b'\'', high, low, after @ ..] => {
                let digits = [*high, *low];
                let byte = std::str::from_utf8(&digits)
                    .ok()
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok());
                // within an object the digits of an escape are skipped by readers
                if let (Some(byte), false) =
                    (byte, matches!(self.now, Into::Object | Into::Picture))
                {
                    text_of(&[byte]).chars().for_each(|c| self.character(c));
                }
                after
            }
            [b'*', after @ ..] => {
                // what follows is skipped unless a known word comes
                if self.now == Into::Text {
                    self.now = Into::Nowhere;
                }
                after
            }
            [b'~', after @ ..] => {
                self.character(' ');
                after
            }
            [c @ (b'{' | b'}' | b'\\'), after @ ..] => {
                self.character(char::from(*c));
                after
            }
            [_, after @ ..] => after,
            [] => rest,
        }
    }

    fn word<'b>(
        &mut self,
        file: &mut Open<'_, '_>,
        word: &[u8],
        number: i64,
        rest: &'b [u8],
    ) -> &'b [u8] {
        match word {
            b"par" | b"line" | b"row" | b"sect" | b"page" => self.character('\n'),
            b"tab" | b"cell" => self.character('\t'),
            b"u" => {
                let unit = u32::try_from(number.rem_euclid(0x1_0000)).unwrap_or_default();
                self.character(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
                // the character for readers without Unicode
                return match rest {
                    [b'\\', b'\'', _, _, after @ ..] => after,
                    [b'\\' | b'{' | b'}', ..] | [] => rest,
                    [_, after @ ..] => after,
                };
            }
            b"bin" => {
                let length = usize::try_from(number).unwrap_or_default().min(rest.len());
                let (binary, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                if matches!(self.now, Into::Object | Into::Picture) {
                    self.data.extend_from_slice(binary);
                }
                return after;
            }
            b"objdata" => self.now = Into::Object,
            b"objclass" => self.now = Into::Class,
            b"objupdate" => file.note(NoteKind::EmbeddedObject, "updated on opening"),
            b"objautlink" | b"objlink" => file.note(NoteKind::ExternalReference, "linked object"),
            b"template" => self.now = Into::Template,
            b"fldinst" => self.now = Into::Field,
            b"fldrslt" => self.now = Into::Text,
            b"pict" => self.now = Into::Picture,
            b"fonttbl"
            | b"colortbl"
            | b"stylesheet"
            | b"info"
            | b"themedata"
            | b"colorschememapping"
            | b"listtable"
            | b"datastore"
            | b"latentstyles" => {
                self.now = Into::Nowhere;
            }
            _ => {}
        }
        rest
    }
}

/// Class and native data of an object in OLE 1.0 form.
fn embedded(data: &[u8]) -> Option<(String, &[u8])> {
    let rest = data.get(8..)?;
    let (class, rest) = counted(rest)?;
    let (_topic, rest) = counted(rest)?;
    let (_item, rest) = counted(rest)?;
    let (native, _) = counted(rest)?;
    let class = class.split(|b| *b == 0).next().unwrap_or_default();
    Some((text_of(class), native))
}

/// Bytes behind their length; as far as they go when there are fewer.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    Some(rest.split_at_checked(length).unwrap_or((rest, &[])))
}
