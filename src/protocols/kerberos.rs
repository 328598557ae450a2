//! Kerberos 5 (RFC 4120; [MS-KILE]) over UDP and TCP: what clients ask of the key distribution centre and what it answers, and the AP-REQ by which a
//! ticket is shown to a service, wherever SPNEGO or GSS-API carry it. ASN.1 is `kerberos-parser`'s; a panic in there is caught and told as a weird.
#![forbid(unsafe_code)]

use super::field::{array_at, cut, cut_at, guarded};
use super::stream::{Pending, Step};
use super::{Message, Probe, Protocol, Reader, Side, StreamParser, Verdict};
use crate::base::{Service, Timestamp};
use kerberos_parser::krb5::{ApReq, KdcRep, KdcReq, KrbError, PrincipalName, Ticket};
use kerberos_parser::krb5_parser as der;
use sha2::{Digest, Sha256};

/// One Kerberos message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kerberos {
    /// Message type (RFC 4120, 7.5.7): 10 AS-REQ, 11 AS-REP, 12 TGS-REQ, 13 TGS-REP, 14 AP-REQ, 30 KRB-ERROR.
    pub kind: u8,
    /// The realm asked, or the realm of the ticket's service.
    pub realm: String,
    /// The client's principal, parts joined by `/`; not in a TGS-REQ and an AP-REQ, where it is sealed in the ticket.
    pub client: Option<String>,
    /// The client's realm where a reply or an error names it; the ticket's may be another. See [`Kerberos::home`].
    pub client_realm: String,
    /// The service's principal, parts joined by `/`: `krbtgt/HOSP.LOCAL`, `cifs/emr01`.
    pub service: Option<String>,
    /// Encryption types offered, the client's favourite first; at most 16 (23 = RC4, 17 and 18 = AES).
    pub offered: Vec<i32>,
    /// Encryption type of the reply's own part: in an AS-REP the client's key.
    pub etype: Option<i32>,
    /// Encryption type of the ticket: the service's key.
    pub ticket_etype: Option<i32>,
    /// Joins the reply that gave a ticket with the request that shows it: a hash of the beginning of its cipher text. In a TGS-REQ of the ticket shown.
    pub ticket: Option<u128>,
    /// KRB-ERROR's code (RFC 4120, 7.5.9): 6 no such client, 24 pre-authentication failed, 25 pre-authentication required, 37 clock skew …
    pub error: Option<i32>,
    /// An AS-REQ proves that it knows the key: encrypted timestamp or challenge, a certificate, or armoured (2, 16, 17, 136, 138).
    pub preauth: bool,
    /// KDCOptions (RFC 4120, 5.4.1) or APOptions, first bit highest.
    pub options: u32,
}

impl Kerberos {
    /// The client's realm: as a reply names it; a first request is sent to the client's own realm (RFC 4120, 5.4.1).
    pub fn home(&self) -> &str {
        if self.client_realm.is_empty() { &self.realm } else { &self.client_realm }
    }
    /// The client as it is written, `user@REALM`.
    pub fn user(&self) -> Option<String> {
        let client = self.client.as_deref()?;
        Some(if self.home().is_empty() { client.to_owned() } else { format!("{client}@{}", self.home()) })
    }
}

/// Registry line of the stream.
pub const TCP: Protocol = Protocol { service: Service::Kerberos, probe: probe_tcp, reader: Reader::Stream(|| Box::new(Stream::new())) };
/// Registry line of datagrams.
pub const UDP: Protocol = Protocol { service: Service::Kerberos, probe: probe_udp, reader: Reader::Datagram(datagram) };

const AS_REQ: u8 = 10;
const AS_REP: u8 = 11;
const TGS_REQ: u8 = 12;
const TGS_REP: u8 = 13;
const AP_REQ: u8 = 14;
const ERROR: u8 = 30;
/// The longest message read; tickets with many groups take some 12 KiB.
const HELD: usize = 32 * 1024;
/// Characters kept of a principal or realm.
const NAME: usize = 256;
/// Encryption types kept.
const ETYPES: usize = 16;
/// Bytes of a ticket's cipher text that are hashed: it begins with random bytes.
const HASHED: usize = 256;
/// Messages out of step before a stream is given up.
const LOST: u8 = 8;

/// The message's type, if it begins as one: application tag, sequence, version 5, its own type again (RFC 4120, 5.4.1, 5.4.2, 5.5.1, 5.9.1).
fn begins(b: &[u8]) -> Option<u8> {
    let kind = match b.first()? {
        tag @ 0x6a..=0x6e => tag - 0x60,
        0x7e => ERROR,
        _ => return None,
    };
    let inner = content(b, 0)?;
    if b.get(inner) != Some(&0x30) {
        return None;
    }
    // The fields of KDC requests are numbered from one.
    let first = 0xa0 + u8::from(matches!(kind, AS_REQ | TGS_REQ));
    (array_at(b, content(b, inner)?) == Some([first, 3, 2, 1, 5, first + 1, 3, 2, 1, kind])).then_some(kind)
}

/// Where the content of the element at `at` begins (X.690, 8.1.3).
fn content(b: &[u8], at: usize) -> Option<usize> {
    match *b.get(at + 1)? {
        0..=0x7f => Some(at + 2),
        n @ 0x81..=0x84 => Some(at + 2 + usize::from(n & 0x7f)),
        _ => None,
    }
}

fn probe_udp(p: &Probe<'_>) -> Verdict {
    if begins(p.payload).is_some() { Verdict::Certain } else { Verdict::NotForUs }
}

fn probe_tcp(p: &Probe<'_>) -> Verdict {
    let home = p.orig_port == 88 || p.resp_port == 88;
    match p.payload {
        [0, 0, _, _, m @ ..] if begins(m).is_some() => Verdict::Certain,
        [0, 0, _, _, 0x6a..=0x6d | 0x7e, m @ ..] if m.len() < 22 && home => Verdict::Unsure,
        m if home && m.len() < 5 && m.iter().take(2).all(|b| *b == 0) && !m.is_empty() => Verdict::Unsure,
        _ => Verdict::NotForUs,
    }
}

fn datagram(p: &Probe<'_>, out: &mut Vec<Message>) {
    out.extend(read(p.payload));
}

/// Reads one message; what is none, or is cut, is a weird.
fn read(b: &[u8]) -> Option<Message> {
    let kind = begins(b)?;
    let read = guarded(|| match kind {
        AS_REQ => der::parse_as_req(b).ok().map(|r| request(&r.1)),
        TGS_REQ => der::parse_tgs_req(b).ok().map(|r| request(&r.1)),
        AS_REP => der::parse_as_rep(b).ok().map(|r| reply(&r.1)),
        TGS_REP => der::parse_tgs_rep(b).ok().map(|r| reply(&r.1)),
        ERROR => parse_error(b).map(|e| error(&e)),
        _ => parse_ap_req(b).map(|r| shown(&r)),
    });
    Some(match read {
        Ok(Some(mut k)) => {
            k.kind = kind;
            Message::Kerberos(Box::new(k))
        }
        Ok(None) => Message::Weird("kerberos_unreadable", 0),
        Err(()) => Message::Weird("kerberos_parser_panicked", 0),
    })
}

#[allow(deprecated)]
fn parse_error(b: &[u8]) -> Option<KrbError<'_>> {
    der::parse_krb_error(b).ok().map(|r| r.1)
}

#[allow(deprecated)]
fn parse_ap_req(b: &[u8]) -> Option<ApReq<'_>> {
    der::parse_ap_req(b).ok().map(|r| r.1)
}

fn principal(p: &PrincipalName) -> String {
    cut(&p.name_string.join("/"), NAME)
}

fn hash(t: &Ticket<'_>) -> u128 {
    let digest: [u8; 32] = Sha256::digest(cut_at(t.enc_part.cipher, 0, HASHED)).into();
    u128::from_be_bytes(array_at(&digest, 0).unwrap_or_default())
}

fn bits(raw: &[u8]) -> u32 {
    array_at(raw, 0).map_or(0, u32::from_be_bytes)
}

fn request(r: &KdcReq<'_>) -> Kerberos {
    let body = &r.req_body;
    let is_proof = |kind: i32| matches!(kind, 2 | 16 | 17 | 136 | 138);
    // PA-TGS-REQ: the ticket that is shown for the new one.
    let shown = r.padata.iter().find(|p| p.padata_type.0 == 1).and_then(|p| parse_ap_req(p.padata_value));
    Kerberos {
        realm: cut(&body.realm.0, NAME),
        client: body.cname.as_ref().map(principal),
        service: body.sname.as_ref().map(principal),
        offered: body.etype.iter().take(ETYPES).map(|e| e.0).collect(),
        ticket_etype: shown.as_ref().map(|s| s.ticket.enc_part.etype.0),
        ticket: shown.as_ref().map(|s| hash(&s.ticket)),
        preauth: r.padata.iter().any(|p| is_proof(p.padata_type.0)),
        options: bits(body.kdc_options.as_ref()),
        ..Kerberos::default()
    }
}

fn reply(r: &KdcRep<'_>) -> Kerberos {
    Kerberos {
        realm: cut(&r.ticket.realm.0, NAME),
        client: Some(principal(&r.cname)),
        client_realm: cut(&r.crealm.0, NAME),
        service: Some(principal(&r.ticket.sname)),
        etype: Some(r.enc_part.etype.0),
        ticket_etype: Some(r.ticket.enc_part.etype.0),
        ticket: Some(hash(&r.ticket)),
        ..Kerberos::default()
    }
}

fn error(e: &KrbError<'_>) -> Kerberos {
    Kerberos {
        realm: cut(&e.realm.0, NAME),
        client: e.cname.as_ref().map(principal),
        client_realm: e.crealm.as_ref().map(|r| cut(&r.0, NAME)).unwrap_or_default(),
        service: Some(principal(&e.sname)),
        error: Some(e.error_code.0),
        ..Kerberos::default()
    }
}

fn shown(r: &ApReq<'_>) -> Kerberos {
    Kerberos {
        realm: cut(&r.ticket.realm.0, NAME),
        service: Some(principal(&r.ticket.sname)),
        etype: Some(r.authenticator.etype.0),
        ticket_etype: Some(r.ticket.enc_part.etype.0),
        ticket: Some(hash(&r.ticket)),
        options: bits(r.ap_options.as_ref()),
        ..Kerberos::default()
    }
}

/// The AP-REQ in a security blob, whatever wraps it there (SPNEGO, GSS-API, nothing). A blob that is cut gives a weird.
pub(crate) fn find_ap_req(blob: &[u8]) -> Option<Message> {
    const MARK: [u8; 10] = [0xa0, 3, 2, 1, 5, 0xa1, 3, 2, 1, AP_REQ];
    let mark = memchr::memmem::find(blob, &MARK)?;
    // Before it two tags with their lengths, of two to six bytes each.
    (4..=12).filter_map(|back| blob.get(mark.checked_sub(back)?..)).find(|b| begins(b) == Some(AP_REQ)).and_then(read)
}

/// Both directions of a TCP flow: messages behind four bytes of length (RFC 4120, 7.2.2).
struct Stream {
    sides: [(Pending, u8); 2],
}

impl Stream {
    fn new() -> Stream {
        Stream { sides: [(Pending::new(HELD), 0), (Pending::new(HELD), 0)] }
    }
}

impl StreamParser for Stream {
    fn data(&mut self, from: Side, _ts: Timestamp, bytes: &[u8], out: &mut Vec<Message>) {
        let Some((pending, lost)) = self.sides.get_mut(from.index()) else { return };
        pending.feed(bytes, |w| {
            let Some(len) = array_at(w, 0).map(|l| u32::from_be_bytes(l) as usize) else { return Step::Need(4) };
            if len == 0 || len > 1 << 20 {
                out.push(Message::Weird("kerberos_out_of_step", 0));
                return Step::Stop;
            }
            if 4 + len > HELD {
                out.push(Message::Weird("kerberos_too_long", 0));
                return Step::Take(4 + len as u64);
            }
            let Some(m) = w.get(4..4 + len) else { return Step::Need(4 + len) };
            match read(m) {
                Some(m) => out.push(m),
                None => *lost += 1,
            }
            if *lost > LOST { Step::Stop } else { Step::Take(4 + len as u64) }
        });
    }
    fn gap(&mut self, from: Side, lost: u64) {
        // A client asks once or twice on a connection; behind a hole there is nothing to look for.
        if let Some((pending, _)) = self.sides.get_mut(from.index())
            && !pending.gap(lost)
        {
            pending.feed(&[0], |_| Step::Stop);
        }
    }
    fn done(&self) -> bool {
        self.sides.iter().all(|s| s.0.stopped())
    }
    fn held(&self) -> usize {
        self.sides.iter().map(|s| s.0.held()).sum()
    }
}

#[cfg(test)]
pub(crate) mod tests;
