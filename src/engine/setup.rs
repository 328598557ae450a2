//! What a sensor runs by, given to it anew while it runs.
//!
//! A new setup takes effect at one place of the stream: the workers take it with a batch, the analyst at the end of the tick in which that batch
//! lies. Detectors whose signature did not change keep what they know.

use super::analyst::{Analyst, Wanted, enlist};
use crate::detect::{Detector, Signatures};
use crate::event::Interest;
use crate::site::{Geo, Site};
use crossbeam::channel::{Receiver, Sender, bounded};
use std::sync::Arc;

/// What the hospital declared, what the detectors decide by, where addresses are.
#[derive(Clone)]
pub struct Setup {
    /// What the hospital declared.
    pub site: Arc<Site>,
    /// Thresholds and texts of the detectors.
    pub signatures: Arc<Signatures>,
    /// Countries and networks of public addresses.
    pub geo: Arc<Geo>,
}

/// Hands setups to a run.
#[derive(Clone)]
pub struct Resetting(Sender<Arc<Setup>>);

/// Where a run finds setups.
#[derive(Default)]
pub struct Setups(Option<Receiver<Arc<Setup>>>);

/// A run's way to new setups. They must have been checked: see [`super::blocked`].
pub fn resetting() -> (Resetting, Setups) {
    let (to, from) = bounded(4);
    (Resetting(to), Setups(Some(from)))
}

impl Resetting {
    /// Gives the run a new setup; false if it is over, or has several waiting.
    pub fn give(&self, setup: Setup) -> bool {
        self.0.try_send(Arc::new(setup)).is_ok()
    }
}

impl Setups {
    /// A run that keeps the setup it begins with.
    pub const fn none() -> Setups {
        Setups(None)
    }
    pub(super) fn next(&self) -> Option<Arc<Setup>> {
        self.0.as_ref().and_then(|r| r.try_recv().ok())
    }
}

impl Analyst {
    /// Goes on by a new setup. One that no detector could be made from changes nothing.
    pub(super) fn adopt(&mut self, setup: &Setup) {
        let Ok((mut detectors, blocked)) = enlist(&setup.site, &setup.signatures) else { return };
        let mut known = std::mem::take(&mut self.detectors);
        let mut kept = Vec::new();
        for (_, fresh) in &mut detectors {
            let id = fresh.id();
            let same = self.options.signatures.get(id) == setup.signatures.get(id);
            if let Some(at) = known.iter().position(|(_, d)| same && d.id() == id) {
                *fresh = known.swap_remove(at).1;
                kept.push(id);
            }
        }
        let fresh = detectors.iter().map(|(_, d)| d.id()).filter(|id| !kept.contains(id)).collect::<Vec<_>>();
        self.set_detectors(detectors);
        self.remind(&fresh);
        self.blocked = blocked;
        self.assets.adopt(Arc::clone(&setup.site), Arc::clone(&setup.geo));
        self.options.site = Arc::clone(&setup.site);
        self.options.signatures = Arc::clone(&setup.signatures);
        self.options.geo = Arc::clone(&setup.geo);
    }
    fn set_detectors(&mut self, detectors: Vec<(Interest, Box<dyn Detector>)>) {
        self.wanted = Wanted::by(&detectors);
        self.detectors = detectors;
    }
}
