//! Arbitrary bytes through the TLS stream reader and as QUIC datagrams.
#![no_main]

use spanward::protocols::{quic, tls};

#[path = "../datagram_input.rs"]
mod datagram_input;
#[path = "../stream_input.rs"]
mod stream_input;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    stream_input::drive(&tls::PROTOCOL, data);
    datagram_input::drive(&quic::PROTOCOL, (50_000, 443), data);
});
