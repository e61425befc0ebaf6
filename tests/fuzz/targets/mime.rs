//! See `rooms::targets::mime`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rooms::targets::mime(bytes));
