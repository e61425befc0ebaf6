//! How well the first verdict judges labelled mail.

use std::collections::BTreeMap;

use chrono::DateTime;
use unhook::{
    analyze::{AnalyzeLine, analyze_bytes},
    config::policy::Policy,
    domain::Verdict,
    verdict::Engine,
};

use super::shared::{folder, sandbox};

/// The share of phishing that must be condemned. The shipped model was trained on this
/// mail, so the figure is no measure of it (that is `unhook model evaluate`, which holds
/// mail back): it shows that model and rules are whole and joined.
const RECALL_FLOOR: f64 = 0.5;
/// The share of ordinary and bulk mail that may be condemned.
const FALSE_ALARMS: f64 = 0.005;

#[test]
fn malicious_is_rare_on_fine_mail_and_common_on_phishing() {
    let Some(dev) = folder("corpora/dev") else {
        return;
    };
    let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let engine = Engine::new(Policy::default()).unwrap();
    let sandbox = sandbox(2);
    let dump = std::env::var_os("UNHOOK_DUMP");
    let mut lines = String::new();
    let mut table: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut totals: BTreeMap<String, usize> = BTreeMap::new();
    let manifest = std::fs::read_to_string(dev.join("manifest.tsv")).unwrap();
    let rows: Vec<(String, String)> = manifest
        .lines()
        .skip(1)
        .map(|row| {
            let mut fields = row.split('\t');
            let mut next = || fields.next().unwrap().to_owned();
            (next(), next())
        })
        .collect();
    assert!(rows.len() > 1_000);
    let judge = |rows: &[(String, String)]| -> Vec<(String, AnalyzeLine)> {
        rows.iter()
            .map(|(file, label)| {
                let bytes = std::fs::read(dev.join(file)).unwrap();
                (
                    label.clone(),
                    analyze_bytes(file, &bytes, &engine, Some(&sandbox), now),
                )
            })
            .collect()
    };
    let judge = &judge;
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let judged: Vec<(String, AnalyzeLine)> = std::thread::scope(|scope| {
        let chunks: Vec<_> = rows
            .chunks(rows.len().div_ceil(workers))
            .map(|chunk| scope.spawn(move || judge(chunk)))
            .collect();
        chunks
            .into_iter()
            .flat_map(|chunk| chunk.join().unwrap())
            .collect()
    });
    for (label, line) in judged {
        let score = line.score.unwrap();
        assert!((0.0..=1.0).contains(&score), "{}: {score}", line.path);
        let verdict = line.verdict.unwrap();
        *table
            .entry((label.clone(), verdict.to_string()))
            .or_default() += 1;
        *totals.entry(label).or_default() += 1;
        if dump.is_some() {
            lines.push_str(&serde_json::to_string(&line).unwrap());
            lines.push('\n');
        }
    }
    if let Some(path) = dump {
        std::fs::write(path, lines).unwrap();
    }
    println!(
        "label     total {}",
        Verdict::ALL.map(|v| format!("{v:>11}")).join("")
    );
    for (label, total) in &totals {
        let cells = Verdict::ALL.map(|verdict| {
            let count = table.get(&(label.clone(), verdict.to_string()));
            format!("{:>11}", count.copied().unwrap_or_default())
        });
        println!("{label:<9} {total:>5} {}", cells.join(""));
    }
    let condemned = |labels: &[&str]| {
        let of = |label: &&str| {
            let hit = table.get(&((*label).to_owned(), "malicious".to_owned()));
            (
                hit.copied().unwrap_or_default(),
                totals.get(*label).copied().unwrap_or_default(),
            )
        };
        let (hit, all) = labels
            .iter()
            .map(of)
            .fold((0, 0), |sum, each| (sum.0 + each.0, sum.1 + each.1));
        hit as f64 / all.max(1) as f64
    };
    let (recall, alarms) = (condemned(&["phishing"]), condemned(&["ham", "bulk"]));
    println!("phishing condemned: {recall:.3}; fine mail condemned: {alarms:.4}");
    assert!(alarms <= FALSE_ALARMS, "{alarms}");
    assert!(recall >= RECALL_FLOOR, "{recall}");
}
