//! A thread that keeps one process warm, from the first message with files on, and
//! sends it message after message.
//!
//! A thread of its own, and not a task, because a process is made to die with the
//! thread that started it.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Instant,
};

use super::{SandboxOptions, answer, frame::MAX_FILES, process::Process};
use crate::file::{FileReport, Given, Stop};

/// How many times the time for one message all attempts at it may take together.
const ROUNDS: u32 = 4;

/// One message's files, and who waits for them.
pub(super) struct Job {
    pub files: Arc<Vec<Given>>,
    pub passwords: Vec<String>,
    pub answer: Box<dyn FnOnce(Vec<FileReport>) + Send>,
}

/// Serves jobs until the last sender is gone.
pub(super) fn serve(jobs: &Mutex<mpsc::Receiver<Job>>, options: &SandboxOptions) {
    let mut bench = Bench {
        options,
        process: None,
    };
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        (job.answer)(bench.dissect(&job.files, &job.passwords));
        // The next message need not wait for a process. Before the first there is
        // none: where no mail has files, none is paid for.
        bench.warm();
    }
}

/// Where the work is done: a process, when there is one.
struct Bench<'o> {
    options: &'o SandboxOptions,
    process: Option<Process>,
}

impl Bench<'_> {
    /// Sees to it that a process is there that can take a message.
    fn warm(&mut self) -> Option<&mut Process> {
        if !self.process.as_mut().is_some_and(Process::is_fit) {
            self.process = None;
            match Process::start(self.options) {
                Ok(process) => {
                    for warning in &process.warnings {
                        tracing::warn!(%warning, "a YARA rule was left out");
                    }
                    self.process = Some(process);
                }
                Err(error) => {
                    tracing::error!(%error, "files are not taken apart: no process for it");
                }
            }
        }
        self.process.as_mut()
    }

    /// All files at once; where that fails, each on its own, so that one does not
    /// hide the others.
    fn dissect(&mut self, files: &[Given], passwords: &[String]) -> Vec<FileReport> {
        let until = Instant::now().checked_add(self.options.wall.saturating_mul(ROUNDS));
        let all: Vec<&Given> = files.iter().collect();
        let was_fresh = self.warm().is_some_and(|process| process.is_fresh());
        match self.attempt(&all, passwords, until) {
            Ok(reports) => reports,
            // a process that had served others may have brought its own trouble
            Err(stop) if files.len() == 1 && (was_fresh || stop != Stop::Memory) => {
                files.iter().map(|f| answer::unread(f, stop)).collect()
            }
            Err(_) => files
                .iter()
                .map(|file| {
                    let alone = self.attempt(&[file], passwords, until);
                    let report = alone.map(|reports| reports.into_iter().next());
                    match report {
                        Ok(Some(report)) => report,
                        Ok(None) => answer::unread(file, Stop::Unavailable),
                        Err(stop) => answer::unread(file, stop),
                    }
                })
                .collect(),
        }
    }

    /// One round of one or more files.
    fn attempt(
        &mut self,
        files: &[&Given],
        passwords: &[String],
        until: Option<Instant>,
    ) -> Result<Vec<FileReport>, Stop> {
        let bytes = files
            .iter()
            .fold(0_usize, |sum, file| sum.saturating_add(file.bytes.len()));
        if bytes > MAX_FILES {
            return Err(Stop::Memory);
        }
        let options = self.options;
        let left = until.map_or(options.wall, |until| {
            until.saturating_duration_since(Instant::now())
        });
        if left.is_zero() {
            return Err(Stop::Time);
        }
        let process = self.warm().ok_or(Stop::Unavailable)?;
        let outcome = process.dissect(files, passwords, options, options.wall.min(left));
        if outcome.is_err() {
            self.process = None;
        }
        outcome
    }
}
