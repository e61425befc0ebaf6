//! A folder of labelled mail.
//!
//! Either with a `manifest.tsv` (columns `file`, `label` and, where known, `group`,
//! `sub`, `era`, `html`), or with a folder for each label. Labels are `phishing` or
//! `malicious`, `spam`, `bulk`, `ham` or `benign`.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use chrono::DateTime;
use sha2::{Digest as _, Sha256};

use super::{class_of, marks};
use crate::{
    domain::Assessment,
    enrich::{merged, observables, observables_of_files},
    file::{Given, words_that_may_be_passwords},
    message::{Limits, Observable, ParsedMessage, parse_with_files},
    sandbox::Sandbox,
    verdict::{
        Engine, Facts,
        model::{Class, Example, Opinion},
        seen_by_model,
    },
};

/// Why a corpus cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A file or folder cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The manifest lacks a column.
    #[error("{path} has no column `{column}`; its first line must name file and label")]
    Column {
        /// The manifest.
        path: PathBuf,
        /// The column.
        column: &'static str,
    },
    /// A label that is none.
    #[error("line {line} of {path}: `{label}` is no label; use phishing, spam, bulk or ham")]
    Label {
        /// The manifest.
        path: PathBuf,
        /// Its line, counted from one.
        line: usize,
        /// What stands there.
        label: String,
    },
    /// A reader ended early: a defect of this program.
    #[error("a reader ended early; please report it")]
    Thread,
    /// Nothing in it.
    #[error("{0} holds no labelled mail: neither a manifest.tsv nor folders named for labels")]
    Empty(PathBuf),
}

/// One labelled message.
#[derive(Debug)]
pub struct Mail {
    /// Its file, below the corpus.
    pub path: String,
    /// Whether it is of the modern era and has HTML, where the manifest says so.
    pub modern_html: bool,
    /// What a model sees of it.
    pub example: Example,
    /// What tells the collection it comes from; see [`marks`].
    pub marks: Vec<String>,
}

/// A corpus, read.
#[derive(Debug)]
pub struct Corpus {
    folder: PathBuf,
    /// Its messages, in the order of the manifest or of their names.
    pub mails: Vec<Mail>,
}

/// A line of the list of files.
struct Entry {
    file: String,
    class: Class,
    kind: String,
    group: String,
    modern_html: bool,
}

impl Corpus {
    /// Reads a corpus with as many threads as there are processors. `done` hears how
    /// many messages are read.
    ///
    /// # Errors
    /// [`CorpusError`].
    pub fn read(
        folder: &Path,
        sandbox: &Sandbox,
        done: impl Fn(usize) + Sync,
    ) -> Result<Self, CorpusError> {
        let entries = entries(folder)?;
        if entries.is_empty() {
            return Err(CorpusError::Empty(folder.to_owned()));
        }
        let count = AtomicUsize::new(0);
        let mails = in_parallel(&entries, |entry| {
            let mail = mail(folder, entry, sandbox);
            done(count.fetch_add(1, Ordering::Relaxed) + 1);
            mail
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            mails,
        })
    }

    /// Assesses every message by an engine as if it had come today, with the opinion
    /// given for it.
    ///
    /// # Errors
    /// [`CorpusError`] where a file is gone.
    pub fn assess(
        &self,
        opinions: &[Opinion],
        engine: &Engine,
        sandbox: &Sandbox,
    ) -> Result<Vec<Assessment>, CorpusError> {
        let all: Vec<(&Mail, &Opinion)> = self.mails.iter().zip(opinions).collect();
        in_parallel(&all, |(mail, opinion)| {
            let bytes = bytes_of(&self.folder, &mail.path)?;
            let (message, observables, facts) = taken_apart(&bytes, sandbox);
            let opinion = (*opinion, "held back");
            Ok(engine.assess_with(&message, &observables, &facts, opinion))
        })
    }
}

/// Does the same to all, with as many threads as there are processors.
fn in_parallel<T: Sync, R: Send>(
    all: &[T],
    each: impl Fn(&T) -> Result<R, CorpusError> + Sync,
) -> Result<Vec<R>, CorpusError> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let chunk = all.len().div_ceil(workers).max(1);
    let each = &each;
    let parts: Vec<Result<Vec<R>, CorpusError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = all
            .chunks(chunk)
            .map(|part| scope.spawn(move || part.iter().map(each).collect()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or(Err(CorpusError::Thread)))
            .collect()
    });
    let mut done = Vec::with_capacity(all.len());
    for part in parts {
        done.extend(part?);
    }
    Ok(done)
}

/// A message with everything in it, as if it had been received when it was sent.
fn taken_apart(bytes: &[u8], sandbox: &Sandbox) -> (ParsedMessage, Vec<Observable>, Facts) {
    let (message, carried) = parse_with_files(bytes, &Limits::default());
    let files = if carried.is_empty() {
        Vec::new()
    } else {
        let given: Vec<Given> = carried.into_iter().map(Given::from).collect();
        sandbox.dissect_blocking(given, words_that_may_be_passwords(message.visible_text()))
    };
    let all = merged(
        &observables(&message),
        &observables_of_files(&files, &message),
    );
    let facts = Facts {
        received: Some(DateTime::UNIX_EPOCH),
        now: DateTime::UNIX_EPOCH,
        files,
        ..Facts::default()
    };
    (message, all, facts)
}

fn bytes_of(folder: &Path, file: &str) -> Result<Vec<u8>, CorpusError> {
    let path = folder.join(file);
    std::fs::read(&path).map_err(|source| CorpusError::Read { path, source })
}

fn mail(folder: &Path, entry: &Entry, sandbox: &Sandbox) -> Result<Mail, CorpusError> {
    let bytes = bytes_of(folder, &entry.file)?;
    let digest = Sha256::digest(&bytes);
    let first = digest.first_chunk::<8>().copied().unwrap_or_default();
    let (message, observables, facts) = taken_apart(&bytes, sandbox);
    Ok(Mail {
        path: entry.file.clone(),
        modern_html: entry.modern_html,
        example: Example {
            features: seen_by_model(&message, &observables, &facts),
            class: entry.class,
            kind: entry.kind.clone(),
            group: entry.group.clone(),
            digest: u64::from_be_bytes(first),
        },
        marks: marks::of(&bytes, &message),
    })
}

fn entries(folder: &Path) -> Result<Vec<Entry>, CorpusError> {
    let manifest = folder.join("manifest.tsv");
    if manifest.is_file() {
        listed(&manifest)
    } else {
        by_folder(folder)
    }
}

fn listed(manifest: &Path) -> Result<Vec<Entry>, CorpusError> {
    let text = std::fs::read_to_string(manifest).map_err(|source| CorpusError::Read {
        path: manifest.to_owned(),
        source,
    })?;
    let mut lines = text.lines();
    let columns: BTreeMap<&str, usize> = lines
        .next()
        .unwrap_or_default()
        .split('\t')
        .enumerate()
        .map(|(at, name)| (name, at))
        .collect();
    for column in ["file", "label"] {
        if !columns.contains_key(column) {
            return Err(CorpusError::Column {
                path: manifest.to_owned(),
                column,
            });
        }
    }
    let mut entries = Vec::new();
    for (number, line) in lines
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let cells: Vec<&str> = line.split('\t').collect();
        let cell = |name: &str| -> &str {
            let at = columns.get(name);
            at.and_then(|at| cells.get(*at))
                .copied()
                .unwrap_or_default()
        };
        let file = cell("file").to_owned();
        let class = class_of(cell("label")).ok_or_else(|| CorpusError::Label {
            path: manifest.to_owned(),
            line: number + 2,
            label: cell("label").to_owned(),
        })?;
        let group = Some(cell("group")).filter(|group| !group.is_empty());
        entries.push(Entry {
            class,
            kind: cell("sub").to_owned(),
            group: group.unwrap_or(&file).to_owned(),
            modern_html: cell("era") == "modern" && cell("html") == "html",
            file,
        });
    }
    Ok(entries)
}

fn by_folder(folder: &Path) -> Result<Vec<Entry>, CorpusError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CorpusError::Read { path, source }
    };
    let mut entries = Vec::new();
    for label in ["phishing", "malicious", "spam", "bulk", "ham", "benign"] {
        let Some(class) = class_of(label) else {
            continue;
        };
        let below = folder.join(label);
        if !below.is_dir() {
            continue;
        }
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&below).map_err(failed(&below))? {
            let entry = entry.map_err(failed(&below))?;
            if entry.path().is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort_unstable();
        entries.extend(names.into_iter().map(|name| {
            let file = format!("{label}/{name}");
            Entry {
                class,
                kind: String::new(),
                group: file.clone(),
                modern_html: false,
                file,
            }
        }));
    }
    Ok(entries)
}
