//! Legitimate mail that has something in common with the campaign: a small pool
//! of letters, shared by as many copies as are asked for.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::lure::{Dress, Story};
use crate::sim::{
    fixtures::{escaped, header_text, internal, who},
    letter::Letter,
    org::{Organisation, User},
    scenario::Lookalike,
    seed::Dice,
};

/// Letters of each kind.
const EACH: usize = 6;

const KINDS: [Lookalike; 7] = [
    Lookalike::Sender,
    Lookalike::Subject,
    Lookalike::Host,
    Lookalike::MessageId,
    Lookalike::Newsletter,
    Lookalike::Reply,
    Lookalike::OwnReply,
];

struct Sheet<'a> {
    from: String,
    to: &'a str,
    subject: String,
    id: String,
    more: String,
    body: String,
    at: DateTime<Utc>,
}

fn letter(sheet: &Sheet<'_>) -> Arc<Letter> {
    let raw = format!(
        "{}From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: {}\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>{}</body></html>\r\n",
        sheet.more,
        sheet.from,
        sheet.to,
        header_text(&sheet.subject),
        sheet.at.to_rfc2822(),
        sheet.id,
        sheet.body,
    );
    Arc::new(Letter::new(raw.as_bytes()))
}

fn passes(domain: &str) -> String {
    format!(
        "Authentication-Results: mx.northwind.example; spf=pass smtp.mailfrom={domain}; dkim=pass header.d={domain}; dmarc=pass header.from={domain}\r\n"
    )
}

/// The pool: every kind a few times.
pub(super) fn pool(
    org: &Organisation,
    dice: &mut Dice,
    story: &Story,
    dress: &Dress,
    seed: &Letter,
    now: DateTime<Utc>,
) -> Vec<(Lookalike, Arc<Letter>)> {
    let mut pool = Vec::with_capacity(KINDS.len() * EACH);
    for number in 0..EACH {
        for kind in KINDS {
            let colleague = dice.pick(&org.users);
            if let Some(colleague) = colleague {
                let at = now - TimeDelta::minutes(170 - i64::try_from(number).unwrap_or(0));
                pool.push((kind, one(kind, number, colleague, story, dress, seed, at)));
            }
        }
    }
    pool
}

fn one(
    kind: Lookalike,
    number: usize,
    colleague: &User,
    story: &Story,
    dress: &Dress,
    seed: &Letter,
    at: DateTime<Utc>,
) -> Arc<Letter> {
    let mark = format!("{number}.{:x}", at.timestamp());
    let (brand, genuine) = (story.brand(), story.genuine);
    let everybody = "\"All staff\" <all-staff@northwind.example>";
    let mut sheet = Sheet {
        from: who(colleague),
        to: everybody,
        subject: seed.subject.clone(),
        id: format!("<decoy.{kind:?}.{mark}@northwind.example>"),
        more: internal(colleague),
        body: String::new(),
        at,
    };
    match kind {
        Lookalike::Sender => {
            let address = story.address(dress);
            let domain = address.rsplit('@').next().unwrap_or_default();
            sheet.from = format!("\"Parts catalogue\" <{address}>");
            sheet.subject = format!("Catalogue, part {}", 30 + number);
            sheet.more = passes(domain);
            sheet.body = format!(
                "<p>Good morning,</p><p>page {} of the printed catalogue is being corrected: the weight of the steel shelf is 14 kg. New copies follow by post. There is nothing for you to do.</p>",
                12 + number
            );
        }
        Lookalike::Subject => {
            sheet.body = format!(
                "<p>Hello all,</p><p>the headline above is the one that we use on the poster of the awareness week. Draft {number} hangs in the corridor of the second floor; tell me what you think of the colours.</p><p>{}</p>",
                colleague.given
            );
        }
        Lookalike::Host => {
            sheet.subject = format!("Photographs of the summer outing, album {number}");
            sheet.body = format!(
                "<p>Dear all,</p><p>the photographs of the outing to the lake are sorted now. Album {number} lies here until the end of the month: <a href=\"https://{}/albums/lake-{number}\">album {number}</a>. Please choose your favourites for the calendar.</p><p>{}</p>",
                story.host(),
                colleague.given
            );
        }
        Lookalike::MessageId => {
            sheet.subject = format!("Minutes of the works council, item {number}");
            sheet.id.clone_from(&seed.message_id);
            sheet.body = format!(
                "<p>Dear members,</p><p>item {number} of the agenda was put off to the next meeting. The room is the same as last time, the coffee machine works again.</p>"
            );
        }
        Lookalike::Newsletter => {
            sheet.from = format!("\"{brand}\" <news@{genuine}>");
            sheet.subject = format!("{brand}: news of the month, issue {number}");
            sheet.id = format!("<issue.{mark}@{genuine}>");
            sheet.more = format!(
                "{}List-Id: {brand} news <news.{genuine}>\r\nList-Unsubscribe: <https://www.{genuine}/leave>\r\nPrecedence: bulk\r\n",
                passes(genuine)
            );
            sheet.body = format!(
                "<h1>News of the month</h1><p>Our opening hours change in issue {number}: from Monday we answer the telephone from eight to six. Read how the team prepared for it on <a href=\"https://www.{genuine}/news/{number}\">our pages</a>.</p><p>You receive this letter because you asked for it.</p>"
            );
        }
        Lookalike::Reply | Lookalike::OwnReply => {
            sheet.subject = format!("RE: {}", seed.subject);
            sheet.more = format!(
                "{}In-Reply-To: {id}\r\nReferences: {id}\r\n",
                internal(colleague),
                id = seed.message_id
            );
            sheet.body = format!(
                "<p>I have told the help desk about this one, number {number}. Do not open it and do not answer; they will take care of it.</p><p>{}</p>",
                escaped(colleague.given)
            );
        }
    }
    letter(&sheet)
}
