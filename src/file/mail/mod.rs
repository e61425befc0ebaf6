//! Mails inside: `.eml`, Outlook's `.msg` and `winmail.dat`.
//!
//! Their text and links go into the report of the file, what they carry becomes
//! members. Passwords that such a mail names are tried on its own files.

mod codepage;
mod eml;
mod lzfu;
mod msg;
mod rtf;
mod tnef;

use super::{
    kind::FileKind,
    open::Open,
    passwords::words_that_may_be_passwords,
    report::{LinkSource, NoteKind},
};
use crate::message::{HtmlView, Limits, LinkPlace, links_of_text};

/// Takes a mail apart.
pub(super) fn look(file: &mut Open<'_, '_>) {
    match file.report.kind {
        FileKind::Msg => msg::look(file),
        FileKind::Tnef => tnef::look(file),
        _ => eml::look(file),
    }
}

/// What a mail says.
#[derive(Default)]
struct Letter {
    from: String,
    subject: String,
    /// The plain text.
    text: String,
    /// What is seen of the HTML.
    view: Option<HtmlView>,
}

impl Letter {
    /// Takes a body in HTML, unless there is one.
    fn html(&mut self, html: &str) {
        if self.view.is_none() && !html.trim().is_empty() {
            self.view = Some(HtmlView::of(html, &Limits::default()));
        }
    }

    /// Writes the letter into the report.
    fn tell(&self, file: &mut Open<'_, '_>) {
        let detail = format!("{}: {}", self.from, self.subject);
        let detail = detail.trim_matches([':', ' ']);
        file.note(NoteKind::NestedMail, detail);
        file.text(&self.subject);
        if let Some(view) = &self.view {
            for link in &view.links {
                let source = match link.place {
                    LinkPlace::Click => LinkSource::Click,
                    LinkPlace::Form => LinkSource::Form,
                    LinkPlace::Refresh => LinkSource::Refresh,
                    LinkPlace::Load => LinkSource::Load,
                    LinkPlace::Mention => LinkSource::Script,
                };
                file.link(source, &link.target, &link.text);
            }
            if view.password_field {
                file.note(NoteKind::PasswordForm, detail);
            }
            file.text(&view.text);
        }
        for link in links_of_text(&self.text, file.run.limits.links) {
            file.link(LinkSource::Text, &link, "");
        }
        if self
            .view
            .as_ref()
            .is_none_or(|view| view.text.trim().is_empty())
        {
            file.text(&self.text);
        }
    }

    /// Everything in it that may name a password.
    fn words(&self) -> String {
        let seen = self.view.as_ref().map_or("", |view| view.text.as_str());
        [&self.subject, "\n", &self.text, "\n", seen].concat()
    }
}

/// Takes members with the passwords that a text names, besides those known.
fn with_passwords(file: &mut Open<'_, '_>, text: &str, take: impl FnOnce(&mut Open<'_, '_>)) {
    let mut words = words_that_may_be_passwords(text);
    words.extend(file.run.passwords.iter().cloned());
    let known = std::mem::replace(&mut file.run.passwords, words.into());
    take(file);
    file.run.passwords = known;
}

#[cfg(test)]
mod tests;
