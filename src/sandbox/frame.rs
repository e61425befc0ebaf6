//! What crosses the border between the two processes: frames of bounded length.
//!
//! A frame is two lengths (unsigned, 32 bits, little-endian), a header in JSON of
//! the first length and raw bytes of the second. Each side states how long a frame
//! it takes, and reads no more than that.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::file::FileLimits;

/// Bytes of the header of a request, and of either side of the first exchange.
pub(super) const MAX_HEADER: usize = 4 << 20;
/// Bytes of all files of one message together.
pub(super) const MAX_FILES: usize = 128 << 20;
/// Bytes of one answer.
pub(super) const MAX_ANSWER: usize = 32 << 20;

/// Why a frame could not be sent or read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The pipe failed, or a deadline passed (`TimedOut`).
    #[error("the pipe between the processes failed")]
    Pipe(#[source] io::Error),
    /// The frame is longer than the reader takes.
    #[error("a frame has {bytes} bytes where {most} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The most that is allowed.
        most: usize,
    },
    /// The header is not what was expected.
    #[error("a frame's header cannot be read")]
    Header(#[source] serde_json::Error),
    /// The pipe ended.
    #[error("the pipe ended within a frame")]
    Cut,
}

/// The first frame, to the process: what it is to hold itself to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Setup {
    pub limits: FileLimits,
    /// Processor seconds of one message.
    pub cpu: u64,
    /// Bytes of memory on top of what the rules take.
    pub memory: u64,
    /// Messages that will be sent at most.
    pub messages: u32,
    /// Whether the rules that come with Unhook are used.
    pub own_rules: bool,
    /// The folder of further rules: a path need not be text.
    pub rules_folder: Option<Vec<u8>>,
}

/// The first frame back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Greeting {
    /// Locked in, and waiting for work.
    Ready {
        /// What was wrong with the rules.
        warnings: Vec<String>,
    },
    /// It could not be locked in and will not work.
    Refused {
        /// Why.
        reason: String,
    },
}

/// The header of a request; the files' bytes follow one after the other.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub files: Vec<Head>,
    pub passwords: Vec<String>,
}

/// A file of a request, without its bytes.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub place: String,
    pub name: Option<String>,
    pub claimed: String,
    pub size: usize,
}

/// Sends a frame.
pub(super) fn write(
    out: &mut impl Write,
    header: &impl Serialize,
    most: usize,
    body: &[&[u8]],
) -> Result<(), FrameError> {
    let header = encode(header, most)?;
    let length = body.iter().map(|part| part.len()).sum();
    let lengths = [stated(header.len(), most)?, stated(length, MAX_FILES)?];
    for length in lengths {
        out.write_all(&length.to_le_bytes())
            .map_err(FrameError::Pipe)?;
    }
    out.write_all(&header).map_err(FrameError::Pipe)?;
    for part in body {
        out.write_all(part).map_err(FrameError::Pipe)?;
    }
    out.flush().map_err(FrameError::Pipe)
}

/// Reads a frame up to its raw bytes, and says how many of those follow; `None`
/// where the pipe ends before the first byte.
pub(super) fn read<H: DeserializeOwned>(
    input: &mut impl Read,
    most: usize,
    most_body: usize,
) -> Result<Option<(H, usize)>, FrameError> {
    let mut lengths = Vec::new();
    take(input, 8, &mut lengths)?;
    if lengths.is_empty() {
        return Ok(None);
    }
    let lengths: [u8; 8] = lengths.try_into().map_err(|_| FrameError::Cut)?;
    let [a, b, c, d, e, f, g, h] = lengths;
    let header = bounded(u32::from_le_bytes([a, b, c, d]), most)?;
    let body = bounded(u32::from_le_bytes([e, f, g, h]), most_body)?;
    let header = exactly(input, header)?;
    let header = serde_json::from_slice(&header).map_err(FrameError::Header)?;
    Ok(Some((header, body)))
}

/// A header in JSON, given up as soon as it is too long.
fn encode(header: &impl Serialize, most: usize) -> Result<Vec<u8>, FrameError> {
    let mut sink = Sink {
        bytes: Vec::new(),
        most,
    };
    match serde_json::to_writer(&mut sink, header) {
        Ok(()) => Ok(sink.bytes),
        Err(error) if error.is_io() => Err(FrameError::TooLong {
            bytes: most.saturating_add(1),
            most,
        }),
        Err(error) => Err(FrameError::Header(error)),
    }
}

/// Keeps what is written, up to a bound.
struct Sink {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(bytes.len()) > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn stated(length: usize, most: usize) -> Result<u32, FrameError> {
    let too_long = FrameError::TooLong {
        bytes: length,
        most,
    };
    if length > most {
        return Err(too_long);
    }
    u32::try_from(length).map_err(|_| too_long)
}

fn bounded(stated: u32, most: usize) -> Result<usize, FrameError> {
    let bytes = usize::try_from(stated).unwrap_or(usize::MAX);
    if bytes > most {
        return Err(FrameError::TooLong { bytes, most });
    }
    Ok(bytes)
}

/// Reads the next `length` bytes.
pub(super) fn exactly(input: &mut impl Read, length: usize) -> Result<Vec<u8>, FrameError> {
    let mut bytes = Vec::new();
    take(input, length, &mut bytes)?;
    if bytes.len() < length {
        return Err(FrameError::Cut);
    }
    Ok(bytes)
}

/// Reads up to `length` bytes. The buffer grows as they come, so a stated length
/// alone takes no memory.
fn take(input: &mut impl Read, length: usize, into: &mut Vec<u8>) -> Result<(), FrameError> {
    input
        .by_ref()
        .take(length as u64)
        .read_to_end(into)
        .map_err(FrameError::Pipe)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request {
            files: vec![Head {
                place: "attachment:0".to_owned(),
                name: None,
                claimed: "text/plain".to_owned(),
                size: 5,
            }],
            passwords: vec!["tulip".to_owned()],
        }
    }

    #[test]
    fn a_frame_is_read_as_it_was_sent_and_the_end_is_no_frame() {
        let mut pipe = Vec::new();
        write(&mut pipe, &request(), MAX_HEADER, &[b"he", b"llo"]).unwrap();
        let mut input = pipe.as_slice();
        let (header, length): (Request, _) = read(&mut input, MAX_HEADER, 5).unwrap().unwrap();
        assert_eq!((header, length), (request(), 5));
        assert_eq!(exactly(&mut input, length).unwrap(), b"hello");
        assert!(read::<Request>(&mut input, 9, 9).unwrap().is_none());
    }

    #[test]
    fn a_frame_that_is_too_long_cut_or_foreign_is_refused() {
        let mut pipe = Vec::new();
        write(&mut pipe, &request(), MAX_HEADER, &[b"hello"]).unwrap();
        let refused = |bytes: &[u8], header, body| {
            let mut input = bytes;
            read::<Request>(&mut input, header, body)
                .and_then(|frame| exactly(&mut input, frame.map_or(0, |(_, length)| length)))
                .expect_err("refused")
        };
        assert!(matches!(
            refused(&pipe, 10, 5),
            FrameError::TooLong { most: 10, .. }
        ));
        assert!(matches!(
            refused(&pipe, MAX_HEADER, 4),
            FrameError::TooLong { bytes: 5, most: 4 }
        ));
        for end in 1..pipe.len() {
            assert!(matches!(
                refused(&pipe[..end], MAX_HEADER, 5),
                FrameError::Cut
            ));
        }
        assert!(matches!(
            refused(b"\x02\0\0\0\0\0\0\0[]", 10, 10),
            FrameError::Header(_)
        ));
        // four gigabytes announced, nothing sent: refused before any is reserved
        assert!(matches!(
            refused(&[0xff; 8], MAX_ANSWER, 0),
            FrameError::TooLong { .. }
        ));
        assert!(matches!(
            write(&mut Vec::new(), &request(), 10, &[]),
            Err(FrameError::TooLong { most: 10, .. })
        ));
    }
}
