//! The configuration: one section a file, nothing else reads environment or files.
//!
//! One TOML file, then overrides from the environment
//! (`UNHOOK__SECTION__FIELD`), then the secrets that are given as `*_file`.
//! May use nothing but `domain` and `clock`.

pub mod audit;
pub mod authentication;
pub mod blobs;
pub mod database;
pub mod fetch;
pub mod files;
pub mod google;
pub mod graph;
mod load;
pub mod log;
pub mod lookups;
pub mod notify;
pub mod organisation;
pub mod policy;
pub mod pull;
pub mod reporters;
pub mod reputation;
pub mod search;
pub mod server;
#[cfg(test)]
mod tests;
pub mod watch;
pub mod workers;

use std::path::Path;

pub use graph::FieldError;
pub use load::{ConfigError, DEFAULT_FILE};

/// The example that `unhook config init` writes: every section and field, with
/// its meaning and default.
pub const EXAMPLE: &str = include_str!("example.toml");

/// The whole configuration. `Debug` shows no secret.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How the server listens.
    pub server: server::Server,
    /// Where the rows live.
    pub database: database::Database,
    /// Where the bytes of evidence live.
    pub blobs: blobs::BlobFolder,
    /// Whose mail this is.
    pub organisation: organisation::Organisation,
    /// Microsoft 365, when the organisation has mailboxes there.
    pub graph: Option<graph::Graph>,
    /// Google Workspace, when the organisation has mailboxes there.
    pub google: Option<google::Google>,
    /// Whose tokens are believed.
    pub reporters: reporters::Reporters,
    /// When the server may act without a person.
    pub policy: policy::Policy,
    /// Where copies are looked for.
    pub search: search::SearchScope,
    /// How much may be moved, in which stages, and by whom.
    pub pull: pull::PullLimits,
    /// How the files of a message are taken apart.
    pub files: files::Files,
    /// Whether SPF, DKIM, DMARC and ARC are checked here too.
    pub authentication: authentication::Authentication,
    /// The sources outside that may be asked.
    pub lookups: lookups::Lookups,
    /// Whether links are opened.
    pub fetch: fetch::Fetch,
    /// Letters to reporters.
    pub notify: notify::Notify,
    /// The pace of background work.
    pub workers: workers::WorkerPace,
    /// How long a pulled campaign is looked for again.
    pub watch: watch::Watch,
    /// Where signed checkpoints of the audit trail go.
    pub audit: audit::Audit,
    /// What is logged, and how.
    pub log: log::Log,
}

impl Config {
    /// Reads the file, applies the environment, reads secrets from their files
    /// and validates the whole.
    ///
    /// Without a path: `unhook.toml` of the working folder if it is there, else
    /// the defaults; the environment is applied either way.
    ///
    /// # Errors
    /// [`ConfigError`], which names the file or the field.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        load::load(path, std::env::vars_os())
    }

    /// Reads a configuration from text, without environment; for tests and for
    /// programs that make their own.
    ///
    /// # Errors
    /// [`ConfigError`], which names the field.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        load::from_text(text, std::iter::empty())
    }

    /// Checks every field of every section.
    ///
    /// # Errors
    /// The first field that cannot be used, by its full name.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.server.validate()?;
        self.database.validate()?;
        self.blobs.validate()?;
        self.organisation.validate()?;
        if let Some(graph) = &self.graph {
            graph.validate()?;
        }
        if let Some(google) = &self.google {
            google.validate()?;
        }
        // before the reporters' section, which may hold what this one names
        self.watch.validate(
            self.graph.is_some(),
            self.google.is_some(),
            self.reporters.hooks.pubsub.as_ref(),
        )?;
        self.reporters.validate()?;
        self.policy.validate()?;
        self.search.validate()?;
        self.pull.validate()?;
        self.files.validate()?;
        self.authentication.validate()?;
        self.lookups.validate()?;
        self.fetch.validate()?;
        self.notify.validate()?;
        self.workers.validate()?;
        self.audit.validate()?;
        self.log.validate()?;
        Ok(())
    }

    /// Reads every file that a field names for a secret, a key or a certificate,
    /// and forgets it: whether they are there and of a sensible size. What they
    /// hold is proved by `unhook doctor`. (Files of values that the whole is
    /// validated with, [`Config::load`] has read by then.)
    ///
    /// # Errors
    /// The first field whose file cannot be read.
    pub fn check_files(&self) -> Result<(), ConfigError> {
        let server = &self.server;
        let mut named = vec![
            ("server.tls_certificate_file", &server.tls_certificate_file),
            ("server.tls_key_file", &server.tls_key_file),
        ];
        if let Some(graph) = &self.graph {
            named.extend([
                ("graph.client_secret_file", &graph.client_secret_file),
                ("graph.certificate_file", &graph.certificate_file),
                ("graph.private_key_file", &graph.private_key_file),
            ]);
        }
        if let Some(google) = &self.google {
            named.push(("google.service_account_file", &google.service_account_file));
        }
        named.push(("search.receipt_key_file", &self.search.receipt_key_file));
        for (field, path) in named {
            if let Some(path) = path {
                graph::read_small(field, path)?;
            }
        }
        Ok(())
    }

    /// The organisation's own servers are named once; a list in the policy, where
    /// `*` is possible too, goes before.
    fn share_authserv_ids(&mut self) {
        if self.policy.trusted_authserv_ids.is_empty() {
            self.policy
                .trusted_authserv_ids
                .clone_from(&self.organisation.authserv_ids);
        }
    }

    /// Who signs Pub/Sub's pushes can be named beside the topic; the reporters'
    /// section goes before.
    fn share_push(&mut self) {
        if self.reporters.hooks.pubsub.is_none() {
            self.reporters.hooks.pubsub = self.watch.push();
        }
    }

    /// Reads the secrets that are given as files.
    fn read_secrets(&mut self) -> Result<(), ConfigError> {
        self.database.read_secrets()?;
        self.notify.read_secrets()?;
        self.lookups.read_secrets()?;
        Ok(())
    }
}
