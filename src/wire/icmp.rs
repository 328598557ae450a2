//! ICMP types as ports (RFC 792, RFC 4443), as Zeek and the Community ID specification map them.

use crate::base::proto;

/// The type that answers an ICMP query type, or that it answers; `None` for one-way messages such as errors.
pub(super) const fn counterpart(p: u8, kind: u16) -> Option<u16> {
    Some(match (p, kind) {
        (proto::ICMP, 0) => 8,
        (proto::ICMP, 8) => 0,
        (proto::ICMP, 9) => 10,
        (proto::ICMP, 10) => 9,
        // Timestamp, information, address mask: the request is odd, the reply follows it.
        (proto::ICMP, 13 | 15 | 17) | (proto::ICMP6, 133 | 135 | 139) => kind + 1,
        (proto::ICMP, 14 | 16 | 18) | (proto::ICMP6, 134 | 136 | 140) => kind - 1,
        // Echo, listener query and report, home agent address discovery: the request is even.
        (proto::ICMP6, 128 | 130 | 144) => kind + 1,
        (proto::ICMP6, 129 | 131 | 145) => kind - 1,
        _ => return None,
    })
}

/// The port pair under which an ICMP message of `kind` and `code` is keyed, as (source, destination). Query and reply get mirrored pairs, so both
/// directions of a ping share one [`crate::base::FlowKey`]; one-way messages get (type, code) and are one flow per direction.
pub const fn icmp_ports(p: u8, kind: u16, code: u16) -> (u16, u16) {
    match counterpart(p, kind) {
        Some(back) => (kind, back),
        None => (kind, code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counterparts_are_mutual() {
        for p in [proto::ICMP, proto::ICMP6] {
            let two_way: Vec<u16> = (0..256).filter(|k| counterpart(p, *k).is_some()).collect();
            assert_eq!(two_way.len(), if p == proto::ICMP { 10 } else { 12 });
            for k in two_way {
                assert_eq!(counterpart(p, counterpart(p, k).unwrap()), Some(k), "{p} {k}");
            }
        }
        assert_eq!(icmp_ports(proto::ICMP, 3, 13), (3, 13));
        assert_eq!(icmp_ports(proto::ICMP, 8, 0), (8, 0));
        assert_eq!(icmp_ports(proto::ICMP6, 136, 0), (136, 135));
    }
}
