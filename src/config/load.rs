//! File, then environment, then secret files, then validation.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use config::{File, FileFormat, Value};

use super::{Config, graph::FieldError, policy::PolicyError, reporters::ReportersError};

/// The file that is read when none is named and it is there.
pub const DEFAULT_FILE: &str = "unhook.toml";

const PREFIX: &str = "UNHOOK__";
/// A configuration is written by hand; a larger file is not one.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: cannot be read: {reason}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// The text is no TOML, a field is unknown, or a value has the wrong type.
    #[error("{0}")]
    Text(String),
    /// A field cannot be used.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A field of the reporters' section cannot be used.
    #[error(transparent)]
    Reporters(#[from] ReportersError),
    /// A field of the policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// An environment variable cannot be used.
    #[error("{name}: {reason}")]
    Environment {
        /// The variable.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

pub(super) fn load(
    path: Option<&Path>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let default = Path::new(DEFAULT_FILE);
    let path = path.or_else(|| default.is_file().then_some(default));
    let text = match path {
        Some(path) => read(path)?,
        None => String::new(),
    };
    let environment = overrides(environment)?;
    match built(&text, &environment) {
        Ok(config) => Ok(config),
        Err(error) => Err(blamed(&text, environment, error, path)),
    }
}

/// The error at its source: a file is not blamed for what a variable says.
fn blamed(
    text: &str,
    environment: Vec<Override>,
    error: ConfigError,
    path: Option<&Path>,
) -> ConfigError {
    let reason = match &error {
        ConfigError::Text(reason) => reason.clone(),
        ConfigError::Field(field) => field.to_string(),
        ConfigError::Reporters(field) => field.to_string(),
        ConfigError::Policy(field) => field.to_string(),
        ConfigError::File { .. } | ConfigError::Environment { .. } => return error,
    };
    // Without the variable that is at fault this error is not there.
    let same = |other: Result<Config, ConfigError>| {
        other.is_err_and(|other| other.to_string() == error.to_string())
    };
    let mut guilty = (0..environment.len()).filter(|at| {
        let mut others = environment.clone();
        others.remove(*at);
        !same(built(text, &others))
    });
    let file_alone = environment.is_empty() || same(built(text, &[]));
    match (file_alone, guilty.next(), path) {
        (false, Some(at), _) => ConfigError::Environment {
            name: environment
                .into_iter()
                .nth(at)
                .map(|one| one.name)
                .unwrap_or_default(),
            reason,
        },
        (_, _, Some(path)) if matches!(error, ConfigError::Text(_)) => {
            ConfigError::Text(format!("{}: {reason}", path.display()))
        }
        _ => error,
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let failed = |reason: String| ConfigError::File {
        path: path.to_owned(),
        reason,
    };
    let size = std::fs::metadata(path)
        .map_err(|e| failed(e.to_string()))?
        .len();
    if size > MAX_FILE_BYTES {
        return Err(failed(format!(
            "{size} octets are too many, at most {MAX_FILE_BYTES}"
        )));
    }
    std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))
}

/// One field that a variable of the environment sets.
#[derive(Debug, Clone)]
struct Override {
    /// The variable.
    name: String,
    /// The field's full name.
    field: String,
    value: Value,
}

fn overrides(
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<Override>, ConfigError> {
    environment
        .filter_map(|(name, value)| overriding(&name, value).transpose())
        .collect()
}

pub(super) fn from_text(
    text: &str,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let environment = overrides(environment)?;
    built(text, &environment).map_err(|error| blamed(text, environment, error, None))
}

fn built(text: &str, environment: &[Override]) -> Result<Config, ConfigError> {
    let said = |e: config::ConfigError| ConfigError::Text(e.to_string());
    let mut builder = config::Config::builder().add_source(File::from_str(text, FileFormat::Toml));
    for one in environment {
        builder = builder
            .set_override(&one.field, one.value.clone())
            .map_err(said)?;
    }
    let mut config: Config = builder
        .build()
        .and_then(|c| c.try_deserialize())
        .map_err(said)?;
    config.read_secrets()?;
    config.share_authserv_ids();
    config.share_push();
    config.validate()?;
    Ok(config)
}

/// `UNHOOK__NOTIFY__VIA__GRAPH=smtp` sets `notify.via.graph`. A value in square
/// brackets is a TOML list; any other is text, which the field's own type reads,
/// so that a secret of digits stays as it is written.
fn overriding(name: &OsString, value: OsString) -> Result<Option<Override>, ConfigError> {
    let Some(name) = name.to_str() else {
        return Ok(None);
    };
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return Ok(None);
    };
    let wrong = |reason: &str| ConfigError::Environment {
        name: name.to_owned(),
        reason: reason.to_owned(),
    };
    let parts: Vec<String> = rest.split("__").map(str::to_lowercase).collect();
    let plain = |part: &String| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    if parts.len() < 2 || !parts.iter().all(plain) {
        return Err(wrong("is not of the form UNHOOK__SECTION__FIELD"));
    }
    let value = value
        .into_string()
        .map_err(|_| wrong("does not hold UTF-8"))?;
    let value = if value.starts_with('[') && value.ends_with(']') {
        let list: toml::Table = toml::from_str(&format!("list = {value}"))
            .map_err(|_| wrong("begins like a list and is none, e.g. [\"a\", \"b\"]"))?;
        texts(&list).ok_or_else(|| wrong("must be a list of texts"))?
    } else {
        Value::from(value)
    };
    Ok(Some(Override {
        name: name.to_owned(),
        field: parts.join("."),
        value,
    }))
}

fn texts(table: &toml::Table) -> Option<Value> {
    let list = table.get("list")?.as_array()?;
    let list: Option<Vec<String>> = list
        .iter()
        .map(|entry| entry.as_str().map(ToOwned::to_owned))
        .collect();
    list.map(Value::from)
}
