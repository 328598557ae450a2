//! PDUs for tests, byte by byte as C706 12.6.4 lays them out.

use crate::protocols::ntlmssp::tests::wide;

pub(crate) const SVCCTL: u128 = 0x367abb81_9844_35f1_ad32_98f038001003;
pub(crate) const NDR: u128 = 0x8a885d04_1ceb_11c9_9fe8_08002b104860;
pub(crate) const NDR64: u128 = 0x71710533_beba_4937_8319_b5dbef9ccc36;

/// A UUID little-endian.
pub(crate) fn uuid(u: u128) -> Vec<u8> {
    let b = u.to_be_bytes();
    [&[b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6]], &b[8..]].concat()
}

/// One PDU; `auth` is type, level and token, the stub padded to four before it.
pub(crate) fn pdu(kind: u8, flags: u8, call: u32, body: &[u8], auth: Option<(u8, u8, &[u8])>) -> Vec<u8> {
    let mut body = body.to_vec();
    let mut auth_len = 0;
    if let Some((ty, level, token)) = auth {
        let pad = body.len().next_multiple_of(4) - body.len();
        body.resize(body.len() + pad, 0xbb);
        body.extend([ty, level, pad as u8, 0, 0, 0, 0, 0]);
        body.extend(token);
        auth_len = token.len() as u16;
    }
    let mut m = vec![5, 0, kind, flags, 0x10, 0, 0, 0];
    m.extend((16 + body.len() as u16).to_le_bytes());
    m.extend(auth_len.to_le_bytes());
    m.extend(call.to_le_bytes());
    m.extend(body);
    m
}

/// A bind (11) or alter_context (14) that offers an interface in transfer syntaxes, one context each.
pub(crate) fn bind(kind: u8, call: u32, interface: u128, version: u16, syntaxes: &[u128], auth: Option<(u8, u8, &[u8])>) -> Vec<u8> {
    let mut b = vec![0xd0, 0x16, 0xd0, 0x16, 0, 0, 0, 0, syntaxes.len() as u8, 0, 0, 0];
    for (id, s) in syntaxes.iter().enumerate() {
        b.extend([id as u8, 0, 1, 0]);
        b.extend(uuid(interface));
        b.extend(u32::from(version).to_le_bytes());
        b.extend(uuid(*s));
        b.extend(2u32.to_le_bytes());
    }
    pdu(kind, 3, call, &b, auth)
}

/// Its answer: the endpoint, and per context whether it is taken and in which syntax.
pub(crate) fn bind_ack(kind: u8, call: u32, endpoint: &str, results: &[(u16, u128)], auth: Option<(u8, u8, &[u8])>) -> Vec<u8> {
    let mut b = vec![0xd0, 0x16, 0xd0, 0x16, 1, 0, 0, 0];
    b.extend((endpoint.len() as u16 + 1).to_le_bytes());
    b.extend(endpoint.as_bytes());
    b.push(0);
    b.resize(b.len().next_multiple_of(4), 0);
    b.extend([results.len() as u8, 0, 0, 0]);
    for (r, s) in results {
        b.extend(r.to_le_bytes());
        b.extend([0, 0]);
        b.extend(uuid(*s));
        b.extend(2u32.to_le_bytes());
    }
    pdu(kind, 3, call, &b, auth)
}

pub(crate) fn request(call: u32, context: u16, op: u16, flags: u8, stub: &[u8], auth: Option<(u8, u8, &[u8])>) -> Vec<u8> {
    let mut b = (stub.len() as u32).to_le_bytes().to_vec();
    b.extend(context.to_le_bytes());
    b.extend(op.to_le_bytes());
    b.extend(stub);
    pdu(0, flags, call, &b, auth)
}

pub(crate) fn response(call: u32, flags: u8, stub: &[u8], auth: Option<(u8, u8, &[u8])>) -> Vec<u8> {
    let mut b = (stub.len() as u32).to_le_bytes().to_vec();
    b.extend([0; 4]);
    b.extend(stub);
    pdu(2, flags, call, &b, auth)
}

pub(crate) fn fault(call: u32, status: u32) -> Vec<u8> {
    let mut b = vec![0; 8];
    b.extend(status.to_le_bytes());
    b.extend([0; 4]);
    pdu(3, 3, call, &b, None)
}

fn long(b: &mut Vec<u8>, n: usize, wide: bool) {
    let size = if wide { 8 } else { 4 };
    b.resize(b.len().next_multiple_of(size), 0);
    b.extend(&(n as u64).to_le_bytes()[..size]);
}

/// A `[string]` in NDR or NDR64.
pub(crate) fn text(b: &mut Vec<u8>, s: &str, is64: bool) {
    let chars = wide(&format!("{s}\0"));
    for n in [chars.len() / 2, 0, chars.len() / 2] {
        long(b, n, is64);
    }
    b.extend(chars);
}

/// Arguments of RCreateServiceW.
pub(crate) fn create_service(name: &str, program: &str, is64: bool) -> Vec<u8> {
    let mut b = vec![7; 20];
    text(&mut b, name, is64);
    long(&mut b, 0x20000, is64);
    text(&mut b, "shown", is64);
    b.resize(b.len().next_multiple_of(4), 0);
    for n in [0xf01ffu32, 0x10, 3, 0] {
        b.extend(n.to_le_bytes());
    }
    text(&mut b, program, is64);
    b.extend([0; 40]);
    b
}
