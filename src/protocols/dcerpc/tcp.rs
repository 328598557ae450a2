//! DCE/RPC straight over TCP ([MS-RPCE] 2.1.1.1), recognised by its header on any port: the endpoint mapper hands out ports above 49151.

use super::super::{Message, Probe, Protocol, Reader, Side, StreamParser, Verdict};
use super::channel::Channel;
use super::pdu::{self, Header};
use crate::base::{Service, Timestamp};

/// Registry line.
pub const PROTOCOL: Protocol = Protocol { service: Service::Rpc, probe, reader: Reader::Stream(|| Box::new(Stream(Channel::new(None)))) };

/// A header's first eight bytes leave a random sender no chance; a bind's fixed fields must fit too. Requests in the middle of an association are
/// believed when the fragment ends with the payload or is longer than it.
fn probe(p: &Probe<'_>) -> Verdict {
    let b = p.payload;
    if Header::begun(b) {
        return Verdict::Unsure;
    }
    let Some(h) = Header::read(b) else { return Verdict::NotForUs };
    let whole = match h.kind {
        pdu::BIND | pdu::ALTER => h.len < 8192 && h.u16(b, 16).is_none_or(|max| max >= 512),
        _ => b.len() <= h.len || b.get(h.len..).is_some_and(|next| Header::begun(next) || Header::read(next).is_some()),
    };
    if whole { Verdict::Certain } else { Verdict::NotForUs }
}

/// A TCP flow that is one association.
struct Stream(Channel);

impl StreamParser for Stream {
    fn data(&mut self, from: Side, _ts: Timestamp, bytes: &[u8], out: &mut Vec<Message>) {
        self.0.data(from, bytes, out);
    }
    fn gap(&mut self, from: Side, lost: u64) {
        self.0.gap(from, lost);
    }
    fn end(&mut self, out: &mut Vec<Message>) {
        self.0.end(out);
    }
    fn done(&self) -> bool {
        self.0.hopeless()
    }
    fn held(&self) -> usize {
        self.0.held()
    }
}
