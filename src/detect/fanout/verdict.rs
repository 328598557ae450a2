//! Is a fan-out a spread? Weight and confirming behaviour together; then what speaks for ordinary use.

use super::super::Scene;
use super::super::hosts::{is_administrator, is_maintained, is_terminal, is_unlisted};
use super::story::Story;
use super::target::Target;
use super::{MAX_TARGETS, Measure, UNUSUAL};
use crate::base::{Service, Severity, Timestamp};
use crate::site::{Role, ZoneKind};

/// A judged fan-out.
pub(super) struct Verdict {
    pub severity: Severity,
    pub count: u64,
    pub score: f64,
    pub failures: usize,
    pub refused: usize,
    pub searched: bool,
    pub admin_shares: usize,
    pub terminals: usize,
    pub burst: bool,
    /// Why it is milder than its weight.
    pub milder: Option<&'static str>,
}

impl Story<'_> {
    pub fn judge(&self, m: &Measure, scene: &Scene<'_>) -> Option<Verdict> {
        let n = self.targets.len();
        if n < m.targets {
            return None;
        }
        let (failures, refused) = (self.failed.len(), self.number(|t, _| t.is_refused()));
        let admin_shares = self.number(|t, _| t.is_administered());
        let terminals = self.number(|t, weight| weight >= UNUSUAL && is_terminal(scene, t.addr));
        let searched = failures + refused >= m.failures;
        let stranger = self.is_stranger(scene);
        let score = self.targets.iter().map(|t| t.1).sum::<f64>() + f64::from(u8::from(searched)) + f64::from(u8::from(stranger));
        let burst = self.is_burst(m);
        // Pace alone is also an inventory's or a backup's: it confirms, but does not make it high.
        let telling = searched || admin_shares >= 2 || terminals >= 2 || stranger;
        let confirmed = telling || burst;
        let (mut severity, mut milder) = if scene.site.may_administer(self.orig) || is_administrator(scene.assets.role(self.orig)) {
            (Severity::Info, Some("the source is expected to administer others"))
        } else if score >= m.high && telling || score >= m.confirmed && searched && terminals.max(admin_shares) >= 2 {
            (Severity::High, None)
        } else if score >= m.plain || confirmed && score >= m.confirmed {
            (Severity::Medium, None)
        } else {
            return None;
        };
        if let Some((most, why)) = self.ordinary(searched, stranger, terminals, scene).filter(|o| o.0 < severity) {
            (severity, milder) = (most, Some(why));
        }
        let count = if n < MAX_TARGETS { n as u64 } else { u64::from(self.beyond.count()).max(n as u64) };
        Some(Verdict { severity, count, score, failures, refused, searched, admin_shares, terminals, burst, milder })
    }
    fn number(&self, is: impl Fn(&Target, f64) -> bool) -> usize {
        self.targets.iter().filter(|t| is(t.0, t.1)).count()
    }
    /// From a supplier's or a guests' zone or from outside; a supplier on hosts that it is declared to maintain is none.
    fn is_stranger(&self, scene: &Scene<'_>) -> bool {
        let outside = matches!(scene.site.kind(self.orig), Some(ZoneKind::Vendor | ZoneKind::Guest)) || scene.site.is_internet(self.orig);
        outside && self.targets.iter().any(|t| !is_maintained(scene, self.orig, t.0.addr))
    }
    /// What speaks for ordinary use, and the most that is then said.
    fn ordinary(&self, searched: bool, stranger: bool, terminals: usize, scene: &Scene<'_>) -> Option<(Severity, &'static str)> {
        if searched {
            return None;
        }
        // An inventory or a list of the neighbourhood. A host that is known as somebody's place of work, or that a ledger does not know, has no such
        // task.
        if !stranger && self.targets.iter().all(|t| t.0.service == Service::Smb && t.0.visit.is_glance()) {
            let works = matches!(scene.assets.role(self.orig), Role::Terminal | Role::Modality | Role::Phone | Role::Vendor);
            return Some((
                if works || is_unlisted(scene, self.orig) { Severity::Medium } else { Severity::Low },
                "shares were only looked at: no file, no administrative share, no failure",
            ));
        }
        // One person has one desktop on a server. Several at once, on most of them, are several people behind one address: a gateway.
        let shared = self.number(|t, _| t.service == Service::Rdp && t.is_at_once(scene.now));
        let gateway = shared >= 2 && 2 * shared > self.targets.len() && terminals == 0 && !is_unlisted(scene, self.orig);
        gateway.then_some((Severity::Info, "several sessions at once on most of the hosts: many people behind one address"))
    }
    /// Were enough responders first visited within the burst time?
    fn is_burst(&self, m: &Measure) -> bool {
        let mut firsts: Vec<Timestamp> = self.targets.iter().map(|t| t.0.first_ts()).collect();
        firsts.sort_unstable();
        firsts.windows(m.targets.max(1)).any(|w| matches!((w.first(), w.last()), (Some(a), Some(b)) if b.since(*a) <= m.burst))
    }
}
