//! Section `[server]`: how the HTTP server listens.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    path::PathBuf,
};

use serde::Deserialize;
use url::Url;

use super::graph::FieldError;

/// The largest rate or burst that can be set.
const MOST_REQUESTS: u32 = 1_000_000;

/// How the HTTP server listens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port.
    pub listen: SocketAddr,
    /// What people and add-ins call this server by; `http(s)://` and
    /// [`Server::listen`] when absent. Links are made from it, never from a
    /// request's `Host` header.
    pub public_url: Option<Url>,
    /// The largest request body that is read, octets, 64 KiB to 512 MiB.
    pub max_body_bytes: usize,
    /// Threads that serve requests; 0 is one for each core.
    pub workers: usize,
    /// PEM file with the certificate chain; together with the key file the
    /// server speaks TLS itself. Without both it belongs behind a proxy that does.
    pub tls_certificate_file: Option<PathBuf>,
    /// PEM file with the private key.
    pub tls_key_file: Option<PathBuf>,
    /// Origins (`https://addin.contoso.example`) whose pages may post reports.
    pub addin_origins: Vec<String>,
    /// How long requests and jobs may go on after a stop signal, seconds, at
    /// most 30.
    pub drain_seconds: u64,
    /// Reports a minute that are taken of one person in the long run, at most
    /// 1000000; 0 takes any number.
    pub reports_per_minute: u32,
    /// Reports that one person may send at once, 1 to 1000000.
    pub reports_burst: u32,
    /// Reports without a valid token a minute that are answered 401 to one source
    /// address (IPv6: /64) in the long run, at most 1000000; 0 answers any number.
    pub refused_per_minute: u32,
    /// How many of them at once, 1 to 1000000.
    pub refused_burst: u32,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080)),
            public_url: None,
            max_body_bytes: 48 * 1024 * 1024,
            workers: 0,
            tls_certificate_file: None,
            tls_key_file: None,
            addin_origins: Vec::new(),
            drain_seconds: 30,
            reports_per_minute: 60,
            reports_burst: 120,
            refused_per_minute: 300,
            refused_burst: 600,
        }
    }
}

impl Server {
    /// The address that links begin with, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.public_url.as_ref().map_or_else(
            || {
                let scheme = if self.tls_key_file.is_some() {
                    "https"
                } else {
                    "http"
                };
                format!("{scheme}://{}", self.listen)
            },
            |url| url.as_str().trim_end_matches('/').to_owned(),
        )
    }

    /// Whether browsers reach this server over https, so that cookies may be
    /// kept to it.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.base_url().starts_with("https://")
    }

    pub(super) fn validate(&self) -> Result<(), FieldError> {
        let wrong = |field, reason: &str| Err(FieldError::new(field, reason));
        if let Some(url) = &self.public_url {
            let plain = matches!(url.scheme(), "http" | "https")
                && url.host().is_some()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none();
            if !plain {
                return wrong(
                    "server.public_url",
                    "must be http(s)://host[/path] and no more",
                );
            }
        }
        if !(64 * 1024..=512 * 1024 * 1024).contains(&self.max_body_bytes) {
            return wrong("server.max_body_bytes", "must be 65536 to 536870912");
        }
        if self.workers > 1024 {
            return wrong("server.workers", "must be at most 1024");
        }
        match (&self.tls_certificate_file, &self.tls_key_file) {
            (Some(_), None) => {
                return wrong("server.tls_key_file", "is needed with tls_certificate_file");
            }
            (None, Some(_)) => {
                return wrong("server.tls_certificate_file", "is needed with tls_key_file");
            }
            _ => {}
        }
        if !self.addin_origins.iter().all(|origin| is_origin(origin)) {
            return wrong(
                "server.addin_origins",
                "each must be scheme://host[:port] without a path, and no wildcard",
            );
        }
        if self.drain_seconds > 30 {
            return wrong("server.drain_seconds", "must be at most 30");
        }
        self.validate_rates()
    }

    fn validate_rates(&self) -> Result<(), FieldError> {
        for (field, rate) in [
            ("server.reports_per_minute", self.reports_per_minute),
            ("server.refused_per_minute", self.refused_per_minute),
        ] {
            if rate > MOST_REQUESTS {
                return Err(FieldError::new(field, "must be at most 1000000"));
            }
        }
        for (field, burst) in [
            ("server.reports_burst", self.reports_burst),
            ("server.refused_burst", self.refused_burst),
        ] {
            if !(1..=MOST_REQUESTS).contains(&burst) {
                return Err(FieldError::new(field, "must be 1 to 1000000"));
            }
        }
        Ok(())
    }
}

fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && !text.contains('*')
            && url.origin().ascii_serialization() == text
    })
}
