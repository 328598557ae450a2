//! What stays visible of an RDP connection that turned to TLS: the server's certificate where TLS 1.2 shows it, and whether the network-level logon
//! was accepted, from who sends how often in turn.
//!
//! CredSSP ([MS-CSSP] 3.1.5) goes in legs: the client negotiates, the server challenges, the client authenticates, the server proves that it knows
//! the key (or sends an error, or closes), the client delegates its credentials. Only then comes the session's own set-up ([MS-RDPBCGR] 1.3.1.1). With
//! CredSSP-EX the server says in between whether this user may log on ([MS-RDPBCGR] 5.4.2.2). Contents are hidden; turns are not.

use super::super::field::guarded;
use super::super::stream::{Pending, Step};
use super::super::{Message, Side};
use super::Rdp;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

/// selectedProtocol: CredSSP, and with the early answer.
const CREDSSP: u32 = 2;
const CREDSSP_EX: u32 = 8;
/// Records of both sides that are followed: a handshake and a logon have some twenty. Fewer, and a logon with long tickets is lost.
const RECORDS: u16 = 96;
/// A certificate's message that is read; longer ones are skipped.
const CERTIFICATE: usize = 8 * 1024;
/// Records below this are no leg of a logon. A refusal in words is an error code in a TSRequest of some 17 bytes ([MS-CSSP] 2.2.1), an alert is two bytes,
/// a Finished of TLS 1.3 at most 69, with what TLS adds to them; the proof of the key is 48 bytes of cipher text in an envelope, a negotiation more.
const SHORT: usize = 72;
/// Turns of the client with data: negotiate, authenticate, delegate.
const NEGOTIATE: u8 = 1;
const AUTHENTICATE: u8 = 2;
const DELEGATE: u8 = 3;

const CHANGE_CIPHER: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION: u8 = 23;

/// The first answer to a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Leg,
    Short,
}

/// Follows the records of both sides.
pub(super) struct Sealed {
    protocol: u32,
    server: Side,
    sides: [Pending; 2],
    records: u16,
    /// Who sent data last; turns of the client with data.
    last: Option<Side>,
    turns: u8,
    /// What the server said first to the client's newest turn: enough to be a leg of the logon, or an alert or a word too short for anything else.
    answer: Option<Answer>,
    told: bool,
    named: bool,
    lost: bool,
}

impl Sealed {
    pub(super) fn new(protocol: u32, server: Side) -> Sealed {
        let sides = [Pending::new(CERTIFICATE), Pending::new(CERTIFICATE)];
        Sealed { protocol, server, sides, records: 0, last: None, turns: 0, answer: None, told: false, named: false, lost: false }
    }
    /// A network-level logon: else the password is typed into the session's picture, and nobody can see how it went.
    fn has_logon(&self) -> bool {
        matches!(self.protocol, CREDSSP | CREDSSP_EX)
    }
    pub(super) fn done(&self) -> bool {
        self.told || self.lost || self.records >= RECORDS || !self.has_logon() && (self.named || self.turns >= NEGOTIATE)
    }
    pub(super) fn held(&self) -> usize {
        self.sides.iter().map(Pending::held).sum()
    }
    /// Turns cannot be counted over a hole, unless all of it lay within one record.
    pub(super) fn gap(&mut self, from: Side, lost: u64) {
        let [orig, resp] = &mut self.sides;
        let pending = if from == Side::Orig { orig } else { resp };
        self.lost |= !pending.gap(lost);
    }
    pub(super) fn data(&mut self, from: Side, bytes: &[u8], out: &mut Vec<Message>) {
        let [orig, resp] = &mut self.sides;
        let mut pending = std::mem::take(if from == Side::Orig { orig } else { resp });
        pending.feed(bytes, |w| self.record(from, w, out));
        let [orig, resp] = &mut self.sides;
        *(if from == Side::Orig { orig } else { resp }) = pending;
    }
    fn record(&mut self, from: Side, w: &[u8], out: &mut Vec<Message>) -> Step {
        let [kind, 3, _, high, low, ..] = *w else {
            if w.len() < 5 {
                return Step::Need(5);
            }
            self.lost = true;
            return Step::Stop;
        };
        if self.done() || !matches!(kind, CHANGE_CIPHER..=APPLICATION) {
            self.lost |= !self.told;
            return Step::Stop;
        }
        let len = usize::from(u16::from_be_bytes([high, low]));
        if kind == HANDSHAKE && from == self.server && !self.named && len + 5 <= CERTIFICATE {
            let Some(body) = w.get(5..5 + len) else { return Step::Need(5 + len) };
            self.certificate(body, out);
        }
        self.records += 1;
        match kind {
            ALERT if from == self.server => drop(self.answer.get_or_insert(Answer::Short)),
            APPLICATION => self.turn(from, len, out),
            _ => {}
        }
        Step::Take(5 + len as u64)
    }
    /// Data of one side: a new turn if the other side spoke last.
    fn turn(&mut self, from: Side, len: usize, out: &mut Vec<Message>) {
        if from == self.server {
            // Before the client's first turn it is the handshake of TLS 1.3.
            if self.turns > 0 {
                self.last = Some(from);
                // What follows a leg (a good-bye, the session's own small words) takes nothing back.
                let answer = *self.answer.get_or_insert(if len < SHORT { Answer::Short } else { Answer::Leg });
                self.judge(answer, out);
            }
            return;
        }
        // No turn of the client is as short: it is the end of its handshake (RFC 8446, 4.4.4), or its good-bye.
        if len < SHORT {
            return;
        }
        if self.last != Some(from) || self.turns == 0 {
            self.turns = self.turns.saturating_add(1);
            self.answer = None;
        }
        self.last = Some(from);
    }
    /// From the third turn on a leg of the server is the session itself, or the proof of the key where one more leg was needed to agree on a mechanism: the
    /// user is in. CredSSP-EX's early word on a user is short, and who is let in goes on after it.
    fn judge(&mut self, answer: Answer, out: &mut Vec<Message>) {
        if self.has_logon() && !self.told && self.turns >= DELEGATE && answer == Answer::Leg {
            self.told = true;
            out.push(Message::Rdp(Box::new(Rdp::Logon { accepted: true })));
        }
    }
    /// The connection is over: a logon that the server refused after the client had authenticated, before it could go on. A client that goes away
    /// after the server's proof was shown an unknown certificate and asks its user.
    pub(super) fn end(&mut self, out: &mut Vec<Message>) {
        let tried = self.has_logon() && (AUTHENTICATE..=DELEGATE).contains(&self.turns);
        if tried && !self.told && !self.lost && self.answer == Some(Answer::Short) {
            self.told = true;
            out.push(Message::Rdp(Box::new(Rdp::Logon { accepted: false })));
        }
    }
    /// The first certificate of a Certificate message (RFC 5246, 7.4.2), wherever it stands in the record.
    fn certificate(&mut self, mut body: &[u8], out: &mut Vec<Message>) {
        while let [kind, a, b, c, rest @ ..] = body {
            let len = (usize::from(*a) << 16) | (usize::from(*b) << 8) | usize::from(*c);
            let Some(message) = rest.get(..len) else { return };
            if *kind == 11 {
                let Some(der) = first_certificate(message) else { return };
                self.named = true;
                let fingerprint: [u8; 32] = Sha256::digest(der).into();
                out.push(Message::Rdp(Box::new(Rdp::Certificate { subject: subject(der), fingerprint })));
                return;
            }
            body = rest.get(len..).unwrap_or_default();
        }
    }
}

/// Behind the list's length, the first one's length and bytes.
fn first_certificate(message: &[u8]) -> Option<&[u8]> {
    let [_, _, _, a, b, c, rest @ ..] = message else { return None };
    rest.get(..(usize::from(*a) << 16) | (usize::from(*b) << 8) | usize::from(*c))
}

/// The subject's common name: on Windows the computer's.
fn subject(der: &[u8]) -> String {
    let read = guarded(|| {
        let (_, cert) = X509Certificate::from_der(der).ok()?;
        let name = cert.subject().iter_common_name().next().and_then(|n| n.as_str().ok())?;
        Some(name.chars().take(super::COOKIE_CHARS).collect())
    });
    read.ok().flatten().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::SetUp;
    use super::*;
    use crate::base::Timestamp;
    use crate::protocols::StreamParser;

    fn record(kind: u8, len: usize) -> Vec<u8> {
        [&[kind, 3, 3, (len >> 8) as u8, len as u8][..], &vec![0xa5; len]].concat()
    }

    /// Plays turns: `c` or `s`, then records as (kind, length). Returns what was read, the end included.
    fn play(protocol: u8, turns: &[(Side, &[(u8, usize)])], ends: bool) -> Vec<Message> {
        let mut p = SetUp::new();
        let mut out = Vec::new();
        p.data(Side::Resp, Timestamp(0), &[3, 0, 0, 19, 14, 0xd0, 0, 0, 0, 0, 0, 2, 0x1f, 8, 0, protocol, 0, 0, 0], &mut out);
        out.clear();
        for (side, records) in turns {
            for (kind, len) in *records {
                if !p.done() {
                    p.data(*side, Timestamp(0), &record(*kind, *len), &mut out);
                }
            }
        }
        if ends {
            p.end(&mut out);
        }
        out
    }

    fn logon(accepted: bool) -> Vec<Message> {
        vec![Message::Rdp(Box::new(Rdp::Logon { accepted }))]
    }

    const C: Side = Side::Orig;
    const S: Side = Side::Resp;
    /// The handshake of TLS 1.2 (RFC 5246, 7.3) up to the server's end.
    const OLD: &[(Side, &[(u8, usize)])] = &[(C, &[(22, 200)]), (S, &[(22, 1_200)]), (C, &[(22, 260), (20, 1), (22, 40)]), (S, &[(20, 1), (22, 40)])];
    /// Of TLS 1.3 (RFC 8446, 2): the server's part is data, so is the client's end; a ticket follows.
    const NEW: &[(Side, &[(u8, usize)])] =
        &[(C, &[(22, 230)]), (S, &[(22, 120), (20, 1), (23, 30), (23, 900), (23, 280), (23, 69)]), (C, &[(20, 1), (23, 69)]), (S, &[(23, 200)])];

    #[test]
    fn a_network_level_logon_ends_well_or_not() {
        for shake in [OLD, NEW] {
            let with = |rest: &[(Side, &'static [(u8, usize)])]| [shake, rest].concat();
            let guess: &[(Side, &[(u8, usize)])] = &[(C, &[(23, 130)]), (S, &[(23, 330)]), (C, &[(23, 700)])];
            let refused = with(&[guess, &[(S, &[(23, 41)][..])]].concat());
            let broken = with(&[guess, &[(S, &[(21, 26)][..])]].concat());
            let entered = with(&[guess, &[(S, &[(23, 100)][..]), (C, &[(23, 180), (23, 460)]), (S, &[(23, 150)])]].concat());
            let denied = with(&[guess, &[(S, &[(23, 100)][..]), (C, &[(23, 180)]), (S, &[(23, 29)])]].concat());
            let early = with(&[guess, &[(S, &[(23, 100)][..]), (C, &[(23, 180)]), (S, &[(23, 29)]), (C, &[(23, 460)]), (S, &[(23, 150)])]].concat());
            assert_eq!(play(2, &refused, true), logon(false));
            assert_eq!(play(2, &broken, true), logon(false));
            assert_eq!(play(2, &entered, false), logon(true));
            assert_eq!(play(8, &denied, true), logon(false));
            assert_eq!(play(8, &early, false), logon(true));
            // Nobody authenticated, nobody answered, or there is no such logon: nothing is known.
            assert_eq!(play(2, shake, true), []);
            assert_eq!(play(2, &with(guess), true), []);
            assert_eq!(play(2, &with(&guess[..2]), true), [], "the client looked at the certificate and went");
            assert_eq!(play(1, &entered, true), []);
            assert_eq!(play(2, &refused, false), []);
            let asked = with(&[guess, &[(S, &[(23, 100)][..])]].concat());
            assert_eq!(play(2, &asked, true), [], "let in, and gone to ask about the certificate");
            let bye = with(&[guess, &[(S, &[(23, 100), (21, 26)][..]), (C, &[(21, 26)])]].concat());
            assert_eq!(play(2, &bye, true), [], "and the server says good-bye");
            // Kerberos was offered, NTLM chosen: one leg more.
            let agreed: &[(Side, &[(u8, usize)])] =
                &[(C, &[(23, 1_500)]), (S, &[(23, 200)]), (C, &[(23, 160)]), (S, &[(23, 330)]), (C, &[(23, 700)])];
            assert_eq!(play(2, &with(&[agreed, &[(S, &[(23, 41)][..])]].concat()), true), logon(false));
            let further = &[(S, &[(23, 100)][..]), (C, &[(23, 180), (23, 460)]), (S, &[(23, 150)])];
            assert_eq!(play(2, &with(&[agreed, further.as_slice()].concat()), false), logon(true));
            // Restricted administration delegates nothing: its record is as short as a good-bye.
            for protocol in [2, 8] {
                let empty = with(
                    &[guess, &[(S, &[(23, 100)][..]), (C, &[(23, 69)]), (S, &[(23, 29)]), (C, &[(23, 460)]), (S, &[(23, 150), (23, 40)])]].concat(),
                );
                assert_eq!(play(protocol, &empty, true), logon(true));
            }
        }
    }

    #[test]
    fn what_is_lost_or_no_record_ends_the_counting() {
        let mut p = SetUp::new();
        let mut out = Vec::new();
        p.data(S, Timestamp(0), &[3, 0, 0, 19, 14, 0xd0, 0, 0, 0, 0, 0, 2, 0x1f, 8, 0, 2, 0, 0, 0], &mut out);
        p.data(C, Timestamp(0), &record(22, 200)[..50], &mut out);
        p.gap(C, 100);
        assert!(!p.done(), "the hole lay within a record that nobody reads");
        p.gap(C, 100);
        assert!(p.done());
        let mut p = SetUp::new();
        p.data(S, Timestamp(0), &[3, 0, 0, 19, 14, 0xd0, 0, 0, 0, 0, 0, 2, 0x1f, 8, 0, 2, 0, 0, 0], &mut out);
        p.data(C, Timestamp(0), b"GET / HTTP/1.1\r\n", &mut out);
        assert!(p.done());
        // A flood of records is followed so far and no further.
        let mut p = SetUp::new();
        p.data(S, Timestamp(0), &[3, 0, 0, 19, 14, 0xd0, 0, 0, 0, 0, 0, 2, 0x1f, 8, 0, 2, 0, 0, 0], &mut out);
        (0..200).for_each(|_| p.data(C, Timestamp(0), &record(22, 0), &mut out));
        assert!(p.done() && p.held() < 4 * CERTIFICATE);
    }

    #[test]
    fn a_certificate_is_named_if_it_can_be_read() {
        let mut s = Sealed::new(2, S);
        let mut out = Vec::new();
        // Certificate of one entry of four bytes that are none.
        let message = [&[2, 0, 0, 1, 0][..], &[11, 0, 0, 10, 0, 0, 7, 0, 0, 4, 1, 2, 3, 4]].concat();
        let rec = [&[22, 3, 3, 0, message.len() as u8][..], &message].concat();
        for part in rec.chunks(3) {
            s.data(S, part, &mut out);
        }
        let fingerprint: [u8; 32] = Sha256::digest([1, 2, 3, 4]).into();
        assert_eq!(out, [Message::Rdp(Box::new(Rdp::Certificate { subject: String::new(), fingerprint }))]);
        // Lengths that lie.
        let mut s = Sealed::new(2, S);
        out.clear();
        s.data(S, &[22, 3, 3, 0, 10, 11, 0, 0, 200, 0, 0, 7, 0, 0, 4], &mut out);
        assert!(out.is_empty());
    }
}
