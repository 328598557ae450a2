//! Which message tells the name of which address: NBNS (RFC 1002), mDNS (RFC 6762), LLMNR (RFC 4795), NTLMSSP ([MS-NLMP]), RDP ([MS-RDPBCGR]).

use super::device::Device;
use crate::base::{Addr, Service, Span, Timestamp};
use crate::event::FlowInfo;
use crate::protocols::{Message, dns::Dns, http::Auth, nbns::Nbns, ntlmssp::Ntlm, rdp::Rdp, smb::Smb};

/// The address that a message gives a name to. Only what a device says of itself counts, or what a logon says of the two that take part.
pub(super) fn named<'a>(flow: &FlowInfo, from_orig: bool, message: &'a Message) -> Option<(Addr, &'a str)> {
    let (orig, resp) = (flow.tuple.orig, flow.tuple.resp);
    let sender = if from_orig { orig } else { resp };
    match message {
        Message::Nbns(n) => nbns(sender, n),
        Message::Dns(d) if matches!(flow.service, Service::Mdns | Service::Llmnr) => own_record(sender, d),
        Message::Smb(s) => match s.as_ref() {
            Smb::Ntlm(Ntlm { kind: 3, workstation: Some(w), .. }) => Some((orig, w)),
            Smb::Ntlm(Ntlm { kind: 2, server_name: Some(s), .. }) => Some((resp, s)),
            _ => None,
        },
        // The challenge may be another's, behind a gateway or a proxy.
        Message::HttpAuth(a) => match a.as_ref() {
            Auth::Ntlm(Ntlm { kind: 3, workstation: Some(w), .. }) if from_orig => Some((orig, w)),
            _ => None,
        },
        Message::Rdp(r) => match r.as_ref() {
            Rdp::Client { name, .. } => Some((orig, name)),
            _ => None,
        },
        _ => None,
    }
}

/// A registration, refresh or positive answer for the sender's own unique name.
fn nbns(sender: Addr, n: &Nbns) -> Option<(Addr, &str)> {
    let own = matches!(n.opcode, 5 | 8 | 9 | 15) && !n.response || n.opcode == 0 && n.response && n.rcode == 0;
    let unique = !n.group && matches!(n.suffix, 0x00 | 0x20) && !n.name.starts_with('*');
    let plausible = n.addrs.is_empty() || n.addrs.contains(&sender);
    (own && unique && plausible).then_some((sender, n.name.as_str()))
}

/// An answer that gives the sender's own address: its first label is the host's name.
fn own_record(sender: Addr, d: &Dns) -> Option<(Addr, &str)> {
    let (name, _) = d.addrs.iter().find(|(_, a)| d.response && *a == sender)?;
    name.split('.').next().map(|label| (sender, label))
}

/// Is it an answer to a question that everybody hears? Anybody may give it, for any name.
pub(super) fn is_answer(flow: &FlowInfo, message: &Message) -> bool {
    match message {
        Message::Nbns(n) => n.response,
        Message::Dns(_) => matches!(flow.service, Service::Mdns | Service::Llmnr),
        _ => false,
    }
}

/// Different names that a device may have of its own: a computer's in small and in full, one more after a conflict.
const OWN: usize = 3;
/// They are counted together for so long.
const SOON: Span = Span::mins(10);

/// Names that one device answers for. Who answers for many answers for others: none of them is its own.
#[derive(Debug, Default)]
pub(super) struct Answers {
    since: Timestamp,
    /// All of them, up to one more than it may have.
    names: Vec<String>,
    /// Those that the device got by its answer alone.
    taken: Vec<String>,
}

impl Answers {
    /// Gives the device the name it answered for, or takes such names away; whether that changed the device.
    pub fn admit(&mut self, d: &mut Device, name: &str, ts: Timestamp) -> bool {
        if self.names.len() > OWN {
            return false;
        }
        if ts.since(self.since) > SOON {
            *self = Answers { since: ts, ..Answers::default() };
        }
        if !self.names.iter().any(|n| n.eq_ignore_ascii_case(name)) {
            self.names.push(name.to_owned());
        }
        if self.names.len() > OWN {
            let before = d.names.len();
            d.names.retain(|n| !self.taken.contains(n));
            self.taken.clear();
            return d.names.len() != before;
        }
        let new = d.call(name);
        if new {
            self.taken.extend(d.names.last().cloned());
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::FiveTuple;

    fn flow(service: Service) -> FlowInfo {
        let tuple = FiveTuple { orig: Addr::v4(0x0a00_0005), resp: Addr::v4(0x0a00_0009), ..FiveTuple::default() };
        FlowInfo { tuple, service, ..FlowInfo::default() }
    }

    #[test]
    fn only_a_devices_own_name_counts() {
        let f = flow(Service::Nbns);
        let reg =
            |group, addr| Message::Nbns(Box::new(Nbns { opcode: 5, name: "PC5".into(), group, addrs: vec![Addr::v4(addr)], ..Nbns::default() }));
        assert_eq!(named(&f, true, &reg(false, 0x0a00_0005)), Some((f.tuple.orig, "PC5")));
        assert_eq!(named(&f, true, &reg(true, 0x0a00_0005)), None, "a group's name");
        assert_eq!(named(&f, true, &reg(false, 0x0a00_0077)), None, "registered for another");
        let mdns = |addr| Message::Dns(Box::new(Dns { response: true, addrs: vec![("lab.local".into(), Addr::v4(addr))], ..Dns::default() }));
        assert_eq!(named(&flow(Service::Mdns), true, &mdns(0x0a00_0005)), Some((f.tuple.orig, "lab")));
        assert_eq!(named(&flow(Service::Mdns), true, &mdns(0x0a00_0006)), None);
        assert_eq!(named(&flow(Service::Dns), false, &mdns(0x0a00_0009)), None, "a server's answer names no server");
    }

    #[test]
    fn a_logon_names_both_ends() {
        let f = flow(Service::Smb);
        let ntlm = |n| Message::Smb(Box::new(Smb::Ntlm(n)));
        let auth = ntlm(Ntlm { kind: 3, workstation: Some("TERM1".into()), ..Ntlm::default() });
        let challenge = ntlm(Ntlm { kind: 2, server_name: Some("EMR".into()), ..Ntlm::default() });
        assert_eq!(named(&f, true, &auth), Some((f.tuple.orig, "TERM1")));
        assert_eq!(named(&f, false, &challenge), Some((f.tuple.resp, "EMR")));
        let over_http = |n| Message::HttpAuth(Box::new(Auth::Ntlm(n)));
        assert_eq!(
            named(&f, true, &over_http(Ntlm { kind: 3, workstation: Some("TERM1".into()), ..Ntlm::default() })),
            Some((f.tuple.orig, "TERM1"))
        );
        assert_eq!(named(&f, false, &over_http(Ntlm { kind: 2, server_name: Some("EMR".into()), ..Ntlm::default() })), None);
    }
}
