//! Training and measuring a model at the command line.

use super::{printed, refusal, run, said};
use crate::support::collection::collection;

#[test]
fn a_model_is_trained_alike_twice_and_measured_on_what_it_has_not_seen() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path();
    collection(&at.join("mail"), 30);
    for name in ["one.model", "two.model"] {
        let trained = run(at, &["model", "train", "--corpus", "mail", "--out", name]);
        assert!(trained.status.success(), "{}", said(&trained));
        assert!(printed(&trained).contains("trained on 120 messages"));
    }
    let read = |name: &str| std::fs::read(at.join(name)).expect("a model");
    assert_eq!(read("one.model"), read("two.model"));
    let text = String::from_utf8_lossy(&read("one.model")).into_owned();
    assert!(!text.contains("replica") && !text.contains("newsletter"));

    let measured = run(
        at,
        &[
            "model",
            "evaluate",
            "--corpus",
            "mail",
            "--model",
            "one.model",
            "--out",
            "report",
        ],
    );
    assert!(measured.status.success(), "{}", said(&measured));
    let report = printed(&measured);
    assert!(report.contains("trained without its group"), "{report}");
    assert!(report.contains("three-way accuracy"), "{report}");
    for name in ["report.txt", "report.json", "report.html"] {
        assert!(at.join("report").join(name).is_file(), "{name}");
    }
    let fresh = run(at, &["model", "evaluate", "--corpus", "mail"]);
    assert!(printed(&fresh).contains("trained on none of them"));

    let told = run(at, &["policy", "thresholds", "--model", "one.model"]);
    assert!(printed(&told).contains("120 messages"), "{}", said(&told));
}

#[test]
fn what_is_no_model_and_no_collection_is_said() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path();
    collection(&at.join("mail"), 30);
    std::fs::write(at.join("bad.model"), "unhook-model 1\n{}\n").expect("written");
    let bad = refusal(&run(
        at,
        &[
            "model",
            "evaluate",
            "--corpus",
            "mail",
            "--model",
            "bad.model",
        ],
    ));
    assert!(
        bad.contains("bad.model is no model") && bad.contains("damaged"),
        "{bad}"
    );
    std::fs::create_dir(at.join("empty")).expect("a folder");
    let empty = refusal(&run(
        at,
        &["model", "train", "--corpus", "empty", "--out", "x.model"],
    ));
    assert!(empty.contains("no labelled mail"), "{empty}");
    std::fs::write(at.join("policy.toml"), "automatic_pull = 3\n").expect("written");
    let policy = refusal(&run(at, &["analyze", "--policy", "policy.toml", "mail"]));
    assert!(
        policy.contains("policy.toml is refused") && policy.contains("line 1"),
        "{policy}"
    );
}
