//! `unhook analyze`: judge mail files offline.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;

use crate::{
    analyze::{AnalyzeLine, analyze_paths},
    clock::{Clock as _, SystemClock},
    config::{files::Files, policy::Policy},
    policy,
};

use super::start;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 every file was read; 1 a file or folder could not be read, or no \
                        mail file was found at all."
)]
pub(super) struct Options {
    /// Print one JSON object a line: path, sha256, verdict, kind, score, signals,
    /// changes, probabilities, observables, defects, structure, protection, received, authentication,
    /// files, error
    #[arg(long)]
    json: bool,
    /// A folder of YARA rules besides those that are built in
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// A policy file instead of the default policy: what stands under [policy] in the
    /// configuration, without that heading
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Mail files, and folders that are searched for them
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
}

fn read(file: Option<&Path>) -> anyhow::Result<Policy> {
    let Some(file) = file else {
        return Ok(Policy::default());
    };
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let refused = || format!("{} is refused", file.display());
    let policy = Policy::from_toml(&text).with_context(refused)?;
    Ok(policy::ready(policy)
        .with_context(refused)?
        .policy()
        .clone())
}

/// 0 when every input was read, 1 when not or when there was none.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    let now = SystemClock.now();
    let sandbox = start::sandbox(&Files {
        rules: options.rules.clone(),
        workers: 1,
        ..Files::default()
    });
    let engine = policy::ready(read(options.policy.as_deref())?)?;
    let mut complete = true;
    let mut judged = 0_usize;
    for path in &options.paths {
        let mut found = 0_usize;
        complete &= analyze_paths(
            std::slice::from_ref(path),
            &engine,
            Some(&sandbox),
            now,
            |line| {
                found += 1;
                judged += usize::from(line.error.is_none());
                if written.is_ok() {
                    written = if options.json {
                        as_json(&mut out, &line)
                    } else {
                        as_text(&mut out, &line)
                    };
                }
            },
        );
        if found == 0 {
            let path = path.to_string_lossy();
            eprintln!("unhook: no mail files were found in {}", shown(&path));
        }
    }
    written?;
    out.flush()?;
    Ok(if complete && judged > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn as_json(out: &mut impl io::Write, line: &AnalyzeLine) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    writeln!(out)
}

/// Text of a stranger, or a file's name, without what a terminal would obey;
/// quotes and backslashes stay as they are.
fn shown(text: &str) -> String {
    text.split_inclusive(['"', '\'', '\\'])
        .map(|piece| match piece.strip_suffix(['"', '\'', '\\']) {
            Some(rest) => {
                let sign = piece.get(rest.len()..).unwrap_or_default();
                format!("{}{sign}", rest.escape_debug())
            }
            None => piece.escape_debug().to_string(),
        })
        .collect()
}

fn as_text(out: &mut impl io::Write, line: &AnalyzeLine) -> io::Result<()> {
    let path = shown(&line.path);
    match (line.verdict, line.score, &line.error) {
        (Some(verdict), Some(score), None) => {
            writeln!(out, "{verdict:<10} {score:.3}  {path}")?;
            if let Some(kind) = line.kind {
                writeln!(out, "    {}", kind.words())?;
            }
        }
        (_, _, error) => {
            let error = error.as_deref().unwrap_or("not judged");
            writeln!(out, "not read          {path}: {error}")?;
        }
    }
    for change in &line.changes {
        writeln!(out, "    ?     {}", shown(change))?;
    }
    for signal in &line.signals {
        let evidence = shown(&signal.evidence);
        writeln!(
            out,
            "    {:+.1}  {} ({}): {evidence}",
            signal.weight, signal.id, signal.place
        )?;
    }
    Ok(())
}
