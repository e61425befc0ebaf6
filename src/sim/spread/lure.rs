//! The campaign's message and its variants, drawn from a few stories.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};

use crate::sim::{fixtures::header_text, seed::Dice};

/// One story: what stays the same and what a sender changes from batch to batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Story {
    brand: &'static str,
    /// Domain from which the brand really writes.
    pub genuine: &'static str,
    sender: &'static str,
    locals: [&'static str; 3],
    /// The first is the campaign's, the others look like it.
    domains: [&'static str; 3],
    /// `{n}` is a number.
    subjects: [&'static str; 3],
    hosts: [&'static str; 3],
    /// `{t}` is a token.
    path: &'static str,
    shown: &'static str,
    /// Each sentence and another wording of it.
    text: [(&'static str, &'static str); 5],
    button: &'static str,
    /// Name of the attachment, `{n}` is a number.
    attachment: Option<&'static str>,
}

const STORIES: [Story; 3] = [
    Story {
        brand: "Northwind IT Helpdesk",
        genuine: "northwind.example",
        sender: "Northwind IT Helpdesk",
        locals: ["mailbox-admin", "it-service", "postmaster"],
        domains: [
            "northwlnd-mailbox.example",
            "northwind-mailb0x.example",
            "northvvind-mailbox.example",
        ],
        subjects: [
            "Your mailbox storage is {n}% full: messages are being held",
            "Storage of your mailbox at {n}%, incoming mail is held",
            "{n}% of your mailbox storage is used, mail on hold",
        ],
        hosts: [
            "quota.northwlnd-mailbox.example",
            "quota.mailbox-upgrade.example",
            "storage.northwlnd-mailbox.example",
        ],
        path: "/owa/quota/extend/{t}/confirm.php",
        shown: "https://portal.northwind.example/",
        text: [
            (
                "The storage of your Northwind mailbox has reached its limit, and eleven incoming messages are being held on the server.",
                "Your Northwind mailbox has used up its storage, so eleven messages that came in are waiting on the server.",
            ),
            (
                "Held messages are deleted automatically after twenty-four hours unless the owner extends the storage.",
                "Unless the owner extends the storage, messages on hold are removed after twenty-four hours.",
            ),
            (
                "Sign in with your e-mail address and your current password to extend the storage free of charge and release the messages.",
                "To extend the storage at no cost and get the messages, sign in with your e-mail address and your present password.",
            ),
            (
                "Accounts that are not extended in time will be suspended by the administrator without further notice.",
                "The administrator will suspend accounts that are not extended in time, without another notice.",
            ),
            (
                "We thank you for your cooperation in keeping the mail service running for everybody.",
                "Thank you for helping us to keep the mail service running for all.",
            ),
        ],
        button: "Extend storage and release messages",
        attachment: None,
    },
    Story {
        brand: "Contoso Freight",
        genuine: "contoso-freight.example",
        sender: "Contoso Freight Customs Desk",
        locals: ["customs", "clearance", "import-desk"],
        domains: [
            "contoso-freigth.example",
            "cont0so-freight.example",
            "contoso-freight-desk.example",
        ],
        subjects: [
            "Consignment {n} is held at customs: fee unpaid",
            "Customs fee unpaid for consignment {n}",
            "Consignment {n}: release after payment of the fee",
        ],
        hosts: [
            "pages.filedepot.example",
            "share.docuspace.example",
            "pages.formstation.example",
        ],
        path: "/s/contoso/clearance/{t}/pay",
        shown: "https://track.contoso-freight.example/",
        text: [
            (
                "A consignment addressed to your office arrived at our depot yesterday and could not be released because the customs fee of 2.94 EUR is unpaid.",
                "Yesterday a consignment for your office came to our depot; it cannot be released as the customs fee of 2.94 EUR has not been paid.",
            ),
            (
                "Pay the fee with a company or private card on the clearance page, where you will also find the papers of the consignment.",
                "On the clearance page you find the papers of the consignment and can pay the fee with a company or private card.",
            ),
            (
                "For your safety the card is checked with the code that your bank sends to your telephone.",
                "To keep you safe, your bank sends a code to your telephone with which the card is checked.",
            ),
            (
                "Consignments that are not paid for within two working days go back to the sender, and storage of 18.00 EUR a day is charged.",
                "After two working days unpaid consignments are returned to the sender, with storage of 18.00 EUR charged for each day.",
            ),
            (
                "The invoice with the tariff number and the weight is attached to this message for your records.",
                "For your records the invoice with weight and tariff number is attached.",
            ),
        ],
        button: "Open the clearance page",
        attachment: Some("customs-invoice-{n}.pdf"),
    },
    Story {
        brand: "Fabrikam Sign",
        genuine: "fabrikam-sign.example",
        sender: "Fabrikam Sign",
        locals: ["no-reply", "notification", "documents"],
        domains: [
            "fabrikarn-sign.example",
            "fabrikam-slgn.example",
            "fabrikam-sign-documents.example",
        ],
        subjects: [
            "Please sign: salary agreement {n}",
            "Salary agreement {n} waits for your signature",
            "Reminder: sign salary agreement {n}",
        ],
        hosts: [
            "view.fabrikarn-sign.example",
            "documents.signing-room.example",
            "view.fabrikam-slgn.example",
        ],
        path: "/envelopes/{t}/review/start",
        shown: "https://app.fabrikam-sign.example/",
        text: [
            (
                "The people department has sent you a salary agreement for the coming year and asks for your signature before the end of this week.",
                "Before the end of this week the people department asks for your signature under the salary agreement for the coming year.",
            ),
            (
                "The document is confidential and can be opened only with the e-mail address and the password of your workplace.",
                "As it is confidential, the document opens only with the password and the e-mail address of your workplace.",
            ),
            (
                "After signing you receive a copy by mail, and the payroll office is told of the new amount automatically.",
                "Once you have signed, a copy comes by mail and the payroll office automatically learns the new amount.",
            ),
            (
                "If the agreement is not signed in time, the present amount stays in force until the next review in twelve months.",
                "Without a signature in time the present amount remains in force until the review in twelve months.",
            ),
            (
                "Do not pass this message on: the link belongs to you alone and stops working after it was used once.",
                "The link is yours alone and works once only, so do not pass this message on.",
            ),
        ],
        button: "Review and sign the document",
        attachment: Some("agreement-{n}.html"),
    },
];

/// What one message of the campaign looks like.
#[derive(Debug, Clone)]
pub(super) struct Dress {
    pub id: String,
    pub to: String,
    pub date: DateTime<Utc>,
    greeting: String,
    local: usize,
    domain: usize,
    subject: usize,
    host: usize,
    number: u64,
    token: u64,
    /// Sentences in their other wording, by position.
    reworded: Vec<usize>,
    attachment_number: u64,
}

impl Story {
    pub(super) fn of(seed: u64) -> Self {
        let [first, second, third] = STORIES;
        match seed % 3 {
            0 => first,
            1 => second,
            _ => third,
        }
    }

    pub(super) const fn brand(&self) -> &'static str {
        self.brand
    }

    /// The campaign's first message.
    pub(super) fn first(&self, dice: &mut Dice, to: &str, date: DateTime<Utc>) -> Dress {
        let token = dice.roll();
        Dress {
            id: self.message_id(dice, 0),
            to: to.to_owned(),
            date,
            greeting: "Dear colleague,".to_owned(),
            local: 0,
            domain: 0,
            subject: 0,
            host: 0,
            number: 80 + dice.roll() % 19,
            token,
            reworded: Vec::new(),
            attachment_number: 4000 + token % 1000,
        }
    }

    fn message_id(&self, dice: &mut Dice, domain: usize) -> String {
        let domain = pick(&self.domains, domain);
        format!("<{:016x}.{:08x}@{domain}>", dice.roll(), dice.roll() >> 32)
    }

    /// A variant for somebody: always another Message-ID and token, and some
    /// other changes; which, the dice say.
    pub(super) fn variant(&self, dice: &mut Dice, first: &Dress, to: &str, name: &str) -> Dress {
        let mut dress = first.clone();
        let changes = dice.roll();
        let is = |bit: u32| changes & (1 << bit) != 0;
        to.clone_into(&mut dress.to);
        if is(0) {
            dress.local = 1 + dice.below(2);
        }
        if is(1) {
            dress.domain = 1 + dice.below(2);
        }
        if is(2) {
            dress.subject = 1 + dice.below(2);
        }
        if is(3) {
            dress.host = 1 + dice.below(2);
        }
        if is(4) {
            dress.greeting = format!("Dear {name},");
        }
        if is(5) {
            dress.reworded.push(dice.below(5));
        }
        if is(6) {
            dress.reworded.push(dice.below(5));
        }
        dress.number = 80 + dice.roll() % 19;
        dress.token = dice.roll();
        dress.attachment_number = 4000 + dice.roll() % 1000;
        dress.id = self.message_id(dice, dress.domain);
        dress
    }

    pub(super) fn link(&self, dress: &Dress) -> String {
        let path = self.path.replace("{t}", &format!("{:016x}", dress.token));
        format!("https://{}{path}", pick(&self.hosts, dress.host))
    }

    pub(super) const fn host(&self) -> &'static str {
        let [first, _, _] = self.hosts;
        first
    }

    pub(super) fn address(&self, dress: &Dress) -> String {
        format!(
            "{}@{}",
            pick(&self.locals, dress.local),
            pick(&self.domains, dress.domain)
        )
    }

    /// The message.
    pub(super) fn letter(&self, dress: &Dress) -> Vec<u8> {
        let domain = pick(&self.domains, dress.domain);
        let link = self.link(dress);
        let subject = pick(&self.subjects, dress.subject).replace("{n}", &dress.number.to_string());
        let sentences: Vec<&str> = self
            .text
            .iter()
            .enumerate()
            .map(|(at, (one, other))| {
                if dress.reworded.contains(&at) {
                    *other
                } else {
                    *one
                }
            })
            .collect();
        let paragraphs: String = sentences
            .iter()
            .map(|sentence| format!("<p>{sentence}</p>\r\n"))
            .collect();
        let (greeting, button, sender, shown) =
            (&dress.greeting, self.button, self.sender, self.shown);
        let text = format!(
            "{greeting}\r\n\r\n{}\r\n\r\n{button}:\r\n{link}\r\n\r\n{sender}\r\n",
            sentences.join("\r\n")
        );
        let html = format!(
            "<!DOCTYPE html>\r\n<html><body style=\"font-family:Arial,sans-serif\">\r\n<table width=\"580\" cellpadding=\"0\"><tr><td style=\"background:#14406b;color:#fff;padding:14px\">{sender}</td></tr>\r\n<tr><td style=\"padding:20px\">\r\n<p>{greeting}</p>\r\n{paragraphs}<p><a style=\"background:#14406b;color:#fff\" href=\"{link}\">{button}</a></p>\r\n<p>or go to <a href=\"{link}\">{shown}</a></p>\r\n<p style=\"color:#888\">{sender}</p>\r\n</td></tr></table>\r\n</body></html>\r\n"
        );
        let bodies = format!(
            "Content-Type: multipart/alternative; boundary=\"alt-1\"\r\n\r\n--alt-1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--alt-1\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n--alt-1--\r\n"
        );
        let content = match self.attachment {
            None => bodies,
            Some(name) => {
                let name = name.replace("{n}", &dress.attachment_number.to_string());
                format!(
                    "Content-Type: multipart/mixed; boundary=\"mix-1\"\r\n\r\n--mix-1\r\n{bodies}\r\n--mix-1\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\nContent-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--mix-1--\r\n",
                    self.attached()
                )
            }
        };
        format!(
            "Authentication-Results: mx.northwind.example; spf=softfail smtp.mailfrom={domain}; dkim=none (message not signed); dmarc=fail action=none header.from={domain}\r\nFrom: \"{sender}\" <{}>\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: {}\r\nMIME-Version: 1.0\r\nX-Mailer: PHPMailer 6.9.1\r\n{content}",
            self.address(dress),
            dress.to,
            header_text(&subject),
            dress.date.to_rfc2822(),
            dress.id,
        )
        .into_bytes()
    }

    /// The attachment's content, in lines of base64: the same in every message.
    fn attached(&self) -> String {
        let content = format!(
            "%PDF-1.4\n% {} {}\n{}\n",
            self.brand,
            self.path,
            self.text
                .iter()
                .map(|(one, _)| *one)
                .collect::<Vec<_>>()
                .join("\n")
        );
        let encoded = STANDARD.encode(content.repeat(3));
        let letters: Vec<char> = encoded.chars().collect();
        let lines: Vec<String> = letters
            .chunks(76)
            .map(|line| line.iter().collect())
            .collect();
        lines.join("\r\n")
    }
}

fn pick(from: &[&'static str; 3], at: usize) -> &'static str {
    from.get(at).copied().unwrap_or_default()
}
