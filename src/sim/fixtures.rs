//! The letters of the scenario, written for it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::Provider;

use super::{
    letter::{Letter, with_header},
    org::{User, domain_of},
    seed::hash,
};

const PHISH: &[u8] = include_bytes!("mail/phish.eml");

/// The built-in phishing message.
pub(super) fn phish(now: DateTime<Utc>) -> Vec<u8> {
    let date = (now - TimeDelta::minutes(41)).to_rfc2822();
    with_header(PHISH, "Date", Some(&date))
}

struct Draft<'a> {
    from: String,
    to: String,
    subject: String,
    id: String,
    date: DateTime<Utc>,
    more: String,
    html: &'a str,
}

fn letter(draft: &Draft<'_>) -> Vec<u8> {
    format!(
        "{}From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: {}\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{}\r\n",
        draft.more,
        draft.from,
        draft.to,
        header_text(&draft.subject),
        draft.date.to_rfc2822(),
        draft.id,
        draft.html,
    )
    .into_bytes()
}

/// A subject as a header value: no control characters, RFC 2047 if needed.
pub(super) fn header_text(text: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text: String = text.chars().filter(|c| !c.is_control()).take(180).collect();
    if text.is_ascii() {
        return text;
    }
    let words: Vec<char> = text.chars().collect();
    words
        .chunks(12)
        .map(|chunk| {
            let word: String = chunk.iter().collect();
            format!("=?utf-8?B?{}?=", STANDARD.encode(word))
        })
        .collect::<Vec<_>>()
        .join("\r\n ")
}

pub(super) fn who(user: &User) -> String {
    format!("\"{}\" <{}>", user.display_name(), user.address)
}

pub(super) fn internal(user: &User) -> String {
    let domain = domain_of(user.provider);
    format!(
        "Authentication-Results: mx.{domain}; spf=pass smtp.mailfrom={domain}; dkim=pass header.d={domain}; dmarc=pass header.from={domain}\r\n"
    )
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A colleague's forward: another subject and id, the original quoted inline.
pub(super) fn forward(phish: &Letter, from: &User, to: &User, at: DateTime<Utc>) -> Vec<u8> {
    let quoted = phish
        .html
        .clone()
        .unwrap_or_else(|| format!("<pre>{}</pre>", escaped(&phish.text)));
    let intro = match from.provider {
        Provider::Graph => format!(
            "<p>Hi {}, did you get this too? Is it real?</p><p>{}</p><hr><p><b>From:</b> {} &lt;{}&gt;<br><b>Subject:</b> {}</p>",
            to.given,
            from.given,
            escaped(&phish.from.name),
            escaped(&phish.from.address),
            escaped(&phish.subject)
        ),
        Provider::Gmail => format!(
            "<div>Hey {}, can you have a look at this one for me?<br>{}</div><div class=\"gmail_quote\">---------- Forwarded message ---------<br>From: <b>{}</b> &lt;{}&gt;<br>Subject: {}<br></div>",
            to.given,
            from.given,
            escaped(&phish.from.name),
            escaped(&phish.from.address),
            escaped(&phish.subject)
        ),
    };
    let subject = match from.provider {
        Provider::Graph => "Is this one of ours?".to_owned(),
        Provider::Gmail => format!("Strange mail (was: {})", phish.subject),
    };
    let mark = hash(&format!("{}{}", from.address, to.address));
    letter(&Draft {
        from: who(from),
        to: who(to),
        subject,
        id: format!("<fw.{mark:016x}@{}>", domain_of(from.provider)),
        date: at,
        more: format!(
            "{}In-Reply-To: {id}\r\nReferences: {id}\r\n",
            internal(from),
            id = phish.message_id
        ),
        html: &format!("<html><body>{intro}<blockquote>{quoted}</blockquote></body></html>"),
    })
}

/// From the same domain as the phish, with nothing bad in it.
pub(super) fn same_domain(phish: &Letter, to: &User, number: usize, now: DateTime<Utc>) -> Vec<u8> {
    let domain = match phish.from.address.rsplit_once('@') {
        Some((_, domain)) if !domain.is_empty() && domain.is_ascii() => domain,
        _ => "northwlnd-support.example",
    };
    letter(&Draft {
        from: format!("\"Office supplies\" <orders@{domain}>"),
        to: who(to),
        subject: format!("Delivery note {}", 4100 + number),
        id: format!("<order.{number}.{:08x}@{domain}>", hash(&to.address) >> 32),
        date: now - TimeDelta::hours(5),
        more: format!(
            "Authentication-Results: mx.northwind.example; spf=pass smtp.mailfrom={domain}; dkim=pass header.d={domain}; dmarc=pass header.from={domain}\r\n"
        ),
        html: &format!(
            "<html><body><p>Hello {},</p><p>your order {} of printer paper left our store today. No action is needed.</p></body></html>",
            to.given,
            4100 + number
        ),
    })
}

/// The same subject, written by a colleague, about something else.
pub(super) fn same_subject(
    phish: &Letter,
    from: &User,
    to: &User,
    number: usize,
    now: DateTime<Utc>,
) -> Vec<u8> {
    letter(&Draft {
        from: who(from),
        to: who(to),
        subject: phish.subject.clone(),
        id: format!(
            "<col.{number}.{:08x}@{}>",
            hash(&to.address) >> 32,
            domain_of(from.provider)
        ),
        date: now - TimeDelta::hours(3),
        more: internal(from),
        html: &format!(
            "<html><body><p>Hi {},</p><p>this is the heading I would use on the poster for the awareness week. What do you think? Draft number {number} is on the shared drive.</p><p>{}</p></body></html>",
            to.given, from.given
        ),
    })
}

/// A newsletter that many get.
pub(super) fn newsletter(now: DateTime<Utc>) -> Vec<u8> {
    letter(&Draft {
        from: "\"Fourth Coffee\" <news@fourthcoffee.example>".into(),
        to: "\"Readers\" <readers@fourthcoffee.example>".into(),
        subject: "Your weekly coffee letter".into(),
        id: "<issue.47@fourthcoffee.example>".into(),
        date: now - TimeDelta::hours(9),
        more: "Authentication-Results: mx.northwind.example; spf=pass smtp.mailfrom=fourthcoffee.example; dkim=pass header.d=fourthcoffee.example; dmarc=pass header.from=fourthcoffee.example\r\nList-Id: Fourth Coffee weekly <weekly.fourthcoffee.example>\r\nList-Unsubscribe: <https://fourthcoffee.example/leave?u=1>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nPrecedence: bulk\r\n".into(),
        html: "<html><body><h1>This week: cold brew</h1><p>Read more on <a href=\"https://fourthcoffee.example/cold-brew\">our pages</a>.</p></body></html>",
    })
}

/// Ordinary mail to fill mailboxes with; the same few for all.
pub(super) fn background(now: DateTime<Utc>) -> Vec<Vec<u8>> {
    const SUBJECTS: [(&str, &str); 12] = [
        (
            "Canteen menu",
            "Monday soup, Tuesday pasta, Wednesday curry.",
        ),
        (
            "Minutes of the planning meeting",
            "Please find the minutes below. Next meeting in two weeks.",
        ),
        (
            "Parking on the north side",
            "The north car park is closed on Friday for line painting.",
        ),
        (
            "Quarterly figures",
            "The figures are on the intranet. Thanks to everybody who helped.",
        ),
        ("Lost and found", "A grey umbrella was left in room 214."),
        (
            "Fire drill",
            "The fire drill is on Thursday at ten. Please use the stairs.",
        ),
        (
            "Welcome to our new colleagues",
            "Four people join us this month. Say hello.",
        ),
        ("Printer on floor 3", "It works again."),
        ("Re: timetable", "Fine with me, let us keep Wednesday."),
        ("Summer party", "Bring a salad or a song."),
        ("Release 4.2", "The release went out without incident."),
        (
            "Invoice 20931 booked",
            "Booked to cost centre 11. No action needed.",
        ),
    ];
    SUBJECTS
        .iter()
        .enumerate()
        .map(|(at, (subject, text))| {
            letter(&Draft {
                from: "\"Northwind Office\" <office@northwind.example>".into(),
                to: "all-staff@northwind.example".into(),
                subject: (*subject).to_owned(),
                id: format!("<office.{at}@northwind.example>"),
                date: now - TimeDelta::days(3),
                more: "Authentication-Results: mx.northwind.example; spf=pass smtp.mailfrom=northwind.example; dkim=pass header.d=northwind.example; dmarc=pass header.from=northwind.example\r\n".into(),
                html: &format!("<html><body><p>{text}</p></body></html>"),
            })
        })
        .collect()
}
