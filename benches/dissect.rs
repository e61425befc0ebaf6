//! Dissection of real mail on one core: everything that needs no network, beside
//! what bare `mail-parser` and rspamd take for the same files in the same run.
//!
//! `cargo bench --bench dissect`. The mail is that of the folder `UNHOOK_SHARED`
//! (`../shared` when unset); a number limits how many are read. rspamd is started
//! for it where it is installed: one worker, no network, no history.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "what a bench does not expect must stop it"
)]

mod support {
    pub mod mail;
    pub mod rspamd;
}

use std::{
    hint::black_box,
    path::PathBuf,
    time::{Duration, Instant},
};

use peak_alloc::PeakAlloc;
use unhook::{
    enrich::{observables, observables_of_files},
    file::{FileLimits, FileReport, Given, Rules, dissect, words_that_may_be_passwords},
    message::{Fingerprint, Limits, parse_with_files},
    sandbox::{Sandbox, SandboxOptions},
};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Runs of each way; the fastest is told, as noise only ever adds.
const RUNS: usize = 3;

fn main() {
    let mail = support::mail::read();
    if mail.is_empty() {
        println!(
            "left out: there is no mail below {}",
            support::mail::folder()
        );
        return;
    }
    let octets: usize = mail.iter().map(Vec::len).sum();
    println!(
        "{} messages, {:.1} MB, one core, the fastest of {RUNS} runs",
        mail.len(),
        octets as f64 / 1e6
    );

    let rules = Rules::load(true, None).expect("the built-in rules");
    let bare = fastest(&mail, |raw| {
        black_box(mail_parser::MessageParser::default().parse(raw));
    });
    tell("mail-parser alone", mail.len(), bare, bare);
    let form = fastest(&mail, |raw| {
        black_box(whole(raw, |_, _| Vec::new()));
    });
    tell("without the files' inside", mail.len(), form, bare);
    let here = fastest(&mail, |raw| {
        black_box(whole(raw, |given, passwords| {
            dissect(&given, &passwords, &rules, &FileLimits::default())
        }));
    });
    tell("dissection, all extractors", mail.len(), here, bare);
    let program = PathBuf::from(env!("CARGO_BIN_EXE_unhook"));
    let sandbox = Sandbox::new(SandboxOptions::new(program, vec!["dissect-files".into()]));
    let apart = fastest(&mail, |raw| {
        black_box(whole(raw, |given, passwords| {
            sandbox.dissect_blocking(given, passwords)
        }));
    });
    tell("the same, files in their process", mail.len(), apart, bare);

    match support::rspamd::Rspamd::start() {
        Ok(rspamd) => {
            let scanned = rspamd.scan(&mail);
            tell("rspamd, one worker", mail.len(), scanned, bare);
            println!(
                "dissection against rspamd: {:.1} times as fast ({:.1} with the files in their process)",
                scanned.as_secs_f64() / here.as_secs_f64(),
                scanned.as_secs_f64() / apart.as_secs_f64()
            );
        }
        Err(why) => println!("rspamd: left out, {why}"),
    }

    let mut peaks: Vec<usize> = mail
        .iter()
        .map(|raw| {
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            black_box(whole(raw, |given, passwords| {
                dissect(&given, &passwords, &rules, &FileLimits::default())
            }));
            MEMORY.peak_usage().saturating_sub(before)
        })
        .collect();
    peaks.sort_unstable();
    let at = |share: f64| peaks[((peaks.len() - 1) as f64 * share) as usize] as f64 / 1e6;
    println!(
        "memory above the message itself: median {:.2} MB, 99 % below {:.1} MB, most {:.1} MB",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// Everything that is done with a message before a source outside is asked.
fn whole(
    raw: &[u8],
    inside: impl FnOnce(Vec<Given>, Vec<String>) -> Vec<FileReport>,
) -> (usize, Fingerprint) {
    let (message, carried) = parse_with_files(raw, &Limits::default());
    let given: Vec<Given> = carried.into_iter().map(Given::from).collect();
    let files = if given.is_empty() {
        Vec::new()
    } else {
        inside(given, words_that_may_be_passwords(message.visible_text()))
    };
    let found = observables(&message).len() + observables_of_files(&files, &message).len();
    (found, Fingerprint::of(&message))
}

fn fastest(mail: &[Vec<u8>], mut once: impl FnMut(&[u8])) -> Duration {
    (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            for raw in mail {
                once(raw);
            }
            began.elapsed()
        })
        .min()
        .expect("at least one run")
}

fn tell(what: &str, messages: usize, took: Duration, bare: Duration) {
    println!(
        "{what:<34} {:>8.0} messages/s  {:>6.1} times mail-parser",
        messages as f64 / took.as_secs_f64(),
        took.as_secs_f64() / bare.as_secs_f64()
    );
}
