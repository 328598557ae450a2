//! Any bytes as frames of every link type: never a panic, every offset and length of every packet lies in the buffer, fast is slow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spanward::base::{KeyedHash, Span, Timestamp};
use spanward::wire::{Counters, Decoder, Frame, Kind, Linktype, Packet, flag};

const LINKTYPES: [Linktype; 7] =
    [Linktype::Ethernet, Linktype::Sll, Linktype::Sll2, Linktype::Raw, Linktype::Null, Linktype::Loop, Linktype::Unknown];
/// A frame can complete a datagram, that one an inner one, and so on: the decoder stops there.
const PACKETS: usize = 5;
/// The fragments a decoder may hold.
const HELD: usize = 64 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((first, mut rest)) = data.split_first() else { return };
    let mut linktype = *first as usize;
    let (mut fast, mut slow) = (Decoder::new(KeyedHash::new(1)), Decoder::new(KeyedHash::new(1)));
    let (mut ts, mut number) = (Timestamp(1_800_000_000_000_000_000), 0);
    // A frame: how much of it is missing (and, sometimes, that time jumps or the link type changes), its length, its bytes.
    while let [control, len, bytes @ ..] = rest {
        let (frame, later) = bytes.split_at((*len as usize).min(bytes.len()));
        rest = later;
        number += 1;
        if control & 0x0f == 0x0f {
            linktype += 1;
            ts = ts + Span::secs(u64::from(control >> 4) * 10);
        }
        let cut = if control & 0x80 == 0 { 0 } else { u32::from(control & 0x7f) };
        // Something before the frame, as in a block; reassembled datagrams are put behind it.
        let mut buf = vec![0xa5; 7];
        buf.extend_from_slice(frame);
        let f = Frame {
            ts,
            number,
            off: 7,
            cap_len: frame.len() as u32,
            orig_len: frame.len() as u32 + cut,
            iface: 0,
            linktype: LINKTYPES[linktype % LINKTYPES.len()],
            admitted: true,
        };
        let (mut again, mut packets, mut twins) = (buf.clone(), Vec::new(), Vec::new());
        fast.decode(&mut buf, &f, &mut packets);
        slow.decode_slowly(&mut again, &f, &mut twins);
        assert!((1..=PACKETS).contains(&packets.len()));
        assert_eq!((format!("{packets:?}"), &buf), (format!("{twins:?}"), &again));
        for p in &packets {
            inside(p, &f, buf.len());
        }
        for w in fast.weirds() {
            assert_eq!((w.number, w.layer.is_empty(), w.name.is_empty()), (number, false, false));
        }
        slow.weirds();
        assert!(fast.held() < HELD);
    }
    // The slow way alone does not count what was cut.
    assert_eq!(Counters { snapped: 0, ..fast.counters() }, Counters { snapped: 0, ..slow.counters() });
});

/// What others index the buffer with, without asking again.
fn inside(p: &Packet, f: &Frame, len: usize) {
    assert_eq!((p.number, p.frame, p.cap_len, p.orig_len), (f.number, f.off, f.cap_len, f.orig_len));
    assert!(p.frame as usize + p.cap_len as usize <= len);
    assert!(p.payload_range().end <= len && p.payload_range().start <= len, "{p:?}");
    assert!(p.icmp().start <= p.icmp().end && p.icmp().end <= len, "{p:?}");
    assert!(p.l2 as usize <= len && p.l3 as usize <= len && p.outer as usize <= len, "{p:?}");
    assert!(!p.has(flag::MAC) || p.l2 as usize + 12 <= len, "{p:?}");
    assert!(p.payload_len <= p.wire_payload_len || matches!(p.kind, Kind::Arp | Kind::Link | Kind::Other), "{p:?}");
    assert!(p.shard < 64, "{p:?}");
}
