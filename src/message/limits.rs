//! How much of a message is looked at.

/// Bounds of one parse. Everything past a bound is left unread and noted as a
/// [`Defect`](super::Defect); nothing is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the message that are read.
    pub bytes: usize,
    /// MIME parts, nested messages included.
    pub parts: usize,
    /// Nesting of multiparts and of messages in messages.
    pub depth: usize,
    /// Header fields of one header block.
    pub headers: usize,
    /// Bytes of one header block.
    pub header_bytes: usize,
    /// Characters kept of one header value (subject, names).
    pub value_chars: usize,
    /// Addresses kept of one header.
    pub addresses: usize,
    /// Message ids kept of `References`.
    pub references: usize,
    /// Bytes of text, and again of HTML, that are kept.
    pub text_bytes: usize,
    /// Links kept of one body.
    pub urls: usize,
    /// Attachments listed.
    pub attachments: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            parts: 1_000,
            depth: 32,
            headers: 1_000,
            header_bytes: 256 << 10,
            value_chars: 2_000,
            addresses: 200,
            references: 100,
            text_bytes: 2 << 20,
            urls: 2_000,
            attachments: 200,
        }
    }
}
