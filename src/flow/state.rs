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

/// Zeek's history string: upper case from the originator, lower case from the responder. Each letter stands once per direction here
/// (first occurrence), which bounds it to sixteen letters.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    letters: [u8; 16],
    len: u8,
}

impl History {
    /// Adds a letter unless it stands already or the string is full.
    #[inline]
    pub fn add(&mut self, letter: u8) {
        let n = self.len as usize;
        if self.letters.get(..n).is_some_and(|l| l.contains(&letter)) {
            return;
        }
        if let Some(slot) = self.letters.get_mut(n) {
            *slot = letter;
            self.len += 1;
        }
    }
    /// The letters.
    pub fn as_str(&self) -> &str {
        self.letters.get(..self.len as usize).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or("")
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
