//! Scripts and plain text: links, and what code hides.
//!
//! Nothing is run. Code is read as text; the encodings that hide a link or a file
//! in it are undone for a few layers, within the bounds of [`Open`].

mod calendar;
mod decoded;
mod encoding;

use super::{
    html,
    kind::FileKind,
    open::Open,
    report::{LinkSource, NoteKind, Stop},
};
use crate::message::links_of_text;

pub(super) use encoding::{printable, text_of};

/// Encodings within encodings that are undone.
const MAX_LAYERS: usize = 3;
/// Encoded pieces of one script that are undone.
const MAX_PIECES: usize = 200;
/// Bytes that are searched for links at a time; what `links_of_text` reads at most.
const CHUNK: usize = 1 << 20;
/// Such pieces of one text.
const MAX_CHUNKS: usize = 16;
/// Links kept of one piece of text.
const MAX_LINKS: usize = 1_000;

/// Calls that run what they are given.
const EVALUATORS: [&str; 14] = [
    "eval(",
    "function(atob",
    "new function(",
    "document.write(",
    "document.writeln(",
    "execscript(",
    "executeglobal",
    "execute(",
    "invoke-expression",
    "iex(",
    "iex ",
    "| iex",
    "|iex",
    "settimeout(atob",
];
/// Calls that turn what nobody reads into code.
const DECODERS: [&str; 11] = [
    "unescape(",
    "atob(",
    "fromcharcode",
    "decodeuricomponent(",
    "frombase64string",
    "strreverse(",
    "[char]",
    "-bxor",
    "charcodeat(",
    "split('').reverse",
    "split(\"\").reverse",
];
/// What scripts and macros call to fetch, write or run something.
const CALLS: [&str; 38] = [
    "shell(",
    "shell ",
    "createobject",
    "getobject(",
    "activexobject",
    "wscript.shell",
    "shell.application",
    "shellexecute",
    "powershell",
    "cmd.exe",
    "cmd /c",
    "mshta",
    "rundll32",
    "regsvr32",
    "certutil",
    "bitsadmin",
    "wmic",
    "winmgmts:",
    "win32_process",
    "urldownloadtofile",
    "downloadstring",
    "downloadfile",
    "downloaddata",
    "invoke-webrequest",
    "start-bitstransfer",
    "msxml2.xmlhttp",
    "msxml2.serverxmlhttp",
    "winhttp.winhttprequest",
    "adodb.stream",
    "scripting.filesystemobject",
    "savetofile",
    "virtualalloc",
    "createthread",
    "callwindowproc",
    "invoke-expression",
    "-encodedcommand",
    "start-process",
    "schtasks",
];

/// Reads a script that a double click runs.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let code = text_of(file.bytes);
    let calls = calls(&code);
    file.note(
        NoteKind::Script,
        if calls.is_empty() {
            "script".to_owned()
        } else {
            calls.join(", ")
        }
        .as_str(),
    );
    let folded = code.get(..4_096).unwrap_or(&code).to_ascii_lowercase();
    if ["<html", "<hta:", "<script", "<body", "<job"]
        .iter()
        .any(|tag| folded.contains(tag))
    {
        html::page(file, &code);
    }
    examine(file, &code);
}

/// Reads plain text, calendars and contacts.
pub(super) fn text(file: &mut Open<'_, '_>) {
    let text = text_of(file.bytes);
    match file.report.kind {
        FileKind::Calendar | FileKind::VCard => calendar::look(file, &text),
        _ => {
            exchanged(file, &text);
            file.text(&text);
            links(file, LinkSource::Text, &text);
        }
    }
}

/// Notes cells of a text table that run a program when a spreadsheet opens it.
fn exchanged(file: &mut Open<'_, '_>, text: &str) {
    for line in text.lines().take(10_000) {
        let folded = line.get(..400).unwrap_or(line).to_ascii_lowercase();
        if (folded.contains("|'") || folded.contains("|\"") || folded.contains("dde("))
            && folded.split([',', ';', '\t']).any(|cell| {
                cell.trim_start_matches(['"', ' '])
                    .starts_with(['=', '+', '-', '@'])
            })
        {
            file.note(NoteKind::Dde, line.trim());
        }
    }
}

/// Keeps the links written out in a text.
pub(super) fn links(file: &mut Open<'_, '_>, source: LinkSource, text: &str) {
    let mut rest = text;
    for _ in 0..MAX_CHUNKS {
        if rest.is_empty() {
            return;
        }
        let wanted = rest.len().min(CHUNK);
        let end = (wanted.saturating_sub(8_192)..=wanted)
            .rev()
            .find(|at| {
                *at == rest.len()
                    || rest
                        .as_bytes()
                        .get(*at)
                        .is_some_and(u8::is_ascii_whitespace)
            })
            .or_else(|| (0..=wanted).rev().find(|at| rest.is_char_boundary(*at)))
            .unwrap_or(rest.len());
        let (head, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        for link in links_of_text(head, MAX_LINKS) {
            file.link(source, tidy(&link), "");
        }
        rest = tail;
    }
    if !rest.is_empty() {
        file.stop(Stop::Kept);
    }
}

/// A link without the marks of code that stand behind it.
fn tidy(link: &str) -> &str {
    let end = link
        .find(['"', '\'', '`', '<', '>', '\\', '^', '{', '}', '|'])
        .unwrap_or(link.len());
    link.get(..end)
        .unwrap_or(link)
        .trim_end_matches([')', ';', ',', '.', ']'])
}

/// The calls that fetch, write or run something, each once.
pub(super) fn calls(code: &str) -> Vec<&'static str> {
    let folded = code.to_ascii_lowercase();
    CALLS
        .into_iter()
        .filter(|call| named(&folded, call))
        .map(str::trim)
        .collect()
}

/// Whether a call stands in the code as a word of its own.
fn named(folded: &str, call: &str) -> bool {
    memchr::memmem::find_iter(folded.as_bytes(), call.as_bytes())
        .take(1_000)
        .any(|at| {
            let before = at.checked_sub(1).and_then(|at| folded.as_bytes().get(at));
            !before.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
        })
}

/// Searches code for links and for what it hides: links, pages and files in
/// layers of encoding. Found files become members.
pub(super) fn examine(file: &mut Open<'_, '_>, code: &str) {
    let mut waiting = vec![(decoded::joined(code), 0)];
    let mut left = MAX_PIECES;
    while let Some((code, layer)) = waiting.pop() {
        links(file, LinkSource::Script, &code);
        if layer == 0 {
            obfuscation(file, &code);
        }
        if layer == MAX_LAYERS {
            continue;
        }
        for piece in decoded::pieces(&code, left) {
            left = left.saturating_sub(1);
            let Some(piece) = file.produce(piece.as_slice()) else {
                continue;
            };
            match FileKind::of(&piece, None, "") {
                FileKind::Unknown | FileKind::Text | FileKind::Script | FileKind::Empty => {
                    let text = text_of(&piece);
                    if decoded::is_readable(&text) {
                        waiting.push((decoded::joined(&text), layer + 1));
                    }
                }
                _ => file.member(None, "", &piece),
            }
        }
    }
}

/// Notes code that is written so that nobody reads it.
fn obfuscation(file: &mut Open<'_, '_>, code: &str) {
    let folded = code.to_ascii_lowercase();
    let has = |words: &[&'static str]| {
        words
            .iter()
            .copied()
            .find(|word| memchr::memmem::find(folded.as_bytes(), word.as_bytes()).is_some())
    };
    if let (Some(runs), Some(decodes)) = (has(&EVALUATORS), has(&DECODERS)) {
        let both = format!("{} with {}", runs.trim(), decodes);
        file.note(NoteKind::ObfuscatedScript, &both);
    }
    for word in [" -enc ", "-encodedcommand ", " -e jab", " -ec "] {
        if folded.contains(word) && folded.contains("powershell") {
            file.note(NoteKind::ObfuscatedScript, word.trim());
            break;
        }
    }
    let escapes = decoded::escapes(code);
    if escapes >= 100 {
        let detail = format!("{escapes} escaped characters");
        file.note(NoteKind::ObfuscatedScript, &detail);
    }
    if folded.matches("chr(").take(20).count() == 20
        || folded.matches("chrw(").take(20).count() == 20
    {
        file.note(NoteKind::ObfuscatedScript, "text put together of Chr()");
    }
    // set by the tools that scramble JavaScript
    if folded.matches("_0x").take(20).count() == 20 {
        file.note(NoteKind::ObfuscatedScript, "scrambled names");
    }
}

#[cfg(test)]
mod tests;
