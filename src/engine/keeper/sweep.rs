//! What was learned since the last look: new things every minute; what only goes on is written at longer steps, so that the disk is not worn by
//! counters.

use super::portion::Portion;
use crate::assets::{Assets, Device, DeviceId, Memory};
use crate::base::{Span, Timestamp};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::hash::BuildHasher;

/// Packet time from one look to the next.
const EVERY: Span = Span::secs(60);
/// How often the last sign of life of a binding is written: less than the silence after which an address counts as left.
const BINDINGS: Span = Span::mins(5);
/// How often the last use of an edge, a service, an account's place is written.
const USES: Span = Span::hours(1);
/// Most devices whose looks are remembered; beyond, all are written once more.
const DEVICES: usize = 200_000;

#[derive(Debug, Default)]
pub(super) struct Sweep {
    last: Timestamp,
    bindings: Timestamp,
    uses: Timestamp,
    /// What each device looked like when it was handed over.
    looks: HashMap<DeviceId, u64>,
}

/// Everything of a device that is a column, but when it was last seen.
fn looks(d: &Device) -> u64 {
    FixedState::with_seed(0).hash_one((&d.addrs, &d.names, d.role, &d.zone, d.vlan, d.status, d.gateway, d.first_seen))
}

impl Sweep {
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        now.since(self.last) >= EVERY
    }
    /// One device, if it is new or looks different; true if it was taken.
    pub(super) fn device(&mut self, d: &Device, out: &mut Portion) -> bool {
        let now = looks(d);
        if self.looks.get(&d.id) == Some(&now) {
            return false;
        }
        if self.looks.len() >= DEVICES {
            self.looks.clear();
        }
        self.looks.insert(d.id, now);
        out.learned.devices.push(d.clone());
        true
    }
    pub(super) fn run(&mut self, now: Timestamp, assets: &Assets, out: &mut Portion, all: bool) {
        let since = self.last;
        // At the end all steps are due; what was not touched since the last one was written then.
        let step = |last: &mut Timestamp, every: Span| {
            let (due, from) = (all || now.since(*last) >= every, *last);
            if due {
                *last = now;
            }
            (due, from)
        };
        let (binding, bound) = step(&mut self.bindings, BINDINGS);
        let (using, used) = step(&mut self.uses, USES);
        let live = |first: Timestamp, last: Timestamp| first >= since || using && last >= used;
        for d in assets.each_device() {
            if !self.device(d, out) && d.last_seen >= since {
                out.seen.push((d.id, d.last_seen));
            }
        }
        let m: &mut Memory = &mut out.learned;
        let bindings = assets.bindings().filter(|(_, b)| {
            let newest = b.rival.map_or(b.holder.since, |r| r.since.max(b.holder.since));
            newest >= since || binding && b.holder.last >= bound
        });
        m.bindings.extend(bindings);
        m.edges.extend(assets.edges.iter().filter(|(_, _, _, e)| live(e.first_ts, e.last_ts)));
        m.uses.extend(assets.uses.iter().filter(|j| live(j.of.first_ts, j.of.last_ts)));
        m.places.extend(assets.accounts.places().filter(|p| p.2 >= since).map(|(user, host, ts)| (user.to_owned(), host, ts)));
        m.offers.extend(assets.services.offered().filter(|(_, first)| *first >= since));
        if using {
            m.users.extend(assets.services.users());
        }
        m.since = assets.since();
        (self.last, out.swept) = (now, true);
    }
}
