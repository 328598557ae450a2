//! Logons that were tried, one by one, as the answers tell: NTLM over SMB, HTTP and RPC, Kerberos, the verdict on a remote desktop's network-level logon
//! or a VNC password; shells, and desktops whose verdict nobody sees, by the shape of their flows.

use super::super::Scene;
use super::super::sessions::admin_service;
use crate::assets::ANONYMOUS;
use crate::base::{Addr, Service, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, FlowRecord};
use crate::protocols::{Message, dcerpc::Rpc, http::Auth, kerberos::Kerberos, rdp::Rdp, smb::Smb, vnc::Vnc};

/// Flows of which something must be remembered until their answer or end.
const FLOWS: usize = 8_192;

/// Kerberos message types.
const AS_REQ: u8 = 10;
const AS_REP: u8 = 11;
const ERROR: u8 = 30;

/// A remote desktop whose logon is refused within CredSSP carries so much to the server …
const DESKTOP_UP: std::ops::RangeInclusive<u64> = 800..=7_000;
/// … and back (a certificate and two answers), and is over so soon. Below it is a look at the certificate, above it a desktop.
const DESKTOP_DOWN: std::ops::RangeInclusive<u64> = 1_200..=9_000;
const DESKTOP_SPAN: Span = Span::secs(12);
/// A desktop that was let in draws at least so much, in bytes.
const DESKTOP_DRAWN: u64 = 10_000;
/// Why a desktop or shell without a verdict has no account.
const SHAPED: &str = "none: the logon is encrypted, judged by its shape";
/// VNC's security type that asks for no password: nothing is tried.
const NO_PASSWORD: u8 = 1;
/// A shell that refuses logons carries keys and refusals and nothing else, each way.
const SHELL_BOTH: std::ops::RangeInclusive<u64> = 700..=6_000;
const SHELL_SPAN: Span = Span::secs(30);

/// One logon that was tried.
#[derive(Clone, Debug)]
pub(super) struct Try {
    pub at: Timestamp,
    pub from: Addr,
    pub to: Addr,
    pub service: Service,
    /// As the logon names it.
    pub account: Option<String>,
    /// Where the account was read, or why there is none.
    pub source: &'static str,
    pub good: bool,
    /// The account was locked.
    pub locked: bool,
    pub flow: FlowInfo,
}

/// What tries are read from.
#[derive(Debug)]
pub(super) struct Reader {
    /// Who asks for a ticket on a flow; the refusal does not say it. Or whom a remote desktop's cookie claims to be.
    claims: BoundedMap<u64, String>,
    /// Flows over RPC that were judged, desktops that were let in or refused.
    judged: BoundedMap<u64, ()>,
    /// Desktops that agreed on a network-level logon: its verdict is to come.
    awaited: BoundedMap<u64, ()>,
}

impl Reader {
    pub fn new() -> Reader {
        Reader { claims: BoundedMap::new(FLOWS), judged: BoundedMap::new(FLOWS), awaited: BoundedMap::new(FLOWS) }
    }
    pub fn held(&self) -> (usize, u64) {
        let (a, b, c) = (&self.claims, &self.judged, &self.awaited);
        (a.len() + b.len() + c.len(), a.evicted() + b.evicted() + c.evicted())
    }
    /// The logon that an event decides.
    pub fn read(&mut self, event: &Event, scene: &Scene<'_>) -> Option<Try> {
        match &event.kind {
            EventKind::Message { flow, message, .. } => self.message(event.ts, flow, message, scene),
            EventKind::FlowGrown(r) | EventKind::FlowAlive(r) => self.grown(r),
            EventKind::Flow(r) => self.ended(r),
            _ => None,
        }
    }
    fn message(&mut self, at: Timestamp, flow: &FlowInfo, message: &Message, scene: &Scene<'_>) -> Option<Try> {
        match message {
            Message::Smb(m) => match m.as_ref() {
                Smb::Session { guest: true, .. } => None,
                Smb::Session { status, .. } => {
                    let locked = *status == 0xc000_0234;
                    named(at, flow, if *status == 0 { true } else { is_refusal(*status).then_some(false)? }, locked, scene)
                }
                _ => None,
            },
            Message::HttpAuth(m) => match m.as_ref() {
                Auth::Answered { status } => named(at, flow, !matches!(status, 401 | 407), false, scene),
                _ => None,
            },
            Message::Rpc(m) => match m.as_ref() {
                Rpc::Call(c) if c.pipe.is_none() && !self.judged.contains(&flow.uid) => {
                    let good = scene.assets.accounts.of(flow.uid)?.confirmed?;
                    self.judged.insert(flow.uid, ());
                    named(at, flow, good, false, scene)
                }
                _ => None,
            },
            Message::Rdp(m) => self.desktop(at, flow, m),
            Message::Vnc(Vnc::Logon { security, accepted }) if *security != NO_PASSWORD => {
                let t = flow.tuple;
                let (service, source) = (admin_service(flow), "none: the protocol names no account");
                Some(Try { at, from: t.orig, to: t.resp, service, account: None, source, good: *accepted, locked: false, flow: *flow })
            }
            Message::Kerberos(k) => self.kerberos(at, flow, k),
            _ => None,
        }
    }
    /// What a remote desktop shows before and in spite of its encryption. A flow is judged once: by its verdict, else by its shape.
    fn desktop(&mut self, at: Timestamp, flow: &FlowInfo, m: &Rdp) -> Option<Try> {
        match m {
            Rdp::Request { cookie: Some(c), .. } => {
                self.claims.insert(flow.uid, c.clone());
                None
            }
            Rdp::Confirm { protocol: 2 | 8 } => {
                self.awaited.insert(flow.uid, ());
                None
            }
            Rdp::Logon { accepted } if !self.judged.contains(&flow.uid) => {
                self.judged.insert(flow.uid, ());
                // Refusals are told at the end; the try began with the flow.
                Some(self.veiled(if *accepted { at } else { flow.first_ts }, flow, *accepted, "none: the logon is encrypted"))
            }
            _ => None,
        }
    }
    fn kerberos(&mut self, at: Timestamp, flow: &FlowInfo, k: &Kerberos) -> Option<Try> {
        let account = match (k.kind, &k.client) {
            (AS_REQ, Some(_)) => {
                self.claims.insert(flow.uid, k.user()?);
                return None;
            }
            (AS_REP | ERROR, _) => self.claims.get(&flow.uid)?.clone(),
            _ => return None,
        };
        let (good, locked) = match k.error {
            None => (true, false),
            // No such client, locked or disabled, wrong password. 25 only asks for the proof.
            Some(6 | 24) => (false, false),
            Some(18) => (false, true),
            Some(_) => return None,
        };
        let t = flow.tuple;
        Some(Try { at, from: t.orig, to: t.resp, service: Service::Kerberos, account: Some(account), source: "kerberos", good, locked, flow: *flow })
    }
    /// A desktop that draws was let in.
    fn grown(&mut self, r: &FlowRecord) -> Option<Try> {
        let drawn = admin_service(&r.info) == Service::Rdp && r.payload[1] >= DESKTOP_DRAWN && !self.judged.contains(&r.info.uid);
        drawn.then(|| {
            self.judged.insert(r.info.uid, ());
            self.veiled(r.last_ts, &r.info, true, SHAPED)
        })
    }
    fn ended(&mut self, r: &FlowRecord) -> Option<Try> {
        let [up, down] = r.payload;
        let told = match admin_service(&r.info) {
            Service::Rdp if down >= DESKTOP_DRAWN => self.grown(r),
            Service::Rdp => {
                let small = DESKTOP_UP.contains(&up) && DESKTOP_DOWN.contains(&down) && r.duration() <= DESKTOP_SPAN && r.is_tcp();
                let refused = small && !self.judged.contains(&r.info.uid) && !self.is_look(r);
                refused.then(|| self.veiled(r.info.first_ts, &r.info, false, SHAPED))
            }
            Service::Ssh => {
                let refused = SHELL_BOTH.contains(&up) && SHELL_BOTH.contains(&down) && r.duration() <= SHELL_SPAN;
                refused.then(|| self.veiled(r.info.first_ts, &r.info, false, SHAPED))
            }
            _ => None,
        };
        self.claims.remove(&r.info.uid);
        self.judged.remove(&r.info.uid);
        self.awaited.remove(&r.info.uid);
        told
    }
    /// A desktop that agreed on a network-level logon, was seen whole and brought no verdict: if the client went away by itself, it looked at the
    /// certificate. Old servers hang up without a word on a wrong password, which is no look.
    fn is_look(&self, r: &FlowRecord) -> bool {
        let whole = r.gaps == [0; 2] && r.missed == [0; 2];
        let went = r.history.as_str().bytes().find(|l| matches!(l, b'F' | b'f' | b'R' | b'r'));
        self.awaited.contains(&r.info.uid) && whole && !matches!(went, Some(b'f' | b'r'))
    }
    /// A try whose account is hidden; a desktop's cookie may claim one.
    fn veiled(&self, at: Timestamp, flow: &FlowInfo, good: bool, why: &'static str) -> Try {
        let (t, account) = (flow.tuple, self.claims.get(&flow.uid).cloned());
        let source = if account.is_some() { "rdp-cookie" } else { why };
        Try { at, from: t.orig, to: t.resp, service: admin_service(flow), account, source, good, locked: false, flow: *flow }
    }
}

/// A try under the account that the flow's logon named. A nameless logon is none; nor is a ticket that was not liked a password that was.
fn named(at: Timestamp, flow: &FlowInfo, good: bool, locked: bool, scene: &Scene<'_>) -> Option<Try> {
    let accounts = &scene.assets.accounts;
    let (account, source, t) = (accounts.of(flow.uid), accounts.source(flow.uid), flow.tuple);
    if account.is_none() && source == ANONYMOUS || !good && account.is_some_and(|a| a.source == "kerberos") {
        return None;
    }
    let account = account.map(|a| a.user.clone());
    Some(Try { at, from: t.orig, to: t.resp, service: admin_service(flow), account, source, good, locked, flow: *flow })
}

/// Statuses that say "this is not the password": wrong, unknown, locked; over SMB 1 without NT statuses ERRbadpw ([MS-ERREF] 2.3.1, [MS-CIFS] 2.2.2.4).
/// A password that is right but expired, or not allowed here, is no guess.
fn is_refusal(status: u32) -> bool {
    matches!(status, 0xc000_006d | 0xc000_006a | 0xc000_0064 | 0xc000_0234 | 0x0002_0002)
}
