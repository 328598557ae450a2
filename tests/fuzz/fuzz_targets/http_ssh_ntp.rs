//! Arbitrary bytes through the HTTP and SSH readers and the NTP datagram reader.
#![no_main]

use spanward::protocols::{http, ntp, ssh};

#[path = "../stream_input.rs"]
mod stream_input;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    stream_input::drive(&http::PROTOCOL, data);
    stream_input::drive(&ssh::PROTOCOL, data);
    let _ = ntp::parse(data);
});
