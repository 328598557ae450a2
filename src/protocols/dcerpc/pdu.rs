//! The header of every PDU, and the fixed parts behind it (C706, 12.6.3 and 12.6.4), in either byte order.

use super::super::field::{array_at, cut_at, u8_at};
use super::Auth;

/// Bytes of the common header (12.6.3.1).
pub(super) const HEADER: usize = 16;
/// Bytes of a request's or response's header without its object UUID.
pub(super) const CALL: usize = 24;
/// Bytes of the authentication trailer before its token (`auth_verifier_co_t`, 13.2.6.1).
const TRAILER: usize = 8;

pub(super) const REQUEST: u8 = 0;
pub(super) const RESPONSE: u8 = 2;
pub(super) const FAULT: u8 = 3;
pub(super) const BIND: u8 = 11;
pub(super) const BIND_ACK: u8 = 12;
pub(super) const BIND_NAK: u8 = 13;
pub(super) const ALTER: u8 = 14;
pub(super) const ALTER_ACK: u8 = 15;
const LAST: u8 = 19;

const FIRST_FRAG: u8 = 0x01;
const LAST_FRAG: u8 = 0x02;
const OBJECT: u8 = 0x80;
const LITTLE_ENDIAN: u8 = 0x10;

/// 71710533-beba-4937-8319-b5dbef9ccc36: NDR64 ([MS-RPCE] 2.2.5).
const NDR64: u128 = 0x71710533_beba_4937_8319_b5dbef9ccc36;

/// The common header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: u8,
    flags: u8,
    little: bool,
    /// Bytes of the fragment, header and trailer included.
    pub(super) len: usize,
    /// Bytes of the token in the trailer.
    pub(super) auth_len: usize,
    pub(super) call: u32,
}

impl Header {
    /// Reads it; None unless it is there and is one (12.6.3.1 with what [MS-RPCE] 2.2.2.1 leaves of it).
    pub(super) fn read(b: &[u8]) -> Option<Header> {
        let [5, 0 | 1, kind, flags, order, float, 0, 0] = array_at(b, 0)? else { return None };
        if kind > LAST || matches!(kind, 1 | 4..=10) || !matches!(order, 0x00 | LITTLE_ENDIAN) || float > 3 {
            return None;
        }
        let mut h = Header { kind, flags, little: order == LITTLE_ENDIAN, len: 0, auth_len: 0, call: 0 };
        h.len = usize::from(h.u16(b, 8)?);
        h.auth_len = usize::from(h.u16(b, 10)?);
        h.call = h.u32(b, 12)?;
        let body = match kind {
            REQUEST | RESPONSE | FAULT => CALL,
            BIND | ALTER => 28,
            _ => HEADER,
        };
        let trailer = if h.auth_len > 0 { TRAILER + h.auth_len } else { 0 };
        (h.len >= body + trailer).then_some(h)
    }
    /// Could more bytes make this a header?
    pub(super) fn begun(b: &[u8]) -> bool {
        let may = |(i, c): (usize, &u8)| match i {
            0 => *c == 5,
            1 => *c <= 1,
            2 => *c <= LAST && !matches!(c, 1 | 4..=10),
            4 => matches!(c, 0x00 | 0x10),
            5 => *c <= 3,
            6 | 7 => *c == 0,
            _ => true,
        };
        !b.is_empty() && b.len() < HEADER && b.iter().enumerate().all(may)
    }
    pub(super) fn u16(&self, b: &[u8], at: usize) -> Option<u16> {
        let raw = array_at(b, at)?;
        Some(if self.little { u16::from_le_bytes(raw) } else { u16::from_be_bytes(raw) })
    }
    pub(super) fn u32(&self, b: &[u8], at: usize) -> Option<u32> {
        let raw = array_at(b, at)?;
        Some(if self.little { u32::from_le_bytes(raw) } else { u32::from_be_bytes(raw) })
    }
    /// A UUID (C706, A.1), as its text reads.
    pub(super) fn uuid(&self, b: &[u8], at: usize) -> Option<u128> {
        let (low, mid, high) = (self.u32(b, at)?, self.u16(b, at + 4)?, self.u16(b, at + 6)?);
        let rest = u64::from_be_bytes(array_at(b, at + 8)?);
        Some(u128::from(low) << 96 | u128::from(mid) << 80 | u128::from(high) << 64 | u128::from(rest))
    }
    pub(super) fn first(&self) -> bool {
        self.flags & FIRST_FRAG != 0
    }
    pub(super) fn last(&self) -> bool {
        self.flags & LAST_FRAG != 0
    }
    pub(super) fn little(&self) -> bool {
        self.little
    }
    /// Where a request's or response's stub begins.
    pub(super) fn stub(&self) -> usize {
        if self.kind == REQUEST && self.flags & OBJECT != 0 { CALL + 16 } else { CALL }
    }
    /// Where the trailer begins; the fragment's end if there is none.
    pub(super) fn trailer(&self) -> usize {
        if self.auth_len > 0 { self.len - TRAILER - self.auth_len } else { self.len }
    }
    /// Bytes of stub in this fragment; what pads the trailer counts too.
    pub(super) fn stub_len(&self) -> usize {
        self.trailer().saturating_sub(self.stub())
    }
    /// Where the stub ends without its padding, if the whole fragment is there.
    pub(super) fn stub_end(&self, m: &[u8]) -> Option<usize> {
        if self.auth_len == 0 {
            return Some(self.len);
        }
        let pad = usize::from(u8_at(m, self.trailer() + 2)?);
        self.trailer().checked_sub(pad)
    }
    /// What the trailer says, and its token as far as it is there.
    pub(super) fn auth<'a>(&self, m: &'a [u8]) -> Option<(Auth, &'a [u8])> {
        if self.auth_len == 0 {
            return None;
        }
        let [kind, level] = array_at(m, self.trailer())?;
        Some((Auth { kind, level }, cut_at(m, self.trailer() + TRAILER, self.auth_len)))
    }
}

/// A presentation context that a bind offers (12.6.3.1, `p_cont_elem_t`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    pub(super) id: u16,
    pub(super) interface: u128,
    pub(super) version: u16,
}

/// The contexts of a bind or alter_context, at most `max`.
pub(super) fn contexts(h: &Header, m: &[u8], max: usize) -> Vec<Context> {
    let count = usize::from(u8_at(m, 24).unwrap_or(0)).min(max);
    let (mut at, mut out) = (28, Vec::new());
    let m = cut_at(m, 0, h.trailer());
    for _ in 0..count {
        let (Some(id), Some(syntaxes)) = (h.u16(m, at), u8_at(m, at + 2)) else { break };
        let (Some(interface), Some(version)) = (h.uuid(m, at + 4), h.u32(m, at + 20)) else { break };
        out.push(Context { id, interface, version: version as u16 });
        at += 24 + 20 * usize::from(syntaxes);
    }
    out
}

/// What a bind_ack or alter_context_resp says (12.6.4.4).
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) endpoint: Vec<u8>,
    /// Per context in the order of the offer: was it accepted, and in NDR64?
    pub(super) results: Vec<(bool, bool)>,
}

/// Reads it, with at most `max` results.
pub(super) fn answer(h: &Header, m: &[u8], max: usize) -> Answer {
    let m = cut_at(m, 0, h.trailer());
    let Some(len) = h.u16(m, 24).map(usize::from) else { return Answer::default() };
    let endpoint = cut_at(m, 26, len.min(256)).to_vec();
    let list = (26 + len).next_multiple_of(4);
    let count = usize::from(u8_at(m, list).unwrap_or(0)).min(max);
    let mut results = Vec::new();
    for i in 0..count {
        let at = list + 4 + 24 * i;
        let (Some(result), Some(syntax)) = (h.u16(m, at), h.uuid(m, at + 4)) else { break };
        results.push((result == 0, syntax == NDR64));
    }
    Answer { endpoint, results }
}
