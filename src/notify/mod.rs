//! Letters to reporters: written from our own words only, and handed to SMTP or
//! a folder. Insertion into a mailbox is the mail platform's verb and not here.
//!
//! A letter quotes nothing of the mail but its subject, neutralised and short.
//! It goes to a directory address, carries `Auto-Submitted` so that no machine
//! answers it, and a Message-ID that was fixed before the first attempt, so that
//! a repeated one can be told from a new one (RFC 3834, RFC 5322 section 3.6.4).

mod letters;
mod smtp;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::{
    config::notify::{Notify, Way},
    domain::{MailboxAddress, Provider, Verdict},
};

/// Why a letter did not go out.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The configuration names no way for it.
    #[error("no way is configured for this letter (section notify)")]
    NoChannel,
    /// It could not be written.
    #[error("the letter could not be written: {0}")]
    Compose(String),
    /// The mail server refused it for good.
    #[error("the mail server refused the letter: {0}")]
    Refused(String),
    /// The mail server could not be reached, or said "later": it did not go out.
    #[error("the mail server did not take the letter yet: {0}")]
    NotYet(String),
    /// The letter was handed over and no answer came back: it may or may not
    /// have gone out.
    #[error("whether the mail server took the letter is not known: {0}")]
    Unknown(String),
    /// The folder could not be written.
    #[error("the letter could not be written to its folder: {0}")]
    File(#[from] std::io::Error),
}

/// What a letter is about.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// Its own name, unique for ever; the file name where it goes to a folder.
    pub name: &'a str,
    /// Its Message-ID without angle brackets.
    pub message_id: &'a str,
    /// What the reporter is told.
    pub outcome: Verdict,
    /// Whether their copy is in quarantine; else no letter says that it is.
    pub held: bool,
    /// The report it answers, for the reporter to quote.
    pub reference: &'a str,
    /// The reported mail's subject; a stranger's text.
    pub reported_subject: Option<&'a str>,
}

/// Sends letters; cheap to clone.
#[derive(Clone)]
pub struct Notifier {
    section: Arc<Notify>,
    smtp: Option<smtp::Transport>,
}

impl Notifier {
    /// Opens nothing yet; connections are made when a letter goes out.
    ///
    /// # Errors
    /// [`NotifyError::Compose`] when the mail server's settings cannot be used.
    pub fn new(section: &Notify) -> Result<Self, NotifyError> {
        let smtp = section.smtp.as_ref().map(smtp::transport).transpose()?;
        Ok(Self {
            section: Arc::new(section.clone()),
            smtp,
        })
    }

    /// Whether the mail server takes the connection as it is configured: reached,
    /// secured, signed in. Nothing is sent; `None` when none is configured.
    ///
    /// # Errors
    /// [`NotifyError::Refused`] or [`NotifyError::NotYet`] with its words.
    pub async fn check(&self) -> Option<Result<(), NotifyError>> {
        match &self.smtp {
            Some(transport) => Some(smtp::check(transport).await),
            None => None,
        }
    }

    /// The domain that letters' Message-IDs end in.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.section.from.domain()
    }

    /// How a letter reaches a mailbox of this platform; a platform that cannot
    /// take finished messages gets them by SMTP, or else as files.
    #[must_use]
    pub fn way_to(&self, provider: Provider, inserts: bool) -> Way {
        match self.section.way_to(provider) {
            Way::Insert if !inserts && self.smtp.is_some() => Way::Smtp,
            Way::Insert if !inserts => Way::File,
            way => way,
        }
    }

    /// The finished message (RFC 5322), ready to be inserted or sent.
    ///
    /// # Errors
    /// [`NotifyError::Compose`].
    pub fn compose(
        &self,
        letter: &Letter<'_>,
        to: &MailboxAddress,
        now: DateTime<Utc>,
    ) -> Result<Vec<u8>, NotifyError> {
        letters::compose(&self.section, letter, to, now)
    }

    /// Hands a finished message to the mail server or the folder.
    ///
    /// # Errors
    /// [`NotifyError`]; after [`NotifyError::Unknown`] alone it may have gone
    /// out: give it time to arrive and look for its Message-ID before repeating.
    pub async fn deliver(
        &self,
        way: Way,
        to: &MailboxAddress,
        raw: &[u8],
        letter: &Letter<'_>,
    ) -> Result<(), NotifyError> {
        match way {
            Way::Smtp => {
                let transport = self.smtp.as_ref().ok_or(NotifyError::NoChannel)?;
                smtp::send(transport, &self.section.from, to, raw).await
            }
            Way::File => {
                let folder = self.section.file.as_ref().ok_or(NotifyError::NoChannel)?;
                tokio::fs::create_dir_all(folder).await?;
                // Named by the letter: a repeated attempt overwrites itself.
                tokio::fs::write(folder.join(format!("{}.eml", letter.name)), raw).await?;
                Ok(())
            }
            Way::Insert => Err(NotifyError::NoChannel),
        }
    }
}
