//! See `rooms::targets::urls`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rooms::targets::urls(bytes));
