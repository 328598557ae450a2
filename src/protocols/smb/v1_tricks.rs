//! Transactions of SMB 1 that the documents reserve or forbid and exploits are made of ([MS-CIFS] 2.2.6.15, 2.2.7.5, 3.2.4.1.5): two numbers per
//! connection are remembered, and nothing of the content.

use super::super::Message;
use super::super::field::u16_at;
use super::life::{Trick, Work};
use super::v1::{Block, Header};

const TRANSACTION: u8 = 0x25;
const TRANSACTION_SECONDARY: u8 = 0x26;
const TRANSACTION2: u8 = 0x32;
const TRANSACTION2_SECONDARY: u8 = 0x33;
const NT_TRANSACT: u8 = 0xa0;
const NT_TRANSACT_SECONDARY: u8 = 0xa1;
/// TRANS2_SESSION_SETUP (2.2.6.15).
const SESSION_SETUP: u16 = 0x0e;
/// NT_TRANSACT_RENAME (2.2.7.5).
const RENAME: u16 = 5;
/// By so much the back door raises the multiplex id of what it answers; honest servers repeat it and say that they know no such thing.
const RAISED: u32 = 16;

/// Commands looked at here alone.
pub(super) fn reads(command: u8) -> bool {
    matches!(command, NT_TRANSACT | TRANSACTION2_SECONDARY)
}

/// What is remembered of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Memory {
    /// The transaction begun last: process and multiplex id, command.
    begun: Option<(u32, u8)>,
    /// The id under which the back door was asked.
    asked: Option<u32>,
}

impl Memory {
    /// A request.
    pub(super) fn request(&mut self, h: &Header, command: u8, b: &Block<'_>, out: &mut Vec<Message>) {
        let secondary = match command {
            TRANSACTION_SECONDARY => Some(TRANSACTION),
            TRANSACTION2_SECONDARY => Some(TRANSACTION2),
            NT_TRANSACT_SECONDARY => Some(NT_TRANSACT),
            _ => None,
        };
        if let Some(kind) = secondary {
            // Told once: a long transaction has many parts.
            if self.begun.is_some_and(|(id, begun)| id == h.id && begun != kind) {
                self.begun = None;
                tell(Trick::MixedKinds, out);
            }
            return;
        }
        if matches!(command, TRANSACTION | TRANSACTION2 | NT_TRANSACT) {
            self.begun = Some((h.id, command));
        }
        match command {
            TRANSACTION2 if u16_at(b.words, 28) == Some(SESSION_SETUP) => {
                self.asked = Some(h.id);
                tell(Trick::SessionSetup, out);
            }
            NT_TRANSACT if u16_at(b.words, 36) == Some(RENAME) => tell(Trick::Rename, out),
            _ => {}
        }
    }
    /// An answer.
    pub(super) fn response(&mut self, h: &Header, command: u8, out: &mut Vec<Message>) {
        if command == TRANSACTION2
            && let Some(asked) = self.asked.take()
            && (h.id == asked.wrapping_add(RAISED) || h.id == asked && h.status == 0)
        {
            tell(Trick::BackDoor, out);
        }
    }
}

fn tell(trick: Trick, out: &mut Vec<Message>) {
    out.push(Message::SmbWork(Box::new(Work::Trick(trick))));
}

#[cfg(test)]
mod tests {
    use super::super::build::{NT_STATUS, frame, v1};
    use super::super::frame::Reader;
    use super::*;
    use crate::base::Timestamp;
    use crate::protocols::{Side, StreamParser};

    /// A message with so many words, of which one is set.
    fn message(command: u8, status: Option<u32>, mid: u16, words: usize, set: Option<(usize, u16)>) -> Vec<u8> {
        let mut all = vec![0u16; words];
        if let Some((at, value)) = set {
            all[at] = value;
        }
        let words = all.iter().flat_map(|w| w.to_le_bytes()).collect();
        v1(command, status, NT_STATUS, mid, &[(words, vec![])], &[])
    }
    fn tricks(messages: &[Vec<u8>]) -> Vec<Trick> {
        let (mut p, mut out) = (Reader::new(), Vec::new());
        for m in messages {
            let side = if m[9] & 0x80 != 0 { Side::Resp } else { Side::Orig };
            p.data(side, Timestamp(0), &frame(m), &mut out);
        }
        let trick = |m: &Message| match m {
            Message::SmbWork(w) => match w.as_ref() {
                Work::Trick(t) => Some(*t),
                _ => None,
            },
            _ => None,
        };
        out.iter().filter_map(trick).collect()
    }

    #[test]
    fn a_back_door_is_there_only_if_it_answers_as_no_server_does() {
        let ask = |sub| message(0x32, None, 65, 15, Some((14, sub)));
        let answer = |mid| message(0x32, Some(0xc000_0002), mid, 0, None);
        assert_eq!(tricks(&[ask(0x0e), answer(65)]), [Trick::SessionSetup]);
        assert_eq!(tricks(&[ask(0x0e), answer(81)]), [Trick::SessionSetup, Trick::BackDoor]);
        assert_eq!(tricks(&[ask(0x0e), message(0x32, Some(0), 65, 0, None)]), [Trick::SessionSetup, Trick::BackDoor], "it was done");
        assert_eq!(tricks(&[ask(5), answer(81)]), []);
    }

    #[test]
    fn a_transaction_goes_on_as_it_began() {
        let nt = message(0xa0, None, 64, 20, None);
        let part = |command, mid| message(command, None, mid, 9, None);
        assert_eq!(tricks(&[nt.clone(), part(0x33, 64), part(0x33, 64)]), [Trick::MixedKinds]);
        assert_eq!(tricks(&[nt.clone(), part(0xa1, 64)]), []);
        assert_eq!(tricks(&[message(0x32, None, 64, 15, Some((14, 1))), part(0x33, 64)]), []);
        assert_eq!(tricks(&[nt.clone(), part(0x33, 70)]), [], "another one");
        let (mut p, mut out) = (Reader::new(), Vec::new());
        p.data(Side::Orig, Timestamp(0), &frame(&nt), &mut out);
        p.gap(Side::Orig, 500);
        p.data(Side::Orig, Timestamp(0), &frame(&part(0x33, 64)), &mut out);
        assert_eq!(out, [], "what began in the hole is not known");
        assert_eq!(tricks(&[message(0xa0, None, 1, 20, Some((18, 5)))]), [Trick::Rename]);
    }
}
