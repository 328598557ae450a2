//! `kerberos-abuse`: tickets are asked for to guess passwords from them at leisure, a hash is used in a password's place, or a ticket is shown by a host
//! that never was given it, or many names are asked about (ATT&CK T1558.003, T1558.004, T1550.002, T1550.003, T1087.002). The weak key alone is no sign: old devices know no other.

mod client;
mod names;
#[cfg(test)]
mod tests;

use super::hosts::{is_administrator, is_server};
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Interest};
use crate::protocols::{Message, kerberos::Kerberos};
use client::{Asked, Client, Given, RC4, is_aes, is_service_account, plain};

/// Detector id.
pub const ID: &str = "kerberos-abuse";

const AS_REQ: u8 = 10;
const AS_REP: u8 = 11;
const TGS_REQ: u8 = 12;
const TGS_REP: u8 = 13;
const AP_REQ: u8 = 14;
/// Pre-authentication is asked for.
const PROVE: i32 = 25;
/// There is no such client.
const UNKNOWN: i32 = 6;

const ROAST: &str = "tickets of many services with the weak key";
const UNPROVEN: &str = "answers without a proof of the password";
const HASH: &str = "a logon with the weak key alone";
const NAMES: &str = "accounts that were asked about and not logged on to";
const PASSED: &str = "a ticket shown by another host than it was given to";

/// The numbers of `signatures/kerberos-abuse.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Service accounts within `window`; within `burst`; when asked for with the weak key first.
    services: usize,
    services_burst: usize,
    services_weak: usize,
    window: Span,
    burst: Span,
    /// Accounts that answer without a proof.
    accounts: usize,
    /// Accounts that are asked about, and nothing is proved.
    names: usize,
    /// Points for `medium`.
    medium: f64,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [services, services_burst, services_weak, window, burst] =
            s.require_all(["services", "services_burst", "services_weak", "window", "burst"])?;
        let [accounts, names, medium] = s.require_all(["accounts", "names", "medium"])?;
        Ok(Tuning {
            services: services as usize,
            services_burst: services_burst as usize,
            services_weak: services_weak as usize,
            window: Span::secs(window as u64),
            burst: Span::secs(burst as u64),
            accounts: accounts as usize,
            names: names as usize,
            medium,
        })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(KerberosAbuse::new(Tuning::from_signature(s)?)))
}

/// State.
#[derive(Debug)]
pub struct KerberosAbuse {
    tuning: Tuning,
    asked: BoundedMap<u64, Asked>,
    clients: BoundedMap<Addr, Client>,
    /// Those that ask about many accounts.
    watched: Vec<Addr>,
    /// Realms in which AES keys were seen.
    strong: BoundedMap<String, ()>,
    /// Accounts that were seen to use AES.
    strong_accounts: BoundedMap<String, ()>,
}

/// One thing that is said of a host.
struct Said<'a> {
    kind: &'static str,
    severity: Severity,
    reasons: Vec<&'static str>,
    proof: Vec<&'a Given>,
    user: Option<String>,
}

impl KerberosAbuse {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> KerberosAbuse {
        KerberosAbuse {
            tuning,
            asked: BoundedMap::new(8_192),
            clients: BoundedMap::new(8_192),
            watched: Vec::new(),
            strong: BoundedMap::new(256),
            strong_accounts: BoundedMap::new(16_384),
        }
    }
    fn ask(&mut self, event: &Event, flow: &FlowInfo, k: &Kerberos) {
        let client = self.clients.entry(flow.tuple.orig, Client::default);
        let prompted = k.client.as_deref().is_some_and(|c| client.prompted.iter().any(|p| p.0 == c && event.ts.since(p.1) <= Span::secs(60)));
        let (user, offered) = (k.user().unwrap_or_default().to_lowercase(), k.offered.clone());
        if k.preauth {
            client.names.followed(&user, event.ts);
        }
        let asked = Asked { kind: k.kind, client: k.client.clone(), user, offered, proof: k.preauth, at_once: k.preauth && !prompted };
        client.aes |= asked.offers_aes() && !asked.prefers_rc4();
        self.asked.insert(flow.uid, asked);
    }
    /// An account that was asked about without a proof: the answer wants one, or knows no such account.
    fn prompted(&mut self, event: &Event, flow: &FlowInfo, unknown: bool) {
        let Some(asked) = self.asked.get(&flow.uid).filter(|a| a.kind == AS_REQ && !a.proof) else { return };
        let (orig, Some(account)) = (flow.tuple.orig, asked.client.as_deref()) else { return };
        let client = self.clients.entry(orig, Client::default);
        if !unknown {
            client.prompt(account, event.ts);
        }
        let given = Given { at: event.ts, name: asked.user.clone(), rc4_first: asked.prefers_rc4(), etype: 0, flow: *flow };
        client.names.forget(event.ts, self.tuning.window);
        if client.names.asked(given, unknown) >= self.tuning.names && !std::mem::replace(&mut client.names.watched, true) {
            self.watched.push(orig);
        }
    }
    /// Says who asked about many accounts and logged on to hardly any.
    fn look(&mut self, over: bool, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        for orig in std::mem::take(&mut self.watched) {
            let Some(client) = self.clients.get_mut(&orig) else { continue };
            client.names.forget(scene.now, self.tuning.window);
            client.names.watched = !client.names.is_empty();
            if let Some((proof, unknown)) = client.names.unfollowed(self.tuning.names, scene.now, over) {
                let weak = proof.iter().filter(|g| g.rc4_first).count() * 2 > proof.len();
                let signs = [
                    ("hardly any was followed by a proof of the password", true),
                    ("some of them do not exist", unknown),
                    ("the weak key was asked for", weak),
                ];
                let reasons = signs.iter().filter(|s| s.1).map(|s| s.0).collect();
                let admin = scene.site.may_administer(orig) || is_administrator(scene.assets.role(orig));
                let severity = if admin { Severity::Low } else { Severity::Medium };
                say(orig, client, Said { kind: NAMES, severity, reasons, proof: proof.iter().collect(), user: None }, scene, out);
            }
            if client.names.watched {
                self.watched.push(orig);
            }
        }
    }
    /// The answer to a first exchange.
    fn logged_on(&mut self, event: &Event, flow: &FlowInfo, k: &Kerberos, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let (Some(asked), Some(etype), Some(account)) = (self.asked.get(&flow.uid), k.etype, k.client.as_deref()) else { return };
        let (orig, user) = (flow.tuple.orig, format!("{account}@{}", k.home()));
        let aes_realm = k.ticket_etype.is_some_and(is_aes) || self.strong.contains(&k.realm);
        let client = self.clients.entry(orig, Client::default);
        let given = Given { at: event.ts, name: account.to_lowercase(), rc4_first: asked.prefers_rc4(), etype, flow: *flow };
        if is_aes(etype) {
            self.strong.insert(k.realm.clone(), ());
            self.strong_accounts.insert(user.to_lowercase(), ());
        }
        if !asked.proof && !account.ends_with('$') {
            Client::keep(&mut client.unproven, given);
            client.unproven.retain(|g| event.ts.since(g.at) <= self.tuning.window);
            if let Some((severity, reasons)) = unproven(client, &self.tuning) {
                let proof = client.unproven.clone();
                say(orig, client, Said { kind: UNPROVEN, severity, reasons, proof: proof.iter().collect(), user: None }, scene, out);
            }
        } else if asked.proof && !asked.offers_aes() && etype == RC4 && aes_realm {
            client.weak += 1;
            let signs = [
                ("the host speaks AES otherwise", 2.0, client.aes),
                ("the account uses AES otherwise", 1.0, self.strong_accounts.contains(&user.to_lowercase())),
                ("nothing but RC4 is offered", 0.5, asked.offered == [RC4]),
                (
                    "the proof came before anybody asked for it",
                    1.5,
                    asked.at_once && event.ts.since(scene.assets.since().unwrap_or(event.ts)) > Span::secs(2),
                ),
            ];
            let hit = signs.iter().filter(|s| s.2);
            let (score, reasons): (f64, Vec<&'static str>) = (hit.clone().map(|s| s.1).sum(), hit.map(|s| s.0).collect());
            let severity = match score {
                x if x >= self.tuning.medium => Severity::Medium,
                x if x >= 1.0 => Severity::Low,
                // An old device that knows nothing else: for the record.
                _ => Severity::Info,
            };
            say(orig, client, Said { kind: HASH, severity, reasons, proof: vec![&given], user: Some(user) }, scene, out);
        }
    }
    /// A ticket to a service was given.
    fn granted(&mut self, event: &Event, flow: &FlowInfo, k: &Kerberos, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let (Some(service), Some(etype)) = (k.service.as_deref(), k.ticket_etype) else { return };
        let account = k.client.clone().unwrap_or_default();
        if is_aes(etype) {
            self.strong.insert(k.realm.clone(), ());
        }
        if etype != RC4 || !is_service_account(service, &account) {
            return;
        }
        let asked = self.asked.get(&flow.uid).filter(|a| a.kind == TGS_REQ);
        let rc4_first = asked.is_some_and(Asked::prefers_rc4);
        // The session's own key tells that the client knows AES, and so does the realm.
        let aes = k.etype.is_some_and(is_aes) || self.strong.contains(&k.realm);
        let orig = flow.tuple.orig;
        let client = self.clients.entry(orig, Client::default);
        Client::keep(&mut client.services, Given { at: event.ts, name: plain(service), rc4_first, etype, flow: *flow });
        client.services.retain(|g| event.ts.since(g.at) <= self.tuning.window);
        let aes = aes || client.aes;
        let Some((severity, reasons)) = roasted(orig, client, aes, &self.tuning, scene) else { return };
        let proof = client.services.clone();
        let user = k.user().filter(|_| !account.is_empty());
        say(orig, client, Said { kind: ROAST, severity, reasons, proof: proof.iter().collect(), user }, scene, out);
    }
    /// A ticket is shown: by whom it was given to?
    fn shown(&mut self, event: &Event, flow: &FlowInfo, k: &Kerberos, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let orig = flow.tuple.orig;
        if k.kind == AP_REQ && k.etype.is_some_and(is_aes) {
            self.clients.entry(orig, Client::default).aes = true;
        }
        let Some(issued) = k.ticket.and_then(|t| scene.assets.accounts.issued(t)) else { return };
        let is_for_tickets = issued.service.to_lowercase().starts_with("krbtgt");
        // A ticket that was made to be handed on (delegation) is asked for with another.
        if issued.to == orig || is_for_tickets && !issued.initial || issued.to.is_v4() != orig.is_v4() {
            return;
        }
        let severity = match is_apart(scene, issued.to, orig, issued.ts) {
            true if is_for_tickets => Severity::High,
            true => Severity::Medium,
            false => Severity::Low,
        };
        let reasons =
            if severity > Severity::Low { vec!["two hosts that are known as different"] } else { vec!["perhaps one computer with two addresses"] };
        let name = format!("{} given to {}", issued.service, issued.to);
        let given = Given { at: event.ts, name, rc4_first: false, etype: k.ticket_etype.unwrap_or_default(), flow: *flow };
        let user = Some(format!("{}@{}", issued.client, issued.realm));
        let client = self.clients.entry(orig, Client::default);
        say(orig, client, Said { kind: PASSED, severity, reasons, proof: vec![&given], user }, scene, out);
    }
}

/// Answers from which several passwords can be guessed. One account without pre-authentication is a setting; a realm may ask nobody for it.
fn unproven(client: &Client, m: &Tuning) -> Option<(Severity, Vec<&'static str>)> {
    let weak = client.unproven.iter().filter(|g| g.etype == RC4 && g.rc4_first).count();
    match client.unproven.len() {
        _ if weak > m.accounts => Some((Severity::High, vec!["the weak key was asked for", "several accounts"])),
        _ if weak >= m.accounts => Some((Severity::Medium, vec!["the weak key was asked for", "several accounts"])),
        _ if weak == 1 => Some((Severity::Low, vec!["the weak key was asked for"])),
        n if n > m.accounts => Some((Severity::Low, vec!["several accounts"])),
        _ => None,
    }
}

/// Tickets of so many services that their passwords are the purpose.
fn roasted(orig: Addr, client: &Client, aes: bool, m: &Tuning, scene: &Scene<'_>) -> Option<(Severity, Vec<&'static str>)> {
    let all = &client.services;
    let weak = all.iter().filter(|g| g.rc4_first).count();
    let burst = all.windows(m.services_burst.max(1)).any(|w| matches!((w.first(), w.last()), (Some(a), Some(b)) if b.at.since(a.at) <= m.burst));
    let signs = [
        ("the weak key was asked for first, though the client knows the strong one", weak >= m.services_weak && aes),
        ("within a moment", burst),
        ("many services", all.len() >= m.services),
    ];
    let reasons: Vec<&'static str> = signs.iter().filter(|s| s.1).map(|s| s.0).collect();
    let most = match reasons.len() {
        0 => return None,
        // Who knows no other key asks for this one.
        _ if !aes => Severity::Low,
        1 => Severity::Medium,
        _ => Severity::High,
    };
    let admin = scene.site.may_administer(orig) || is_administrator(scene.assets.role(orig)) || is_server(scene, orig, Service::Http);
    Some((if admin && weak < m.services_weak { most.min(Severity::Low) } else { most }, reasons))
}

/// Are these known as two machines? By two lines of the ledger, or by names that have nothing in common; a laptop on cable and on Wi-Fi has one name.
fn is_apart(scene: &Scene<'_>, a: Addr, b: Addr, given: Timestamp) -> bool {
    // The address to which it was given has passed to another computer since (a lease, a ward's cart that roams): who got it is not known.
    if scene.assets.binding(a).is_some_and(|b| b.rival.is_some() || b.holder.since > given) {
        return false;
    }
    let (Some(x), Some(y)) = (scene.assets.device_of(a), scene.assets.device_of(b)) else { return false };
    let listed = |addr| scene.site.ledger.by_addr(addr).map(|e| e.name.as_str());
    let lines = matches!((listed(a), listed(b)), (Some(m), Some(n)) if m != n);
    let common = x.names.iter().any(|n| y.names.iter().any(|o| o.eq_ignore_ascii_case(n)));
    x.id != y.id && !common && (lines || !x.names.is_empty() && !y.names.is_empty())
}

fn say(orig: Addr, client: &mut Client, said: Said<'_>, scene: &Scene<'_>, out: &mut Vec<Finding>) {
    let number = said.proof.len() as u64;
    let count = match said.kind {
        HASH => u64::from(client.weak).min(2),
        // Names come by the hundred: they are told again when they have doubled.
        NAMES => 1 << number.max(1).ilog2(),
        _ => number,
    };
    if !client.is_news(said.kind, said.severity, count, scene.now) {
        return;
    }
    let mut f = Finding::new(ID, format!("{orig}:{}", said.kind), scene.now, said.severity, Subject::addr(orig));
    f.first_ts = said.proof.iter().map(|g| g.at).min().unwrap_or(scene.now);
    f.last_ts = said.proof.iter().map(|g| g.at).max().unwrap_or(scene.now);
    (f.service, f.count) = (said.proof.last().map_or(Service::Kerberos, |g| g.flow.service), said.proof.len() as u64);
    f.outcome = if matches!(said.kind, PASSED | NAMES) { Outcome::Attempted } else { Outcome::Succeeded };
    for g in &said.proof {
        f.add_resp(g.flow.tuple.resp);
        f.add_flow(&g.flow);
    }
    f.set("user_source", if said.user.is_some() { "kerberos" } else { "none: several accounts were asked for" });
    f.user = said.user;
    f.set("what", said.kind);
    f.set("reasons", said.reasons);
    f.set("names", said.proof.iter().take(16).map(|g| g.name.clone()).collect::<Vec<_>>());
    out.push(f);
}

impl Detector for KerberosAbuse {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::KERBEROS
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let EventKind::Message { flow, message: Message::Kerberos(k), .. } = &event.kind else { return };
        match k.kind {
            AS_REQ => self.ask(event, flow, k),
            TGS_REQ => {
                self.ask(event, flow, k);
                self.shown(event, flow, k, scene, out);
            }
            AS_REP => self.logged_on(event, flow, k, scene, out),
            TGS_REP => self.granted(event, flow, k, scene, out),
            AP_REQ => self.shown(event, flow, k, scene, out),
            _ if matches!(k.error, Some(PROVE | UNKNOWN)) => self.prompted(event, flow, k.error == Some(UNKNOWN)),
            _ => {}
        }
    }
    fn tick(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.look(false, scene, out);
    }
    fn end(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.look(true, scene, out);
    }
    fn held(&self) -> (usize, u64) {
        let (a, b, c, d) = (&self.asked, &self.clients, &self.strong, &self.strong_accounts);
        (a.len() + b.len() + c.len() + d.len(), a.evicted() + b.evicted() + c.evicted() + d.evicted())
    }
}
