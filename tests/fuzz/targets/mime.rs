//! The MIME border: parsing, observables, fingerprint, likeness with itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rooms::{
    enrich::observables,
    message::{Fingerprint, Limits, compare, parse_with_files},
};

fuzz_target!(|bytes: &[u8]| {
    let (message, files) = parse_with_files(bytes, &Limits::default());
    let kept: usize = files.iter().map(|file| file.bytes.len()).sum();
    assert!(kept <= bytes.len() * 2, "more bytes than came");
    assert!(observables::observables(&message).len() <= 2_000);
    let print = Fingerprint::of(&message);
    let _ = compare(&print, &print);
});
