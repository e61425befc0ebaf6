//! Words of a message that may be the password of a file it carries.

use super::open::Run;

/// Candidates taken from one text.
const MAX_WORDS: usize = 16;
/// Characters of a text that are searched.
const MAX_TEXT: usize = 200_000;
/// Characters after the word for "password" in which it may stand.
const REACH: usize = 80;
/// Passwords that samples are commonly shared with.
const COMMON: [&str; 4] = ["infected", "password", "1234", "malware"];

/// Words that announce a password, in lower case.
const ANNOUNCING: [&str; 30] = [
    "password",
    "passwort",
    "kennwort",
    "passcode",
    "passphrase",
    "passwd",
    "mot de passe",
    "contraseña",
    "clave",
    "senha",
    "palavra-passe",
    "wachtwoord",
    "lösenord",
    "adgangskode",
    "passord",
    "salasana",
    "hasło",
    "heslo",
    "jelszó",
    "parola",
    "şifre",
    "пароль",
    "密码",
    "密碼",
    "パスワード",
    "비밀번호",
    "pwd",
    "pin",
    "code",
    "pass",
];
/// Words that stand between the announcement and the password.
const FILLERS: [&str; 34] = [
    "is",
    "for",
    "the",
    "this",
    "to",
    "open",
    "file",
    "archive",
    "zip",
    "attachment",
    "document",
    "lautet",
    "ist",
    "für",
    "die",
    "das",
    "den",
    "der",
    "datei",
    "anhang",
    "est",
    "pour",
    "le",
    "la",
    "fichier",
    "es",
    "para",
    "el",
    "archivo",
    "de",
    "your",
    "use",
    "and",
    "of",
];

/// Words of a text that may be passwords, at most 16, most likely first: those
/// behind an announcement and a colon or in quotation marks, then those that
/// merely follow one.
#[must_use]
pub fn words_that_may_be_passwords(text: &str) -> Vec<String> {
    let text: String = text.chars().take(MAX_TEXT).collect();
    // lowering may change lengths, so it is done character by character
    let lower: String = text
        .chars()
        .map(|c| c.to_lowercase().next().unwrap_or(c))
        .collect();
    let text: Vec<char> = text.chars().collect();
    let (mut likely, mut possible) = (Vec::new(), Vec::new());
    for word in ANNOUNCING {
        let (mut passed, mut start) = (0, 0);
        for (at, _) in lower.match_indices(word).take(64) {
            let between = lower.get(passed..at).unwrap_or_default();
            start += between.chars().count();
            passed = at;
            let whole = !word.is_ascii()
                || start
                    .checked_sub(1)
                    .and_then(|before| text.get(before))
                    .is_none_or(|c| !c.is_alphanumeric());
            let from = start + word.chars().count();
            if whole && let Some(rest) = text.get(from..) {
                after(rest, &mut likely, &mut possible);
            }
        }
    }
    let mut words: Vec<String> = Vec::new();
    for word in likely.into_iter().chain(possible) {
        if words.len() < MAX_WORDS && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// Reads on behind an announcement.
fn after(rest: &[char], likely: &mut Vec<String>, possible: &mut Vec<String>) {
    let rest = rest.get(..REACH.min(rest.len())).unwrap_or_default();
    let rest: String = rest.iter().collect();
    let rest = rest.trim_start_matches(|c: char| c.is_alphabetic() && c.is_ascii());
    let quoted = rest
        .split_once(['"', '“', '„', '«', '\'', '‘', '「'])
        .and_then(|(before, tail)| {
            let close = tail.find(['"', '”', '“', '»', '\'', '’', '」'])?;
            (before.chars().count() < 40).then(|| tail.get(..close))?
        });
    let marked = rest
        .split_once([':', '：', '=', '\u{2013}', '\u{2014}'])
        .filter(|(before, _)| !before.contains(['.', '\n']))
        .map(|(_, tail)| tail);
    if let Some(word) = quoted {
        push(likely, word);
    }
    if let Some(tail) = marked {
        let line = tail.trim_start().lines().next().unwrap_or_default();
        if let Some(word) = line.split_whitespace().next() {
            push(likely, word);
        }
        if line.trim().contains(' ') && line.chars().count() < 40 {
            push(possible, line);
        }
    }
    let words = rest.split_whitespace().filter(|word| {
        let plain: String = word
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        !plain.is_empty() && !FILLERS.contains(&plain.as_str())
    });
    for word in words.take(2) {
        push(possible, word);
    }
}

/// Keeps a word without the marks around it, and as written where that differs.
fn push(words: &mut Vec<String>, word: &str) {
    let word = word.trim();
    let bare = word
        .trim_matches([
            '"', '\'', '(', ')', '[', ']', '<', '>', ':', '“', '”', '„', '*',
        ])
        .trim_end_matches(['.', ',', ';', ')']);
    for form in [bare, word] {
        if (2..=64).contains(&form.chars().count()) && !words.iter().any(|known| known == form) {
            words.push(form.to_owned());
        }
    }
}

/// A password to try.
#[derive(Clone)]
pub(super) struct Candidate {
    pub word: String,
    /// Whether it stands in the message.
    pub from_message: bool,
}

impl Run<'_> {
    /// The passwords to try on a container, at most [`FileLimits::passwords`]: the
    /// words of the message, then common ones.
    ///
    /// [`FileLimits::passwords`]: super::FileLimits::passwords
    pub fn candidates(&self) -> Vec<Candidate> {
        let most = self.limits.passwords;
        let words = self.passwords.iter().map(|word| (word.as_str(), true));
        let words = words.take(most.saturating_sub(COMMON.len()));
        words
            .chain(COMMON.into_iter().map(|word| (word, false)))
            .take(most)
            .map(|(word, from_message)| Candidate {
                word: word.to_owned(),
                from_message,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> String {
        words_that_may_be_passwords(text)
            .into_iter()
            .next()
            .unwrap_or_default()
    }

    #[test]
    fn the_announced_word_is_first() {
        for (text, expected) in [
            ("Open the file. Password: Q7-x9!\nRegards", "Q7-x9!"),
            ("Das Passwort für die Datei lautet: 4711.", "4711"),
            ("le mot de passe est \"été 24\" merci", "été 24"),
            ("Contraseña: abc123", "abc123"),
            ("Пароль: 2024", "2024"),
            ("解压密码：kf998", "kf998"),
            ("PIN code = 9931", "9931"),
            ("password is 1234", "1234"),
            ("pw zip\npassword - INV2024,", "INV2024"),
        ] {
            assert!(
                words_that_may_be_passwords(text)
                    .iter()
                    .take(3)
                    .any(|word| word == expected),
                "{text}: {:?}",
                words_that_may_be_passwords(text)
            );
        }
        assert_eq!(first("Password: Q7-x9!\n"), "Q7-x9!");
    }

    #[test]
    fn nothing_announced_and_a_flood() {
        assert!(words_that_may_be_passwords("Please find the offer attached.").is_empty());
        let flood: String = (0..5_000).map(|n| format!("password: p{n}\n")).collect();
        assert_eq!(words_that_may_be_passwords(&flood).len(), MAX_WORDS);
    }
}
