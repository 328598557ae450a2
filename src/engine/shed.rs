//! What is left out when the box falls behind, in this order: at level 1 the judging of file contents, at level 2 the payload of bulk transfers
//! as well (at level 3 the capture also keeps only the heads of their frames). Only full segments are meant, which nothing but a transfer has, and only
//! those of protocols that carry bulk. Addresses, names, openings and ends of connections, logons, SMB, RPC and RDP headers are always read. In a
//! replay the level is 0: nothing is left out, and its result does not depend on how fast the box is.

use crate::base::{Service, proto};
use crate::event::Coverage;
use crate::flow::Flow;
use crate::wire::Packet;

/// Payload from which on a segment counts as full. A full one has 1,300 to 1,460 bytes even in a tunnel; requests and answers are shorter.
const FULL: u32 = 1024;

/// What of a segment is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Spared {
    /// How random the file's content is.
    Content,
    /// Everything behind the TCP header.
    Payload,
}

/// What of this packet is left out at this level, if anything.
#[inline]
pub(super) fn spared(level: u8, flow: &Flow, p: &Packet) -> Option<Spared> {
    if level == 0 || p.proto != proto::TCP || p.wire_payload_len < FULL {
        return None;
    }
    match flow.service {
        Service::Smb => Some(Spared::Content),
        // Web pages, and whatever nobody has recognised by now: DICOM, databases, print jobs, backup.
        Service::Http | Service::Unknown if level >= 2 => Some(Spared::Payload),
        _ => None,
    }
}

/// Counts it.
#[cold]
pub(super) fn count(coverage: &mut Coverage, what: Spared, p: &Packet) {
    coverage.shed += 1;
    coverage.shed_bytes += u64::from(p.payload_len);
    match what {
        Spared::Content => coverage.shed_content += 1,
        Spared::Payload => coverage.shed_payload += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_segments_of_bulk_protocols_alone_are_spared() {
        let flow = |service| {
            let key = crate::base::FlowKey::default();
            let mut flow = Flow::begin(key, true, &Packet { proto: proto::TCP, ..Packet::default() }, || (false, false));
            flow.service = service;
            flow
        };
        let p = |len| Packet { proto: proto::TCP, wire_payload_len: len, payload_len: len, ..Packet::default() };
        let at = |level, service, len| spared(level, &flow(service), &p(len));
        for service in Service::ALL.iter().copied().chain([Service::Unknown]) {
            let bulk = matches!(service, Service::Smb | Service::Http | Service::Unknown);
            assert_eq!(at(0, service, 1460), None, "{service:?}");
            assert_eq!(at(1, service, 1460).is_some(), service == Service::Smb, "{service:?}");
            assert_eq!(at(3, service, 1460).is_some(), bulk, "{service:?}");
            assert_eq!(at(3, service, 900), None, "{service:?}");
        }
        assert_eq!(at(2, Service::Smb, 1460), Some(Spared::Content), "never its headers");
        let udp = Packet { proto: proto::UDP, ..p(1460) };
        assert_eq!(spared(3, &flow(Service::Unknown), &udp), None);
    }
}
