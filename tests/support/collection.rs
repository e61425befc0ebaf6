//! A small collection of labelled mail.

use std::path::Path;

/// Writes it: a folder for each label, with so many messages each.
pub fn collection(folder: &Path, each: usize) {
    for number in 0..each {
        let n = number * 37;
        for (label, text) in [
            (
                "phishing",
                format!(
                    "From: Support <help@login-{n}.example>\r\nSubject: Your mailbox {n} is locked\r\n\r\nVerify your password now or mailbox {n} will be closed: https://login-{n}.example/verify\r\n"
                ),
            ),
            (
                "spam",
                format!(
                    "From: Deals <win{n}@cheap.example>\r\nSubject: Cheap watches {n}\r\n\r\nBuy replica watches and pills at the best price {n} percent off, cheap cheap cheap\r\n"
                ),
            ),
            (
                "bulk",
                format!(
                    "From: News <news@shop.example>\r\nSubject: Our newsletter {n}\r\n\r\nThis week in our newsletter: recipes, gardening and the winner of the photo contest {n}. Unsubscribe at any time.\r\n"
                ),
            ),
            (
                "ham",
                format!(
                    "From: Ann <ann@corp.example>\r\nSubject: Meeting notes {n}\r\n\r\nHi, attached are the minutes of yesterday, please look over item {n} before lunch. Ann\r\n"
                ),
            ),
        ] {
            let below = folder.join(label);
            std::fs::create_dir_all(&below).expect("a folder");
            std::fs::write(below.join(format!("{number:03}.eml")), text).expect("written");
        }
    }
}
