//! Building the service from its configuration and running it; shared by
//! `serve` and the demo.

use std::{
    fmt::Write as _,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use actix_web::{App as Web, HttpServer, dev::ServerHandle};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    app::{App, Judging, Mail, StoredBudgets},
    audit,
    auth::{ReporterVerifier, VerifierError},
    clock::SharedClock,
    config::{Config, FieldError, files::Files, policy::PolicyError, server::Server},
    enrich::{
        guard::Guard,
        lookups::{self, Allowance, BadSource, Seat, Sources, visit::Visit},
        resolve::{ResolverError, resolver},
    },
    http::{self, State},
    intake::Desk,
    jobs::{self, Wake, Work, Workers, WorkersOptions},
    mailbox::{
        gmail::{GmailFeed, GmailMail},
        graph::{GraphFeed, GraphMail},
        pace::SharedBudgets,
    },
    notify::{Notifier, NotifyError},
    policy, remediation,
    sandbox::{Sandbox, SandboxOptions},
    store::{
        CommitObserver, Store, StoreError,
        blobs::{BlobError, Blobs},
    },
    triage,
};

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The database cannot be used.
    #[error("database")]
    Store(#[from] StoreError),
    /// Migrations are missing and are not to be applied by the service.
    #[error("database: migrations are missing ({0}); run: unhook migrate")]
    Migrations(String),
    /// The blob store cannot be used.
    #[error("blobs.path: {}", path.display())]
    Blobs {
        /// The folder.
        path: PathBuf,
        /// Why it cannot be used.
        source: BlobError,
    },
    /// A source outside cannot be asked as it is configured.
    #[error(transparent)]
    Source(#[from] BadSource),
    /// The policy cannot be used: a bound, or a rule that cannot be read.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The nameserver cannot be used.
    #[error("authentication.nameserver")]
    Resolver(#[from] ResolverError),
    /// Letters could not be sent.
    #[error("notify")]
    Notify(#[from] NotifyError),
    /// Reporters could not be verified.
    #[error("reporters")]
    Verifier(#[from] VerifierError),
    /// The address cannot be listened on.
    #[error("server.listen: {address}{}", taken(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// The hint for the one refusal that has an everyday reason.
fn taken(source: &std::io::Error) -> &'static str {
    if source.kind() == std::io::ErrorKind::AddrInUse {
        " is taken by another process"
    } else {
        ""
    }
}

/// An error with all its causes on one line, each said once: some libraries'
/// errors repeat their cause in their own words.
#[must_use]
pub fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            // writing to a string cannot fail
            let _ = write!(text, ": {words}");
        }
        cause = error.source();
    }
    text
}

/// Waits for Ctrl-C or, from a service manager, SIGTERM.
///
/// # Errors
/// When the system does not let the process listen for them.
pub async fn stop_signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            done = tokio::signal::ctrl_c() => done,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// Opens the database and brings it up to date, or refuses one that is not when
/// the configuration leaves that to `unhook migrate`.
///
/// # Errors
/// [`StartError::Store`] or [`StartError::Migrations`].
pub async fn open_store(
    config: &Config,
    observer: Option<CommitObserver>,
) -> Result<Store, StartError> {
    let store = Store::open(&config.database, observer).await?;
    if config.database.migrate_on_start {
        store.migrate().await?;
    } else {
        let pending = store.pending_migrations().await?;
        if !pending.is_empty() {
            return Err(StartError::Migrations(pending.join(", ")));
        }
    }
    Ok(store)
}

/// The mail platforms of the configuration; makes no call to them yet. They keep
/// to `budgets` together with other processes, without to their own count.
///
/// # Errors
/// The setting that cannot be used.
pub async fn connect(
    config: &Config,
    clock: &SharedClock,
    budgets: Option<Arc<dyn SharedBudgets>>,
) -> Result<Mail, FieldError> {
    let mut mail = Mail::default();
    let watch = &config.watch;
    if let Some(graph) = &config.graph {
        let mut graph =
            GraphMail::new(graph, SharedClock::clone(clock))?.with_calendar(config.pull.calendar);
        if let Some(budgets) = &budgets {
            graph = graph.sharing(Arc::clone(budgets));
        }
        let graph = Arc::new(graph);
        if let Some(base) = watch
            .graph_notification_url
            .as_ref()
            .filter(|_| watch.is_on())
        {
            mail.add_feed(Arc::new(GraphFeed::new(Arc::clone(&graph), base)));
        }
        mail.add(graph);
    }
    if let Some(google) = &config.google {
        let mut gmail = GmailMail::new(google, SharedClock::clone(clock))
            .await?
            .with_calendar(config.pull.calendar);
        if let Some(budgets) = budgets {
            gmail = gmail.sharing(budgets);
        }
        let gmail = Arc::new(gmail);
        if let Some(topic) = watch.gmail_topic.as_ref().filter(|_| watch.is_on()) {
            mail.add_feed(Arc::new(GmailFeed::new(Arc::clone(&gmail), topic.clone())));
        }
        mail.add(gmail);
    }
    Ok(mail)
}

/// Builds every adapter once. `observer` is called after each commit.
///
/// # Errors
/// [`StartError`], which names the setting or the part.
pub async fn build_app(
    config: Config,
    clock: SharedClock,
    observer: Option<CommitObserver>,
) -> Result<App, StartError> {
    let store = open_store(&config, observer).await?;
    let blobs = Blobs::open(&config.blobs.path).map_err(|source| StartError::Blobs {
        path: config.blobs.path.clone(),
        source,
    })?;
    let tenant = store
        .ensure_tenant(&config.organisation.name, clock.now())
        .await?;
    let budgets = StoredBudgets::new(store.clone(), tenant, clock.clone());
    let mail = connect(&config, &clock, Some(Arc::new(budgets))).await?;
    let notifier = Notifier::new(&config.notify)?;
    let sandbox = Arc::new(sandbox(&config.files));
    let resolver = resolver(config.authentication.nameserver)?;
    let mut seats = lookups::sources(&config.lookups, &resolver)?;
    seats.extend(visitor(&config));
    let sources = Arc::new(Sources::new(seats));
    let resolver = config.authentication.enabled.then_some(resolver);
    let judging = Judging::new(policy::ready(config.policy.clone())?);
    Ok(App {
        config: Arc::new(config),
        clock,
        tenant,
        store,
        blobs,
        mail,
        notifier,
        sandbox,
        sources,
        judging,
        resolver,
    })
}

/// The source that opens links, where that is switched on.
fn visitor(config: &Config) -> Option<Seat> {
    if !config.fetch.enabled {
        return None;
    }
    let own = config.server.public_url.as_ref();
    let own = own.and_then(|url| url.host_str().map(str::to_owned));
    let guard = Guard {
        own_hosts: own.into_iter().collect(),
        domains: config.organisation.domains.clone(),
        recipients: Vec::new(),
    };
    Some(Seat {
        lookup: Arc::new(Visit::new(
            program(&config.files),
            vec![super::VISIT_COMMAND.into()],
            config.fetch.clone(),
            guard,
            config.authentication.nameserver,
        )),
        allowance: Allowance {
            per_day: Some(5_000),
            per_minute: Some(60),
        },
    })
}

/// This program, or the one that is configured in its place. Without a name of its
/// own nothing can be started, and the reports say so.
fn program(config: &Files) -> PathBuf {
    let own = || std::env::current_exe().ok();
    config.program.clone().or_else(own).unwrap_or_default()
}

/// The processes that take files apart, as configured.
#[must_use]
pub fn sandbox(config: &Files) -> Sandbox {
    let program = program(config);
    Sandbox::new(SandboxOptions {
        rules_folder: config.rules.clone(),
        cpu: config.cpu(),
        memory: config.memory(),
        wall: config.wall(),
        workers: config.workers,
        ..SandboxOptions::new(program, vec![super::FILES_COMMAND.into()])
    })
}

/// Every kind of background work. The one place where they are named.
fn kinds(app: &App) -> Vec<Arc<dyn Work>> {
    let app = Arc::new(app.clone());
    vec![
        Arc::new(triage::Directory(Arc::clone(&app))),
        Arc::new(triage::Triage(Arc::clone(&app))),
        Arc::new(triage::Reassess(Arc::clone(&app))),
        Arc::new(triage::Hunt(Arc::clone(&app))),
        Arc::new(triage::Letters(Arc::clone(&app))),
        Arc::new(policy::trial::Trials(Arc::clone(&app))),
        Arc::new(remediation::Search(Arc::clone(&app))),
        Arc::new(remediation::DryRun(Arc::clone(&app))),
        Arc::new(remediation::Pulling(Arc::clone(&app))),
        Arc::new(remediation::Close(Arc::clone(&app))),
        Arc::new(remediation::watch::Watching(Arc::clone(&app))),
        Arc::new(remediation::watch::Subscribing(Arc::clone(&app))),
        Arc::new(audit::Leaving(app)),
    ]
}

/// What every start queues: the reading of the directory, the hunt through what is
/// stored, and with SQLite, where
/// no other process can hold one, the jobs that a killed process left claimed.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub async fn resume(app: &App) -> Result<(), StoreError> {
    if app.store.backend_name() == "sqlite" {
        app.store.release_leases().await?;
    }
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let mut periodic = vec![
        jobs::directory(app.tenant, now),
        jobs::hunt(app.tenant, now),
    ];
    if app.mail.feeds().next().is_some() {
        // What expired while nobody was here is found out.
        periodic.push(jobs::subscribe(app.tenant, now));
    }
    if app.config.audit.is_on() {
        periodic.push(jobs::checkpoint(app.tenant, now));
    }
    tx.of(app.tenant).enqueue(periodic, now).await?;
    if !app.config.reporters.reputation.enabled {
        let erased = tx.of(app.tenant).erase_votes().await?;
        if erased > 0 {
            tracing::info!(erased, "what was kept of reporters' accuracy is erased");
        }
    }
    tx.commit().await
}

/// The workers of an app; they run once they are spawned.
#[must_use]
pub fn workers(app: &App, wake: Wake) -> Workers {
    workers_for(app, wake, kinds(app))
}

/// Workers that read mailboxes and move nothing: the directory, and dry runs.
#[must_use]
pub fn readers(app: &App) -> Workers {
    let shared = Arc::new(app.clone());
    let kinds: Vec<Arc<dyn Work>> = vec![
        Arc::new(triage::Directory(Arc::clone(&shared))),
        Arc::new(remediation::DryRun(shared)),
    ];
    workers_for(app, Wake::default(), kinds)
}

fn workers_for(app: &App, wake: Wake, kinds: Vec<Arc<dyn Work>>) -> Workers {
    let pace = &app.config.workers;
    let options = WorkersOptions {
        concurrency: pace.concurrency,
        lease: pace.lease(),
        ..WorkersOptions::default()
    };
    let clock = SharedClock::clone(&app.clock);
    Workers::new(app.store.clone(), clock, wake, kinds, options)
}

/// A service that runs.
#[derive(Debug)]
pub struct Running {
    /// The address it listens on; the real port where 0 was asked for.
    pub address: SocketAddr,
    /// What links to it begin with, without a slash at the end.
    pub url: String,
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    working: JoinHandle<()>,
    stop: watch::Sender<bool>,
    store: Store,
    drain: Duration,
}

/// Starts the workers and the HTTP server of an app.
///
/// # Errors
/// [`StartError`] when reporters cannot be verified or the address is taken.
pub async fn start(mut app: App) -> Result<Running, StartError> {
    // first the address: a second process must fail before it touches any job
    let (listener, address) = bind(app.config.server.listen)?;
    resume(&app).await?;
    // links name the port that was really given where 0 was asked for
    Arc::make_mut(&mut app.config).server.listen = address;
    let section = app.config.server.clone();
    let drain = Duration::from_secs(section.drain_seconds);
    let clock = SharedClock::clone(&app.clock);
    let verifier = Arc::new(ReporterVerifier::new(&app.config.reporters, clock)?);
    let wake = Wake::default();
    let clock = SharedClock::clone(&app.clock);
    let desk = Desk::open(app.store.clone(), app.tenant, clock, wake.clone());
    let state = State::new(app.clone(), desk, Arc::clone(&verifier), wake.clone());

    let server = listen(&section, listener, state)?;
    let handle = server.handle();
    let serving = tokio::spawn(server);
    let (stop, stopped) = watch::channel(false);
    let working = tokio::spawn(workers(&app, wake).run(stopped));
    // so that the first report does not wait for the issuers' keys
    tokio::spawn(async move { verifier.warm().await });
    let url = section.base_url();
    Ok(Running {
        address,
        url,
        server: handle,
        serving,
        working,
        stop,
        store: app.store,
        drain,
    })
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn listen(
    section: &Server,
    listener: TcpListener,
    state: State,
) -> Result<actix_web::dev::Server, StartError> {
    let tls = tls(section)?;
    let mut server = HttpServer::new(move || {
        let state = state.clone();
        Web::new().configure(move |routes| http::routes(routes, state))
    })
    .disable_signals()
    .shutdown_timeout(section.drain_seconds);
    if section.workers > 0 {
        server = server.workers(section.workers);
    }
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls),
        None => server.listen(listener),
    }
    .map_err(|source| StartError::Listen {
        address: section.listen,
        source,
    })?;
    Ok(server.run())
}

/// What the server proves itself with, when it speaks TLS.
///
/// # Errors
/// The file that cannot be used.
pub fn tls(section: &Server) -> Result<Option<rustls::ServerConfig>, FieldError> {
    let (Some(certificate), Some(key)) = (&section.tls_certificate_file, &section.tls_key_file)
    else {
        return Ok(None);
    };
    let wrong = |field, path: &std::path::Path, reason: String| FieldError {
        field,
        reason: format!("{}: {reason}", path.display()),
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| wrong("server.tls_certificate_file", certificate, e.to_string()))?;
    let secret = PrivateKeyDer::from_pem_file(key)
        .map_err(|e| wrong("server.tls_key_file", key, e.to_string()))?;
    rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map(Some)
        .map_err(|e| wrong("server.tls_key_file", key, e.to_string()))
}

impl Running {
    /// Stops taking requests and jobs, and lets what is under way finish, for as
    /// long as the configuration says at most. Jobs that are cut off are taken
    /// up again at the next start.
    pub async fn stop(self) {
        // the workers may have ended by themselves; then nobody listens
        let _ = self.stop.send(true);
        let drained = async {
            self.server.stop(true).await;
            let served = self.serving.await;
            let worked = self.working.await;
            (served, worked)
        };
        match tokio::time::timeout(self.drain, drained).await {
            Ok((Ok(Ok(())), Ok(()))) => {}
            Ok(_) => tracing::error!("a part of the service ended with an error"),
            Err(_) => tracing::warn!("not all work had finished; it is taken up at the next start"),
        }
        if let Err(error) = self.store.close().await {
            tracing::warn!(%error, "the database did not close");
        }
    }
}
