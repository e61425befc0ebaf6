//! Section `[authentication]`: checking SPF, DKIM, DMARC and ARC ourselves.
//!
//! Without this section only what the organisation's own servers wrote counts.

use std::net::SocketAddr;

use serde::Deserialize;

use super::graph::FieldError;

/// Whether the checks are made, and whom they ask.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Authentication {
    /// Whether a reported message is checked again. The domains that it names are
    /// then looked up in the DNS.
    pub enabled: bool,
    /// The nameserver that every DNS question of this program goes to, e.g.
    /// `127.0.0.1:53`; the system's when absent. Blocklists answer only resolvers
    /// of one's own.
    pub nameserver: Option<SocketAddr>,
}

impl Authentication {
    /// Checks the nameserver's address.
    ///
    /// # Errors
    /// [`FieldError`], which names the field.
    pub fn validate(&self) -> Result<(), FieldError> {
        match self.nameserver {
            Some(address)
                if address.port() == 0
                    || address.ip().is_unspecified()
                    || address.ip().is_multicast() =>
            {
                Err(FieldError::new(
                    "authentication.nameserver",
                    "must be the address and port of one host, e.g. 127.0.0.1:53",
                ))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_by_default_and_a_nameserver_is_one_host() {
        let absent: Authentication = toml::from_str("").unwrap();
        assert_eq!(absent, Authentication::default());
        assert!(!absent.enabled);
        let local: Authentication =
            toml::from_str("enabled = true\nnameserver = '127.0.0.1:53'").unwrap();
        assert_eq!(local.validate(), Ok(()));
        for bad in ["0.0.0.0:53", "127.0.0.1:0", "[ff02::fb]:5353"] {
            let wrong: Authentication = toml::from_str(&format!("nameserver = '{bad}'")).unwrap();
            assert_eq!(
                wrong.validate().unwrap_err().field,
                "authentication.nameserver"
            );
        }
        assert!(toml::from_str::<Authentication>("resolver = 'x'").is_err());
    }
}
