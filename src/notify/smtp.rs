//! SMTP with lettre.

use std::time::Duration;

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor,
    address::Envelope,
    transport::smtp::{
        authentication::Credentials,
        client::{Tls as LettreTls, TlsParameters},
    },
};
use secrecy::ExposeSecret as _;

use super::NotifyError;
use crate::{
    config::notify::{Smtp, Tls},
    domain::MailboxAddress,
};

pub(super) type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Time for one exchange with the mail server.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn transport(section: &Smtp) -> Result<Transport, NotifyError> {
    let unusable = |e: lettre::transport::smtp::Error| NotifyError::Compose(e.to_string());
    let tls = match section.tls {
        Tls::Starttls => {
            LettreTls::Required(TlsParameters::new(section.host.clone()).map_err(unusable)?)
        }
        Tls::Implicit => {
            LettreTls::Wrapper(TlsParameters::new(section.host.clone()).map_err(unusable)?)
        }
        Tls::None => LettreTls::None,
    };
    let mut builder = Transport::builder_dangerous(&section.host)
        .port(section.port)
        .tls(tls)
        .timeout(Some(PATIENCE));
    if let (Some(user), Some(password)) = (&section.username, &section.password) {
        builder = builder.credentials(Credentials::new(
            user.clone(),
            password.expose_secret().to_owned(),
        ));
    }
    Ok(builder.build())
}

/// Connects, says EHLO, secures the connection and signs in as configured, and
/// sends nothing.
pub(super) async fn check(transport: &Transport) -> Result<(), NotifyError> {
    match transport.test_connection().await {
        Ok(true) => Ok(()),
        Ok(false) => Err(NotifyError::NotYet(
            "it ended the conversation right after the greeting".to_owned(),
        )),
        Err(error) if error.is_permanent() => Err(NotifyError::Refused(error.to_string())),
        Err(error) => Err(NotifyError::NotYet(error.to_string())),
    }
}

pub(super) async fn send(
    transport: &Transport,
    from: &MailboxAddress,
    to: &MailboxAddress,
    raw: &[u8],
) -> Result<(), NotifyError> {
    let address = |a: &MailboxAddress| {
        a.as_str()
            .parse::<Address>()
            .map_err(|e| NotifyError::Compose(e.to_string()))
    };
    let envelope = Envelope::new(Some(address(from)?), vec![address(to)?])
        .map_err(|e| NotifyError::Compose(e.to_string()))?;
    // Asked beforehand, so that a server which is away is told from one whose
    // answer to the letter was lost.
    match transport.test_connection().await {
        Ok(true) => {}
        Ok(false) => return Err(NotifyError::NotYet("it does not answer".to_owned())),
        // A wrong password or certificate is the server's whole trouble, not this
        // letter's: it waits until somebody has mended it.
        Err(error) => return Err(NotifyError::NotYet(error.to_string())),
    }
    match transport.send_raw(&envelope, raw).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_permanent() => Err(NotifyError::Refused(error.to_string())),
        Err(error) if error.is_transient() => Err(NotifyError::NotYet(error.to_string())),
        Err(error) => Err(NotifyError::Unknown(error.to_string())),
    }
}
