//! Two hosts of which one does something on the other: what of them speaks for an attack, who excuses it, and as whom it is done.

use super::Scene;
use super::hosts::{is_administrator, is_maintained, is_terminal, is_unlisted};
use crate::base::{Addr, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind};
use crate::protocols::{Message, dcerpc::Rpc, http::Auth, ntlmssp::Ntlm, smb::Smb};
use crate::site::ZoneKind;

/// A sign and its points.
pub(super) type Sign = (&'static str, f64);

/// Who may do such things.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Excuse {
    /// Nobody who is known for it.
    None,
    /// A host that is expected to administer others.
    Administrator,
    /// A supplier on a host that it is declared to maintain, at an announced time.
    Maintainer,
}

/// Why `orig` may do something on `resp`.
pub(super) fn excuse(scene: &Scene<'_>, orig: Addr, resp: Addr) -> Excuse {
    match () {
        () if scene.site.may_administer(orig) || is_administrator(scene.assets.role(orig)) => Excuse::Administrator,
        () if is_maintained(scene, orig, resp) => Excuse::Maintainer,
        () => Excuse::None,
    }
}

/// What the two hosts are to each other, as far as it makes an act of the one on the other unlikely to be honest. An edge first seen longer than
/// `known` before the act began is no news.
pub(super) fn signs(scene: &Scene<'_>, orig: Addr, resp: Addr, began: Timestamp, known: Span) -> Vec<Sign> {
    let (from_pc, to_pc) = (is_terminal(scene, orig), is_terminal(scene, resp));
    let kind = |a| scene.site.kind(a);
    let old = [Service::Smb, Service::Rpc, Service::Winrm].iter().any(|s| {
        let edge = scene.assets.edges.get(orig, resp, *s);
        edge.is_some_and(|e| began.since(e.first_ts) > known)
    });
    let all = [
        ("the two had no such session before", 1.0, !old),
        ("terminal to terminal", 2.0, from_pc && to_pc),
        ("from a terminal", 1.0, from_pc && !to_pc),
        ("into a terminal", 1.0, !from_pc && to_pc),
        ("into the clinical zone", 1.0, kind(resp) == Some(ZoneKind::Clinical) && kind(orig) != Some(ZoneKind::Clinical)),
        ("from a supplier or guest zone", 2.0, matches!(kind(orig), Some(ZoneKind::Vendor | ZoneKind::Guest))),
        ("from the internet", 2.0, scene.site.is_internet(orig) && scene.site.is_inside(resp)),
        ("the source is in no ledger", 1.0, is_unlisted(scene, orig)),
    ];
    all.into_iter().filter(|s| s.2).map(|s| (s.0, s.1)).collect()
}

/// Points for each severity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) medium: f64,
    pub(super) high: f64,
}

impl Scale {
    /// The severity of so many points, if they are worth a word.
    pub(super) fn severity(&self, points: f64) -> Option<Severity> {
        match points {
            x if x >= self.high => Some(Severity::High),
            x if x >= self.medium => Some(Severity::Medium),
            x if x >= self.low => Some(Severity::Low),
            _ => None,
        }
    }
}

/// The account that was last shown between two hosts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Account {
    /// `DOMAIN\user`, as the client claims it.
    pub(super) name: String,
    /// Where it was read.
    pub(super) source: &'static str,
}

impl Account {
    /// A computer's own account: its name ends with a dollar.
    pub(super) fn is_computer(&self) -> bool {
        self.name.ends_with('$')
    }
}

/// Accounts by pair of hosts; the longest unused leaves.
#[derive(Debug)]
pub(super) struct Accounts(BoundedMap<(Addr, Addr), Account>);

impl Accounts {
    pub(super) fn new(cap: usize) -> Accounts {
        Accounts(BoundedMap::new(cap))
    }
    /// Reads an NTLM logon, wherever it is shown.
    pub(super) fn update(&mut self, event: &Event) {
        let EventKind::Message { flow, message, .. } = &event.kind else { return };
        let ntlm = match message {
            Message::Smb(m) => match m.as_ref() {
                Smb::Ntlm(n) => n,
                _ => return,
            },
            Message::Rpc(m) => match m.as_ref() {
                Rpc::Ntlm(n) => n,
                _ => return,
            },
            Message::HttpAuth(m) => match m.as_ref() {
                Auth::Ntlm(n) => n,
                _ => return,
            },
            _ => return,
        };
        if let Some(name) = name(ntlm) {
            self.0.insert((flow.tuple.orig, flow.tuple.resp), Account { name, source: "ntlm" });
        }
    }
    pub(super) fn get(&self, orig: Addr, resp: Addr) -> Option<&Account> {
        self.0.get(&(orig, resp))
    }
    pub(super) fn held(&self) -> (usize, u64) {
        (self.0.len(), self.0.evicted())
    }
}

/// Why there is no account.
pub(super) const NO_ACCOUNT: &str = "none: the logon was not readable";

/// The account of an authenticate message.
fn name(n: &Ntlm) -> Option<String> {
    let user = n.user.as_deref().filter(|u| n.kind == 3 && !n.anonymous && !u.is_empty())?;
    Some(n.domain.as_deref().filter(|d| !d.is_empty()).map_or_else(|| user.to_owned(), |d| format!("{d}\\{user}")))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn the_account_is_the_last_one_shown_and_never_nobody() {
        let mut all = Accounts::new(4);
        let f = flow(at(0.0), "10.0.0.5", "10.0.0.9", 445);
        let shown = |n: Ntlm| message(at(0.1), f, true, Message::Smb(Box::new(Smb::Ntlm(n))));
        let of = |user: &str| Ntlm { kind: 3, user: Some(user.into()), domain: Some("HILL".into()), ..Ntlm::default() };
        all.update(&shown(of("kondo")));
        all.update(&shown(Ntlm { anonymous: true, ..of("") }));
        assert_eq!(all.get(a("10.0.0.5"), a("10.0.0.9")).unwrap().name, "HILL\\kondo");
        all.update(&message(at(0.2), f, true, Message::Rpc(Box::new(Rpc::Ntlm(of("DC1$"))))));
        assert!(all.get(a("10.0.0.5"), a("10.0.0.9")).unwrap().is_computer());
        assert_eq!(all.get(a("10.0.0.9"), a("10.0.0.5")), None);
    }

    #[test]
    fn what_two_hosts_are_to_each_other() {
        let mut s = Stage::new(hospital(), Box::new(Nobody));
        s.play(smb_session(at(0.0), "10.10.20.20", "10.10.10.11", &["IPC$"]));
        let scene = Scene { site: &s.site, assets: &s.assets, now: at(100_000.0) };
        let words =
            |from: &str, to: &str| -> Vec<&str> { signs(&scene, a(from), a(to), at(100_000.0), Span::secs(86_400)).iter().map(|s| s.0).collect() };
        assert_eq!(words("10.10.10.12", "10.10.10.11"), ["the two had no such session before", "terminal to terminal"]);
        assert_eq!(words("10.10.20.20", "10.10.10.11"), ["into a terminal", "into the clinical zone"], "an old edge");
        assert_eq!(words("10.10.20.10", "10.10.20.20"), ["the two had no such session before"]);
        assert!(words("10.10.20.99", "10.10.20.20").contains(&"the source is in no ledger"));
        assert_eq!(excuse(&scene, a("10.10.20.5"), a("10.10.10.11")), Excuse::Administrator);
        assert_eq!(excuse(&scene, a("10.10.20.10"), a("10.10.10.11")), Excuse::None);
    }

    struct Nobody;
    impl super::super::Detector for Nobody {
        fn id(&self) -> &'static str {
            "nobody"
        }
        fn event(&mut self, _: &Event, _: &Scene<'_>, _: &mut Vec<super::super::Finding>) {}
    }
}
