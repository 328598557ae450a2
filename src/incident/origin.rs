//! Where a story began and how it came in, as far as the wire shows, with what speaks for it.

use super::path::Hop;
use super::{Kept, Stage};
use crate::assets::Assets;
use crate::base::{Addr, Service, Span, Timestamp};
use crate::detect::Subject;
use crate::site::{Role, Site, ZoneKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Who came into a host this long before the first evidence may have brought it.
const BEFORE: Span = Span::hours(24);
/// Most who came in before are named.
const MAX_CAME: usize = 4;

/// One thing that speaks for (or only beside) an origin.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Clue {
    /// The first host is a supplier's: by its zone or by the supplier's declared addresses.
    Supplier(String),
    /// The first host is in no ledger although there is one.
    Unlisted,
    /// The first host is on the internet.
    Internet,
    /// The first host called the outside regularly.
    Beacon,
    /// Somebody came into the first host before; `expected`: to administer others is its task.
    Came {
        /// Who.
        from: Addr,
        /// By what.
        via: Service,
        /// Last time before the first evidence.
        ts: Timestamp,
        /// It is its task.
        expected: bool,
    },
    /// Nobody came into the first host from the network before, in so much time that was watched.
    Nobody(Span),
    /// The first host spoke with the internet, or tried to, before it began inside.
    CalledOut {
        /// With whom.
        to: Addr,
        /// When.
        ts: Timestamp,
    },
}

/// From the earliest finding's originator back along the path to where it began.
pub(super) fn patient_zero(members: &[&&Kept], path: &[Hop]) -> String {
    let Some(first) = members.iter().min_by_key(|k| (k.finding.first_ts, &k.id)) else { return String::new() };
    let (mut at, mut ts) = (first.finding.orig, first.finding.first_ts);
    if let Some(hop) = path.first().filter(|h| h.ts < ts) {
        (at, ts) = (Subject::addr(hop.from), hop.ts);
    }
    let mut seen = BTreeSet::new();
    while let Some(a) = at.addr
        && seen.insert(a)
        && let Some(h) = path.iter().find(|h| h.to == a && h.ts <= ts && !seen.contains(&h.from))
    {
        (at, ts) = (Subject::addr(h.from), h.ts);
    }
    at.word()
}

/// What an origin is judged by.
pub(super) struct Question<'a> {
    pub zero: &'a str,
    pub members: &'a [&'a Kept],
    pub path: &'a [Hop],
    pub stage: Stage,
    pub opened: Timestamp,
    pub site: &'a Site,
    pub assets: &'a Assets,
}

impl Question<'_> {
    fn about(&self, detector: &str) -> bool {
        let mine = |k: &&&Kept| k.finding.detector == detector && (k.finding.orig.word() == self.zero || k.orig_all.iter().any(|n| n == self.zero));
        self.members.iter().any(|k| mine(&k))
    }
    /// How it came in, and why that is believed.
    pub fn answer(&self) -> (&'static str, Vec<Clue>) {
        let addr = self.zero.parse::<Addr>().ok();
        let came = addr.map(|a| self.came(a)).unwrap_or_default();
        let mut clues: Vec<Clue> = Vec::new();
        let supplier = |a: Addr| self.site.kind(a) == Some(ZoneKind::Vendor) || self.site.vendors.iter().any(|v| v.comes_from(a));
        let by = |wanted: &dyn Fn(Addr) -> bool| came.iter().any(|c| matches!(c, Clue::Came { from, .. } if wanted(*from)));
        let origin = match addr {
            Some(a) if supplier(a) => {
                let declared = self.site.vendors.iter().find(|v| v.comes_from(a)).map(|v| v.name.clone());
                clues.push(Clue::Supplier(declared.unwrap_or_else(|| self.site.zone_name(a).to_owned())));
                "supplier"
            }
            _ if self.about("unknown-device") => {
                clues.push(Clue::Unlisted);
                "unlisted-device"
            }
            Some(a) if self.site.is_internet(a) => {
                clues.push(Clue::Internet);
                "internet"
            }
            _ if self.about("beacon") => {
                clues.push(Clue::Beacon);
                "beacon"
            }
            _ if by(&supplier) => "supplier",
            _ if by(&|a| self.site.is_internet(a)) => "internet",
            _ if came.iter().any(|c| matches!(c, Clue::Came { expected: false, .. })) => "unknown",
            Some(a) if self.site.is_inside(a) && self.stage >= Stage::Recon => {
                let watched = self.assets.since().map_or(Span(0), |s| self.opened.since(s));
                clues.push(Clue::Nobody(watched));
                "local"
            }
            _ => "unknown",
        };
        clues.extend(came);
        clues.extend(self.called_out());
        (origin, clues)
    }
    /// Who came into the host by remote administration before it began. Files on a server that many use are no way in.
    fn came(&self, zero: Addr) -> Vec<Clue> {
        let is_server = self.assets.services.users_of(zero, Service::Smb) >= 3;
        let before = self.assets.edges.came_to(zero).filter(|(from, service, e)| {
            let in_time = e.first_ts < self.opened && e.last_ts + BEFORE >= self.opened;
            let in_story = self.path.iter().any(|h| h.from == *from && h.to == zero);
            in_time && !in_story && (service.is_interactive() || *service == Service::Smb && !is_server)
        });
        let expected =
            |from: Addr| self.site.may_administer(from) || matches!(self.assets.role(from), Role::Infrastructure | Role::Management | Role::Backup);
        before.take(MAX_CAME).map(|(from, via, e)| Clue::Came { from, via, ts: e.last_ts.min(self.opened), expected: expected(from) }).collect()
    }
    /// The first call to the outside before anything happened inside.
    fn called_out(&self) -> Option<Clue> {
        let inside = self.members.iter().filter(|k| super::stage_of(k.finding.detector) >= Stage::Recon && k.finding.orig.word() == self.zero);
        let first = inside.filter(|k| !k.finding.resp.iter().any(|a| self.site.is_internet(*a))).map(|k| k.finding.first_ts).min()?;
        let calls = self.members.iter().filter(|k| k.finding.orig.word() == self.zero && k.finding.first_ts < first);
        let calls = calls.filter_map(|k| Some((k.finding.first_ts, *k.finding.resp.iter().find(|a| self.site.is_internet(**a))?)));
        calls.min().map(|(ts, to)| Clue::CalledOut { to, ts })
    }
}
