//! See `rooms::targets::archive`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rooms::targets::archive(bytes));
