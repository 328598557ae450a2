//! Arbitrary bytes as DNS, mDNS, LLMNR and NetBIOS names, and as DNS over TCP.
#![no_main]

use spanward::protocols::{dns, nbns};

#[path = "../datagram_input.rs"]
mod datagram_input;
#[path = "../stream_input.rs"]
mod stream_input;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    datagram_input::drive(&dns::UDP, (50_000, 53), data);
    datagram_input::drive(&dns::MDNS, (5353, 5353), data);
    datagram_input::drive(&dns::LLMNR, (50_000, 5355), data);
    datagram_input::drive(&nbns::PROTOCOL, (137, 137), data);
    stream_input::drive(&dns::TCP, data);
});
