//! Frames on the socket: the length of what follows (u32, little endian), then one JSON object; a large one is packed with zstd, which shows by its
//! first four bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Read};

/// Bytes of length before a frame.
const HEAD: usize = 4;
/// The longest frame that a viewer may send: a note has at most a few thousand letters.
pub const REQUEST_CAP: u32 = 64 << 10;
/// The longest frame that a sensor sends, packed or not.
pub(super) const SAID_CAP: u32 = 64 << 20;
/// A frame that unpacks to more was not made by us.
const UNPACKED_CAP: u64 = 1 << 30;
/// Shorter frames are not worth packing.
const PACK_FROM: usize = 4096;
/// First bytes of a zstd frame (RFC 8878, section 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// zstd's fastest usual level.
const LEVEL: i32 = 1;

/// Puts frames together from bytes as they come. Memory grows with what came, not with what a length announces.
#[derive(Debug)]
pub struct Frames {
    cap: u32,
    buf: Vec<u8>,
    at: usize,
}

impl Frames {
    /// Takes frames of at most `cap` bytes.
    pub const fn new(cap: u32) -> Frames {
        Frames { cap, buf: Vec::new(), at: 0 }
    }
    /// More bytes came.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.at > 0 {
            self.buf.drain(..self.at);
            self.at = 0;
        }
        self.buf.extend_from_slice(bytes);
    }
    /// The next whole frame, if there is one; its length if that is more than the cap.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, u32> {
        let rest = self.buf.get(self.at..).unwrap_or(&[]);
        let Some((head, body)) = rest.split_first_chunk::<HEAD>() else { return Ok(None) };
        let len = u32::from_le_bytes(*head);
        if len > self.cap {
            return Err(len);
        }
        let Some(frame) = body.get(..len as usize) else { return Ok(None) };
        self.at += HEAD + len as usize;
        Ok(Some(frame))
    }
    /// Bytes of frames that are not whole yet.
    pub fn waiting(&self) -> usize {
        self.buf.len().saturating_sub(self.at)
    }
}

/// A message as a frame; packed if the other side takes that and it is worth it.
pub fn pack(message: &impl Serialize, zstd: bool) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; HEAD];
    serde_json::to_writer(&mut frame, message)?;
    if zstd && frame.len() > PACK_FROM {
        let json = frame.get(HEAD..).unwrap_or(&[]);
        let packed = zstd::bulk::compress(json, LEVEL)?;
        frame.truncate(HEAD);
        frame.extend_from_slice(&packed);
    }
    let len = u32::try_from(frame.len() - HEAD).ok().filter(|n| *n <= SAID_CAP);
    let len = len.ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, "a message of more than 64 MiB"))?;
    if let Some(head) = frame.first_chunk_mut::<HEAD>() {
        *head = len.to_le_bytes();
    }
    Ok(frame)
}

/// The message in a frame.
pub fn unpack<T: DeserializeOwned>(frame: &[u8]) -> Result<T, String> {
    if !frame.starts_with(&ZSTD) {
        return serde_json::from_slice(frame).map_err(|e| e.to_string());
    }
    let mut json = Vec::new();
    let unpacker = zstd::stream::read::Decoder::with_buffer(frame).map_err(|e| e.to_string())?;
    unpacker.take(UNPACKED_CAP).read_to_end(&mut json).map_err(|e| e.to_string())?;
    serde_json::from_slice(&json).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_packed_comes_back_in_any_pieces() {
        let long: Vec<String> = (0..2000).map(|n| format!("host-{n}")).collect();
        let mut wire = pack(&"short", false).unwrap();
        wire.extend(pack(&long, true).unwrap());
        assert!(wire.len() < 10_000, "{} bytes: it was not packed", wire.len());
        for step in [1, 3, 4096, wire.len()] {
            let mut frames = Frames::new(SAID_CAP);
            let mut texts: Vec<serde_json::Value> = Vec::new();
            for piece in wire.chunks(step) {
                frames.push(piece);
                while let Some(f) = frames.next_frame().unwrap() {
                    texts.push(unpack(f).unwrap());
                }
            }
            assert_eq!(texts, [serde_json::json!("short"), serde_json::json!(long)]);
            assert_eq!(frames.waiting(), 0);
        }
    }

    #[test]
    fn a_length_above_the_cap_is_refused_before_anything_is_kept_for_it() {
        let mut frames = Frames::new(REQUEST_CAP);
        frames.push(&(REQUEST_CAP + 1).to_le_bytes());
        assert_eq!(frames.next_frame(), Err(REQUEST_CAP + 1));
        let mut frames = Frames::new(REQUEST_CAP);
        frames.push(&REQUEST_CAP.to_le_bytes());
        assert_eq!(frames.next_frame(), Ok(None));
        assert!(frames.buf.capacity() < 64);
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let mut frames = Frames::new(1024);
            frames.push(&bytes);
            while let Ok(Some(f)) = frames.next_frame() {
                let _ = unpack::<serde_json::Value>(f);
            }
        }
    }
}
