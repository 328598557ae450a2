//! Is it guessing? Many accounts that are only refused are a spray; one account fast, or on many computers, or a desktop again and again, is guessing;
//! one account slowly and regularly from one host is a service whose password was changed.

use super::super::Scene;
use super::super::hosts::{is_administrator, is_outsider, is_server};
use super::Tuning;
use super::source::{Aim, Source};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};

/// A judged source.
pub(super) struct Verdict<'a> {
    pub severity: Severity,
    pub outcome: Outcome,
    /// What it is, and what speaks for it.
    pub shape: &'static str,
    pub reasons: Vec<&'static str>,
    /// The refusals that it is made of, most first.
    pub aims: Vec<&'a Aim>,
    /// Where it ended with success.
    pub entered: Option<&'a Aim>,
}

/// What it looks like, before one asks who does it.
struct Shape<'a> {
    severity: Severity,
    word: &'static str,
    reasons: Vec<&'static str>,
    aims: Vec<&'a Aim>,
    entered: Option<&'a Aim>,
}

pub(super) fn judge<'a>(orig: Addr, s: &'a Source, m: &Tuning, scene: &Scene<'_>) -> Option<Verdict<'a>> {
    // Many people behind one address: each of them may mistype.
    let shared = s.residents() >= 3 || is_server(scene, orig, Service::Rdp);
    let mut all: Vec<Shape<'a>> =
        [spray(s, m, shared), hosts(s, m, scene), desktops(s, m, shared), shells(s, m), single(s, m)].into_iter().flatten().collect();
    all.sort_by_key(|x| (x.severity, x.aims.iter().map(|a| a.refused).sum::<u32>()));
    let mut shape = all.pop()?;
    let mut severity = shape.severity;
    if shape.entered.is_some() {
        shape.reasons.push("it ended with success");
    }
    if is_outsider(scene, orig) {
        shape.reasons.push("a host that is not of the house");
        if severity == Severity::Medium {
            severity = Severity::High;
        }
    }
    let admin = scene.site.may_administer(orig) || is_administrator(scene.assets.role(orig));
    if admin && matches!(shape.word, OLD_PASSWORD | ONE_ACCOUNT | MANY_COMPUTERS) && shape.entered.is_none() {
        shape.reasons.push("a host that is expected to administer others, with one account");
        severity = Severity::Info;
    }
    let outcome = if shape.entered.is_some() { Outcome::Succeeded } else { Outcome::Failed };
    Some(Verdict { severity, outcome, shape: shape.word, reasons: shape.reasons, aims: shape.aims, entered: shape.entered })
}

const OLD_PASSWORD: &str = "one account, slowly: a service with an old password?";
const ONE_ACCOUNT: &str = "many tries on one account";
const MANY_COMPUTERS: &str = "one account on many computers";

/// Accounts that this source was only refused for, each a few times.
fn spray<'a>(s: &'a Source, m: &Tuning, shared: bool) -> Option<Shape<'a>> {
    let mut aims: Vec<&Aim> = s.aims.iter().filter(|a| a.refused > 0 && a.plain.as_deref().is_some_and(|p| !s.is_good(p))).collect();
    let mut firsts: Vec<(&str, Timestamp)> = aims.iter().filter_map(|a| Some((a.plain.as_deref()?, a.first))).collect();
    firsts.sort_unstable();
    firsts.dedup_by_key(|f| f.0);
    let accounts = firsts.len();
    let mut times: Vec<Timestamp> = firsts.iter().map(|f| f.1).collect();
    times.sort_unstable();
    let needed = if shared { m.accounts_shared } else { m.accounts };
    let burst = times.windows(needed.max(1)).any(|w| matches!((w.first(), w.last()), (Some(a), Some(b)) if b.since(*a) <= m.burst));
    if accounts < needed || shared && !burst {
        return None;
    }
    let (from, to) = (*times.first()?, aims.iter().map(|a| a.last).max()?);
    // Who is let in for the first time amid the refusals, at the same target, was found out.
    let amid = |a: &Aim| a.good.is_some_and(|g| g.0 > from && g.0 <= to + Span::secs(10)) && !a.good_before;
    let entered = s.aims.iter().find(|a| amid(a) && aims.iter().any(|x| x.to == a.to && x.service == a.service));
    aims.sort_by_key(|a| std::cmp::Reverse(a.refused));
    let mut reasons = vec!["many accounts, a few tries each"];
    if burst {
        reasons.push("too fast for people");
    }
    let high = accounts >= m.accounts_high && burst || entered.is_some();
    Some(Shape { severity: if high { Severity::High } else { Severity::Medium }, word: "password spraying", reasons, aims, entered })
}

/// One account that is refused by computers which are nobody's server: somebody tries where it is good.
fn hosts<'a>(s: &'a Source, m: &Tuning, scene: &Scene<'_>) -> Option<Shape<'a>> {
    let is_it = |a: &&Aim| {
        a.refused > 0 && a.plain.is_some() && matches!(a.service, Service::Smb | Service::Rpc | Service::Winrm) && !is_server(scene, a.to, a.service)
    };
    let of = |name: &Option<String>| s.aims.iter().filter(is_it).filter(|a| a.plain == *name).collect::<Vec<&Aim>>();
    let best = s.aims.iter().filter(is_it).map(|a| of(&a.plain)).max_by_key(|all| all.len())?;
    let entered = s.aims.iter().find(|a| Some(&a.plain) == best.first().map(|b| &b.plain) && (a.good_before || a.good.is_some()));
    (best.len() >= m.hosts).then(|| Shape {
        severity: Severity::Medium,
        word: MANY_COMPUTERS,
        reasons: vec!["refused by computers that are no servers"],
        aims: best,
        entered,
    })
}

/// Remote desktops that end within the logon. A person needs several seconds for each.
fn desktops<'a>(s: &'a Source, m: &Tuning, shared: bool) -> Option<Shape<'a>> {
    let times = if shared { 2 } else { 1 };
    let desktop = |a: &&Aim| a.service == Service::Rdp && a.refused > 0;
    // A cookie is a claim: tries under several are told together.
    let of = |to: Addr| s.aims.iter().filter(desktop).filter(|a| a.to == to).collect::<Vec<&Aim>>();
    let number = |all: &[&Aim]| all.iter().map(|a| a.refused).sum::<u32>();
    let aims = s.aims.iter().filter(desktop).map(|a| of(a.to)).max_by_key(|all| number(all))?;
    let from = aims.iter().map(|a| a.first).min()?;
    let fast = number(&aims) >= m.desktop * times && pace(&aims) < m.person || is_fast(&aims, 2 * m.desktop * times);
    if !fast && number(&aims) < m.desktop_slow * times {
        return None;
    }
    let target = aims.first()?.to;
    let entered = s.aims.iter().find(|a| a.to == target && a.service == Service::Rdp && a.good.is_some_and(|g| g.0 > from));
    let severity = if entered.is_some() && fast || is_fast(&aims, 5 * m.desktop) { Severity::High } else { Severity::Medium };
    let reasons = if fast { vec!["too fast for people"] } else { vec![] };
    Some(Shape { severity, word: "remote desktops that end within the logon", reasons, aims, entered })
}

/// Shells that end within the logon, by their size alone: also what short jobs look like. Jobs come one after the other, guesses several at once.
fn shells<'a>(s: &'a Source, m: &Tuning) -> Option<Shape<'a>> {
    let at_once = |a: &Aim| pace(&[a]) < Span::millis(500);
    let best = s.aims.iter().filter(|a| a.service == Service::Ssh).max_by_key(|a| a.fastest)?;
    let severity = match best.fastest {
        n if n >= 2 * m.shell || n >= m.shell && at_once(best) => Severity::Medium,
        n if n >= m.shell || n >= m.desktop && at_once(best) => Severity::Low,
        _ => return None,
    };
    Some(Shape { severity, word: "short shells to one host", reasons: vec!["too fast for people"], aims: vec![best], entered: None })
}

/// One account, or a few, at one target.
fn single<'a>(s: &'a Source, m: &Tuning) -> Option<Shape<'a>> {
    // Who is let in after a few has mistyped.
    let mistyped = |a: &Aim| a.good_after().is_some() && a.refused < m.entered;
    let is_it = |a: &&Aim| !matches!(a.service, Service::Rdp | Service::Ssh) && a.refused > 0 && !mistyped(a);
    let beside = |b: &Aim| s.aims.iter().filter(is_it).filter(|a| a.to == b.to && a.service == b.service).collect::<Vec<&Aim>>();
    let sum = |all: &[&Aim], of: fn(&Aim) -> u32| all.iter().map(|a| of(a)).sum::<u32>();
    let mut aims = s.aims.iter().filter(is_it).map(beside).max_by_key(|all| (is_fast(all, m.fast), sum(all, |a| a.refused)))?;
    aims.sort_by_key(|a| std::cmp::Reverse(a.refused));
    let refused = sum(&aims, |a| a.refused);
    let entered = aims.iter().copied().find(|a| a.good_after().is_some() && a.refused >= m.entered);
    if is_fast(&aims, m.fast) {
        let severity = if entered.is_some_and(|a| !a.good_before) { Severity::High } else { Severity::Medium };
        let word = if aims.len() == 1 { ONE_ACCOUNT } else { "many tries on a few accounts" };
        return Some(Shape { severity, word, reasons: vec!["too fast for people"], aims, entered });
    }
    if refused < m.slow {
        return None;
    }
    let steady = aims.len() == 1 && pace(&aims) > Span::secs(1);
    let reasons = if steady { vec!["the same account again and again, never another"] } else { vec![] };
    Some(Shape { severity: Severity::Low, word: OLD_PASSWORD, reasons, aims, entered })
}

/// So many refusals within a minute: of one account, or of all of them on the whole.
fn is_fast(aims: &[&Aim], number: u32) -> bool {
    let all = aims.iter().map(|a| a.refused).sum::<u32>();
    aims.iter().any(|a| a.fastest >= number) || all >= number && pace(aims).0 <= Span::secs(60).0 / u64::from(number.max(1))
}

/// Mean time between refusals.
fn pace(aims: &[&Aim]) -> Span {
    let (first, last) = (aims.iter().map(|a| a.first).min(), aims.iter().map(|a| a.last).max());
    let number = aims.iter().map(|a| u64::from(a.refused)).sum::<u64>();
    Span(last.unwrap_or_default().since(first.unwrap_or_default()).0 / (number.max(2) - 1))
}
