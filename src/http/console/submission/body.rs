//! The message itself, in one of three ways: neutralised text, the sandboxed
//! rendering, the source.

use bytes::Bytes;

use super::super::text::Plain;
use crate::{
    domain::EvidenceState,
    message::{self, Limits},
    store::{blobs::Blobs, submission::Submission},
};

/// Characters of text or source on a page; the whole is in the download.
const SHOWN_CHARS: usize = 40_000;
/// Octets of HTML that are rendered.
const HTML_OCTETS: usize = 1_000_000;

/// How the message is shown.
pub enum View {
    /// Text with its links defanged.
    Text(Plain),
    /// The sandboxed rendering, which the page's frame fetches.
    Rendered,
    /// The source, octet for octet where it can be seen.
    Source(Plain),
    /// Nothing to show, and why.
    None(&'static str),
}

impl View {
    /// Whether it is this one.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        match self {
            Self::Text(_) | Self::None(_) => name == "text",
            Self::Rendered => name == "rendered",
            Self::Source(_) => name == "source",
        }
    }
}

/// The best bytes there are: those the server fetched, else the client's.
pub async fn bytes(blobs: &Blobs, submission: &Submission) -> Option<Bytes> {
    let name = submission
        .evidence_sha256
        .as_ref()
        .or(submission.upload_sha256.as_ref())?;
    match blobs.get(name).await {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            tracing::error!(submission = %submission.id, %error, "evidence not readable");
            None
        }
    }
}

/// The view that was asked for, `text` when none was.
pub async fn view(
    blobs: &Blobs,
    submission: &Submission,
    wanted: Option<&str>,
    may_read_raw: bool,
) -> View {
    let preview = submission
        .findings
        .as_ref()
        .and_then(|f| f.get("text_preview")?.as_str());
    if submission.evidence == EvidenceState::Missing && submission.upload_sha256.is_none() {
        return View::None(
            "No copy of this message is known: it was not in the mailbox when the server looked.",
        );
    }
    match wanted {
        Some("rendered" | "source") if !may_read_raw => {
            View::None("Your key may not read raw messages. It needs the scope raw:read.")
        }
        Some("rendered") => View::Rendered,
        Some("source") => match bytes(blobs, submission).await {
            Some(bytes) => View::Source(source(&bytes)),
            None => View::None("The bytes of this message are not stored yet."),
        },
        _ => {
            if let Some(preview) = preview.filter(|text| !text.trim().is_empty()) {
                return View::Text(Plain::defanged_block(&airless(preview), SHOWN_CHARS));
            }
            match bytes(blobs, submission).await {
                Some(bytes) if may_read_raw => text_of(bytes).await,
                Some(_) => {
                    View::None("No text was extracted, and your key may not read raw messages.")
                }
                None => View::None(
                    "The message has not been fetched yet. This page looks again by itself.",
                ),
            }
        }
    }
}

/// Text without what the layout of HTML leaves behind: trailing blanks and more
/// than one empty line.
fn airless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines().map(str::trim_end) {
        empty = if line.trim().is_empty() { empty + 1 } else { 0 };
        if empty > 1 || (empty == 1 && out.is_empty()) {
            continue;
        }
        out.push_str(if empty == 0 { line } else { "" });
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

fn source(bytes: &[u8]) -> Plain {
    let start = bytes.get(..SHOWN_CHARS * 4).unwrap_or(bytes);
    Plain::block(&String::from_utf8_lossy(start), SHOWN_CHARS)
}

/// Parsing is work for another thread: a message may be as large as 60 MB.
async fn text_of(bytes: Bytes) -> View {
    let text = actix_web::web::block(move || {
        let message = message::parse(&bytes, &Limits::default());
        Plain::defanged_block(&airless(message.visible_text()), SHOWN_CHARS)
    });
    match text.await {
        Ok(text) if !text.is_empty() => View::Text(text),
        _ => View::None("The message holds no readable text. Its source may say more."),
    }
}

/// The HTML of a message, if it has any and not too much of it.
pub async fn html_of(bytes: Bytes) -> Option<String> {
    let html = actix_web::web::block(move || {
        let html = message::parse(&bytes, &Limits::default()).html?;
        (html.exposed().len() <= HTML_OCTETS).then(|| html.exposed().clone())
    });
    html.await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_leaves_no_gaps() {
        let text = "\n  \n a \n\n\n\u{a0}\n b\nc\n\n";
        assert_eq!(airless(text), " a\n\n b\nc");
        assert_eq!(airless(""), "");
    }
}
