//! The XML of document parts: text, fields, formulas, exchanges.

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::{
    super::{
        html,
        open::Open,
        report::{LinkSource, NoteKind, Stop},
        script,
    },
    argument, field, macros,
};

/// Events that are read of one part.
const MAX_EVENTS: usize = 2_000_000;
/// Bytes of one field or formula.
const MAX_CODE: usize = 16 << 10;

/// What the text that follows is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    /// Nothing that is kept.
    None,
    /// Text that a reader sees.
    Text,
    /// The code of a field.
    Field,
    /// A formula of a cell, or the meaning of a name.
    Formula,
}

struct Part {
    text: String,
    code: String,
    words: Words,
}

/// Reads one part.
pub(in crate::file) fn look(file: &mut Open<'_, '_>, xml: &str) {
    html::declarations(file, xml);
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = false;
    let mut part = Part {
        text: String::new(),
        code: String::new(),
        words: Words::None,
    };
    let room = file.run.limits.text;
    for read in 0.. {
        if read == MAX_EVENTS {
            file.stop(Stop::Kept);
            break;
        }
        match reader.read_event() {
            Ok(Event::Start(element)) => start(file, &mut part, &element, false),
            Ok(Event::Empty(element)) => start(file, &mut part, &element, true),
            Ok(Event::End(element)) => end(file, &mut part, element.local_name().as_ref()),
            Ok(Event::Text(words)) => part.push(&words, room),
            Ok(Event::CData(words)) => part.push(&words, room),
            Ok(Event::GeneralRef(name)) => {
                let c = match name.as_ref() {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => name.resolve_char_ref().ok().flatten(),
                };
                if let Some(c) = c {
                    part.push(c.encode_utf8(&mut [0; 4]), room);
                }
            }
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => {
                file.note(NoteKind::Corrupt, &error.to_string());
                break;
            }
        }
    }
    part.flush(file);
    file.text(&part.text);
    script::links(file, LinkSource::Text, &part.text);
}

impl Part {
    fn push(&mut self, words: &str, room: usize) {
        match self.words {
            Words::None => {}
            Words::Text if self.text.len() + words.len() <= room => self.text.push_str(words),
            // one past the room, so that the report says that some is missing
            Words::Text => {
                let missing = (room + 1).saturating_sub(self.text.len());
                self.text.extend(words.chars().take(missing));
            }
            Words::Field | Words::Formula if self.code.len() + words.len() <= MAX_CODE => {
                self.code.push_str(words);
            }
            Words::Field | Words::Formula => {}
        }
    }

    /// Reads the field that has come to its end.
    fn flush(&mut self, file: &mut Open<'_, '_>) {
        if !self.code.trim().is_empty() {
            field(file, &self.code);
        }
        self.code.clear();
    }
}

fn start(file: &mut Open<'_, '_>, part: &mut Part, element: &BytesStart<'_>, empty: bool) {
    let name = element.local_name();
    match name.as_ref() {
        "t" if !empty => part.words = Words::Text,
        "instrText" | "delInstrText" if !empty => part.words = Words::Field,
        "f" | "definedName" | "formula1" if !empty => {
            part.flush(file);
            part.words = Words::Formula;
            if let Some(name) = attribute(element, "name") {
                macros::autoexec(file, &name);
            }
        }
        "fldSimple" => {
            if let Some(code) = attribute(element, "instr") {
                field(file, &code);
            }
        }
        // the begin, middle or end of a field
        "fldChar" if attribute(element, "fldCharType").is_some_and(|kind| kind != "separate") => {
            part.flush(file);
        }
        "ddeLink" => {
            let service = attribute(element, "ddeService").unwrap_or_default();
            let topic = attribute(element, "ddeTopic").unwrap_or_default();
            file.note(NoteKind::Dde, &format!("{service} {topic}"));
        }
        "hlinkMouseOver" | "hlinkHover" => {
            file.note(
                NoteKind::ExternalReference,
                "action when the mouse passes over",
            );
        }
        "webPr" | "imagedata" | "frame" | "sourceFileName" => {
            for key in ["url", "src", "href", "val"] {
                if let Some(target) = attribute(element, key)
                    && super::is_elsewhere(&target)
                {
                    file.note(NoteKind::ExternalReference, &target);
                    file.link(LinkSource::Load, &target, "");
                }
            }
        }
        "p" | "br" | "si" | "row" | "tab" if part.text.len() <= file.run.limits.text => {
            part.text.push('\n');
        }
        _ => {}
    }
}

fn end(file: &mut Open<'_, '_>, part: &mut Part, name: &str) {
    match name {
        "f" | "definedName" | "formula1" => {
            formula(file, &part.code);
            part.code.clear();
            part.words = Words::None;
        }
        "t" | "instrText" | "delInstrText" => part.words = Words::None,
        _ => {}
    }
}

/// Reads a formula of a cell: an exchange, a link, a call of a macro sheet.
fn formula(file: &mut Open<'_, '_>, code: &str) {
    let folded = code.to_ascii_uppercase();
    // program|topic!item
    if code
        .split_once('|')
        .is_some_and(|(_, topic)| topic.contains('!'))
    {
        file.note(NoteKind::Dde, code);
    }
    if let Some(at) = folded.find("HYPERLINK(") {
        let target = argument(code.get(at + 10..).unwrap_or_default());
        if target.contains(':') {
            file.link(LinkSource::Click, target, "");
        }
    }
    for call in ["WEBSERVICE(", "IMAGE("] {
        if folded.contains(call) {
            file.note(NoteKind::ExternalReference, code);
            script::links(file, LinkSource::Load, code);
        }
    }
    macros::formula(file, code);
}

fn attribute(element: &BytesStart<'_>, wanted: &str) -> Option<String> {
    element
        .attributes()
        .with_checks(false)
        .flatten()
        .take(64)
        .find(|attribute| attribute.key.local_name().as_ref() == wanted)
        .map(|attribute| html::plain(&attribute).into_owned())
}
