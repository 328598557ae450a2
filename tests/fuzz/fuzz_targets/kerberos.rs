//! Arbitrary bytes as Kerberos datagrams, and as both directions of a stream.
#![no_main]

use spanward::protocols::kerberos;

#[path = "../datagram_input.rs"]
mod datagram_input;
#[path = "../stream_input.rs"]
mod stream_input;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    datagram_input::drive(&kerberos::UDP, (50_000, 88), data);
    stream_input::drive(&kerberos::TCP, data);
});
