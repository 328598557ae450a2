//! What a host is to others, as detectors ask it: by the ledger's word, else as learned.

use super::Scene;
use crate::base::{Addr, Service, proto};
use crate::site::{Role, ZoneKind};

/// A host that people work at, or a modality: nobody's server. By ledger or learned role, else by a clinical or office zone without a role.
pub(super) fn is_terminal(scene: &Scene<'_>, a: Addr) -> bool {
    match scene.assets.role(a) {
        Role::Terminal | Role::Modality | Role::Phone => true,
        Role::Unknown => matches!(scene.site.kind(a), Some(ZoneKind::Clinical | ZoneKind::Office)),
        _ => false,
    }
}

/// A host that others are expected to visit: by ledger or learned role, or because several hosts use it, or it offers directory services.
pub(super) fn is_server(scene: &Scene<'_>, a: Addr, service: Service) -> bool {
    let role = scene.assets.role(a);
    matches!(role, Role::Server | Role::Infrastructure | Role::Management | Role::Backup | Role::Pacs)
        || scene.assets.services.users_of(a, service) >= 3
        || [88, 389, 53].iter().any(|p| scene.assets.services.offers(a, proto::TCP, *p))
}

/// Expected to administer others.
pub(super) fn is_administrator(role: Role) -> bool {
    matches!(role, Role::Infrastructure | Role::Management | Role::Backup)
}

/// Two hosts of which it is the one's task to have files on the other: an image archive that fetches from a modality, a copier that leaves scans.
/// By the ledger's word alone: who answers once on a printer's port would be learned as a printer. It excuses files, not administration.
pub(super) fn is_task(scene: &Scene<'_>, orig: Addr, resp: Addr) -> bool {
    let mac = scene.assets.device_of(orig).and_then(|d| d.mac);
    match scene.site.role(mac, orig) {
        Some(Role::Printer) => true,
        Some(Role::Pacs) => scene.assets.role(resp) == Role::Modality,
        _ => false,
    }
}

/// There is a ledger, and this host is not in it: nothing that is somebody's task excuses it.
pub(super) fn is_unlisted(scene: &Scene<'_>, a: Addr) -> bool {
    let mac = scene.assets.device_of(a).and_then(|d| d.mac);
    !scene.site.ledger.is_empty() && scene.site.role(mac, a).is_none()
}

/// A supplier on a host that it is declared to maintain, at a time for which nothing else is announced.
pub(super) fn is_maintained(scene: &Scene<'_>, orig: Addr, resp: Addr) -> bool {
    let vendor = scene.site.vendors.iter().find(|v| v.comes_from(orig) && v.maintains(resp));
    vendor.is_some_and(|v| v.is_announced(scene.now, &scene.site.calendar))
}

/// A domain controller: it was seen to answer both Kerberos and LDAP (ports 88 and 389). The ledger has no such role, so it is never declared.
pub(super) fn is_domain_controller(scene: &Scene<'_>, a: Addr) -> bool {
    let offers = |port| [proto::TCP, proto::UDP].iter().any(|p| scene.assets.services.offers(a, *p, port));
    offers(88) && offers(389)
}

/// One who is not of the house: from a supplier's or a guests' zone, or in no ledger although there is one.
pub(super) fn is_outsider(scene: &Scene<'_>, a: Addr) -> bool {
    matches!(scene.site.kind(a), Some(ZoneKind::Vendor | ZoneKind::Guest)) || scene.site.is_inside(a) && is_unlisted(scene, a)
}
