//! The walk over a message's MIME structure.
//!
//! mail-parser reads the header blocks; the structure is walked here, because
//! its own walk has no bound on nesting and keeps nested messages as a tree
//! whose release recurses. One pass per level, at most [`Limits::depth`] levels.

use std::borrow::Cow;

use mail_parser::{ContentType, HeaderName};
use sha2::{Digest as _, Sha256};

use super::{
    Attachment, AuthResults, CarriedFile, Defect, HtmlView, Invite, Limits, ListHeaders, MimePart,
    NestedMessage, ParsedMessage, Protection, Untrusted, calendar,
    claims::Claims,
    decode,
    header::Block,
    multipart::children,
    protection,
    reading::{self, Readings},
    received, text,
};

/// The first bytes of a winmail.dat file ([MS-OXTNEF] section 2.1.3.1).
const TNEF: &[u8] = b"\x78\x9f\x3e\x22";

/// What all messages of one walk share.
pub(super) struct Walk<'l> {
    limits: &'l Limits,
    parts: usize,
    nested: Vec<NestedMessage>,
    /// Bytes that may still be decoded and hashed: nesting must not multiply work.
    decode_left: usize,
    hash_left: usize,
    /// Bytes of attachments that may still be kept; none for a parse that keeps
    /// no files.
    keep_left: usize,
    /// The files kept of each message of `nested`.
    nested_files: Vec<Vec<Kept>>,
    /// Every part, nested messages included, in order.
    structure: Vec<MimePart>,
}

/// The bytes of an attachment, by its index in the list of its message.
type Kept = (usize, Vec<u8>);

/// What one message gathers.
#[derive(Default)]
struct Gathered {
    text: String,
    html: String,
    attachments: Vec<Attachment>,
    kept: Vec<Kept>,
    defects: Vec<Defect>,
    has_text: bool,
    has_html: bool,
    protection: Vec<Protection>,
    invites: Vec<Invite>,
    readings: Readings,
}

/// Parses bytes into a message. Infallible; see [`Limits`] and [`Defect`].
#[must_use]
pub fn parse(raw: &[u8], limits: &Limits) -> ParsedMessage {
    parse_keeping(raw, limits, 0).0
}

/// Parses as [`parse`] does and hands out the bytes of the attachments, those of
/// the message first, then those of the messages inside. Together they hold at
/// most twice the bytes of the message; what lies past that is left out.
#[must_use]
pub fn parse_with_files(raw: &[u8], limits: &Limits) -> (ParsedMessage, Vec<CarriedFile>) {
    parse_keeping(raw, limits, raw.len().saturating_mul(2))
}

fn parse_keeping(raw: &[u8], limits: &Limits, keep: usize) -> (ParsedMessage, Vec<CarriedFile>) {
    let mut walk = Walk {
        limits,
        parts: 0,
        nested: Vec::new(),
        decode_left: limits.bytes.saturating_mul(2),
        hash_left: limits.bytes.saturating_mul(2),
        keep_left: keep,
        nested_files: Vec::new(),
        structure: Vec::new(),
    };
    let read = raw.get(..limits.bytes).unwrap_or(raw);
    let (mut message, kept) = walk.message(without_envelope(read), 0);
    message.size = raw.len() as u64;
    message.sha256 = hex::encode(Sha256::digest(raw));
    if read.len() < raw.len() {
        message.defects.push(Defect::Truncated);
        message.defects.push(Defect::OversizeBody);
    }
    if read.contains(&0) {
        message.defects.push(Defect::NulBytes);
    }
    message.nested = walk.nested;
    message.structure = walk.structure;
    message.defects.sort();
    message.defects.dedup();
    if message.ambiguous() {
        let excerpt = read.get(..limits.text_bytes).unwrap_or(read);
        let view = String::from_utf8_lossy(excerpt).replace('\0', "");
        message.raw_view = Some(Untrusted::new(view));
        let mut readings = Readings::default();
        readings.unstructured(excerpt);
        message.readings.append(&mut readings.list);
    }
    let mut files = carried(&message, kept, "");
    for (index, (nested, kept)) in message.nested.iter().zip(walk.nested_files).enumerate() {
        files.extend(carried(&nested.message, kept, &format!("nested:{index}/")));
    }
    (message, files)
}

/// Kept bytes with what the message says about them.
fn carried(message: &ParsedMessage, kept: Vec<Kept>, prefix: &str) -> Vec<CarriedFile> {
    kept.into_iter()
        .filter_map(|(index, bytes)| {
            let said = message.attachments.get(index)?;
            Some(CarriedFile {
                place: format!("{prefix}attachment:{index}"),
                name: said.name.as_ref().map(|name| name.exposed().clone()),
                claimed: said.media_type.clone(),
                bytes,
            })
        })
        .collect()
}

/// Skips a byte order mark, leading blank lines and an mbox "From " line.
fn without_envelope(raw: &[u8]) -> &[u8] {
    let mut rest = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    while let [b'\r' | b'\n', tail @ ..] = rest {
        rest = tail;
    }
    if rest.starts_with(b"From ") || rest.starts_with(b">From ") {
        let end = rest.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
        rest = rest.get(end..).unwrap_or_default();
    }
    rest
}

impl Walk<'_> {
    fn message(&mut self, raw: &[u8], depth: usize) -> (ParsedMessage, Vec<Kept>) {
        let mut gathered = Gathered::default();
        let block = Block::split(raw, self.limits, &mut gathered.defects);
        if !block.is_mail() {
            gathered.defects.push(Defect::NotMail);
        }
        let stray = block.stray();
        if !stray.is_empty() {
            gathered.defects.push(Defect::AmbiguousMime);
            gathered.readings.keep("headers", &stray);
        }
        self.part(&block, depth, false, &mut gathered);
        let kept = std::mem::take(&mut gathered.kept);
        (self.assemble(&block, gathered), kept)
    }

    fn assemble(&self, block: &Block<'_>, mut gathered: Gathered) -> ParsedMessage {
        let limits = self.limits;
        let from = block.people(&HeaderName::From, limits);
        if from.len() > 1 {
            gathered.defects.push(Defect::MultipleFrom);
        }
        let view = gathered
            .has_html
            .then(|| HtmlView::of(&gathered.html, limits));
        if view.as_ref().is_some_and(|v| v.links_dropped) {
            gathered.defects.push(Defect::TooManyLinks);
        }
        if view.as_ref().is_some_and(|v| v.asides_dropped) {
            gathered.defects.push(Defect::LinksUnlisted);
        }
        let (received, more) = received::hops(block);
        if more {
            gathered.defects.push(Defect::TooManyHops);
        }
        gathered.protection.sort_unstable();
        gathered.protection.dedup();
        ParsedMessage {
            size: 0,
            sha256: String::new(),
            message_id: only(block.ids(&HeaderName::MessageId, 2)),
            in_reply_to: block.ids(&HeaderName::InReplyTo, 10),
            references: block.ids(&HeaderName::References, limits.references),
            from,
            sender: block.people(&HeaderName::Sender, limits),
            reply_to: block.people(&HeaderName::ReplyTo, limits),
            to: block.people(&HeaderName::To, limits),
            cc: block.people(&HeaderName::Cc, limits),
            bcc: block.people(&HeaderName::Bcc, limits),
            held_by: Vec::new(),
            subject: Untrusted::new(block.text(&HeaderName::Subject, limits).unwrap_or_default()),
            date: block.date(),
            authentication_results: block
                .raw("authentication-results", 4_000)
                .iter()
                .take(8)
                .map(|value| AuthResults::parse(value))
                .collect(),
            list: ListHeaders::of(block),
            received,
            claims: Claims::of(block, limits),
            text: gathered.has_text.then(|| Untrusted::new(gathered.text)),
            html: gathered.has_html.then(|| Untrusted::new(gathered.html)),
            view,
            attachments: gathered.attachments,
            protection: gathered.protection,
            invites: gathered.invites,
            readings: gathered.readings.list,
            structure: Vec::new(),
            nested: Vec::new(),
            defects: gathered.defects,
            raw_view: None,
        }
    }

    fn part(&mut self, block: &Block<'_>, depth: usize, in_digest: bool, into: &mut Gathered) {
        self.parts += 1;
        if self.parts > self.limits.parts {
            into.defects.push(Defect::TooManyParts);
            return;
        }
        if depth > self.limits.depth {
            into.defects.push(Defect::TooDeep);
            return;
        }
        let kinds = block.content_types();
        let encoding = block.transfer_encoding();
        self.note_part(block, &kinds, encoding.as_deref(), depth);
        into.protection
            .extend(kinds.iter().filter_map(|k| protection::of_type(k)));
        let multipart = kinds.iter().find(|k| {
            k.ctype() == "multipart" && k.attribute("boundary").is_some_and(|b| !b.is_empty())
        });
        if let Some(kind) = multipart {
            let boundary = kind.attribute("boundary").unwrap_or_default();
            let digest = kind.subtype() == Some("digest");
            if self.multipart(
                block.body,
                boundary,
                encoding.as_deref(),
                (depth, digest),
                into,
            ) {
                return;
            }
            into.defects.push(Defect::AmbiguousMime);
        } else if kinds.iter().any(|k| k.ctype() == "multipart") {
            into.defects.push(Defect::AmbiguousMime);
        }
        let body = self.decoded(block.body, encoding.as_deref(), into);
        let kind = pick(&kinds);
        let is_message = match kind {
            Some(k) => k.ctype() == "message" && matches!(k.subtype(), Some("rfc822" | "global")),
            None => in_digest && kinds.is_empty(),
        };
        // never fetched, but told of (RFC 2046, section 5.2.3; RFC 2017)
        if let Some(url) = kind
            .filter(|k| k.ctype() == "message" && k.subtype() == Some("external-body"))
            .and_then(|k| k.attribute("url"))
        {
            into.readings.keep("external_body", url);
        }
        if kind.is_some_and(|k| k.ctype() == "message" && k.subtype() == Some("partial")) {
            into.defects.push(Defect::AmbiguousMime);
        }
        if is_message {
            self.nest(&body, depth, into);
            return;
        }
        self.leaf(block, kind, &body, depth, into);
    }

    /// Writes a part down as it names itself.
    fn note_part(
        &mut self,
        block: &Block<'_>,
        kinds: &[&ContentType<'_>],
        encoding: Option<&str>,
        depth: usize,
    ) {
        let kind = pick(kinds);
        let disposition = block.disposition();
        let media_type = kind.map_or_else(
            || "text/plain".to_owned(),
            |k| format!("{}/{}", k.ctype(), k.subtype().unwrap_or("plain")).to_ascii_lowercase(),
        );
        let name = file_name(disposition, kind, self.limits.value_chars);
        let short = |text: &str| text.chars().take(40).collect::<String>();
        self.structure.push(MimePart {
            depth,
            media_type: media_type.chars().take(120).collect(),
            name: name.map(|name| Untrusted::new(name).neutral(200)),
            size: block.body.len() as u64,
            encoding: encoding.map(short),
            disposition: disposition.map(|d| short(d.ctype())),
        });
    }

    /// Walks the children; false when the boundary never stands in the body.
    fn multipart(
        &mut self,
        body: &[u8],
        boundary: &str,
        encoding: Option<&str>,
        (depth, digest): (usize, bool),
        into: &mut Gathered,
    ) -> bool {
        let decoded;
        let mut body = body;
        if matches!(encoding, Some("base64" | "quoted-printable")) {
            // forbidden for a multipart; some programs decode it, others do not
            into.defects.push(Defect::AmbiguousMime);
            if children(body, boundary, 1).parts.is_empty() {
                decoded = self.decoded(body, encoding, into);
                body = &decoded;
            }
        }
        let room = self.limits.parts.saturating_sub(self.parts) + 1;
        let found = children(body, boundary, room);
        if found.parts.is_empty() {
            return false;
        }
        if !found.closed {
            into.defects.push(Defect::Truncated);
        }
        for (how, outside) in [("preamble", found.before), ("epilogue", found.after)] {
            self.outside(how, outside, into);
        }
        for child in found.parts {
            let block = Block::split(child, self.limits, &mut into.defects);
            self.part(&block, depth + 1, digest, into);
            if self.parts > self.limits.parts {
                break;
            }
        }
        true
    }

    /// Text before the first and behind the last part: no program shows it, but
    /// those that lose the structure do.
    fn outside(&self, how: &'static str, bytes: &[u8], into: &mut Gathered) {
        let bytes = bytes.get(..self.limits.text_bytes).unwrap_or(bytes);
        if bytes.trim_ascii().is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(bytes);
        let before = into.readings.list.len();
        if !into.readings.keep(how, &text) {
            into.readings.unstructured(bytes);
        }
        if into.readings.list.len() > before {
            into.defects.push(Defect::TextOutsideParts);
        }
    }

    fn decoded<'b>(
        &mut self,
        body: &'b [u8],
        encoding: Option<&str>,
        into: &mut Gathered,
    ) -> Cow<'b, [u8]> {
        let coded = matches!(encoding, Some("base64" | "quoted-printable"));
        if coded && body.len() > self.decode_left {
            into.defects.push(Defect::TooDeep);
            return Cow::Borrowed(body);
        }
        let decoded = match encoding {
            Some("base64") => decode::base64(body),
            Some("quoted-printable") => decode::quoted_printable(body),
            _ => return Cow::Borrowed(body),
        };
        self.decode_left -= body.len();
        if decoded.damaged {
            into.defects.push(Defect::BadEncoding);
        }
        if decoded.ambiguous {
            into.defects.push(Defect::AmbiguousMime);
        }
        Cow::Owned(decoded.bytes)
    }

    /// SHA-256 in hexadecimal; empty once the bytes to hash are spent.
    fn hash(&mut self, bytes: &[u8]) -> String {
        if bytes.len() > self.hash_left {
            return String::new();
        }
        self.hash_left -= bytes.len();
        hex::encode(Sha256::digest(bytes))
    }

    fn nest(&mut self, raw: &[u8], depth: usize, into: &mut Gathered) {
        if depth >= self.limits.depth {
            into.defects.push(Defect::TooDeep);
            return;
        }
        let at = self.nested.len();
        let (mut message, kept) = self.message(without_envelope(raw), depth + 1);
        message.size = raw.len() as u64;
        message.sha256 = self.hash(raw);
        // what makes an inner message ambiguous makes the outer one so
        let inner = message.defects.iter().filter(|d| {
            d.is_ambiguous() && !matches!(d, Defect::NotMail | Defect::DuplicateHeader(_))
        });
        into.defects.extend(inner.cloned());
        self.nested_files
            .insert(at.min(self.nested_files.len()), kept);
        self.nested.insert(
            at.min(self.nested.len()),
            NestedMessage {
                depth: depth + 1,
                message: Box::new(message),
            },
        );
    }

    fn leaf(
        &mut self,
        block: &Block<'_>,
        kind: Option<&ContentType<'_>>,
        body: &[u8],
        depth: usize,
        into: &mut Gathered,
    ) {
        let media = kind.map_or_else(
            || "text/plain".to_owned(),
            |k| format!("{}/{}", k.ctype(), k.subtype().unwrap_or("plain")).to_ascii_lowercase(),
        );
        let disposition = block.disposition();
        let name = file_name(disposition, kind, self.limits.value_chars);
        let attached = disposition.is_some_and(ContentType::is_attachment);
        let charset = kind.and_then(|k| k.attribute("charset"));
        let is_body = !attached
            && matches!(media.as_str(), "text/plain" | "text/html")
            && (name.is_none() || disposition.is_some_and(ContentType::is_inline));
        // a text part without headers of its own at the root is the body
        if is_body || (media.starts_with("multipart/") && !attached) {
            let looks_html = media == "text/html" || looks_like_html(body);
            let mut text = self.text(body, charset, into);
            if media == "text/plain" {
                if let Some(kind) = kind {
                    text = text::unflowed(text, kind);
                }
                self.inside_text(&text, into);
            }
            let (target, flag) = if media == "text/html" || (media != "text/plain" && looks_html) {
                (&mut into.html, &mut into.has_html)
            } else {
                (&mut into.text, &mut into.has_text)
            };
            *flag = true;
            if !target.is_empty() {
                target.push('\n');
            }
            if target.len() + text.len() > self.limits.text_bytes {
                into.defects.push(Defect::OversizeBody);
            }
            let room = self.limits.text_bytes.saturating_sub(target.len());
            let end = (0..=room.min(text.len()))
                .rev()
                .find(|at| text.is_char_boundary(*at));
            target.push_str(text.get(..end.unwrap_or_default()).unwrap_or_default());
            return;
        }
        self.attach(media, name, charset, body, depth, into);
    }

    fn attach(
        &mut self,
        media: String,
        name: Option<String>,
        charset: Option<&str>,
        body: &[u8],
        depth: usize,
        into: &mut Gathered,
    ) {
        if into.attachments.len() >= self.limits.attachments {
            into.defects.push(Defect::TooManyAttachments);
            return;
        }
        let lower = name.as_deref().unwrap_or_default().to_lowercase();
        if lower.ends_with(".eml") && !body.is_empty() {
            self.nest(body, depth, into);
        }
        let textual = media.starts_with("text/")
            || media.contains("xml")
            || [
                ".htm", ".html", ".shtml", ".xhtml", ".svg", ".ics", ".txt", ".url",
            ]
            .iter()
            .any(|end| lower.trim_end().ends_with(end))
            || looks_like_html(body);
        let text = textual.then(|| {
            let cut = body.get(..256 << 10).unwrap_or(body);
            Untrusted::new(decode::text(cut, charset).0.replace('\0', ""))
        });
        if media == "text/calendar" || lower.trim_end().ends_with(".ics") {
            into.invites
                .extend(text.as_ref().and_then(|t| calendar::read(t.exposed())));
        }
        if body.starts_with(TNEF) || media == "application/ms-tnef" {
            into.defects.push(Defect::Tnef);
        }
        if self.keep_left > 0 && body.len() <= self.keep_left {
            self.keep_left -= body.len();
            into.kept.push((into.attachments.len(), body.to_vec()));
        }
        into.attachments.push(Attachment {
            name: name.map(Untrusted::new),
            media_type: media.chars().take(120).collect(),
            size: body.len() as u64,
            sha256: self.hash(body),
            is_html: looks_like_html(body),
            magic: body.get(..8).unwrap_or(body).to_vec(),
            text,
        });
    }

    /// Notes what a plain body holds beside its words.
    fn inside_text(&self, text: &str, into: &mut Gathered) {
        into.protection.extend(protection::of_text(text));
        if let Some(file) = reading::uuencoded(text) {
            into.defects.push(Defect::Uuencoded);
            into.readings.keep("uuencode", &file);
        }
    }

    fn text(&self, body: &[u8], charset: Option<&str>, into: &mut Gathered) -> String {
        let cut = body.get(..self.limits.text_bytes).unwrap_or(body);
        if cut.len() < body.len() {
            into.defects.push(Defect::OversizeBody);
        }
        let (text, unknown) = decode::text(cut, charset);
        if unknown {
            into.defects.push(Defect::UnknownCharset);
        }
        text.replace('\0', "")
    }
}

/// Of several content types the one that shows most: HTML before the first.
fn pick<'k, 'c>(kinds: &[&'k ContentType<'c>]) -> Option<&'k ContentType<'c>> {
    kinds
        .iter()
        .find(|k| k.ctype() == "text" && k.subtype() == Some("html"))
        .or_else(|| kinds.first())
        .copied()
}

fn looks_like_html(body: &[u8]) -> bool {
    let head: Vec<u8> = body
        .get(..1_024)
        .unwrap_or(body)
        .iter()
        .map(u8::to_ascii_lowercase)
        .collect();
    let head = String::from_utf8_lossy(&head);
    let start = head.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    start.starts_with("<!doctype html")
        || start.starts_with("<html")
        || head.contains("<script")
        || head.contains("<body")
}

fn file_name(
    disposition: Option<&ContentType<'_>>,
    kind: Option<&ContentType<'_>>,
    max_chars: usize,
) -> Option<String> {
    let name = disposition
        .and_then(|d| d.attribute("filename"))
        .or_else(|| kind.and_then(|k| k.attribute("name")))?;
    let name: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(max_chars.min(255))
        .collect();
    (!name.trim().is_empty()).then_some(name)
}

/// The one there is: of several each platform keeps another, and none can be
/// relied on.
fn only(mut ids: Vec<String>) -> Option<String> {
    let id = ids.pop();
    id.filter(|_| ids.is_empty())
}

#[cfg(test)]
mod tests;
