//! TLS 1.3 (RFC 8446) as browsers and Windows services speak it, and plain HTTP (RFC 9112).

use super::net::{Host, MS, Net};
use super::rng::Rng;
use super::tcp::Tcp;

fn vec16(data: &[u8]) -> Vec<u8> {
    [&(data.len() as u16).to_be_bytes()[..], data].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vec16(data)].concat()
}

fn record(kind: u8, version: [u8; 2], data: &[u8]) -> Vec<u8> {
    [&[kind][..], &version, &vec16(data)].concat()
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let n = body.len() as u32;
    [&[kind][..], &n.to_be_bytes()[1..], body].concat()
}

/// A ClientHello in its record, with the suites, groups and signatures of a current browser.
pub fn client_hello(rng: &mut Rng, sni: Option<&str>, alpn: &[&str]) -> Vec<u8> {
    let grease = 0x0a0a_u16 | ((rng.range(0, 15) as u16) * 0x1010);
    let suites: Vec<u8> =
        [grease, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035]
            .iter()
            .flat_map(|s| s.to_be_bytes())
            .collect();
    let mut ext = extension(grease, &[]);
    if let Some(name) = sni {
        ext.extend(extension(0, &vec16(&[&[0][..], &vec16(name.as_bytes())].concat())));
    }
    ext.extend(extension(23, &[]));
    ext.extend(extension(0xff01, &[0]));
    ext.extend(extension(10, &vec16(&[0x00, 0x1d, 0x00, 0x17, 0x00, 0x18])));
    ext.extend(extension(11, &[1, 0]));
    ext.extend(extension(35, &[]));
    if !alpn.is_empty() {
        let list: Vec<u8> = alpn.iter().flat_map(|p| [&[p.len() as u8][..], p.as_bytes()].concat()).collect();
        ext.extend(extension(16, &vec16(&list)));
    }
    ext.extend(extension(5, &[1, 0, 0, 0, 0]));
    ext.extend(extension(13, &vec16(&[4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 6, 6, 1])));
    ext.extend(extension(51, &vec16(&[&[0x00, 0x1d][..], &vec16(&rng.bytes(32))].concat())));
    ext.extend(extension(45, &[1, 1]));
    ext.extend(extension(43, &[4, 3, 4, 3, 3]));
    let body = [&[3, 3][..], &rng.bytes(32), &[32], &rng.bytes(32), &vec16(&suites), &[1, 0], &vec16(&ext)].concat();
    record(22, [3, 1], &handshake(1, &body))
}

/// ServerHello, change cipher spec, and the encrypted rest of the responder's flight.
pub fn server_hello(rng: &mut Rng) -> Vec<u8> {
    let share = extension(51, &[&[0x00, 0x1d][..], &vec16(&rng.bytes(32))].concat());
    let ext = [share, extension(43, &[3, 4])].concat();
    let body = [&[3, 3][..], &rng.bytes(32), &[32], &rng.bytes(32), &[0x13, 0x01, 0], &vec16(&ext)].concat();
    [record(22, [3, 3], &handshake(2, &body)), record(20, [3, 3], &[1]), data(rng, 1_350)].concat()
}

/// Application data: `n` bytes of ciphertext in records.
pub fn data(rng: &mut Rng, n: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(n + n / 4_000);
    let mut left = n;
    while left > 0 {
        let part = left.min(16_000);
        out.extend(record(23, [3, 3], &rng.bytes(part)));
        left -= part;
    }
    out
}

/// A connection with a name, `up` and `down` bytes of data, and an end; when it was over.
pub fn visit(net: &mut Net, t: u64, a: &Host, b: &Host, port: u16, sni: Option<&str>, up: usize, down: usize) -> u64 {
    let mut c = open(net, t, a, b, port, sni);
    exchange(net, &mut c, up, down);
    c.wait(20 * MS).close(net)
}

/// The handshake only.
pub fn open(net: &mut Net, t: u64, a: &Host, b: &Host, port: u16, sni: Option<&str>) -> Tcp {
    let hello = client_hello(&mut net.rng, sni, &["h2", "http/1.1"]);
    let answer = server_hello(&mut net.rng);
    let finished = [record(20, [3, 3], &[1]), data(&mut net.rng, 53)].concat();
    let mut c = Tcp::open(net, t, a, b, port);
    c.up(net, &hello).wait(MS).down(net, &answer).wait(MS).up(net, &finished);
    c
}

/// Data both ways on an open connection.
pub fn exchange(net: &mut Net, c: &mut Tcp, up: usize, down: usize) {
    let (u, d) = (data(&mut net.rng, up), data(&mut net.rng, down));
    c.up(net, &u).wait(4 * MS).down(net, &d);
}

/// A page over plain HTTP.
pub fn http(net: &mut Net, t: u64, a: &Host, b: &Host, port: u16, host: &str, path: &str, size: usize) -> u64 {
    let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0";
    let ask = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: text/html,*/*;q=0.8\r\nAccept-Language: ja,en;q=0.8\r\nConnection: keep-alive\r\n\r\n"
    );
    let mut page =
        format!("HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {size}\r\n\r\n").into_bytes();
    page.extend(std::iter::repeat_n(&b"<p>Hospital of the Hill</p>\n"[..], size / 28 + 1).flatten().take(size));
    let mut c = Tcp::open(net, t, a, b, port);
    c.up(net, ask.as_bytes()).wait(2 * MS).down(net, &page).wait(30 * MS);
    c.close(net)
}
