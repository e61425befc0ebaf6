//! What the model sees of a message: hashed features in blocks.
//!
//! A feature is the hash of a piece of text or form; the piece itself is never kept.
//! Left out on purpose, for they tell the collection and not the intent: dates, mail
//! programs, `Received` lines, recipients, character sets, list headers, tags in
//! brackets, quoted lines, footers of lists.

use std::collections::HashSet;

use super::{
    form,
    words::{Mask, each_gram, each_word, own_words, words_of},
};
use crate::message::{Observable, ParsedMessage, normal_subject};

/// Characters read of a body.
const BODY: usize = 8_000;
/// Characters of it whose runs are read.
const BODY_RUNS: usize = 3_000;

/// A kind of feature. Each block has a length of one before its weight, so that a
/// long text does not drown a telling sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Block {
    /// Words and pairs of the subject.
    Subject,
    /// Runs of its letters.
    SubjectRuns,
    /// Its form: length, capitals, marks.
    SubjectForm,
    /// Words and pairs of what is seen.
    Body,
    /// Runs of its letters.
    BodyRuns,
    /// Words of the plain text beside HTML.
    Plain,
    /// Words that styles hide.
    Hidden,
    /// Words that are clicked.
    Anchors,
    /// Runs of their letters.
    AnchorRuns,
    /// Runs of the names of hosts that links lead to.
    Hosts,
    /// Form of links.
    Links,
    /// Form of the sender's address, where answers go.
    Sender,
    /// Words of the sender's name.
    Name,
    /// Runs of the letters of name and address.
    NameRuns,
    /// Form of the body.
    Structure,
    /// Files.
    Files,
    /// Rules that found something.
    Rules,
}

impl Block {
    /// All, in order.
    pub const ALL: [Self; 17] = [
        Self::Subject,
        Self::SubjectRuns,
        Self::SubjectForm,
        Self::Body,
        Self::BodyRuns,
        Self::Plain,
        Self::Hidden,
        Self::Anchors,
        Self::AnchorRuns,
        Self::Hosts,
        Self::Links,
        Self::Sender,
        Self::Name,
        Self::NameRuns,
        Self::Structure,
        Self::Files,
        Self::Rules,
    ];

    /// The square of its length among the others; found by cross-validation.
    #[must_use]
    pub const fn weight(self) -> f32 {
        match self {
            Self::BodyRuns => 5.0,
            Self::Body => 3.0,
            Self::Subject | Self::SubjectRuns => 3.0,
            Self::Structure => 2.0,
            // links and the words on them mostly tell one campaign from another: with
            // more weight the model knows the campaigns of its own mail and less else
            Self::Anchors | Self::AnchorRuns | Self::Hosts | Self::Links => 0.1,
            _ => 1.0,
        }
    }

    /// The group it belongs to.
    #[must_use]
    pub const fn group(self) -> Group {
        match self {
            Self::Subject | Self::SubjectRuns | Self::SubjectForm => Group::Subject,
            Self::Body | Self::BodyRuns | Self::Plain | Self::Hidden => Group::Body,
            Self::Anchors | Self::AnchorRuns | Self::Hosts | Self::Links => Group::Links,
            Self::Sender | Self::Name | Self::NameRuns => Group::Sender,
            Self::Structure => Group::Structure,
            Self::Files => Group::Files,
            Self::Rules => Group::Rules,
        }
    }

    /// Whether the number of times counts, as one and its logarithm.
    #[must_use]
    pub const fn counts(self) -> bool {
        matches!(
            self,
            Self::Body | Self::BodyRuns | Self::Plain | Self::Hidden | Self::Links
        )
    }

    /// Its place in [`Block::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Blocks that speak of one thing; what each adds to a judgement is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The subject.
    Subject,
    /// The wording.
    Body,
    /// Links and what is written on them.
    Links,
    /// The sender's name and address.
    Sender,
    /// The form of the body.
    Structure,
    /// Files.
    Files,
    /// Findings of the rules.
    Rules,
}

impl Group {
    /// How many there are.
    pub const COUNT: usize = 7;
    /// All, in order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Subject,
        Self::Body,
        Self::Links,
        Self::Sender,
        Self::Structure,
        Self::Files,
        Self::Rules,
    ];

    /// Bits of a feature's hash that are told apart.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Body => 18,
            Self::Subject | Self::Links | Self::Sender => 17,
            Self::Structure | Self::Files | Self::Rules => 14,
        }
    }

    /// What it is called in reports and in ids of signals.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Body => "wording",
            Self::Links => "links",
            Self::Sender => "sender",
            Self::Structure => "structure",
            Self::Files => "files",
            Self::Rules => "rules",
        }
    }

    /// Its place in [`Group::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// The features of one message: for each block that has any, hashes and how often
/// each stands there, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    pub(super) blocks: Vec<(Block, Vec<(u32, u32)>)>,
}

/// Hashes of one block being gathered.
pub(super) struct Pieces {
    seed: u64,
    hashes: Vec<u32>,
}

impl Pieces {
    fn of(block: Block) -> Self {
        Self {
            seed: hash(FNV_OFFSET, &[block.index() as u8]),
            hashes: Vec::new(),
        }
    }

    /// Adds a piece given in parts.
    pub fn add(&mut self, parts: &[&str]) {
        let whole = parts
            .iter()
            .fold(self.seed, |state, part| hash(state, part.as_bytes()));
        // the low bits of FNV are the poorer ones
        self.hashes
            .push(((whole ^ (whole >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) as u32);
    }

    fn counted(mut self) -> Vec<(u32, u32)> {
        self.hashes.sort_unstable();
        let mut counted: Vec<(u32, u32)> = Vec::with_capacity(self.hashes.len());
        for hash in self.hashes {
            match counted.last_mut() {
                Some((last, times)) if *last == hash => *times += 1,
                _ => counted.push((hash, 1)),
            }
        }
        counted
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a (draft-eastlake-fnv), 64 bits.
fn hash(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |state, byte| {
        (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Features {
    /// The features of a message; `rules` are the ids of the rules that found
    /// something.
    #[must_use]
    pub fn of<'r>(
        message: &ParsedMessage,
        observables: &[Observable],
        rules: impl Iterator<Item = &'r str>,
    ) -> Self {
        let mask = Mask::of(message);
        let plain = message.text.as_ref().map(|text| own_words(text.exposed()));
        let plain = plain.as_deref().unwrap_or_default();
        let seen = message.view.as_ref().map_or("", |view| view.text.as_str());
        let body = if seen.trim().len() >= 20 || plain.trim().is_empty() {
            seen
        } else {
            plain
        };
        let mut made = Self::default();
        let subject = words_of(&normal_subject(message.subject.exposed()), 300, &mask);
        made.words(Block::Subject, &subject, true);
        made.runs(Block::SubjectRuns, &subject, 400);
        made.pieces(Block::SubjectForm, |pieces| form::subject(message, pieces));
        let words = words_of(body, BODY, &mask);
        made.words(Block::Body, &words, true);
        made.runs(Block::BodyRuns, &words, BODY_RUNS);
        if message.view.is_some() {
            made.words(Block::Plain, &words_of(plain, 4_000, &mask), true);
        }
        if let Some(view) = &message.view {
            made.words(Block::Hidden, &words_of(&view.hidden, 3_000, &mask), false);
        }
        let anchors = anchors(observables);
        let anchors = words_of(&anchors, 2_000, &mask);
        made.words(Block::Anchors, &anchors, true);
        made.runs(Block::AnchorRuns, &anchors, 800);
        let hosts = words_of(&form::hosts(message, observables), 1_500, &mask);
        made.runs(Block::Hosts, &hosts, 1_500);
        made.pieces(Block::Links, |pieces| {
            form::links(message, observables, pieces)
        });
        made.pieces(Block::Sender, |pieces| form::sender(message, pieces));
        let name = message.author().and_then(|author| author.name.as_ref());
        let name = words_of(name.map_or("", |name| name.exposed()), 120, &mask);
        made.words(Block::Name, &name, true);
        let address = message
            .author()
            .map_or("", |author| author.address.as_str());
        let address = address.replace('@', " at ");
        let mut both = name;
        both.extend(words_of(&address, 160, &mask));
        made.runs(Block::NameRuns, &both, 400);
        made.pieces(Block::Structure, |pieces| {
            form::structure(message, body, &words, pieces)
        });
        made.pieces(Block::Files, |pieces| form::files(message, &mask, pieces));
        made.pieces(Block::Rules, |pieces| {
            rules.for_each(|id| pieces.add(&[id]))
        });
        made
    }

    /// These features without those of a group: what the rest can do alone.
    #[must_use]
    pub fn without(&self, group: Group) -> Self {
        let kept = self
            .blocks
            .iter()
            .filter(|(block, _)| block.group() != group);
        Self {
            blocks: kept.cloned().collect(),
        }
    }

    /// These features and others among those of a block, to see what they would
    /// change.
    #[must_use]
    pub fn with(&self, block: Block, others: &[String]) -> Self {
        let mut pieces = Pieces::of(block);
        for other in others {
            pieces.add(&["with:", other]);
        }
        let mut all = self.clone();
        let known = all.blocks.iter_mut().find(|(own, _)| *own == block);
        let merged = pieces.counted();
        match known {
            Some((_, hashes)) => {
                hashes.extend(merged);
                hashes.sort_unstable();
                hashes.dedup_by_key(|(hash, _)| *hash);
            }
            None => all.blocks.push((block, merged)),
        }
        all
    }

    fn pieces(&mut self, block: Block, gather: impl FnOnce(&mut Pieces)) {
        let mut pieces = Pieces::of(block);
        gather(&mut pieces);
        if !pieces.hashes.is_empty() {
            self.blocks.push((block, pieces.counted()));
        }
    }

    fn words(&mut self, block: Block, words: &[String], pairs: bool) {
        self.pieces(block, |pieces| {
            each_word(words, pairs, |parts| pieces.add(parts));
        });
    }

    fn runs(&mut self, block: Block, words: &[String], most: usize) {
        self.pieces(block, |pieces| {
            each_gram(words, most, |gram| pieces.add(&[gram]));
        });
    }
}

/// The texts that are clicked, those that are links themselves left out.
fn anchors(observables: &[Observable]) -> String {
    let mut seen = HashSet::new();
    let mut all = String::new();
    for link in observables.iter().filter_map(|one| one.link.as_ref()) {
        let text = link.text.trim();
        if !text.is_empty() && !text.contains("://") && seen.insert(text) {
            all.push_str(text);
            all.push_str(" | ");
        }
    }
    all
}
