//! YARA rules: ours, and those of a folder that the operator fills.
//!
//! Rules are compiled once and then scan any number of files. A rule says that
//! bytes look like something known; what it weighs is decided elsewhere.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use yara_x::{Compiler, MetaValue, Scanner, SourceCode};

use super::report::RuleHit;

/// The rules that come with Unhook, by namespace.
const OWN: &[(&str, &str)] = &[
    ("containers", include_str!("rules/containers.yar")),
    ("documents", include_str!("rules/documents.yar")),
    ("scripts", include_str!("rules/scripts.yar")),
    ("web", include_str!("rules/web.yar")),
];

/// Files read from the folder.
const MAX_FILES: usize = 2_000;
/// Bytes of one file of rules.
const MAX_BYTES: u64 = 8 << 20;
/// Hits kept of one scan.
const MAX_HITS: usize = 50;
/// Matches kept of one pattern.
const MAX_MATCHES: usize = 10_000;
/// Characters kept of a description.
const MAX_DESCRIPTION: usize = 200;
/// Time for one scan. The engine counts ticks of one second that a scan may begin
/// in the midst of, so two of them are between one and two seconds.
const SCAN: Duration = Duration::from_secs(2);

/// Why no rules could be loaded.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The folder cannot be listed.
    #[error("the folder of YARA rules {path} cannot be read; correct its name or its permissions")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Compiled rules.
pub struct Rules {
    compiled: Option<yara_x::Rules>,
    warnings: Vec<String>,
}

impl Rules {
    /// No rules: nothing matches.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            compiled: None,
            warnings: Vec::new(),
        }
    }

    /// Compiles the rules that come with Unhook, if `own`, and every `*.yar` and
    /// `*.yara` file of `folder`, in the order of their names, each in a namespace
    /// named for the file. A rule with an error is left out and named in
    /// [`Rules::warnings`]; the others hold. Files are not included by files.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn load(own: bool, folder: Option<&Path>) -> Result<Self, RulesError> {
        let mut reading = Reading {
            compiler: Compiler::new(),
            warnings: Vec::new(),
        };
        reading.compiler.enable_includes(false);
        if own {
            for (namespace, rules) in OWN {
                reading.add(&format!("{namespace}.yar"), namespace, rules.as_bytes());
            }
        }
        let files = folder.map(listed).transpose()?.unwrap_or_default();
        if files.len() > MAX_FILES {
            reading.warn(format!(
                "only the first {MAX_FILES} files of rules are read"
            ));
        }
        for path in files.iter().take(MAX_FILES) {
            reading.add_file(path);
        }
        let compiled = reading.compiler.build();
        Ok(Self {
            compiled: (compiled.iter().len() > 0).then_some(compiled),
            warnings: reading.warnings,
        })
    }

    /// What was left out, with file, line and reason, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// A scan of any number of files, one after the other. To begin one costs as much
    /// as to scan a small file, so it is done when the first file comes.
    #[must_use]
    pub(super) const fn scanning(&self) -> Scan<'_> {
        Scan {
            rules: self,
            scanner: None,
        }
    }

    /// The rules that match one file, at most fifty. A scan that takes longer than a
    /// second or two is given up and finds nothing.
    #[must_use]
    pub fn scan(&self, bytes: &[u8]) -> Vec<RuleHit> {
        self.scanning().file(bytes)
    }
}

/// A scan under way.
pub(super) struct Scan<'r> {
    rules: &'r Rules,
    scanner: Option<Scanner<'r>>,
}

impl Scan<'_> {
    /// The rules that match, at most fifty. A scan that takes longer than a second
    /// or two is given up and finds nothing.
    pub fn file(&mut self, bytes: &[u8]) -> Vec<RuleHit> {
        let Some(rules) = &self.rules.compiled else {
            return Vec::new();
        };
        let scanner = self.scanner.get_or_insert_with(|| {
            let mut scanner = Scanner::new(rules);
            scanner
                .set_timeout(SCAN)
                .max_matches_per_pattern(MAX_MATCHES);
            scanner
        });
        let Ok(results) = scanner.scan(bytes) else {
            return Vec::new();
        };
        results
            .matching_rules()
            .take(MAX_HITS)
            .map(|rule| RuleHit {
                file: rule.namespace().to_owned(),
                rule: rule.identifier().to_owned(),
                description: rule.metadata().find_map(|(key, value)| match (key, value) {
                    ("description", MetaValue::String(text)) => {
                        Some(text.chars().take(MAX_DESCRIPTION).collect())
                    }
                    _ => None,
                }),
            })
            .collect()
    }
}

/// Rules being compiled.
struct Reading {
    compiler: Compiler<'static>,
    warnings: Vec<String>,
}

impl Reading {
    fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    fn add_file(&mut self, path: &Path) {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let namespace = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut source = Vec::new();
        let read = fs::File::open(path).and_then(|file| {
            file.take(MAX_BYTES.saturating_add(1))
                .read_to_end(&mut source)
        });
        match read {
            Ok(length) if length as u64 > MAX_BYTES => {
                self.warn(format!("{name}: longer than {MAX_BYTES} bytes, not read"));
            }
            Ok(_) => self.add(&name, &namespace, &source),
            Err(error) => self.warn(format!("{name}: cannot be read: {error}")),
        }
    }

    fn add(&mut self, name: &str, namespace: &str, source: &[u8]) {
        self.compiler.new_namespace(namespace);
        let known = self.compiler.errors().len();
        let code = SourceCode::from(source).with_origin(name);
        if self.compiler.add_source(code).is_ok() {
            return;
        }
        let errors = self.compiler.errors().iter().skip(known);
        let told: Vec<String> = errors
            .map(|error| {
                let at = error.labels().next().map(|label| label.span().start());
                let line = at.map_or(1, |at| line(source, at));
                format!("{name}:{line}: {}", error.title())
            })
            .collect();
        self.warnings.extend(told);
    }
}

/// The files of rules in a folder, sorted.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, RulesError> {
    let failed = |source| RulesError::Folder {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|e| e == "yar" || e == "yara") {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The line of a byte, counted from 1.
fn line(source: &[u8], at: usize) -> usize {
    memchr::memchr_iter(b'\n', source.get(..at).unwrap_or(source))
        .count()
        .saturating_add(1)
}

#[cfg(test)]
mod tests;
