//! What a file can do to Unhook when it has taken over the parser that reads it:
//! end one process, and nothing else.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "what a test or bench does not expect must stop it"
)]

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use unhook::{
    file::{FileReport, Given, Stop},
    sandbox::{Sandbox, SandboxOptions},
};

/// The program of `examples/hostile_files.rs`. Cargo and nextest build it where they
/// are asked for all tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(|deps| deps.parent()).unwrap();
    let program = folder.join("examples/hostile_files");
    assert!(
        program.exists(),
        "build it: cargo build --example hostile_files"
    );
    program
}

fn options(mode: &str) -> SandboxOptions {
    SandboxOptions {
        cpu: Duration::from_secs(1),
        ..SandboxOptions::new(program(), vec![mode.into()])
    }
}

fn hostile() -> Sandbox {
    Sandbox::new(options("hostile"))
}

fn given(names: &[&str]) -> Vec<Given> {
    names
        .iter()
        .enumerate()
        .map(|(number, name)| Given {
            place: format!("attachment:{number}"),
            name: Some((*name).to_owned()),
            claimed: "text/plain".to_owned(),
            bytes: b"hello".to_vec(),
        })
        .collect()
}

fn only(sandbox: &Sandbox, name: &str) -> FileReport {
    let mut reports = sandbox.dissect_blocking(given(&[name]), Vec::new());
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

fn note(report: &FileReport) -> &str {
    report.notes.first().map_or("", |n| n.detail.exposed())
}

#[test]
fn nothing_can_be_reached_from_within() {
    let sandbox = hostile();
    let kept = std::env::temp_dir().join("unhook-kept");
    fs::write(&kept, "kept").unwrap();
    for name in [
        "socket", "listen", "datagram", "pair", "exec", "thread", "read", "list", "write",
        "append", "remove", "rename", "kill", "limits",
    ] {
        let report = only(&sandbox, name);
        assert!(
            note(&report).contains("not permitted") || note(&report).contains("os error 1"),
            "{name}: {:?} {:?}",
            note(&report),
            report.stops
        );
    }
    assert_eq!(fs::read_to_string(&kept).unwrap(), "kept");
    assert!(!PathBuf::from("/tmp/unhook-escaped").exists());
    assert_eq!(note(&only(&sandbox, "plain")), "done");
}

#[test]
fn f07_too_much_time_or_memory_ends_the_work_and_says_so() {
    let sandbox = Sandbox::new(SandboxOptions {
        wall: Duration::from_secs(60),
        ..options("hostile")
    });
    let begun = Instant::now();
    assert_eq!(only(&sandbox, "spin").stops, [Stop::Time]);
    assert!(
        begun.elapsed() < Duration::from_secs(50),
        "the kernel ends it, not the clock"
    );
    for name in ["hog", "panic", "recurse"] {
        assert_eq!(only(&sandbox, name).stops, [Stop::Memory], "{name}");
    }
    let hurried = Sandbox::new(SandboxOptions {
        wall: Duration::from_millis(300),
        ..options("hostile")
    });
    assert_eq!(only(&hurried, "plain").stops, []);
    assert_eq!(only(&hurried, "sleep").stops, [Stop::Time]);
    assert_eq!(note(&only(&sandbox, "plain")), "done");
}

#[test]
fn an_answer_that_makes_no_sense_is_no_answer() {
    let sandbox = hostile();
    for name in ["garbage", "endless", "liar"] {
        let report = only(&sandbox, name);
        assert_eq!(report.stops, [Stop::Unavailable], "{name}");
        assert_eq!(report.place, "attachment:0");
    }
    let report = only(&sandbox, "size");
    assert_eq!((report.size, report.hashes.md5.as_str()), (5, ""));
    assert!(report.hashes.sha256.starts_with("2cf24dba5fb0a30e"));
    let patient = Sandbox::new(SandboxOptions {
        cpu: Duration::from_secs(30),
        wall: Duration::from_secs(60),
        ..options("hostile")
    });
    let report = only(&patient, "verbose");
    assert_eq!(report.members.len(), 300);
    assert!(report.all().skip(1).all(|m| m.stops == [Stop::Kept]));
}

#[test]
fn f07_one_killer_does_not_hide_the_other_files() {
    let sandbox = hostile();
    let names = ["a", "panic", "b", "hog", "garbage", "c"];
    let reports = sandbox.dissect_blocking(given(&names), Vec::new());
    let stops: Vec<&[Stop]> = reports.iter().map(|r| r.stops.as_slice()).collect();
    assert_eq!(
        stops,
        [
            &[] as &[Stop],
            &[Stop::Memory],
            &[],
            &[Stop::Memory],
            &[Stop::Unavailable],
            &[]
        ]
    );
    for (name, report) in names.iter().zip(&reports) {
        assert_eq!(report.name.as_ref().unwrap().exposed(), name);
        assert_eq!(report.size, 5);
        assert_eq!(report.hashes.sha256.len(), 64);
    }
}

#[test]
fn where_no_process_comes_up_the_files_are_still_named() {
    let sandboxes = [
        SandboxOptions::new(PathBuf::from("/nonexistent/unhook"), Vec::new()),
        SandboxOptions::new(PathBuf::from("/bin/true"), Vec::new()),
        options("babble"),
    ];
    for options in sandboxes {
        let report = only(&Sandbox::new(options.clone()), "invoice.pdf");
        assert_eq!(report.stops, [Stop::Unavailable], "{options:?}");
        assert_eq!(report.name.unwrap().exposed(), "invoice.pdf");
    }
}

#[tokio::test]
async fn a_worker_outlives_many_messages_and_many_callers() {
    let sandbox = Sandbox::new(SandboxOptions {
        workers: 2,
        ..options("honest")
    });
    assert!(sandbox.dissect(Vec::new(), Vec::new()).await.is_empty());
    let messages = (0..150).map(|_| sandbox.dissect(given(&["a", "b"]), Vec::new()));
    for reports in futures::future::join_all(messages).await {
        assert_eq!(reports.len(), 2);
        assert!(reports.iter().all(FileReport::is_complete));
    }
}

#[test]
fn processes_end_with_the_sandbox() {
    let marker = format!("unhook-test-{}", std::process::id());
    let running = || {
        fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok())
            .filter(|line| String::from_utf8_lossy(line).contains(&marker))
            .count()
    };
    let mut options = options("honest");
    options.arguments.push(marker.clone().into());
    let sandbox = Sandbox::new(options);
    assert_eq!(only(&sandbox, "a").stops, []);
    assert_eq!(running(), 1);
    drop(sandbox);
    let patience = Instant::now() + Duration::from_secs(5);
    while running() > 0 {
        assert!(Instant::now() < patience, "a process was left behind");
        std::thread::sleep(Duration::from_millis(5));
    }
}
