//! JA3 and JA3S (MD5 of decimal lists) and JA4 of the client (sorted lists, SHA-256 cut to twelve digits).
//!
//! JA4 is by FoxIO, LLC, under BSD 3-Clause; the notice is in `NOTICE`. The other members of its family are not, and are not here.

use super::super::cursor::Cursor;
use super::hello::{ALPN, Fields, SERVER_NAME, is_grease, values};
use super::memo::{Ingredients, Memo};
use super::{Ja3, Ja4};
use md5::{Digest, Md5};
use sha2::Sha256;
use std::cell::RefCell;

// A few programs make most hellos of a network. What a fingerprint is made of is kept with it, so it never depends on what was seen before.
thread_local! {
    static JA3: RefCell<Memo<Ja3>> = RefCell::default();
    static JA3S: RefCell<Memo<Ja3>> = RefCell::default();
    static JA4: RefCell<Memo<Ja4>> = RefCell::default();
}

/// JA4 of a list that has nothing in it.
const EMPTY: &str = "000000000000";

/// Version, cipher suites, extensions, groups, point formats.
pub(super) fn ja3(f: &Fields<'_>) -> Ja3 {
    let mut of = Ingredients::default();
    of.number(f.version).list(f.ciphers).list(f.groups).bytes(f.point_formats);
    of.numbers(f.extensions.iter().copied());
    JA3.with(|memo| memo.borrow_mut().of(of, || ja3_of(f)))
}

fn ja3_of(f: &Fields<'_>) -> Ja3 {
    let lists = [
        decimals(values(f.ciphers)),
        decimals(f.extensions.iter().copied().filter(|e| !is_grease(*e))),
        decimals(values(f.groups)),
        decimals(f.point_formats.iter().map(|p| u16::from(*p))),
    ];
    Ja3::new(&hex(&Md5::digest(format!("{},{}", f.version, lists.join(",")))))
}

/// Version, chosen cipher suite, extensions.
pub(super) fn ja3s(f: &Fields<'_>, cipher: u16) -> Ja3 {
    let mut of = Ingredients::default();
    of.number(f.version).number(cipher).numbers(f.extensions.iter().copied());
    let ja3s = || Ja3::new(&hex(&Md5::digest(format!("{},{cipher},{}", f.version, decimals(f.extensions.iter().copied())))));
    JA3S.with(|memo| memo.borrow_mut().of(of, ja3s))
}

/// `a_b_c`: what was offered in general, the cipher suites, the extensions with the signature algorithms.
pub(super) fn ja4(f: &Fields<'_>, quic: bool) -> Ja4 {
    // Clients send their extensions in any order: sorted they are the same again.
    let mut extensions: Vec<u16> = f.extensions.iter().copied().filter(|e| !is_grease(*e)).collect();
    extensions.sort_unstable();
    let mut of = Ingredients::default();
    of.number(f.version).number(u16::from(quic)).list(f.ciphers).list(f.signature_algorithms).list(f.versions);
    of.bytes(Cursor::new(f.alpn).vec8().unwrap_or_default()).numbers(extensions.iter().copied());
    JA4.with(|memo| memo.borrow_mut().of(of, || ja4_of(f, extensions, quic)))
}

fn ja4_of(f: &Fields<'_>, mut extensions: Vec<u16>, quic: bool) -> Ja4 {
    let mut ciphers: Vec<u16> = values(f.ciphers).collect();
    let transport = if quic { 'q' } else { 't' };
    let version = version(values(f.versions).max().unwrap_or(f.version));
    let destination = if extensions.contains(&SERVER_NAME) { 'd' } else { 'i' };
    let (n_ciphers, n_extensions) = (ciphers.len().min(99), extensions.len().min(99));
    let [first, last] = alpn_ends(f.alpn);

    ciphers.sort_unstable();
    extensions.retain(|e| !matches!(*e, SERVER_NAME | ALPN));
    let b = shortened(&hexes(ciphers.iter().copied()));
    let mut c = hexes(extensions.iter().copied());
    let algorithms = hexes(values(f.signature_algorithms));
    if !c.is_empty() && !algorithms.is_empty() {
        c.push('_');
        c.push_str(&algorithms);
    }
    Ja4::new(&format!("{transport}{version}{destination}{n_ciphers:02}{n_extensions:02}{first}{last}_{b}_{}", shortened(&c)))
}

const fn version(v: u16) -> &'static str {
    match v {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    }
}

/// First and last character of the first ALPN value; of its hexadecimal form when one of them is neither letter nor digit; `00` without one.
fn alpn_ends(list: &[u8]) -> [char; 2] {
    let value = Cursor::new(list).vec8().unwrap_or_default();
    let (Some(first), Some(last)) = (value.first(), value.last()) else { return ['0', '0'] };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)];
    }
    [digit(first >> 4), digit(last & 15)]
}

/// Decimal numbers, separated by `-`.
fn decimals(items: impl Iterator<Item = u16>) -> String {
    let mut out = String::with_capacity(128);
    for v in items {
        if !out.is_empty() {
            out.push('-');
        }
        let mut unit = 10_000;
        while unit > 1 && v < unit {
            unit /= 10;
        }
        while unit > 0 {
            out.push(digit((v / unit % 10) as u8));
            unit /= 10;
        }
    }
    out
}

/// Four hexadecimal digits each, separated by `,`.
fn hexes(items: impl Iterator<Item = u16>) -> String {
    let mut out = String::with_capacity(128);
    for v in items {
        if !out.is_empty() {
            out.push(',');
        }
        push_hex(&mut out, &v.to_be_bytes());
    }
    out
}

fn digit(n: u8) -> char {
    char::from(if n < 10 { b'0' + n } else { b'a' + (n & 15) - 10 })
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    for b in bytes {
        out.push(digit(b >> 4));
        out.push(digit(b & 15));
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    push_hex(&mut out, bytes);
    out
}

fn shortened(list: &str) -> String {
    if list.is_empty() {
        return EMPTY.to_owned();
    }
    hex(Sha256::digest(list).get(..6).unwrap_or(&[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &str) -> Vec<[u8; 2]> {
        list.split(',').map(|h| u16::from_str_radix(h, 16).unwrap().to_be_bytes()).collect()
    }

    /// The worked example of the JA4 specification.
    #[test]
    fn ja4_of_the_specifications_example() {
        let ciphers = pairs("0a0a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035");
        let extensions = pairs("1a1a,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015");
        let algorithms = pairs("0403,0804,0401,0503,0805,0501,0806,0601");
        let versions = pairs("0a0a,0304,0303");
        let f = Fields {
            version: 0x0303,
            ciphers: &ciphers,
            extensions: extensions.iter().map(|b| u16::from_be_bytes(*b)).collect(),
            signature_algorithms: &algorithms,
            versions: &versions,
            alpn: b"\x02h2\x08http/1.1",
            ..Fields::default()
        };
        assert_eq!(&*ja4(&f, false), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        assert!(ja4(&f, true).starts_with("q13d1516h2_"));
    }

    #[test]
    fn ja4_of_nearly_nothing() {
        let f = Fields { version: 0x0301, ..Fields::default() };
        assert_eq!(&*ja4(&f, false), "t10i000000_000000000000_000000000000");
    }

    #[test]
    fn alpn_that_is_no_text() {
        assert_eq!(alpn_ends(b"\x01h"), ['h', 'h']);
        assert_eq!(alpn_ends(b"\x02\xab\xcd"), ['a', 'd']);
        assert_eq!(alpn_ends(b"\x03h2\xc1"), ['6', '1']);
        assert_eq!(alpn_ends(b"\x00"), ['0', '0']);
        assert_eq!(alpn_ends(b"\x09h"), ['0', '0']);
    }

    /// The worked example in JA3's description.
    #[test]
    fn ja3_of_its_example() {
        let of = |s: &[u16]| s.iter().map(|v| v.to_be_bytes()).collect::<Vec<_>>();
        let ciphers = of(&[47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4]);
        let groups = of(&[23, 24, 25]);
        let f = Fields { version: 769, ciphers: &ciphers, extensions: vec![0, 10, 11], groups: &groups, point_formats: &[0], ..Fields::default() };
        assert_eq!(&*ja3(&f), "ada70206e40642a3e4461f35503241d5");
        assert_eq!(
            &*ja3(&Fields { version: 769, ciphers: &of(&[4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99]), ..Fields::default() }),
            "de350869b8c85de67a350c8d186f11e6"
        );
    }
}
