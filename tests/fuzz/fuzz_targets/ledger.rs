//! Any bytes as a ledger: entries and a report, or an error; what is found by MAC or address has it, lines are the file's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spanward::site::{ColumnNames, Ledger};

fuzz_target!(|data: &[u8]| {
    let Ok((ledger, report)) = Ledger::parse("ledger.csv", data, &ColumnNames::default()) else { return };
    assert!(report.rows <= 100_000 && report.refused <= report.rows && report.warnings.len() <= 200);
    for e in ledger.iter() {
        assert!(e.mac.is_some() || !e.ips.is_empty());
        assert!(ledger.cells(e.line).is_some(), "line {}", e.line);
        assert!(e.mac.is_none_or(|m| m.is_device() && ledger.by_mac(m).is_some()));
        assert!(e.ips.iter().all(|a| ledger.by_addr(*a).is_some()));
    }
    report.lines();
});
