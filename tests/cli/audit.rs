//! The audit trail at the command line.

use std::path::Path;

use serde_json::Value;

use super::{printed, refusal, run, said};

fn sql(folder: &Path, text: &str) {
    let url = format!("sqlite:{}", folder.join("a.db").display());
    let text = sqlx::AssertSqlSafe(text.to_owned());
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(async {
            let pool = sqlx::SqlitePool::connect(&url).await.expect("SQLite");
            sqlx::raw_sql(text).execute(&pool).await.expect("changed");
            pool.close().await;
        });
}

#[test]
fn a_trail_is_shown_signed_and_verified() {
    let folder = tempfile::tempdir().expect("folder");
    let at = folder.path();
    std::fs::write(
        at.join("unhook.toml"),
        "[database]\nurl = 'sqlite:a.db'\n[organisation]\nname = 'Northwind'\n",
    )
    .expect("written");
    let audit = |arguments: &[&str]| run(at, &[&["audit"], arguments].concat());
    let nothing = audit(&["verify"]);
    assert_eq!(nothing.status.code(), Some(0), "{}", said(&nothing));
    let line = refusal(&audit(&["checkpoint"]));
    assert!(line.contains("there is no entry yet"), "{line}");

    for name in ["one", "two", "three"] {
        let made = run(at, &["keys", "create", "--name", name, "--scopes", "admin"]);
        assert!(made.status.success(), "{}", said(&made));
    }
    let listed = printed(&run(at, &["keys", "list"]));
    let key = listed.split_whitespace().next().expect("a key");
    assert!(run(at, &["keys", "revoke", key]).status.success());

    let shown = printed(&audit(&["show", "--subject", key]));
    let actions: Vec<&str> = shown
        .lines()
        .map(|line| line.split("  ").nth(3).expect("an action"))
        .collect();
    assert_eq!(actions, ["key_revoked", "key_made"], "{shown}");
    assert!(shown.contains("command line: "), "{shown}");
    let newest = printed(&audit(&["show", "--limit", "1", "--json"]));
    let newest: Value = serde_json::from_str(&newest).expect("one entry");
    assert_eq!(newest["seq"], 4);

    let signed = printed(&audit(&["checkpoint"]));
    std::fs::write(at.join("signed"), &signed).expect("written");
    let whole = audit(&["verify", "--checkpoints", "signed"]);
    assert_eq!(whole.status.code(), Some(0), "{whole:?}");
    let text = printed(&whole);
    assert!(text.starts_with("intact: 4 entries, the last 4 "), "{text}");
    assert!(
        text.contains("compared with 1 signed checkpoints"),
        "{text}"
    );
    let json = printed(&audit(&["verify", "--json"]));
    let json: Value = serde_json::from_str(&json).expect("json");
    assert_eq!(
        (&json["intact"], &json["entries"]),
        (&true.into(), &4.into())
    );

    // The end and its head are gone; only the checkpoint knows.
    sql(
        at,
        "CREATE TABLE kept AS SELECT * FROM audit WHERE seq = 4; \
         DELETE FROM audit WHERE seq = 4; \
         UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit WHERE seq = 3)",
    );
    assert_eq!(audit(&["verify"]).status.code(), Some(0));
    let cut = audit(&["verify", "--checkpoints", "signed"]);
    assert_eq!(cut.status.code(), Some(1));
    let text = printed(&cut);
    assert!(
        text.contains("the end is cut off: 3 is the last entry, and there were 4"),
        "{text}"
    );
    sql(
        at,
        "INSERT INTO audit SELECT * FROM kept; \
         UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4); \
         UPDATE audit SET actor = 'nobody' WHERE seq = 2",
    );
    let edited = audit(&["verify"]);
    assert_eq!(edited.status.code(), Some(1));
    let text = printed(&edited);
    assert!(
        text.starts_with("BROKEN: ") && text.contains("entry 2 was edited"),
        "{text}"
    );
    let json = printed(&audit(&["verify", "--json"]));
    let json: Value = serde_json::from_str(&json).expect("json");
    let edited = serde_json::json!([{ "what": "edited", "seq": 2 }]);
    assert_eq!(
        (&json["intact"], &json["findings"]),
        (&false.into(), &edited)
    );

    std::fs::write(at.join("forged"), signed.replace("\"seq\":4", "\"seq\":3")).expect("written");
    let line = refusal(&audit(&["verify", "--checkpoints", "forged"]));
    assert!(line.contains("line 1 is not to be believed"), "{line}");
    let line = refusal(&audit(&[
        "verify",
        "--checkpoints",
        "signed",
        "--key",
        "AAAA",
    ]));
    assert!(line.contains("line 1 is signed by key"), "{line}");
}
