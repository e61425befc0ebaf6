//! Files are taken apart in processes of their own, which a file cannot harm more
//! than by ending them.
//!
//! Parsers of foreign formats are where attackers aim. [`Sandbox`] starts the own
//! program a second time ([`child::run`]); that process reads the rules, gives up
//! files, network, other processes and all memory and time beyond its share, and
//! only then is sent a stranger's bytes. Its answers are judged as a stranger's
//! too. The room may use `file` and `message` and nothing else of the house, and
//! it alone starts processes for files.

mod answer;
pub mod child;
mod frame;
mod lock;
mod process;
mod worker;

use std::{
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

pub use child::{ChildError, ChildOptions};
pub use frame::FrameError;
pub use lock::LockError;

use crate::file::{FileLimits, FileReport, Given, Stop};
use worker::Job;

/// Messages that one process serves before another takes its place.
const MESSAGES: u32 = 64;

/// How processes for files are started, and what they may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxOptions {
    /// The program: the one that is running.
    pub program: PathBuf,
    /// Its arguments, with which it calls [`child::run`] on its standard input and
    /// output.
    pub arguments: Vec<OsString>,
    /// Whether the YARA rules that come with Unhook are used.
    pub own_rules: bool,
    /// A folder of further YARA rules.
    pub rules_folder: Option<PathBuf>,
    /// How much of the files is looked at.
    pub limits: FileLimits,
    /// Processor time of one message, in whole seconds (rounded up; the kernel may
    /// allow one more).
    pub cpu: Duration,
    /// Bytes of memory of one process, on top of what its rules take.
    pub memory: u64,
    /// Time of one message on the clock. Where a file makes its process fall and
    /// the others are tried again, all of it takes at most four times as long.
    pub wall: Duration,
    /// Processes kept, that is messages served at once; at least one.
    pub workers: usize,
}

impl SandboxOptions {
    /// The usual limits, for a program and its arguments.
    #[must_use]
    pub fn new(program: PathBuf, arguments: Vec<OsString>) -> Self {
        Self {
            program,
            arguments,
            own_rules: true,
            rules_folder: None,
            limits: FileLimits::default(),
            cpu: Duration::from_secs(2),
            memory: 256 << 20,
            wall: Duration::from_secs(10),
            workers: 1,
        }
    }
}

/// Processes that take files apart, kept warm. They end with it.
#[derive(Debug)]
pub struct Sandbox {
    jobs: mpsc::Sender<Job>,
}

impl Sandbox {
    /// Prepares the processes. Each comes up with its first message; one that does
    /// not come up is tried again with each message and shows as
    /// [`Stop::Unavailable`] in the reports.
    #[must_use]
    pub fn new(options: SandboxOptions) -> Self {
        let (jobs, waiting) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let options = Arc::new(options);
        for number in 0..options.workers.max(1) {
            let (waiting, options) = (Arc::clone(&waiting), Arc::clone(&options));
            let started = thread::Builder::new()
                .name(format!("files-{number}"))
                .spawn(move || worker::serve(&waiting, &options));
            if let Err(error) = started {
                tracing::error!(%error, "no thread for taking files apart");
            }
        }
        Self { jobs }
    }

    /// Takes the files of one message apart, one report each, in their order. Never
    /// fails: what could not be read says so in its report. Waits for a process to
    /// be free.
    ///
    /// `passwords` are words of the message that may open an encrypted file.
    pub async fn dissect(&self, files: Vec<Given>, passwords: Vec<String>) -> Vec<FileReport> {
        let (answer, reports) = tokio::sync::oneshot::channel();
        let files = self.send(files, passwords, move |r| drop(answer.send(r)));
        let reports = reports.await.ok();
        reports.unwrap_or_else(|| unavailable(&files))
    }

    /// [`Sandbox::dissect`] for callers without a runtime; it blocks the thread.
    #[must_use]
    pub fn dissect_blocking(&self, files: Vec<Given>, passwords: Vec<String>) -> Vec<FileReport> {
        let (answer, reports) = mpsc::channel();
        let files = self.send(files, passwords, move |r| drop(answer.send(r)));
        let reports = reports.recv().ok();
        reports.unwrap_or_else(|| unavailable(&files))
    }

    /// Sends a job, and gives the files back for the case that nobody answers.
    fn send(
        &self,
        files: Vec<Given>,
        passwords: Vec<String>,
        answer: impl FnOnce(Vec<FileReport>) + Send + 'static,
    ) -> Arc<Vec<Given>> {
        let files = Arc::new(files);
        if files.is_empty() {
            answer(Vec::new());
            return files;
        }
        let job = Job {
            files: Arc::clone(&files),
            passwords,
            answer: Box::new(answer),
        };
        if self.jobs.send(job).is_err() {
            tracing::error!("files are not taken apart: all threads for it are gone");
        }
        files
    }
}

fn unavailable(files: &[Given]) -> Vec<FileReport> {
    files
        .iter()
        .map(|file| answer::unread(file, Stop::Unavailable))
        .collect()
}
