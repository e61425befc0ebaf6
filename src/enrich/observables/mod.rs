//! Observables out of a message.
//!
//! Pure and bounded: nothing here resolves a name or opens a link. It may use
//! `message` and `file` and nothing else of the house.

mod embedded;
mod links;
mod money;
mod written;

use std::collections::HashMap;

use linkify::{LinkFinder, LinkKind};
use url::Url;

use crate::file::{FileReport, LinkSource};
use crate::message::{
    Attachment, HtmlLink, HtmlView, Limits, LinkPlace, ParsedMessage, Reading, Recipients,
    is_public,
};
pub use crate::message::{LinkFacts, Observable, ObservableKind};
use links::{Target, link};
use written::{What, written};

/// Observables kept of one message.
const MAX_OBSERVABLES: usize = 2_000;
/// Places kept of one observable.
const MAX_PLACES: usize = 20;
/// Links taken of one text.
const MAX_WRITTEN: usize = 2_000;
/// Documents inside links (`data:`) inside documents that are read.
const MAX_DEPTH: usize = 2;

/// Every observable of a message and of the messages inside it, each once, in
/// order of appearance, at most 2,000.
#[must_use]
pub fn observables(message: &ParsedMessage) -> Vec<Observable> {
    let mut found = Found::new(message);
    found.message(message, "");
    for (index, nested) in message.nested.iter().enumerate() {
        found.message(&nested.message, &format!("nested:{index}/"));
    }
    if let Some(raw) = &message.raw_view {
        found.text(raw.exposed(), "raw", None);
    }
    // what no program need show comes last, so that it crowds nothing out
    found.aside(message, "");
    for (index, nested) in message.nested.iter().enumerate() {
        found.aside(&nested.message, &format!("nested:{index}/"));
    }
    found.list
}

/// Every observable of the files of a message, taken apart, each once, at most
/// 2,000. A file's own place and the way it refers to a link make the place:
/// `attachment:0/1:qr_code`.
#[must_use]
pub fn observables_of_files(files: &[FileReport], message: &ParsedMessage) -> Vec<Observable> {
    let mut found = Found::new(message);
    for file in files.iter().flat_map(FileReport::all) {
        found.file(file);
    }
    found.list
}

/// Two lists as one: what stands in both is kept once, with all its places.
#[must_use]
pub fn merged(first: &[Observable], second: &[Observable]) -> Vec<Observable> {
    let mut all = first.to_vec();
    let at: HashMap<(ObservableKind, &str), usize> = first
        .iter()
        .enumerate()
        .map(|(index, one)| ((one.kind, one.value.as_str()), index))
        .collect();
    for other in second {
        let known = at.get(&(other.kind, other.value.as_str()));
        let Some(known) = known.and_then(|index| all.get_mut(*index)) else {
            all.push(other.clone());
            continue;
        };
        for place in &other.places {
            if known.places.len() < MAX_PLACES && !known.places.contains(place) {
                known.places.push(place.clone());
            }
        }
    }
    all
}

fn is_calendar(file: &Attachment) -> bool {
    let name = file.name.as_ref().map(|name| name.exposed().to_lowercase());
    file.media_type == "text/calendar" || name.is_some_and(|name| name.trim_end().ends_with(".ics"))
}

struct Found {
    list: Vec<Observable>,
    seen: HashMap<(ObservableKind, String), usize>,
    recipients: Recipients,
    depth: usize,
}

/// How near a reference is to a reader; the nearest place of a link counts.
const fn nearness(place: LinkPlace) -> u8 {
    match place {
        LinkPlace::Click | LinkPlace::Form | LinkPlace::Refresh => 2,
        LinkPlace::Load => 1,
        LinkPlace::Mention => 0,
    }
}

impl Found {
    fn new(message: &ParsedMessage) -> Self {
        Self {
            list: Vec::new(),
            seen: HashMap::new(),
            recipients: Recipients::of(message),
            depth: 0,
        }
    }

    fn push(&mut self, new: Observable) {
        let key = (new.kind, new.value.clone());
        if let Some(known) = self.seen.get(&key).and_then(|at| self.list.get_mut(*at)) {
            for place in new.places {
                if known.places.len() < MAX_PLACES && !known.places.contains(&place) {
                    known.places.push(place);
                }
            }
            known.written_defanged &= new.written_defanged;
            // the same link clicked and loaded counts as clicked, a deceiving
            // text counts wherever it stands
            if let (Some(old), Some(facts)) = (&mut known.link, new.link) {
                if nearness(facts.place) > nearness(old.place) {
                    old.place = facts.place;
                }
                if old.shown_host.is_none() {
                    old.shown_host = facts.shown_host;
                }
                if !old.wrapped && facts.wrapped {
                    old.wrapped = true;
                    old.wrapped_by = facts.wrapped_by;
                    old.wrapped_form = facts.wrapped_form;
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
        self.headers(message, prefix);
        if let Some(view) = &message.view {
            self.view(view, &format!("{prefix}body:html"));
        }
        if let Some(text) = &message.text {
            self.text(text.exposed(), &format!("{prefix}body:text"), None);
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
            // an invite is read with its lines joined, further down
            let invite = !message.invites.is_empty() && is_calendar(file);
            if let Some(text) = file.text.as_ref().filter(|_| !invite) {
                if file.is_html {
                    let view = HtmlView::of(text.exposed(), &Limits::default());
                    self.view(&view, &place);
                    self.asides(&view, &place);
                } else {
                    self.text(text.exposed(), &place, None);
                }
            }
        }
        for (index, invite) in message.invites.iter().enumerate() {
            let place = format!("{prefix}invite:{index}");
            if let Some(organizer) = invite.organizer.as_ref().filter(|o| !o.domain().is_empty()) {
                let address = organizer.address.clone();
                self.push(Observable::new(ObservableKind::Email, address, &place));
            }
            self.text(invite.text.exposed(), &place, None);
        }
    }

    fn file(&mut self, file: &FileReport) {
        if !file.hashes.sha256.is_empty() {
            let hash = file.hashes.sha256.clone();
            self.push(Observable::new(ObservableKind::Hash, hash, &file.place));
        }
        for link in &file.links {
            let (way, place) = match link.source {
                LinkSource::Click => ("link", LinkPlace::Click),
                LinkSource::Form => ("form", LinkPlace::Form),
                LinkSource::Refresh => ("refresh", LinkPlace::Refresh),
                LinkSource::Load => ("load", LinkPlace::Load),
                LinkSource::Text => ("text", LinkPlace::Click),
                LinkSource::QrCode => ("qr_code", LinkPlace::Click),
                LinkSource::Script => ("script", LinkPlace::Mention),
            };
            let at = format!("{}:{way}", file.place);
            let reference = HtmlLink {
                place,
                target: link.target.exposed().clone(),
                text: link.text.exposed().clone(),
                title: String::new(),
            };
            self.target(links::link(&reference, None, &self.recipients), &at);
        }
        if let Some(text) = &file.text {
            self.text(text.exposed(), &file.place, None);
        }
    }

    fn headers(&mut self, message: &ParsedMessage, prefix: &str) {
        let claims = &message.claims;
        let people = [
            ("From", &message.from),
            ("Sender", &message.sender),
            ("Reply-To", &message.reply_to),
        ]
        .into_iter()
        .flat_map(|(header, people)| people.iter().map(move |person| (header, person)))
        .chain(claims.return_path.iter().map(|p| ("Return-Path", p)))
        .chain(claims.addresses.iter().map(|(header, p)| (*header, p)));
        for (header, person) in people.filter(|(_, p)| !p.domain().is_empty()).take(60) {
            let place = format!("{prefix}header:{header}");
            self.push(Observable::new(
                ObservableKind::Email,
                person.address.clone(),
                &place,
            ));
        }
        let hops = message.received.iter().filter_map(|hop| hop.ip);
        let addresses = hops
            .map(|ip| ("Received", ip))
            .chain(claims.originating_ip.map(|ip| ("X-Originating-IP", ip)));
        for (header, ip) in addresses.filter(|(_, ip)| is_public(*ip)).take(100) {
            let place = format!("{prefix}header:{header}");
            self.push(Observable::new(ObservableKind::Ip, ip.to_string(), &place));
        }
        for domain in &claims.signers {
            let place = format!("{prefix}header:DKIM-Signature");
            let domain = crate::message::registrable(domain);
            self.push(Observable::new(ObservableKind::Domain, domain, &place));
        }
    }

    /// What stands outside the shown content of a message.
    fn aside(&mut self, message: &ParsedMessage, prefix: &str) {
        for (header, target) in &message.claims.list_links {
            let place = format!("{prefix}header:{header}");
            let target = links::written(target, LinkPlace::Mention, &self.recipients);
            self.target(target, &place);
        }
        if let Some(view) = &message.view {
            self.asides(view, &format!("{prefix}body:html"));
        }
        for reading in &message.readings {
            self.reading(reading, prefix);
        }
    }

    fn reading(&mut self, reading: &Reading, prefix: &str) {
        let place = format!("{prefix}reading:{}", reading.how);
        let text = reading.text.exposed();
        if text.contains('<') {
            let view = HtmlView::of(text, &Limits::default());
            self.view(&view, &place);
            self.asides(&view, &place);
        }
        self.text(text, &place, None);
    }

    fn view(&mut self, view: &HtmlView, place: &str) {
        let base = view.base.as_deref().and_then(|b| Url::parse(b).ok());
        for target in &view.links {
            self.target(link(target, base.as_ref(), &self.recipients), place);
        }
        self.text(&view.text, place, None);
    }

    fn asides(&mut self, view: &HtmlView, place: &str) {
        let base = view.base.as_deref().and_then(|b| Url::parse(b).ok());
        for aside in &view.asides {
            let place = format!("{place}/{}", aside.origin.name());
            self.target(link(&aside.link, base.as_ref(), &self.recipients), &place);
        }
        if !view.hidden.trim().is_empty() {
            let hidden = format!("{place}/hidden");
            self.text(&view.hidden, &hidden, Some(LinkPlace::Mention));
        }
        for (origin, text) in &view.unseen {
            let place = format!("{place}/{}", origin.name());
            self.linked(text, &place, Some(LinkPlace::Mention));
        }
    }

    fn target(&mut self, target: Option<Target>, place: &str) {
        self.target_of(target, place, false);
    }

    fn target_of(&mut self, target: Option<Target>, place: &str, defanged: bool) {
        match target {
            Some(Target::Link { value, facts }) => {
                if facts.domain.is_empty() {
                    self.embedded(&value, place);
                }
                let kind = if facts.host.parse::<std::net::IpAddr>().is_ok() {
                    ObservableKind::Ip
                } else {
                    ObservableKind::Domain
                };
                let domain = facts.domain.clone();
                let mut url = Observable::new(ObservableKind::Url, value, place);
                url.link = Some(*facts);
                url.written_defanged = defanged;
                self.push(url);
                if !domain.is_empty() {
                    let mut domain = Observable::new(kind, domain, place);
                    domain.written_defanged = defanged;
                    self.push(domain);
                }
            }
            Some(Target::Other(kind, value)) => self.push(Observable::new(kind, value, place)),
            None => {}
        }
    }

    /// Links inside a `javascript:` or `data:` target.
    fn embedded(&mut self, target: &str, place: &str) {
        if self.depth >= MAX_DEPTH {
            return;
        }
        self.depth += 1;
        match embedded::of(target) {
            Some(embedded::Content::Html(html)) => {
                let view = HtmlView::of(&html, &Limits::default());
                let place = format!("{place}/data");
                self.view(&view, &place);
                self.asides(&view, &place);
            }
            Some(embedded::Content::Text(text)) => {
                self.linked(&text, &format!("{place}/script"), Some(LinkPlace::Mention));
            }
            None => {}
        }
        self.depth -= 1;
    }

    /// Links, hosts and addresses written in a text. `at` says how near to a reader
    /// they are, where the text itself is not shown.
    fn linked(&mut self, text: &str, place: &str, at: Option<LinkPlace>) {
        for find in written(text, MAX_WRITTEN) {
            match find.what {
                What::Link(link) => {
                    let near = at.unwrap_or(find.place);
                    let target = links::written(&link, near, &self.recipients);
                    self.target_of(target, place, find.defanged);
                }
                What::Ip(ip) => {
                    let mut new = Observable::new(ObservableKind::Ip, ip.to_string(), place);
                    new.written_defanged = find.defanged;
                    self.push(new);
                }
                What::Email(address) => {
                    let mut new = Observable::new(ObservableKind::Email, address, place);
                    new.written_defanged = find.defanged;
                    self.push(new);
                }
            }
        }
    }

    fn text(&mut self, text: &str, place: &str, at: Option<LinkPlace>) {
        self.linked(text, place, at);
        let text = text
            .get(..text.floor_char_boundary(256 << 10))
            .unwrap_or_default();
        if text.contains('@') {
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
        for (wallet, kind) in money::wallets(text) {
            let mut new = Observable::new(ObservableKind::Wallet, wallet, place);
            new.detail = Some(kind);
            self.push(new);
        }
        for account in money::ibans(text) {
            self.push(Observable::new(ObservableKind::Iban, account, place));
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
    // the last group tells a telephone from a tax number: 3-3-4, or 3-7
    let last = run
        .trim_end_matches(|c: char| !c.is_ascii_digit())
        .rsplit(|c: char| !c.is_ascii_digit())
        .next()
        .map_or(0, str::len);
    let american = !run.contains('.')
        && run.contains('-')
        && matches!(last, 4 | 7)
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
