//! A mail as a file, read by the room `message`.

use super::{Letter, with_passwords};
use crate::{
    file::{open::Open, report::Stop},
    message::{Defect, Limits, ParsedMessage, parse_with_files},
};

/// Takes a mail apart, and the messages inside it with it.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let (message, files) = parse_with_files(file.bytes, &Limits::default());
    let cut = message.defects.iter().any(|defect| {
        matches!(
            defect,
            Defect::TooDeep | Defect::TooManyParts | Defect::TooManyAttachments
        )
    });
    if cut {
        file.stop(Stop::Members);
    }
    let mut words = String::new();
    let inside = message.nested.iter().map(|nested| nested.message.as_ref());
    for message in std::iter::once(&message).chain(inside) {
        let letter = letter(message);
        letter.tell(file);
        words.push_str(&letter.words());
    }
    let size: usize = files.iter().map(|file| file.bytes.len()).sum();
    file.run.produced_left = file.run.produced_left.saturating_sub(size);
    with_passwords(file, &words, |file| {
        for carried in files {
            // a mail among the attachments was read with this one
            let lower = carried.name.as_deref().unwrap_or_default().to_lowercase();
            if !lower.ends_with(".eml") {
                file.member(carried.name.as_deref(), &carried.claimed, &carried.bytes);
            }
        }
    });
}

fn letter(message: &ParsedMessage) -> Letter {
    let text = message.text.as_ref();
    Letter {
        from: message
            .author()
            .map(|person| person.address.clone())
            .unwrap_or_default(),
        subject: message.subject.exposed().clone(),
        text: text.map(|text| text.exposed().clone()).unwrap_or_default(),
        view: message.view.clone(),
    }
}
