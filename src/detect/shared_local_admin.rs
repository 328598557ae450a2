//! `shared-local-admin`: one local account with one password on many computers (ATT&CK T1078.003): the domain that the logon names is the computer itself,
//! and it is let in on the next one too. By itself that is a weakness to be put right; used from one host to the next it is how a whole ward is taken.
//! No password and nothing that proves one is kept.

use super::hosts::{is_administrator, is_maintained, is_outsider, is_server, is_terminal};
use super::sessions::admin_service;
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Interest};
use crate::protocols::{Message, smb::PENDING, smb::Smb};

/// Detector id.
pub const ID: &str = "shared-local-admin";
const ONE_PASSWORD: &str = "one password opens all of them";
/// Most hosts kept of one account.
const HOSTS: usize = 128;

/// The numbers of `signatures/shared-local-admin.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Hosts that let the account in.
    hosts: usize,
    /// Hosts administered from one that are `medium` without any other sign.
    many: usize,
    /// Signs for `medium` and `high`.
    medium: f64,
    high: f64,
    /// So many hosts within this time are no person's round.
    burst: Span,
    /// The same where the session is encrypted and nothing shows what for.
    sealed: Span,
    /// The time in which they are counted together.
    window: Span,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [hosts, many, medium, high] = s.require_all(["hosts", "many", "medium", "high"])?;
        let [burst, sealed, window] = s.require_all(["burst", "sealed", "window"])?.map(|secs| Span::secs(secs as u64));
        Ok(Tuning { hosts: hosts as usize, many: many as usize, medium, high, burst, sealed, window })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(SharedLocalAdmin::new(Tuning::from_signature(s)?)))
}

/// One host that was asked to let the account in.
#[derive(Clone, Debug)]
struct Use {
    from: Addr,
    to: Addr,
    first: Timestamp,
    last: Timestamp,
    let_in: bool,
    /// Reached an administrative share.
    admin: bool,
    /// Encrypted: which shares it reached cannot be seen.
    sealed: bool,
    flow: FlowInfo,
    /// As the logon named it.
    user: String,
}

/// One account name, on all the hosts that have one of that name.
#[derive(Debug, Default)]
struct Shared {
    uses: Vec<Use>,
    said: Vec<Said>,
}

/// What was said: of one source or of all, how bad, of how many hosts, and when.
type Said = (Option<Addr>, Severity, usize, Timestamp);
/// After this long the same is said again.
const DAY: Span = Span::hours(24);

/// State.
#[derive(Debug)]
pub struct SharedLocalAdmin {
    tuning: Tuning,
    accounts: BoundedMap<String, Shared>,
}

impl SharedLocalAdmin {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> SharedLocalAdmin {
        SharedLocalAdmin { tuning, accounts: BoundedMap::new(1_024) }
    }
    /// What an event shows of a local account: on which flow, let in or refused, whether it reached an administrative share or
    /// turned to encryption.
    fn admit(&mut self, event: &Event, scene: &Scene<'_>) -> Option<(String, Addr)> {
        let EventKind::Message { flow, message: Message::Smb(m), .. } = &event.kind else { return None };
        let (let_in, admin, sealed) = match m.as_ref() {
            Smb::Session { status, guest, encrypted, .. } => (*status == 0 && !guest, false, *encrypted),
            Smb::Tree { path, status, .. } => (true, matches!(*status, 0 | PENDING) && is_admin(path), false),
            // Only who was let in has a key to encrypt with.
            Smb::Encrypted => (true, false, true),
            _ => return None,
        };
        let a = scene.assets.accounts.of(flow.uid).filter(|a| a.local && a.source == "ntlm")?;
        let (key, t) = (a.name.to_lowercase(), flow.tuple);
        let shared = self.accounts.entry(key.clone(), Shared::default);
        shared.uses.retain(|u| event.ts.since(u.last) <= self.tuning.window);
        // The oldest visit makes room: a round of honest ones must not hide the others.
        if shared.uses.len() >= HOSTS
            && !shared.uses.iter().any(|u| u.from == t.orig && u.to == t.resp)
            && let Some(oldest) = shared.uses.iter().enumerate().min_by_key(|(_, u)| u.last).map(|(i, _)| i)
        {
            shared.uses.swap_remove(oldest);
        }
        match shared.uses.iter_mut().find(|u| u.from == t.orig && u.to == t.resp) {
            Some(u) => {
                let news = let_in && !u.let_in || admin && !u.admin || sealed && !u.sealed;
                (u.let_in, u.admin, u.sealed, u.last) = (u.let_in | let_in, u.admin | admin, u.sealed | sealed, u.last.max(event.ts));
                if !news {
                    return None;
                }
            }
            None => {
                let (first, user) = (flow.first_ts, a.user.clone());
                shared.uses.push(Use { from: t.orig, to: t.resp, first, last: event.ts, let_in, admin, sealed, flow: *flow, user });
            }
        }
        Some((key, t.orig))
    }
}

/// `ADMIN$` or a drive.
fn is_admin(path: &str) -> bool {
    let share = Smb::share(path);
    share == "ADMIN$" || share.len() == 2 && share.ends_with('$')
}

impl Detector for SharedLocalAdmin {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::ADMIN
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((key, orig)) = self.admit(event, scene) else { return };
        let tuning = self.tuning;
        let Some(shared) = self.accounts.get_mut(&key) else { return };
        // From one host to others, judged as what somebody does; on many hosts by whoever, as what somebody left so.
        let mine: Vec<Use> = shared.uses.iter().filter(|u| u.from == orig).cloned().collect();
        let verdict = judge(orig, &mine, &tuning, scene);
        if let Some((severity, reasons)) = verdict {
            say(shared, Some(orig), &key, &mine, severity, reasons, scene, out);
        } else {
            // What administrators find is found as their job.
            let others: Vec<Use> = shared.uses.iter().filter(|u| !administers(scene, u.from)).cloned().collect();
            let all = let_in(&others);
            if all.len() >= tuning.hosts {
                say(shared, None, &key, &all, Severity::Low, vec![ONE_PASSWORD], scene, out);
            }
        }
    }
    fn held(&self) -> (usize, u64) {
        (self.accounts.len(), self.accounts.evicted())
    }
}

/// One use of each host that let the account in.
fn let_in(uses: &[Use]) -> Vec<Use> {
    let mut all: Vec<Use> = Vec::new();
    for u in uses.iter().filter(|u| u.let_in) {
        if all.iter().all(|o| o.to != u.to) {
            all.push(u.clone());
        }
    }
    all
}

fn administers(scene: &Scene<'_>, a: Addr) -> bool {
    scene.site.may_administer(a) || is_administrator(scene.assets.role(a))
}

/// What one source does with the account.
fn judge(orig: Addr, mine: &[Use], m: &Tuning, scene: &Scene<'_>) -> Option<(Severity, Vec<&'static str>)> {
    let inside: Vec<&Use> = mine.iter().filter(|u| u.let_in).collect();
    if inside.len() < m.hosts {
        return None;
    }
    if administers(scene, orig) {
        return Some((Severity::Info, vec!["the source is expected to administer others"]));
    }
    let admin = inside.iter().filter(|u| u.admin).count();
    if admin < m.hosts {
        return Some(behind_encryption(orig, &inside, m, scene).unwrap_or((Severity::Low, vec![ONE_PASSWORD])));
    }
    let burst = is_burst(&inside, m.hosts, m.burst);
    let signs = [
        ("administrative shares of all of them", 1.0, true),
        ("one after the other, faster than a person's round", 1.0, burst),
        ("many of them", 1.0, admin >= m.many),
        ("from a host that people work at", 2.0, is_terminal(scene, orig)),
        ("from a host that is not of the house", 2.0, is_outsider(scene, orig)),
        ("others refused it: somebody tries where it is good", 1.0, mine.iter().filter(|u| !u.let_in).count() >= 2),
    ];
    let hit = signs.iter().filter(|s| s.2);
    let (score, reasons): (f64, Vec<&'static str>) = (hit.clone().map(|s| s.1).sum(), hit.map(|s| s.0).collect());
    let severity = match score {
        x if x >= m.high => Severity::High,
        x if x >= m.medium => Severity::Medium,
        _ => Severity::Low,
    };
    Some((severity, reasons))
}

/// Encrypted sessions hide their shares: then who goes where, and how fast, is all there is. Storage boxes with an account of their own are servers.
fn behind_encryption(orig: Addr, inside: &[&Use], m: &Tuning, scene: &Scene<'_>) -> Option<(Severity, Vec<&'static str>)> {
    let strange = |u: &&Use| (u.admin || u.sealed) && !is_server(scene, u.to, Service::Smb) && !is_maintained(scene, orig, u.to);
    let reached: Vec<&Use> = inside.iter().copied().filter(strange).collect();
    let from = [("from a host that people work at", is_terminal(scene, orig)), ("from a host that is not of the house", is_outsider(scene, orig))];
    let whence = from.iter().find(|f| f.1)?.0;
    let it_is = is_burst(&reached, m.hosts, m.sealed);
    it_is.then(|| {
        (Severity::Medium, vec!["encrypted: what it does there cannot be seen", "one after the other, faster than a person's round", whence])
    })
}

/// So many of them were first visited within this time.
fn is_burst(uses: &[&Use], number: usize, within: Span) -> bool {
    let mut firsts: Vec<Timestamp> = uses.iter().map(|u| u.first).collect();
    firsts.sort_unstable();
    firsts.windows(number.max(1)).any(|w| matches!((w.first(), w.last()), (Some(a), Some(b)) if b.since(*a) <= within))
}

/// Says it, if it is worse or more than what was said.
#[allow(clippy::too_many_arguments)]
fn say(
    shared: &mut Shared,
    orig: Option<Addr>,
    name: &str,
    uses: &[Use],
    severity: Severity,
    reasons: Vec<&'static str>,
    scene: &Scene<'_>,
    out: &mut Vec<Finding>,
) {
    let good = let_in(uses);
    shared.said.retain(|s| scene.now.since(s.3) <= DAY);
    let room = shared.said.len() < HOSTS;
    match shared.said.iter_mut().find(|s| s.0 == orig) {
        // Beyond eight hosts it is told again when they have doubled.
        Some(s) if severity <= s.1 && (good.len() <= s.2 || s.2 >= 8 && good.len() < 2 * s.2) => return,
        Some(s) => *s = (orig, s.1.max(severity), good.len(), scene.now),
        None if room => shared.said.push((orig, severity, good.len(), scene.now)),
        None => return,
    }
    out.extend(finding(orig, name, &good, severity, reasons, scene));
}

fn finding(orig: Option<Addr>, name: &str, good: &[Use], severity: Severity, reasons: Vec<&'static str>, scene: &Scene<'_>) -> Option<Finding> {
    let last = good.iter().max_by_key(|u| u.last)?;
    let story = orig.map_or_else(|| format!("account:{name}"), |o| format!("{o}>{name}"));
    let mut f = Finding::new(ID, story, scene.now, severity, Subject::addr(orig.unwrap_or(last.from)));
    f.first_ts = good.iter().map(|u| u.first).min().unwrap_or(last.first);
    (f.last_ts, f.service, f.outcome, f.count) = (last.last, admin_service(&last.flow), Outcome::Succeeded, good.len() as u64);
    for u in good {
        f.add_resp(u.to);
        f.add_flow(&u.flow);
    }
    f.user = Some(last.user.clone());
    f.set("user_source", "ntlm");
    f.set("account", name);
    f.set("reasons", reasons);
    f.set("admin_shares", good.iter().filter(|u| u.admin).count());
    f.set("encrypted", good.iter().filter(|u| u.sealed).count());
    let mut sources: Vec<Addr> = good.iter().map(|u| u.from).collect();
    sources.sort_unstable();
    sources.dedup();
    f.set("sources", sources.iter().map(Addr::to_string).collect::<Vec<_>>());
    if orig.is_some() {
        let steps = good.iter().take(Finding::MAX_RESP);
        let hop = |u: &Use| super::hop(u.first, u.from, u.to, admin_service(&u.flow), Some(&u.user), Outcome::Succeeded);
        f.set("hops", steps.map(hop).collect::<Vec<_>>());
    }
    Some(f)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::protocols::ntlmssp::Ntlm;
    use crate::site::Role;

    fn stage() -> Stage {
        Stage::new(hospital(), build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
    }

    /// A session as a computer's own account; `local` names the computer, else the domain.
    fn logon(t: f64, orig: &str, resp: &str, local: bool, status: u32, trees: &[&str]) -> Vec<Event> {
        let computer = format!("PC-{}", resp.rsplit('.').next().unwrap());
        let mut all = smb_session(at(t), orig, resp, trees);
        let f = FlowInfo { recognised: true, ..flow(at(t), orig, resp, 445) };
        let ntlm = |n| message(at(t) + Span::millis(3), f, true, Message::Smb(Box::new(Smb::Ntlm(n))));
        let domain = Some(if local { computer.to_lowercase() } else { "HOSP".into() });
        all.insert(2, ntlm(Ntlm { kind: 3, user: Some("Administrator".into()), domain, ..Ntlm::default() }));
        all.insert(2, ntlm(Ntlm { kind: 2, server_name: Some(computer), domain: Some("HOSP".into()), ..Ntlm::default() }));
        for e in &mut all {
            if let EventKind::Message { message: Message::Smb(m), .. } = &mut e.kind
                && let Smb::Session { status: s, .. } = m.as_mut()
            {
                *s = status;
            }
        }
        all
    }

    #[test]
    fn from_one_terminal_into_the_others_is_high_with_the_account() {
        let mut s = stage();
        s.play((13..17).flat_map(|i| logon(f64::from(i) * 3.0, "10.10.10.12", &format!("10.10.10.{i}"), true, 0, &["IPC$", "ADMIN$"])).collect());
        let f = s.findings();
        let f = f.iter().find(|f| f.severity == Severity::High).unwrap();
        assert_eq!((f.count, f.orig.addr, f.user.as_deref()), (4, Some(a("10.10.10.12")), Some("pc-16\\Administrator")));
        assert_eq!(f.evidence["hops"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn a_round_of_honest_visits_hides_nobody_and_what_was_said_yesterday_is_said_again() {
        let honest = (0..140).flat_map(|i| logon(f64::from(i), "10.10.20.5", &format!("10.10.30.{}", 20 + i), true, 0, &["IPC$", "ADMIN$"]));
        let walk =
            |t: f64| (13..17).flat_map(move |i| logon(t + f64::from(i), "10.10.10.12", &format!("10.10.10.{i}"), true, 0, &["IPC$", "ADMIN$"]));
        let mut s = stage();
        s.play(honest.chain(walk(200.0)).collect());
        let told = |s: &Stage| s.said.iter().filter(|f| f.orig.addr == Some(a("10.10.10.12")) && f.severity == Severity::High).count();
        assert!(told(&s) > 0);
        assert!(s.said.iter().filter(|f| f.orig.addr == Some(a("10.10.20.5"))).count() < 16, "not at every host");
        let before = told(&s);
        s.play(walk(200.0 + 2.0 * 86_400.0).collect());
        assert!(told(&s) > before);
    }

    /// The same where the session turns to encryption behind the logon: no share is seen.
    fn sealed(t: f64, orig: &str, resp: &str) -> Vec<Event> {
        let mut all = logon(t, orig, resp, true, 0, &[]);
        let f = FlowInfo { recognised: true, ..flow(at(t), orig, resp, 445) };
        all.push(message(at(t) + Span::millis(8), f, true, Message::Smb(Box::new(Smb::Encrypted))));
        all
    }

    #[test]
    fn encrypted_sessions_show_no_share_and_are_medium_from_a_terminal_into_others_at_once() {
        let round = |orig: &'static str, net: &'static str, gap: f64| {
            (13..16).flat_map(move |i| sealed(f64::from(i) * gap, orig, &format!("{net}.{i}"))).collect::<Vec<_>>()
        };
        let mut s = stage();
        s.play(round("10.10.10.12", "10.10.10", 8.0));
        let f = s.findings().into_iter().find(|f| f.severity == Severity::Medium).cloned().unwrap();
        assert_eq!(
            (f.count, f.orig.addr, f.evidence["encrypted"].as_u64(), f.evidence["admin_shares"].as_u64()),
            (3, Some(a("10.10.10.12")), Some(3), Some(0))
        );
        // Slowly, or from a server: a weakness. From the management: its job.
        for (orig, gap) in [("10.10.10.12", 45.0), ("10.10.20.10", 8.0), ("10.10.20.5", 8.0)] {
            let mut s = stage();
            s.play(round(orig, "10.10.10", gap));
            assert_eq!(s.worst(), Some(if orig == "10.10.20.5" { Severity::Info } else { Severity::Low }), "{orig} every {gap} s");
        }
        // Three storage boxes with an account of their own, mapped at the logon.
        let boxes = [("10.10.20.13", Role::Server), ("10.10.20.14", Role::Server), ("10.10.20.15", Role::Server)];
        let mut s = Stage::new(hospital_with(&boxes), build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap());
        s.play(round("10.10.10.12", "10.10.20", 1.0));
        assert_eq!(s.worst(), Some(Severity::Low));
    }

    #[test]
    fn by_several_or_without_administration_it_is_a_weakness() {
        let mut s = stage();
        s.play(
            (13..17).flat_map(|i| logon(f64::from(i) * 3.0, &format!("10.10.30.{}", i - 2), &format!("10.10.10.{i}"), true, 0, &["IPC$"])).collect(),
        );
        assert_eq!((s.worst(), s.findings()[0].story.as_str()), (Some(Severity::Low), "account:administrator"));
        let mut s = stage();
        s.play((13..17).flat_map(|i| logon(f64::from(i) * 3.0, "10.10.20.10", &format!("10.10.10.{i}"), true, 0, &["export"])).collect());
        assert_eq!(s.worst(), Some(Severity::Low));
    }

    #[test]
    fn administrators_domain_accounts_and_refusals_are_silent() {
        let mut s = stage();
        s.play((13..17).flat_map(|i| logon(f64::from(i) * 3.0, "10.10.20.5", &format!("10.10.10.{i}"), true, 0, &["ADMIN$"])).collect());
        assert!(s.said.iter().any(|f| f.severity == Severity::Info) && s.worst() <= Some(Severity::Low), "{:?}", s.said);
        for (local, status, hosts) in [(false, 0, 6), (true, 0xc000_006d, 6), (true, 0, 2)] {
            let mut s = stage();
            let to = |i: u32| format!("10.10.10.{}", 13 + i);
            let trees: &[&str] = if status == 0 { &["ADMIN$"] } else { &[] };
            s.play((0..hosts).flat_map(|i| logon(f64::from(i) * 3.0, "10.10.10.12", &to(i), local, status, trees)).collect());
            assert!(s.said.is_empty(), "{local} {status:x} {hosts}: {:?}", s.said);
        }
    }
}
