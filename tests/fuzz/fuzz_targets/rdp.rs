//! Arbitrary bytes, sides, splits and holes through the RDP reader: from its first message on, and from where it turned to TLS.
#![no_main]

#[path = "../stream_input.rs"]
mod stream_input;

/// A run of 20 bytes of the responder: a connection confirm that chose CredSSP, and the beginning of a record.
const CONFIRMED: &[u8] = b"\x15\x03\0\0\x13\x0e\xd0\0\0\0\0\0\x02\x1f\x08\0\x02\0\0\0\x16";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    stream_input::drive(&spanward::protocols::rdp::PROTOCOL, data);
    stream_input::drive(&spanward::protocols::rdp::PROTOCOL, &[CONFIRMED, data].concat());
});
