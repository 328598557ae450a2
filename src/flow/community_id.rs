//! Community ID version 1, seed 0 (github.com/corelight/community-id-spec).

use crate::base::{FiveTuple, proto};
use sha1::{Digest, Sha1};

/// The counterpart of an ICMP message type, if it is a query or reply (RFC 792, RFC 4443); such flows are two-way.
fn icmp_counterpart(p: u8, kind: u16) -> Option<u16> {
    Some(match (p, kind) {
        (proto::ICMP, 0) => 8,
        (proto::ICMP, 8) => 0,
        (proto::ICMP, 9) => 10,
        (proto::ICMP, 10) => 9,
        (proto::ICMP, 13) => 14,
        (proto::ICMP, 14) => 13,
        (proto::ICMP, 15) => 16,
        (proto::ICMP, 16) => 15,
        (proto::ICMP, 17) => 18,
        (proto::ICMP, 18) => 17,
        (proto::ICMP6, 128) => 129,
        (proto::ICMP6, 129) => 128,
        (proto::ICMP6, 130) => 131,
        (proto::ICMP6, 131) => 130,
        (proto::ICMP6, 133) => 134,
        (proto::ICMP6, 134) => 133,
        (proto::ICMP6, 135) => 136,
        (proto::ICMP6, 136) => 135,
        (proto::ICMP6, 139) => 140,
        (proto::ICMP6, 140) => 139,
        (proto::ICMP6, 144) => 145,
        (proto::ICMP6, 145) => 144,
        _ => return None,
    })
}

/// `1:` and the base64 of the SHA-1 over the ordered five-tuple. For ICMP `orig_port` holds the type and `resp_port` the code of the originator's
/// message.
pub fn community_id(t: &FiveTuple) -> CommunityId {
    let is_icmp = matches!(t.proto, proto::ICMP | proto::ICMP6);
    let (mut sport, mut dport, mut one_way) = (t.orig_port, t.resp_port, false);
    if is_icmp {
        match icmp_counterpart(t.proto, t.orig_port) {
            Some(back) => (sport, dport) = (t.orig_port, back),
            None => one_way = true,
        }
    }
    let has_ports = is_icmp || matches!(t.proto, proto::TCP | proto::UDP | proto::SCTP);
    let ordered = one_way || (t.orig.0, sport) <= (t.resp.0, dport);
    let ((a, ap), (b, bp)) = if ordered { ((t.orig, sport), (t.resp, dport)) } else { ((t.resp, dport), (t.orig, sport)) };
    // One short message, hashed in one call: two bytes of seed, the addresses, protocol, padding, ports.
    let mut m = Message { bytes: [0; 40], len: 2 };
    for x in [a, b] {
        match x.as_v4() {
            Some(v4) => m.put(&v4.to_be_bytes()),
            None => m.put(&x.0.to_be_bytes()),
        }
    }
    m.put(&[t.proto, 0]);
    if has_ports {
        m.put(&ap.to_be_bytes());
        m.put(&bp.to_be_bytes());
    }
    CommunityId(encode(&Sha1::digest(m.bytes.get(..m.len).unwrap_or(&[])).into()))
}

/// The text of a community id: always as long.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CommunityId([u8; 30]);

impl CommunityId {
    /// As bytes of ASCII.
    pub const fn as_bytes(&self) -> &[u8; 30] {
        &self.0
    }
    /// As text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Display for CommunityId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::fmt::Debug for CommunityId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Base64 (RFC 4648, 4) of exactly twenty bytes behind `1:`. The length is known, so nothing is checked or allocated; `base64` is the test's oracle.
fn encode(hash: &[u8; 20]) -> [u8; 30] {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |v: u32| LETTERS.get((v & 63) as usize).copied().unwrap_or(b'=');
    let mut out = *b"1:============================";
    let [_, _, body @ ..] = &mut out;
    for (four, three) in body.chunks_exact_mut(4).zip(hash.chunks(3)) {
        let v = three.iter().chain([&0]).take(3).fold(0u32, |v, b| v << 8 | u32::from(*b));
        // Twenty bytes end in a group of two: its fourth letter is padding.
        for (slot, shift) in four.iter_mut().zip([18, 12, 6, 0]).take(three.len() + 1) {
            *slot = letter(v >> shift);
        }
    }
    out
}

struct Message {
    bytes: [u8; 40],
    len: usize,
}

impl Message {
    fn put(&mut self, b: &[u8]) {
        if let Some(slot) = self.bytes.get_mut(self.len..self.len + b.len()) {
            slot.copy_from_slice(b);
            self.len += b.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(proto: u8, orig: &str, resp: &str, orig_port: u16, resp_port: u16) -> String {
        let id = community_id(&FiveTuple { orig: orig.parse().unwrap(), resp: resp.parse().unwrap(), orig_port, resp_port, proto });
        id.as_str().to_owned()
    }

    #[test]
    fn encodes_as_the_crate_does() {
        use base64::Engine;
        for seed in 0..200u64 {
            let mut hash = [0u8; 20];
            for (i, b) in hash.iter_mut().enumerate() {
                *b = crate::base::mix64(seed << 8 | i as u64) as u8;
            }
            let want = format!("1:{}", base64::engine::general_purpose::STANDARD.encode(hash));
            assert_eq!(std::str::from_utf8(&encode(&hash)).unwrap(), want);
        }
    }

    /// Values published with the specification (baseline_deflt.json).
    #[test]
    fn published_vectors() {
        assert_eq!(id(6, "128.232.110.120", "66.35.250.204", 34855, 80), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        assert_eq!(id(6, "66.35.250.204", "128.232.110.120", 80, 34855), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        assert_eq!(id(17, "192.168.1.52", "8.8.8.8", 54585, 53), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
        assert_eq!(id(1, "192.168.0.89", "192.168.0.1", 8, 0), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        assert_eq!(id(132, "192.168.170.8", "192.168.170.56", 7, 7), "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=");
    }
}
