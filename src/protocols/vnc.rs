//! VNC's remote frame buffer (RFC 6143, 7.1): versions, the security type that was chosen, and whether the password was right. What follows is the
//! screen, which nobody reads.
#![forbid(unsafe_code)]

use super::field::u32_at;
use super::stream::{Pending, Step};
use super::{Message, Probe, Side, StreamParser, Verdict};
use crate::base::Timestamp;

/// What the opening of a session showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Vnc {
    /// The server's version: major and minor.
    Server {
        /// As it writes it, such as 3 and 8.
        version: (u16, u16),
    },
    /// How the logon ended.
    Logon {
        /// Security type: 1 none, 2 a password.
        security: u8,
        /// The server let the user in.
        accepted: bool,
    },
}

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Vnc, probe, reader: super::Reader::Stream(|| Box::new(Opening::default())) };

/// `RFB 003.008\n`.
const VERSION: usize = 12;
const NONE: u8 = 1;
const PASSWORD: u8 = 2;
const CHALLENGE: usize = 16;
/// The longest thing that is waited for: a list of 255 security types.
const HELD: usize = 256;

/// Major and minor version.
fn version(b: &[u8]) -> Option<(u16, u16)> {
    let text = std::str::from_utf8(b.get(..VERSION)?).ok()?;
    let (major, minor) = text.strip_prefix("RFB ")?.strip_suffix('\n')?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn probe(p: &Probe<'_>) -> Verdict {
    match version(p.payload) {
        Some(_) => Verdict::Certain,
        None if p.payload.len() < VERSION && !p.payload.is_empty() && b"RFB 00".starts_with(p.payload.get(..6).unwrap_or(p.payload)) => {
            Verdict::Unsure
        }
        None => Verdict::NotForUs,
    }
}

/// What the server says next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Awaits {
    #[default]
    Version,
    /// One type that the server chose (version 3.3), or the list of which the client chooses.
    Security,
    Challenge,
    Result,
}

/// Follows both sides up to the server's verdict.
#[derive(Default)]
struct Opening {
    server: Option<Side>,
    sides: [Option<Pending>; 2],
    awaits: Awaits,
    version: (u16, u16),
    chosen: Option<u8>,
    /// The client's version was read: its choice follows.
    greeted: bool,
    over: bool,
}

impl Opening {
    fn told(&mut self, message: Vnc, out: &mut Vec<Message>) {
        out.push(Message::Vnc(message));
    }
    fn server(&mut self, w: &[u8], out: &mut Vec<Message>) -> Step {
        match self.awaits {
            Awaits::Version => {
                let Some(v) = version(w) else { return self.wait_or_stop(w, VERSION) };
                self.version = if self.version == (0, 0) { v } else { self.version.min(v) };
                self.awaits = Awaits::Security;
                self.told(Vnc::Server { version: v }, out);
                Step::Take(VERSION as u64)
            }
            Awaits::Security if self.version < (3, 7) => {
                let Some(kind) = u32_at_be(w) else { return Step::Need(4) };
                self.choose(u8::try_from(kind).unwrap_or(u8::MAX), out);
                Step::Take(4)
            }
            Awaits::Security => {
                let Some(n) = w.first().map(|n| usize::from(*n)) else { return Step::Need(1) };
                if w.len() < 1 + n {
                    return Step::Need(1 + n);
                }
                self.awaits = Awaits::Challenge;
                // No type at all: the server refuses the host, and says why.
                self.over |= n == 0;
                Step::Take(1 + n as u64)
            }
            Awaits::Challenge => match self.chosen {
                Some(PASSWORD) => {
                    if w.len() < CHALLENGE {
                        return Step::Need(CHALLENGE);
                    }
                    self.awaits = Awaits::Result;
                    Step::Take(CHALLENGE as u64)
                }
                // Without a password there is a verdict from version 3.8 on.
                Some(NONE) if self.version >= (3, 8) => self.result(w, out),
                _ => self.stop(),
            },
            Awaits::Result => self.result(w, out),
        }
    }
    fn result(&mut self, w: &[u8], out: &mut Vec<Message>) -> Step {
        let Some(result) = u32_at_be(w) else { return Step::Need(4) };
        if result <= 2 {
            self.told(Vnc::Logon { security: self.chosen.unwrap_or(PASSWORD), accepted: result == 0 }, out);
        }
        self.stop()
    }
    fn client(&mut self, w: &[u8], out: &mut Vec<Message>) -> Step {
        if !self.greeted {
            let Some(v) = version(w) else { return self.wait_or_stop(w, VERSION) };
            // The older of the two is spoken.
            self.version = if self.version == (0, 0) { v } else { self.version.min(v) };
            self.greeted = true;
            return Step::Take(VERSION as u64);
        }
        if self.chosen.is_none() && self.version >= (3, 7) {
            self.chosen = w.first().copied();
            // What is neither has an exchange of its own, mostly under TLS.
            self.over |= !matches!(self.chosen, Some(NONE | PASSWORD));
            if self.chosen == Some(NONE) && self.version < (3, 8) {
                self.told(Vnc::Logon { security: NONE, accepted: true }, out);
                self.over = true;
            }
            return Step::Take(1);
        }
        Step::Take(w.len() as u64)
    }
    /// Version 3.3: the server chooses; without a password it lets everybody in and says nothing more.
    fn choose(&mut self, kind: u8, out: &mut Vec<Message>) {
        self.chosen = Some(kind);
        self.awaits = Awaits::Challenge;
        if kind == NONE {
            self.told(Vnc::Logon { security: NONE, accepted: true }, out);
        }
        self.over |= kind != PASSWORD;
    }
    fn wait_or_stop(&mut self, w: &[u8], want: usize) -> Step {
        if w.len() < want { Step::Need(want) } else { self.stop() }
    }
    fn stop(&mut self) -> Step {
        self.over = true;
        Step::Stop
    }
}

/// Big-endian, as all numbers here.
fn u32_at_be(w: &[u8]) -> Option<u32> {
    u32_at(w, 0).map(u32::swap_bytes)
}

impl StreamParser for Opening {
    fn data(&mut self, from: Side, _ts: Timestamp, bytes: &[u8], out: &mut Vec<Message>) {
        // The server speaks first, whoever opened the connection (a helper may call the screen's owner).
        let server = *self.server.get_or_insert(from);
        let mut pending = self.sides.get_mut(from.index()).and_then(Option::take).unwrap_or_else(|| Pending::new(HELD));
        pending.feed(bytes, |w| match () {
            () if self.over => Step::Stop,
            () if from == server => self.server(w, out),
            () => self.client(w, out),
        });
        if let Some(side) = self.sides.get_mut(from.index()) {
            *side = Some(pending);
        }
    }
    fn gap(&mut self, _from: Side, _lost: u64) {
        self.over = true;
    }
    fn done(&self) -> bool {
        self.over
    }
    fn held(&self) -> usize {
        self.sides.iter().flatten().map(Pending::held).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::stream::tests::probe_of;
    use proptest::prelude::*;

    const S: Side = Side::Resp;
    const C: Side = Side::Orig;

    fn play(turns: &[(Side, &[u8])]) -> (Vec<Message>, bool) {
        let (mut p, mut out) = (Opening::default(), Vec::new());
        for (side, bytes) in turns {
            if !p.done() {
                p.data(*side, Timestamp(0), bytes, &mut out);
            }
        }
        assert!(p.held() <= 8 * HELD);
        (out, p.done())
    }
    fn server(minor: u16) -> Message {
        Message::Vnc(Vnc::Server { version: (3, minor) })
    }
    fn logon(security: u8, accepted: bool) -> Message {
        Message::Vnc(Vnc::Logon { security, accepted })
    }

    #[test]
    fn passwords_are_right_or_wrong() {
        let with = |result: &'static [u8]| {
            play(&[(S, b"RFB 003.008\n"), (C, b"RFB 003.008\n"), (S, &[2, 2, 16]), (C, &[2]), (S, &[9; 16]), (C, &[8; 16]), (S, result)])
        };
        assert_eq!(with(&[0, 0, 0, 0]), (vec![server(8), logon(2, true)], true));
        assert_eq!(with(&[0, 0, 0, 1, 0, 0, 0, 4, b'n', b'o', b'p', b'e']), (vec![server(8), logon(2, false)], true));
        let old = play(&[(S, b"RFB 003.003\n"), (C, b"RFB 003.003\n"), (S, &[0, 0, 0, 2]), (S, &[9; 16]), (C, &[8; 16]), (S, &[0, 0, 0, 1])]);
        assert_eq!(old, (vec![server(3), logon(2, false)], true));
        let open = play(&[(S, b"RFB 003.008\n"), (C, b"RFB 003.008\n"), (S, &[1, 1]), (C, &[1]), (S, &[0, 0, 0, 0])]);
        assert_eq!(open, (vec![server(8), logon(1, true)], true));
        let older = play(&[(S, b"RFB 003.008\n"), (C, b"RFB 003.003\n"), (S, &[0, 0, 0, 2]), (S, &[9; 16]), (C, &[8; 16]), (S, &[0, 0, 0, 1])]);
        assert_eq!(older, (vec![server(8), logon(2, false)], true), "the client speaks the older version");
        let open = play(&[(S, b"RFB 003.007\n"), (C, b"RFB 003.007\n"), (S, &[1, 1]), (C, &[1])]);
        assert_eq!(open, (vec![server(7), logon(1, true)], true), "an open screen of version 3.7 says nothing more");
    }

    #[test]
    fn what_is_hidden_or_refused_is_not_guessed() {
        let tls = play(&[(S, b"RFB 003.008\n"), (C, b"RFB 003.008\n"), (S, &[1, 19]), (C, &[19]), (S, &[0, 2])]);
        assert_eq!(tls, (vec![server(8)], true));
        let closed = play(&[(S, b"RFB 003.008\n"), (C, b"RFB 003.008\n"), (S, &[0, 0, 0, 0, 3, b'b', b'y', b'e'])]);
        assert_eq!(closed, (vec![server(8)], true));
        let mut p = Opening::default();
        p.gap(C, 5);
        assert!(p.done());
        assert_eq!(probe_of(probe, b"RFB 003.889\n", 4711), Verdict::Certain);
        assert_eq!(probe_of(probe, b"RFB 0", 5900), Verdict::Unsure);
        assert_eq!(probe_of(probe, b"RFC 793 says", 5900), Verdict::NotForUs);
    }

    proptest! {
        #[test]
        fn any_bytes_end(turns in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 0..8)) {
            let turns: Vec<(Side, &[u8])> = turns.iter().map(|(c, b)| (if *c { C } else { S }, b.as_slice())).collect();
            play(&[&[(S, b"RFB 003.008\n".as_slice())], turns.as_slice()].concat());
        }
    }
}
