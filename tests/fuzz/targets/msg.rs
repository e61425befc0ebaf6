//! Outlook messages and `winmail.dat`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rooms::file::{FileLimits, Given, Rules, dissect};

fuzz_target!(|bytes: &[u8]| {
    for name in ["a.msg", "winmail.dat"] {
        let file = Given {
            place: "attachment:0".to_owned(),
            name: Some(name.to_owned()),
            claimed: String::new(),
            bytes: bytes.to_vec(),
        };
        let reports = dissect(&[file], &[], &Rules::none(), &FileLimits::default());
        assert_eq!(reports.len(), 1);
    }
});
