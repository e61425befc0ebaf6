//! The walker of archives and documents, with limits small enough to be reached.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rooms::file::{FileLimits, Given, Rules, dissect};

fuzz_target!(|bytes: &[u8]| {
    let limits = FileLimits {
        produced: 4 << 20,
        member: 2 << 20,
        members: 50,
        pixels: 250_000,
        ..FileLimits::default()
    };
    let file = Given {
        place: "attachment:0".to_owned(),
        name: None,
        claimed: String::new(),
        bytes: bytes.to_vec(),
    };
    let reports = dissect(&[file], &["infected".to_owned()], &Rules::none(), &limits);
    let members = reports.iter().flat_map(|report| report.all()).count();
    assert!(members <= limits.members + 1, "{members} files were looked at");
});
