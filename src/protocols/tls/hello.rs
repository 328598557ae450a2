//! The fields of a ClientHello or ServerHello (RFC 8446, 4.1.2 and 4.1.3; extensions RFC 6066, 7301, 8422), GREASE left out (RFC 8701).

use super::super::cursor::{Cursor, text};
use super::{Hello, Ja3, Ja4, fingerprint};

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

pub(super) const SERVER_NAME: u16 = 0;
const GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
pub(super) const ALPN: u16 = 16;
const VERSIONS: u16 = 43;

const ALPN_MAX: usize = 8;
/// No implementation sends a quarter of this; a hello with more is read as far as this and gets no fingerprint.
const EXTENSIONS_MAX: usize = 256;

/// A hello's fields as sent, still with GREASE.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) version: u16,
    pub(super) ciphers: &'a [[u8; 2]],
    pub(super) extensions: Vec<u16>,
    pub(super) groups: &'a [[u8; 2]],
    pub(super) point_formats: &'a [u8],
    pub(super) signature_algorithms: &'a [[u8; 2]],
    pub(super) versions: &'a [[u8; 2]],
    /// The whole ALPN list, each behind its length.
    pub(super) alpn: &'a [u8],
    pub(super) sni: Option<&'a [u8]>,
    /// All was there.
    pub(super) whole: bool,
}

/// Reserved values that clients sprinkle in to keep others tolerant.
pub(super) const fn is_grease(v: u16) -> bool {
    v & 0x0f0f == 0x0a0a && v >> 8 == v & 0xff
}

/// Two-byte values without GREASE.
pub(super) fn values(list: &[[u8; 2]]) -> impl Iterator<Item = u16> + '_ {
    list.iter().map(|b| u16::from_be_bytes(*b)).filter(|v| !is_grease(*v))
}

/// Reads one handshake message from its type on. Of a cut one what is there, without fingerprints. `None` when not even the version and the
/// cipher suites are there, or it is no hello.
pub(in crate::protocols) fn parse(message: &[u8], quic: bool) -> Option<Hello> {
    let mut c = Cursor::new(message);
    let (kind, length) = (c.u8()?, c.u24()? as usize);
    let (body, whole) = c.take_up_to(length);
    let mut fields = Fields { whole, ..Fields::default() };
    match kind {
        CLIENT_HELLO => {
            read_client(body, &mut fields)?;
            Some(client(&fields, quic))
        }
        SERVER_HELLO => {
            let cipher = read_server(body, &mut fields)?;
            Some(server(&fields, cipher, quic))
        }
        _ => None,
    }
}

/// Is the whole message there?
pub(in crate::protocols) fn is_whole(message: &[u8]) -> bool {
    let mut c = Cursor::new(message.get(1..).unwrap_or_default());
    c.u24().is_some_and(|n| c.len() >= n as usize)
}

/// Looks for a whole server name extension in a run of bytes out of the middle of a ClientHello. Three lengths that fit into each other and a
/// host name behind them are taken for one.
pub(in crate::protocols) fn find_server_name(run: &[u8]) -> Option<String> {
    (0..run.len()).find_map(|at| {
        let mut c = Cursor::new(run.get(at..)?);
        let (0, body) = (c.u16()?, c.vec16()?) else { return None };
        let name = host_name(body).filter(|n| n.len() + 5 == body.len())?;
        let possible = name.contains(&b'.') && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        possible.then(|| text(name, 255).to_ascii_lowercase())
    })
}

fn client(f: &Fields<'_>, quic: bool) -> Hello {
    Hello {
        server: false,
        version: values(f.versions).max().unwrap_or(f.version),
        sni: f.sni.map(|s| text(s, 255).to_ascii_lowercase()).filter(|s| !s.is_empty()),
        alpn: alpn(f.alpn),
        ja3: if f.whole { fingerprint::ja3(f) } else { Ja3::default() },
        ja4: if f.whole { fingerprint::ja4(f, quic) } else { Ja4::default() },
        cipher: 0,
        quic,
    }
}

fn server(f: &Fields<'_>, cipher: u16, quic: bool) -> Hello {
    Hello {
        server: true,
        version: values(f.versions).next().unwrap_or(f.version),
        alpn: alpn(f.alpn),
        ja3: if f.whole { fingerprint::ja3s(f, cipher) } else { Ja3::default() },
        cipher,
        quic,
        ..Hello::default()
    }
}

fn alpn(list: &[u8]) -> Vec<String> {
    let mut c = Cursor::new(list);
    std::iter::from_fn(|| c.vec8()).take(ALPN_MAX).map(|p| text(p, 255)).collect()
}

fn read_client<'a>(body: &'a [u8], f: &mut Fields<'a>) -> Option<()> {
    let mut c = Cursor::new(body);
    f.version = c.u16()?;
    let (_random, _session) = (c.array::<32>()?, c.vec8()?);
    f.ciphers = c.vec16()?.as_chunks().0;
    c.vec8()?; // compression methods
    read_extensions(c, true, f);
    Some(())
}

fn read_server<'a>(body: &'a [u8], f: &mut Fields<'a>) -> Option<u16> {
    let mut c = Cursor::new(body);
    f.version = c.u16()?;
    c.array::<32>()?;
    // Drafts of TLS 1.3 up to 21 have neither session nor compression.
    let is_draft = f.version >> 8 == 0x7f;
    if !is_draft {
        c.vec8()?;
    }
    let cipher = c.u16()?;
    if !is_draft {
        c.u8()?;
    }
    read_extensions(c, false, f);
    Some(cipher)
}

/// Walks the extensions; the last may be cut.
fn read_extensions<'a>(mut c: Cursor<'a>, client: bool, f: &mut Fields<'a>) {
    if c.is_empty() {
        return; // allowed before TLS 1.3
    }
    let Some(length) = c.u16() else { return f.whole = false };
    let (list, whole) = c.take_up_to(usize::from(length));
    f.whole &= whole;
    let mut c = Cursor::new(list);
    while !c.is_empty() {
        let (Some(kind), Some(length), true) = (c.u16(), c.u16(), f.extensions.len() < EXTENSIONS_MAX) else { return f.whole = false };
        let (body, whole) = c.take_up_to(usize::from(length));
        f.whole &= whole;
        f.extensions.push(kind);
        read_extension(kind, body, client, f);
    }
}

fn read_extension<'a>(kind: u16, body: &'a [u8], client: bool, f: &mut Fields<'a>) {
    let mut c = Cursor::new(body);
    let list16 = |c: &mut Cursor<'a>| c.vec16().unwrap_or_default().as_chunks().0;
    match kind {
        SERVER_NAME if client => f.sni = f.sni.or_else(|| host_name(body)),
        GROUPS => f.groups = list16(&mut c),
        POINT_FORMATS => f.point_formats = c.vec8().unwrap_or_default(),
        SIGNATURE_ALGORITHMS => f.signature_algorithms = list16(&mut c),
        ALPN => f.alpn = c.vec16().unwrap_or_default(),
        VERSIONS if client => f.versions = c.vec8().unwrap_or_default().as_chunks().0,
        VERSIONS => f.versions = body.as_chunks().0,
        _ => {}
    }
}

/// The first entry of type host_name (RFC 6066, 3).
fn host_name(body: &[u8]) -> Option<&[u8]> {
    let mut list = Cursor::new(body);
    list.u16()?;
    while let (Some(kind), Some(name)) = (list.u8(), list.vec16()) {
        if kind == 0 {
            return Some(name);
        }
    }
    None
}
