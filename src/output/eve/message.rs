//! Lines of protocol messages: `dns tls http dhcp smb rdp krb5 arp`, and `anomaly` for what a parser could not read.

use super::{begin, ether, head, vlan};
use crate::base::{Addr, Mac, Service};
use crate::event::{Event, FlowInfo};
use crate::output::line::Line;
use crate::protocols::{Message, arp::Arp, dhcp::Dhcp, dns::Dns, http, ntlmssp::Ntlm, rdp::Rdp, smb::Smb, tls};
use crate::wire::Vlans;
use std::fmt::Write;

/// The head of a message's line.
#[inline(always)]
fn start(l: &mut Line, event: &Event, flow: &FlowInfo, from_orig: bool, kind: &'static str) {
    head(l, event, flow, kind);
    if from_orig {
        l.word("direction", "to_server");
    } else {
        l.word("direction", "to_client");
    }
}

/// Writes the line of a message; false if EVE has none for it.
pub(super) fn write(l: &mut Line, event: &Event, flow: &FlowInfo, from_orig: bool, m: &Message) -> bool {
    match m {
        Message::Dns(d) => {
            start(l, event, flow, from_orig, "dns");
            dns(l, flow.service, d);
        }
        Message::Tls(h) => {
            start(l, event, flow, from_orig, "tls");
            tls(l, h);
        }
        Message::Http(r) => {
            start(l, event, flow, from_orig, "http");
            http(l, r);
        }
        Message::HttpAuth(a) => {
            let http::Auth::Ntlm(n) = a.as_ref() else { return false };
            if n.kind != 3 {
                return false;
            }
            start(l, event, flow, from_orig, "http");
            logon(l, n);
        }
        Message::Dhcp(d) => {
            start(l, event, flow, from_orig, "dhcp");
            ether(l, flow.mac);
            dhcp(l, d);
        }
        Message::Kerberos(k) => {
            start(l, event, flow, from_orig, "krb5");
            super::krb5::write(l, k);
        }
        Message::Smb(s) => return smb(l, event, flow, from_orig, s),
        // Suricata has no word for a logon that is told from outside.
        Message::Rdp(r) if matches!(r.as_ref(), Rdp::Logon { .. }) => return false,
        Message::Rdp(r) => {
            start(l, event, flow, from_orig, "rdp");
            rdp(l, r);
        }
        Message::Weird(name, _) => {
            start(l, event, flow, from_orig, "anomaly");
            l.object("anomaly");
            l.word("type", "applayer");
            l.word("event", name);
            l.word("layer", "proto_parser");
            l.word("app_proto", super::flow::app_proto(flow.service));
            l.close();
        }
        _ => return false,
    }
    true
}

fn dns(l: &mut Line, service: Service, d: &Dns) {
    if matches!(service, Service::Mdns | Service::Llmnr) {
        l.word("app_proto", service.word());
    }
    l.object("dns");
    l.uint("version", 3);
    l.word("type", if d.response { "response" } else { "request" });
    l.uint("id", u64::from(d.id));
    if !d.name.is_empty() {
        l.list("queries", [d], |l, d| {
            l.element_of(|l| {
                l.text("rrname", &d.name);
                rrtype(l, d.qtype);
            });
        });
    }
    if d.response {
        l.flag("qr", true);
        match rcode(d.rcode) {
            Some(w) => l.word("rcode", w),
            None => l.display("rcode", d.rcode),
        }
        answers(l, d);
    }
    l.close();
}

fn answers(l: &mut Line, d: &Dns) {
    if d.addrs.is_empty() && d.names.is_empty() {
        return;
    }
    let addrs = d.addrs.iter().map(|(n, a)| (n, if a.is_v4() { "A" } else { "AAAA" }, Data::Addr(*a)));
    let cname = if d.qtype == 12 { "PTR" } else { "CNAME" };
    let names = d.names.iter().map(|(n, t)| (n, cname, Data::Name(t)));
    l.list("answers", names.chain(addrs), |l, (owner, kind, data)| {
        l.element_of(|l| {
            l.text("rrname", owner);
            l.word("rrtype", kind);
            match data {
                Data::Addr(a) => l.addr("rdata", a),
                Data::Name(n) => l.text("rdata", n),
            }
        });
    });
    l.object("grouped");
    l.list("A", d.addrs.iter().filter(|a| a.1.is_v4()), |l, a| l.put_addr(a.1));
    l.list("AAAA", d.addrs.iter().filter(|a| !a.1.is_v4()), |l, a| l.put_addr(a.1));
    l.texts(cname, d.names.iter().map(|n| &n.1));
    l.close();
}

enum Data<'a> {
    Addr(Addr),
    Name(&'a str),
}

/// Names of record types (IANA); others as `TYPEn` (RFC 3597).
fn rrtype(l: &mut Line, t: u16) {
    let w = match t {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        10 => "NULL",
        12 => "PTR",
        15 => "MX",
        16 => "TXT",
        28 => "AAAA",
        33 => "SRV",
        35 => "NAPTR",
        43 => "DS",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        64 => "SVCB",
        65 => "HTTPS",
        252 => "AXFR",
        255 => "ANY",
        _ => return l.display("rrtype", format_args!("TYPE{t}")),
    };
    l.word("rrtype", w);
}

const fn rcode(c: u8) -> Option<&'static str> {
    Some(match c {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        7 => "YXRRSET",
        8 => "NXRRSET",
        9 => "NOTAUTH",
        10 => "NOTZONE",
        _ => return None,
    })
}

fn tls(l: &mut Line, h: &tls::Hello) {
    if h.quic {
        l.word("app_proto", "quic");
    }
    l.object("tls");
    l.maybe("sni", h.sni.as_deref());
    match h.version {
        0x0300 => l.word("version", "SSLv3"),
        0x0301 => l.word("version", "TLSv1"),
        0x0302 => l.word("version", "TLS 1.1"),
        0x0303 => l.word("version", "TLS 1.2"),
        0x0304 => l.word("version", "TLS 1.3"),
        v => l.display("version", format_args!("0x{v:04x}")),
    }
    if !h.ja3.as_bytes().is_empty() {
        l.object(if h.server { "ja3s" } else { "ja3" });
        l.ascii("hash", h.ja3.as_bytes());
        l.close();
    }
    if !h.ja4.as_bytes().is_empty() {
        l.ascii("ja4", h.ja4.as_bytes());
    }
    l.texts(if h.server { "server_alpns" } else { "client_alpns" }, &h.alpn);
    l.close();
}

fn http(l: &mut Line, r: &http::Request) {
    l.object("http");
    l.maybe("hostname", r.host.as_deref());
    l.text("url", &r.target);
    l.maybe("http_user_agent", r.user_agent.as_deref());
    l.text("http_method", &r.method);
    l.close();
}

/// An NTLM logon over HTTP: the schema's `http` object is closed and has no place for an account, so it stands where Suricata puts a rule's variables.
fn logon(l: &mut Line, n: &Ntlm) {
    l.object("http");
    l.close();
    l.object("metadata");
    let names = [("ntlm_user", &n.user), ("ntlm_domain", &n.domain), ("ntlm_host", &n.workstation)];
    let known = names.into_iter().filter_map(|(k, v)| Some((k, v.as_deref()?)));
    let known: Vec<_> = if n.anonymous { vec![("ntlm_user", "")] } else { known.collect() };
    l.list("flowvars", known, |l, (k, v)| {
        l.element_of(|l| {
            l.word("key", k);
            l.text("value", v);
        });
    });
    l.close();
}

fn dhcp(l: &mut Line, d: &Dhcp) {
    const KINDS: [&str; 9] = ["unknown", "discover", "offer", "request", "decline", "ack", "nak", "release", "inform"];
    let known = |a: Addr| (!a.is_unspecified()).then_some(a);
    l.object("dhcp");
    l.word("type", if d.op == 2 { "reply" } else { "request" });
    l.uint("id", u64::from(d.xid));
    l.mac("client_mac", d.chaddr);
    let addrs = [
        ("assigned_ip", known(d.yiaddr)),
        ("client_ip", known(d.ciaddr)),
        ("relay_ip", known(d.giaddr)),
        ("requested_ip", d.requested),
        ("next_server_ip", d.server),
    ];
    for (k, a) in addrs {
        if let Some(a) = a {
            l.addr(k, a);
        }
    }
    l.word("dhcp_type", KINDS.get(usize::from(d.kind)).copied().unwrap_or("unknown"));
    l.maybe("hostname", d.host_name.as_deref());
    l.maybe("vendor_class_identifier", d.vendor_class.as_deref());
    if !d.client_id.is_empty() {
        l.text("client_id", &hex(&d.client_id));
    }
    l.list("params", &d.parameters, |l, p| l.quote_display(p));
    if let Some(t) = d.lease {
        l.uint("lease_time", u64::from(t));
    }
    if let Some(n) = d.prefix_len {
        l.addr("subnet_mask", Addr::v4(u32::MAX.checked_shl(32 - u32::from(n.min(32))).unwrap_or(0)));
    }
    l.list("routers", &d.routers, |l, a| l.put_addr(*a));
    l.list("dns_servers", &d.dns, |l, a| l.put_addr(*a));
    l.close();
}

fn hex(b: &[u8]) -> String {
    b.iter().fold(String::with_capacity(b.len() * 2), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

fn smb(l: &mut Line, event: &Event, flow: &FlowInfo, from_orig: bool, s: &Smb) -> bool {
    let command = match s {
        Smb::Negotiated { .. } => "SMB2_COMMAND_NEGOTIATE_PROTOCOL",
        Smb::Ntlm(n) if n.kind == 3 => "SMB2_COMMAND_SESSION_SETUP",
        Smb::Session { .. } => "SMB2_COMMAND_SESSION_SETUP",
        Smb::Tree { .. } => "SMB2_COMMAND_TREE_CONNECT",
        _ => return false,
    };
    head(l, event, flow, "smb");
    l.word("direction", if from_orig { "to_server" } else { "to_client" });
    l.object("smb");
    l.word("command", command);
    match s {
        Smb::Negotiated { dialect, server_guid, .. } => {
            match dialect {
                0x0001 => l.word("dialect", "NT LM 0.12"),
                d => l.display("dialect", format_args!("{:x}.{:02x}", d >> 8, d & 0xff)),
            }
            if *server_guid != [0; 16] {
                l.word("server_guid", &hex(server_guid));
            }
        }
        Smb::Ntlm(n) => {
            l.object("ntlmssp");
            l.maybe("domain", n.domain.as_deref());
            l.maybe("user", n.user.as_deref());
            l.maybe("host", n.workstation.as_deref());
            l.close();
        }
        Smb::Session { status: code, session, .. } => {
            status(l, *code);
            l.uint("session_id", session & (u64::MAX >> 11));
        }
        Smb::Tree { path, status: code, kind } => {
            status(l, *code);
            l.text("share", path);
            let kind = match kind {
                1 => "FILE",
                2 => "PIPE",
                3 => "PRINT",
                _ => "UNKNOWN",
            };
            l.word("share_type", kind);
        }
        _ => {}
    }
    l.close();
    true
}

/// NT status codes ([MS-ERREF] 2.3.1) that an analyst searches by name; others by number only.
fn status(l: &mut Line, code: u32) {
    let name = match code {
        0 => "STATUS_SUCCESS",
        0xc000_0022 => "STATUS_ACCESS_DENIED",
        0xc000_006d => "STATUS_LOGON_FAILURE",
        0xc000_006e => "STATUS_ACCOUNT_RESTRICTION",
        0xc000_0071 => "STATUS_PASSWORD_EXPIRED",
        0xc000_0072 => "STATUS_ACCOUNT_DISABLED",
        0xc000_00cc => "STATUS_BAD_NETWORK_NAME",
        0xc000_0234 => "STATUS_ACCOUNT_LOCKED_OUT",
        _ => "",
    };
    if !name.is_empty() {
        l.word("status", name);
    }
    l.display("status_code", format_args!("0x{code:x}"));
}

fn rdp(l: &mut Line, r: &Rdp) {
    l.object("rdp");
    match r {
        Rdp::Request { cookie, .. } => {
            l.word("event_type", "initial_request");
            l.maybe("cookie", cookie.as_deref());
        }
        Rdp::Confirm { .. } | Rdp::Failure { .. } => l.word("event_type", "initial_response"),
        Rdp::Client { name, build } => {
            l.word("event_type", "connect_request");
            l.object("client");
            l.text("client_name", name);
            l.display("build", build);
            l.close();
        }
        Rdp::Certificate { .. } => l.word("event_type", "tls_handshake"),
        Rdp::Logon { .. } => {}
        Rdp::ReservedChannel => l.word("event_type", "connect_request"),
    }
    l.close();
}

/// One ARP message.
pub(super) fn arp(l: &mut Line, event: &Event, mac: Mac, tags: Vlans, a: &Arp) {
    begin(l, event.ts, "arp");
    if event.packet != 0 {
        l.uint("pcap_cnt", event.packet);
    }
    vlan(l, [tags, tags]);
    l.addr("src_ip", a.sender);
    l.addr("dest_ip", a.target);
    l.word("proto", "ARP");
    ether(l, [mac, Mac::ZERO]);
    l.object("arp");
    l.word("hw_type", "ethernet");
    l.word("proto_type", "ipv4");
    match a.op {
        1 => l.word("opcode", "request"),
        2 => l.word("opcode", "reply"),
        n => l.display("opcode", n),
    }
    l.mac("src_mac", a.sender_mac);
    l.addr("src_ip", a.sender);
    l.mac("dest_mac", a.target_mac);
    l.addr("dest_ip", a.target);
    l.close();
}
