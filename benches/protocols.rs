//! Recognising and reading one message of a protocol: `cargo bench --bench protocols`. Every sample must yield a message, so that nothing fast
//! is measured that reads nothing.

use divan::Bencher;
use divan::counter::BytesCount;
use spanward::base::Timestamp;
use spanward::protocols::{Message, PROTOCOLS, Probe, Protocol, Reader, Side, Verdict};
use std::hint::black_box;

/// The first payload of a flow of some protocol, and the responder's port.
fn sample(name: &str) -> (Vec<u8>, u16) {
    match name {
        "dns" => {
            let mut b = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0];
            b.extend(b"\x03www\x07example\x03com\0\0\x01\0\x01");
            for last in [10, 11] {
                b.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 198, 51, 100, last]);
            }
            (b, 53)
        }
        "http" => (b"GET /pacs/study?id=1 HTTP/1.1\r\nHost: pacs.example\r\nUser-Agent: viewer/2.1\r\nAccept: */*\r\n\r\n".to_vec(), 80),
        "ssh" => (b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n".to_vec(), 22),
        "rdp" => {
            let cookie = b"Cookie: mstshash=ward3\r\n";
            let mut b = vec![3, 0, 0, (19 + cookie.len()) as u8, (14 + cookie.len()) as u8, 0xe0, 0, 0, 0, 0, 0];
            b.extend(cookie);
            b.extend([1, 0, 8, 0, 3, 0, 0, 0]);
            (b, 3389)
        }
        "tls" => {
            let host = b"www.example.com";
            let mut sni = vec![0, 0, 0, (host.len() + 5) as u8, 0, (host.len() + 3) as u8, 0, 0, host.len() as u8];
            sni.extend(host);
            sni.extend([0, 0x10, 0, 5, 0, 3, 2, b'h', b'2', 0, 0x2b, 0, 3, 2, 3, 4]);
            let mut hello = vec![3, 3];
            hello.extend([7; 32]);
            hello.extend([0, 0, 6, 0x13, 1, 0x13, 2, 0xc0, 0x2f, 1, 0, 0, sni.len() as u8]);
            hello.extend(sni);
            let mut b = vec![22, 3, 1, 0, (hello.len() + 4) as u8, 1, 0, 0, hello.len() as u8];
            b.extend(hello);
            (b, 443)
        }
        _ => {
            // SMB 2 NEGOTIATE with two dialects, in its NetBIOS frame ([MS-SMB2] 2.2.1, 2.2.3).
            let mut m = b"\xfeSMB\x40\0".to_vec();
            m.resize(64, 0);
            m.extend([36, 0, 2, 0, 1, 0, 0, 0, 0x7f, 0, 0, 0]);
            m.extend([9; 16]);
            m.extend([0; 8]);
            m.extend([2, 2, 0x11, 3]);
            let mut b = vec![0, 0, 0, m.len() as u8];
            b.extend(m);
            (b, 445)
        }
    }
}

/// What the responder says to it, where a message takes both ([MS-SMB2] 2.2.4: dialect 3.1.1, and its GUID).
fn answer(name: &str) -> Vec<u8> {
    if name != "smb" {
        return Vec::new();
    }
    let mut m = b"\xfeSMB\x40\0".to_vec();
    m.resize(64, 0);
    m[16] = 1;
    m.extend([65, 0, 1, 0, 0x11, 3, 0, 0]);
    m.extend([8; 16]);
    m.resize(120, 0);
    m.extend([128, 0, 0, 0, 0, 0, 0, 0]);
    let mut b = vec![0, 0, 0, m.len() as u8];
    b.extend(m);
    b
}

const NAMES: [&str; 6] = ["dns", "http", "ssh", "rdp", "tls", "smb"];

fn probe(payload: &[u8], resp_port: u16) -> Probe<'_> {
    Probe { payload, from: if resp_port == 53 { Side::Resp } else { Side::Orig }, orig_port: 50_000, resp_port, ts: Timestamp(1) }
}

fn owner(name: &str, p: &Probe<'_>) -> &'static Protocol {
    let datagram = name == "dns";
    let fits = |x: &&Protocol| matches!(x.reader, Reader::Stream(_)) != datagram && x.service.word() == name && (x.probe)(p) != Verdict::NotForUs;
    PROTOCOLS.iter().find(fits).unwrap_or_else(|| panic!("no protocol takes the sample of {name}"))
}

/// What a flow's first payload costs: every protocol is asked.
#[divan::bench(args = NAMES)]
fn recognise(bencher: Bencher<'_, '_>, name: &str) {
    let (bytes, port) = sample(name);
    bencher.bench_local(|| PROTOCOLS.iter().filter(|p| (p.probe)(black_box(&probe(&bytes, port))) == Verdict::Certain).count());
}

#[divan::bench(args = NAMES)]
fn read(bencher: Bencher<'_, '_>, name: &str) {
    let (bytes, port) = sample(name);
    let (p, reply) = (probe(&bytes, port), answer(name));
    let reader = owner(name, &p).reader;
    let once = |out: &mut Vec<Message>| match reader {
        Reader::Datagram(parse) => parse(black_box(&p), out),
        Reader::Dialog(make) => make().datagram(black_box(&p), out),
        Reader::Stream(make) => {
            let mut parser = make();
            parser.data(Side::Orig, p.ts, black_box(&bytes), out);
            if !reply.is_empty() {
                parser.data(Side::Resp, p.ts, black_box(&reply), out);
            }
        }
    };
    let mut out = Vec::new();
    once(&mut out);
    assert!(out.iter().any(|m| !matches!(m, Message::Weird(..))), "the sample of {name} yields {out:?}");
    bencher.counter(BytesCount::new(bytes.len() + reply.len())).bench_local(|| {
        out.clear();
        once(&mut out);
        out.len()
    });
}

fn main() {
    divan::main();
}
