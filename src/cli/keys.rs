//! `unhook keys`: the API keys of analysts and programs.

use std::process::ExitCode;

use anyhow::{bail, ensure};
use chrono::{SecondsFormat, TimeDelta};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;

use super::{ConfigFile, policy::operator, start};
use crate::{
    auth::{Scope, Scopes, api_key},
    clock::{Clock as _, SystemClock},
    config::Config,
    domain::{ApiKeyId, TenantId},
    store::{Store, api_key::ApiKeyRow},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key and print it, once
    Create(Create),
    /// List the keys without their secrets
    List(ConfigFile),
    /// Withdraw a key; it is refused from the next request on
    Revoke {
        /// The key's id, `key_…`, as `keys list` shows it
        id: ApiKeyId,
        #[command(flatten)]
        file: ConfigFile,
    },
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// What the key is for: a person or a program
    #[arg(long)]
    name: String,
    /// What it may do, separated by commas: reports:read, submissions:read,
    /// raw:read, verdicts:write, pulls:read, pulls:write, pulls:approve, statistics:read,
    /// admin (everything)
    #[arg(long, value_delimiter = ',', required = true)]
    scopes: Vec<Scope>,
    /// Days until it ends, 1 to 730
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(i64).range(1..=730))]
    days: i64,
    #[command(flatten)]
    file: ConfigFile,
}

/// For a new key the database is made where there is none yet.
async fn open_or_make(file: &ConfigFile) -> anyhow::Result<(Store, TenantId)> {
    let config = file.load()?;
    let store = start::open_store(&config, None).await?;
    of_tenant(store, &config).await
}

/// What only looks for keys neither makes a database nor changes its form.
async fn open(file: &ConfigFile) -> anyhow::Result<(Store, TenantId)> {
    let mut config = file.load()?;
    ensure!(
        Store::is_there(&config.database),
        "there is no database yet ({}), and so no key; `unhook serve` or `unhook keys create` makes it",
        config.database.place()
    );
    config.database.migrate_on_start = false;
    let store = start::open_store(&config, None).await?;
    of_tenant(store, &config).await
}

async fn of_tenant(store: Store, config: &Config) -> anyhow::Result<(Store, TenantId)> {
    let tenant = store
        .ensure_tenant(&config.organisation.name, SystemClock.now())
        .await?;
    Ok((store, tenant))
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Create(new) => create(new).await?,
        Command::List(file) => list(&file).await?,
        Command::Revoke { id, file } => {
            let (store, tenant) = open(&file).await?;
            let tx = store.begin().await?;
            let done = tx
                .of(tenant)
                .revoke_api_key(id, &operator(), SystemClock.now())
                .await?;
            tx.commit().await?;
            store.close().await?;
            if !done {
                bail!("{id} is no key that is in force");
            }
            say!("{id} is revoked.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(new: Create) -> anyhow::Result<()> {
    let name = new.name.trim();
    ensure!(
        (1..=120).contains(&name.chars().count()) && !name.chars().any(char::is_control),
        "--name must be 1 to 120 printable characters"
    );
    let (store, tenant) = open_or_make(&new.file).await?;
    let now = SystemClock.now();
    let key = api_key::generate(&mut rand::rng());
    let row = ApiKeyRow {
        id: ApiKeyId::new(now),
        tenant,
        name: name.to_owned(),
        hash: hex::encode(key.hash.as_bytes()),
        scopes: new.scopes.into_iter().collect::<Scopes>().to_string(),
        created_at: now,
        expires_at: now + TimeDelta::days(new.days),
        revoked_at: None,
    };
    let tx = store.begin().await?;
    tx.of(tenant).insert_api_key(&row, &operator()).await?;
    tx.commit().await?;
    store.close().await?;
    eprintln!(
        "{} ({}), until {}. The key is shown this once:",
        row.id,
        row.scopes,
        row.expires_at.to_rfc3339_opts(SecondsFormat::Secs, true)
    );
    say!("{}", key.secret.expose_secret());
    Ok(())
}

async fn list(file: &ConfigFile) -> anyhow::Result<()> {
    let (store, tenant) = open(file).await?;
    let now = SystemClock.now();
    let keys = store.read(tenant).api_keys().await?;
    if keys.is_empty() {
        eprintln!("There is no key yet; `unhook keys create` makes one.");
    }
    for key in keys {
        let state = match key.revoked_at {
            Some(_) => "revoked",
            None if key.expires_at <= now => "expired",
            None => "in force",
        };
        let until = key.expires_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        say!(
            "{}  {state:8}  until {until}  {}  {}",
            key.id,
            key.scopes,
            key.name
        );
    }
    store.close().await?;
    Ok(())
}
