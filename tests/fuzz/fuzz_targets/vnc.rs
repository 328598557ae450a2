//! Arbitrary bytes, sides, splits and holes through the VNC reader.
#![no_main]

#[path = "../stream_input.rs"]
mod stream_input;

libfuzzer_sys::fuzz_target!(|data: &[u8]| stream_input::drive(&spanward::protocols::vnc::PROTOCOL, data));
