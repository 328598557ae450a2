//! Gives fuzz input to a datagram reader: as one payload of either side, and to one that keeps state also as several.

use spanward::base::Timestamp;
use spanward::protocols::{Probe, Protocol, Reader, Side};

/// The most that a datagram parser may hold.
const HELD: usize = 1 << 20;

/// Probes and reads; a reader tells at most a message and a weird of one payload.
pub fn drive(protocol: &Protocol, ports: (u16, u16), data: &[u8]) {
    let probe = |payload, from| Probe { payload, from, orig_port: ports.0, resp_port: ports.1, ts: Timestamp(0) };
    for from in [Side::Orig, Side::Resp] {
        let p = probe(data, from);
        let _ = (protocol.probe)(&p);
        let mut out = Vec::new();
        match protocol.reader {
            Reader::Datagram(read) => read(&p, &mut out),
            Reader::Dialog(make) => make().datagram(&p, &mut out),
            Reader::Stream(_) => return,
        }
        assert!(out.len() <= 2);
    }
    let Reader::Dialog(make) = protocol.reader else { return };
    let (mut parser, mut out, mut rest) = (make(), Vec::new(), data);
    // Each datagram begins with two bytes: side and length.
    while let [high, low, bytes @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high & 0x7f, *low]));
        let (payload, later) = bytes.split_at(len.min(bytes.len()));
        parser.datagram(&probe(payload, if high & 0x80 == 0 { Side::Orig } else { Side::Resp }), &mut out);
        assert!(parser.held() < HELD);
        rest = later;
    }
    parser.finish(&mut out);
}
