//! What a hospital's machines say all day: DICOM (PS3.8), HL7 (MLLP), printing (port 9100), time (RFC 5905), monitoring (SNMP, RFC 3416).

use super::net::{Host, MS, Net, S};
use super::tcp::Tcp;

fn pdu(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0][..], &(body.len() as u32).to_be_bytes(), body].concat()
}

fn item(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0][..], &(body.len() as u16).to_be_bytes(), body].concat()
}

fn title(s: &str) -> Vec<u8> {
    s.bytes().chain(std::iter::repeat(b' ')).take(16).collect()
}

/// An association in which images of `bytes` in all are stored.
pub fn store_images(net: &mut Net, t: u64, a: &Host, b: &Host, bytes: usize) -> u64 {
    let context = item(0x20, &[&[1, 0, 0, 0][..], &item(0x30, b"1.2.840.10008.5.1.4.1.1.2"), &item(0x40, b"1.2.840.10008.1.2.1")].concat());
    let user = item(0x50, &[item(0x51, &[0, 0, 0x40, 0]), item(0x52, b"1.2.276.0.7230010.3.0.3.6.8")].concat());
    let head = [&[0, 1, 0, 0][..], &title("PACS"), &title(a.name), &[0; 32], &item(0x10, b"1.2.840.10008.3.1.1.1")].concat();
    let accepted = item(0x21, &[&[1, 0, 0, 0][..], &item(0x40, b"1.2.840.10008.1.2.1")].concat());
    let mut c = Tcp::open(net, t, a, b, 11_112);
    c.up(net, &pdu(1, &[&head[..], &context, &user].concat())).wait(4 * MS);
    c.down(net, &pdu(2, &[&head[..], &accepted, &user].concat())).wait(3 * MS);
    let mut left = bytes;
    while left > 0 {
        let n = left.min(16_000);
        let body = [&(n as u32 + 2).to_be_bytes()[..], &[1, if left == n { 2 } else { 0 }], &net.rng.bytes(n)].concat();
        c.up(net, &pdu(4, &body)).wait(2 * MS);
        left -= n;
    }
    let stored = net.rng.bytes(120);
    c.down(net, &pdu(4, &[&[0, 0, 0, 122, 1, 3][..], &stored].concat())).wait(5 * MS);
    c.up(net, &pdu(5, &[0; 4])).down(net, &pdu(6, &[0; 4]));
    c.close(net)
}

/// An order by HL7 and its acknowledgement.
pub fn order(net: &mut Net, t: u64, a: &Host, b: &Host, number: u64) -> u64 {
    let m = format!(
        "\x0bMSH|^~\\&|EMR|HILL|RIS|HILL|20261121103000||ORM^O01|{number:08}|P|2.5||||||UNICODE UTF-8\rPID|||{:010}||TEST^PATIENT\rORC|NW|{number}\rOBR|1|{number}||CT^CHEST\r\x1c\r",
        number * 7
    );
    let ack = format!("\x0bMSH|^~\\&|RIS|HILL|EMR|HILL|20261121103000||ACK^O01|{number:08}|P|2.5\rMSA|AA|{number:08}\r\x1c\r");
    let mut c = Tcp::open(net, t, a, b, 2575);
    c.up(net, m.as_bytes()).wait(8 * MS).down(net, ack.as_bytes()).wait(10 * MS);
    c.close(net)
}

/// A print job.
pub fn print(net: &mut Net, t: u64, a: &Host, printer: &Host, bytes: usize) -> u64 {
    let page = [&b"\x1b%-12345X@PJL JOB NAME=\"karte\"\r\n@PJL ENTER LANGUAGE=PCLXL\r\n"[..], &net.rng.bytes(bytes)].concat();
    let mut c = Tcp::open(net, t, a, printer, 9100);
    c.up(net, &page).wait(30 * MS).down(net, b"@PJL USTATUS JOB\r\nEND\r\n");
    c.close(net)
}

/// A time request and its answer.
pub fn time(net: &mut Net, t: u64, a: &Host, b: &Host) -> u64 {
    // NTP counts from 1900.
    let stamp = |ns: u64| [&((ns / S + 2_208_988_800) as u32).to_be_bytes()[..], &(((ns % S) << 32) / S).to_be_bytes()[4..]].concat();
    let ask = [&[0x23, 0, 10, 0xe9][..], &[0; 36], &stamp(t)].concat();
    let answer = [&[0x24, 3, 10, 0xec, 0, 0, 1, 0, 0, 0, 2, 0][..], &[10, 40, 20, 5], &stamp(t - 9 * S), &stamp(t), &stamp(t), &stamp(t)].concat();
    net.ask(t, a, b, 123, &ask, &answer)
}

/// A monitoring station reads a counter.
pub fn counter(net: &mut Net, t: u64, a: &Host, b: &Host) -> u64 {
    let id = net.rng.next() as u8 & 0x7f;
    let get = |kind: u8, value: &[u8]| {
        let bind = [&[6, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0][..], value].concat();
        let bind = [&[0x30, bind.len() as u8][..], &bind].concat();
        let pdu = [&[2, 1, id, 2, 1, 0, 2, 1, 0, 0x30, bind.len() as u8][..], &bind].concat();
        let body = [&[2, 1, 1, 4, 6][..], b"hillro", &[kind, pdu.len() as u8], &pdu].concat();
        [&[0x30, body.len() as u8][..], &body].concat()
    };
    net.ask(t, a, b, 161, &get(0xa0, &[5, 0]), &get(0xa2, &[0x43, 3, 1, 2, 3]))
}
