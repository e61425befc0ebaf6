//! See `rooms::targets::msg`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rooms::targets::msg(bytes));
