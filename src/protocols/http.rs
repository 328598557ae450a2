//! HTTP/1 requests (RFC 9112): request line, Host, User-Agent, CONNECT.
#![forbid(unsafe_code)]

use super::stream::{Pending, Step};
use super::{Message, Probe, Side, StreamParser, Verdict};
use crate::base::Timestamp;

/// One request's head.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Request {
    /// `GET`, `POST`, `CONNECT` …
    pub method: String,
    /// Host header, or the authority of CONNECT and absolute forms; at most 255 bytes.
    pub host: Option<String>,
    /// Request target, at most 512 bytes.
    pub target: String,
    /// User-Agent, at most 255 bytes.
    pub user_agent: Option<String>,
    /// The target goes through a proxy (CONNECT or absolute form).
    pub proxied: bool,
}

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Http, probe, reader: super::Reader::Stream(|| Box::new(Requests::new())) };

/// The longest head that is held; a longer one is read as far as that.
const HEAD: usize = 8 * 1024;
/// Headers read of one head.
const HEADERS: usize = 100;
/// Requests read of one flow.
const REQUESTS: u32 = 64;
/// Bytes searched for the next request line after a hole, then the flow is given up.
const HOPELESS: u64 = 4 << 20;
const HOST: usize = 255;
const TARGET: usize = 512;

/// Methods of RFC 9110, WebDAV and UPnP.
const METHODS: [&str; 24] = [
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "CONNECT",
    "PATCH",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "RPC_IN_DATA",
    "RPC_OUT_DATA",
    "CCM_POST",
];
/// The longest method and its blank.
const LONGEST: usize = 13;

fn probe(p: &Probe<'_>) -> Verdict {
    match request_line(p.payload) {
        _ if p.payload.starts_with(b"HTTP/1.") => Verdict::Certain,
        // One or two letters begin too many things.
        Verdict::Unsure if p.payload.len() < 3 => Verdict::NotForUs,
        v => v,
    }
}

/// Is this the beginning of a request line? RTSP, SIP and ICAP have the same methods and another version.
fn request_line(b: &[u8]) -> Verdict {
    let Some(target) = METHODS.iter().find_map(|m| b.strip_prefix(m.as_bytes())?.strip_prefix(b" ")) else {
        let begun = b.len() < LONGEST && METHODS.iter().any(|m| m.len() >= b.len() && m.as_bytes().starts_with(b));
        return if begun && !b.is_empty() { Verdict::Unsure } else { Verdict::NotForUs };
    };
    let end = target.iter().position(|c| *c == b'\n');
    let line = target.get(..end.unwrap_or(target.len())).unwrap_or_default();
    let text = line.iter().all(|c| *c > 0x20 && *c != 0x7f || matches!(c, b' ' | b'\r'));
    let version = line.strip_suffix(b"\r").unwrap_or(line);
    match end {
        Some(_) if text && (version.ends_with(b" HTTP/1.1") || version.ends_with(b" HTTP/1.0")) => Verdict::Certain,
        None if text && (line.len() >= 512 && (line.starts_with(b"/") || line.starts_with(b"http://"))) => Verdict::Certain,
        None if text && line.len() < HEAD => Verdict::Unsure,
        _ => Verdict::NotForUs,
    }
}

/// Where the requesting side stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// Before a head.
    Head,
    /// Looking for the next request line; so many bytes were searched.
    Lost(u64),
}

/// Reads the requests of one flow, whichever side sends them.
struct Requests {
    sides: [(Pending, Place); 2],
    read: u32,
}

impl Requests {
    fn new() -> Self {
        Requests { sides: [(Pending::new(HEAD), Place::Head), (Pending::new(HEAD), Place::Head)], read: 0 }
    }
    fn side(&mut self, from: Side) -> &mut (Pending, Place) {
        let [orig, resp] = &mut self.sides;
        if from == Side::Orig { orig } else { resp }
    }
}

impl StreamParser for Requests {
    fn data(&mut self, from: Side, _ts: Timestamp, bytes: &[u8], out: &mut Vec<Message>) {
        let mut read = self.read;
        let (pending, place) = self.side(from);
        pending.feed(bytes, |w| if read < REQUESTS { step(place, w, &mut read, out) } else { Step::Stop });
        self.read = read;
    }
    fn gap(&mut self, from: Side, lost: u64) {
        let (pending, place) = self.side(from);
        if !pending.gap(lost) {
            *place = Place::Lost(0);
        }
    }
    fn done(&self) -> bool {
        self.read >= REQUESTS || self.sides.iter().all(|s| s.0.stopped())
    }
    fn held(&self) -> usize {
        self.sides.iter().map(|s| s.0.held()).sum()
    }
}

fn step(place: &mut Place, w: &[u8], read: &mut u32, out: &mut Vec<Message>) -> Step {
    match *place {
        // The answering side has nothing for us.
        _ if w.starts_with(b"HTTP/1.") => Step::Stop,
        Place::Lost(searched) => search(place, searched, w, read, out),
        // Blank lines between requests (RFC 9112, 2.2).
        Place::Head if matches!(w, [b'\r' | b'\n', ..]) => Step::Take(1),
        Place::Head => head(place, w, read, out),
    }
}

/// A request's head, once it is whole or too long.
fn head(place: &mut Place, w: &[u8], read: &mut u32, out: &mut Vec<Message>) -> Step {
    let shown = w.get(..HEAD).unwrap_or(w);
    let Some(len) = head_end(shown).or((shown.len() == HEAD).then_some(HEAD)) else {
        // Not even a line is whole: no more than a beginning is known.
        return match request_line(shown) {
            Verdict::NotForUs if shown.len() >= LONGEST => search_from_here(place),
            _ => Step::Need(w.len() + 1),
        };
    };
    let text = shown.get(..len).unwrap_or_default();
    if request_line(text) != Verdict::Certain {
        return search_from_here(place);
    }
    let (request, body) = parse(text);
    let tunnel = request.method == "CONNECT";
    *read += 1;
    out.push(Message::Http(Box::new(request)));
    match body {
        // What follows a CONNECT is not HTTP.
        _ if tunnel => Step::Stop,
        Some(body) => Step::Take(body.saturating_add(len as u64)),
        None => {
            *place = Place::Lost(0);
            Step::Take(len as u64)
        }
    }
}

/// Where the head ends, behind its empty line.
fn head_end(b: &[u8]) -> Option<usize> {
    let crlf = b.windows(4).position(|w| w == b"\r\n\r\n").map(|n| n + 4);
    let lf = b.windows(2).position(|w| w == b"\n\n").map(|n| n + 2);
    match (crlf, lf) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn search_from_here(place: &mut Place) -> Step {
    *place = Place::Lost(1);
    Step::Take(1)
}

/// Looks for the next request line: at the beginning of a line, or of a segment.
fn search(place: &mut Place, searched: u64, w: &[u8], read: &mut u32, out: &mut Vec<Message>) -> Step {
    if searched > HOPELESS {
        return Step::Stop;
    }
    match request_line(w) {
        Verdict::Certain => {
            *place = Place::Head;
            return head(place, w, read, out);
        }
        Verdict::Unsure if w.len() < HEAD => return Step::Need(w.len() + 1),
        _ => {}
    }
    let skip = w.iter().position(|c| *c == b'\n').map_or(w.len(), |n| n + 1);
    *place = Place::Lost(searched.saturating_add(skip as u64));
    Step::Take(skip as u64)
}

/// Reads a head; with it the length of the body, unless only the body's own end tells it.
fn parse(text: &[u8]) -> (Request, Option<u64>) {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut r = httparse::Request::new(&mut headers);
    // A head that is cut or malformed further down is read as far as it goes.
    let _ = httparse::ParserConfig::default().ignore_invalid_headers_in_requests(true).parse_request(&mut r, text);
    let method = r.method.unwrap_or_default();
    let target = r.path.unwrap_or_default();
    let header = |name: &str| r.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value);
    let authority = authority(method, target);
    let host = authority.map(str::as_bytes).or(header("host")).filter(|h| !h.is_empty());
    let request = Request {
        method: method.to_owned(),
        host: host.map(|h| short(h, HOST)),
        target: short(target.as_bytes(), TARGET),
        user_agent: header("user-agent").map(|h| short(h, HOST)),
        proxied: authority.is_some(),
    };
    let body = match (header("transfer-encoding"), header("content-length")) {
        (Some(_), _) => None,
        (None, None) => Some(0),
        (None, Some(n)) => std::str::from_utf8(n).ok().and_then(|n| n.trim().parse().ok()),
    };
    (request, body)
}

/// The authority of a target that a proxy is to reach (RFC 9112, 3.2.2 and 3.2.3), without user information.
fn authority<'a>(method: &str, target: &'a str) -> Option<&'a str> {
    if method == "CONNECT" {
        return Some(target);
    }
    let (scheme, rest) = target.split_once("://")?;
    if scheme.is_empty() || !scheme.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.')) {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    Some(authority.rsplit('@').next().unwrap_or(authority))
}

/// At most `max` bytes of text.
fn short(b: &[u8], max: usize) -> String {
    let mut s = String::from_utf8_lossy(b.get(..max).unwrap_or(b)).into_owned();
    s.truncate(s.floor_char_boundary(max));
    s
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::stream::tests::{probe_of, read_split};
    use proptest::prelude::*;

    const GET: &[u8] = b"GET /emr/patients?id=1 HTTP/1.1\r\nHost: intranet.hosp.local\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0)\r\n\r\n";
    const POST: &[u8] = b"POST /a HTTP/1.1\r\nhost: h\r\nContent-Length: 33\r\n\r\nGET /not/a/request HTTP/1.1\r\n\r\n..";
    const CHUNKED: &[u8] = b"PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n";

    fn requests(bytes: &[u8], cuts: &[usize]) -> Vec<Request> {
        let (got, _) = read_split(Requests::new(), Side::Orig, bytes, cuts);
        got.into_iter().map(|m| if let Message::Http(r) = m { *r } else { panic!("{m:?}") }).collect()
    }

    #[test]
    fn heads_of_a_kept_alive_flow() {
        let got = requests(&[POST, b"\r\n", GET, CHUNKED, GET].concat(), &[]);
        let targets: Vec<_> = got.iter().map(|r| r.target.as_str()).collect();
        assert_eq!(targets, ["/a", "/emr/patients?id=1", "/b", "/emr/patients?id=1"]);
        assert_eq!(got[1].host.as_deref(), Some("intranet.hosp.local"));
        assert_eq!(got[1].user_agent.as_deref(), Some("Mozilla/5.0 (Windows NT 10.0)"));
        assert!(!got[1].proxied);
    }

    #[test]
    fn proxies() {
        let got = requests(b"GET http://u:p@updates.example:8080/x HTTP/1.0\r\nHost: other\r\n\r\n", &[]);
        assert_eq!((got[0].host.as_deref(), got[0].proxied), (Some("updates.example:8080"), true));
        let mut p = Requests::new();
        let mut out = Vec::new();
        p.data(Side::Orig, Timestamp(0), b"CONNECT relay.example:443 HTTP/1.1\r\n\r\n\x16\x03\x01", &mut out);
        p.data(Side::Resp, Timestamp(0), b"HTTP/1.1 200 OK\r\n\r\n", &mut out);
        assert!(p.done() && p.held() == 0);
        assert!(matches!(&out[0], Message::Http(r) if r.method == "CONNECT" && r.host.as_deref() == Some("relay.example:443") && r.proxied));
        assert_eq!(requests(b"GET /?u=http://a/ HTTP/1.1\r\nHost: h\r\n\r\n", &[])[0].host.as_deref(), Some("h"));
    }

    #[test]
    fn long_heads_and_many_requests() {
        let long = [b"GET /long HTTP/1.1\r\nHost: h\r\nX: ".as_slice(), &[b'x'; 20_000], b"\r\n\r\n", GET].concat();
        let got = requests(&long, &[]);
        assert_eq!((got[0].target.as_str(), got[0].host.as_deref(), got[1].target.as_str()), ("/long", Some("h"), "/emr/patients?id=1"));
        assert_eq!(requests(&GET.repeat(100), &[]).len(), REQUESTS as usize);
    }

    #[test]
    fn a_hole_costs_only_what_it_hides() {
        let mut p = Requests::new();
        let mut out = Vec::new();
        p.data(Side::Orig, Timestamp(0), &GET[..30], &mut out);
        p.gap(Side::Orig, 50);
        p.data(Side::Orig, Timestamp(0), &GET[80..], &mut out);
        p.data(Side::Orig, Timestamp(0), GET, &mut out);
        assert_eq!(out.len(), 1);
        p.data(Side::Orig, Timestamp(0), &POST[..60], &mut out);
        p.gap(Side::Orig, (POST.len() - 60) as u64);
        p.data(Side::Orig, Timestamp(0), GET, &mut out);
        assert_eq!(out.len(), 3);
    }

    #[test]
    fn probes_by_content() {
        for (payload, verdict) in [
            (GET, Verdict::Certain),
            (b"HTTP/1.1 200 OK\r\n", Verdict::Certain),
            (b"GET /half", Verdict::Unsure),
            (b"GE", Verdict::NotForUs),
            (b"OPTIONS rtsp://cam/ RTSP/1.0\r\n", Verdict::NotForUs),
            (b"OPTIONS sip:a@b SIP/2.0\r\n", Verdict::NotForUs),
            (b"GET \x00\x01\x02\r\n", Verdict::NotForUs),
            (b"\x16\x03\x01", Verdict::NotForUs),
            (b"", Verdict::NotForUs),
        ] {
            assert_eq!(probe_of(probe, payload, 8080), verdict, "{payload:?}");
        }
    }

    proptest! {
        #[test]
        fn any_split(cuts in prop::collection::vec(0usize..400, 0..8)) {
            let bytes = [POST, GET, b"\r\n", POST, GET].concat();
            prop_assert_eq!(requests(&bytes, &cuts), requests(&bytes, &[]));
        }
        #[test]
        fn any_bytes(mut bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b' '), Just(b'G')], 0..300), cuts in prop::collection::vec(0usize..300, 0..8)) {
            bytes.splice(0..0, GET[..bytes.len().min(40)].iter().copied());
            let (_, held) = read_split(Requests::new(), Side::Orig, &bytes, &cuts);
            prop_assert!(held <= 4 * HEAD);
        }
    }
}
