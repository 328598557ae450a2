//! Kerberos 5 (RFC 4120) as Windows speaks it: requests to the key distribution centre and its answers in DER, tickets whose cipher text is random, and
//! the AP-REQ that shows a ticket to a service in GSS-API (RFC 4121) and SPNEGO (RFC 4178).

use super::net::{Host, MS, Net, US};

/// RC4-HMAC and AES-256.
pub const RC4: i32 = 23;
pub const AES: i32 = 18;
/// What Windows offers, and what is offered by who has nothing but an NT hash.
pub const WINDOWS: &[i32] = &[18, 17, 23, 24, -135];
pub const OLD: &[i32] = &[23];
/// KRB-ERROR codes.
pub const UNKNOWN: i32 = 6;
pub const WRONG: i32 = 24;
pub const PROVE: i32 = 25;

const REALM: &str = "HILL.EXAMPLE";

/// ASN.1 tag and length before its content (X.690, 8.1).
pub fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let n = content.len();
    let head = match n {
        0..=127 => vec![tag, n as u8],
        128..=255 => vec![tag, 0x81, n as u8],
        _ => vec![tag, 0x82, (n >> 8) as u8, n as u8],
    };
    [head, content.to_vec()].concat()
}

fn int(n: i64) -> Vec<u8> {
    let bytes = n.to_be_bytes();
    let mut at = 0;
    while at < 7 && (bytes[at] == 0 && bytes[at + 1] < 0x80 || bytes[at] == 0xff && bytes[at + 1] >= 0x80) {
        at += 1;
    }
    der(2, &bytes[at..])
}

/// A field of a sequence: context tag around an element.
fn field(n: u8, element: &[u8]) -> Vec<u8> {
    der(0xa0 + n, element)
}

fn text(s: &str) -> Vec<u8> {
    der(0x1b, s.as_bytes())
}

fn principal(kind: i64, name: &str) -> Vec<u8> {
    let parts: Vec<u8> = name.split('/').flat_map(text).collect();
    der(0x30, &[field(0, &int(kind)), field(1, &der(0x30, &parts))].concat())
}

fn encrypted(etype: i32, cipher: &[u8]) -> Vec<u8> {
    der(0x30, &[field(0, &int(i64::from(etype))), field(1, &int(2)), field(2, &der(4, cipher))].concat())
}

/// A ticket, and to whose key it is encrypted.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub service: String,
    bytes: Vec<u8>,
}

impl Ticket {
    /// 5.3, with random cipher text.
    pub fn new(net: &mut Net, service: &str, etype: i32) -> Ticket {
        let cipher = net.rng.bytes(860);
        let body = [field(0, &int(5)), field(1, &text(REALM)), field(2, &principal(2, service)), field(3, &encrypted(etype, &cipher))].concat();
        Ticket { service: service.into(), bytes: der(0x61, &der(0x30, &body)) }
    }
    /// AP-REQ (5.5.1).
    pub fn shown(&self, net: &mut Net) -> Vec<u8> {
        let authenticator = encrypted(AES, &net.rng.bytes(180));
        let options = der(3, &[0, 0x20, 0, 0, 0]);
        let body = [field(0, &int(5)), field(1, &int(14)), field(2, &options), field(3, &self.bytes), field(4, &authenticator)].concat();
        der(0x6e, &der(0x30, &body))
    }
    /// The same for a session setup: GSS-API in a NegTokenInit.
    pub fn token(&self, net: &mut Net) -> Vec<u8> {
        let oid = der(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2]);
        let gss = der(0x60, &[&oid[..], &[1, 0], &self.shown(net)].concat());
        let seq = [field(0, &der(0x30, &oid)), field(2, &der(4, &gss))].concat();
        der(0x60, &[der(6, &[0x2b, 6, 1, 5, 5, 2]), field(0, &der(0x30, &seq))].concat())
    }
}

/// A question to the key distribution centre.
struct Ask<'a> {
    kind: u8,
    user: Option<&'a str>,
    service: &'a str,
    etypes: &'a [i32],
    padata: Vec<(i64, Vec<u8>)>,
}

/// KDC-REQ (5.4.1).
fn request(net: &mut Net, ask: &Ask<'_>) -> Vec<u8> {
    let padata: Vec<u8> =
        ask.padata.iter().flat_map(|(kind, value)| der(0x30, &[field(1, &int(*kind)), field(2, &der(4, value))].concat())).collect();
    let etypes: Vec<u8> = ask.etypes.iter().flat_map(|e| int(i64::from(*e))).collect();
    let nonce = i64::from(net.rng.next() as u32 >> 1);
    let body = [
        field(0, &der(3, &[0, 0x40, 0x81, 0, 0x10])),
        ask.user.map_or(Vec::new(), |u| field(1, &principal(1, u))),
        field(2, &text(REALM)),
        field(3, &principal(2, ask.service)),
        field(5, &der(0x18, b"20370913024805Z")),
        field(7, &int(nonce)),
        field(8, &der(0x30, &etypes)),
    ]
    .concat();
    let seq = [field(1, &int(5)), field(2, &int(i64::from(ask.kind))), field(3, &der(0x30, &padata)), field(4, &der(0x30, &body))].concat();
    der(0x60 + ask.kind, &der(0x30, &seq))
}

/// KDC-REP (5.4.2).
fn reply(net: &mut Net, kind: u8, user: &str, ticket: &Ticket, etype: i32) -> Vec<u8> {
    let part = encrypted(etype, &net.rng.bytes(240));
    let body = [
        field(0, &int(5)),
        field(1, &int(i64::from(kind))),
        field(3, &text(REALM)),
        field(4, &principal(1, user)),
        field(5, &ticket.bytes),
        field(6, &part),
    ]
    .concat();
    der(0x60 + kind, &der(0x30, &body))
}

/// KRB-ERROR (5.9.1).
fn error(code: i32, service: &str) -> Vec<u8> {
    let body = [
        field(0, &int(5)),
        field(1, &int(30)),
        field(4, &der(0x18, b"20261121013100Z")),
        field(5, &int(123_456)),
        field(6, &int(i64::from(code))),
        field(9, &text(REALM)),
        field(10, &principal(2, service)),
    ]
    .concat();
    der(0x7e, &der(0x30, &body))
}

/// A user of the key distribution centre, at a host.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    pub at: &'a Host,
    pub kdc: &'a Host,
    pub name: &'a str,
    pub etypes: &'a [i32],
}

const TGS: &str = "krbtgt/HILL.EXAMPLE";

impl User<'_> {
    fn asks(&self, net: &mut Net, t: u64, proof: bool, answer: impl FnOnce(&mut Net) -> Vec<u8>) -> u64 {
        // PA-PAC-REQUEST always, PA-ENC-TIMESTAMP as the proof.
        let mut padata = vec![(128, vec![0x30, 5, 0xa0, 3, 1, 1, 0xff])];
        if proof {
            let cipher = net.rng.bytes(56);
            padata.insert(0, (2, der(0x30, &[field(0, &int(i64::from(self.etypes[0]))), field(2, &der(4, &cipher))].concat())));
        }
        let ask = request(net, &Ask { kind: 10, user: Some(self.name), service: TGS, etypes: self.etypes, padata });
        let answer = answer(net);
        net.ask(t, self.at, self.kdc, 88, &ask, &answer)
    }
    /// Asks without proof, as Windows does first, and is told `code`.
    pub fn refused_unproven(&self, net: &mut Net, t: u64, code: i32) -> u64 {
        self.asks(net, t, false, |_| error(code, TGS))
    }
    /// Asks with a proof, and is told `code`.
    pub fn refused(&self, net: &mut Net, t: u64, code: i32) -> u64 {
        self.asks(net, t, true, |_| error(code, TGS))
    }
    /// Is given a ticket without a proof.
    pub fn given_unproven(&self, net: &mut Net, t: u64, etype: i32) -> (u64, Ticket) {
        let ticket = Ticket::new(net, TGS, AES);
        (self.asks(net, t, false, |net| reply(net, 11, self.name, &ticket, etype)), ticket)
    }
    /// Is given a ticket for a proof that nobody asked for.
    pub fn given(&self, net: &mut Net, t: u64) -> (u64, Ticket) {
        let ticket = Ticket::new(net, TGS, AES);
        (self.asks(net, t, true, |net| reply(net, 11, self.name, &ticket, self.etypes[0])), ticket)
    }
    /// Logs on: asks, is asked for the proof, is given a ticket to ask for tickets. The reply is encrypted with the favourite key.
    pub fn logon(&self, net: &mut Net, t: u64) -> (u64, Ticket) {
        let t = self.refused_unproven(net, t, PROVE) + 2 * MS;
        self.given(net, t)
    }
    /// Asks for a ticket to a service, showing `tgt`; the service's key is of `etype`.
    pub fn ticket(&self, net: &mut Net, t: u64, tgt: &Ticket, service: &str, etype: i32) -> (u64, Ticket) {
        let padata = vec![(1, tgt.shown(net))];
        let ask = request(net, &Ask { kind: 12, user: None, service, etypes: self.etypes, padata });
        let ticket = Ticket::new(net, service, etype);
        let answer = reply(net, 13, self.name, &ticket, AES);
        (net.ask(t, self.at, self.kdc, 88, &ask, &answer) + 300 * US, ticket)
    }
}
