//! Section `[files]`: how the files of a message are taken apart.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::graph::FieldError;

/// The process that takes files apart, and its bounds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Files {
    /// The program to start for it; this very program when absent.
    pub program: Option<PathBuf>,
    /// A folder of YARA rules (`*.yar`, `*.yara`) besides those that are built in.
    pub rules: Option<PathBuf>,
    /// Processes at work at once, 1 to 64.
    pub workers: usize,
    /// Seconds of processor time that the files of one message may take, 1 to 60.
    pub cpu_seconds: u64,
    /// Seconds that the files of one message may take in all, 1 to 300.
    pub wall_seconds: u64,
    /// Memory of one process, MiB, 128 to 4096.
    pub memory_mib: u64,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            program: None,
            rules: None,
            workers: 2,
            cpu_seconds: 2,
            wall_seconds: 10,
            memory_mib: 256,
        }
    }
}

impl Files {
    /// [`Files::cpu_seconds`] as a span.
    #[must_use]
    pub const fn cpu(&self) -> Duration {
        Duration::from_secs(self.cpu_seconds)
    }

    /// [`Files::wall_seconds`] as a span.
    #[must_use]
    pub const fn wall(&self) -> Duration {
        Duration::from_secs(self.wall_seconds)
    }

    /// [`Files::memory_mib`] in bytes.
    #[must_use]
    pub const fn memory(&self) -> u64 {
        self.memory_mib << 20
    }

    pub(super) fn validate(&self) -> Result<(), FieldError> {
        let within = |field, good: bool, range: &str| {
            if good {
                Ok(())
            } else {
                Err(FieldError::new(field, format!("must be {range}")))
            }
        };
        within("files.workers", (1..=64).contains(&self.workers), "1 to 64")?;
        within(
            "files.cpu_seconds",
            (1..=60).contains(&self.cpu_seconds),
            "1 to 60",
        )?;
        within(
            "files.wall_seconds",
            (1..=300).contains(&self.wall_seconds),
            "1 to 300",
        )?;
        within(
            "files.memory_mib",
            (128..=4096).contains(&self.memory_mib),
            "128 to 4096",
        )?;
        if let Some(folder) = &self.rules
            && !folder.is_dir()
        {
            return Err(FieldError::new(
                "files.rules",
                format!("{} is no folder", folder.display()),
            ));
        }
        Ok(())
    }
}
