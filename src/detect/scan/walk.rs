//! The threshold random walk over first contacts (Jung, Paxson, Berger, Balakrishnan, IEEE S&P 2004), one per originator and port family. Against
//! its known way round (Mell and Harang 2013: mix in contacts that are known to work) a success gives back at most half of what failures took.

use crate::base::{FiveTuple, Service, Timestamp, proto};
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

/// A failed contact, kept as evidence.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    pub tuple: FiveTuple,
    pub packet: u64,
    pub ts: Timestamp,
}

/// The stretch of contacts in which failures outweigh successes: where a cumulative sum (Page, Biometrika 1954) last left the ground is where
/// looking around began. What was honest before is no part of the story.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    start: Timestamp,
    last: Timestamp,
    level: u64,
    failed: u64,
    ok: u64,
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
    pub last_ts: Timestamp,
    pub recent: u64,
    pub distinct: DistinctCounter,
    /// Ports with their failures, most 16.
    pub ports: Vec<(u16, u64)>,
    proofs: Vec<Proof>,
    first_failed: Timestamp,
    stretch: Stretch,
    /// Where the story began that was told already.
    told: Option<Timestamp>,
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
            last_ts: now,
            recent: 0,
            distinct: DistinctCounter::default(),
            ports: Vec::new(),
            proofs: Vec::new(),
            first_failed: now,
            stretch: Stretch::default(),
            told: None,
        }
    }
    /// Where the walk stands: failures, less successes but never less than half of the failures.
    pub fn height(&self) -> f64 {
        self.up - self.down.min(self.up / 2.0)
    }
    /// `n` first contacts failed at this time. A few failures before a longer pause are no part of what comes after it; once on the ground, a short
    /// one ends the stretch, but hosts that answer in the middle of a sweep do not.
    pub fn fail(&mut self, n: u64, step: f64, at: Timestamp, m: &super::Tuning) {
        let s = &mut self.stretch;
        let over = s.level == 0 && at.since(s.last) > m.run_up || s.failed < m.least && at.since(s.last) > m.pause;
        if s.failed == 0 || over {
            *s = Stretch { start: at, ..Stretch::default() };
        }
        (s.last, s.level, s.failed) = (at, s.level + n, s.failed + n);
        if self.failed == 0 {
            self.first_failed = at;
        }
        self.failed += n;
        self.recent += n;
        self.up += step * n as f64;
    }
    /// A first contact succeeded.
    pub fn succeed(&mut self, step: f64) {
        self.ok += 1;
        self.down += step;
        self.stretch.ok += 1;
        self.stretch.level = self.stretch.level.saturating_sub(1);
    }
    /// Keeps a failed contact as proof.
    pub fn list(&mut self, t: &FiveTuple, packet: u64, ts: Timestamp) {
        self.distinct.add(t.resp.0 as u64 ^ (t.resp.0 >> 64) as u64);
        if let Some(p) = self.ports.iter_mut().find(|p| p.0 == t.resp_port) {
            p.1 += 1;
        } else if self.ports.len() < 16 {
            self.ports.push((t.resp_port, 1));
        }
        if self.proofs.len() < super::Finding::MAX_RESP {
            self.proofs.push(Proof { tuple: *t, packet, ts });
        }
    }
    /// Where the story began: with the stretch, if that alone makes one; else (tries mixed with successes, or days apart) with the first failure.
    pub fn begun(&self, least: u64) -> Timestamp {
        self.told.unwrap_or(if self.stretch.failed >= least { self.stretch.start } else { self.first_failed })
    }
    /// The story is told: it does not begin later when it goes on.
    pub fn tell(&mut self, least: u64) {
        self.told = Some(self.begun(least));
    }
    /// Failures and successes of the story.
    pub fn counts(&self, least: u64) -> (u64, u64) {
        let whole = self.told.unwrap_or(self.stretch.start) != self.stretch.start || self.stretch.failed < least;
        if whole { (self.failed, self.ok) } else { (self.stretch.failed, self.stretch.ok) }
    }
    /// Failed contacts of the story, as far as they are kept.
    pub fn proofs(&self, least: u64) -> impl Iterator<Item = &Proof> {
        let begun = self.begun(least);
        self.proofs.iter().filter(move |p| p.ts >= begun)
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
