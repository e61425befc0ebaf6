//! The reader of links: a body that is HTML, and the same as plain text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rooms::{
    enrich::observables,
    message::{HtmlView, Limits, parse},
};

fuzz_target!(|body: &str| {
    let view = HtmlView::of(body, &Limits::default());
    assert!(view.links.len() <= Limits::default().urls);
    for kind in ["html", "plain"] {
        let mail = format!(
            "From: a@b.example\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{body}"
        );
        let message = parse(mail.as_bytes(), &Limits::default());
        for found in observables::observables(&message) {
            let _ = (found.link.map(|l| l.may_leave()), found.defanged);
        }
    }
});
