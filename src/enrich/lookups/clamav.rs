//! ClamAV of one's own, by clamd's `INSTREAM` (clamd(8), section COMMANDS).

use std::{collections::BTreeMap, io, path::PathBuf, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

use super::{Answer, AskedKind, Lookup, LookupError, Question, Reputation, Sent, words::shown};
use crate::config::lookups::Source;

/// Where clamd listens by default.
const ENDPOINT: &str = "unix:/run/clamav/clamd.ctl";
/// Bytes of one chunk of the stream.
const CHUNK: usize = 64 << 10;
/// Bytes of an answer.
const MAX_ANSWER: u64 = 4_096;

/// ClamAV cannot be asked as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("endpoint must be tcp://host:port or unix:/path, e.g. {ENDPOINT}")]
pub struct BadClamd;

#[derive(Debug, Clone)]
enum Place {
    Tcp(String),
    Unix(PathBuf),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The source `clamav`.
pub struct Clamav {
    endpoint: String,
    place: Place,
    timeout: Duration,
    keep: TimeDelta,
}

impl Clamav {
    /// The source of the section.
    ///
    /// # Errors
    /// [`BadClamd`].
    pub fn new(config: &Source) -> Result<Self, BadClamd> {
        let endpoint = config.endpoint.as_deref().unwrap_or(ENDPOINT);
        let place = match (
            endpoint.strip_prefix("tcp://"),
            endpoint.strip_prefix("unix:"),
        ) {
            (Some(address), _) => {
                let (host, port) = address.rsplit_once(':').ok_or(BadClamd)?;
                let port: u16 = port.parse().map_err(|_| BadClamd)?;
                if host.is_empty() || port == 0 {
                    return Err(BadClamd);
                }
                Place::Tcp(address.to_owned())
            }
            (None, Some(path)) if path.starts_with('/') => Place::Unix(PathBuf::from(path)),
            _ => return Err(BadClamd),
        };
        Ok(Self {
            endpoint: endpoint.to_owned(),
            place,
            timeout: Duration::from_secs(u64::from(config.timeout_seconds)),
            keep: TimeDelta::hours(i64::from(config.keep_hours)),
        })
    }

    /// Whether clamd answers.
    ///
    /// # Errors
    /// [`LookupError::Unavailable`], [`LookupError::Unexpected`].
    pub async fn ping(&self) -> Result<(), LookupError> {
        match self.timed(self.talk(b"zPING\0", None)).await?.as_str() {
            "PONG" => Ok(()),
            other => Err(LookupError::Unexpected(shown(other))),
        }
    }

    async fn timed(
        &self,
        talk: impl Future<Output = io::Result<String>> + Send,
    ) -> Result<String, LookupError> {
        match tokio::time::timeout(self.timeout, talk).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(LookupError::Unavailable(error.kind().to_string())),
            Err(_) => Err(LookupError::Unavailable("it took too long".to_owned())),
        }
    }

    async fn open(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match &self.place {
            Place::Tcp(address) => Box::new(TcpStream::connect(address.as_str()).await?),
            Place::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }

    /// Sends a command, the content in chunks, and reads one answer.
    async fn talk(&self, command: &[u8], content: Option<&[u8]>) -> io::Result<String> {
        let (mut read, mut write) = tokio::io::split(self.open().await?);
        let send = async {
            write.write_all(command).await?;
            if let Some(content) = content {
                for chunk in content.chunks(CHUNK) {
                    let length = u32::try_from(chunk.len()).map_err(io::Error::other)?;
                    write.write_u32(length).await?;
                    write.write_all(chunk).await?;
                }
                write.write_u32(0).await?;
            }
            write.flush().await
        };
        let hear = async {
            let mut answer = Vec::new();
            let mut byte = [0u8; 256];
            while !answer.contains(&0) && answer.len() < usize::try_from(MAX_ANSWER).unwrap_or(0) {
                match read.read(&mut byte).await? {
                    0 => break,
                    length => answer.extend_from_slice(byte.get(..length).unwrap_or_default()),
                }
            }
            io::Result::Ok(answer)
        };
        // it speaks before the end when the stream is too large, and hangs up
        let (sent, answer) = tokio::join!(send, hear);
        let answer = match (answer, sent) {
            (Ok(answer), _) if !answer.is_empty() => answer,
            (Err(error), _) | (Ok(_), Err(error)) => return Err(error),
            (Ok(_), Ok(())) => return Err(io::ErrorKind::UnexpectedEof.into()),
        };
        let text = answer.split(|b| *b == 0).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(text).trim().to_owned())
    }

    fn answer(&self, said: &str) -> Result<Answer, LookupError> {
        let verdict = said.strip_prefix("stream: ").unwrap_or(said);
        let answer = |reputation, words: String, details| Answer {
            reputation,
            words: shown(&words),
            details,
            keep: self.keep,
        };
        if verdict == "OK" {
            return Ok(answer(
                Reputation::Unlisted,
                "nothing found".to_owned(),
                BTreeMap::new(),
            ));
        }
        if let Some(name) = verdict.strip_suffix(" FOUND") {
            let details = BTreeMap::from([("signature".to_owned(), shown(name))]);
            // names of heuristics and unwanted programs are no proof of malice
            let soft = ["Heuristics.", "PUA."].iter().any(|s| name.starts_with(s));
            let reputation = if soft {
                Reputation::Doubtful
            } else {
                Reputation::Bad
            };
            return Ok(answer(reputation, format!("found: {name}"), details));
        }
        if verdict.contains("size limit exceeded") {
            return Err(LookupError::Unexpected(
                "the message is larger than its StreamMaxLength".to_owned(),
            ));
        }
        Err(LookupError::Unexpected(shown(verdict)))
    }
}

#[async_trait]
impl Lookup for Clamav {
    fn id(&self) -> &'static str {
        "clamav"
    }

    fn kinds(&self) -> &[AskedKind] {
        &[AskedKind::Message]
    }

    fn sends(&self, question: &Question) -> Vec<Sent> {
        if question.kind != AskedKind::Message {
            return Vec::new();
        }
        vec![Sent::message(
            format!("INSTREAM {}", self.endpoint),
            question,
        )]
    }

    async fn ask(&self, question: &Question, _: DateTime<Utc>) -> Result<Answer, LookupError> {
        if question.kind != AskedKind::Message {
            return Err(LookupError::Unexpected(
                "it takes whole messages only".to_owned(),
            ));
        }
        let talk = self.talk(b"zINSTREAM\0", Some(&question.bytes));
        let said = self.timed(talk).await?;
        self.answer(&said)
    }

    async fn answers(&self) -> Option<Result<(), LookupError>> {
        Some(self.ping().await)
    }
}

#[cfg(test)]
mod tests;
