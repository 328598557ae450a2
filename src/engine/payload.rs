//! From packets to messages: recognises what a flow speaks and drives its reader, within a budget per shard.

mod dialogs;

use crate::base::{Service, Timestamp, proto};
use crate::flow::{Flow, Piece, Reorder, bit};
use crate::protocols::{Message, PROTOCOLS, Probe, Reader, Side, StreamParser, Verdict};
use crate::wire::{Packet, tcp};
use dialogs::Dialogs;

/// Bytes kept of each direction while a flow is not recognised yet.
const EARLY: usize = 4096;
/// Payloads looked at before a flow counts as unknown.
const PROBES: u8 = 6;
/// Bytes that all readers of one shard may hold (64 shards: 256 MiB in all).
const BUDGET: usize = 4 << 20;
/// Streams one shard reads at a time (64 shards: 262,144 in all).
const STREAMS: usize = 4096;
/// Marks [`Flow::reader`] as the index of a datagram protocol; a UDP flow's reader without it is an open dialog.
const DATAGRAM: u32 = 1 << 31;

/// A TCP flow whose payload is wanted.
#[derive(Default)]
struct Stream {
    order: [Reorder; 2],
    mind: Mind,
    /// Ends that sent a FIN: bit 0 the originator.
    finished: u8,
    held: usize,
    spare: bool,
}

/// Who reads a stream, once that is known.
#[derive(Default)]
struct Mind {
    parser: Option<Box<dyn StreamParser>>,
    early: [Vec<u8>; 2],
}

/// All readers of one shard.
#[derive(Default)]
pub(super) struct Readers {
    streams: Vec<Option<Box<Stream>>>,
    free: Vec<u32>,
    held: usize,
    dialogs: Dialogs,
    /// The box is overloaded: parsers leave out what is costly.
    pub(super) spare: bool,
    /// Flows given up because the shard's budget was spent.
    pub(super) given_up: u64,
}

/// What reading a payload found out.
pub(super) struct Found<'a> {
    /// Messages of the originator (`true`) and responder, in order.
    pub(super) messages: &'a mut Vec<(bool, Message)>,
    /// Scratch for parsers.
    pub(super) scratch: &'a mut Vec<Message>,
}

impl Found<'_> {
    /// What a parser just told, as told by that side.
    #[inline]
    fn keep(&mut self, from: usize) {
        if !self.scratch.is_empty() {
            self.messages.extend(self.scratch.drain(..).map(|m| (from == 0, m)));
        }
    }
}

fn side(n: usize) -> Side {
    if n == 0 { Side::Orig } else { Side::Resp }
}

fn probe<'a>(flow: &Flow, payload: &'a [u8], from: usize, ts: Timestamp) -> Probe<'a> {
    let t = flow.tuple();
    Probe { payload, from: side(from), orig_port: t.orig_port, resp_port: t.resp_port, ts }
}

/// Did this side say its first sequence number?
fn greeted(flow: &Flow, side: usize) -> bool {
    flow.has(if side == 0 { bit::SYN } else { bit::SYN_ACK })
}

/// Where the stream of one side begins: behind its SYN if this is its first payload, though it may have come before its turn; else here.
fn beginning(flow: &Flow, from: usize, p: &Packet) -> u32 {
    let (Some(payload), Some(missed)) = (flow.payload.get(from), flow.missed.get(from)) else { return p.seq };
    let first = greeted(flow, from) && *payload == u64::from(p.wire_payload_len);
    if first { p.seq.wrapping_sub(*missed) } else { p.seq }
}

/// Asks all protocols of the transport; `Some(n)` is certain, `Err(())` means none can be it.
fn recognise(flow: &Flow, p: &Probe<'_>) -> Result<Option<usize>, ()> {
    let stream = flow.proto == proto::TCP;
    let mut open = false;
    for (n, protocol) in PROTOCOLS.iter().enumerate() {
        if matches!(protocol.reader, Reader::Stream(_)) != stream {
            continue;
        }
        match (protocol.probe)(p) {
            Verdict::Certain => return Ok(Some(n)),
            Verdict::Unsure => open = true,
            Verdict::NotForUs => {}
        }
    }
    if open { Ok(None) } else { Err(()) }
}

impl Readers {
    /// Touches the reader of a flow. The number means nothing.
    #[inline]
    pub(super) fn warm(&self, reader: u32) -> u64 {
        let at = reader.wrapping_sub(1) as usize;
        self.streams.get(at).and_then(Option::as_ref).map_or(0, |s| s.held as u64)
    }
    /// Does this flow still want its payload (or, with a stream, its acknowledgements)?
    #[inline]
    pub(super) fn wants(flow: &Flow, p: &Packet) -> bool {
        if flow.proto == proto::TCP {
            !flow.has(bit::DEAF) && (p.payload_len > 0 || flow.reader != 0)
        } else {
            !flow.has(bit::DEAF) && p.payload_len > 0
        }
    }
    /// Reads one packet of a flow that wants it.
    pub(super) fn read(&mut self, flow: &mut Flow, from: usize, p: &Packet, payload: &[u8], found: &mut Found<'_>) {
        match flow.proto {
            proto::TCP => self.segment(flow, from, p, payload, found),
            proto::UDP => self.datagram(flow, from, p, payload, found),
            _ => flow.bits |= bit::DEAF,
        }
    }
    fn datagram(&mut self, flow: &mut Flow, from: usize, p: &Packet, payload: &[u8], found: &mut Found<'_>) {
        let view = probe(flow, payload, from, p.ts);
        if flow.reader == 0 {
            flow.probes += 1;
            match recognise(flow, &view) {
                Ok(Some(n)) => {
                    flow.reader = DATAGRAM | n as u32;
                    flow.bits |= bit::RECOGNISED;
                    flow.service = PROTOCOLS.get(n).map_or(Service::Unknown, |q| q.service);
                }
                Err(()) if flow.probes >= 2 => flow.bits |= bit::DEAF,
                _ if flow.probes >= PROBES => flow.bits |= bit::DEAF,
                _ => {}
            }
        }
        match PROTOCOLS.get((flow.reader & !DATAGRAM) as usize).map(|q| q.reader) {
            _ if flow.reader == 0 => return,
            _ if flow.reader & DATAGRAM == 0 => self.given_up += u64::from(!self.dialogs.read(flow, &view, found.scratch)),
            Some(Reader::Datagram(parse)) => parse(&view, found.scratch),
            Some(Reader::Dialog(_)) => self.given_up += u64::from(!self.dialogs.open(flow, &view, found.scratch)),
            _ => {}
        }
        found.keep(from);
    }
    fn segment(&mut self, flow: &mut Flow, from: usize, p: &Packet, payload: &[u8], found: &mut Found<'_>) {
        if flow.reader == 0 && (payload.is_empty() || !self.open(flow, from, p, payload)) {
            return;
        }
        let Some(stream) = self.streams.get_mut((flow.reader - 1) as usize).and_then(Option::as_mut) else { return };
        let before = stream.held;
        stream.spare(self.spare);
        let mut keep = stream.take_in(flow, from, p, payload, found);
        stream.held = stream.weight();
        self.held = self.held.saturating_sub(before) + stream.held;
        if keep && self.held > BUDGET {
            self.given_up += 1;
            keep = false;
        }
        if !keep {
            self.deafen(flow);
        }
    }
    /// A first payload: begins a stream unless no protocol can be it.
    fn open(&mut self, flow: &mut Flow, from: usize, p: &Packet, payload: &[u8]) -> bool {
        let start = beginning(flow, from, p);
        // What comes before its turn is no beginning: what it is will be seen when the rest is there.
        let verdict = if start == p.seq { recognise(flow, &probe(flow, payload, from, p.ts)) } else { Ok(None) };
        flow.probes += 1;
        if verdict.is_err() {
            if flow.probes >= 2 {
                flow.bits |= bit::DEAF;
            }
            return false;
        }
        if self.streams.len() - self.free.len() >= STREAMS || self.held > BUDGET {
            self.given_up += 1;
            flow.bits |= bit::DEAF;
            return false;
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.streams.push(None);
            (self.streams.len() - 1) as u32
        });
        let mut stream = Stream::default();
        if let Ok(Some(n)) = verdict {
            stream.mind.start(flow, n);
        }
        if let Some(o) = stream.order.get_mut(from) {
            o.begin(start);
        }
        if let (true, Some(o), Some(next)) = (greeted(flow, 1 - from), stream.order.get_mut(1 - from), flow.next_seq.get(1 - from)) {
            o.begin(*next);
        }
        if let Some(slot) = self.streams.get_mut(at as usize) {
            *slot = Some(Box::new(stream));
        }
        flow.reader = at + 1;
        true
    }
    /// Nothing more is wanted of the flow: its bytes no longer count.
    fn deafen(&mut self, flow: &mut Flow) {
        self.close(flow);
        flow.bits |= bit::DEAF;
        flow.reader = 0;
    }
    /// The flow is over without a word (time-out, eviction, end of the capture): what its reader still had to tell.
    pub(super) fn end(&mut self, flow: &mut Flow, ts: Timestamp, found: &mut Found<'_>) {
        if flow.proto == proto::UDP && flow.reader & DATAGRAM == 0 {
            self.dialogs.end(flow, found.scratch);
            found.keep(0);
        }
        if flow.proto == proto::TCP
            && let Some(stream) = flow.reader.checked_sub(1).and_then(|at| self.streams.get_mut(at as usize)).and_then(Option::as_mut)
        {
            stream.end(flow, ts, found);
        }
    }
    /// The flow ends: its reader is freed.
    pub(super) fn close(&mut self, flow: &Flow) {
        if flow.reader == 0 || flow.reader & DATAGRAM != 0 {
            return;
        }
        if flow.proto == proto::UDP {
            return self.dialogs.close(flow);
        }
        let at = flow.reader - 1;
        if let Some(s) = self.streams.get_mut(at as usize).and_then(Option::take) {
            self.held = self.held.saturating_sub(s.held);
            self.free.push(at);
        }
    }
    /// Streams and dialogs being read and bytes held.
    pub(super) fn load(&self) -> (usize, usize) {
        let (dialogs, held) = self.dialogs.load();
        (self.streams.len() - self.free.len() + dialogs, self.held + held)
    }
}

impl Stream {
    fn weight(&self) -> usize {
        let order: usize = self.order.iter().map(Reorder::held).sum();
        size_of::<Stream>() + order + self.mind.held()
    }
    /// Tells the parser whether the box is overloaded, when that changes.
    #[inline]
    fn spare(&mut self, spare: bool) {
        if self.spare != spare
            && let Some(parser) = self.mind.parser.as_mut()
        {
            self.spare = spare;
            parser.spare(spare);
        }
    }
    /// One segment and its acknowledgement; false when nothing more is wanted.
    fn take_in(&mut self, flow: &mut Flow, from: usize, p: &Packet, payload: &[u8], found: &mut Found<'_>) -> bool {
        let Stream { order, mind, .. } = self;
        let [orig, resp] = order;
        let (mine, other) = if from == 0 { (orig, resp) } else { (resp, orig) };
        let mut alive = true;
        if p.tcp_flags & tcp::ACK != 0 {
            other.acknowledged(p.ack, &mut |piece| alive = alive && mind.piece(flow, 1 - from, p.ts, piece, found));
        }
        if p.wire_payload_len > 0 {
            mine.segment(p.seq, payload, p.wire_payload_len, &mut |piece| alive = alive && mind.piece(flow, from, p.ts, piece, found));
        }
        alive &= !mind.is_done();
        // What waits behind a hole is told before the end is.
        let whole = !self.order.iter().any(Reorder::is_waiting);
        if alive && whole && p.tcp_flags & (tcp::FIN | tcp::RST) != 0 && self.ends(from, p.tcp_flags) {
            self.mind.end(from, found);
        }
        alive
    }
    /// The flow is over: no hole will be filled any more.
    fn end(&mut self, flow: &mut Flow, ts: Timestamp, found: &mut Found<'_>) {
        let Stream { order, mind, .. } = self;
        for (from, order) in order.iter_mut().enumerate() {
            while order.is_waiting() && !mind.is_done() {
                order.give_up(&mut |piece| {
                    mind.piece(flow, from, ts, piece, found);
                });
            }
        }
        mind.end(0, found);
    }
    /// Is the connection over with this packet: a reset, or the second of both ends that has nothing more to send?
    fn ends(&mut self, from: usize, flags: u8) -> bool {
        if flags & tcp::FIN != 0 {
            self.finished |= 1 << from;
        }
        flags & tcp::RST != 0 || self.finished == 3
    }
}

impl Mind {
    fn held(&self) -> usize {
        let early: usize = self.early.iter().map(Vec::len).sum();
        early + self.parser.as_ref().map_or(0, |p| p.held())
    }
    /// The connection is over: what the parser still had to tell.
    fn end(&mut self, from: usize, found: &mut Found<'_>) {
        if let Some(parser) = self.parser.as_mut() {
            parser.end(found.scratch);
            found.keep(from);
        }
    }
    fn is_done(&self) -> bool {
        self.parser.as_ref().is_some_and(|p| p.done())
    }
    fn start(&mut self, flow: &mut Flow, n: usize) {
        let Some(protocol) = PROTOCOLS.get(n) else { return };
        if let Reader::Stream(make) = protocol.reader {
            self.parser = Some(make());
            flow.service = protocol.service;
            flow.bits |= bit::RECOGNISED;
        }
    }
    /// The next bytes, or a gap, of one direction.
    fn piece(&mut self, flow: &mut Flow, from: usize, ts: Timestamp, piece: Piece<'_>, found: &mut Found<'_>) -> bool {
        if self.parser.is_none() {
            return match piece {
                Piece::Data(bytes) => self.learn(flow, from, ts, bytes, found),
                Piece::Gap(_) => {
                    if let Some(e) = self.early.get_mut(from) {
                        e.clear();
                    }
                    true
                }
            };
        }
        if let Some(parser) = self.parser.as_mut() {
            match piece {
                Piece::Data(bytes) => parser.data(side(from), ts, bytes, found.scratch),
                Piece::Gap(n) => parser.gap(side(from), u64::from(n)),
            }
            found.keep(from);
            return !parser.done();
        }
        true
    }
    /// Not recognised yet: asks again with all the direction has sent so far.
    fn learn(&mut self, flow: &mut Flow, from: usize, ts: Timestamp, bytes: &[u8], found: &mut Found<'_>) -> bool {
        let Some(early) = self.early.get_mut(from) else { return false };
        let room = EARLY.saturating_sub(early.len());
        early.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or(&[]));
        let whole = room >= bytes.len();
        let verdict = recognise(flow, &probe(flow, early, from, ts));
        flow.probes = flow.probes.saturating_add(1);
        match verdict {
            Ok(Some(n)) => {
                self.start(flow, n);
                let early = std::mem::take(&mut self.early);
                for (who, bytes) in early.iter().enumerate().filter(|e| !e.1.is_empty()) {
                    self.piece(flow, who, ts, Piece::Data(bytes), found);
                }
                true
            }
            Ok(None) => whole && flow.probes < PROBES,
            Err(()) => flow.probes < 2 || self.early.iter().any(Vec::is_empty) && flow.probes < PROBES,
        }
    }
}
