//! DNS (RFC 1035), multicast DNS (RFC 6762) and LLMNR (RFC 4795).

mod name;
mod shape;
mod tcp;

use super::{Message, Probe, Protocol, Reader, Verdict};
use crate::base::{Addr, Service};
use domain::base::iana::Rtype;
use domain::base::message::RecordSection;
use domain::base::{Message as Wire, ParsedRecord};
use domain::rdata::{A, Aaaa, Cname, Ptr};
use shape::{Family, Fit};

/// One DNS message, cut to what detectors use.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dns {
    /// Message id.
    pub id: u16,
    /// True for a response.
    pub response: bool,
    /// Response code.
    pub rcode: u8,
    /// Name of the first question, lower case, without the final dot.
    pub name: String,
    /// Type of the first question.
    pub qtype: u16,
    /// Answers of types A and AAAA: owner name and address; at most 32. In multicast DNS the additional records too: there they name the sender.
    pub addrs: Vec<(String, Addr)>,
    /// Answers of types CNAME and PTR: owner and target; at most 16.
    pub names: Vec<(String, String)>,
    /// Number of questions and of answers as the header says.
    pub counts: (u16, u16),
}

/// DNS over TCP.
pub const TCP: Protocol = Protocol { service: Service::Dns, probe: tcp::probe, reader: Reader::Stream(tcp::parser) };

/// DNS over UDP.
pub const UDP: Protocol = Protocol { service: Service::Dns, probe: probe_unicast, reader: Reader::Datagram(read) };

/// Multicast DNS.
pub const MDNS: Protocol = Protocol { service: Service::Mdns, probe: probe_multicast, reader: Reader::Datagram(read_multicast) };

/// LLMNR over UDP.
pub const LLMNR: Protocol = Protocol { service: Service::Llmnr, probe: probe_llmnr, reader: Reader::Datagram(read) };

const PORT: u16 = 53;
const PORT_NBNS: u16 = 137;
const PORT_MDNS: u16 = 5353;
const PORT_LLMNR: u16 = 5355;

/// Records walked of one message; a zone transfer has more, and nothing of interest in them.
const RECORDS_MAX: usize = 256;
const ADDRS_MAX: usize = 32;
const NAMES_MAX: usize = 16;

fn has_port(p: &Probe<'_>, port: u16) -> bool {
    p.orig_port == port || p.resp_port == port
}

fn probe_unicast(p: &Probe<'_>) -> Verdict {
    if [PORT_NBNS, PORT_MDNS, PORT_LLMNR].iter().any(|port| has_port(p, *port)) {
        return Verdict::NotForUs;
    }
    match shape::fit(p.payload, Family::Unicast) {
        Some(Fit::Whole) => Verdict::Certain,
        // Snapped, or with something behind it: the port may break the tie.
        Some(Fit::Part) if has_port(p, PORT) => Verdict::Certain,
        _ => Verdict::NotForUs,
    }
}

fn probe_multicast(p: &Probe<'_>) -> Verdict {
    if has_port(p, PORT_MDNS) && shape::fit(p.payload, Family::Multicast).is_some() { Verdict::Certain } else { Verdict::NotForUs }
}

fn probe_llmnr(p: &Probe<'_>) -> Verdict {
    if has_port(p, PORT_LLMNR) && shape::fit(p.payload, Family::Llmnr).is_some() { Verdict::Certain } else { Verdict::NotForUs }
}

fn read(p: &Probe<'_>, out: &mut Vec<Message>) {
    parse(p.payload, false, out);
}

fn read_multicast(p: &Probe<'_>, out: &mut Vec<Message>) {
    parse(p.payload, true, out);
}

/// Reads one message; `additional` takes the additional records' addresses too.
fn parse(bytes: &[u8], additional: bool, out: &mut Vec<Message>) {
    let Ok(wire) = Wire::from_slice(bytes) else {
        out.push(Message::Weird("dns_short", bytes.len() as u32));
        return;
    };
    let (header, counts) = (wire.header(), wire.header_counts());
    let mut dns = Dns {
        id: header.id(),
        response: header.qr(),
        rcode: header.rcode().to_int(),
        counts: (counts.qdcount(), counts.ancount()),
        ..Dns::default()
    };
    let stopped = match wire.question().next() {
        Some(Ok(q)) => {
            dns.name = name::text(q.qname());
            dns.qtype = q.qtype().to_int();
            read_records(wire, additional, &mut dns)
        }
        Some(Err(_)) => Some(("dns_bad_question", 12)),
        None => read_records(wire, additional, &mut dns),
    };
    out.push(Message::Dns(Box::new(dns)));
    out.extend(stopped.map(|(name, at)| Message::Weird(name, at as u32)));
}

/// Takes what is wanted of the answers; tells where they could not be read.
fn read_records(wire: &Wire<[u8]>, additional: bool, dns: &mut Dns) -> Option<(&'static str, usize)> {
    let mut budget = RECORDS_MAX;
    let Ok(mut section) = wire.answer() else { return Some(("dns_bad_question", 12)) };
    if let Some(at) = read_section(&mut section, &mut budget, dns) {
        return Some(("dns_bad_record", at));
    }
    if additional && budget > 0 {
        let mut section = wire.additional().ok()?;
        if let Some(at) = read_section(&mut section, &mut budget, dns) {
            return Some(("dns_bad_record", at));
        }
    }
    None
}

fn read_section(section: &mut RecordSection<'_, [u8]>, budget: &mut usize, dns: &mut Dns) -> Option<usize> {
    while *budget > 0 {
        let at = section.pos();
        *budget -= 1;
        match section.next()? {
            Ok(record) => read_record(&record, dns),
            Err(_) => return Some(at),
        }
    }
    None
}

fn read_record(record: &ParsedRecord<'_, [u8]>, dns: &mut Dns) {
    let owner = || name::text(&record.owner().deref_octets());
    match record.rtype() {
        Rtype::A if dns.addrs.len() < ADDRS_MAX => {
            if let Ok(Some(r)) = record.to_record::<A>() {
                dns.addrs.push((owner(), Addr::from(std::net::IpAddr::V4(r.data().addr()))));
            }
        }
        Rtype::AAAA if dns.addrs.len() < ADDRS_MAX => {
            if let Ok(Some(r)) = record.to_record::<Aaaa>() {
                dns.addrs.push((owner(), Addr::from(std::net::IpAddr::V6(r.data().addr()))));
            }
        }
        Rtype::CNAME if dns.names.len() < NAMES_MAX => {
            if let Ok(Some(r)) = record.to_record::<Cname<_>>() {
                dns.names.push((owner(), name::text(r.data().cname())));
            }
        }
        Rtype::PTR if dns.names.len() < NAMES_MAX => {
            if let Ok(Some(r)) = record.to_record::<Ptr<_>>() {
                dns.names.push((owner(), name::text(r.data().ptrdname())));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
