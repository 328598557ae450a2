//! Arbitrary bytes as a security blob, with and without the signature in front.
#![no_main]

use spanward::protocols::ntlmssp::{NAME_CHARS, Ntlm, SIGNATURE};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let signed = [SIGNATURE.as_slice(), data].concat();
    for n in [Ntlm::find(data), Ntlm::parse(&signed)].into_iter().flatten() {
        for name in [n.user, n.domain, n.workstation, n.server_name, n.server_dns].into_iter().flatten() {
            assert!(name.chars().count() <= NAME_CHARS);
        }
    }
});
