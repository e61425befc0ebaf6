//! One process for files, seen from the one that started it.

use std::{
    ffi::OsStr,
    io::{self, Read, Write},
    os::{
        fd::AsFd,
        unix::{ffi::OsStrExt, process::ExitStatusExt},
    },
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    MESSAGES, SandboxOptions, answer,
    frame::{self, FrameError, Greeting, Head, MAX_ANSWER, MAX_HEADER, Request, Setup},
};
use crate::file::{FileReport, Given, Stop};

/// Time for starting a process and reading its rules; operators bring rules by
/// the thousand.
const START: Duration = Duration::from_secs(60);

/// Why a process could not be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    /// The system does not run the program.
    #[error("the program cannot be run: {0}")]
    Run(#[from] io::Error),
    /// It gives no pipes.
    #[error("the program was started without pipes")]
    Pipes,
    /// It does not speak as expected.
    #[error("the process did not come up: {0}")]
    Silent(String),
    /// It does not work unconfined.
    #[error("the process cannot lock itself in: {0}")]
    Refused(String),
}

/// A running process that is locked in. It is ended when this is dropped.
pub(super) struct Process {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
    /// Messages that it was sent.
    served: u32,
    /// What was wrong with the rules it read.
    pub warnings: Vec<String>,
}

impl Process {
    /// Starts one and waits until it is locked in.
    pub fn start(options: &SandboxOptions) -> Result<Self, StartError> {
        let mut child = Command::new(&options.program)
            .args(&options.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(to), Some(from)) = pipes else {
            child.kill()?;
            child.wait()?;
            return Err(StartError::Pipes);
        };
        let mut process = Self {
            child,
            to,
            from,
            served: 0,
            warnings: Vec::new(),
        };
        rustix::io::ioctl_fionbio(&process.to, true).map_err(io::Error::from)?;
        rustix::io::ioctl_fionbio(&process.from, true).map_err(io::Error::from)?;
        match process.greet(options) {
            Ok(Some((Greeting::Ready { warnings }, _))) => process.warnings = warnings,
            Ok(Some((Greeting::Refused { reason }, _))) => return Err(StartError::Refused(reason)),
            Ok(None) => return Err(StartError::Silent("it ended".to_owned())),
            Err(error) => return Err(StartError::Silent(error.to_string())),
        }
        Ok(process)
    }

    fn greet(&mut self, options: &SandboxOptions) -> Result<Option<(Greeting, usize)>, FrameError> {
        let until = Instant::now().checked_add(START);
        let folder = options.rules_folder.as_deref();
        let setup = Setup {
            limits: options.limits,
            cpu: whole_seconds(options.cpu),
            memory: options.memory,
            messages: MESSAGES,
            own_rules: options.own_rules,
            rules_folder: folder.map(|path| OsStr::as_bytes(path.as_os_str()).to_vec()),
        };
        frame::write(&mut Timed(&self.to, until), &setup, MAX_HEADER, &[])?;
        frame::read(&mut Timed(&self.from, until), MAX_HEADER, 0)
    }

    /// Whether it can take another message.
    pub fn is_fit(&mut self) -> bool {
        self.served < MESSAGES && matches!(self.child.try_wait(), Ok(None))
    }

    /// Whether it has not been sent anything yet.
    pub const fn is_fresh(&self) -> bool {
        self.served == 0
    }

    /// Has files taken apart within `wall`. After a stop the process is of no use
    /// any more.
    pub fn dissect(
        &mut self,
        files: &[&Given],
        passwords: &[String],
        options: &SandboxOptions,
        wall: Duration,
    ) -> Result<Vec<FileReport>, Stop> {
        self.served = self.served.saturating_add(1);
        let until = Instant::now().checked_add(wall);
        match self.exchange(files, passwords, until) {
            Ok(reports) => answer::judged(files, reports, &options.limits).ok_or(Stop::Unavailable),
            Err(error) => Err(self.cause(&error)),
        }
    }

    fn exchange(
        &mut self,
        files: &[&Given],
        passwords: &[String],
        until: Option<Instant>,
    ) -> Result<Vec<FileReport>, FrameError> {
        let head = |file: &&Given| Head {
            place: file.place.clone(),
            name: file.name.clone(),
            claimed: file.claimed.clone(),
            size: file.bytes.len(),
        };
        let request = Request {
            files: files.iter().map(head).collect(),
            passwords: passwords.to_vec(),
        };
        let bodies: Vec<&[u8]> = files.iter().map(|file| file.bytes.as_slice()).collect();
        frame::write(&mut Timed(&self.to, until), &request, MAX_HEADER, &bodies)?;
        frame::read(&mut Timed(&self.from, until), MAX_ANSWER, 0)?
            .map(|(reports, _)| reports)
            .ok_or(FrameError::Cut)
    }

    /// What a failed exchange means for the files. The process is ended first: one
    /// that has fallen by itself keeps the signal it fell by.
    fn cause(&mut self, error: &FrameError) -> Stop {
        let signal = self.end().and_then(|status| status.signal());
        match error {
            FrameError::Pipe(error) if error.kind() == io::ErrorKind::TimedOut => Stop::Time,
            FrameError::Pipe(_) | FrameError::Cut => {
                if signal == Some(rustix::process::Signal::XCPU.as_raw()) {
                    Stop::Time
                } else {
                    Stop::Memory
                }
            }
            FrameError::TooLong { .. } | FrameError::Header(_) => Stop::Unavailable,
        }
    }

    fn end(&mut self) -> Option<std::process::ExitStatus> {
        // an error here means that it has ended and was waited for already
        self.child.kill().ok();
        self.child.wait().ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// The kernel counts processor time in whole seconds.
const fn whole_seconds(time: Duration) -> u64 {
    let begun = if time.subsec_nanos() > 0 { 1 } else { 0 };
    time.as_secs().saturating_add(begun)
}

/// A pipe that gives up with `TimedOut` when its time has come; `None` is never.
struct Timed<'p, P>(&'p P, Option<Instant>);

impl<P: AsFd> Timed<'_, P> {
    fn wait(&self, flags: PollFlags) -> io::Result<()> {
        let left = match self.1 {
            None => None,
            Some(until) => match until.checked_duration_since(Instant::now()) {
                None | Some(Duration::ZERO) => return Err(io::ErrorKind::TimedOut.into()),
                Some(left) => Some(Timespec::try_from(left).map_err(io::Error::other)?),
            },
        };
        match poll(&mut [PollFd::new(self.0, flags)], left.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl<P: AsFd> Read for Timed<'_, P> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::io::read(self.0, &mut *bytes) {
                Err(rustix::io::Errno::AGAIN) => self.wait(PollFlags::IN)?,
                outcome => return outcome.map_err(Into::into),
            }
        }
    }
}

impl<P: AsFd> Write for Timed<'_, P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(self.0, bytes) {
                Err(rustix::io::Errno::AGAIN) => self.wait(PollFlags::OUT)?,
                outcome => return outcome.map_err(Into::into),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
