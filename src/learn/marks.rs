//! Marks of collecting: what tells from which collection a message comes and not
//! what it wants. The model does not see them; what they would change is measured.

use crate::message::ParsedMessage;

/// Octets of a message that are looked at.
const READ: usize = 200_000;

/// The marks of a message: its headers' names, mail program, year, character sets,
/// number of hops, and the habits of mailing lists.
#[must_use]
pub fn of(raw: &[u8], message: &ParsedMessage) -> Vec<String> {
    let text = String::from_utf8_lossy(raw.get(..READ).unwrap_or(raw)).to_lowercase();
    let mut marks = Vec::new();
    let mut hops = 0;
    let head = text.lines().take_while(|line| !line.is_empty());
    for line in head {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            continue;
        }
        marks.push(format!("header {name}"));
        let value = value.trim();
        match name {
            "received" => hops += 1,
            "x-mailer" | "user-agent" => {
                let program = value.split(|c: char| !c.is_alphanumeric()).next();
                marks.push(format!("program {}", program.unwrap_or_default()));
            }
            _ => {}
        }
    }
    marks.push(format!("hops {}", hops.min(12)));
    for set in text.split("charset=").skip(1).take(20) {
        let set: String = set
            .trim_start_matches(['"', '\''])
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '-')
            .collect();
        marks.push(format!("charset {set}"));
    }
    if let Some(date) = message.date {
        marks.push(format!("year {}", date.format("%Y")));
    }
    let subject = message.subject.exposed();
    let visible = message.visible_text();
    for (is, mark) in [
        (subject.contains('[') && subject.contains(']'), "tag"),
        (visible.lines().any(|line| line.starts_with('>')), "quoted"),
        (visible.contains("____________"), "footer"),
        (visible.contains("\n-- \n"), "signature"),
        (
            visible.contains("\n+++ ") || visible.contains("\n@@ "),
            "patch",
        ),
        (message.html.is_some(), "html"),
    ] {
        if is {
            marks.push(mark.to_owned());
        }
    }
    marks.sort_unstable();
    marks.dedup();
    marks
}
