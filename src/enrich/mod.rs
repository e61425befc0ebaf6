//! Observables out of a message.
//!
//! Pure and bounded: nothing here resolves a name or opens a link. Look-ups, when
//! they come, stand beside this behind their own switch.

mod links;

use linkify::{LinkFinder, LinkKind};

use crate::message::{HtmlView, Limits, ParsedMessage, links_of_text};
pub use crate::message::{LinkFacts, Observable, ObservableKind};
use links::{Target, link};

/// Observables kept of one message.
const MAX_OBSERVABLES: usize = 2_000;

/// Every observable of a message and of the messages inside it, each once, in
/// order of appearance, at most 2,000.
#[must_use]
pub fn observables(message: &ParsedMessage) -> Vec<Observable> {
    let mut found = Found::default();
    found.message(message, "");
    for (index, nested) in message.nested.iter().enumerate() {
        found.message(&nested.message, &format!("nested:{index}/"));
    }
    if let Some(raw) = &message.raw_view {
        found.text(raw.exposed(), "raw");
    }
    found.list
}

#[derive(Default)]
struct Found {
    list: Vec<Observable>,
    seen: std::collections::HashMap<(ObservableKind, String), usize>,
}

impl Found {
    fn push(&mut self, new: Observable) {
        let key = (new.kind, new.value.clone());
        if let Some(known) = self.seen.get(&key).and_then(|at| self.list.get_mut(*at)) {
            // the same link clicked and loaded counts as clicked, a deceiving
            // text counts wherever it stands
            if let (Some(old), Some(facts)) = (&mut known.link, new.link) {
                if old.place == crate::message::LinkPlace::Load {
                    old.place = facts.place;
                }
                if old.shown_host.is_none() {
                    old.shown_host = facts.shown_host;
                }
            }
            return;
        }
        if self.list.len() < MAX_OBSERVABLES {
            self.seen.insert(key, self.list.len());
            self.list.push(new);
        }
    }

    fn message(&mut self, message: &ParsedMessage, prefix: &str) {
        for (header, people) in [
            ("From", &message.from),
            ("Sender", &message.sender),
            ("Reply-To", &message.reply_to),
        ] {
            for person in people.iter().filter(|p| !p.domain().is_empty()).take(20) {
                let place = format!("{prefix}header:{header}");
                self.push(Observable::new(
                    ObservableKind::Email,
                    person.address.clone(),
                    &place,
                ));
            }
        }
        if let Some(view) = &message.view {
            self.view(view, &format!("{prefix}body:html"));
        }
        if let Some(text) = &message.text {
            self.text(text.exposed(), &format!("{prefix}body:text"));
        }
        for (index, file) in message.attachments.iter().enumerate() {
            let place = format!("{prefix}attachment:{index}");
            if !file.sha256.is_empty() {
                self.push(Observable::new(
                    ObservableKind::Hash,
                    file.sha256.clone(),
                    &place,
                ));
            }
            if let Some(text) = &file.text {
                if file.is_html {
                    self.view(&HtmlView::of(text.exposed(), &Limits::default()), &place);
                } else {
                    self.text(text.exposed(), &place);
                }
            }
        }
    }

    fn view(&mut self, view: &HtmlView, place: &str) {
        let base = view.base.as_deref();
        for target in &view.links {
            self.target(link(target, base), place);
        }
        self.text(&view.text, place);
    }

    fn target(&mut self, target: Option<Target>, place: &str) {
        match target {
            Some(Target::Link { value, facts }) => {
                let kind = if facts.host.parse::<std::net::IpAddr>().is_ok() {
                    ObservableKind::Ip
                } else {
                    ObservableKind::Domain
                };
                let domain = facts.domain.clone();
                let mut url = Observable::new(ObservableKind::Url, value, place);
                url.link = Some(facts);
                self.push(url);
                if !domain.is_empty() {
                    self.push(Observable::new(kind, domain, place));
                }
            }
            Some(Target::Other(kind, value)) => self.push(Observable::new(kind, value, place)),
            None => {}
        }
    }

    fn text(&mut self, text: &str, place: &str) {
        for written in links_of_text(text, 500) {
            self.target(links::written(&written), place);
        }
        if text.contains('@') {
            let end = (0..=(256 << 10).min(text.len()))
                .rev()
                .find(|at| text.is_char_boundary(*at));
            let text = text.get(..end.unwrap_or_default()).unwrap_or_default();
            let mut finder = LinkFinder::new();
            finder.kinds(&[LinkKind::Email]);
            for address in finder.links(text).take(200) {
                let value = address.as_str().to_lowercase();
                self.push(Observable::new(ObservableKind::Email, value, place));
            }
        }
        for number in phones(text).into_iter().take(50) {
            self.push(Observable::new(ObservableKind::Phone, number, place));
        }
    }
}

/// International numbers written with a plus, and North American ones as people
/// write them: `+1 (888) 555-0100`, `1-888-555-0100`.
fn phones(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut run = String::new();
    for c in text.chars().take(200_000).chain(std::iter::once('\n')) {
        let belongs = c.is_ascii_digit()
            || (c == '+' && run.is_empty())
            || (!run.is_empty() && matches!(c, ' ' | '-' | '(' | ')' | '.' | '\u{a0}'));
        if belongs && run.len() < 40 {
            run.push(c);
            continue;
        }
        if run.len() >= 10 {
            found.extend(phone(&run));
        }
        run.clear();
    }
    found
}

fn phone(run: &str) -> Option<String> {
    let digits: String = run.chars().filter(char::is_ascii_digit).collect();
    let international = run.starts_with('+') && (9..=15).contains(&digits.len());
    let separators = run.chars().filter(|c| matches!(c, '-' | ')' | ' ')).count();
    let american = !run.contains('.')
        && run.contains('-')
        && (2..=5).contains(&separators)
        && (digits.len() == 10 || (digits.len() == 11 && digits.starts_with('1')));
    (international || american).then(|| {
        if run.starts_with('+') {
            format!("+{digits}")
        } else {
            digits
        }
    })
}

#[cfg(test)]
mod tests;
