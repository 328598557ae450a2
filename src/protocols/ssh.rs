//! SSH identification strings (RFC 4253, 4.2).
#![forbid(unsafe_code)]

use super::stream::{Pending, Step};
use super::{Message, Probe, Side, StreamParser, Verdict};
use crate::base::Timestamp;

/// One side's banner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Banner {
    /// Sent by the responder.
    pub server: bool,
    /// The software part, at most 255 bytes.
    pub software: String,
}

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Ssh, probe, reader: super::Reader::Stream(|| Box::new(Banners::new())) };

/// The longest line the RFC allows, its end included.
const LINE: usize = 255;
/// Bytes after which the other side's banner is no longer waited for (a capture that sees one direction).
const PATIENCE: u64 = 64 * 1024;

/// What the line begins with, for the versions there are.
fn version(line: &[u8]) -> Option<&[u8]> {
    [b"SSH-2.0-".as_slice(), b"SSH-1.99-", b"SSH-1.5-"].iter().find_map(|v| line.strip_prefix(*v))
}

fn probe(p: &Probe<'_>) -> Verdict {
    match version(p.payload) {
        Some(_) => Verdict::Certain,
        None if p.payload.len() < 8 && b"SSH-2.0-".starts_with(p.payload) && !p.payload.is_empty() => Verdict::Unsure,
        None => Verdict::NotForUs,
    }
}

/// Waits for one line of each side.
struct Banners {
    sides: [Pending; 2],
    seen: u64,
}

impl Banners {
    fn new() -> Self {
        Banners { sides: [Pending::new(LINE), Pending::new(LINE)], seen: 0 }
    }
    fn side(&mut self, from: Side) -> &mut Pending {
        let [orig, resp] = &mut self.sides;
        if from == Side::Orig { orig } else { resp }
    }
}

impl StreamParser for Banners {
    fn data(&mut self, from: Side, _ts: Timestamp, bytes: &[u8], out: &mut Vec<Message>) {
        self.seen = self.seen.saturating_add(bytes.len() as u64);
        self.side(from).feed(bytes, |w| {
            let line = w.get(..LINE).unwrap_or(w);
            match line.iter().position(|b| *b == b'\n') {
                Some(end) => {
                    let text = version(line).and_then(|_| line.get(..end)).and_then(version);
                    if let Some(text) = text {
                        let text = text.strip_suffix(b"\r").unwrap_or(text);
                        let software = String::from_utf8_lossy(text).into_owned();
                        out.push(Message::Ssh(Box::new(Banner { server: from == Side::Resp, software: fit(software) })));
                    }
                    Step::Stop
                }
                None if w.len() >= LINE => Step::Stop,
                None => Step::Need(w.len() + 1),
            }
        });
    }
    fn gap(&mut self, from: Side, _lost: u64) {
        // The banner is the first line; behind a hole there is none.
        self.side(from).feed(&[0], |_| Step::Stop);
    }
    fn done(&self) -> bool {
        self.sides.iter().all(Pending::stopped) || self.seen > PATIENCE
    }
    fn held(&self) -> usize {
        self.sides.iter().map(Pending::held).sum()
    }
}

/// Replacement characters may have made it longer.
fn fit(mut s: String) -> String {
    s.truncate(s.floor_char_boundary(LINE));
    s
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::stream::tests::{probe_of, read_split};
    use proptest::prelude::*;

    #[test]
    fn both_banners_then_done() {
        let mut p = Banners::new();
        let mut out = Vec::new();
        p.data(Side::Resp, Timestamp(0), b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\0\0\0\x2c", &mut out);
        assert!(!p.done());
        p.data(Side::Orig, Timestamp(0), b"SSH-2.0-PuTTY_Release_0.81\n", &mut out);
        assert!(p.done());
        let got: Vec<_> = out.iter().map(|m| if let Message::Ssh(b) = m { (b.server, b.software.as_str()) } else { panic!() }).collect();
        assert_eq!(got, [(true, "OpenSSH_9.2p1 Debian-2"), (false, "PuTTY_Release_0.81")]);
    }

    #[test]
    fn probes_by_content() {
        assert_eq!(probe_of(probe, b"SSH-2.0-x\r\n", 22), Verdict::Certain);
        assert_eq!(probe_of(probe, b"SSH-", 2222), Verdict::Unsure);
        assert_eq!(probe_of(probe, b"220 ftp ready\r\n", 22), Verdict::NotForUs);
        assert_eq!(probe_of(probe, b"SSH-9.9-x\r\n", 22), Verdict::NotForUs);
    }

    #[test]
    fn no_line_no_banner() {
        let mut p = Banners::new();
        let mut out = Vec::new();
        p.data(Side::Resp, Timestamp(0), &[b"SSH-2.0-".as_slice(), &[b'x'; 300]].concat(), &mut out);
        p.gap(Side::Orig, 9);
        assert!(out.is_empty() && p.done() && p.held() == 0);
    }

    proptest! {
        #[test]
        fn any_split(cuts in prop::collection::vec(0usize..60, 0..6)) {
            let whole = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\nbinary\n\n\n";
            let (a, held) = read_split(Banners::new(), Side::Resp, whole, &cuts);
            prop_assert_eq!(a, read_split(Banners::new(), Side::Resp, whole, &[]).0);
            prop_assert!(held <= 4 * LINE);
        }
    }
}
