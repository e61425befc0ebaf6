//! `unhook doctor`: everything the service needs, one plain line each.

use std::{process::ExitCode, sync::Arc};

use clap::Args;

use super::{ConfigFile, start};
use crate::{
    auth::ReporterVerifier,
    clock::{SharedClock, SystemClock},
    config::{Config, notify::Tls},
    enrich::{lookups, resolve::resolver},
    file::{FileReport, Given, Rules},
    mailbox::Finding,
    notify::{Notifier, NotifyError},
    store::{Store, blobs::Blobs},
};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Print one JSON array of {subject, ok, detail} instead of lines
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let findings = match options.file.load() {
        Ok(config) => {
            let mut findings = vec![fine("configuration", "read and valid")];
            findings.extend(examine(&config).await);
            findings
        }
        Err(error) => vec![wrong("configuration", error.to_string())],
    };
    if options.json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        for finding in &findings {
            let mark = if finding.ok { "ok  " } else { "FAIL" };
            println!("{mark}  {}: {}", finding.subject, finding.detail);
        }
    }
    let sound = findings.iter().all(|finding| finding.ok);
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn fine(subject: &str, detail: impl Into<String>) -> Finding {
    Finding {
        subject: subject.to_owned(),
        ok: true,
        detail: detail.into(),
    }
}

fn wrong(subject: &str, detail: impl Into<String>) -> Finding {
    Finding {
        subject: subject.to_owned(),
        ok: false,
        detail: detail.into(),
    }
}

async fn examine(config: &Config) -> Vec<Finding> {
    let clock: SharedClock = Arc::new(SystemClock);
    let mut findings = database(config).await;
    findings.push(blobs(config).await);
    findings.push(tls(config));
    findings.extend(reporters(config, &clock).await);
    findings.extend(platforms(config, &clock).await);
    findings.push(watch(config));
    findings.extend(letters(config).await);
    findings.push(files(config).await);
    findings.extend(rules(config));
    findings.extend(sources(config).await);
    findings
}

async fn database(config: &Config) -> Vec<Finding> {
    // A look must not make what it looks for.
    if !Store::is_there(&config.database) {
        return vec![wrong("database", "there is none yet; run: unhook migrate")];
    }
    let store = match Store::open(&config.database, None).await {
        Ok(store) => store,
        Err(error) => return vec![wrong("database", start::whole(&error))],
    };
    if let Err(error) = store.ping().await {
        return vec![wrong("database", start::whole(&error))];
    }
    let mut findings = vec![fine(
        "database",
        format!("{} answers", store.backend_name()),
    )];
    findings.push(match store.pending_migrations().await {
        Ok(pending) if pending.is_empty() => fine("migrations", "all applied"),
        Ok(pending) => wrong(
            "migrations",
            format!("{} not applied; run: unhook migrate", pending.join(", ")),
        ),
        Err(error) => wrong("migrations", start::whole(&error)),
    });
    // Nothing was changed; a connection that does not close cannot lose anything.
    let _ = store.close().await;
    findings
}

async fn blobs(config: &Config) -> Finding {
    let path = config.blobs.path.display();
    let checked = match Blobs::open(&config.blobs.path) {
        Ok(blobs) => blobs.check().await,
        Err(error) => Err(error),
    };
    match checked {
        Ok(()) => fine("blob store", format!("{path} can be written and read back")),
        Err(error) => wrong("blob store", format!("blobs.path: {path}: {error}")),
    }
}

fn tls(config: &Config) -> Finding {
    match start::tls(&config.server) {
        Ok(Some(_)) => fine("server tls", "certificate and key fit"),
        Ok(None) if config.server.is_https() => fine("server tls", "left to the proxy in front"),
        Ok(None) if config.server.listen.ip().is_loopback() => {
            fine("server tls", "plain http on a loopback address only")
        }
        Ok(None) => wrong(
            "server tls",
            "tokens would travel in the clear: set server.tls_*_file, or server.public_url to the proxy's https address",
        ),
        Err(error) => wrong("server tls", error.to_string()),
    }
}

async fn reporters(config: &Config, clock: &SharedClock) -> Vec<Finding> {
    let verifier = match ReporterVerifier::new(&config.reporters, SharedClock::clone(clock)) {
        Ok(verifier) => verifier,
        Err(error) => return vec![wrong("reporters", start::whole(&error))],
    };
    let issuers = verifier.warm().await;
    if issuers.is_empty() {
        return vec![wrong(
            "reporters",
            "nobody can report: set reporters.entra or reporters.google",
        )];
    }
    issuers
        .into_iter()
        .map(|(issuer, there)| {
            let subject = format!("reporters {issuer}");
            if there {
                fine(&subject, "the issuer's signing keys are there")
            } else {
                wrong(
                    &subject,
                    "the issuer's signing keys cannot be fetched; is its address reachable?",
                )
            }
        })
        .collect()
}

async fn platforms(config: &Config, clock: &SharedClock) -> Vec<Finding> {
    if config.graph.is_none() && config.google.is_none() {
        return vec![wrong(
            "mail platforms",
            "none: set graph (Microsoft 365) or google (Google Workspace)",
        )];
    }
    let mail = match start::connect(config, clock, None).await {
        Ok(mail) => mail,
        Err(error) => return vec![wrong("mail platforms", error.to_string())],
    };
    let mut findings = Vec::new();
    for provider in mail.all() {
        let name = provider.provider();
        findings.extend(provider.check().await.into_iter().map(|mut finding| {
            finding.subject = format!("{name} {}", finding.subject);
            finding
        }));
    }
    findings
}

/// How late copies are found, and what notifications need beside it; only their
/// first subscription proves that.
fn watch(config: &Config) -> Finding {
    let watch = &config.watch;
    let subject = "watch";
    if !watch.is_on() {
        return fine(subject, "switched off: copies that come late stay");
    }
    let mut ways = Vec::new();
    if let Some(url) = &watch.graph_notification_url {
        ways.push(format!(
            "Microsoft 365 notifies {}/hooks/graph, which it must reach (Mail.Read or \
             Mail.ReadWrite in Entra)",
            url.as_str().trim_end_matches('/')
        ));
    }
    if let Some(topic) = &watch.gmail_topic {
        ways.push(format!(
            "Gmail publishes to {topic} (gmail-api-push@system.gserviceaccount.com must be \
             roles/pubsub.publisher there), pushed to {}/hooks/gmail",
            config.server.base_url()
        ));
    }
    if ways.is_empty() {
        ways.push("mailboxes are asked at intervals, without notifications".to_owned());
    }
    fine(
        subject,
        format!("{} hours: {}", watch.hours, ways.join("; ")),
    )
}

/// Whether files can be taken apart, proved with one.
async fn files(config: &Config) -> Finding {
    let file = Given {
        place: "attachment:0".to_owned(),
        name: Some("doctor.txt".to_owned()),
        claimed: "text/plain".to_owned(),
        bytes: b"unhook doctor".to_vec(),
    };
    let reports = start::sandbox(&config.files)
        .dissect(vec![file], Vec::new())
        .await;
    if reports.first().is_some_and(FileReport::is_complete) {
        fine(
            "files",
            "are taken apart in a process without network and disk",
        )
    } else {
        wrong(
            "files",
            "their process does not work, so every message with files waits for a person; \
             files.program must be this program, and the kernel must take a seccomp filter",
        )
    }
}

/// The folder of YARA rules, if there is one: a rule with an error is left out of
/// every scan, which nobody would notice.
fn rules(config: &Config) -> Option<Finding> {
    let folder = config.files.rules.as_deref()?;
    Some(match Rules::load(false, Some(folder)) {
        Err(error) => wrong("YARA rules", start::whole(&error)),
        Ok(rules) if rules.warnings().is_empty() => fine(
            "YARA rules",
            format!("those of {} are sound", folder.display()),
        ),
        Ok(rules) => wrong(
            "YARA rules",
            format!("left out: {}", rules.warnings().join("; ")),
        ),
    })
}

/// Which sources may be asked, and whether those of one's own answer. Asking one
/// outside would send something: that is left to the first message.
async fn sources(config: &Config) -> Vec<Finding> {
    let made = resolver(config.authentication.nameserver)
        .map_err(|error| start::whole(&error))
        .and_then(|resolver| {
            lookups::sources(&config.lookups, &resolver).map_err(|error| start::whole(&error))
        });
    match made {
        Err(error) => vec![wrong("sources", error)],
        Ok(seats) => {
            let mut findings = Vec::new();
            for seat in &seats {
                let name = format!("source {}", seat.lookup.id());
                findings.extend(seat.lookup.answers().await.map(|outcome| match outcome {
                    Ok(()) => fine(&name, "answers"),
                    Err(error) => wrong(&name, error.to_string()),
                }));
            }
            let mut on: Vec<&str> = seats.iter().map(|seat| seat.lookup.id()).collect();
            if config.authentication.enabled {
                on.push("authentication (DNS)");
            }
            if config.fetch.enabled {
                on.push("visit (opens links)");
            }
            findings.push(if on.is_empty() {
                fine(
                    "sources",
                    "none is switched on: nothing leaves this machine",
                )
            } else {
                fine("sources", format!("switched on: {}", on.join(", ")))
            });
            findings
        }
    }
}

/// The mail server for letters, if there is one.
async fn letters(config: &Config) -> Option<Finding> {
    let smtp = config.notify.smtp.as_ref()?;
    let place = format!("{}:{}", smtp.host, smtp.port);
    let checked = match Notifier::new(&config.notify) {
        Ok(notifier) => notifier.check().await?,
        Err(error) => Err(error),
    };
    let protection = match smtp.tls {
        Tls::Starttls => "STARTTLS",
        Tls::Implicit => "TLS",
        Tls::None => "no TLS, loopback only",
    };
    let signed_in = match &smtp.username {
        Some(_) => "signed in",
        None => "no sign-in configured",
    };
    Some(match checked {
        Ok(()) => fine(
            "mail server",
            format!("{place} takes letters ({protection}, {signed_in})"),
        ),
        Err(error) => wrong(
            "mail server",
            format!("{place} ({protection}): {}", reason(error)),
        ),
    })
}

/// Nothing was to be sent: only what the server said matters.
fn reason(error: NotifyError) -> String {
    match error {
        NotifyError::Refused(words) | NotifyError::NotYet(words) | NotifyError::Compose(words) => {
            words
        }
        other => start::whole(&other),
    }
}
