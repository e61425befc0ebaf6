//! See `rooms::targets::rewriters`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rooms::targets::rewriters(bytes));
