//! Any bytes as a site file: a site or an error of one line that names a place within the text, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spanward::base::{Service, Timestamp};
use spanward::site::Site;
use std::path::Path;

fuzz_target!(|data: &[u8]| {
    // No ledger is found here, so nothing is read but `data`.
    match Site::parse("site.toml", data, Path::new("/nonexistent")) {
        Ok(site) => {
            for (_, zone) in site.zones.iter() {
                for n in &zone.networks {
                    assert!(site.kind(n.first()).is_some() && site.kind(n.last()).is_some());
                    site.judge_at(n.first(), "198.51.100.1".parse().unwrap(), Service::Dns, Timestamp(u64::MAX));
                }
            }
            for v in &site.vendors {
                v.is_announced(Timestamp(0), &site.calendar);
            }
        }
        Err(e) => {
            let lines = data.iter().filter(|b| **b == b'\n').count() as u32 + 1;
            assert!(e.line <= lines && !e.message.is_empty() && !e.message.contains('\n'), "{e}");
        }
    }
});
