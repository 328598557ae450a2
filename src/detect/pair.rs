//! Two hosts of which one does something on the other: what of them speaks for an attack, who excuses it, and as whom it is done.

use super::Scene;
use super::hosts::{is_administrator, is_maintained, is_terminal, is_unlisted};
use crate::base::{Addr, Service, Severity, Span, Timestamp};
use crate::site::ZoneKind;

/// The sign of an edge that is new.
pub(super) const NO_SESSION: &str = "the two had no such session before";

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
    let old = [Service::Smb, Service::Rpc, Service::Winrm].iter().any(|s| scene.assets.edges.is_habit(orig, resp, *s, began, known));
    let all = [
        (NO_SESSION, 1.0, !old),
        ("terminal to terminal", 2.0, from_pc && to_pc),
        ("from a terminal", 1.0, from_pc && !to_pc),
        ("into a terminal", 1.0, !from_pc && to_pc),
        // A terminal of the clinical zone is one fact, not two.
        ("into the clinical zone", 1.0, (from_pc || !to_pc) && kind(resp) == Some(ZoneKind::Clinical) && kind(orig) != Some(ZoneKind::Clinical)),
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

/// The beginning of a text, of so many bytes at most.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|n| text.is_char_boundary(*n));
    end.and_then(|n| text.get(..n)).unwrap_or_default()
}

/// The account of the first of these flows that has one, and where it is known from; or none, and why.
pub(super) fn account(scene: &Scene<'_>, flows: impl IntoIterator<Item = u64>) -> (Option<String>, &'static str) {
    let mut why = None;
    for uid in flows {
        if let Some(a) = scene.assets.accounts.of(uid) {
            return (Some(a.user.clone()), a.source);
        }
        why.get_or_insert_with(|| scene.assets.accounts.source(uid));
    }
    (None, why.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::event::Event;
    use crate::protocols::{Message, dcerpc::Rpc, ntlmssp::Ntlm};

    #[test]
    fn the_account_is_that_of_the_first_flow_that_has_one() {
        let mut s = Stage::bare(Box::new(Nobody));
        let (one, two) = (flow(at(0.0), "10.0.0.5", "10.0.0.9", 445), flow(at(1.0), "10.0.0.5", "10.0.0.9", 135));
        let ntlm = Ntlm { kind: 3, user: Some("kondo".into()), domain: Some("HILL".into()), ..Ntlm::default() };
        s.play(vec![message(at(1.1), two, true, Message::Rpc(Box::new(Rpc::Ntlm(ntlm))))]);
        let scene = Scene { site: &s.site, assets: &s.assets, now: at(2.0) };
        assert_eq!(account(&scene, [one.uid, two.uid]), (Some("HILL\\kondo".to_owned()), "ntlm"));
        assert_eq!(account(&scene, [one.uid]), (None, "none: the logon was not readable"));
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!((cut("abc", 2), cut("abc", 3), cut("abc", 9), cut("", 0)), ("ab", "abc", "abc", ""));
        assert_eq!((cut("aあ", 3), cut("あ", 2), cut("あい", 3)), ("a", "", "あ"));
    }

    #[test]
    fn what_two_hosts_are_to_each_other() {
        let mut s = Stage::new(hospital(), Box::new(Nobody));
        s.play(smb_session(at(0.0), "10.10.20.20", "10.10.10.11", &["IPC$"]));
        let scene = Scene { site: &s.site, assets: &s.assets, now: at(100_000.0) };
        let words =
            |from: &str, to: &str| -> Vec<&str> { signs(&scene, a(from), a(to), at(100_000.0), Span::secs(86_400)).iter().map(|s| s.0).collect() };
        assert_eq!(words("10.10.10.12", "10.10.10.11"), ["the two had no such session before", "terminal to terminal"]);
        assert_eq!(words("10.10.20.20", "10.10.10.11"), ["into a terminal"], "an old edge, and one fact once");
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
