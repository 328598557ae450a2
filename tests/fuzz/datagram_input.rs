//! Gives fuzz input to a datagram reader as one payload of either side.

use spanward::base::Timestamp;
use spanward::protocols::{Probe, Protocol, Reader, Side};

/// Probes and reads; a reader tells at most a message and a weird of one payload.
pub fn drive(protocol: &Protocol, ports: (u16, u16), data: &[u8]) {
    let Reader::Datagram(read) = protocol.reader else { return };
    for from in [Side::Orig, Side::Resp] {
        let probe = Probe { payload: data, from, orig_port: ports.0, resp_port: ports.1, ts: Timestamp(0) };
        let _ = (protocol.probe)(&probe);
        let mut out = Vec::new();
        read(&probe, &mut out);
        assert!(out.len() <= 2);
    }
}
