//! The process locks itself in: limits of the kernel first, then a list of the
//! system calls that are left to it.
//!
//! Everything it needs is open and loaded by then, so the list is short: memory,
//! its two pipes, time, its own signals. What is not on it fails with `EPERM`.
//! There is no way to open a file, to reach the network, to start a process or
//! thread, or to make memory executable (`seccomp(2)`, `setrlimit(2)`).

use std::{collections::BTreeMap, fs};

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getrlimit, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter_all_threads,
};

/// Why the process could not be locked in.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// A limit was not taken.
    #[error("the kernel took no limit on {what}: {reason}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// The kernel's answer.
        reason: rustix::io::Errno,
    },
    /// The filter of system calls is not to be had: another architecture, or a
    /// kernel without it.
    #[error("the filter of system calls was not taken: {0}")]
    Filter(String),
}

/// Bytes of stack that the main thread may grow to.
const STACK: u64 = 8 << 20;
/// Address space beyond the memory that may be written: reservations and guard
/// pages of the rule engine.
const RESERVED: u64 = 256 << 20;

/// Sets limits: `memory` bytes on top of what is in use, `cpu` seconds in all on
/// top of what is used.
pub(super) fn limit(memory: u64, cpu: u64) -> Result<(), LockError> {
    let (space, data) = in_use();
    for (what, resource, most) in [
        ("data", Resource::Data, data.saturating_add(memory)),
        (
            "address space",
            Resource::As,
            space.saturating_add(memory).saturating_add(RESERVED),
        ),
        ("stack", Resource::Stack, STACK),
        (
            "processor time",
            Resource::Cpu,
            cpu_used().saturating_add(cpu),
        ),
        ("files", Resource::Nofile, 0),
        ("file size", Resource::Fsize, 0),
        ("core dumps", Resource::Core, 0),
        ("processes", Resource::Nproc, 0),
    ] {
        lower(resource, most).map_err(|reason| LockError::Limit { what, reason })?;
    }
    let limit = |what| move |reason| LockError::Limit { what, reason };
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(limit("dumps"))?;
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(limit("outliving"))
}

/// Grants `seconds` of processor time from now on; past them the kernel ends the
/// process with `SIGXCPU`. The kernel counts whole seconds, so it may take up to
/// one second more.
pub(super) fn grant(seconds: u64) -> Result<(), LockError> {
    let maximum = getrlimit(Resource::Cpu).maximum;
    let soft = cpu_used().saturating_add(seconds);
    setrlimit(
        Resource::Cpu,
        Rlimit {
            current: Some(maximum.map_or(soft, |most| soft.min(most))),
            maximum,
        },
    )
    .map_err(|reason| LockError::Limit {
        what: "processor time",
        reason,
    })
}

/// Leaves only the listed system calls, in all threads; cannot be undone. The
/// library sets `no_new_privs` first, which the kernel asks for.
pub(super) fn filter() -> Result<(), LockError> {
    let refused = |error: &dyn std::fmt::Display| LockError::Filter(error.to_string());
    let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(|e| refused(&e))?;
    let rules = calls().map_err(|e| refused(&e))?;
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        SeccompAction::Allow,
        architecture,
    )
    .map_err(|e| refused(&e))?;
    let program = BpfProgram::try_from(filter).map_err(|e| refused(&e))?;
    apply_filter_all_threads(&program).map_err(|e| refused(&e))
}

/// The calls that are left.
fn calls() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let free = [
        libc::SYS_read,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_getrandom,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_sched_yield,
        libc::SYS_exit,
        libc::SYS_exit_group,
        // the rule engine's timer thread may still be coming up
        libc::SYS_sched_getaffinity,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
    ];
    let is = |argument, value: u64| SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, value);
    let masked = |argument, mask: u64, value: u64| {
        SeccompCondition::new(argument, Dword, SeccompCmpOp::MaskedEq(mask), value)
    };
    let bits = |flags: libc::c_int| u64::from(flags.unsigned_abs());
    let not_executable = || masked(2, bits(libc::PROT_EXEC), 0);
    let to_the_pipes = || SeccompCondition::new(0, Dword, SeccompCmpOp::Le, 2);
    let narrow = [
        (libc::SYS_write, vec![to_the_pipes()?]),
        (libc::SYS_writev, vec![to_the_pipes()?]),
        // shared memory does not count towards the limit on data
        (
            libc::SYS_mmap,
            vec![
                not_executable()?,
                masked(3, bits(libc::MAP_TYPE), bits(libc::MAP_PRIVATE))?,
            ],
        ),
        (libc::SYS_mprotect, vec![not_executable()?]),
        // its own processor time and nothing else; needed to grant each message its share
        (
            libc::SYS_prlimit64,
            vec![is(0, 0)?, is(1, u64::from(libc::RLIMIT_CPU))?],
        ),
        (libc::SYS_prctl, vec![is(0, bits(libc::PR_SET_NAME))?]),
        // a panic ends in a signal to itself
        (
            libc::SYS_tgkill,
            vec![is(0, u64::from(std::process::id()))?],
        ),
    ];
    let mut calls: BTreeMap<i64, Vec<SeccompRule>> =
        free.into_iter().map(|call| (call, Vec::new())).collect();
    for (call, conditions) in narrow {
        calls.insert(call, vec![SeccompRule::new(conditions)?]);
    }
    Ok(calls)
}

/// Sets both limits, never above what is already allowed.
fn lower(resource: Resource, most: u64) -> rustix::io::Result<()> {
    let most = getrlimit(resource)
        .maximum
        .map_or(most, |allowed| most.min(allowed));
    setrlimit(
        resource,
        Rlimit {
            current: Some(most),
            maximum: Some(most),
        },
    )
}

/// Processor seconds that the process has used, rounded up.
fn cpu_used() -> u64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(used.tv_sec)
        .unwrap_or_default()
        .saturating_add(1)
}

/// Bytes of address space and of data in use (`proc_pid_statm(5)`); nought where
/// the kernel does not tell, and then the limits are the tighter for it.
fn in_use() -> (u64, u64) {
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4_096);
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = |field: usize| {
        statm
            .split_ascii_whitespace()
            .nth(field)
            .and_then(|pages| pages.parse::<u64>().ok())
            .map_or(0, |pages| pages.saturating_mul(page))
    };
    (pages(0), pages(5))
}
