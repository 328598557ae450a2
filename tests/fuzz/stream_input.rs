//! Turns fuzz input into what a stream parser is fed: runs of bytes of either side, and holes.

use spanward::base::Timestamp;
use spanward::protocols::{Probe, Protocol, Reader, Side};

/// The most any stream parser may hold: two directions' buffers while they grow, and a table of requests.
const HELD: usize = 1 << 20;

/// Each run begins with a byte: bit 0 the side, bit 1 a hole (as long as the other bits say), else a run of that length.
pub fn drive(protocol: &Protocol, data: &[u8]) {
    let Reader::Stream(make) = protocol.reader else { return };
    let _ = (protocol.probe)(&Probe { payload: data, from: Side::Orig, orig_port: 50_000, resp_port: 445, ts: Timestamp(0) });
    let (mut parser, mut out, mut rest) = (make(), Vec::new(), data);
    while let Some((control, bytes)) = rest.split_first() {
        let side = if control & 1 == 0 { Side::Orig } else { Side::Resp };
        let len = usize::from(control >> 2) * 4;
        rest = bytes;
        if control & 2 != 0 && len < 32 {
            parser.gap(side, len as u64 * 37);
        } else {
            let (run, later) = bytes.split_at(len.clamp(1, bytes.len().max(1)).min(bytes.len()));
            parser.data(side, Timestamp(0), run, &mut out);
            rest = later;
        }
        assert!(parser.held() < HELD);
        out.clear();
    }
    parser.end(&mut out);
}
