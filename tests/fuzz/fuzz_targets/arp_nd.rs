//! Arbitrary bytes as ARP and neighbour discovery.
#![no_main]

use spanward::base::Addr;
use spanward::protocols::{arp, nd};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = arp::parse(data);
    let _ = nd::parse(Addr(1), data);
});
