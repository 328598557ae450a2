//! Writes one JSON object after the other into one reusable buffer (RFC 8259): no allocation per line, no intermediate values.

use super::clean::is_unsafe;
use crate::base::{Addr, Mac, Timestamp};
use std::fmt::Write;

/// How a line writes its times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// `2026-11-21T10:00:00.000000000Z`: ours.
    Nanos,
    /// `2026-11-21T10:00:00.000000+0000`: EVE.
    Eve,
}

/// A JSON object under construction. Keys are our own constants and never need escaping. Every value is followed by a comma; what closes an
/// object or a list takes the last one away.
#[derive(Debug)]
pub struct Line {
    /// Bytes of the line, then spare room.
    buf: Vec<u8>,
    /// Where the next byte goes.
    at: usize,
    clock: Clock,
    /// Whole seconds written lately, quoted and with room for the fraction, by their last two bits: lines follow each other closely in time.
    seconds: [(u64, [u8; TIME]); 4],
}

impl Line {
    /// An empty buffer.
    pub fn new(clock: Clock) -> Line {
        let zero = (0, second(Timestamp(0), clock));
        Line { buf: vec![0; 2048], at: 0, clock, seconds: [zero; 4] }
    }
    /// Forgets what was written and opens an object.
    pub fn begin(&mut self) {
        self.at = 0;
        self.byte(b'{');
    }
    /// Closes the object, ends the line, and yields its bytes.
    pub fn end(&mut self) -> &[u8] {
        self.shut(b'}');
        self.byte(b'\n');
        self.buf.get(..self.at).unwrap_or_default()
    }
    /// Room for `n` bytes, which count as written.
    #[inline(always)]
    fn room(&mut self, n: usize) -> &mut [u8] {
        let from = self.at;
        let to = from.saturating_add(n);
        if to > self.buf.len() {
            self.grow(to);
        }
        self.at = to;
        self.buf.get_mut(from..to).unwrap_or_default()
    }
    #[cold]
    #[inline(never)]
    fn grow(&mut self, to: usize) {
        self.buf.resize(to.saturating_mul(2), 0);
    }
    #[inline(always)]
    fn byte(&mut self, b: u8) {
        if let [slot] = self.room(1) {
            *slot = b;
        }
    }
    #[inline(always)]
    fn bytes(&mut self, b: &[u8]) {
        let room = self.room(b.len());
        if room.len() == b.len() {
            room.copy_from_slice(b);
        }
    }
    /// Bytes between quotes.
    #[inline(always)]
    fn quoted(&mut self, b: &[u8]) {
        if let [open, body @ .., close] = self.room(b.len() + 2)
            && body.len() == b.len()
        {
            (*open, *close) = (b'"', b'"');
            body.copy_from_slice(b);
        }
    }
    /// Closes an object or a list: in place of the comma behind its last value, if there is one.
    #[inline]
    fn shut(&mut self, with: u8) {
        match self.at.checked_sub(1).and_then(|last| self.buf.get_mut(last)) {
            Some(b) if *b == b',' => *b = with,
            _ => self.byte(with),
        }
    }
    #[inline(always)]
    fn key(&mut self, k: &'static str) {
        let k = k.as_bytes();
        if let [open, body @ .., close, colon] = self.room(k.len() + 3)
            && body.len() == k.len()
        {
            (*open, *close, *colon) = (b'"', b'"', b':');
            body.copy_from_slice(k);
        }
    }
    /// Opens an object under a key.
    #[inline(always)]
    pub fn object(&mut self, k: &'static str) {
        self.key(k);
        self.byte(b'{');
    }
    /// An object as an array's element.
    pub fn element_of(&mut self, fill: impl FnOnce(&mut Line)) {
        self.byte(b'{');
        fill(self);
        self.shut(b'}');
    }
    /// A quoted element that displays itself without quotes, backslashes or control characters.
    pub fn quote_display(&mut self, v: impl std::fmt::Display) {
        self.byte(b'"');
        // The buffer takes every byte.
        let _ = write!(Text(self), "{v}");
        self.byte(b'"');
    }
    /// Closes the innermost object.
    #[inline]
    pub fn close(&mut self) {
        self.shut(b'}');
        self.byte(b',');
    }
    /// A list of texts. Nothing is written for an empty list.
    pub fn texts<S: AsRef<str>>(&mut self, k: &'static str, items: impl IntoIterator<Item = S>) {
        self.list(k, items, |l, s| l.quote(s.as_ref()));
    }
    /// A list written element by element. Nothing is written for an empty list: closed EVE arrays want at least one item.
    pub fn list<T>(&mut self, k: &'static str, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Line, T)) {
        let before = self.at;
        self.key(k);
        self.byte(b'[');
        let empty = self.at;
        for i in items {
            each(self, i);
            self.byte(b',');
        }
        if self.at == empty {
            self.at = before;
            return;
        }
        self.shut(b']');
        self.byte(b',');
    }
    /// A text that may hold anything.
    pub fn text(&mut self, k: &'static str, v: &str) {
        self.key(k);
        self.quote(v);
        self.byte(b',');
    }
    /// A text if there is one.
    pub fn maybe(&mut self, k: &'static str, v: Option<&str>) {
        if let Some(v) = v {
            self.text(k, v);
        }
    }
    /// A word of our own that needs no escaping.
    #[inline(always)]
    pub fn word(&mut self, k: &'static str, v: &str) {
        self.key(k);
        self.quoted(v.as_bytes());
        self.byte(b',');
    }
    /// The same from bytes.
    #[inline(always)]
    pub fn ascii(&mut self, k: &'static str, v: &[u8]) {
        self.key(k);
        self.quoted(v);
        self.byte(b',');
    }
    /// Anything that displays itself without quotes, backslashes or control characters.
    pub fn display(&mut self, k: &'static str, v: impl std::fmt::Display) {
        self.key(k);
        self.quote_display(v);
        self.byte(b',');
    }
    /// A number.
    #[inline(always)]
    pub fn uint(&mut self, k: &'static str, v: u64) {
        self.key(k);
        self.number(v);
        self.byte(b',');
    }
    /// True or false.
    #[inline(always)]
    pub fn flag(&mut self, k: &'static str, v: bool) {
        self.key(k);
        self.bytes(if v { b"true," } else { b"false," });
    }
    /// An address.
    #[inline(always)]
    pub fn addr(&mut self, k: &'static str, a: Addr) {
        self.key(k);
        self.put_addr(a);
        self.byte(b',');
    }
    /// A MAC.
    #[inline(always)]
    pub fn mac(&mut self, k: &'static str, m: Mac) {
        self.key(k);
        self.put_mac(m);
        self.byte(b',');
    }
    /// A time in this line's clock.
    #[inline(always)]
    pub fn time(&mut self, k: &'static str, t: Timestamp) {
        self.key(k);
        self.put_time(t);
        self.byte(b',');
    }
    /// A value that serialises itself; used for small open objects only.
    pub fn value(&mut self, k: &'static str, v: &impl serde::Serialize) {
        self.key(k);
        let mut text = Vec::new();
        super::json::append(&mut text, v);
        self.bytes(&text);
        self.byte(b',');
    }
    /// A quoted address as an element.
    pub fn put_addr(&mut self, a: Addr) {
        let Some(v4) = a.as_v4() else { return self.quote_display(a) };
        // Room for the longest; what is behind the last digit does not count.
        let mut out = *b"\"255.255.255.255..";
        let mut len = 1;
        for b in v4.to_be_bytes() {
            let (text, more) = OCTETS.get(usize::from(b)).copied().unwrap_or_default();
            if let Some(slot) = out.get_mut(len..len + 4) {
                slot.copy_from_slice(&text);
            }
            len += usize::from(more);
        }
        // In place of the last dot.
        if let Some(slot) = out.get_mut(len - 1) {
            *slot = b'"';
        }
        self.bytes(&out);
        self.at -= out.len() - len;
    }
    fn put_mac(&mut self, m: Mac) {
        let mut out = *b"\"00:00:00:00:00:00\"";
        for (slot, b) in out.chunks_exact_mut(3).zip(m.0) {
            if let [_, hi, lo] = slot {
                [*hi, *lo] = HEX.get(usize::from(b)).copied().unwrap_or_default();
            }
        }
        self.bytes(&out);
    }
    #[inline]
    fn put_time(&mut self, t: Timestamp) {
        let (secs, clock) = (t.secs(), self.clock);
        let Some(kept) = self.seconds.get_mut((secs & 3) as usize) else { return };
        if kept.0 != secs {
            *kept = (secs, second(t, clock));
        }
        let mut text = kept.1;
        let nanos = t.subsec_nanos();
        match clock {
            Clock::Eve => {
                let [_, _, micros @ ..] = eight(nanos / 1000);
                if let Some(slot) = text.get_mut(21..27) {
                    slot.copy_from_slice(&micros);
                }
                self.bytes(&text);
            }
            Clock::Nanos => {
                if let Some([first, rest @ ..]) = text.get_mut(21..30) {
                    *first = b'0' + (nanos / 100_000_000) as u8;
                    rest.copy_from_slice(&eight(nanos % 100_000_000));
                }
                self.bytes(&text);
                // A byte shorter than the other.
                self.at -= 1;
            }
        }
    }
    /// A number as an element.
    #[inline]
    pub fn number(&mut self, v: u64) {
        if v < 10 {
            return self.byte(b'0' + v as u8);
        }
        if v >= 100_000_000 {
            let (high, low) = (v / 100_000_000, v % 100_000_000);
            self.number(high);
            return self.bytes(&eight(low as u32));
        }
        // Eight digits, written without the zeros in front: what is behind the last one does not count.
        let all = u64::from_le_bytes(eight(v as u32));
        let zeros = ((all & 0x0f0f_0f0f_0f0f_0f0f).trailing_zeros() / 8).min(7);
        self.bytes(&(all >> (8 * zeros)).to_le_bytes());
        self.at -= zeros as usize;
    }
    /// A quoted text as an element.
    pub fn quote(&mut self, s: &str) {
        if is_plain(s.as_bytes()) {
            return self.quoted(s.as_bytes());
        }
        let mut text = Vec::with_capacity(s.len() + 16);
        quote_into(&mut text, s);
        self.quoted(&text);
    }
}

/// Lets things that display themselves write into a line.
struct Text<'a>(&'a mut Line);

impl Write for Text<'_> {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        self.0.bytes(s.as_bytes());
        Ok(())
    }
}

/// Each byte in decimal with a dot behind it, and how long that is; what is behind it is written over.
static OCTETS: [([u8; 4], u8); 256] = octets();

#[allow(clippy::indexing_slicing)]
const fn octets() -> [([u8; 4], u8); 256] {
    let mut all = [([0; 4], 0u8); 256];
    let mut b = 0;
    while b < 256 {
        let (h, t, o) = (b'0' + (b / 100) as u8, b'0' + (b / 10 % 10) as u8, b'0' + (b % 10) as u8);
        all[b] = match b {
            0..=9 => ([o, b'.', 0, 0], 2),
            10..=99 => ([t, o, b'.', 0], 3),
            _ => ([h, t, o, b'.'], 4),
        };
        b += 1;
    }
    all
}

/// The eight digits of a number below a hundred million. Two, four and eight at a time in one register: dividing by multiplying, as compilers do.
#[inline]
const fn eight(v: u32) -> [u8; 8] {
    let v = v as u64;
    // Four digits in each half, then two in each quarter, then one in each byte; the first digit is the lowest byte.
    let halves = (v / 10_000) | ((v % 10_000) << 32);
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let quarters = hundreds | ((halves - 100 * hundreds) << 16);
    let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    let bytes = tens | ((quarters - 10 * tens) << 8);
    (bytes | 0x3030_3030_3030_3030).to_le_bytes()
}

const fn hex(nibble: u8) -> u8 {
    nibble + if nibble < 10 { b'0' } else { b'a' - 10 }
}

/// The two digits of every byte.
static HEX: [[u8; 2]; 256] = hexes();

#[allow(clippy::indexing_slicing)]
const fn hexes() -> [[u8; 2]; 256] {
    let mut all = [[0; 2]; 256];
    let mut b = 0;
    while b < 256 {
        all[b] = [hex((b >> 4) as u8), hex((b & 15) as u8)];
        b += 1;
    }
    all
}

/// Length of a quoted time of EVE; one of ours is a byte shorter.
const TIME: usize = 33;

/// The second of a time, quoted, with zeros for its fraction.
fn second(t: Timestamp, clock: Clock) -> [u8; TIME] {
    let (y, mo, d, h, mi, s) = t.civil();
    let mut out = match clock {
        Clock::Eve => *b"\"0000-00-00T00:00:00.000000+0000\"",
        Clock::Nanos => *b"\"0000-00-00T00:00:00.000000000Z\" ",
    };
    let two = |v: u32| [b'0' + (v / 10 % 10) as u8, b'0' + (v % 10) as u8];
    let y = y.clamp(0, 9999) as u32;
    let parts = [(1, two(y / 100)), (3, two(y % 100)), (6, two(mo)), (9, two(d)), (12, two(h)), (15, two(mi)), (18, two(s))];
    for (at, digits) in parts {
        if let Some(slot) = out.get_mut(at..at + 2) {
            slot.copy_from_slice(&digits);
        }
    }
    out
}

/// Bytes that stand in a JSON string as they are: printable ASCII but for the quote and the backslash.
static PLAIN: [bool; 256] = plain();

#[allow(clippy::indexing_slicing)]
const fn plain() -> [bool; 256] {
    let mut all = [false; 256];
    let mut b = b' ' as usize;
    while b <= b'~' as usize {
        all[b] = b != b'"' as usize && b != b'\\' as usize;
        b += 1;
    }
    all
}

#[inline]
fn is_plain(b: &[u8]) -> bool {
    b.iter().fold(true, |all, b| all & PLAIN.get(usize::from(*b)).copied().unwrap_or(false))
}

/// The inside of a JSON string: what RFC 8259 wants escaped, and what [`is_unsafe`] for a terminal, as `\uXXXX`.
pub fn quote_into(out: &mut Vec<u8>, s: &str) {
    let clean = if is_plain(s.as_bytes()) { s.len() } else { s.bytes().position(|b| !is_plain(&[b])).unwrap_or(s.len()) };
    let (head, tail) = s.split_at_checked(clean).unwrap_or((s, ""));
    out.extend_from_slice(head.as_bytes());
    for c in tail.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            c if is_unsafe(c) => {
                let mut units = [0u16; 2];
                for u in c.encode_utf16(&mut units) {
                    let n = |shift: u16| hex((*u >> shift & 15) as u8);
                    out.extend_from_slice(&[b'\\', b'u', n(12), n(8), n(4), n(0)]);
                }
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writes_what_the_types_display() {
        let mut l = Line::new(Clock::Nanos);
        let t = Timestamp::new(1_795_255_200, 5);
        l.begin();
        l.time("t", t);
        l.addr("a", "10.0.200.255".parse().unwrap());
        l.addr("b", "2001:db8::1".parse().unwrap());
        l.mac("m", Mac([0, 0x1a, 0xff, 9, 0xa0, 1]));
        l.uint("n", u64::MAX);
        l.uint("z", 0);
        l.list("none", Vec::<u64>::new(), Line::number);
        l.list("v", [1u64, 20], Line::number);
        l.object("o");
        l.flag("f", true);
        l.close();
        let s = std::str::from_utf8(l.end()).unwrap();
        let want = "{\"t\":\"2026-11-21T10:00:00.000000005Z\",\"a\":\"10.0.200.255\",\"b\":\"2001:db8::1\",\"m\":\"00:1a:ff:09:a0:01\",\
                    \"n\":18446744073709551615,\"z\":0,\"v\":[1,20],\"o\":{\"f\":true}}\n";
        assert_eq!(s, want);
        let mut e = Line::new(Clock::Eve);
        e.begin();
        e.time("t", Timestamp::new(1_795_255_200, 123_456_789));
        assert_eq!(e.end(), b"{\"t\":\"2026-11-21T10:00:00.123456+0000\"}\n");
    }

    #[test]
    fn numbers_of_every_length() {
        let mut l = Line::new(Clock::Nanos);
        let edges = (0..20).flat_map(|n| [10u64.pow(n) - 1, 10u64.pow(n), 10u64.pow(n) + 7]).chain([u64::MAX, 99_999_999, 100_000_000, 12_345_678]);
        for v in edges.chain((0..20_000).map(|n| n * 4_999)) {
            l.at = 0;
            l.number(v);
            assert_eq!(std::str::from_utf8(&l.buf[..l.at]).unwrap(), v.to_string());
        }
        for v in [0u32, 1, 9, 10, 99, 100, 999, 1000, 9_999, 10_000, 123_456, 99_999_999] {
            assert_eq!(std::str::from_utf8(&eight(v)).unwrap(), format!("{v:08}"));
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_through_a_json_reader(s in any::<String>(), n in any::<u64>(), t in any::<u64>()) {
            let mut l = Line::new(Clock::Nanos);
            l.begin();
            l.text("s", &s);
            l.uint("n", n);
            l.time("t", Timestamp(t));
            let bytes = l.end();
            prop_assert!(!std::str::from_utf8(bytes).unwrap().trim_end().chars().any(is_unsafe));
            let v: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            prop_assert_eq!(v["s"].as_str(), Some(s.as_str()));
            prop_assert_eq!(v["n"].as_u64(), Some(n));
            prop_assert_eq!(v["t"].as_str().unwrap(), Timestamp(t).to_string());
        }
    }
}
