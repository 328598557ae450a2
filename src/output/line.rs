//! Writes one JSON object after the other into one reusable buffer (RFC 8259): no allocation per line, no intermediate values.

use super::clean::is_unsafe;
use crate::base::{Addr, Mac, Timestamp};
use std::io::Write;

/// How a line writes its times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// `2026-11-21T10:00:00.000000000Z`: ours.
    Nanos,
    /// `2026-11-21T10:00:00.000000+0000`: EVE.
    Eve,
}

/// A JSON object under construction. Keys are our own constants and never need escaping.
#[derive(Debug)]
pub struct Line {
    buf: Vec<u8>,
    clock: Clock,
    /// The last whole second written, as text: lines follow each other closely in time.
    second: Option<(u64, [u8; 19])>,
}

impl Line {
    /// An empty buffer.
    pub fn new(clock: Clock) -> Line {
        Line { buf: Vec::with_capacity(1024), clock, second: None }
    }
    /// Forgets what was written and opens an object.
    pub fn begin(&mut self) {
        self.buf.clear();
        self.buf.push(b'{');
    }
    /// Closes the object, ends the line, and yields its bytes.
    pub fn end(&mut self) -> &[u8] {
        self.buf.extend_from_slice(b"}\n");
        &self.buf
    }
    #[inline]
    fn comma(&mut self) {
        if !matches!(self.buf.last(), Some(b'{' | b'[') | None) {
            self.buf.push(b',');
        }
    }
    #[inline]
    fn key(&mut self, k: &'static str) {
        self.comma();
        self.buf.push(b'"');
        self.buf.extend_from_slice(k.as_bytes());
        self.buf.extend_from_slice(b"\":");
    }
    /// Opens an object under a key.
    pub fn object(&mut self, k: &'static str) {
        self.key(k);
        self.buf.push(b'{');
    }
    /// An object as an array's element.
    pub fn element_of(&mut self, fill: impl FnOnce(&mut Line)) {
        self.buf.push(b'{');
        fill(self);
        self.buf.push(b'}');
    }
    /// A quoted element that displays itself without quotes, backslashes or control characters.
    pub fn quote_display(&mut self, v: impl std::fmt::Display) {
        let _ = write!(self.buf, "\"{v}\"");
    }
    /// Closes the innermost object.
    pub fn close(&mut self) {
        self.buf.push(b'}');
    }
    /// A list of texts. Nothing is written for an empty list.
    pub fn texts<S: AsRef<str>>(&mut self, k: &'static str, items: impl IntoIterator<Item = S>) {
        self.list(k, items, |l, s| l.quote(s.as_ref()));
    }
    /// A list written element by element. Nothing is written for an empty list: closed EVE arrays want at least one item.
    pub fn list<T>(&mut self, k: &'static str, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Line, T)) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            return;
        }
        self.key(k);
        self.buf.push(b'[');
        for i in items {
            self.comma();
            each(self, i);
        }
        self.buf.push(b']');
    }
    /// A text that may hold anything.
    pub fn text(&mut self, k: &'static str, v: &str) {
        self.key(k);
        self.quote(v);
    }
    /// A text if there is one.
    pub fn maybe(&mut self, k: &'static str, v: Option<&str>) {
        if let Some(v) = v {
            self.text(k, v);
        }
    }
    /// A word of our own that needs no escaping.
    #[inline]
    pub fn word(&mut self, k: &'static str, v: &str) {
        self.key(k);
        self.buf.push(b'"');
        self.buf.extend_from_slice(v.as_bytes());
        self.buf.push(b'"');
    }
    /// Anything that displays itself without quotes, backslashes or control characters.
    pub fn display(&mut self, k: &'static str, v: impl std::fmt::Display) {
        self.key(k);
        self.buf.push(b'"');
        // A vector takes every byte.
        let _ = write!(self.buf, "{v}");
        self.buf.push(b'"');
    }
    /// A number.
    #[inline]
    pub fn uint(&mut self, k: &'static str, v: u64) {
        self.key(k);
        self.number(v);
    }
    /// True or false.
    pub fn flag(&mut self, k: &'static str, v: bool) {
        self.key(k);
        self.buf.extend_from_slice(if v { b"true" } else { b"false" });
    }
    /// An address.
    #[inline]
    pub fn addr(&mut self, k: &'static str, a: Addr) {
        self.key(k);
        self.put_addr(a);
    }
    /// A MAC.
    #[inline]
    pub fn mac(&mut self, k: &'static str, m: Mac) {
        self.key(k);
        self.put_mac(m);
    }
    /// A time in this line's clock.
    #[inline]
    pub fn time(&mut self, k: &'static str, t: Timestamp) {
        self.key(k);
        self.put_time(t);
    }
    /// A value that serialises itself; used for small open objects only.
    pub fn value(&mut self, k: &'static str, v: &impl serde::Serialize) {
        self.key(k);
        super::json::append(&mut self.buf, v);
    }
    /// A quoted address as an element.
    pub fn put_addr(&mut self, a: Addr) {
        self.buf.push(b'"');
        match a.as_v4() {
            Some(v4) => {
                let [a, b, c, d] = v4.to_be_bytes();
                self.octet(a);
                self.buf.push(b'.');
                self.octet(b);
                self.buf.push(b'.');
                self.octet(c);
                self.buf.push(b'.');
                self.octet(d);
            }
            None => {
                let _ = write!(self.buf, "{a}");
            }
        }
        self.buf.push(b'"');
    }
    fn put_mac(&mut self, m: Mac) {
        let mut out = *b"\"00:00:00:00:00:00\"";
        for (slot, b) in out.chunks_exact_mut(3).zip(m.0) {
            if let [_, hi, lo] = slot {
                *hi = hex(b >> 4);
                *lo = hex(b & 15);
            }
        }
        self.buf.extend_from_slice(&out);
    }
    fn put_time(&mut self, t: Timestamp) {
        let secs = t.secs();
        let text = match self.second {
            Some((s, text)) if s == secs => text,
            _ => {
                let text = second(t);
                self.second = Some((secs, text));
                text
            }
        };
        self.buf.push(b'"');
        self.buf.extend_from_slice(&text);
        self.buf.push(b'.');
        match self.clock {
            Clock::Nanos => {
                self.fraction::<9>(t.subsec_nanos());
                self.buf.extend_from_slice(b"Z\"");
            }
            Clock::Eve => {
                self.fraction::<6>(t.subsec_nanos() / 1000);
                self.buf.extend_from_slice(b"+0000\"");
            }
        }
    }
    fn fraction<const N: usize>(&mut self, mut v: u32) {
        let mut out = [b'0'; N];
        for d in out.iter_mut().rev() {
            *d = b'0' + (v % 10) as u8;
            v /= 10;
        }
        self.buf.extend_from_slice(&out);
    }
    #[inline]
    fn octet(&mut self, b: u8) {
        if b >= 100 {
            self.buf.push(b'0' + b / 100);
        }
        if b >= 10 {
            self.buf.push(b'0' + b / 10 % 10);
        }
        self.buf.push(b'0' + b % 10);
    }
    /// A number as an element.
    #[inline]
    pub fn number(&mut self, mut v: u64) {
        let mut out = [b'0'; 20];
        let mut len = 0;
        for d in out.iter_mut().rev() {
            *d = b'0' + (v % 10) as u8;
            v /= 10;
            len += 1;
            if v == 0 {
                break;
            }
        }
        self.buf.extend_from_slice(out.get(20 - len..).unwrap_or(b"0"));
    }
    /// A quoted text as an element.
    pub fn quote(&mut self, s: &str) {
        self.buf.push(b'"');
        quote_into(&mut self.buf, s);
        self.buf.push(b'"');
    }
}

const fn hex(nibble: u8) -> u8 {
    nibble + if nibble < 10 { b'0' } else { b'a' - 10 }
}

fn second(t: Timestamp) -> [u8; 19] {
    let (y, mo, d, h, mi, s) = t.civil();
    let mut out = *b"0000-00-00T00:00:00";
    let two = |v: u32| [b'0' + (v / 10 % 10) as u8, b'0' + (v % 10) as u8];
    let y = y.clamp(0, 9999) as u32;
    let parts = [(0, two(y / 100)), (2, two(y % 100)), (5, two(mo)), (8, two(d)), (11, two(h)), (14, two(mi)), (17, two(s))];
    for (at, digits) in parts {
        if let Some(slot) = out.get_mut(at..at + 2) {
            slot.copy_from_slice(&digits);
        }
    }
    out
}

/// The inside of a JSON string: what RFC 8259 wants escaped, and what [`is_unsafe`] for a terminal, as `\uXXXX`.
pub fn quote_into(out: &mut Vec<u8>, s: &str) {
    let plain = |b: &u8| matches!(*b, b' '..=b'~') && *b != b'"' && *b != b'\\';
    let clean = s.bytes().position(|b| !plain(&b)).unwrap_or(s.len());
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
