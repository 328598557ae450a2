//! HTTP/1 requests (RFC 9112): request line, Host, User-Agent, CONNECT; and logons with NTLM or Kerberos (RFC 4559), for which the heads of answers
//! are read as long as they ask for one.
#![forbid(unsafe_code)]

mod auth;

pub use auth::Auth;

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
    exchange: Exchange,
}

/// What answers must know of requests.
#[derive(Clone, Copy, Default)]
struct Exchange {
    /// Requests read.
    read: u32,
    /// Heads of answers read.
    answers: u32,
    /// The last one claimed to be somebody.
    claimed: bool,
    /// The last one was HEAD: its answer has no body, whatever its length says (RFC 9112, 6.3).
    head: bool,
}

impl Requests {
    fn new() -> Self {
        Requests { sides: [(Pending::new(HEAD), Place::Head), (Pending::new(HEAD), Place::Head)], exchange: Exchange::default() }
    }
    fn side(&mut self, from: Side) -> &mut (Pending, Place) {
        let [orig, resp] = &mut self.sides;
        if from == Side::Orig { orig } else { resp }
    }
}

impl StreamParser for Requests {
    fn data(&mut self, from: Side, _ts: Timestamp, bytes: &[u8], out: &mut Vec<Message>) {
        let mut exchange = self.exchange;
        let (pending, place) = self.side(from);
        pending.feed(bytes, |w| if exchange.read < REQUESTS { step(place, w, &mut exchange, out) } else { Step::Stop });
        self.exchange = exchange;
    }
    fn gap(&mut self, from: Side, lost: u64) {
        let (pending, place) = self.side(from);
        if !pending.gap(lost) {
            *place = Place::Lost(0);
        }
    }
    fn done(&self) -> bool {
        self.exchange.read >= REQUESTS || self.sides.iter().all(|s| s.0.stopped())
    }
    fn held(&self) -> usize {
        self.sides.iter().map(|s| s.0.held()).sum()
    }
}

fn step(place: &mut Place, w: &[u8], exchange: &mut Exchange, out: &mut Vec<Message>) -> Step {
    match *place {
        _ if w.starts_with(b"HTTP/1.") => answer(place, w, exchange, out),
        Place::Lost(searched) => search(place, searched, w, exchange, out),
        // Blank lines between requests (RFC 9112, 2.2).
        Place::Head if matches!(w, [b'\r' | b'\n', ..]) => Step::Take(1),
        Place::Head => head(place, w, exchange, out),
    }
}

/// A request's head, once it is whole or too long.
fn head(place: &mut Place, w: &[u8], exchange: &mut Exchange, out: &mut Vec<Message>) -> Step {
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
    exchange.read += 1;
    exchange.head = request.method == "HEAD";
    out.push(Message::Http(Box::new(request)));
    let auth = auth::of_request(text);
    exchange.claimed = auth.as_ref().is_some_and(Auth::is_claim);
    let ticket = matches!(auth, Some(Auth::Kerberos)).then(|| auth::ticket_of_request(text)).flatten();
    out.extend(auth.map(|a| Message::HttpAuth(Box::new(a))));
    // A head that is cut has a ticket that is cut: nothing is odd about that.
    out.extend(ticket.filter(|t| matches!(t, Message::Kerberos(_))));
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

/// An answer's head. Only one that asks for a logon (or is interim) is followed by another that matters: the next one that is not ends the side.
fn answer(place: &mut Place, w: &[u8], exchange: &mut Exchange, out: &mut Vec<Message>) -> Step {
    let shown = w.get(..HEAD).unwrap_or(w);
    let Some(text) = head_end(shown).and_then(|len| shown.get(..len)) else {
        return if shown.len() < HEAD { Step::Need(w.len() + 1) } else { Step::Stop };
    };
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut r = httparse::Response::new(&mut headers);
    let _ = httparse::ParserConfig::default().ignore_invalid_headers_in_responses(true).parse_response(&mut r, text);
    let status = r.code.unwrap_or_default();
    let challenge = auth::of_answer(text);
    if status >= 200 && std::mem::take(&mut exchange.claimed) && challenge.is_none() {
        out.push(Message::HttpAuth(Box::new(Auth::Answered { status })));
    }
    out.extend(challenge.map(|a| Message::HttpAuth(Box::new(a))));
    exchange.answers += 1;
    let body = match status {
        _ if exchange.answers >= REQUESTS => return Step::Stop,
        100..=199 if status != 101 => Some(0),
        401 | 407 if exchange.head => Some(0),
        401 | 407 => body_length(r.headers),
        _ => return Step::Stop,
    };
    *place = if body.is_some() { Place::Head } else { Place::Lost(0) };
    Step::Take(body.unwrap_or(0).saturating_add(text.len() as u64))
}

/// Length of the body behind these headers; `None` if only its own end tells it.
fn body_length(headers: &[httparse::Header<'_>]) -> Option<u64> {
    let header = |name: &str| headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value);
    match (header("transfer-encoding"), header("content-length")) {
        (Some(_), _) => None,
        (None, None) => Some(0),
        (None, Some(n)) => std::str::from_utf8(n).ok().and_then(|n| n.trim().parse().ok()),
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
fn search(place: &mut Place, searched: u64, w: &[u8], exchange: &mut Exchange, out: &mut Vec<Message>) -> Step {
    if searched > HOPELESS {
        return Step::Stop;
    }
    match request_line(w) {
        Verdict::Certain => {
            *place = Place::Head;
            return head(place, w, exchange, out);
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
    let body = body_length(r.headers);
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
mod tests;
