//! Arbitrary bytes as DHCP and DHCPv6 datagrams: never a panic, a bounded number of messages.
#![no_main]

use spanward::protocols::{dhcp, dhcpv6};

#[path = "../datagram_input.rs"]
mod datagram_input;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    datagram_input::drive(&dhcp::PROTOCOL, (68, 67), data);
    datagram_input::drive(&dhcpv6::PROTOCOL, (546, 547), data);
});
