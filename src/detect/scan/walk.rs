//! The threshold random walk over first contacts (Jung, Paxson, Berger, Balakrishnan, IEEE S&P 2004), one per originator and port family. Against
//! its known way round (Mell and Harang 2013: mix in contacts that are known to work) a success gives back at most half of what failures took.

use crate::base::{Addr, FiveTuple, Service, Timestamp, proto};
use crate::bounded::DistinctCounter;
use crate::event::Shape;

/// What is walked separately, so that browsing does not pay for looking around.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// SMB, RDP, RPC, WinRM, SSH, VNC, Telnet.
    Admin,
    /// HTTP and TLS ports.
    Web,
    /// Any other TCP port.
    Tcp,
    /// FIN, NULL and XMAS without a connection: no program sends them.
    Stealth,
    /// ACK without a connection: also what a capture begins with.
    Ack,
    /// UDP.
    Udp,
    /// ICMP echo and other requests.
    Icmp,
}

impl Family {
    /// Of a contact; none for shapes that are no opening.
    pub fn of(shape: Shape, t: &FiveTuple) -> Option<Family> {
        Some(match shape {
            Shape::Syn => match Service::of_port(proto::TCP, t.resp_port) {
                s if s.is_remote_admin() => Family::Admin,
                Service::Http | Service::Tls => Family::Web,
                _ => Family::Tcp,
            },
            Shape::Fin | Shape::Null | Shape::Xmas => Family::Stealth,
            Shape::Midstream => Family::Ack,
            Shape::Udp => Family::Udp,
            Shape::Icmp => Family::Icmp,
            Shape::Backscatter | Shape::Other => return None,
        })
    }
    /// The word in stories and evidence.
    pub const fn word(self) -> &'static str {
        match self {
            Family::Admin => "admin",
            Family::Web => "web",
            Family::Tcp => "tcp",
            Family::Stealth => "stealth",
            Family::Ack => "ack",
            Family::Udp => "udp",
            Family::Icmp => "icmp",
        }
    }
}

/// What was seen of one originator in one family.
#[derive(Clone, Debug)]
pub struct Walk {
    pub family: Family,
    /// Log likelihood gathered by failures, and given back by successes.
    pub up: f64,
    pub down: f64,
    pub failed: u64,
    pub ok: u64,
    /// Failed ones that nobody uses, on administration ports.
    pub dark: u64,
    /// Failed ones on the internet, seen from inside.
    pub outward: u64,
    pub first_ts: Timestamp,
    pub last_ts: Timestamp,
    /// Start of the stretch without a long pause.
    pub since: Timestamp,
    pub recent: u64,
    pub resp: Vec<Addr>,
    pub distinct: DistinctCounter,
    /// Ports with their failures, most 16.
    pub ports: Vec<(u16, u64)>,
    pub flows: Vec<FiveTuple>,
    pub packets: Vec<u64>,
}

impl Walk {
    pub fn new(family: Family, now: Timestamp) -> Walk {
        Walk {
            family,
            up: 0.0,
            down: 0.0,
            failed: 0,
            ok: 0,
            dark: 0,
            outward: 0,
            first_ts: now,
            last_ts: now,
            since: now,
            recent: 0,
            resp: Vec::new(),
            distinct: DistinctCounter::default(),
            ports: Vec::new(),
            flows: Vec::new(),
            packets: Vec::new(),
        }
    }
    /// Where the walk stands: failures, less successes but never less than half of the failures.
    pub fn height(&self) -> f64 {
        self.up - self.down.min(self.up / 2.0)
    }
    /// Notes a failed first contact and its proof.
    pub fn fail(&mut self, t: &FiveTuple, packet: u64, step: f64) {
        self.failed += 1;
        self.recent += 1;
        self.up += step;
        self.list(t, packet);
    }
    /// A contact of this originator: any outcome.
    pub fn list(&mut self, t: &FiveTuple, packet: u64) {
        self.distinct.add(t.resp.0 as u64 ^ (t.resp.0 >> 64) as u64);
        if self.resp.len() < super::Finding::MAX_RESP && !self.resp.contains(&t.resp) {
            self.resp.push(t.resp);
        }
        if let Some(p) = self.ports.iter_mut().find(|p| p.0 == t.resp_port) {
            p.1 += 1;
        } else if self.ports.len() < 16 {
            self.ports.push((t.resp_port, 1));
        }
        if self.flows.len() < super::Finding::MAX_PROOF {
            self.flows.push(*t);
            self.packets.push(packet);
        }
    }
    /// Share of first contacts that failed.
    pub fn failure_share(&self) -> f64 {
        self.failed as f64 / (self.failed + self.ok).max(1) as f64
    }
    /// Failures on the port that failed most.
    pub fn worst_port(&self) -> (u16, u64) {
        self.ports.iter().copied().max_by_key(|p| p.1).unwrap_or_default()
    }
}
