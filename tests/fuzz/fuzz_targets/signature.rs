//! Any text as a signature: read and rendered, or an error of one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spanward::detect::signature::{Signature, render};

fuzz_target!(|text: &str| {
    match Signature::parse("scan.toml", text) {
        Ok(s) => {
            assert!(s.thresholds.iter().all(|t| s.require(&t.name).is_ok_and(|v| v >= 0.0)));
            render(&s.summary.en, &|k| Some(k.to_owned()));
        }
        Err(e) => assert!(!e.message.contains('\n'), "{e}"),
    }
    render(text, &|_| None);
});
