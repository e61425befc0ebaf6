//! How people and rules pass a message on: inline or attached, under another
//! subject, with or without a trace of the conversation.

use chrono::{DateTime, Utc};

use crate::sim::{
    fixtures::{escaped, header_text, internal, who},
    letter::Letter,
    org::{User, domain_of},
};

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Inline,
    Attached,
}

/// One act of passing on.
pub(super) struct Passing<'a> {
    pub from: &'a User,
    /// A `To` value.
    pub to: String,
    pub form: Form,
    /// Words of the sender before the message; none from a rule.
    pub words: &'a str,
    pub subject: String,
    /// Whether References and In-Reply-To name what went before.
    pub linked: bool,
    /// Part of the Message-ID.
    pub mark: u64,
    pub at: DateTime<Utc>,
}

/// The subjects people choose, by number.
pub(super) fn subject(number: usize, original: &str) -> String {
    match number % 5 {
        0 => format!("FW: {original}"),
        1 => "Is this one of ours?".to_owned(),
        2 => format!("WG: {original}"),
        3 => "Have you seen this as well?".to_owned(),
        _ => format!("Fwd: {original}"),
    }
}

/// The form people choose, by number. What came with a message attached goes on
/// as a whole: quoting it would lose the attachment.
pub(super) fn form(number: usize, original: &Letter) -> Form {
    let holds_one = original
        .attachments
        .iter()
        .any(|name| name.ends_with(".eml"));
    if number % 5 == 1 || holds_one {
        Form::Attached
    } else {
        Form::Inline
    }
}

/// What people write above it, by number.
pub(super) const fn words(number: usize) -> &'static str {
    match number % 3 {
        0 => "Hello, did you get this too? Do we have to do something?",
        1 => "Can you have a look at this one for me, please? Thanks.",
        _ => "For your information, this reached me this morning.",
    }
}

/// The message as it goes on.
pub(super) fn passed_on(original: &Letter, how: &Passing<'_>) -> Vec<u8> {
    let domain = domain_of(how.from.provider);
    let mut head = format!(
        "{}From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <p.{:016x}@{domain}>\r\n",
        internal(how.from),
        who(how.from),
        how.to,
        header_text(&how.subject),
        how.at.to_rfc2822(),
        how.mark,
    );
    if how.linked {
        let before = original
            .headers()
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("references"))
            .map(|(_, ids)| format!("{ids} "))
            .unwrap_or_default();
        let id = &original.message_id;
        head.push_str(&format!(
            "In-Reply-To: {id}\r\nReferences: {before}{id}\r\n"
        ));
    }
    head.push_str("MIME-Version: 1.0\r\n");
    let mut all = head.into_bytes();
    match how.form {
        Form::Inline => all.extend_from_slice(inline(original, how.words).as_bytes()),
        Form::Attached => {
            let name = plain(&original.subject);
            all.extend_from_slice(
                format!(
                    "Content-Type: multipart/mixed; boundary=\"pass-{mark:016x}\"\r\n\r\n--pass-{mark:016x}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n\r\n--pass-{mark:016x}\r\nContent-Type: message/rfc822; name=\"{name}.eml\"\r\nContent-Disposition: attachment; filename=\"{name}.eml\"\r\n\r\n",
                    how.words,
                    mark = how.mark,
                )
                .as_bytes(),
            );
            all.extend_from_slice(&original.raw);
            all.extend_from_slice(format!("\r\n--pass-{:016x}--\r\n", how.mark).as_bytes());
        }
    }
    all
}

fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == ' ')
        .take(60)
        .collect()
}

fn inline(original: &Letter, words: &str) -> String {
    let quoted = original
        .html
        .clone()
        .unwrap_or_else(|| format!("<pre>{}</pre>", escaped(&original.text)));
    format!(
        "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<html><body><p>{words}</p><hr><p><b>From:</b> {} &lt;{}&gt;<br><b>Subject:</b> {}</p><blockquote>{quoted}</blockquote></body></html>\r\n",
        escaped(&original.from.name),
        escaped(&original.from.address),
        escaped(&original.subject),
    )
}
