//! What a search looks for: the seed of a campaign, a message of one's own, or a
//! query typed by an analyst.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    config::{policy::is_below, search::SearchScope},
    domain::{MailboxAddress, MessageQuery},
    jobs::JobError,
    mailbox,
    message::{self, Fingerprint, Limits, ParsedMessage, is_common, registrable},
    store::{StoreError, search::Search, submission::Submission},
};

/// How long before the seed was received its first copy may have been.
const BEFORE_SEED: TimeDelta = TimeDelta::days(2);
/// Letters and digits that a subject needs to be looked for.
const SUBJECT: usize = 12;
/// Names of files looked for.
const FILES: usize = 5;
/// Hosts looked for, so that a message full of links does not become a query of
/// hundreds.
const HOSTS: usize = 5;
/// Words in a row that are looked for, and of how many sentences.
const RUN: usize = 6;
const SENTENCES: usize = 4;
/// Message-IDs in one query.
pub(super) const IDS: usize = 15;

/// What is looked for. Kept with a dry run; made of the evidence for a pull.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What every hit is compared with; none where a query alone tells.
    pub print: Option<Fingerprint>,
    /// When the seed was received.
    pub received: DateTime<Utc>,
    /// To and Cc of the seed.
    pub recipients: Vec<MailboxAddress>,
    /// Names of the seed's files.
    pub files: Vec<String>,
    /// A query typed by an analyst.
    pub query: Option<MessageQuery>,
    /// Whether the seed bears the marks of a mailing list: its other issues share
    /// sender, template and links with it without being the same attack.
    #[serde(default)]
    pub list: bool,
    /// Runs of words of the seed's own text, by which a variant is found that has
    /// changed its sender, its subject and its host.
    #[serde(default)]
    pub words: Vec<String>,
    /// Domains of the organisation: everybody's mail links to them.
    #[serde(skip)]
    pub own: Vec<String>,
}

impl Target {
    /// The same in an organisation with these domains.
    #[must_use]
    pub fn among(mut self, domains: &[String]) -> Self {
        self.own = domains.to_vec();
        self
    }

    /// Of a message.
    #[must_use]
    pub fn of_message(parsed: &ParsedMessage, received: DateTime<Utc>) -> Self {
        Self {
            print: Some(Fingerprint::of(parsed)),
            received,
            recipients: addresses_of(parsed),
            files: parsed
                .attachments
                .iter()
                // the logo of a signature lies in half of all mail
                .filter(|file| !file.media_type.starts_with("image/"))
                .filter_map(|file| file.name.as_ref())
                .map(|name| name.exposed().chars().take(120).collect())
                .take(FILES)
                .collect(),
            query: None,
            list: parsed.list.id || parsed.list.unsubscribe,
            words: telling_words(parsed.visible_text()),
            own: Vec::new(),
        }
    }

    /// Of a query alone.
    #[must_use]
    pub const fn of_query(query: MessageQuery, now: DateTime<Utc>) -> Self {
        Self {
            print: None,
            received: now,
            recipients: Vec::new(),
            files: Vec::new(),
            query: Some(query),
            list: false,
            words: Vec::new(),
            own: Vec::new(),
        }
    }

    /// Of a campaign's seed: its fingerprint as it was confirmed, and the rest from
    /// the evidence.
    pub(super) async fn of_seed(app: &App, seed: &Submission) -> Result<Self, JobError> {
        let print: Option<Fingerprint> = seed
            .fingerprint
            .clone()
            .and_then(|print| serde_json::from_value(print).ok());
        let Some(print) = print else {
            return Err(JobError::Park("its fingerprint is not there".into()));
        };
        let received = seed.message_received_at.unwrap_or(seed.created_at);
        let mut target = match &seed.evidence_sha256 {
            Some(name) => {
                let raw = app.blobs.get(name).await.map_err(StoreError::from)?;
                Self::of_message(&message::parse(&raw, &Limits::default()), received)
            }
            None => Self {
                print: None,
                received,
                recipients: Vec::new(),
                files: Vec::new(),
                query: None,
                list: false,
                words: Vec::new(),
                own: Vec::new(),
            },
        };
        target.print = Some(print);
        Ok(target)
    }

    /// What a dry run was given.
    pub(super) fn of_search(search: &Search) -> Result<Self, JobError> {
        search
            .target
            .clone()
            .and_then(|target| serde_json::from_value(target).ok())
            .ok_or_else(|| JobError::Park("what it looks for is not there".into()))
    }

    /// From when on a copy may have been received.
    pub(super) fn since(&self) -> DateTime<Utc> {
        self.received - BEFORE_SEED
    }

    /// Whether any platform can name a copy.
    pub(in crate::remediation) fn searchable(&self) -> bool {
        self.query.as_ref().is_some_and(|query| !query.is_empty())
            || self
                .print
                .as_ref()
                .and_then(|print| print.message_id.as_deref())
                .is_some_and(mailbox::can_be_asked)
    }

    /// The link hosts that a forward or variant still holds.
    pub(super) fn hosts(&self) -> Vec<String> {
        self.print
            .iter()
            .flat_map(Fingerprint::hosts)
            // Everybody's mail holds links to these.
            .filter(|host| host.len() >= 6 && !is_common(&registrable(host)))
            .filter(|host| !self.own.iter().any(|own| is_below(host, own)))
            .take(HOSTS)
            .map(str::to_owned)
            .collect()
    }

    /// What the sweep asks: the exact copies by their id, and forwards by theirs; or
    /// the analyst's query.
    pub(super) fn exact(&self, forwards: &[String]) -> MessageQuery {
        if let Some(query) = &self.query {
            return query.clone();
        }
        let ids = self.print.iter().filter_map(|p| p.message_id.clone());
        MessageQuery::by_ids(ids.chain(forwards.iter().cloned()).take(IDS), self.since())
    }

    /// What a forward under an unknown id still holds.
    pub(super) fn held(&self) -> MessageQuery {
        MessageQuery {
            phrases: self.hosts(),
            ..MessageQuery::since(self.since())
        }
    }

    /// The sent mail of somebody who holds a copy.
    pub(super) fn sent(&self) -> MessageQuery {
        MessageQuery {
            phrases: self.hosts(),
            sent_only: true,
            ..MessageQuery::since(self.since())
        }
    }

    /// What variants have in common with the seed: its sender and the steady part of
    /// its subject; or why they are not looked for.
    pub(super) fn variants(&self, scope: &SearchScope) -> Result<[MessageQuery; 2], &'static str> {
        use crate::config::search::Variants;
        if scope.variants == Variants::Off {
            return Err("switched off in [search] variants");
        }
        let Some(print) = &self.print else {
            return Err("a query has no variants");
        };
        if self.list {
            return Err(
                "the message bears the marks of a mailing list: only exact copies are sure",
            );
        }
        if !print.can_be_followed() {
            return Err("the message holds too little to tell a variant from other mail");
        }
        let days = TimeDelta::days(i64::from(scope.variant_days));
        let window = MessageQuery {
            before: self.received.checked_add_signed(days),
            ..MessageQuery::since(self.received - days)
        };
        let who = MessageQuery {
            senders: print.from.iter().filter_map(|f| f.parse().ok()).collect(),
            subjects: steady(&print.subject).into_iter().collect(),
            ..window.clone()
        };
        let what = MessageQuery {
            phrases: self.hosts().into_iter().chain(self.words.clone()).collect(),
            attachments: self.files.clone(),
            ..window
        };
        if who.is_empty() && what.is_empty() {
            return Err("it has neither sender, subject, link nor file to look for");
        }
        Ok([who, what])
    }
}

/// The longest run of words without a digit: what stays when numbers and names in a
/// subject change. `None` when that is too little.
fn steady(subject: &str) -> Option<String> {
    let mut best = String::new();
    let mut run: Vec<&str> = Vec::new();
    for word in subject.split_whitespace().chain(std::iter::once("0")) {
        if word.bytes().any(|b| b.is_ascii_digit()) {
            let text = run.join(" ");
            if text.len() > best.len() {
                best = text;
            }
            run.clear();
        } else {
            run.push(word);
        }
    }
    (best.chars().filter(|c| c.is_alphanumeric()).count() >= SUBJECT).then_some(best)
}

/// Words that are long enough together to be nobody else's, of the longest sentences:
/// some of them stay when a text is reworded. No digits, which change from copy to copy.
fn telling_words(text: &str) -> Vec<String> {
    let plain = |word: &&str| !word.is_empty() && word.chars().all(char::is_alphabetic);
    let mut sentences: Vec<Vec<&str>> = text
        .split(['.', '!', '?', ';', ':', '\n'])
        .map(|sentence| sentence.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.len() >= RUN)
        .collect();
    sentences.sort_by_key(|words| std::cmp::Reverse(words.len()));
    let mut found = Vec::new();
    for words in sentences {
        let run = words
            .windows(RUN)
            .find(|run| run.iter().all(plain))
            .map(|run| run.join(" "));
        if let Some(run) = run.filter(|run| run.len() >= 24 && !found.contains(run)) {
            found.push(run);
        }
        if found.len() == SENTENCES {
            break;
        }
    }
    found
}

/// To and Cc as mailbox addresses; what is none is left out.
pub(super) fn addresses_of(parsed: &ParsedMessage) -> Vec<MailboxAddress> {
    let mut found: Vec<MailboxAddress> = parsed
        .to
        .iter()
        .chain(&parsed.cc)
        .filter_map(|person| person.address.parse().ok())
        .collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_sentences_give_words_to_look_for() {
        let text = "Dear Ann,\nyour mailbox is full. Messages that people outside write to \
            you are held back for now! Order 4711 came 12 times to 3 of 7 doors.";
        assert_eq!(
            telling_words(text),
            ["Messages that people outside write to"]
        );
        assert!(telling_words("short words only, nothing else").is_empty());
    }

    #[test]
    fn the_steady_part_of_a_subject_is_looked_for() {
        assert_eq!(
            steady("invoice 4711 is waiting for your approval 9").as_deref(),
            Some("is waiting for your approval")
        );
        assert_eq!(steady("re 12 hello"), None);
        assert_eq!(steady(""), None);
    }
}
