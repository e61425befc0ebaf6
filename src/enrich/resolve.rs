//! The resolver that authentication, look-ups and visits share.

use std::{net::SocketAddr, time::Duration};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{op::ResponseCode, rr::Name},
    system_conf::read_system_conf,
};

/// The resolver cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("the DNS resolver cannot be set up; name one in authentication.nameserver")]
pub struct ResolverError(#[source] NetError);

/// A resolver that asks `nameserver`, or the system's nameservers without one.
/// Two tries of 3 seconds. The hosts file and search domains are never used: what
/// a stranger names is looked up in the public tree only.
///
/// # Errors
/// [`ResolverError`] when the system's configuration cannot be read.
pub fn resolver(nameserver: Option<SocketAddr>) -> Result<TokioResolver, ResolverError> {
    let (config, mut options) = match nameserver {
        Some(address) => {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()]
                .into_iter()
                .map(|mut connection| {
                    connection.port = address.port();
                    connection
                })
                .collect();
            let server = NameServerConfig::new(address.ip(), true, connections);
            (
                ResolverConfig::from_parts(None, Vec::new(), vec![server]),
                ResolverOpts::default(),
            )
        }
        None => {
            let (config, options) = read_system_conf().map_err(ResolverError)?;
            let (_, _, servers) = config.into_parts();
            (
                ResolverConfig::from_parts(None, Vec::new(), servers),
                options,
            )
        }
    };
    options.timeout = Duration::from_secs(3);
    options.attempts = 2;
    options.use_hosts_file = ResolveHosts::Never;
    // a record that changes is part of what is looked for
    options.positive_max_ttl = Some(Duration::from_secs(3_600));
    options.negative_max_ttl = Some(Duration::from_secs(300));
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build()
        .map_err(ResolverError)
}

/// A host name as a full name of the DNS; `None` when it is none.
pub(super) fn full_name(host: &str) -> Option<Name> {
    let mut name = Name::from_ascii(host.trim_end_matches('.')).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// How a question failed, without the name that was asked, which may hold a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no such name.
    NoName,
    /// The name has no record of that kind.
    NoRecord,
    /// The nameserver declined.
    Refused,
    /// Nobody answered, or the nameserver failed.
    Away,
}

impl Failure {
    /// Sorts a failure of the resolver.
    pub(super) fn of(error: &NetError) -> Self {
        if error.is_nx_domain() {
            return Self::NoName;
        }
        match error {
            NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
                ResponseCode::NoError => Self::NoRecord,
                ResponseCode::Refused => Self::Refused,
                _ => Self::Away,
            },
            NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => Self::Refused,
            _ => Self::Away,
        }
    }
}
