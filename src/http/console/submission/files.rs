//! The files of a message as a tree, drawn line by line.

use serde_json::Value;

use super::{
    super::text::{Plain, octets},
    evidence::{list, words},
};

/// Lines drawn; a message may hold more files than a page should.
const MOST: usize = 200;

/// One file.
pub struct FileRow {
    /// How deep it lies, 0 to 8.
    pub depth: usize,
    /// Its name.
    pub name: Plain,
    /// What it is by its content.
    pub kind: Plain,
    /// The type it claims.
    pub claimed: Plain,
    /// Its size.
    pub size: String,
    /// Digests, `MD5 …`.
    pub digests: Vec<Plain>,
    /// What is remarkable.
    pub notes: Vec<Plain>,
    /// Why it is not fully analysed.
    pub stops: Vec<Plain>,
    /// Whether something in it speaks of harm.
    pub grave: bool,
}

/// Notes that are no reason to worry by themselves.
const CALM: [&str; 4] = ["nested_mail", "qr_code", "embedded_object", "data_uri"];

/// The tree; a submission of an older form has its attachments alone.
pub fn files(findings: &Value) -> Vec<FileRow> {
    let mut rows = Vec::new();
    let roots = list(findings, "files");
    if roots.is_empty() {
        for attachment in list(findings, "attachments").iter().take(50) {
            rows.push(older(attachment));
        }
        return rows;
    }
    // a stack instead of recursion; what lies inside follows its container
    let mut waiting: Vec<(usize, &Value)> = roots.iter().rev().map(|file| (0, file)).collect();
    while let Some((depth, file)) = waiting.pop() {
        if rows.len() >= MOST {
            break;
        }
        rows.push(row(file, depth));
        waiting.extend(list(file, "members").iter().rev().map(|m| (depth + 1, m)));
    }
    rows
}

fn size(file: &Value) -> String {
    file.get("size")
        .and_then(Value::as_u64)
        .map(octets)
        .unwrap_or_default()
}

fn older(attachment: &Value) -> FileRow {
    FileRow {
        depth: 0,
        name: Plain::line(&words(attachment.get("name")), 200),
        kind: Plain::default(),
        claimed: Plain::line(&words(attachment.get("content_type")), 100),
        size: size(attachment),
        digests: vec![Plain::line(
            &format!("SHA-256 {}", words(attachment.get("sha256"))),
            80,
        )],
        notes: Vec::new(),
        stops: Vec::new(),
        grave: false,
    }
}

fn row(file: &Value, depth: usize) -> FileRow {
    let digests = [
        ("sha256", "SHA-256"),
        ("sha1", "SHA-1"),
        ("md5", "MD5"),
        ("tlsh", "TLSH"),
    ];
    let hashes = file.get("hashes").unwrap_or(&Value::Null);
    let mut grave = false;
    let mut notes: Vec<Plain> = list(file, "notes")
        .iter()
        .take(30)
        .map(|note| {
            let kind = words(note.get("kind"));
            grave |= !CALM.contains(&kind.as_str());
            let detail = words(note.get("detail"));
            let said = kind.replace('_', " ");
            let said = if detail.is_empty() {
                said
            } else {
                format!("{said}: {detail}")
            };
            Plain::defanged_block(&said.replace('\n', " "), 260)
        })
        .collect();
    for rule in list(file, "rules").iter().take(20) {
        grave = true;
        let said = words(rule.get("description"));
        notes.push(Plain::line(
            &format!("YARA {}: {said}", words(rule.get("rule"))),
            260,
        ));
    }
    FileRow {
        depth: depth.min(8),
        name: Plain::line(&words(file.get("name")), 200),
        kind: Plain::line(&words(file.get("kind")).replace('_', " "), 40),
        claimed: Plain::line(&words(file.get("claimed")), 100),
        size: size(file),
        digests: digests
            .iter()
            .map(|(key, name)| (words(hashes.get(key)), name))
            .filter(|(value, _)| !value.is_empty())
            .map(|(value, name)| Plain::line(&format!("{name} {value}"), 160))
            .collect(),
        notes,
        stops: list(file, "stops")
            .iter()
            .take(10)
            .map(|stop| Plain::line(&words(Some(stop)), 120))
            .collect(),
        grave,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_follow_their_container_and_any_shape_is_taken() {
        let findings = serde_json::json!({"files": [
            {"name": "a.zip", "kind": "zip", "size": 10, "hashes": {"sha256": "00"},
             "members": [{"name": "b.js", "kind": "script", "notes": [{"kind": "script", "detail": "x"}]}]},
            {"name": "c.pdf", "notes": 7, "members": {"x": 1}, "stops": ["it took too much time"]},
            3,
        ]});
        let rows = files(&findings);
        let drawn: Vec<(usize, &str)> = rows.iter().map(|r| (r.depth, r.name.as_str())).collect();
        assert_eq!(drawn, [(0, "a.zip"), (1, "b.js"), (0, "c.pdf"), (0, "")]);
        assert!(rows.get(1).is_some_and(|row| row.grave));
        assert!(rows.get(2).is_some_and(|row| row.stops.len() == 1));
    }
}
