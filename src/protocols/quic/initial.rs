//! One Initial packet: its header, its keys, and what is under them (RFC 9001, 5.2 to 5.4).

use super::super::cursor::Cursor;
use super::CID_MAX;
use aes::Aes128;
use aes::cipher::BlockCipherEncrypt;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;

const TAG: usize = 16;
/// Bytes behind the packet number's first byte at which the sample for header protection lies.
const SAMPLE_AT: usize = 4;

/// What differs between versions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Version {
    V1,
    V2,
    /// Drafts 29 to 32: version 1 with another salt.
    Draft,
}

impl Version {
    pub(super) const fn of(number: u32) -> Option<Version> {
        match number {
            1 | 0xff00_0021 | 0xff00_0022 => Some(Version::V1),
            0x6b33_43cf => Some(Version::V2),
            0xff00_001d..=0xff00_0020 => Some(Version::Draft),
            _ => None,
        }
    }
    const fn salt(self) -> [u8; 20] {
        match self {
            Version::V1 => *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a",
            Version::V2 => *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
            Version::Draft => *b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99",
        }
    }
    const fn labels(self) -> [&'static str; 3] {
        match self {
            Version::V2 => ["quicv2 key", "quicv2 iv", "quicv2 hp"],
            _ => ["quic key", "quic iv", "quic hp"],
        }
    }
    /// Is a long header with this first byte an Initial?
    pub(super) const fn is_initial(self, first: u8) -> bool {
        self.kind(first) == 0
    }
    /// Is it a Handshake packet?
    const fn is_handshake(self, first: u8) -> bool {
        self.kind(first) == 2
    }
    /// Type of a long header in version 1's numbers; version 2 counts them one further (RFC 9369, 3.2).
    const fn kind(self, first: u8) -> u8 {
        let kind = first >> 4 & 3;
        match self {
            Version::V2 => kind.wrapping_sub(1) & 3,
            _ => kind,
        }
    }
}

/// Does a Handshake packet or one with a short header begin here? Neither is sent before the responder has the whole hello (RFC 9001, 4.1.4).
pub(super) fn is_later(bytes: &[u8]) -> bool {
    let mut c = Cursor::new(bytes);
    match c.u8() {
        Some(first) if first & 0xc0 == 0xc0 => c.u32().and_then(Version::of).is_some_and(|v| v.is_handshake(first)),
        // A fixed bit; zeros behind the last packet are padding.
        Some(first) => first & 0xc0 == 0x40,
        None => false,
    }
}

/// A number of one, two, four or eight bytes (RFC 9000, 16).
pub(super) fn varint(c: &mut Cursor<'_>) -> Option<u64> {
    let first = *c.rest().first()?;
    let bytes = c.take(1 << (first >> 6))?;
    let all = bytes.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    Some(all & (u64::MAX >> (66 - 8 * bytes.len())))
}

/// Keys of the originator's Initials.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Keys {
    pub(super) key: [u8; 16],
    pub(super) iv: [u8; 12],
    pub(super) hp: [u8; 16],
}

impl Keys {
    pub(super) fn of(version: Version, dcid: &[u8]) -> Option<Keys> {
        let secret: [u8; 32] = expand(&Hkdf::<Sha256>::new(Some(&version.salt()), dcid), "client in")?;
        let from = Hkdf::<Sha256>::from_prk(&secret).ok()?;
        let [key, iv, hp] = version.labels();
        Some(Keys { key: expand(&from, key)?, iv: expand(&from, iv)?, hp: expand(&from, hp)? })
    }
    /// The five bytes that hide the first byte's low bits and the packet number.
    pub(super) fn mask(&self, sample: &[u8; 16]) -> Option<[u8; 5]> {
        let mut block = aes::Block::from(*sample);
        Aes128::new_from_slice(&self.hp).ok()?.encrypt_block(&mut block);
        block.first_chunk().copied()
    }
    pub(super) fn nonce(&self, number: u32) -> [u8; 12] {
        let mut nonce = self.iv;
        for (n, b) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
            *n ^= b;
        }
        nonce
    }
}

/// HKDF-Expand-Label of TLS 1.3 (RFC 8446, 7.1) without context.
fn expand<const N: usize>(from: &Hkdf<Sha256>, label: &str) -> Option<[u8; N]> {
    let mut okm = [0; N];
    let info = [&[0, N as u8, label.len() as u8 + 6][..], b"tls13 ", label.as_bytes(), &[0]].concat();
    from.expand(&info, &mut okm).ok()?;
    Some(okm)
}

/// An Initial's parts, still protected.
pub(super) struct Initial<'a> {
    pub(super) version: Version,
    /// Destination connection id.
    pub(super) dcid: &'a [u8],
    /// From the first byte to the end of the packet.
    packet: &'a [u8],
    /// Where the packet number begins.
    number_at: usize,
    /// Length as its header says: packet number, payload and tag.
    length: u64,
    /// What follows in the datagram.
    pub(super) behind: &'a [u8],
}

impl<'a> Initial<'a> {
    /// Reads the header; a packet that is cut is taken as far as it goes.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Initial<'a>> {
        let mut c = Cursor::new(bytes);
        let first = c.u8().filter(|b| b & 0xc0 == 0xc0)?;
        let version = Version::of(c.u32()?).filter(|v| v.is_initial(first))?;
        let dcid = c.vec8().filter(|d| d.len() <= CID_MAX)?;
        c.vec8().filter(|s| s.len() <= CID_MAX)?;
        let token = varint(&mut c)?;
        c.take(usize::try_from(token).ok()?)?;
        let length = varint(&mut c)?;
        let number_at = bytes.len() - c.len();
        let (_, _) = c.take_up_to(usize::try_from(length).ok()?);
        let packet = bytes.get(..bytes.len() - c.len())?;
        Some(Initial { version, dcid, packet, number_at, length, behind: c.rest() })
    }
    /// Is the length one that an Initial can have?
    pub(super) fn is_possible(&self) -> bool {
        (SAMPLE_AT + TAG) as u64 <= self.length && self.length <= 65_535
    }
    /// Takes off header protection and decrypts. `None` when it is under other keys.
    pub(super) fn open(&self, keys: &Keys) -> Option<Vec<u8>> {
        let mask = keys.mask(self.packet.get(self.number_at + SAMPLE_AT..)?.first_chunk()?)?;
        let [first_mask, number_mask @ ..] = mask;
        let first = self.packet.first()? ^ first_mask & 0x0f;
        let number_length = usize::from(first & 3) + 1;
        let (header, body) = self.packet.split_at_checked(self.number_at + number_length)?;
        let mut header = header.to_vec();
        *header.first_mut()? = first;
        let mut number = 0u32;
        for (b, m) in header.get_mut(self.number_at..)?.iter_mut().zip(number_mask) {
            *b ^= m;
            number = number << 8 | u32::from(*b);
        }
        let (sealed, tag) = body.split_last_chunk::<TAG>()?;
        let mut plain = sealed.to_vec();
        let cipher = Aes128Gcm::new_from_slice(&keys.key).ok()?;
        cipher.decrypt_inout_detached(&Nonce::from(keys.nonce(number)), &header, plain.as_mut_slice().into(), &(*tag).into()).ok()?;
        Some(plain)
    }
}
