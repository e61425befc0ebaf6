//! Indicators at the command line.

use serde_json::Value;

use super::{printed, refusal, run, said};

#[test]
fn an_indicator_is_added_listed_and_withdrawn() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path();
    std::fs::write(
        at.join("unhook.toml"),
        "[database]\nurl = 'sqlite:a.db'\n[organisation]\nname = 'Northwind'\ndomains = ['northwind.example']\n",
    )
    .expect("written");
    let indicator = |arguments: &[&str]| run(at, &[&["indicator"], arguments].concat());
    let add = |kind: &str, value: &str, more: &[&str]| {
        let arguments = ["add", kind, value, "--note", "told by our CERT"];
        indicator(&[&arguments, more].concat())
    };
    let bad = &["--reputation", "bad"][..];

    let added = add("url", "hxxps://login[.]evil[.]example/a", bad);
    let text = printed(&added);
    assert!(
        text.contains("in force  bad  url  https://login.evil.example/a"),
        "{text}{}",
        said(&added)
    );
    let until = &[
        "--reputation",
        "doubtful",
        "--until",
        "2999-12-31",
        "--json",
    ][..];
    let one: Value =
        serde_json::from_str(&printed(&add("domain", "Evil.example", until))).expect("an object");
    assert_eq!(one["value"], "evil.example");
    assert_eq!(one["until"], "3000-01-01T00:00:00Z");

    let below = refusal(&add("domain", "login.evil.example", bad));
    assert!(below.contains("evil.example; for one name"), "{below}");
    let own = refusal(&add("host", "portal.northwind.example", bad));
    assert!(
        own.contains("northwind.example is the organisation's own"),
        "{own}"
    );
    let odd = add("message", "x", bad);
    assert_eq!(odd.status.code(), Some(2));
    assert!(said(&odd).contains("url, host, domain, ip, sha256, email"));

    let list = printed(&indicator(&["list"]));
    assert_eq!(list.lines().count(), 2, "{list}");
    let gone = indicator(&["withdraw", "url", "https://login.evil.example/a"]);
    assert!(
        printed(&gone).starts_with("withdrawn  bad  url"),
        "{gone:?}"
    );
    let twice = refusal(&indicator(&[
        "withdraw",
        "url",
        "https://login.evil.example/a",
    ]));
    assert!(
        twice.contains("no indicator about this url is in force"),
        "{twice}"
    );
    let list = printed(&indicator(&["list"]));
    assert_eq!(list.lines().count(), 1, "{list}");
    let all: Value =
        serde_json::from_str(&printed(&indicator(&["list", "--all", "--json"]))).expect("a list");
    let states: Vec<&str> = all
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["state"].as_str().expect("a state"))
        .collect();
    assert_eq!(states, ["in force", "withdrawn"]);
}
