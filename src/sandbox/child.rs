//! The other process: loads the rules, locks itself in, and takes apart what it
//! is sent until its input ends.
//!
//! It is to be called first thing in a process of its own, before any runtime or
//! log is set up: from the lock on nothing can be opened or started any more.

use std::{
    ffi::OsStr,
    io::{Read, Write},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use super::{
    answer,
    frame::{self, FrameError, Greeting, MAX_ANSWER, MAX_FILES, MAX_HEADER, Request, Setup},
    lock::{self, LockError},
};
use crate::file::{FileLimits, FileReport, Given, Rules, dissect};

/// How the process is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChildOptions {
    /// Work although the kernel takes no filter of system calls. The limits on
    /// memory and time hold all the same.
    pub without_filter: bool,
}

/// Why the process ended before its input did.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The pipes to the process that started it failed.
    #[error("the process for files lost touch with the one that started it")]
    Frame(#[from] FrameError),
    /// It could not be locked in, and so did not work.
    #[error("the process for files could not be locked in")]
    Lock(#[from] LockError),
    /// The files in a request do not add up to the bytes that came with it.
    #[error("a request's files do not add up to its bytes")]
    Request,
}

/// Serves requests to take files apart, from `input` to `output`, until `input`
/// ends.
///
/// # Errors
/// When a pipe fails, when the process cannot be locked in, and for a request
/// that makes no sense.
pub fn run(input: impl Read, output: impl Write, options: &ChildOptions) -> Result<(), ChildError> {
    serve(input, output, options, dissect)
}

/// [`run`] with the work as an argument.
///
/// # Errors
/// As [`run`].
pub fn serve(
    mut input: impl Read,
    mut output: impl Write,
    options: &ChildOptions,
    mut work: impl FnMut(&[Given], &[String], &Rules, &FileLimits) -> Vec<FileReport>,
) -> Result<(), ChildError> {
    let Some((setup, _)) = frame::read::<Setup>(&mut input, MAX_HEADER, 0)? else {
        return Ok(());
    };
    let (rules, warnings) = load(&setup);
    if let Err(error) = lock_in(&setup, options) {
        let refused = Greeting::Refused {
            reason: error.to_string(),
        };
        frame::write(&mut output, &refused, MAX_HEADER, &[])?;
        return Err(error.into());
    }
    frame::write(&mut output, &Greeting::Ready { warnings }, MAX_HEADER, &[])?;
    while let Some((request, length)) = frame::read::<Request>(&mut input, MAX_HEADER, MAX_FILES)? {
        lock::grant(setup.cpu)?;
        let files = given(&mut input, request.files, length)?;
        let reports = work(&files, &request.passwords, &rules, &setup.limits);
        drop(files);
        reply(&mut output, reports)?;
    }
    Ok(())
}

/// The rules, and what was wrong with them. A folder that cannot be read does not
/// keep the process from working.
fn load(setup: &Setup) -> (Rules, Vec<String>) {
    let folder = setup
        .rules_folder
        .as_deref()
        .map(|path| Path::new(OsStr::from_bytes(path)));
    let mut warnings = Vec::new();
    let rules = Rules::load(setup.own_rules, folder)
        .or_else(|error| {
            warnings.push(error.to_string());
            Rules::load(setup.own_rules, None)
        })
        .unwrap_or_else(|error| {
            warnings.push(error.to_string());
            Rules::none()
        });
    warnings.extend(rules.warnings().iter().map(ToString::to_string));
    warnings.truncate(100);
    // the first scan starts the engine's timer thread and maps its memory, which
    // cannot be done later
    let _ = rules.scan(b"");
    (rules, warnings)
}

fn lock_in(setup: &Setup, options: &ChildOptions) -> Result<(), LockError> {
    let share = setup.cpu.saturating_add(1);
    let all = share.saturating_mul(u64::from(setup.messages).saturating_add(1));
    lock::limit(setup.memory, all)?;
    match lock::filter() {
        Err(_) if options.without_filter => Ok(()),
        outcome => outcome,
    }
}

/// The files of a request with their bytes, `length` in all.
fn given(
    input: &mut impl Read,
    heads: Vec<frame::Head>,
    length: usize,
) -> Result<Vec<Given>, ChildError> {
    let mut left = length;
    let mut files = Vec::new();
    for head in heads {
        left = left.checked_sub(head.size).ok_or(ChildError::Request)?;
        files.push(Given {
            place: head.place,
            name: head.name,
            claimed: head.claimed,
            bytes: frame::exactly(input, head.size)?,
        });
    }
    if left == 0 {
        Ok(files)
    } else {
        Err(ChildError::Request)
    }
}

/// Sends the reports, shortened as far as they do not fit into an answer.
fn reply(output: &mut impl Write, mut reports: Vec<FileReport>) -> Result<(), FrameError> {
    for shorten in [answer::without_inner_text, answer::without_members] {
        match frame::write(output, &reports, MAX_ANSWER, &[]) {
            Err(FrameError::TooLong { .. }) => shorten(&mut reports),
            outcome => return outcome,
        }
    }
    frame::write(output, &reports, MAX_ANSWER, &[])
}
