//! The decoder of rewritten links: what comes out is a link, or what went in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rooms::message::unwrap_link;

const FRONTS: [&str; 10] = [
    "",
    "https://urldefense.com/v3/__",
    "https://urldefense.proofpoint.com/v2/url?u=",
    "https://eur01.safelinks.protection.outlook.com/?url=",
    "https://secure-web.cisco.com/1x/",
    "https://linkprotect.cudasvc.com/url?a=",
    "https://protect2.fireeye.com/v1/url?k=x&u=",
    "https://scanmail.trustwave.com/?c=1&u=",
    "https://protect.checkpoint.com/v2/___",
    "https://eu-west-1.protection.sophos.com/?d=x&u=",
];

fuzz_target!(|input: (u8, &str)| {
    let (front, tail) = input;
    let front = FRONTS[usize::from(front) % FRONTS.len()];
    let link = format!("{front}{tail}");
    let plain = unwrap_link(&link);
    let lower = plain.to_ascii_lowercase();
    assert!(
        plain == link || lower.starts_with("http://") || lower.starts_with("https://"),
        "{link} became {plain}"
    );
});
