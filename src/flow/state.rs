//! conn_state and history, as Zeek defines them (conn.log).

use std::fmt;

/// Zeek's summary of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum ConnState {
    /// Attempt seen, no reply.
    S0,
    /// Established, not ended.
    S1,
    /// Established, close attempt by the originator only.
    S2,
    /// Established, close attempt by the responder only.
    S3,
    /// Normal end.
    SF,
    /// Rejected.
    REJ,
    /// Established, originator aborted.
    RSTO,
    /// Responder sent a reset.
    RSTR,
    /// Originator sent a SYN, then a reset; no answer seen.
    RSTOS0,
    /// Responder sent SYN-ACK, then a reset; no SYN of the originator seen.
    RSTRH,
    /// Originator sent a SYN, then a FIN; no answer seen.
    SH,
    /// Responder sent SYN-ACK, then a FIN; no SYN of the originator seen.
    SHR,
    /// No SYN seen: midstream traffic.
    #[default]
    OTH,
}

impl ConnState {
    /// The word in files.
    pub const fn word(self) -> &'static str {
        match self {
            ConnState::S0 => "S0",
            ConnState::S1 => "S1",
            ConnState::S2 => "S2",
            ConnState::S3 => "S3",
            ConnState::SF => "SF",
            ConnState::REJ => "REJ",
            ConnState::RSTO => "RSTO",
            ConnState::RSTR => "RSTR",
            ConnState::RSTOS0 => "RSTOS0",
            ConnState::RSTRH => "RSTRH",
            ConnState::SH => "SH",
            ConnState::SHR => "SHR",
            ConnState::OTH => "OTH",
        }
    }
}

impl fmt::Display for ConnState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The kind of packet that opened a contact.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Shape {
    /// TCP SYN.
    Syn,
    /// TCP FIN without a connection.
    Fin,
    /// TCP without any flag.
    Null,
    /// TCP FIN, PSH and URG.
    Xmas,
    /// TCP ACK (or other mid-stream packet) without a connection seen.
    Midstream,
    /// TCP SYN-ACK or RST first: the answer to something not seen (backscatter, one-way capture).
    Backscatter,
    /// UDP datagram.
    Udp,
    /// ICMP echo or other request.
    Icmp,
    /// SCTP, or another IP protocol.
    #[default]
    Other,
}

/// The letters of a history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Letter {
    /// SYN without ACK.
    S,
    /// SYN with ACK.
    H,
    /// Pure ACK.
    A,
    /// Payload.
    D,
    /// FIN.
    F,
    /// RST.
    R,
    /// Gap.
    G,
    /// Retransmitted payload.
    T,
}

impl Letter {
    /// Upper case for the originator (0), lower case for the responder.
    pub(super) const fn text(self, side: usize) -> u8 {
        let upper = match self {
            Letter::S => b'S',
            Letter::H => b'H',
            Letter::A => b'A',
            Letter::D => b'D',
            Letter::F => b'F',
            Letter::R => b'R',
            Letter::G => b'G',
            Letter::T => b'T',
        };
        if side == 0 { upper } else { upper.to_ascii_lowercase() }
    }
}

/// Zeek's history string: upper case from the originator, lower case from the responder. Each letter stands once per direction here
/// (its first occurrence); twelve letters at most.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    letters: [u8; 12],
}

impl History {
    /// Adds a letter unless it stands already or the string is full.
    #[inline]
    pub fn add(&mut self, letter: u8) {
        for slot in &mut self.letters {
            if *slot == letter {
                return;
            }
            if *slot == 0 {
                *slot = letter;
                return;
            }
        }
    }
    /// The letters.
    pub fn as_str(&self) -> &str {
        let n = self.letters.iter().position(|l| *l == 0).unwrap_or(self.letters.len());
        self.letters.get(..n).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or("")
    }
    /// The same seen from the other end: case exchanged, with Zeek's `^` in front.
    pub fn flipped(&self) -> History {
        let mut h = History::default();
        h.add(b'^');
        for l in self.as_str().bytes() {
            h.add(if l.is_ascii_uppercase() { l.to_ascii_lowercase() } else { l.to_ascii_uppercase() });
        }
        h
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_keeps_the_first_of_each_letter_in_order() {
        let mut h = History::default();
        for l in b"ShADaddDFaf" {
            h.add(*l);
        }
        assert_eq!(h.as_str(), "ShADadFf");
        assert_eq!(h.flipped().as_str(), "^sHadADfF");
    }
}
