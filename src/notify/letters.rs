//! What the letters say.

use chrono::{DateTime, Utc};
use mail_builder::{
    MessageBuilder,
    headers::{date::Date, message_id::MessageId, raw::Raw},
};

use super::{Letter, NotifyError};
use crate::{
    config::notify::Notify,
    domain::{MailboxAddress, Verdict},
    message::Untrusted,
};

/// Characters of the reported mail's subject that a letter quotes.
const QUOTED: usize = 80;

/// The subject line and the first sentences for an outcome.
const fn words(outcome: Verdict, held: bool) -> (&'static str, &'static str) {
    match outcome {
        Verdict::Suspicious | Verdict::Unknown if !held => (
            "Thank you: we are looking at your report",
            "An analyst looks at the message you reported. We could not take it out of your \
             mailbox: we did not find it there. If you still see it, do not open it and do not \
             click anything in it. You will hear from us when we know more.",
        ),
        Verdict::Spam if !held => (
            "Thank you: the message you reported is spam",
            "The message you reported is unwanted advertising. It is not dangerous; if you still \
             see it, delete it.",
        ),
        Verdict::Malicious => (
            "Thank you: you caught a dangerous message",
            "You were right. The message you reported was dangerous, and we have taken every \
             copy of it that we found out of your colleagues' mailboxes. If you clicked a link \
             in it or entered a password, tell us now: nobody will blame you, and every minute \
             counts.",
        ),
        Verdict::Spam => (
            "Thank you: the message you reported is spam",
            "The message you reported is unwanted advertising. It is not dangerous, and it is \
             out of your inbox.",
        ),
        Verdict::Bulk => (
            "Thank you: the message you reported is a newsletter",
            "The message you reported is a newsletter or notification. It is not dangerous, so \
             we have put it back where it was. If you no longer want it, unsubscribe or block \
             the sender.",
        ),
        Verdict::Benign => (
            "Thank you: the message you reported is safe",
            "We checked the message you reported and found nothing wrong with it, so we have \
             put it back where it was. Reporting it was right: asking costs nothing.",
        ),
        Verdict::Simulation => (
            "Well spotted: that was an exercise",
            "The message you reported was part of a phishing exercise. Well done.",
        ),
        Verdict::Suspicious | Verdict::Unknown => (
            "Thank you: we are looking at your report",
            "The message you reported is out of your inbox while an analyst looks at it. You \
             will hear from us when that is done.",
        ),
    }
}

pub(super) fn compose(
    section: &Notify,
    letter: &Letter<'_>,
    to: &MailboxAddress,
    now: DateTime<Utc>,
) -> Result<Vec<u8>, NotifyError> {
    let (subject, first) = words(letter.outcome, letter.held);
    let mut text = format!("Hello,\n\n{first}\n");
    let quoted = letter
        .reported_subject
        .map(|s| Untrusted::new(s).neutral(QUOTED))
        .unwrap_or_default();
    if !quoted.trim().is_empty() {
        text.push_str(&format!("\nThe message: \"{quoted}\"\n"));
    }
    text.push_str(&format!("\n{}\n", section.from_name));
    if !section.footer.is_empty() {
        text.push_str(&format!("{}\n", section.footer));
    }
    text.push_str(&format!("Reference: {}\n", letter.reference));
    MessageBuilder::new()
        .from((section.from_name.as_str(), section.from.as_str()))
        .to(to.as_str())
        .subject(subject)
        .header("Date", Date::new(now.timestamp()))
        .header("Message-ID", MessageId::new(letter.message_id))
        .header("Auto-Submitted", Raw::new("auto-replied"))
        .header("X-Auto-Response-Suppress", Raw::new("All"))
        .header("X-Unhook-Report", Raw::new(letter.reference))
        .text_body(text)
        .write_to_vec()
        .map_err(|e| NotifyError::Compose(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn letter(subject: &str) -> Letter<'_> {
        Letter {
            name: "let_1",
            message_id: "let_1@soc.example",
            outcome: Verdict::Malicious,
            held: true,
            reference: "rpt_1",
            reported_subject: Some(subject),
        }
    }

    #[test]
    fn a_hostile_subject_neither_adds_headers_nor_a_live_link() {
        let to = "ann@contoso.example".parse().expect("address");
        let hostile = "x\r\nBcc: victim@evil.example\r\n\r\nhttps://evil.example/login now";
        let raw = compose(
            &Notify::default(),
            &letter(hostile),
            &to,
            DateTime::UNIX_EPOCH,
        )
        .expect("letter");
        let text = String::from_utf8(raw).expect("utf-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("header and body");
        assert!(!head.contains("Bcc"), "{head}");
        assert!(head.contains("Auto-Submitted: auto-replied"), "{head}");
        assert!(head.contains("<let_1@soc.example>"), "{head}");
        assert!(!body.contains("https://evil.example"), "{body}");
        assert!(!body.contains("\nBcc"), "{body}");
    }

    #[test]
    fn every_outcome_has_words_of_its_own() {
        for verdict in Verdict::ALL {
            for held in [true, false] {
                let (subject, first) = words(verdict, held);
                assert!(!subject.is_empty() && first.len() > 40);
                assert!(held || !first.contains("out of your inbox"), "{first}");
            }
        }
    }
}
