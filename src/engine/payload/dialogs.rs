//! Datagrams whose messages take several: the parsers of one shard that wait for more, under a cap and a budget of their own, so that a flood of
//! half messages takes nothing from the streams.

use super::DATAGRAM;
use crate::flow::Flow;
use crate::protocols::{DatagramParser, Message, PROTOCOLS, Probe, Reader, Verdict};

/// Dialogs one shard keeps at a time (64 shards: 65,536 in all). Most end with the datagram that began them and are never kept.
const DIALOGS: usize = 1024;
/// Bytes that the dialogs of one shard may hold (64 shards: 128 MiB in all).
const BUDGET: usize = 2 << 20;

/// A flow of which a message is on its way.
struct Dialog {
    parser: Box<dyn DatagramParser>,
    /// Its protocol: the flow goes back to it when nothing is open any more.
    protocol: u32,
    held: usize,
}

/// All dialogs of one shard.
#[derive(Default)]
pub(super) struct Dialogs {
    slots: Vec<Option<Dialog>>,
    free: Vec<u32>,
    held: usize,
}

impl Dialogs {
    /// A datagram of a flow that speaks such a protocol and has nothing open. False if something was left open that there is no room for; what is
    /// known of it was told.
    pub(super) fn open(&mut self, flow: &mut Flow, p: &Probe<'_>, out: &mut Vec<Message>) -> bool {
        let protocol = flow.reader & !DATAGRAM;
        let Some(line) = PROTOCOLS.get(protocol as usize) else { return true };
        let Reader::Dialog(make) = line.reader else { return true };
        if (line.probe)(p) != Verdict::Certain {
            return true;
        }
        let mut parser = make();
        parser.datagram(p, out);
        if parser.done() {
            return true;
        }
        let held = parser.held();
        if self.slots.len() - self.free.len() >= DIALOGS || self.held + held > BUDGET {
            parser.finish(out);
            return false;
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        if let Some(slot) = self.slots.get_mut(at as usize) {
            *slot = Some(Dialog { parser, protocol, held });
            self.held += held;
            flow.reader = at + 1;
        }
        true
    }
    /// The next datagram of an open dialog. False if it outgrew the budget: it is told as far as it is known, and ends.
    pub(super) fn read(&mut self, flow: &mut Flow, p: &Probe<'_>, out: &mut Vec<Message>) -> bool {
        let at = (flow.reader - 1) as usize;
        let Some(dialog) = self.slots.get_mut(at).and_then(Option::as_mut) else { return true };
        dialog.parser.datagram(p, out);
        let (before, protocol) = (std::mem::replace(&mut dialog.held, dialog.parser.held()), dialog.protocol);
        self.held = (self.held + dialog.held).saturating_sub(before);
        let done = dialog.parser.done();
        let fits = done || self.held <= BUDGET;
        if !fits {
            dialog.parser.finish(out);
        }
        if done || !fits {
            self.close(flow);
            flow.reader = DATAGRAM | protocol;
        }
        fits
    }
    /// The flow is over without a word: what its dialog knows so far.
    pub(super) fn end(&mut self, flow: &Flow, out: &mut Vec<Message>) {
        let at = flow.reader.saturating_sub(1);
        if let Some(d) = self.slots.get_mut(at as usize).and_then(Option::as_mut) {
            d.parser.finish(out);
        }
    }
    /// The flow ends, or its dialog.
    pub(super) fn close(&mut self, flow: &Flow) {
        let at = flow.reader.saturating_sub(1);
        if let Some(d) = self.slots.get_mut(at as usize).and_then(Option::take) {
            self.held = self.held.saturating_sub(d.held);
            self.free.push(at);
        }
    }
    /// Dialogs open and bytes held.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.slots.len() - self.free.len(), self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::protocols::{Side, quic};

    fn line() -> u32 {
        PROTOCOLS.iter().position(|l| l.service == quic::PROTOCOL.service).unwrap() as u32
    }

    fn probe(payload: &[u8]) -> Probe<'_> {
        Probe { payload, from: Side::Orig, orig_port: 50_000, resp_port: 443, ts: Timestamp(0) }
    }

    #[test]
    fn half_hellos_are_kept_up_to_the_cap_and_told_beyond_it() {
        let half = quic::half_hello();
        let (mut dialogs, mut out, mut flows) = (Dialogs::default(), Vec::new(), Vec::new());
        for _ in 0..DIALOGS {
            let mut flow = Flow::default();
            flow.reader = DATAGRAM | line();
            assert!(dialogs.open(&mut flow, &probe(&half), &mut out) && flow.reader & DATAGRAM == 0);
            flows.push(flow);
        }
        assert!(out.is_empty() && dialogs.load().0 == DIALOGS && dialogs.load().1 <= BUDGET);
        // The flow falls silent: what is known is told.
        let mut told = Vec::new();
        dialogs.end(&flows[0], &mut told);
        assert!(matches!(&told[..], [Message::Tls(h)] if h.sni.is_some()));
        // No room: what is known is told at once, and the flow is as it was.
        let mut late = Flow::default();
        late.reader = DATAGRAM | line();
        assert!(!dialogs.open(&mut late, &probe(&half), &mut out));
        assert!(matches!(&out[..], [Message::Tls(h)] if h.sni.is_some()) && late.reader & DATAGRAM != 0);
        // Sent again: told; then the responder goes on: over.
        out.clear();
        assert!(dialogs.read(&mut flows[7], &probe(&half), &mut out) && out.len() == 1);
        for _ in 0..8 {
            let mut answer = probe(&[0x40; 60]);
            answer.from = Side::Resp;
            if flows[7].reader & DATAGRAM == 0 {
                dialogs.read(&mut flows[7], &answer, &mut out);
            }
        }
        assert!(out.len() == 1 && flows[7].reader == DATAGRAM | line());
        flows.remove(7);
        flows.iter().for_each(|f| dialogs.close(f));
        assert_eq!(dialogs.load(), (0, 0));
    }
}
