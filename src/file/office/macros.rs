//! What is remarkable about macros: that they run by themselves, and what they call.

use super::super::{
    open::Open,
    report::{LinkSource, NoteKind},
    script,
};

/// Names that programs call by themselves (Word, Excel, PowerPoint, Access).
const AUTOEXEC: [&str; 26] = [
    "autoexec",
    "autoopen",
    "autoclose",
    "autoexit",
    "autonew",
    "auto_open",
    "auto_close",
    "auto_activate",
    "auto_deactivate",
    "document_open",
    "document_close",
    "document_new",
    "document_beforeclose",
    "document_contentcontrolonenter",
    "documentopen",
    "documentbeforeclose",
    "workbook_open",
    "workbook_activate",
    "workbook_close",
    "workbook_beforeclose",
    "workbook_windowactivate",
    "worksheet_activate",
    "worksheet_calculate",
    "presentation_open",
    "onslideshowpagechange",
    "app_documentopen",
];
/// Events of controls that come without a click.
const EVENTS: [&str; 8] = [
    "_layout",
    "_painted",
    "_gotfocus",
    "_mouseenter",
    "_mousehover",
    "_documentcomplete",
    "_beforenavigate2",
    "_oninitialize",
];
/// Functions of Excel 4 macros that run, load or write.
const FORMULAS: [&str; 10] = [
    "EXEC(",
    "CALL(",
    "REGISTER(",
    "REGISTER.ID(",
    "FORMULA.FILL(",
    "FOPEN(",
    "FWRITE(",
    "SEND.KEYS(",
    "URLDOWNLOADTOFILE",
    "SHELLEXECUTE",
];
/// Bytes of macro text kept.
const MAX_TEXT: usize = 64 << 10;

/// Notes a name when programs call it by themselves.
pub(super) fn autoexec(file: &mut Open<'_, '_>, name: &str) {
    let folded = name
        .trim()
        .trim_start_matches("_xlnm.")
        .to_ascii_lowercase();
    let folded = folded.split('(').next().unwrap_or_default();
    // Excel takes any name that begins so: Auto_Open1
    let known = AUTOEXEC.contains(&folded)
        || folded.starts_with("auto_open")
        || EVENTS.iter().any(|event| folded.ends_with(event));
    if known {
        file.note(NoteKind::MacroAutoexec, name.trim());
    }
}

/// Notes the call of an Excel 4 macro.
pub(super) fn formula(file: &mut Open<'_, '_>, code: &str) {
    let folded = code.to_ascii_uppercase();
    for call in FORMULAS {
        let at = folded.find(call);
        let before = at
            .and_then(|at| at.checked_sub(1))
            .and_then(|at| folded.as_bytes().get(at));
        if at.is_some() && !before.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'.') {
            file.note(NoteKind::MacroSuspicious, code);
            script::links(file, LinkSource::Script, code);
            return;
        }
    }
}

/// Reads the source of a macro module.
pub(super) fn look(file: &mut Open<'_, '_>, code: &str) {
    for line in code.lines() {
        let mut words = line.split_whitespace();
        let named = words
            .by_ref()
            .take(4)
            .find(|word| {
                ["sub", "function"]
                    .iter()
                    .any(|w| word.eq_ignore_ascii_case(w))
            })
            .and_then(|_| words.next());
        if let Some(name) = named {
            let name = name.split('(').next().unwrap_or_default();
            autoexec(file, name);
        }
    }
    for call in script::calls(code) {
        file.note(NoteKind::MacroSuspicious, call);
    }
    script::examine(file, code);
    let end = (0..=MAX_TEXT.min(code.len()))
        .rev()
        .find(|at| code.is_char_boundary(*at))
        .unwrap_or_default();
    file.text(code.get(..end).unwrap_or_default());
}
