//! SMB 2 and 3 messages ([MS-SMB2] 2.2): the header, and one reader per command and direction.

use super::super::Message;
use super::super::field::{array_at, before_wide_nul, cut_at, u16_at, u32_at, u64_at, utf16};
use super::super::kerberos;
use super::files::{Files, Key};
use super::token::{self, Token};
use super::v2_files;
use super::{MORE_PROCESSING_REQUIRED, PATH_CHARS, PENDING, Smb};
use crate::bounded::BoundedMap;

/// Bytes of the header (2.2.1).
pub(super) const HEADER: usize = 64;
/// SMB2 SERVER_TO_CLIENT_NOTIFICATION, the highest command there is.
pub(super) const LAST_COMMAND: u16 = 0x13;

const NEGOTIATE: u16 = 0x00;
const SESSION_SETUP: u16 = 0x01;
const TREE_CONNECT: u16 = 0x03;

const FLAG_RESPONSE: u32 = 0x0000_0001;
/// Requests that wait for their answer; a client has a few. Beyond, the oldest is forgotten and its answer not joined.
const OUTSTANDING: usize = 128;
/// The answer to SMB 1's negotiation "SMB 2.???": the real one follows.
const DIALECT_WILDCARD: u16 = 0x02ff;

/// Requests that wait for their answer, by message id.
#[derive(Debug)]
pub(super) struct Outstanding {
    requests: BoundedMap<u64, Request>,
    /// An answer was seen: the capture shows both directions.
    answered: bool,
    /// Bytes the requests take.
    held: usize,
    /// The handle that the request before spoke of: a compound's next message may mean the same.
    chain: Option<Key>,
}

/// What a request said that its answer does not repeat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Request {
    /// Session setup: did it show a Kerberos ticket?
    Session { kerberos: bool },
    /// Tree connect: the share asked for.
    Tree { path: String },
}

impl Request {
    fn weight(&self) -> usize {
        size_of::<Request>() + 32 + if let Request::Tree { path } = self { path.capacity() } else { 0 }
    }
}

impl Outstanding {
    /// An empty table.
    pub(super) fn new() -> Self {
        Outstanding { requests: BoundedMap::new(OUTSTANDING), answered: false, held: 0, chain: None }
    }
    /// Bytes the table takes.
    pub(super) fn held(&self) -> usize {
        self.held
    }
    fn insert(&mut self, id: u64, request: Request) {
        self.remove(id);
        self.held += request.weight();
        if let Some((_, old)) = self.requests.insert(id, request) {
            self.held = self.held.saturating_sub(old.weight());
        }
    }
    fn remove(&mut self, id: u64) -> Option<Request> {
        let r = self.requests.remove(&id)?;
        self.held = self.held.saturating_sub(r.weight());
        Some(r)
    }
    /// Requests forgotten because too many waited.
    pub(super) fn evicted(&self) -> u64 {
        self.requests.evicted()
    }
}

/// The header's fields (2.2.1.1, 2.2.1.2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) status: u32,
    pub(super) command: u16,
    pub(super) flags: u32,
    pub(super) message_id: u64,
    /// Tree id; means nothing in an asynchronous answer.
    pub(super) tree: u32,
    pub(super) session: u64,
    /// Bytes of the message, as far as its frame or compound lets it reach.
    pub(super) whole: usize,
}

impl Header {
    /// Reads it; None if it is not whole.
    pub(super) fn read(m: &[u8], left: usize) -> Option<Header> {
        m.get(..HEADER)?;
        let next = u32_at(m, 20)?;
        Some(Header {
            status: u32_at(m, 8)?,
            command: u16_at(m, 12)?,
            flags: u32_at(m, 16)?,
            message_id: u64_at(m, 24)?,
            tree: u32_at(m, 36)?,
            session: u64_at(m, 40)?,
            whole: match next as usize {
                // Not the last of a compound: the next one must lie behind this header and inside the frame.
                next if next >= HEADER && next < left => next,
                _ => left,
            },
        })
    }
    pub(super) fn response(&self) -> bool {
        self.flags & FLAG_RESPONSE != 0
    }
    /// How much of the message its reader wants, header included. Nothing of commands nobody reads.
    fn wanted(&self) -> usize {
        match (self.command, self.response()) {
            (NEGOTIATE, true) => HEADER + 64,
            (SESSION_SETUP, _) => usize::MAX,
            (TREE_CONNECT, false) => HEADER + 8 + 8 + 4 * PATH_CHARS,
            (TREE_CONNECT, true) => HEADER + 16,
            _ => 0,
        }
    }
}

/// How much of the message at the beginning of `w` is wanted, and how far it reaches, `left` bytes before the frame's end; or how many bytes must be
/// there to tell.
pub(super) fn extent(w: &[u8], left: usize, waiting: &Outstanding, files: &mut Files) -> Result<(usize, usize), usize> {
    let Some(h) = Header::read(w, left) else { return if left < HEADER { Ok((left, left)) } else { Err(HEADER) } };
    let wanted = match v2_files::reads(h.command) {
        true => match v2_files::wanted(&h, w, waiting.chain, files) {
            Ok(n) => n,
            Err(more) if more <= h.whole => return Err(more),
            Err(_) => h.whole,
        },
        false => h.wanted(),
    };
    Ok((wanted.min(h.whole), h.whole))
}

/// Reads one message. `m` holds as much as [`extent`] wanted, or as much as there is, of `left` bytes up to the frame's end.
pub(super) fn read(m: &[u8], left: usize, waiting: &mut Outstanding, files: &mut Files, out: &mut Vec<Message>) {
    let Some(h) = Header::read(m, left) else {
        out.push(Message::Weird("smb_short_header", 0));
        return;
    };
    waiting.answered |= h.response();
    files.answered |= h.response();
    let read = match (h.command, h.response()) {
        (NEGOTIATE, true) => negotiate_response(&h, m, out),
        (SESSION_SETUP, false) => session_request(&h, m, waiting, out),
        (SESSION_SETUP, true) => session_response(&h, m, waiting, out),
        (TREE_CONNECT, false) => tree_request(&h, m, waiting),
        (TREE_CONNECT, true) => tree_response(&h, m, waiting, files, out),
        (command, true) if v2_files::reads(command) => v2_files::response(&h, m, files, out),
        (command, false) if v2_files::reads(command) => {
            if command == v2_files::CREATE {
                unseen_answers(&h, waiting, files, out);
            }
            v2_files::request(&h, m, &mut waiting.chain, files, out)
        }
        _ => Some(()),
    };
    if read.is_none() {
        out.push(Message::Weird("smb_short_message", HEADER as u32));
    }
}

/// 2.2.4.
fn negotiate_response(h: &Header, m: &[u8], out: &mut Vec<Message>) -> Option<()> {
    if h.status != 0 {
        return Some(());
    }
    let dialect = u16_at(m, 68)?;
    if dialect != DIALECT_WILDCARD {
        out.push(Message::Smb(Box::new(Smb::Negotiated { dialect, server_guid: array_at(m, 72)?, system_time: u64_at(m, 104)? })));
    }
    Some(())
}

/// 2.2.5.
fn session_request(h: &Header, m: &[u8], waiting: &mut Outstanding, out: &mut Vec<Message>) -> Option<()> {
    let kerberos = security_blob(m, u16_at(m, 76)?, u16_at(m, 78)?, out);
    waiting.insert(h.message_id, Request::Session { kerberos });
    Some(())
}

/// 2.2.6.
fn session_response(h: &Header, m: &[u8], waiting: &mut Outstanding, out: &mut Vec<Message>) -> Option<()> {
    if h.status == PENDING {
        return Some(());
    }
    let kerberos = matches!(waiting.remove(h.message_id), Some(Request::Session { kerberos: true }));
    if h.status == MORE_PROCESSING_REQUIRED {
        security_blob(m, u16_at(m, 68)?, u16_at(m, 70)?, out);
        return Some(());
    }
    let flags = if h.status == 0 { u16_at(m, 66)? } else { 0 };
    let (guest, encrypted) = (flags & 0x0003 != 0, flags & 0x0004 != 0);
    out.push(Message::Smb(Box::new(Smb::Session { status: h.status, session: h.session, guest, encrypted, kerberos })));
    Some(())
}

/// Hands on an NTLMSSP message; true if the blob shows a Kerberos ticket.
fn security_blob(m: &[u8], offset: u16, len: u16, out: &mut Vec<Message>) -> bool {
    if usize::from(offset) < HEADER {
        return false;
    }
    let blob = cut_at(m, usize::from(offset), usize::from(len));
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

/// 2.2.9.
fn tree_request(h: &Header, m: &[u8], waiting: &mut Outstanding) -> Option<()> {
    let (offset, len) = (u16_at(m, 68)?, u16_at(m, 70)?);
    if usize::from(offset) < HEADER {
        return None;
    }
    let path = utf16(before_wide_nul(cut_at(m, usize::from(offset), usize::from(len))), PATH_CHARS);
    waiting.insert(h.message_id, Request::Tree { path });
    Some(())
}

/// 2.2.10.
fn tree_response(h: &Header, m: &[u8], waiting: &mut Outstanding, files: &mut Files, out: &mut Vec<Message>) -> Option<()> {
    if h.status == PENDING {
        return Some(());
    }
    let Some(Request::Tree { path }) = waiting.remove(h.message_id) else { return Some(()) };
    let kind = match m.get(66) {
        Some(kind @ 1..=3) if h.status == 0 => *kind,
        _ => 0,
    };
    if h.status == 0 {
        files.tree(h.session, h.tree, &path, kind);
    }
    out.push(Message::Smb(Box::new(Smb::Tree { path, status: h.status, kind })));
    Some(())
}

/// Whoever opens a file has its tree: where only this direction is captured, the trees asked for are told without the answer nobody saw.
fn unseen_answers(h: &Header, waiting: &mut Outstanding, files: &mut Files, out: &mut Vec<Message>) {
    if waiting.answered {
        return;
    }
    let mut path_used = None;
    waiting.requests.retain(|id, r| match r {
        Request::Tree { path } if *id < h.message_id => {
            path_used = Some(path.clone());
            out.push(Message::Smb(Box::new(Smb::Tree { path: std::mem::take(path), status: PENDING, kind: 0 })));
            false
        }
        _ => true,
    });
    if let Some(path) = path_used {
        // The tree's id is in the answer nobody saw; this request uses it.
        files.tree(h.session, h.tree, &path, 0);
        waiting.held = waiting.requests.values().map(Request::weight).sum();
    }
}
