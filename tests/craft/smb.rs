//! SMB 3.1.1 over TCP 445 ([MS-SMB2]) with an NTLMv2 logon ([MS-NLMP]) in SPNEGO (RFC 4178): negotiation, three legs of session setup, tree
//! connects, files written and read.

use super::net::{Host, MS, Net, US};
use super::tcp::Tcp;

const DONE: u32 = 0;
const MORE: u32 = 0xc000_0016;
const NO_MORE_FILES: u32 = 0x8000_0006;
/// STATUS_LOGON_FAILURE.
pub const LOGON_FAILURE: u32 = 0xc000_006d;
/// STATUS_ACCESS_DENIED.
pub const ACCESS_DENIED: u32 = 0xc000_0022;

/// Who logs on, and from which computer.
#[derive(Clone, Copy, Debug)]
pub struct Logon {
    pub domain: &'static str,
    pub user: &'static str,
    pub workstation: &'static str,
}

fn utf16(s: &str) -> Vec<u8> {
    s.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// ASN.1 tag and length before its content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let n = content.len();
    let head = if n < 128 { vec![tag, n as u8] } else { vec![tag, 0x82, (n >> 8) as u8, n as u8] };
    [head, content.to_vec()].concat()
}

/// NegTokenInit with the one mechanism NTLMSSP.
fn token_init(ntlm: &[u8]) -> Vec<u8> {
    let oid = der(6, &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0a]);
    let seq = [der(0xa0, &der(0x30, &oid)), der(0xa2, &der(4, ntlm))].concat();
    der(0x60, &[der(6, &[0x2b, 6, 1, 5, 5, 2]), der(0xa0, &der(0x30, &seq))].concat())
}

/// NegTokenResp.
fn token_resp(state: u8, ntlm: Option<&[u8]>) -> Vec<u8> {
    let mut seq = der(0xa0, &der(10, &[state]));
    if let Some(n) = ntlm {
        seq.extend(der(0xa2, &der(4, n)));
    }
    der(0xa1, &der(0x30, &seq))
}

/// NEGOTIATE_MESSAGE (2.2.1.1).
fn ntlm_negotiate() -> Vec<u8> {
    [&b"NTLMSSP\0"[..], &1u32.to_le_bytes(), &0xe208_8297_u32.to_le_bytes(), &[0; 16], &[10, 0, 0x65, 0x4a, 0, 0, 0, 15]].concat()
}

/// AV_PAIRs (2.2.2.1) that name domain and computer.
fn target_info(domain: &str, host: &str) -> Vec<u8> {
    let pair = |id: u16, v: &[u8]| [&id.to_le_bytes()[..], &(v.len() as u16).to_le_bytes(), v].concat();
    [pair(2, &utf16(domain)), pair(1, &utf16(&host.to_uppercase())), pair(4, &utf16("hill.example")), pair(0, &[])].concat()
}

/// CHALLENGE_MESSAGE (2.2.1.2).
fn ntlm_challenge(net: &mut Net, domain: &str, host: &str) -> Vec<u8> {
    let name = utf16(domain);
    let info = target_info(domain, host);
    let field = |len: usize, at: usize| [&(len as u16).to_le_bytes()[..], &(len as u16).to_le_bytes(), &(at as u32).to_le_bytes()].concat();
    [
        &b"NTLMSSP\0"[..],
        &2u32.to_le_bytes(),
        &field(name.len(), 56),
        &0xe289_8215_u32.to_le_bytes(),
        &net.rng.bytes(8),
        &[0; 8],
        &field(info.len(), 56 + name.len()),
        &[10, 0, 0x65, 0x4a, 0, 0, 0, 15],
        &name,
        &info,
    ]
    .concat()
}

/// AUTHENTICATE_MESSAGE (2.2.1.3).
fn ntlm_authenticate(net: &mut Net, who: &Logon, host: &str) -> Vec<u8> {
    // NTLMv2_RESPONSE (2.2.2.8): proof, version, time, the client's challenge, the responder's names.
    let response =
        [&net.rng.bytes(16)[..], &[1, 1, 0, 0, 0, 0, 0, 0], &[0, 0x40, 0x5c, 0x1e, 0xd5, 0xf5, 0xdc, 0x01], &net.rng.bytes(8), &[0; 4]].concat();
    let response = [response, target_info(who.domain, host), vec![0; 4]].concat();
    let parts = [vec![0; 24], response, utf16(who.domain), utf16(who.user), utf16(who.workstation), net.rng.bytes(16)];
    let mut at = 88;
    let mut head = [&b"NTLMSSP\0"[..], &3u32.to_le_bytes()].concat();
    // The fields in the header's order; the payload in another, as Windows does it, is not needed.
    for p in &parts {
        head.extend((p.len() as u16).to_le_bytes());
        head.extend((p.len() as u16).to_le_bytes());
        head.extend((at as u32).to_le_bytes());
        at += p.len();
    }
    head.extend(0xe288_8215_u32.to_le_bytes());
    head.extend([10, 0, 0x65, 0x4a, 0, 0, 0, 15]);
    head.extend(net.rng.bytes(16));
    [head, parts.concat()].concat()
}

/// A session under way.
pub struct Smb {
    pub tcp: Tcp,
    session: u64,
    tree: u32,
    message: u64,
    sealed: bool,
}

impl Smb {
    /// Connection and negotiation.
    pub fn connect(net: &mut Net, t: u64, a: &Host, b: &Host) -> Smb {
        let tcp = Tcp::open(net, t, a, b, 445);
        let session = 0x0000_0400_0000_0001 | (net.rng.next() & 0xffff) << 8;
        let mut s = Smb { tcp, session: 0, tree: 0, message: 0, sealed: false };
        let contexts =
            [&[1, 0, 38, 0, 0, 0, 0, 0, 1, 0, 32, 0, 1, 0][..], &net.rng.bytes(32), &[0, 0, 2, 0, 6, 0, 0, 0, 0, 0, 2, 0, 2, 0, 1, 0]].concat();
        let guid = net.rng.bytes(16);
        let dialects: Vec<u8> = [0x0202u16, 0x0210, 0x0300, 0x0302, 0x0311].iter().flat_map(|d| d.to_le_bytes()).collect();
        let ask =
            [&[36, 0, 5, 0, 1, 0, 0, 0, 0x7f, 0, 0, 0][..], &guid, &112u32.to_le_bytes(), &[2, 0, 0, 0], &dialects, &[0; 2], &contexts].concat();
        let blob = token_init(&[]);
        // The contexts begin at a multiple of eight.
        let pad = blob.len().next_multiple_of(8) - blob.len();
        let server = [b.mac.to_vec(), vec![0x11; 10]].concat();
        let now = 134_000_000_000_000_000u64 + net.rng.range(0, 1 << 30);
        let answer = [
            &[65, 0, 1, 0, 0x11, 3, 2, 0][..],
            &server,
            &[0x2f, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0x80, 0, 0, 0, 0x80, 0],
            &now.to_le_bytes(),
            &[0; 8],
            &128u16.to_le_bytes(),
            &(blob.len() as u16).to_le_bytes(),
            &(128 + (blob.len() + pad) as u32).to_le_bytes(),
            &blob,
            &vec![0; pad],
            &contexts,
        ]
        .concat();
        s.round(net, 0, DONE, &ask, &answer);
        s.session = session;
        s
    }
    /// Logs on by NTLM; the responder's last word is `status`.
    pub fn logon(&mut self, net: &mut Net, who: &Logon, status: u32) -> &mut Smb {
        let ask = |blob: &[u8]| [&[25, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 88, 0][..], &(blob.len() as u16).to_le_bytes(), &[0; 8], blob].concat();
        let says = |blob: &[u8]| [&[9, 0, 0, 0, 72, 0][..], &(blob.len() as u16).to_le_bytes(), blob].concat();
        let (first, name) = (token_init(&ntlm_negotiate()), self.tcp.b.name);
        let challenge = token_resp(1, Some(&ntlm_challenge(net, who.domain, name)));
        self.round(net, 1, MORE, &ask(&first), &says(&challenge));
        let last = token_resp(1, Some(&ntlm_authenticate(net, who, name)));
        let end = if status == DONE { says(&token_resp(0, None)) } else { error() };
        self.round(net, 1, status, &ask(&last), &end);
        self
    }
    /// Connects to a share: `IPC$`, `ADMIN$`, `karte`.
    pub fn tree(&mut self, net: &mut Net, share: &str, status: u32) -> &mut Smb {
        self.tree = 0;
        let path = utf16(&format!("\\\\{}\\{share}", self.tcp.b.ip));
        let ask = [&[9, 0, 0, 0, 72, 0][..], &(path.len() as u16).to_le_bytes(), &path].concat();
        let kind = if share == "IPC$" { 2 } else { 1 };
        let answer = if status == DONE { [&[16, 0, kind, 0][..], &[0, 8, 0, 0, 0, 0, 0, 0, 0xff, 1, 0x1f, 0]].concat() } else { error() };
        let tree = 1 + (self.message as u32 & 0xff);
        self.round(net, 3, status, &ask, &answer);
        self.tree = tree;
        self
    }
    fn create(&mut self, net: &mut Net, name: &str) -> Vec<u8> {
        self.open(net, name, &Open::default())
    }
    /// A handle, as it is asked for and as it is granted (2.2.13, 2.2.14).
    pub fn open(&mut self, net: &mut Net, name: &str, how: &Open) -> Vec<u8> {
        let (name, id) = (utf16(name), net.rng.bytes(16));
        let ask = [
            &[57, 0, 0, 0, 2, 0, 0, 0][..],
            &[0; 16],
            &[0x9f, 1, 0x12, 0, 0x80, 0, 0, 0, 7, 0, 0, 0, how.disposition, 0, 0, 0, if how.directory { 0x21 } else { 0x40 }, 0, 0, 0, 120, 0],
            &(name.len() as u16).to_le_bytes(),
            &[0; 8],
            &name,
        ]
        .concat();
        let size = how.size.to_le_bytes();
        let attributes = [if how.directory { 0x10 } else { 0x20 }, 0, 0, 0, 0, 0, 0, 0];
        let answer = [&[89, 0, 0, 0, how.action, 0, 0, 0][..], &[0; 32], &size, &size, &attributes, &id, &[0; 8]].concat();
        self.round(net, 5, DONE, &ask, &answer);
        id
    }
    /// Closes it.
    pub fn shut(&mut self, net: &mut Net, id: &[u8]) {
        let ask = [&[24, 0, 0, 0, 0, 0, 0, 0][..], id].concat();
        self.round(net, 6, DONE, &ask, &[&[60, 0][..], &[0; 58]].concat());
    }
    /// Writes a file of `n` bytes.
    pub fn write(&mut self, net: &mut Net, name: &str, n: usize) -> &mut Smb {
        let id = self.create(net, name);
        let data = net.rng.bytes(n);
        self.put(net, &id, &data);
        self.shut(net, &id);
        self
    }
    /// Writes content to a handle.
    pub fn put(&mut self, net: &mut Net, id: &[u8], data: &[u8]) {
        let mut at = 0u64;
        for part in data.chunks(32_768) {
            let ask = [&[49, 0, 112, 0][..], &(part.len() as u32).to_le_bytes(), &at.to_le_bytes(), id, &[0; 16], part].concat();
            let answer = [&[17, 0, 0, 0][..], &(part.len() as u32).to_le_bytes(), &[0; 8]].concat();
            self.round(net, 9, DONE, &ask, &answer);
            at += part.len() as u64;
        }
    }
    /// Reads content from a handle.
    pub fn get(&mut self, net: &mut Net, id: &[u8], data: &[u8]) {
        let mut at = 0u64;
        for part in data.chunks(32_768) {
            let ask = [&[49, 0, 80, 0][..], &(part.len() as u32).to_le_bytes(), &at.to_le_bytes(), id, &[0; 16], &[0]].concat();
            let answer = [&[17, 0, 80, 0][..], &(part.len() as u32).to_le_bytes(), &[0; 8], part].concat();
            self.round(net, 8, DONE, &ask, &answer);
            at += part.len() as u64;
        }
    }
    /// Sets a handle's information of a class (2.2.39).
    fn set(&mut self, net: &mut Net, id: &[u8], class: u8, body: &[u8]) {
        let ask = [&[33, 0, 1, class][..], &(body.len() as u32).to_le_bytes(), &[96, 0, 0, 0], &[0; 4], id, body].concat();
        self.round(net, 17, DONE, &ask, &[2, 0]);
    }
    /// Another name for a handle's file ([MS-FSCC] 2.4.42).
    pub fn set_name(&mut self, net: &mut Net, id: &[u8], to: &str) {
        let to = utf16(to);
        self.set(net, id, 10, &[&[1, 0, 0, 0, 0, 0, 0, 0][..], &[0; 8], &(to.len() as u32).to_le_bytes(), &to].concat());
    }
    /// Another name for a file.
    pub fn rename(&mut self, net: &mut Net, name: &str, to: &str) -> &mut Smb {
        let id = self.open(net, name, &Open::default());
        self.set_name(net, &id, to);
        self.shut(net, &id);
        self
    }
    /// Deletes a file ([MS-FSCC] 2.4.11).
    pub fn delete(&mut self, net: &mut Net, name: &str) -> &mut Smb {
        let id = self.open(net, name, &Open::default());
        self.set(net, &id, 13, &[1]);
        self.shut(net, &id);
        self
    }
    /// Lists a directory: one answer with entries, one that says there are no more (2.2.33).
    pub fn list(&mut self, net: &mut Net, name: &str) -> &mut Smb {
        let id = self.open(net, name, &Open { directory: true, ..Open::default() });
        let ask = [&[33, 0, 37, 1, 0, 0, 0, 0][..], &id, &[96, 0, 2, 0, 0, 0, 1, 0], b"*\0"].concat();
        let entries = net.rng.bytes(400);
        self.round(net, 14, DONE, &ask, &[&[9, 0, 72, 0][..], &400u32.to_le_bytes(), &entries].concat());
        self.round(net, 14, NO_MORE_FILES, &ask, &error());
        self.shut(net, &id);
        self
    }
    /// A file read whole.
    pub fn fetch(&mut self, net: &mut Net, name: &str, data: &[u8]) -> &mut Smb {
        let id = self.open(net, name, &Open { size: data.len() as u64, ..Open::default() });
        self.get(net, &id, data);
        self.shut(net, &id);
        self
    }
    /// A file written whole: a new one, or an old one overwritten.
    pub fn store(&mut self, net: &mut Net, name: &str, data: &[u8], new: bool) -> &mut Smb {
        let id = self.open(net, name, &Open { disposition: 5, action: if new { 2 } else { 3 }, ..Open::default() });
        self.put(net, &id, data);
        self.shut(net, &id);
        self
    }
    /// From here on everything is encrypted ([MS-SMB2] 2.2.41).
    pub fn seal(&mut self) -> &mut Smb {
        self.sealed = true;
        self
    }
    /// Reads a file of `n` bytes.
    pub fn read(&mut self, net: &mut Net, name: &str, n: usize) -> &mut Smb {
        let id = self.create(net, name);
        let data = net.rng.bytes(n);
        self.get(net, &id, &data);
        self.shut(net, &id);
        self
    }
    /// Logs off and ends; when it was over.
    pub fn close(&mut self, net: &mut Net) -> u64 {
        self.tree = 0;
        self.round(net, 2, DONE, &[4, 0, 0, 0], &[4, 0, 0, 0]);
        self.tcp.wait(5 * MS).close(net)
    }
    /// A message of so many bytes, encrypted: signature, nonce, the message's length, flags, session.
    fn transform(&self, net: &mut Net, len: usize) -> Vec<u8> {
        let (signature, nonce, body) = (net.rng.bytes(16), net.rng.bytes(12), net.rng.bytes(len));
        let session = self.session.to_le_bytes();
        [&[0xfd, b'S', b'M', b'B'][..], &signature, &nonce, &[0; 4], &(len as u32).to_le_bytes(), &[0, 0, 1, 0], &session, &body].concat()
    }
    /// One request and its answer.
    fn round(&mut self, net: &mut Net, command: u16, status: u32, ask: &[u8], answer: &[u8]) {
        let (id, session) = (self.message, self.session);
        self.message += 1;
        let tree = self.tree;
        // A tree's id is first said by the answer to its connect.
        let granted = if command == 3 && status == DONE { 1 + (id as u32 & 0xff) } else { tree };
        let head = |flags: u32, status: u32, tree: u32| {
            [
                &[0xfe, b'S', b'M', b'B', 64, 0, 1, 0][..],
                &status.to_le_bytes(),
                &command.to_le_bytes(),
                &[33, 0],
                &flags.to_le_bytes(),
                &[0; 4],
                &id.to_le_bytes(),
                &[0xff, 0xfe, 0, 0],
                &tree.to_le_bytes(),
                &session.to_le_bytes(),
                &[0; 16],
            ]
            .concat()
        };
        let framed = |m: Vec<u8>| [&(m.len() as u32).to_be_bytes()[..], &m].concat();
        let (mut up, mut down) = ([head(0, 0, tree), ask.to_vec()].concat(), [head(1, status, granted), answer.to_vec()].concat());
        if self.sealed {
            (up, down) = (self.transform(net, up.len()), self.transform(net, down.len()));
        }
        let (up, down) = (framed(up), framed(down));
        self.tcp.up(net, &up).wait(200 * US).down(net, &down).wait(300 * US);
    }
}

/// How a file is opened: the disposition asked for (1 open, 2 create, 3 open or create, 5 overwrite or create), the action granted (1 opened,
/// 2 created, 3 overwritten), its size.
pub struct Open {
    pub disposition: u8,
    pub action: u8,
    pub size: u64,
    pub directory: bool,
}

impl Default for Open {
    fn default() -> Open {
        Open { disposition: 3, action: 1, size: 0, directory: false }
    }
}

/// An error's body (2.2.2).
fn error() -> Vec<u8> {
    vec![9, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// A user reads and writes files on a file server.
pub fn use_files(net: &mut Net, t: u64, a: &Host, b: &Host, who: &Logon, share: &str, bytes: usize) -> u64 {
    let mut s = Smb::connect(net, t, a, b);
    s.logon(net, who, DONE).tree(net, "IPC$", DONE).tree(net, share, DONE);
    s.read(net, "2026\\plan.xlsx", bytes).write(net, "2026\\note.txt", bytes / 8 + 100);
    s.tcp.wait(200 * MS);
    s.close(net)
}

/// An intruder (or an administrator) goes in by the administrative share and leaves a file.
pub fn use_admin_share(net: &mut Net, t: u64, a: &Host, b: &Host, who: &Logon, file: &str, bytes: usize) -> u64 {
    let mut s = Smb::connect(net, t, a, b);
    s.logon(net, who, DONE).tree(net, "IPC$", DONE).tree(net, "ADMIN$", DONE);
    s.write(net, file, bytes);
    s.tcp.wait(100 * MS);
    s.close(net)
}
