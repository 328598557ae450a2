//! One direction of a TCP stream put in order, in bounded memory: what is in order passes through without a copy, what is early waits, and a
//! hole is given up when the other side has acknowledged beyond it or when too much waits.

/// What comes out: bytes in order, or bytes that will not come.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The next bytes.
    Data(&'a [u8]),
    /// So many bytes were not captured.
    Gap(u32),
}

/// The waiting room of one direction.
#[derive(Debug, Default)]
pub struct Reorder {
    next: u32,
    known: bool,
    waiting: Vec<(u32, Vec<u8>)>,
    held: usize,
}

/// Most segments that wait; beyond that the hole is given up. 64 full segments cover a window of 90 KB.
const MAX_WAITING: usize = 64;
/// Most bytes that wait.
const MAX_HELD: usize = 256 * 1024;

impl Reorder {
    /// Bytes held.
    pub fn held(&self) -> usize {
        self.held
    }
    /// Do bytes wait behind a hole?
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
    /// The stream begins at this sequence number.
    pub fn begin(&mut self, seq: u32) {
        self.next = seq;
        self.known = true;
    }
    /// A segment: `wire_len` bytes by its header, of which `bytes` were captured. Calls `out` with everything that is in order now.
    #[inline]
    pub fn segment(&mut self, seq: u32, bytes: &[u8], wire_len: u32, out: &mut impl FnMut(Piece<'_>)) {
        if !self.known {
            self.begin(seq);
        }
        let ahead = seq.wrapping_sub(self.next) as i32;
        if ahead > 0 {
            self.wait(seq, bytes, wire_len);
            if self.waiting.len() > MAX_WAITING || self.held > MAX_HELD {
                self.give_up(out);
            }
            return;
        }
        self.pass(seq, bytes, wire_len, out);
        if !self.waiting.is_empty() {
            self.drain(out);
        }
    }
    /// The other side acknowledged up to here: a hole before it will not be filled (the other side has those bytes, we have not).
    #[inline]
    pub fn acknowledged(&mut self, ack: u32, out: &mut impl FnMut(Piece<'_>)) {
        if !self.known || self.waiting.is_empty() {
            return;
        }
        while let Some((seq, _)) = self.waiting.first() {
            let seq = *seq;
            if ack.wrapping_sub(seq) as i32 <= 0 {
                break;
            }
            self.skip_to(seq, out);
            self.drain(out);
        }
    }
    /// Gives up the first hole.
    pub fn give_up(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        if let Some(seq) = self.waiting.first().map(|w| w.0) {
            self.skip_to(seq, out);
            self.drain(out);
        }
    }
    fn skip_to(&mut self, seq: u32, out: &mut impl FnMut(Piece<'_>)) {
        let lost = seq.wrapping_sub(self.next);
        if lost as i32 > 0 {
            out(Piece::Gap(lost));
            self.next = seq;
        }
    }
    /// Hands over the part of a segment that is new; what the snap length cut off is a gap.
    fn pass(&mut self, seq: u32, bytes: &[u8], wire_len: u32, out: &mut impl FnMut(Piece<'_>)) {
        let old = self.next.wrapping_sub(seq);
        let fresh = wire_len.saturating_sub(old);
        if fresh == 0 {
            return;
        }
        let have = bytes.get(old as usize..).unwrap_or(&[]);
        if !have.is_empty() {
            out(Piece::Data(have));
        }
        let cut = fresh.saturating_sub(have.len() as u32);
        if cut > 0 {
            out(Piece::Gap(cut));
        }
        self.next = self.next.wrapping_add(fresh);
    }
    fn wait(&mut self, seq: u32, bytes: &[u8], wire_len: u32) {
        let next = self.next;
        let rank = seq.wrapping_sub(next);
        let at = self.waiting.partition_point(|w| w.0.wrapping_sub(next) < rank);
        if self.waiting.get(at).is_some_and(|w| w.0 == seq && w.1.len() >= bytes.len()) || bytes.len() < wire_len as usize && bytes.is_empty() {
            return;
        }
        self.held += bytes.len();
        self.waiting.insert(at, (seq, bytes.to_vec()));
    }
    fn drain(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        while let Some((seq, _)) = self.waiting.first() {
            if seq.wrapping_sub(self.next) as i32 > 0 {
                return;
            }
            let (seq, bytes) = self.waiting.remove(0);
            self.held = self.held.saturating_sub(bytes.len());
            self.pass(seq, &bytes, bytes.len() as u32, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(segments: &[(u32, Vec<u8>)], acks: &[(usize, u32)]) -> (Vec<u8>, u64) {
        let mut r = Reorder::default();
        let (mut got, mut lost) = (Vec::new(), 0u64);
        let mut out = |p: Piece<'_>| match p {
            Piece::Data(d) => got.extend_from_slice(d),
            Piece::Gap(n) => lost += u64::from(n),
        };
        r.begin(segments.first().map_or(0, |_| 1000));
        for (i, (seq, b)) in segments.iter().enumerate() {
            r.segment(*seq, b, b.len() as u32, &mut out);
            for (_, ack) in acks.iter().filter(|a| a.0 == i) {
                r.acknowledged(*ack, &mut out);
            }
        }
        (got, lost)
    }

    #[test]
    fn order_overlap_and_gap() {
        let b = |s: &str| s.as_bytes().to_vec();
        assert_eq!(run(&[(1000, b("ab")), (1004, b("ef")), (1002, b("cd"))], &[]), (b("abcdef"), 0));
        assert_eq!(run(&[(1000, b("abcd")), (1002, b("cdef")), (1000, b("abcd"))], &[]), (b("abcdef"), 0));
        assert_eq!(run(&[(1000, b("ab")), (1004, b("ef"))], &[(1, 1006)]), (b("abef"), 2));
        assert_eq!(run(&[(1000, b("ab")), (1004, b("ef"))], &[(1, 1002)]), (b("ab"), 0));
    }

    #[test]
    fn sequence_numbers_wrap() {
        let mut r = Reorder::default();
        let mut got = Vec::new();
        r.begin(u32::MAX - 1);
        for (seq, b) in [(1u32, b"de".as_slice()), (u32::MAX - 1, b"abc")] {
            r.segment(seq, b, b.len() as u32, &mut |p| {
                if let Piece::Data(d) = p {
                    got.extend_from_slice(d)
                }
            });
        }
        assert_eq!(got, b"abcde");
    }

    #[test]
    fn memory_stays_bounded() {
        let mut r = Reorder::default();
        r.begin(0);
        for i in 1..10_000u32 {
            r.segment(i * 2000, &[0; 1400], 1400, &mut |_| {});
            assert!(r.held() <= MAX_HELD + 1400);
        }
    }

    proptest! {
        #[test]
        fn any_order_and_duplication_gives_the_stream(cuts in prop::collection::vec(1usize..9, 1..20), order in prop::collection::vec(0usize..20, 0..60)) {
            let total: usize = cuts.iter().sum();
            let stream: Vec<u8> = (0..total).map(|i| i as u8).collect();
            let mut at = 0;
            let segs: Vec<(u32, Vec<u8>)> = cuts.iter().map(|c| { let s = (1000 + at as u32, stream[at..at + c].to_vec()); at += c; s }).collect();
            let mut sent: Vec<(u32, Vec<u8>)> = order.iter().filter_map(|i| segs.get(*i).cloned()).collect();
            sent.extend(segs.iter().rev().cloned());
            prop_assert_eq!(run(&sent, &[]), (stream, 0));
        }
    }
}
