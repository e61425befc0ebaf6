//! The message as the rules look at it, prepared once.

use std::{borrow::Cow, cell::OnceCell};

use unicode_normalization::UnicodeNormalization as _;

use super::{Facts, brands::BRANDS, lure, weights};
use crate::message::{
    Fingerprint, LinkFacts, Observable, ParsedMessage, Person, Untrusted, registrable, words,
};

/// Words of a text that are weighed.
const MAX_WORDS: usize = 4_000;

/// One reason before it has its weight.
pub(super) struct Finding {
    pub id: Cow<'static, str>,
    pub evidence: String,
    pub place: String,
    /// Weight and class of a rule that stands in no table.
    pub own: Option<Own>,
}

/// What the organisation says a finding weighs.
pub(super) struct Own {
    pub weight: f64,
    pub class: String,
}

impl Finding {
    /// Log-odds it adds to malice.
    pub fn weight(&self) -> f64 {
        self.own
            .as_ref()
            .map_or_else(|| weights::of(&self.id).0, |own| own.weight)
    }
}

/// A link a person can follow.
pub(super) struct Way<'m> {
    pub url: &'m str,
    pub place: &'m str,
    pub facts: &'m LinkFacts,
    pub shown: &'m str,
}

/// What the rules read and write.
pub(super) struct Case<'m> {
    pub message: &'m ParsedMessage,
    pub facts: &'m Facts,
    pub author: Option<&'m Person>,
    /// Registrable domain of the author; empty when there is none.
    pub domain: String,
    /// The organisation's domains, registrable.
    pub own: Vec<String>,
    /// Display name, subject and visible text, each as ` word word `.
    pub name: String,
    pub subject: String,
    pub text: String,
    pub word_count: usize,
    pub lures: Vec<lure::Hits>,
    /// Of the frauds that are weighed beside the model; see [`lure::fraud`].
    pub frauds: Vec<&'static lure::fraud::Fraud>,
    /// Everything that was found to look up, those of files included.
    pub observables: &'m [Observable],
    pub ways: Vec<Way<'m>>,
    /// Words mixing alphabets that look alike.
    pub disguised: Vec<String>,
    pub findings: Vec<Finding>,
    followed: OnceCell<bool>,
}

/// Words with accents stripped and look-alike letters of other alphabets folded.
pub(super) fn folded(text: &str, disguised: &mut Vec<String>) -> Vec<String> {
    words(text)
        .into_iter()
        .take(MAX_WORDS)
        .map(|word| {
            if word.is_ascii() {
                return word;
            }
            let latin = word.chars().any(|c| c.is_ascii_alphabetic());
            let foreign = word
                .chars()
                .any(|c| matches!(c, '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{4ff}' | '\u{13a0}'..='\u{13f5}'));
            let plain: String = if latin && foreign {
                disguised.push(word.clone());
                word.chars().map(latin_twin).collect()
            } else {
                word
            };
            plain
                .nfd()
                .filter(|c| !unicode_normalization::char::is_combining_mark(*c))
                .collect()
        })
        .collect()
}

pub(super) fn latin_twin(c: char) -> char {
    match c {
        'а' | 'α' => 'a',
        'в' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'є' | 'ε' => 'e',
        'һ' | 'н' => 'h',
        'і' | 'ι' | 'ї' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'м' => 'm',
        'п' | 'η' => 'n',
        'о' | 'ο' | 'σ' => 'o',
        'р' | 'ρ' => 'p',
        'г' => 'r',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ц' => 'u',
        'ѵ' | 'ν' => 'v',
        'ѡ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        other => other,
    }
}

fn padded(words: &[String]) -> String {
    format!(" {} ", words.join(" "))
}

impl<'m> Case<'m> {
    pub fn new(
        message: &'m ParsedMessage,
        observables: &'m [Observable],
        facts: &'m Facts,
    ) -> Self {
        let author = message.author();
        let mut disguised = Vec::new();
        let name_text = author
            .and_then(|a| a.name.as_ref())
            .map_or("", |n| n.exposed().as_str());
        let name = folded(name_text, &mut disguised);
        let subject = folded(message.subject.exposed(), &mut disguised);
        let text = folded(message.visible_text(), &mut disguised);
        let mut all = subject.clone();
        all.push("|".to_owned());
        all.extend(text.iter().cloned());
        let ways = observables
            .iter()
            .filter_map(|o| o.link.as_ref().map(|facts| (o, facts)))
            .filter(|(_, facts)| facts.place.followed())
            .take(500)
            .map(|(o, facts)| Way {
                url: &o.value,
                place: &o.place,
                facts,
                shown: o.defanged.as_str(),
            })
            .collect();
        Self {
            message,
            facts,
            author,
            domain: author.map(|a| registrable(a.domain())).unwrap_or_default(),
            own: facts
                .organisation_domains
                .iter()
                .map(|d| registrable(d))
                .collect(),
            name: padded(&name),
            subject: padded(&subject),
            word_count: text.len(),
            lures: lure::hits(&all),
            frauds: lure::fraud::told(&all),
            observables,
            text: padded(&text),
            ways,
            disguised,
            findings: Vec::new(),
            followed: OnceCell::new(),
        }
    }

    /// Whether copies of the message can be recognised where it was forwarded; worked
    /// out once, when it is first asked.
    pub fn can_be_followed(&self) -> bool {
        *self
            .followed
            .get_or_init(|| Fingerprint::of(self.message).can_be_followed())
    }

    /// Notes a reason once; the first evidence for an id stays.
    pub fn find(&mut self, id: &'static str, place: &str, evidence: impl Into<String>) {
        if !self.findings.iter().any(|f| f.id == id) {
            self.findings.push(Finding {
                id: id.into(),
                evidence: evidence.into(),
                place: place.to_owned(),
                own: None,
            });
        }
    }

    /// A stranger's text fit to stand in evidence.
    pub fn shown(text: &str) -> String {
        Untrusted::new(text).neutral(80)
    }

    /// Whether a rule has found something.
    pub fn has(&self, id: &str) -> bool {
        self.findings.iter().any(|finding| finding.id == id)
    }

    /// Whether a registrable domain is one of the organisation's.
    pub fn is_own(&self, domain: &str) -> bool {
        self.own.iter().any(|own| own == domain)
    }

    /// Whether any brand owns a registrable domain.
    pub fn is_branded(domain: &str) -> bool {
        BRANDS.iter().any(|brand| brand.owns(domain))
    }
}
