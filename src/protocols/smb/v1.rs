//! SMB 1 messages ([MS-CIFS] 2.2.3, 2.2.4; [MS-SMB] 2.2.4): the header, AndX chains, and one reader per command and direction.

use super::super::Message;
use super::super::field::{before_nul, before_wide_nul, cut_at, oem, u8_at, u16_at, u32_at, u64_at, utf16};
use super::super::kerberos;
use super::super::ntlmssp::{NAME_CHARS, Ntlm};
use super::files::{Asked, Files};
use super::token::{self, Token};
use super::v1_files::{self, Part};
use super::v1_tricks::{self, Memory};
use super::{MORE_PROCESSING_REQUIRED, PATH_CHARS, Smb};
use crate::bounded::BoundedMap;

/// Bytes of the header (2.2.3.1).
pub(super) const HEADER: usize = 32;

const NEGOTIATE: u8 = 0x72;
const SESSION_SETUP: u8 = 0x73;
const TREE_CONNECT_ANDX: u8 = 0x75;
/// The one of LAN Manager and before, which stands alone.
const TREE_CONNECT: u8 = 0x70;
const NO_ANDX: u8 = 0xff;
/// Header, words and byte count of a transaction with no more setup than the documents know.
const TRANSACTION: usize = HEADER + 3 + 2 * 32;
/// Commands of one chain; [MS-CIFS] knows no longer ones.
const CHAIN: u64 = 8;

const FLAG_RESPONSE: u8 = 0x80;
const FLAG2_NT_STATUS: u16 = 0x4000;
const FLAG2_UNICODE: u16 = 0x8000;
/// Buffer format of a text that ends with NUL (2.2.4.50.1).
const TEXT_FOLLOWS: u8 = 4;
/// Requests that wait for their answer; beyond, the oldest is forgotten.
const OUTSTANDING: usize = 64;

/// Requests that wait for their answer, by process and multiplex id; and what is remembered of transactions.
#[derive(Debug)]
pub(super) struct Outstanding(BoundedMap<u32, Request>, Memory);

/// What a request (all of its AndX chain) said that its answer does not repeat.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Request {
    kerberos: bool,
    path: Option<String>,
    /// Kind of share that the old tree connect asked for: its answer does not name it.
    kind: u8,
    /// A file to be deleted, or renamed to the second name.
    named: Option<(Box<str>, Option<Box<str>>)>,
}

impl Request {
    /// Bytes of the files' names.
    fn names(&self) -> usize {
        self.named.as_ref().map_or(0, |(file, to)| file.len() + to.as_ref().map_or(0, |t| t.len()))
    }
}

impl Outstanding {
    /// An empty table.
    pub(super) fn new() -> Self {
        Outstanding(BoundedMap::new(OUTSTANDING), Memory::default())
    }
    /// Messages were lost: what a continuation belongs to is not known any more.
    pub(super) fn lost(&mut self) {
        self.1 = Memory::default();
    }
    /// Bytes the table takes.
    pub(super) fn held(&self) -> usize {
        self.0.values().map(|r| size_of::<Request>() + 32 + r.path.as_ref().map_or(0, String::capacity) + r.names()).sum()
    }
    /// Requests forgotten because too many waited.
    pub(super) fn evicted(&self) -> u64 {
        self.0.evicted()
    }
}

/// Is there such a command (2.2.2.1)?
pub(super) fn known(command: u8) -> bool {
    matches!(command, 0x00..=0x14 | 0x1a..=0x35 | 0x70..=0x75 | 0x80..=0x84 | 0xa0..=0xa5 | 0xa7 | 0xc0..=0xc3 | 0xd0..=0xda)
}

/// The header's fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    command: u8,
    pub(super) status: u32,
    pub(super) response: bool,
    pub(super) unicode: bool,
    uid: u16,
    pub(super) tid: u16,
    /// Process and multiplex id: the same in request and answer.
    pub(super) id: u32,
}

impl Header {
    pub(super) fn read(m: &[u8]) -> Option<Header> {
        let flags2 = u16_at(m, 10)?;
        let status = u32_at(m, 5)?;
        Some(Header {
            command: u8_at(m, 4)?,
            status: if flags2 & FLAG2_NT_STATUS != 0 { status } else { nt_status(status) },
            response: u8_at(m, 9)? & FLAG_RESPONSE != 0,
            unicode: flags2 & FLAG2_UNICODE != 0,
            uid: u16_at(m, 28)?,
            tid: u16_at(m, 24)?,
            id: u32::from(u16_at(m, 26)?) << 16 | u32::from(u16_at(m, 30)?),
        })
    }
}

/// The NT status for an old error (class in the lowest byte, code in the upper half; 2.2.2.4).
fn nt_status(old: u32) -> u32 {
    match (old & 0xff, old >> 16) {
        (0, _) => 0,
        // A bad password: those who count failed logons know the general status.
        (2, 2) => 0xc000_006d,
        (1, 5) | (2, 4) => 0xc000_0022,
        (2, 6) => 0xc000_00cc,
        _ => 0xc000_0001,
    }
}

/// How much of the message at the beginning of `w` is wanted, and how far it reaches, `left` bytes before the frame's end; or how many bytes must be
/// there to tell.
pub(super) fn extent(w: &[u8], left: usize, files: &mut Files) -> Result<(usize, usize), usize> {
    match w.get(4) {
        None => Ok((HEADER.min(left), left)),
        Some(&(NEGOTIATE | SESSION_SETUP | TREE_CONNECT | TREE_CONNECT_ANDX)) => Ok((left, left)),
        Some(command) if v1_files::reads(*command) => match v1_files::wanted(*command, w, files) {
            Ok(n) => Ok((n.min(left), left)),
            Err(more) if more <= left => Err(more),
            Err(_) => Ok((left, left)),
        },
        Some(command) if v1_tricks::reads(*command) => Ok((TRANSACTION.min(left), left)),
        Some(_) => Ok((0, left)),
    }
}

/// One command of a chain: words and bytes.
pub(super) struct Block<'a> {
    pub(super) words: &'a [u8],
    pub(super) bytes: &'a [u8],
    /// Offset of `bytes` in the message: Unicode text is aligned to two.
    at: usize,
}

impl<'a> Block<'a> {
    fn read(m: &'a [u8], at: usize) -> Option<Block<'a>> {
        let words = usize::from(u8_at(m, at)?) * 2;
        let bytes = usize::from(u16_at(m, at + 1 + words)?);
        let at = at + 1;
        Some(Block { words: cut_at(m, at, words), bytes: cut_at(m, at + words + 2, bytes), at: at + words + 2 })
    }
    /// Reads a text that ends with NUL, and moves behind it.
    pub(super) fn text(&self, from: &mut usize, unicode: bool, max: usize) -> String {
        if unicode {
            *from += (self.at + *from) & 1;
            let raw = before_wide_nul(self.bytes.get(*from..).unwrap_or_default());
            *from += raw.len() + 2;
            utf16(raw, max)
        } else {
            let raw = before_nul(self.bytes.get(*from..).unwrap_or_default());
            *from += raw.len() + 1;
            oem(raw, max)
        }
    }
}

/// Reads one message.
pub(super) fn read(m: &[u8], whole: usize, waiting: &mut Outstanding, files: &mut Files, out: &mut Vec<Message>) {
    let Some(h) = Header::read(m) else {
        out.push(Message::Weird("smb_short_header", 0));
        return;
    };
    files.answered |= h.response;
    let read = match (h.command, h.response) {
        (NEGOTIATE, true) => negotiate_response(&h, m, out),
        (NEGOTIATE, false) => Some(()),
        (_, false) => requests(&h, m, whole, waiting, files, out),
        (_, true) => responses(&h, m, whole, waiting, files, out),
    };
    if read.is_none() {
        out.push(Message::Weird("smb_short_message", HEADER as u32));
    }
}

/// 2.2.4.52.2 with NT LM 0.12's seventeen words. Older dialects' answers carry no clock; index 0xffff takes none of the dialects offered.
fn negotiate_response(h: &Header, m: &[u8], out: &mut Vec<Message>) -> Option<()> {
    let b = Block::read(m, HEADER)?;
    if h.status != 0 || u16_at(b.words, 0).is_none_or(|index| index == 0xffff) {
        return Some(());
    }
    let nt = b.words.len() >= 34;
    let system_time = if nt { u64_at(b.words, 23)? } else { 0 };
    out.push(Message::Smb(Box::new(Smb::Negotiated { dialect: 1, server_guid: [0; 16], system_time })));
    Some(())
}

/// The commands of a chain with their blocks and places, as far as the chain goes forward.
fn chain(h: &Header, m: &[u8], mut each: impl FnMut(u8, &Block<'_>, u64) -> Option<()>) -> Option<()> {
    use v1_files::{NT_CREATE_ANDX, OPEN_ANDX, READ_ANDX, WRITE_ANDX};
    let (mut command, mut at) = (h.command, HEADER);
    for index in 0..CHAIN {
        let b = Block::read(m, at)?;
        each(command, &b, index)?;
        let (Some(next), Some(offset)) = (u8_at(b.words, 0), u16_at(b.words, 2)) else { return Some(()) };
        let chains = matches!(command, SESSION_SETUP | TREE_CONNECT_ANDX | NT_CREATE_ANDX | OPEN_ANDX | READ_ANDX | WRITE_ANDX);
        // Of a read or write only the beginning is there.
        let beyond = usize::from(offset) >= m.len() && !matches!(command, SESSION_SETUP | TREE_CONNECT_ANDX);
        if next == NO_ANDX || usize::from(offset) <= at || beyond || !chains {
            return Some(());
        }
        (command, at) = (next, usize::from(offset));
    }
    Some(())
}

fn requests(h: &Header, m: &[u8], whole: usize, waiting: &mut Outstanding, files: &mut Files, out: &mut Vec<Message>) -> Option<()> {
    let Outstanding(waiting, memory) = waiting;
    let mut request = Request::default();
    let mut keeps = matches!(h.command, SESSION_SETUP | TREE_CONNECT | TREE_CONNECT_ANDX);
    let read = chain(h, m, |command, b, index| match command {
        SESSION_SETUP => session_request(h, b, &mut request, out),
        TREE_CONNECT_ANDX => tree_request(h, b, &mut request),
        TREE_CONNECT => old_tree_request(h, b, &mut request),
        v1_files::DELETE | v1_files::RENAME => {
            request.named = Some(v1_files::names(command, h, b));
            keeps = true;
            Some(())
        }
        _ => {
            memory.request(h, command, b, out);
            v1_files::request(Part { h, m, whole, index }, command, b, files, out)
        }
    });
    if keeps {
        waiting.insert(h.id, request);
    }
    read
}

/// 2.2.4.53.1, and with extended security [MS-SMB] 2.2.4.6.1.
fn session_request(h: &Header, b: &Block<'_>, request: &mut Request, out: &mut Vec<Message>) -> Option<()> {
    let (passwords, responses) = match b.words.len() {
        24 => {
            request.kerberos = security_blob(cut_at(b.bytes, 0, usize::from(u16_at(b.words, 14)?)), out);
            return Some(());
        }
        26 => {
            let (oem, unicode) = (u16_at(b.words, 14)?, u16_at(b.words, 16)?);
            (usize::from(oem) + usize::from(unicode), unicode > 1 || oem > 1)
        }
        20 => (usize::from(u16_at(b.words, 14)?), u16_at(b.words, 14)? > 1),
        _ => return None,
    };
    let mut from = passwords;
    let user = b.text(&mut from, h.unicode, NAME_CHARS);
    let domain = b.text(&mut from, h.unicode, NAME_CHARS);
    let anonymous = user.is_empty() && !responses;
    let some = |s: String| if s.is_empty() { None } else { Some(s) };
    let ntlm = Ntlm { kind: 3, user: some(user), domain: some(domain), anonymous, ..Ntlm::default() };
    out.push(Message::Smb(Box::new(Smb::Ntlm(ntlm))));
    Some(())
}

/// Hands on an NTLMSSP message; true if the blob shows a Kerberos ticket.
fn security_blob(blob: &[u8], out: &mut Vec<Message>) -> bool {
    match token::read(blob) {
        Token::Ntlm(ntlm) => {
            out.push(Message::Smb(Box::new(Smb::Ntlm(ntlm))));
            false
        }
        Token::Kerberos => {
            out.extend(kerberos::find_ap_req(blob));
            true
        }
        Token::Other => false,
    }
}

/// 2.2.4.55.1.
fn tree_request(h: &Header, b: &Block<'_>, request: &mut Request) -> Option<()> {
    let mut from = usize::from(u16_at(b.words, 6)?);
    request.path = Some(b.text(&mut from, h.unicode, PATH_CHARS));
    Some(())
}

/// 2.2.4.50.1: path, password and service, each behind a byte that says that text follows. OEM text by the book; what says Unicode and has a zero
/// in every other byte is read as such.
fn old_tree_request(h: &Header, b: &Block<'_>, request: &mut Request) -> Option<()> {
    let wide = h.unicode && u8_at(b.bytes, 2 + (b.at + 1) % 2) == Some(0);
    let mut from = 0;
    let mut text = || {
        u8_at(b.bytes, from).filter(|format| *format == TEXT_FOLLOWS)?;
        from += 1;
        Some(b.text(&mut from, wide, PATH_CHARS))
    };
    request.path = Some(text()?);
    let service = text().and_then(|_password| text()).unwrap_or_default();
    request.kind = kind_of(service.as_bytes());
    Some(())
}

fn responses(h: &Header, m: &[u8], whole: usize, waiting: &mut Outstanding, files: &mut Files, out: &mut Vec<Message>) -> Option<()> {
    let request = waiting.0.remove(&h.id).unwrap_or_default();
    let mut path = request.path;
    if let Some((path, to)) = request.named {
        files.named(Asked { tree: u32::from(h.tid), path, ..Asked::default() }, h.status, to, out);
    }
    chain(h, m, |command, b, index| {
        match command {
            SESSION_SETUP => session_response(h, b, request.kerberos, out)?,
            TREE_CONNECT_ANDX | TREE_CONNECT => {
                let kind = match (command, h.status) {
                    (TREE_CONNECT_ANDX, _) => kind_of(before_nul(b.bytes)),
                    // Its answer does not name it.
                    (_, 0) => request.kind,
                    _ => 0,
                };
                if let Some(path) = path.take() {
                    if h.status == 0 {
                        files.tree(0, u32::from(h.tid), &path, kind);
                    }
                    out.push(Message::Smb(Box::new(Smb::Tree { path, status: h.status, kind })));
                }
            }
            _ => {
                waiting.1.response(h, command, out);
                v1_files::response(Part { h, m, whole, index }, command, b, files, out)?;
            }
        }
        Some(())
    })
}

/// 2.2.4.53.2, and with extended security [MS-SMB] 2.2.4.6.2.
fn session_response(h: &Header, b: &Block<'_>, kerberos: bool, out: &mut Vec<Message>) -> Option<()> {
    if h.status == MORE_PROCESSING_REQUIRED {
        security_blob(cut_at(b.bytes, 0, usize::from(u16_at(b.words, 6)?)), out);
        return Some(());
    }
    let guest = h.status == 0 && u16_at(b.words, 4).is_some_and(|action| action & 1 != 0);
    let session = u64::from(h.uid);
    out.push(Message::Smb(Box::new(Smb::Session { status: h.status, session, guest, encrypted: false, kerberos })));
    Some(())
}

/// The service behind a tree by its name (2.2.4.55.2, 2.2.4.50.1).
fn kind_of(service: &[u8]) -> u8 {
    match service {
        b"A:" => 1,
        b"IPC" => 2,
        b"LPT1:" => 3,
        _ => 0,
    }
}
