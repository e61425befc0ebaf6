//! The embedded instance: SQLite and a blob folder in a folder that is thrown
//! away, connected to the simulated tenant.

use std::{net::SocketAddr, path::PathBuf};

use secrecy::ExposeSecret as _;

use crate::{
    app::App,
    auth::{Scope, api_key},
    cli::start::{self, Running},
    clock::SharedClock,
    config::Config,
    domain::Provider,
    sim::{GMAIL_DOMAIN, GRAPH_DOMAIN, REPORTER_SCOPE, Sim},
    store::api_key::ApiKeyRow,
};

/// A running instance.
pub struct Instance {
    /// Its parts, for reading progress.
    pub app: App,
    /// Its address, without a slash at the end.
    pub url: String,
    /// A key for console and API.
    pub api_key: String,
    /// The key of the person who approves what is too large for one.
    pub second_key: String,
    running: Running,
    folder: Folder,
}

/// A folder that is thrown away with its owner, however that ends.
struct Folder(PathBuf);

impl Folder {
    fn make() -> std::io::Result<Self> {
        let name = format!("unhook-demo-{}", uuid::Uuid::new_v4().simple());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "the demo's folder is left behind");
        }
    }
}

impl Instance {
    /// Starts it.
    pub async fn start(
        sim: &Sim,
        listen: Option<SocketAddr>,
        clock: SharedClock,
    ) -> anyhow::Result<Self> {
        let folder = Folder::make()?;
        let listen = match listen {
            Some(listen) => listen,
            // The add-on's tokens name the exact address, so it is chosen first.
            None => std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?,
        };
        let config = Config::parse(&settings(sim, listen, &folder.0)?)?;
        let app = start::build_app(config, clock, None).await?;
        let api_key = make_key(&app, "demo", &[Scope::Admin]).await?;
        let second_key = make_key(
            &app,
            "demo's second person",
            &[
                Scope::SubmissionsRead,
                Scope::PullsRead,
                Scope::PullsApprove,
            ],
        )
        .await?;
        let running = start::start(app.clone()).await?;
        Ok(Self {
            url: running.url.clone(),
            app,
            api_key,
            second_key,
            running,
            folder,
        })
    }

    /// Stops it and throws its data away.
    pub async fn stop(self) {
        self.running.stop().await;
        // last, when nothing writes into it any more
        drop(self.folder);
    }
}

/// The configuration of the demo, as the TOML that an administrator would write.
pub fn settings(sim: &Sim, listen: SocketAddr, folder: &std::path::Path) -> anyhow::Result<String> {
    let base = sim.base_url();
    let url = format!("http://{listen}");
    let smtp = sim.smtp_addr();
    let mut value = serde_json::json!({
        "server": {
            "listen": listen,
            "public_url": url,
            // the bench reports thousands in one person's name
            "reports_per_minute": 0,
            "refused_per_minute": 0,
        },
        "database": { "url": format!("sqlite:{}", folder.join("unhook.db").display()) },
        "blobs": { "path": folder.join("blobs") },
        "organisation": {
            "name": "Northwind",
            "domains": [GRAPH_DOMAIN, GMAIL_DOMAIN],
        },
        "graph": {
            "tenant_id": sim.tenant_id(),
            "client_id": sim.client_id(),
            "client_secret": sim.client_secret(),
            "base_url": format!("{base}/v1.0"),
            "authority_url": base,
        },
        "google": {
            "service_account": sim.service_account_json(),
            "admin_subject": sim.admin_subject(),
            "base_url": base,
            "token_url": format!("{base}/token"),
        },
        "reporters": {
            "entra": {
                "tenant_id": sim.tenant_id(),
                "audiences": [sim.reporter_audience()],
                "clients": [sim.addin_client_id()],
                "scope": REPORTER_SCOPE,
                "jwks_url": format!("{base}/{}/discovery/v2.0/keys", sim.tenant_id()),
            },
            "google": {
                "audiences": [sim.google_audience()],
                "hosted_domains": [GMAIL_DOMAIN],
                "jwks_url": format!("{base}/oauth2/v3/certs"),
                "addon_service_account_email": sim.addon_account_email(),
                "addon_base_url": url,
            },
        },
        "policy": { "trusted_authserv_ids": [
            format!("mx.{GRAPH_DOMAIN}"), format!("mx.{GMAIL_DOMAIN}"), "*",
        ] },
        "notify": {
            "from": format!("security@{GRAPH_DOMAIN}"),
            "from_name": "Northwind Security",
            "via": { "graph": "smtp", "gmail": "insert" },
            "smtp": { "host": smtp.ip().to_string(), "port": smtp.port(), "tls": "none" },
            // the simulated mail server delivers at once
            "resend_after_seconds": 2,
        },
        // nobody is there to object
        "pull": { "automatic_wait_seconds": 0, "analyst_wait_seconds": 0 },
        "log": { "level": "warn" },
    });
    // A platform without a mailbox is not configured.
    let used = |provider| {
        let mut users = sim.organisation().users.iter();
        users.any(|user| user.provider == provider)
    };
    for (section, provider) in [("graph", Provider::Graph), ("google", Provider::Gmail)] {
        if let Some(sections) = value.as_object_mut().filter(|_| !used(provider)) {
            sections.remove(section);
        }
    }
    Ok(toml::to_string(&value)?)
}

async fn make_key(app: &App, name: &str, scopes: &[Scope]) -> anyhow::Result<String> {
    let now = app.clock.now();
    let made = api_key::generate(&mut rand::rng());
    let row = ApiKeyRow {
        id: crate::domain::ApiKeyId::new(now),
        tenant: app.tenant,
        name: name.to_owned(),
        hash: hex::encode(made.hash.as_bytes()),
        scopes: scopes
            .iter()
            .copied()
            .map(Scope::as_str)
            .collect::<Vec<_>>()
            .join(" "),
        created_at: now,
        expires_at: now + chrono::TimeDelta::days(1),
        revoked_at: None,
    };
    let tx = app.store.begin().await?;
    tx.of(app.tenant).insert_api_key(&row, "demo").await?;
    tx.commit().await?;
    Ok(made.secret.expose_secret().to_owned())
}
