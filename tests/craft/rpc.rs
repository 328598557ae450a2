//! DCE/RPC (C706, chapter 12; [MS-RPCE] 2.2.2) over SMB's named pipes and over TCP: bind, its answer, requests and responses with NDR arguments
//! (C706, chapter 14), faults; sealed calls as their headers and sizes; what is done with services, tasks, the registry, the directory, WMI.

use super::net::{Host, MS, Net, US};
use super::smb::{Logon, Smb, ntlm_authenticate, ntlm_challenge, ntlm_negotiate, utf16};
use super::tcp::Tcp;

pub const SVCCTL: (u128, u16) = (0x367abb81_9844_35f1_ad32_98f038001003, 2);
pub const TASKS: (u128, u16) = (0x86d35949_83c9_4044_b424_db363231fd0c, 1);
pub const WINREG: (u128, u16) = (0x338cd001_2244_31f1_aaaa_900038001003, 1);
pub const WBEM: (u128, u16) = (0x9556dc99_828c_11cf_a37e_00aa003240c7, 0);
pub const DRSUAPI: (u128, u16) = (0xe3514235_4b06_11d1_ab04_00c04fc2dcd2, 4);
pub const NETLOGON: (u128, u16) = (0x12345678_1234_abcd_ef00_01234567cffb, 1);
pub const EFSRPC: (u128, u16) = (0xc681d488_d850_11d0_8c52_00c04fd90f7e, 1);
pub const SPOOLSS: (u128, u16) = (0x12345678_1234_abcd_ef00_0123456789ab, 1);
pub const SRVSVC: (u128, u16) = (0x4b324fc8_1670_01d3_1278_5a47bf6ee188, 3);
const NDR: u128 = 0x8a885d04_1ceb_11c9_9fe8_08002b104860;

const REQUEST: u8 = 0;
const RESPONSE: u8 = 2;
const FAULT: u8 = 3;
const BIND: u8 = 11;
const BIND_ACK: u8 = 12;
const AUTH3: u8 = 16;
/// RPC_C_AUTHN_WINNT and RPC_C_AUTHN_LEVEL_PKT_PRIVACY.
const WINNT: u8 = 10;
const PRIVACY: u8 = 6;

fn uuid(u: u128) -> Vec<u8> {
    let b = u.to_be_bytes();
    [&[b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6]], &b[8..]].concat()
}

/// One PDU, with its authentication trailer.
fn pdu(kind: u8, call: u32, body: &[u8], auth: Option<&[u8]>) -> Vec<u8> {
    let mut body = body.to_vec();
    let token = auth.unwrap_or_default();
    if auth.is_some() {
        let pad = body.len().next_multiple_of(4) - body.len();
        body.resize(body.len() + pad, 0);
        body.extend([WINNT, PRIVACY, pad as u8, 0, 0, 0, 0, 0]);
        body.extend(token);
    }
    let head = [&[5, 0, kind, 3, 0x10, 0, 0, 0][..], &(16 + body.len() as u16).to_le_bytes(), &(token.len() as u16).to_le_bytes()].concat();
    [head, call.to_le_bytes().to_vec(), body].concat()
}

/// Arguments in NDR.
#[derive(Clone, Debug, Default)]
pub struct Ndr(Vec<u8>);

impl Ndr {
    pub fn new() -> Ndr {
        Ndr::default()
    }
    /// A context handle.
    pub fn handle(mut self) -> Ndr {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self.0.extend([&[0; 4][..], &[0x5e; 16]].concat());
        self
    }
    pub fn u32(mut self, v: u32) -> Ndr {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self.0.extend(v.to_le_bytes());
        self
    }
    pub fn bytes(mut self, b: &[u8]) -> Ndr {
        self.0.extend(b);
        self
    }
    /// A `[string]`.
    pub fn text(self, s: &str) -> Ndr {
        let chars = utf16(&format!("{s}\0"));
        let n = (chars.len() / 2) as u32;
        self.u32(n).u32(0).u32(n).bytes(&chars)
    }
    /// A `[string, unique]`.
    pub fn pointer(self, s: &str) -> Ndr {
        self.u32(0x0002_0000).text(s)
    }
    /// An RPC_UNICODE_STRING.
    pub fn counted(self, s: &str) -> Ndr {
        let n = 2 + 2 * s.encode_utf16().count() as u32;
        self.u32(n << 16 | n).pointer(s)
    }
}

/// Over what it goes.
enum Way<'a> {
    Pipe(&'a mut Smb, Vec<u8>),
    Tcp(Box<Tcp>),
}

/// An association.
pub struct Rpc<'a> {
    way: Way<'a>,
    call: u32,
    sealed: bool,
}

impl<'a> Rpc<'a> {
    /// Over a named pipe of `IPC$`, which must be the tree.
    pub fn pipe(net: &mut Net, smb: &'a mut Smb, name: &str, interface: (u128, u16)) -> Rpc<'a> {
        let file = smb.create(net, name);
        let mut rpc = Rpc { way: Way::Pipe(smb, file), call: 1, sealed: false };
        rpc.exchange(net, &bind(interface, None), &bind_ack(&format!("\\PIPE\\{name}"), None));
        rpc
    }
    /// Over TCP, with a logon by NTLM; what follows is sealed.
    pub fn tcp(net: &mut Net, t: u64, a: &Host, b: &Host, port: u16, interface: (u128, u16), who: &Logon) -> Rpc<'static> {
        let tcp = Box::new(Tcp::open(net, t, a, b, port));
        let mut rpc = Rpc { way: Way::Tcp(tcp), call: 1, sealed: true };
        let challenge = ntlm_challenge(net, who.domain, b.name);
        rpc.exchange(net, &bind(interface, Some(&ntlm_negotiate())), &bind_ack(&port.to_string(), Some(&challenge)));
        let last = pdu(AUTH3, 1, &[0; 4], Some(&ntlm_authenticate(net, who, b.name)));
        if let Way::Tcp(tcp) = &mut rpc.way {
            tcp.up(net, &last).wait(200 * US);
        }
        rpc
    }
    /// Over TCP without a logon, in the clear: as Netlogon begins.
    pub fn bare(net: &mut Net, t: u64, a: &Host, b: &Host, port: u16, interface: (u128, u16)) -> Rpc<'static> {
        let tcp = Box::new(Tcp::open(net, t, a, b, port));
        let mut rpc = Rpc { way: Way::Tcp(tcp), call: 1, sealed: false };
        rpc.exchange(net, &bind(interface, None), &bind_ack(&port.to_string(), None));
        rpc
    }
    fn exchange(&mut self, net: &mut Net, ask: &[u8], answer: &[u8]) {
        match &mut self.way {
            Way::Pipe(smb, file) => smb.transceive(net, file, ask, answer),
            Way::Tcp(tcp) => {
                tcp.up(net, ask).wait(250 * US).down(net, answer).wait(250 * US);
            }
        }
    }
    fn ask(&mut self, net: &mut Net, op: u16, stub: &[u8]) -> Vec<u8> {
        self.call += 1;
        let body = [&(stub.len() as u32).to_le_bytes()[..], &[0, 0], &op.to_le_bytes(), stub].concat();
        let seal = net.rng.bytes(16);
        pdu(REQUEST, self.call, &body, self.sealed.then_some(&seal))
    }
    /// A call and its results, of which the last four bytes are the code.
    pub fn call(&mut self, net: &mut Net, op: u16, arguments: Ndr, results: Ndr) -> &mut Self {
        let ask = self.ask(net, op, &arguments.0);
        let body = [&(results.0.len() as u32).to_le_bytes()[..], &[0; 4], &results.0].concat();
        let answer = pdu(RESPONSE, self.call, &body, None);
        self.exchange(net, &ask, &answer);
        self
    }
    /// A call whose arguments and results, of so many bytes, nobody can read.
    pub fn sealed(&mut self, net: &mut Net, op: u16, sent: usize, received: usize) -> &mut Self {
        let stub = net.rng.bytes(sent);
        let ask = self.ask(net, op, &stub);
        let body = [&(received as u32).to_le_bytes()[..], &[0; 4], &net.rng.bytes(received)].concat();
        let answer = pdu(RESPONSE, self.call, &body, Some(&net.rng.bytes(16)));
        self.exchange(net, &ask, &answer);
        self
    }
    /// A call that fails below the interface: 5 is access denied.
    pub fn fault(&mut self, net: &mut Net, op: u16, arguments: Ndr, status: u32) -> &mut Self {
        let ask = self.ask(net, op, &arguments.0);
        let answer = pdu(FAULT, self.call, &[&[0; 8][..], &status.to_le_bytes(), &[0; 4]].concat(), None);
        self.exchange(net, &ask, &answer);
        self
    }
    /// Nothing for a while.
    pub fn wait(&mut self, ns: u64) -> &mut Self {
        match &mut self.way {
            Way::Pipe(smb, _) => smb.tcp.wait(ns),
            Way::Tcp(tcp) => tcp.wait(ns),
        };
        self
    }
    /// The handle or the connection is closed; when it was over.
    pub fn close(self, net: &mut Net) -> u64 {
        match self.way {
            Way::Pipe(smb, file) => {
                smb.shut(net, &file);
                smb.tcp.t
            }
            Way::Tcp(mut tcp) => tcp.wait(2 * MS).close(net),
        }
    }
}

fn bind((interface, version): (u128, u16), token: Option<&[u8]>) -> Vec<u8> {
    let offers = [&[1, 0, 0, 0][..], &[0, 0, 1, 0], &uuid(interface), &u32::from(version).to_le_bytes(), &uuid(NDR), &2u32.to_le_bytes()].concat();
    pdu(BIND, 1, &[&[0xd0, 0x16, 0xd0, 0x16, 0, 0, 0, 0][..], &offers].concat(), token)
}

fn bind_ack(endpoint: &str, token: Option<&[u8]>) -> Vec<u8> {
    let mut b = vec![0xd0, 0x16, 0xd0, 0x16, 0x34, 0x12, 0, 0];
    b.extend((endpoint.len() as u16 + 1).to_le_bytes());
    b.extend(endpoint.as_bytes());
    b.push(0);
    b.resize(b.len().next_multiple_of(4), 0);
    b.extend([&[1, 0, 0, 0][..], &[0, 0, 0, 0], &uuid(NDR), &2u32.to_le_bytes()].concat());
    pdu(BIND_ACK, 1, &b, token)
}

impl Smb {
    /// FSCTL_PIPE_TRANSCEIVE ([MS-SMB2] 2.2.31, 2.2.32).
    pub fn transceive(&mut self, net: &mut Net, file: &[u8], ask: &[u8], answer: &[u8]) {
        let code = 0x0011_c017u32.to_le_bytes();
        let up = [&[57, 0, 0, 0][..], &code, file, &120u32.to_le_bytes(), &(ask.len() as u32).to_le_bytes(), &[0; 4], &120u32.to_le_bytes()];
        let up = [&up.concat()[..], &[0; 4], &1024u32.to_le_bytes(), &1u32.to_le_bytes(), &[0; 4], ask].concat();
        let down = [&[49, 0, 0, 0][..], &code, file, &112u32.to_le_bytes(), &[0; 4], &112u32.to_le_bytes(), &(answer.len() as u32).to_le_bytes()];
        let down = [&down.concat()[..], &[0; 8], answer].concat();
        self.round(net, 11, 0, &up, &down);
    }
    /// Writes a file with this content.
    pub fn leave(&mut self, net: &mut Net, name: &str, data: &[u8]) -> &mut Smb {
        let id = self.create(net, name);
        for (i, part) in data.chunks(32_768).enumerate() {
            let at = (i * 32_768) as u64;
            let ask = [&[49, 0, 112, 0][..], &(part.len() as u32).to_le_bytes(), &at.to_le_bytes(), &id, &[0; 16], part].concat();
            let answer = [&[17, 0, 0, 0][..], &(part.len() as u32).to_le_bytes(), &[0; 8]].concat();
            self.round(net, 9, 0, &ask, &answer);
        }
        self.shut(net, &id);
        self
    }
    /// Reads a file with this content.
    pub fn take(&mut self, net: &mut Net, name: &str, data: &[u8]) -> &mut Smb {
        let id = self.create(net, name);
        for (i, part) in data.chunks(32_768).enumerate() {
            let at = (i * 32_768) as u64;
            let ask = [&[49, 0, 80, 0][..], &(part.len() as u32).to_le_bytes(), &at.to_le_bytes(), &id, &[0; 16], &[0]].concat();
            let answer = [&[17, 0, 80, 0][..], &(part.len() as u32).to_le_bytes(), &[0; 8], part].concat();
            self.round(net, 8, 0, &ask, &answer);
        }
        self.shut(net, &id);
        self
    }
}

/// A Windows program's first bytes, and noise; the same for the same `kind`.
pub fn program(kind: u8, n: usize) -> Vec<u8> {
    let mut noise = super::rng::Rng::new(0x4d5a_0000 | u64::from(kind));
    [b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0".to_vec(), noise.bytes(n.max(16) - 16)].concat()
}

/// A registry hive's first bytes, and noise.
pub fn hive(net: &mut Net, n: usize) -> Vec<u8> {
    [b"regf\x01\0\0\0\x01\0\0\0".to_vec(), net.rng.bytes(n.max(12) - 12)].concat()
}

/// RCreateServiceW ([MS-SCMR] 3.1.4.12).
pub fn create_service(name: &str, program: &str) -> Ndr {
    let settings = |n: Ndr| n.u32(0x000f_01ff).u32(0x10).u32(3).u32(0);
    settings(Ndr::new().handle().text(name).pointer(name)).text(program).u32(0).u32(0).u32(0).u32(0).u32(0).u32(0).u32(0)
}

/// Opens the service manager, makes a service, starts it, and removes it again; `codes` are the answers of creating and of starting.
pub fn run_service(net: &mut Net, smb: &mut Smb, name: &str, program: &str, codes: (u32, u32)) {
    let mut rpc = Rpc::pipe(net, smb, "svcctl", SVCCTL);
    rpc.call(net, 15, Ndr::new().u32(0).u32(0).u32(0x000f_003f), Ndr::new().handle().u32(0));
    rpc.call(net, 12, create_service(name, program), Ndr::new().u32(0).handle().u32(codes.0));
    if codes.0 == 0 {
        rpc.call(net, 19, Ndr::new().handle().u32(0).u32(0), Ndr::new().u32(codes.1)).wait(400 * MS);
        rpc.call(net, 2, Ndr::new().handle(), Ndr::new().u32(0));
        rpc.call(net, 0, Ndr::new().handle(), Ndr::new().handle().u32(0));
    }
    rpc.close(net);
}

/// An SMB session on `IPC$`.
pub fn pipes(net: &mut Net, t: u64, a: &Host, b: &Host, who: &Logon) -> Smb {
    let mut s = Smb::connect(net, t, a, b);
    s.logon(net, who, 0).tree(net, "IPC$", 0);
    s
}

/// NetrServerReqChallenge and NetrServerAuthenticate3 ([MS-NRPC] 3.5.4.4.1, 3.5.4.4.2) by `computer`, with this challenge and credential.
pub fn netlogon(net: &mut Net, t: u64, a: &Host, b: &Host, computer: &str, credential: &[u8; 8], code: u32) -> u64 {
    let server = format!("\\\\{}", b.name.to_uppercase());
    let mut rpc = Rpc::bare(net, t, a, b, 49_668, NETLOGON);
    rpc.call(net, 4, Ndr::new().pointer(&server).text(computer).bytes(credential), Ndr::new().bytes(&[0x3c; 8]).u32(0));
    let account = format!("{computer}$");
    let ask = Ndr::new().pointer(&server).text(&account).bytes(&2u16.to_le_bytes()).text(computer).bytes(credential).u32(0x212f_ffff);
    let back = if code == 0 { [0x51; 8] } else { [0; 8] };
    rpc.call(net, 26, ask, Ndr::new().bytes(&back).u32(0x212f_ffff).u32(1001).u32(code));
    rpc.close(net)
}
