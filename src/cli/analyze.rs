//! `unhook analyze`: judge mail files offline.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;

use crate::{
    analyze::{AnalyzeLine, analyze_paths},
    clock::{Clock as _, SystemClock},
    config::policy::Policy,
};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Print one JSON object a line: path, sha256, verdict, score, signals,
    /// observables, defects, error
    #[arg(long)]
    json: bool,
    /// Mail files, and folders that are searched for them
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
}

/// 0 when every input was read, else 1.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    let now = SystemClock.now();
    let complete = analyze_paths(&options.paths, &Policy::default(), now, |line| {
        if written.is_ok() {
            written = if options.json {
                as_json(&mut out, &line)
            } else {
                as_text(&mut out, &line)
            };
        }
    });
    written?;
    out.flush()?;
    Ok(if complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn as_json(out: &mut impl io::Write, line: &AnalyzeLine) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    writeln!(out)
}

fn as_text(out: &mut impl io::Write, line: &AnalyzeLine) -> io::Result<()> {
    // a file's name may hold what a terminal would obey
    let path = line.path.escape_debug();
    match (line.verdict, line.score, &line.error) {
        (Some(verdict), Some(score), None) => writeln!(out, "{verdict:<10} {score:.3}  {path}")?,
        (_, _, error) => {
            let error = error.as_deref().unwrap_or("not judged");
            writeln!(out, "not read          {path}: {error}")?;
        }
    }
    for signal in &line.signals {
        let evidence = signal.evidence.escape_debug();
        writeln!(
            out,
            "    {:+.1}  {} ({}): {evidence}",
            signal.weight, signal.id, signal.place
        )?;
    }
    Ok(())
}
