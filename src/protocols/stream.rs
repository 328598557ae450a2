//! One direction of a TCP stream (RFC 9293, 3.4), for parsers: waits until a whole header or message is there, never holds more than a cap, skips
//! what nobody wants without copying it, and knows whether a hole in the capture lost the parser's place.
#![forbid(unsafe_code)]

/// What a parser wants next, after it has looked at the bytes from its place onwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Show the same place again once so many bytes are there (counted from this place). More than the cap is the cap.
    Need(usize),
    /// So many bytes are read or unwanted; may reach far beyond what is there. Zero counts as one, so that every step gets on.
    Take(u64),
    /// Nothing more is wanted of this direction.
    Stop,
}

/// Bytes of one direction that wait for their rest. Nothing is allocated while messages end where segments end.
#[derive(Debug, Default)]
pub struct Pending {
    held: Vec<u8>,
    start: usize,
    need: usize,
    skip: u64,
    cap: usize,
    stopped: bool,
}

/// Above this a buffer that ran empty is given back: a million idle flows must not keep what one large message needed.
const KEEP: usize = 1024;
/// Bytes that are added at once to those that wait, at least.
const MORE: usize = 256;

impl Pending {
    /// Holds at most `cap` bytes that wait (at least one); while it moves them, its buffer may take four times as much.
    pub fn new(cap: usize) -> Self {
        Pending { cap: cap.max(1), ..Pending::default() }
    }
    /// Bytes this takes in memory.
    pub fn held(&self) -> usize {
        self.held.capacity()
    }
    /// A reader said [`Step::Stop`].
    pub fn stopped(&self) -> bool {
        self.stopped
    }
    /// The next bytes, in order. `read` is shown the bytes from its place onwards (never none) and says what it wants; it is asked as often as it
    /// gets on. A reader that waits for more than the cap is shown the cap and, if it still waits, moved on by one byte.
    pub fn feed(&mut self, bytes: &[u8], mut read: impl FnMut(&[u8]) -> Step) {
        let mut rest = bytes;
        while !self.stopped {
            rest = self.skipped(rest);
            if self.waiting() == 0 {
                let Some(at) = self.read_in_place(rest, &mut read) else { return };
                rest = at;
                continue;
            }
            let missing = self.need.min(self.cap).saturating_sub(self.waiting());
            // Some more than asked for, so that a search does not go byte by byte.
            let some = missing.max(MORE.min(self.cap.saturating_sub(self.waiting())));
            let (now, later) = rest.split_at_checked(some).unwrap_or((rest, &[]));
            self.append(now);
            rest = later;
            if self.waiting() < self.need.min(self.cap) {
                return;
            }
            let step = read(self.held.get(self.start..).unwrap_or_default());
            self.apply(step);
        }
    }
    /// `lost` bytes are missing. True if all of them lay in what was skipped anyway: the reader keeps its place. Else what was held is dropped and
    /// the reader must find the next message by itself.
    pub fn gap(&mut self, lost: u64) -> bool {
        if self.waiting() == 0 && lost <= self.skip {
            self.skip -= lost;
            return true;
        }
        self.clear();
        self.skip = 0;
        false
    }
    fn waiting(&self) -> usize {
        self.held.len().saturating_sub(self.start)
    }
    fn clear(&mut self) {
        self.start = 0;
        self.need = 0;
        if self.held.capacity() > KEEP {
            self.held = Vec::new();
        } else {
            self.held.clear();
        }
    }
    /// What is left of `bytes` behind the part to skip.
    fn skipped<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let n = self.skip.min(bytes.len() as u64);
        if self.waiting() == 0 {
            self.skip -= n;
            return bytes.get(n as usize..).unwrap_or_default();
        }
        bytes
    }
    /// Lets the reader go through a segment where it lies; keeps the end that it waits with. None when the segment is used up.
    fn read_in_place<'a>(&mut self, bytes: &'a [u8], read: &mut impl FnMut(&[u8]) -> Step) -> Option<&'a [u8]> {
        if bytes.is_empty() {
            return None;
        }
        match read(bytes) {
            Step::Take(n) => {
                self.skip = n.max(1);
                Some(bytes)
            }
            Step::Need(n) if n > bytes.len() && bytes.len() < self.cap => {
                self.need = n;
                self.append(bytes);
                None
            }
            Step::Need(_) => {
                self.skip = 1;
                Some(bytes)
            }
            Step::Stop => {
                self.apply(Step::Stop);
                None
            }
        }
    }
    /// A step of the reader over the bytes that waited.
    fn apply(&mut self, step: Step) {
        match step {
            Step::Need(n) if n > self.waiting() && self.waiting() < self.cap => self.need = n,
            Step::Need(_) => self.forward(1),
            Step::Take(n) => self.forward(n.max(1)),
            Step::Stop => {
                self.clear();
                self.stopped = true;
            }
        }
    }
    fn forward(&mut self, n: u64) {
        let here = n.min(self.waiting() as u64);
        self.start += here as usize;
        self.need = 0;
        if self.waiting() == 0 {
            self.clear();
            self.skip = n - here;
        }
    }
    /// Adds bytes; moves the old ones to the front when that is cheaper than what was read since.
    fn append(&mut self, bytes: &[u8]) {
        if self.start > self.waiting() {
            self.held.drain(..self.start);
            self.start = 0;
        }
        self.held.extend_from_slice(bytes);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::protocols::{Message, Probe, Side, StreamParser, Verdict};
    use proptest::prelude::*;

    /// What a parser reads from one side when the bytes come cut like this, and the most it held.
    pub(crate) fn read_split(mut p: impl StreamParser, from: Side, bytes: &[u8], cuts: &[usize]) -> (Vec<Message>, usize) {
        let mut cuts: Vec<_> = cuts.iter().map(|c| (*c).min(bytes.len())).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let (mut out, mut held) = (Vec::new(), 0);
        for c in cuts.windows(2) {
            p.data(from, Timestamp(0), &bytes[c[0]..c[1]], &mut out);
            held = held.max(p.held());
        }
        (out, held)
    }

    /// What a probe says of an originator's payload to a port.
    pub(crate) fn probe_of(probe: fn(&Probe<'_>) -> Verdict, payload: &[u8], resp_port: u16) -> Verdict {
        probe(&Probe { payload, from: Side::Orig, orig_port: 50_000, resp_port, ts: Timestamp(0) })
    }

    /// Messages of one length byte and a body; even lengths are wanted, odd ones skipped.
    fn read(window: &[u8], out: &mut Vec<Vec<u8>>) -> Step {
        let whole = 1 + usize::from(window[0]);
        if whole % 2 == 1 {
            return Step::Take(whole as u64);
        }
        let Some(m) = window.get(..whole) else { return Step::Need(whole) };
        out.push(m.to_vec());
        Step::Take(whole as u64)
    }

    #[test]
    fn whole_segments_are_not_copied() {
        let mut p = Pending::new(64);
        let mut out = Vec::new();
        p.feed(&[1, 9, 2, 0, 0, 3, 1, 1, 1], |w| read(w, &mut out));
        assert_eq!(out, [vec![1, 9], vec![3, 1, 1, 1]]);
        assert_eq!(p.held(), 0);
    }

    #[test]
    fn a_hole_inside_a_skipped_body_keeps_the_place() {
        let mut p = Pending::new(64);
        let mut out = Vec::new();
        p.feed(&[200, 7], |w| read(w, &mut out));
        assert!(p.gap(150));
        p.feed(&[[7u8; 49].as_slice(), &[1, 5]].concat(), |w| read(w, &mut out));
        assert_eq!(out, [vec![1, 5]]);
        p.feed(&[9, 1], |w| read(w, &mut out));
        assert!(!p.gap(3));
        p.feed(&[1, 6], |w| read(w, &mut out));
        assert_eq!(out, [vec![1, 5], vec![1, 6]]);
    }

    #[test]
    fn stop_drops_everything() {
        let mut p = Pending::new(64);
        p.feed(&[1], |_| Step::Need(2));
        assert!(p.held() > 0 && !p.stopped());
        p.feed(&[2, 3, 4], |_| Step::Stop);
        assert!(p.stopped());
        p.feed(&[2, 3, 4], |_| unreachable!());
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_messages(bytes in prop::collection::vec(0u8..40, 0..400), cuts in prop::collection::vec(0usize..400, 0..20)) {
            let mut whole = Vec::new();
            Pending::new(64).feed(&bytes, |w| read(w, &mut whole));
            let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let (mut p, mut split) = (Pending::new(64), Vec::new());
            for c in cuts.windows(2) {
                p.feed(&bytes[c[0]..c[1]], |w| read(w, &mut split));
            }
            prop_assert_eq!(whole, split);
        }

        #[test]
        fn gets_on_and_stays_below_its_cap(segs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 0..30), cap in 1usize..50, wild in any::<u8>()) {
            let mut p = Pending::new(cap);
            let mut calls = 0u32;
            let total: usize = segs.iter().map(Vec::len).sum();
            for s in &segs {
                p.feed(s, |w| {
                    calls += 1;
                    match w[0].wrapping_add(wild) % 4 {
                        0 => Step::Take(u64::from(w[0]) / 8),
                        1 => Step::Need(usize::from(w[0])),
                        2 => Step::Need(usize::MAX),
                        _ => Step::Take(1),
                    }
                });
                prop_assert!(p.held() <= 8 + 4 * cap, "{} of {}", p.held(), cap);
            }
            prop_assert!(calls as usize <= 2 * total + segs.len());
        }
    }
}
