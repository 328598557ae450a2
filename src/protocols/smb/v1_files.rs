//! Requests on files and pipes in SMB 1 and their answers ([MS-CIFS] 2.2.4; [MS-SMB] 2.2.4): the same as in `v2_files`, by other fields.

use super::super::Message;
use super::super::field::{cut_at, u8_at, u16_at, u32_at, u64_at, utf16};
use super::PATH_CHARS;
use super::files::{Asked, Files, Granted, Key};
use super::frame::HELD;
use super::handle::{Body, Op};
use super::v1::{Block, HEADER, Header};

pub(super) const CLOSE: u8 = 0x04;
pub(super) const DELETE: u8 = 0x06;
pub(super) const RENAME: u8 = 0x07;
const TRANSACTION: u8 = 0x25;
pub(super) const OPEN_ANDX: u8 = 0x2d;
pub(super) const READ_ANDX: u8 = 0x2e;
pub(super) const WRITE_ANDX: u8 = 0x2f;
const TRANSACTION2: u8 = 0x32;
const TREE_DISCONNECT: u8 = 0x71;
pub(super) const NT_CREATE_ANDX: u8 = 0xa2;

/// Transaction on a pipe handle (2.2.5.6).
const TRANSACT_PIPE: u16 = 0x26;
/// TRANS2_SET_FILE_INFORMATION (2.2.6.9).
const SET_FILE_INFORMATION: u16 = 8;
/// Words and byte count of a read's answer or a write, and what stands before them.
const FIXED: usize = 64;
/// Bytes waited for of a message that holds names.
const NAMES: usize = FIXED + 4 * PATH_CHARS;

/// Is this a command on files?
pub(super) fn reads(command: u8) -> bool {
    matches!(command, CLOSE | DELETE | RENAME | TRANSACTION | OPEN_ANDX | READ_ANDX | WRITE_ANDX | TRANSACTION2 | TREE_DISCONNECT | NT_CREATE_ANDX)
}

/// Handles are 16 bits wide; they must not meet those of SMB 2.
fn key(fid: u16) -> Key {
    Key::Id(1 << 100 | u128::from(fid))
}

/// How much of a message is wanted, or how much of it must be there to tell.
pub(super) fn wanted(command: u8, w: &[u8], files: &mut Files) -> Result<usize, usize> {
    let h = Header::read(w).ok_or(HEADER)?;
    Ok(match (command, h.response) {
        (READ_ANDX, true) => match files.asked(u64::from(h.id)).map(|r| r.0) {
            Some(key) => FIXED.saturating_add(files.wants(key, false)),
            None => FIXED,
        },
        (WRITE_ANDX, false) => FIXED.saturating_add(files.wants(key(u16_at(w, HEADER + 5).ok_or(FIXED)?), true)),
        (READ_ANDX | WRITE_ANDX, _) => FIXED,
        (TRANSACTION, _) => HELD,
        (CLOSE | TREE_DISCONNECT, _) => HEADER + 9,
        (_, true) => HEADER + 1 + 100 + 2,
        _ => NAMES,
    })
}

/// The message, its header and where it stands in its AndX chain.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) h: &'a Header,
    pub(super) m: &'a [u8],
    /// Bytes of the whole message.
    pub(super) whole: usize,
    pub(super) index: u64,
}

impl<'a> Part<'a> {
    /// Requests and answers are joined by process, multiplex id and place in the chain.
    fn id(&self) -> u64 {
        self.index << 32 | u64::from(self.h.id)
    }
    fn tree(&self) -> (u64, u32) {
        (0, u32::from(self.h.tid))
    }
    fn body(&self, offset: u16, len: u32, start: bool) -> Body<'a> {
        let offset = usize::from(offset);
        let len = len.min(self.whole.saturating_sub(offset) as u32);
        let seen = if offset >= HEADER { cut_at(self.m, offset, len as usize) } else { &[] };
        Body { len, seen, start }
    }
}

/// Reads one request of a chain.
pub(super) fn request(p: Part<'_>, command: u8, b: &Block<'_>, files: &mut Files, out: &mut Vec<Message>) -> Option<()> {
    let (fid, op) = match command {
        TREE_DISCONNECT => {
            files.leave(0, u32::from(p.h.tid), out);
            return Some(());
        }
        NT_CREATE_ANDX | OPEN_ANDX => return open(p, command, b, files, out),
        CLOSE => (u16_at(b.words, 0)?, Op::Close),
        READ_ANDX => (u16_at(b.words, 4)?, Op::Read { start: u32_at(b.words, 6)? == 0 && u32_at(b.words, 20).unwrap_or(0) == 0 }),
        WRITE_ANDX => return write(p, b, files, out),
        TRANSACTION if u16_at(b.words, 28) == Some(TRANSACT_PIPE) => {
            let (fid, len, offset) = (u16_at(b.words, 30)?, u16_at(b.words, 22)?, u16_at(b.words, 24)?);
            files.write(p.id(), key(fid), p.tree(), p.body(offset, u32::from(len), false), out);
            (fid, Op::Transceive)
        }
        TRANSACTION2 if u16_at(b.words, 28) == Some(SET_FILE_INFORMATION) => match set(p, b)? {
            Some(set) => set,
            None => return Some(()),
        },
        _ => return Some(()),
    };
    files.request(p.id(), key(fid), op, p.tree(), out);
    Some(())
}

/// 2.2.4.64.1 and 2.2.4.41.1.
fn open(p: Part<'_>, command: u8, b: &Block<'_>, files: &mut Files, out: &mut Vec<Message>) -> Option<()> {
    let name = super::name(&b.text(&mut 0, p.h.unicode, PATH_CHARS));
    let (session, tree) = p.tree();
    let asked = if command == NT_CREATE_ANDX {
        Asked {
            session,
            tree,
            path: name,
            disposition: u32_at(b.words, 35)?.min(255) as u8,
            access: u32_at(b.words, 15)?,
            options: u32_at(b.words, 39)?,
        }
    } else {
        // OpenMode: may it be created, and what if it exists?
        let disposition = match u16_at(b.words, 16)? & 0x13 {
            0x10 => 2,
            0x11 => 3,
            0x12 => 5,
            2 => 4,
            _ => 1,
        };
        // Read, write, both, execute: as generic rights.
        let access = match u16_at(b.words, 6)? & 7 {
            0 => 0x8000_0000,
            1 => 0x4000_0000,
            2 => 0xc000_0000,
            _ => 0x2000_0000,
        };
        Asked { session, tree, path: name, disposition, access, options: 0 }
    };
    files.ask(p.id(), asked, out);
    Some(())
}

/// 2.2.4.43.1, with the upper half of the length as [MS-SMB] has it.
fn write(p: Part<'_>, b: &Block<'_>, files: &mut Files, out: &mut Vec<Message>) -> Option<()> {
    let (fid, high, low, offset) = (u16_at(b.words, 4)?, u16_at(b.words, 18)?, u16_at(b.words, 20)?, u16_at(b.words, 22)?);
    let start = u32_at(b.words, 6)? == 0 && u32_at(b.words, 24).unwrap_or(0) == 0;
    let len = u32::from(high) << 16 | u32::from(low);
    files.write(p.id(), key(fid), p.tree(), p.body(offset, len, start), out);
    Some(())
}

/// The levels that delete, rename and cut ([MS-CIFS] 2.2.8.4; [MS-SMB] 2.2.2.3.5: 1000 and more are those of [MS-FSCC]).
fn set(p: Part<'_>, b: &Block<'_>) -> Option<Option<(u16, Op)>> {
    let (params, data) = (usize::from(u16_at(b.words, 20)?), usize::from(u16_at(b.words, 24)?));
    let (fid, level) = (u16_at(p.m, params)?, u16_at(p.m, params + 2)?);
    let d = p.m.get(data..)?;
    let op = match level {
        0x102 | 1013 => Op::Delete(u8_at(d, 0)? != 0),
        0x104 | 1020 => Op::End(u64_at(d, 0)?),
        1010 => Op::Rename(super::name(&utf16(cut_at(d, 12, u32_at(d, 8)? as usize), PATH_CHARS))),
        _ => return Some(None),
    };
    Some(Some((fid, op)))
}

/// The names of a delete (2.2.4.7.1) or a rename (2.2.4.8.1): each behind a format byte.
pub(super) fn names(command: u8, h: &Header, b: &Block<'_>) -> (Box<str>, Option<Box<str>>) {
    let mut at = 1;
    let old = super::name(&b.text(&mut at, h.unicode, PATH_CHARS));
    at += 1;
    (old, (command == RENAME).then(|| super::name(&b.text(&mut at, h.unicode, PATH_CHARS))))
}

/// Reads one answer of a chain.
pub(super) fn response(p: Part<'_>, command: u8, b: &Block<'_>, files: &mut Files, out: &mut Vec<Message>) -> Option<()> {
    let (id, status) = (p.id(), p.h.status);
    let failed = status & 0xc000_0000 == 0xc000_0000;
    let body = match command {
        NT_CREATE_ANDX | OPEN_ANDX if failed => {
            files.grant(id, status, Granted::default(), out);
            return Some(());
        }
        NT_CREATE_ANDX => {
            let granted = Granted {
                file: 1 << 100 | u128::from(u16_at(b.words, 5)?),
                action: u32_at(b.words, 7)?.min(255) as u8,
                size: u64_at(b.words, 55)?,
                directory: u8_at(b.words, 67)? != 0,
            };
            files.grant(id, status, granted, out);
            return Some(());
        }
        OPEN_ANDX => {
            let file = 1 << 100 | u128::from(u16_at(b.words, 4)?);
            let action = (u16_at(b.words, 22)? & 3).min(3) as u8;
            let directory = u16_at(b.words, 6)? & 0x10 != 0;
            files.grant(id, status, Granted { file, action, size: u64::from(u32_at(b.words, 12)?), directory }, out);
            return Some(());
        }
        READ_ANDX if !failed => {
            let (low, offset, high) = (u16_at(b.words, 10)?, u16_at(b.words, 12)?, u16_at(b.words, 14)?);
            let start = matches!(files.asked(id), Some((_, Op::Read { start: true })));
            p.body(offset, u32::from(high) << 16 | u32::from(low), start)
        }
        TRANSACTION if !failed => match (u16_at(b.words, 12), u16_at(b.words, 14)) {
            (Some(len), Some(offset)) => p.body(offset, u32::from(len), false),
            _ => Body::default(),
        },
        _ => Body::default(),
    };
    files.answer(id, status, body, out);
    Some(())
}
