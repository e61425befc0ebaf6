//! The demo, from its first line to its last.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

use super::{printed, refusal, unhook};

/// The demo with a folder of its own for temporary files.
fn demo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = unhook(folder, &["demo", "--mailboxes", "10"]);
    command.args(arguments).env("TMPDIR", folder);
    command
}

fn left_behind(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .expect("folder")
        .map(|entry| {
            entry
                .expect("entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.starts_with("unhook-demo"))
        .collect()
}

#[test]
fn a_message_that_is_none_is_refused_before_anything_starts() {
    let folder = tempfile::tempdir().expect("folder");
    let picture = folder.path().join("a.png");
    std::fs::write(&picture, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").expect("written");
    for (message, why) in [
        ("/dev/null", "the file is empty"),
        ("a.png", "no mail is in it"),
        ("missing.eml", "cannot be read"),
    ] {
        let output = demo(folder.path(), &["--once", "--message", message])
            .output()
            .expect("it runs");
        let line = refusal(&output);
        assert!(line.contains(message) && line.contains(why), "{line}");
        assert_eq!(printed(&output), "", "nothing was started");
    }
}

#[test]
fn the_stages_stand_in_order_and_the_reporters_are_named() {
    let folder = tempfile::tempdir().expect("folder");
    let output = demo(folder.path(), &["--once"]).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let text = printed(&output);
    let at = |stage: &str| {
        text.lines()
            .position(|line| line.trim_start().starts_with(stage))
            .unwrap_or_else(|| panic!("{stage} is missing: {text}"))
    };
    let last_thanks = text
        .lines()
        .take(at("Receipt"))
        .filter(|line| line.trim_start().starts_with("thanked"))
        .count();
    assert_eq!(last_thanks, 2, "{text}");
    assert!(at("verdict") < at("mailboxes searched"), "{text}");
    assert!(at("copies pulled") < at("checked"), "{text}");
    assert!(at("copies pulled") < at("thanked"), "{text}");
    let reporters: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("reported"))
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    assert_eq!(reporters.len(), 2, "{text}");
    for reporter in reporters {
        let named = text.lines().filter(|line| line.contains(reporter)).count();
        assert!(
            named >= 3,
            "clicked, thanked, on the receipt: {reporter} in {text}"
        );
    }
    assert!(left_behind(folder.path()).is_empty());
}

#[test]
fn an_early_failure_leaves_no_folder_behind() {
    let folder = tempfile::tempdir().expect("folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("port");
    let address = taken.local_addr().expect("address").to_string();
    let output = demo(folder.path(), &["--once", "--listen", &address])
        .output()
        .expect("it runs");
    let line = refusal(&output);
    assert!(line.contains(&address), "{line}");
    assert!(
        left_behind(folder.path()).is_empty(),
        "{:?}",
        left_behind(folder.path())
    );
}

#[cfg(unix)]
#[test]
fn sigterm_ends_it_and_its_folder_goes() {
    // Once the console is up, and once in the midst of it.
    for line in ["Ctrl-C ends", "reported"] {
        let folder = tempfile::tempdir().expect("folder");
        let mut child = demo(folder.path(), &[])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut lines = BufReader::new(child.stdout.take().expect("output")).lines();
        let reached = lines.any(|said| said.is_ok_and(|said| said.trim_start().starts_with(line)));
        assert!(reached, "{line}");
        assert_eq!(left_behind(folder.path()).len(), 1);
        let killed = Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status();
        assert!(killed.is_ok_and(|status| status.success()));
        for _ in lines.by_ref() {}
        let ended = child.wait().expect("it ends");
        let code = i32::from(line == "reported");
        assert_eq!(ended.code(), Some(code), "by itself, not by the signal");
        assert!(
            left_behind(folder.path()).is_empty(),
            "{:?}",
            left_behind(folder.path())
        );
    }
}
