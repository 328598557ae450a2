//! Messages for tests, byte by byte as [MS-SMB2] 2.2 and [MS-CIFS] 2.2.4 lay them out.

use crate::protocols::ntlmssp::tests::wide;

/// A message with its four-byte length.
pub(crate) fn frame(m: &[u8]) -> Vec<u8> {
    [&(m.len() as u32).to_be_bytes(), m].concat()
}

/// An SMB 2 message; `status` is Some in an answer.
pub(crate) fn v2(command: u16, status: Option<u32>, id: u64, session: u64, body: &[u8]) -> Vec<u8> {
    let mut m = b"\xfeSMB\x40\0\x01\0".to_vec();
    m.extend(status.unwrap_or(0).to_le_bytes());
    m.extend(command.to_le_bytes());
    m.extend(31u16.to_le_bytes());
    m.extend(u32::from(status.is_some()).to_le_bytes());
    m.extend(0u32.to_le_bytes());
    m.extend(id.to_le_bytes());
    m.extend([0; 8]);
    m.extend(session.to_le_bytes());
    m.extend([0x5a; 16]);
    m.extend(body);
    m
}

/// Several messages in one frame, each padded to eight bytes and linked to the next.
pub(crate) fn compound(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, p) in parts.iter().enumerate() {
        let mut p = p.clone();
        if i + 1 < parts.len() {
            p.resize(p.len().next_multiple_of(8), 0);
            let next = (p.len() as u32).to_le_bytes();
            p[20..24].copy_from_slice(&next);
        }
        out.extend(p);
    }
    out
}

pub(crate) fn negotiate_answer(dialect: u16, guid: u8, time: u64) -> Vec<u8> {
    let mut b = vec![65, 0, 1, 0];
    b.extend(dialect.to_le_bytes());
    b.extend([0, 0]);
    b.extend([guid; 16]);
    b.extend([0; 16]);
    b.extend(time.to_le_bytes());
    b.extend([0; 16]);
    v2(0, Some(0), 0, 0, &b)
}

pub(crate) fn session(id: u64, session: u64, blob: &[u8]) -> Vec<u8> {
    let mut b = vec![25, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 88, 0];
    b.extend((blob.len() as u16).to_le_bytes());
    b.extend([0; 8]);
    b.extend(blob);
    v2(1, None, id, session, &b)
}

pub(crate) fn session_answer(id: u64, session: u64, status: u32, flags: u16, blob: &[u8]) -> Vec<u8> {
    let mut b = vec![9, 0];
    b.extend(flags.to_le_bytes());
    b.extend([72, 0]);
    b.extend((blob.len() as u16).to_le_bytes());
    b.extend(blob);
    v2(1, Some(status), id, session, &b)
}

pub(crate) fn tree(id: u64, session: u64, path: &str) -> Vec<u8> {
    let path = wide(path);
    let mut b = vec![9, 0, 0, 0, 72, 0];
    b.extend((path.len() as u16).to_le_bytes());
    b.extend(path);
    v2(3, None, id, session, &b)
}

pub(crate) fn tree_answer(id: u64, session: u64, status: u32, kind: u8) -> Vec<u8> {
    let body = if status == 0 { vec![16, 0, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 1, 0x1f, 0] } else { vec![9, 0, 0, 0, 0, 0, 0, 0, 0] };
    v2(3, Some(status), id, session, &body)
}

/// A write of `n` bytes that look like nothing in particular.
pub(crate) fn write(id: u64, session: u64, n: usize) -> Vec<u8> {
    let mut b = vec![49, 0, 112, 0];
    b.extend((n as u32).to_le_bytes());
    b.resize(48, 0);
    b.extend((0..n).map(|i| (i * 7 % 251) as u8));
    v2(9, None, id, session, &b)
}

/// An SMB 1 message of one or more blocks (words, bytes); AndX offsets are filled in, `next` names the commands that follow.
pub(crate) fn v1(command: u8, status: Option<u32>, flags2: u16, mid: u16, blocks: &[(Vec<u8>, Vec<u8>)], next: &[u8]) -> Vec<u8> {
    let mut m = b"\xffSMB".to_vec();
    m.push(command);
    m.extend(status.unwrap_or(0).to_le_bytes());
    m.push(if status.is_some() { 0x98 } else { 0x18 });
    m.extend(flags2.to_le_bytes());
    m.extend([0; 12]);
    m.extend([8, 0, 0xfe, 0xff, 0, 8]);
    m.extend(mid.to_le_bytes());
    for (i, (words, bytes)) in blocks.iter().enumerate() {
        let mut words = words.clone();
        if let Some(next) = next.get(i) {
            words[0] = *next;
            let offset = (m.len() + 1 + words.len() + 2 + bytes.len()) as u16;
            words[2..4].copy_from_slice(&offset.to_le_bytes());
        }
        m.push((words.len() / 2) as u8);
        m.extend(words);
        m.extend((bytes.len() as u16).to_le_bytes());
        m.extend(bytes);
    }
    m
}

pub(crate) const NT_STATUS: u16 = 0x4000;
pub(crate) const UNICODE: u16 = 0x8000;

/// Session setup with extended security.
pub(crate) fn v1_session(blob: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut w = vec![0xff, 0, 0, 0, 0x04, 0x11, 10, 0, 0, 0, 0, 0, 0, 0];
    w.extend((blob.len() as u16).to_le_bytes());
    w.extend([0, 0, 0, 0, 0xd4, 0, 0, 0x80]);
    (w, [blob, b"\0W\0i\0n\0\0\0"].concat())
}

/// Plain session setup: two password answers of 24 bytes, then names.
pub(crate) fn v1_plain(user: &[u8], domain: &[u8], pad: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let w = vec![0xff, 0, 0, 0, 0x04, 0x11, 10, 0, 0, 0, 0, 0, 0, 0, 24, 0, 24, 0, 0, 0, 0, 0, 0xd4, 0, 0, 0];
    (w, [&[0xabu8; 48], pad, user, domain, b"Unix\0Samba\0"].concat())
}

pub(crate) fn v1_tree(path: &[u8]) -> (Vec<u8>, Vec<u8>) {
    (vec![0xff, 0, 0, 0, 8, 0, 1, 0], [b"\0".as_slice(), path, b"?????\0"].concat())
}

pub(crate) fn v1_tree_answer(service: &[u8]) -> (Vec<u8>, Vec<u8>) {
    (vec![0xff, 0, 0, 0, 1, 0], [service, b"\0NTFS\0"].concat())
}

/// The old tree connect (0x70): path, password and service.
pub(crate) fn v1_old_tree(path: &[u8], service: &[u8]) -> (Vec<u8>, Vec<u8>) {
    (vec![], [b"\x04".as_slice(), path, b"\0\x04secret\0\x04", service, b"\0"].concat())
}

/// What goes on with files: requests and answers by message id, in tree 5 of session 9.
pub(crate) struct Share;

impl Share {
    fn v2(command: u16, status: Option<u32>, id: u64, body: &[u8]) -> Vec<u8> {
        let mut m = v2(command, status, id, 9, body);
        m[36..40].copy_from_slice(&5u32.to_le_bytes());
        m
    }
    fn fid(n: u64) -> Vec<u8> {
        [n.to_le_bytes(), n.wrapping_mul(3).to_le_bytes()].concat()
    }
    /// The tree, connected.
    pub(crate) fn tree(path: &str, kind: u8) -> Vec<Vec<u8>> {
        let mut answer = tree_answer(900, 9, 0, kind);
        answer[36..40].copy_from_slice(&5u32.to_le_bytes());
        vec![tree(900, 9, path), answer]
    }
    pub(crate) fn create(id: u64, name: &str, disposition: u32, options: u32) -> Vec<u8> {
        let name = wide(name);
        let mut b = vec![57, 0, 0, 0];
        b.extend([0; 20]);
        for n in [0x0012_019fu32, 0x80, 7, disposition, options] {
            b.extend(n.to_le_bytes());
        }
        b.extend([120, 0]);
        b.extend((name.len() as u16).to_le_bytes());
        b.extend([0; 8]);
        b.extend(name);
        Self::v2(5, None, id, &b)
    }
    pub(crate) fn created(id: u64, status: u32, fid: u64, action: u32, size: u64) -> Vec<u8> {
        if status != 0 {
            return Self::v2(5, Some(status), id, &[9, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        let mut b = vec![89, 0, 0, 0];
        b.extend(action.to_le_bytes());
        b.extend([0; 32]);
        b.extend(size.next_multiple_of(4096).to_le_bytes());
        b.extend(size.to_le_bytes());
        b.extend(0x20u32.to_le_bytes());
        b.extend([0; 4]);
        b.extend(Self::fid(fid));
        b.extend([0; 8]);
        Self::v2(5, Some(0), id, &b)
    }
    pub(crate) fn write(id: u64, fid: u64, offset: u64, data: &[u8]) -> Vec<u8> {
        let mut b = vec![49, 0, 112, 0];
        b.extend((data.len() as u32).to_le_bytes());
        b.extend(offset.to_le_bytes());
        b.extend(Self::fid(fid));
        b.extend([0; 16]);
        b.extend(data);
        Self::v2(9, None, id, &b)
    }
    pub(crate) fn read(id: u64, fid: u64, offset: u64, len: u32) -> Vec<u8> {
        let mut b = vec![49, 0, 80, 0];
        b.extend(len.to_le_bytes());
        b.extend(offset.to_le_bytes());
        b.extend(Self::fid(fid));
        b.extend([0; 17]);
        Self::v2(8, None, id, &b)
    }
    /// The answer to a read.
    pub(crate) fn data(id: u64, status: u32, data: &[u8]) -> Vec<u8> {
        let mut b = vec![17, 0, 80, 0];
        b.extend((data.len() as u32).to_le_bytes());
        b.extend([0; 8]);
        b.extend(data);
        Self::v2(8, Some(status), id, &b)
    }
    pub(crate) fn set(id: u64, fid: u64, class: u8, info: &[u8]) -> Vec<u8> {
        let mut b = vec![33, 0, 1, class];
        b.extend((info.len() as u32).to_le_bytes());
        b.extend([96, 0, 0, 0, 0, 0, 0, 0]);
        b.extend(Self::fid(fid));
        b.extend(info);
        Self::v2(0x11, None, id, &b)
    }
    pub(crate) fn rename(id: u64, fid: u64, to: &str) -> Vec<u8> {
        let to = wide(to);
        let mut info = vec![0; 16];
        info.extend((to.len() as u32).to_le_bytes());
        info.extend(to);
        Self::set(id, fid, 10, &info)
    }
    pub(crate) fn list(id: u64, fid: u64) -> Vec<u8> {
        let mut b = vec![33, 0, 37, 0, 0, 0, 0, 0];
        b.extend(Self::fid(fid));
        b.extend([96, 0, 2, 0, 0, 0, 1, 0, b'*', 0]);
        Self::v2(0x0e, None, id, &b)
    }
    pub(crate) fn close(id: u64, fid: u64) -> Vec<u8> {
        let mut b = vec![24, 0, 0, 0, 0, 0, 0, 0];
        b.extend(Self::fid(fid));
        Self::v2(6, None, id, &b)
    }
    /// FSCTL_PIPE_TRANSCEIVE.
    pub(crate) fn transceive(id: u64, fid: u64, data: &[u8]) -> Vec<u8> {
        let mut b = vec![57, 0, 0, 0];
        b.extend(0x0011_c017u32.to_le_bytes());
        b.extend(Self::fid(fid));
        for n in [120, data.len() as u32, 0, 120, 0, 4280, 1, 0] {
            b.extend(n.to_le_bytes());
        }
        b.extend(data);
        Self::v2(0x0b, None, id, &b)
    }
    pub(crate) fn transceived(id: u64, status: u32, data: &[u8]) -> Vec<u8> {
        let mut b = vec![49, 0, 0, 0];
        b.extend(0x0011_c017u32.to_le_bytes());
        b.extend([0; 16]);
        for n in [112, 0, 112, data.len() as u32, 0, 0] {
            b.extend(n.to_le_bytes());
        }
        b.extend(data);
        Self::v2(0x0b, Some(status), id, &b)
    }
    /// An answer that says only yes or no.
    pub(crate) fn done(command: u16, id: u64, status: u32) -> Vec<u8> {
        Self::v2(command, Some(status), id, &[2, 0, 0, 0, 0, 0, 0, 0])
    }
    /// The same message, related to the one before it in the compound.
    pub(crate) fn related(mut m: Vec<u8>, fid_at: usize) -> Vec<u8> {
        m[16] |= 4;
        m[64 + fid_at..64 + fid_at + 16].fill(0xff);
        m
    }
}
