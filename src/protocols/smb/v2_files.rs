//! Requests on files in SMB 2 and 3 and their answers ([MS-SMB2] 2.2.13 to 2.2.40): what is wanted of each message, and what is read of it. The body of
//! a read or write is looked at where it lies, and only as far as the handle's sample wants it.

use super::super::Message;
use super::super::field::{array_at, before_wide_nul, cut_at, u8_at, u16_at, u32_at, u64_at, utf16};
use super::PATH_CHARS;
use super::files::{Asked, Files, Granted, Key};
use super::frame::HELD;
use super::handle::{Body, Op};
use super::v2::{HEADER, Header};

pub(super) const TREE_DISCONNECT: u16 = 0x04;
pub(super) const CREATE: u16 = 0x05;
pub(super) const CLOSE: u16 = 0x06;
pub(super) const READ: u16 = 0x08;
pub(super) const WRITE: u16 = 0x09;
pub(super) const IOCTL: u16 = 0x0b;
pub(super) const QUERY_DIRECTORY: u16 = 0x0e;
pub(super) const SET_INFO: u16 = 0x11;

/// The file id that means: the same as the message before in this compound (3.2.4.1.4).
const SAME: u128 = u128::MAX;
const FSCTL_PIPE_TRANSCEIVE: u32 = 0x0011_c017;
const INFO_FILE: u8 = 1;
const RENAME: u8 = 10;
const DISPOSITION: u8 = 13;
const END_OF_FILE: u8 = 20;
const DISPOSITION_EX: u8 = 64;
const RENAME_EX: u8 = 65;
const ATTRIBUTE_DIRECTORY: u32 = 0x10;
/// Bytes of a name that are waited for.
const NAME: usize = 2 * PATH_CHARS;

/// Is this a command on files?
pub(super) fn reads(command: u16) -> bool {
    matches!(command, TREE_DISCONNECT | CREATE | CLOSE | READ | WRITE | IOCTL | QUERY_DIRECTORY | SET_INFO)
}

/// A file id as a key: the volatile part is the upper half.
fn file(m: &[u8], at: usize) -> Option<u128> {
    Some(u128::from(u64_at(m, at + 8)?) << 64 | u128::from(u64_at(m, at)?))
}

/// How much of a message is wanted, or how much of it must be there to tell.
pub(super) fn wanted(h: &Header, w: &[u8], chain: Option<Key>, files: &mut Files) -> Result<usize, usize> {
    Ok(match (h.command, h.response()) {
        (CREATE, false) => HEADER + 56 + NAME,
        (CREATE, true) => HEADER + 80,
        (CLOSE, false) => HEADER + 24,
        (READ, false) => HEADER + 32,
        (READ, true) => match files.asked(h.message_id).map(|r| r.0) {
            Some(key) => (HEADER + 16).saturating_add(files.wants(key, false)),
            None => HEADER,
        },
        (WRITE, false) => {
            let key = file(w, HEADER + 16).ok_or(HEADER + 48)?;
            (HEADER + 48).saturating_add(resolve(key, chain).map_or(0, |k| files.wants(k, true)))
        }
        (WRITE, true) => HEADER + 8,
        (IOCTL, false) => match u32_at(w, HEADER + 4).ok_or(HEADER + 56)? {
            FSCTL_PIPE_TRANSCEIVE => HELD,
            _ => HEADER,
        },
        (IOCTL, true) if matches!(files.asked(h.message_id), Some((_, Op::Transceive))) => HELD,
        (QUERY_DIRECTORY, false) => HEADER + 24,
        (SET_INFO, false) => HEADER + 32 + 24 + NAME,
        _ => HEADER,
    })
}

fn resolve(id: u128, chain: Option<Key>) -> Option<Key> {
    if id == SAME { chain } else { Some(Key::Id(id)) }
}

/// Reads a request. `chain` is the handle that the message before spoke of.
pub(super) fn request(h: &Header, m: &[u8], chain: &mut Option<Key>, files: &mut Files, out: &mut Vec<Message>) -> Option<()> {
    let at = match h.command {
        TREE_DISCONNECT => {
            files.leave(h.session, h.tree, out);
            return Some(());
        }
        CREATE => {
            *chain = Some(Key::Opening(h.message_id));
            return create(h, m, files, out);
        }
        READ | WRITE | SET_INFO => 16,
        IOCTL if m.len() < HEADER + 24 => return Some(()),
        _ => 8,
    };
    let Some(key) = resolve(file(m, HEADER + at)?, *chain) else { return Some(()) };
    *chain = Some(key);
    let tree = (h.session, h.tree);
    let op = match h.command {
        CLOSE => Op::Close,
        READ => Op::Read { start: u64_at(m, HEADER + 8)? == 0 },
        QUERY_DIRECTORY => Op::List,
        WRITE => {
            let (offset, len, start) = (u16_at(m, HEADER + 2)?, u32_at(m, HEADER + 4)?, u64_at(m, HEADER + 8)? == 0);
            let body = body(h, m, usize::from(offset), len, start);
            files.write(h.message_id, key, tree, body, out);
            return Some(());
        }
        SET_INFO => match set(m)? {
            Some(op) => op,
            None => return Some(()),
        },
        _ => {
            let (offset, len) = (u32_at(m, HEADER + 24)?, u32_at(m, HEADER + 28)?);
            files.write(h.message_id, key, tree, body(h, m, offset as usize, len, false), out);
            Op::Transceive
        }
    };
    files.request(h.message_id, key, op, tree, out);
    Some(())
}

/// A body of `len` bytes at an offset of the message; it can be no longer than the message.
fn body<'a>(h: &Header, m: &'a [u8], offset: usize, len: u32, start: bool) -> Body<'a> {
    let len = len.min(u32::try_from(h.whole.saturating_sub(offset)).unwrap_or(u32::MAX));
    let seen = if offset >= HEADER { cut_at(m, offset, len as usize) } else { &[] };
    Body { len, seen, start }
}

/// 2.2.13.
fn create(h: &Header, m: &[u8], files: &mut Files, out: &mut Vec<Message>) -> Option<()> {
    let (offset, len) = (u16_at(m, HEADER + 44)?, u16_at(m, HEADER + 46)?);
    let asked = Asked {
        session: h.session,
        tree: h.tree,
        path: if usize::from(offset) >= HEADER { path(cut_at(m, usize::from(offset), usize::from(len))) } else { Box::default() },
        disposition: u32_at(m, HEADER + 36)?.min(255) as u8,
        access: u32_at(m, HEADER + 24)?,
        options: u32_at(m, HEADER + 40)?,
    };
    files.ask(h.message_id, asked, out);
    Some(())
}

/// A name: UTF-16 as it should be, composed (clients of macOS decompose), below the share.
pub(super) fn path(raw: &[u8]) -> Box<str> {
    let raw = before_wide_nul(raw);
    if raw.len().is_multiple_of(2) && raw.chunks_exact(2).all(|c| matches!(c, [0..=0x7f, 0])) {
        let chars = raw.iter().step_by(2).map(|c| if *c == b'/' { '\\' } else { char::from(*c) });
        return chars.take(PATH_CHARS).skip_while(|c| *c == '\\').collect::<String>().into();
    }
    super::name(&utf16(raw, PATH_CHARS))
}

/// 2.2.39 with [MS-FSCC] 2.4; None inside if nobody asks for that class.
fn set(m: &[u8]) -> Option<Option<Op>> {
    let (kind, class) = (u8_at(m, HEADER + 2)?, u8_at(m, HEADER + 3)?);
    let (len, offset) = (u32_at(m, HEADER + 4)?, usize::from(u16_at(m, HEADER + 8)?));
    if kind != INFO_FILE || offset < HEADER {
        return Some(None);
    }
    let b = cut_at(m, offset, len as usize);
    Some(match class {
        RENAME | RENAME_EX => {
            let len = u32_at(b, 16)? as usize;
            Some(Op::Rename(path(cut_at(b, 20, len))))
        }
        DISPOSITION => Some(Op::Delete(u8_at(b, 0)? != 0)),
        DISPOSITION_EX => Some(Op::Delete(u32_at(b, 0)? & 1 != 0)),
        END_OF_FILE => Some(Op::End(u64_at(b, 0)?)),
        _ => None,
    })
}

/// Reads an answer.
pub(super) fn response(h: &Header, m: &[u8], files: &mut Files, out: &mut Vec<Message>) -> Option<()> {
    if h.status == super::PENDING {
        return Some(());
    }
    match h.command {
        CREATE => return created(h, m, files, out),
        READ if m.len() > HEADER => {
            let (offset, len) = (u8_at(m, HEADER + 2)?, u32_at(m, HEADER + 4).unwrap_or(0));
            let start = matches!(files.asked(h.message_id), Some((_, Op::Read { start: true })));
            files.answer(h.message_id, h.status, body(h, m, usize::from(offset), len, start), out);
        }
        IOCTL if m.len() > HEADER && h.status & 0xc000_0000 != 0xc000_0000 => {
            let (offset, len) = (u32_at(m, HEADER + 32)?, u32_at(m, HEADER + 36)?);
            files.answer(h.message_id, h.status, body(h, m, offset as usize, len, false), out);
        }
        _ => files.answer(h.message_id, h.status, Body::default(), out),
    }
    Some(())
}

/// 2.2.14.
fn created(h: &Header, m: &[u8], files: &mut Files, out: &mut Vec<Message>) -> Option<()> {
    if h.status & 0x8000_0000 != 0 {
        files.grant(h.message_id, h.status, Granted::default(), out);
        return Some(());
    }
    let [action, ..] = array_at::<4>(m, HEADER + 4)?;
    let granted =
        Granted { file: file(m, HEADER + 64)?, action, size: u64_at(m, HEADER + 48)?, directory: u32_at(m, HEADER + 56)? & ATTRIBUTE_DIRECTORY != 0 };
    files.grant(h.message_id, h.status, granted, out);
    Some(())
}
