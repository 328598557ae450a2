//! Passive DNS: which name was asked for before an address was spoken to; names by SNI and Host.

use crate::base::{Addr, Service};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind};
use crate::protocols::Message;

/// Most addresses with a name.
const NAMES: usize = 65_536;
/// Longest name kept (RFC 1035: 253 bytes as text).
const MAX_NAME: usize = 253;

/// Names of addresses.
#[derive(Debug)]
pub struct Names {
    table: BoundedMap<Addr, String>,
}

impl Default for Names {
    fn default() -> Self {
        Names { table: BoundedMap::new(NAMES) }
    }
}

impl Names {
    pub(super) fn update(&mut self, event: &Event) {
        let EventKind::Message { flow, from_orig, message } = &event.kind else { return };
        match message {
            Message::Dns(d) if d.response && flow.service == Service::Dns && !d.name.is_empty() => {
                for (_, a) in d.addrs.iter().filter(|(_, a)| !a.is_unspecified() && !a.is_multicast()) {
                    self.set(*a, &d.name);
                }
            }
            Message::Tls(h) if !h.server && *from_orig => {
                if let Some(sni) = &h.sni {
                    self.set(flow.tuple.resp, sni);
                }
            }
            Message::Http(r) if *from_orig && !r.proxied => {
                if let Some(host) = r.host.as_deref().map(host_only).filter(|h| h.parse::<Addr>().is_err()) {
                    self.set(flow.tuple.resp, host);
                }
            }
            _ => {}
        }
    }
    fn set(&mut self, a: Addr, name: &str) {
        if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return;
        }
        let held = self.table.entry(a, String::new);
        if held != name {
            name.clone_into(held);
        }
    }
    /// The latest name by which anyone inside looked the address up, or that a hello or request to it carried.
    pub fn of(&self, a: Addr) -> Option<&str> {
        self.table.get(&a).map(String::as_str)
    }
    pub(super) fn held(&self) -> (&'static str, usize, u64) {
        ("names", self.table.len(), self.table.evicted())
    }
}

/// A Host header without its port.
fn host_only(h: &str) -> &str {
    match h.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.contains(':') => host,
        _ => h,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::event::FlowInfo;
    use crate::protocols::{dns::Dns, http::Request};

    fn message(service: Service, from_orig: bool, resp: Addr, message: Message) -> Event {
        let mut flow = FlowInfo { service, ..FlowInfo::default() };
        flow.tuple.resp = resp;
        Event { ts: Timestamp(1), packet: 1, kind: EventKind::Message { flow, from_orig, message } }
    }

    #[test]
    fn the_name_asked_for_wins_over_the_alias_and_host_over_both() {
        let web = Addr::v4(0xc633_640a);
        let mut n = Names::default();
        let dns = Dns { response: true, name: "www.example".into(), addrs: vec![("cdn.example".into(), web)], ..Dns::default() };
        n.update(&message(Service::Dns, false, Addr::v4(1), Message::Dns(Box::new(dns))));
        assert_eq!(n.of(web), Some("www.example"));
        let get = |host: &str, proxied| Message::Http(Box::new(Request { host: Some(host.into()), proxied, ..Request::default() }));
        n.update(&message(Service::Http, true, web, get("shop.example:8080", false)));
        assert_eq!(n.of(web), Some("shop.example"));
        n.update(&message(Service::Http, true, web, get("198.51.100.10", false)));
        n.update(&message(Service::Http, true, web, get("other.example", true)));
        assert_eq!(n.of(web), Some("shop.example"), "literals and a proxy's targets name nobody");
    }
}
