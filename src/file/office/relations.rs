//! Relationships of Office Open XML parts (ECMA-376 part 2, section 9.3): what is
//! loaded from elsewhere, and where links lead.

use quick_xml::{Reader, events::Event};

use super::{
    super::{
        html,
        open::Open,
        report::{LinkSource, NoteKind},
    },
    is_elsewhere,
};

/// Relationships that are read of one part.
const MAX_RELATIONS: usize = 20_000;

/// Reads the relationships of one part.
pub(super) fn look(file: &mut Open<'_, '_>, text: &str) {
    html::declarations(file, text);
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    for _ in 0..MAX_RELATIONS {
        let element = match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) => element,
            Ok(Event::Eof) => return,
            Ok(_) => continue,
            Err(error) => return file.note(NoteKind::Corrupt, &error.to_string()),
        };
        if element.local_name().as_ref() != "Relationship" {
            continue;
        }
        let (mut kind, mut target, mut external) = (String::new(), String::new(), false);
        for attribute in element.attributes().with_checks(false).flatten().take(16) {
            let value = html::plain(&attribute);
            match attribute.key.local_name().as_ref() {
                "Type" => kind = value.rsplit('/').next().unwrap_or_default().to_owned(),
                "Target" => target = value.into_owned(),
                "TargetMode" => external = value.eq_ignore_ascii_case("external"),
                _ => {}
            }
        }
        // programs follow an absolute target whatever the mode says
        if external || is_elsewhere(&target) {
            relation(file, &kind, &target);
        }
    }
}

fn relation(file: &mut Open<'_, '_>, kind: &str, target: &str) {
    match kind {
        "hyperlink" => file.link(LinkSource::Click, target, ""),
        "attachedTemplate" => {
            // a template of the own machine is what every document has
            if is_elsewhere(target) {
                file.note(NoteKind::ExternalTemplate, target);
                file.link(LinkSource::Load, target, "");
            }
        }
        _ => {
            let elsewhere = is_elsewhere(target);
            if elsewhere || matches!(kind, "oleObject" | "frame" | "subDocument") {
                file.note(NoteKind::ExternalReference, &format!("{kind} {target}"));
            }
            if elsewhere {
                file.link(LinkSource::Load, target, "");
            }
        }
    }
}
