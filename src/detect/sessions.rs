//! Remote-administration sessions as events show them: answered, spoken on, logged on, alive, ended; with the account where the wire shows one.
//! The fan-out and path detectors judge sessions, not openings: a half-open scan makes none.

use super::Scene;
use crate::assets::Accounts;
use crate::base::{Outcome, Service, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, FlowRecord};
use crate::protocols::{Message, rdp::Rdp, smb::PENDING, smb::Smb, vnc::Vnc};

/// A session must have carried this much payload in each direction to count as used, in bytes. A refused RDP logon (CredSSP) stays near 2 KiB
/// and ends within a second; lower it and guessing looks like working.
const USED_PAYLOAD: u64 = 1024;
/// … and must have lasted this long, unless it carried [`GROWN_PAYLOAD`] in one direction.
pub(super) const USED_SPAN: Span = Span::secs(3);
/// Payload in one direction that makes a session used whatever its length, in bytes.
const GROWN_PAYLOAD: u64 = 16 * 1024;

/// The dialect by which SMB 1 is told.
const SMB1: u16 = 0x0001;

/// What was connected to over SMB.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Shares {
    /// `IPC$`.
    pub ipc: bool,
    /// `ADMIN$` or a drive (`C$`): only administrators may.
    pub admin: bool,
    /// Any other.
    pub disk: bool,
    /// An administrative share that was refused.
    pub admin_denied: bool,
    /// It turned to encryption: what followed cannot be seen.
    pub sealed: bool,
}

/// What a session over SMB was for, as far as the wire shows; from little to much.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Content {
    /// No share is known: not yet, or its messages were not captured.
    Unknown,
    /// `IPC$` alone: who asks which shares or printers there are does no more. So does who starts a service by a pipe; the pipes are not seen.
    Pipes,
    /// An ordinary share: files.
    Files,
    /// Encrypted.
    Sealed,
    /// `ADMIN$` or a drive: reached, or refused.
    Admin,
}

impl Shares {
    /// What it was for.
    pub fn content(self) -> Content {
        match self {
            Shares { admin, admin_denied, .. } if admin || admin_denied => Content::Admin,
            Shares { sealed: true, .. } => Content::Sealed,
            Shares { disk: true, .. } => Content::Files,
            Shares { ipc: true, .. } => Content::Pipes,
            _ => Content::Unknown,
        }
    }
}

/// One session.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// The flow.
    pub flow: FlowInfo,
    /// Last evidence.
    pub last_ts: Timestamp,
    /// Data went both ways, or its protocol was read.
    pub speaks: bool,
    /// It carried what a session that is worked in carries.
    pub lives: bool,
    /// A logon was confirmed.
    pub logged_on: bool,
    /// A logon was refused.
    pub refused: bool,
    /// SMB 1: what old devices speak, and exploits of it.
    pub smb1: bool,
    /// The end was seen.
    pub ended: bool,
    /// SMB shares.
    pub shares: Shares,
    /// Account as claimed.
    pub user: Option<String>,
    /// Where the account was read: `ntlm` (proven by the logon), `kerberos` (by equal ticket bytes) or `rdp-cookie` (a claim); else why there is none.
    pub user_source: &'static str,
}

impl Session {
    /// Nothing more than a greeting yet: what it is for will show.
    pub fn is_pending(&self) -> bool {
        !self.ended && !self.lives && !self.refused && self.shares.content() == Content::Unknown
    }
    /// Files or a list of shares, seen to be no more than that.
    pub fn is_plain(&self) -> bool {
        !self.refused && matches!(self.shares.content(), Content::Files | Content::Pipes)
    }
    /// A greeting, or a look at what shares there are: how inventories, printer clients and neighbourhood lists go about. Old SMB 1 is left out, since
    /// its exploits do no more either.
    pub fn is_glance(&self) -> bool {
        !self.refused
            && !self.smb1
            && match self.shares.content() {
                Content::Pipes => true,
                Content::Unknown => self.is_pending() || !self.logged_on && !self.lives,
                _ => false,
            }
    }
}

/// What an event changed in a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// The responder answered; nothing was said yet.
    Answered,
    /// First data both ways.
    Speaks,
    /// A logon was confirmed, or a share connected.
    Entered,
    /// A logon was refused.
    Refused,
    /// It is being worked in.
    Lives,
    /// It is over.
    Ended,
    /// Nothing that matters, only newer.
    More,
}

/// All sessions under way; the longest untouched leaves first.
#[derive(Debug)]
pub(super) struct Sessions {
    map: BoundedMap<u64, Session>,
    wanted: fn(Service) -> bool,
}

impl Sessions {
    /// Of the services that `wanted` picks.
    pub fn new(cap: usize, wanted: fn(Service) -> bool) -> Sessions {
        Sessions { map: BoundedMap::new(cap), wanted }
    }
    /// Entries held and evicted.
    pub fn held(&self) -> (usize, u64) {
        (self.map.len(), self.map.evicted())
    }
    /// Takes an event in; what changed, if it belongs to a session. An ended session is handed out once more and forgotten.
    pub fn update(&mut self, event: &Event, scene: &Scene<'_>) -> Option<(Session, Change)> {
        let (mut session, change) = self.take(event)?;
        name(&mut session, &scene.assets.accounts);
        Some((session, change))
    }
    fn take(&mut self, event: &Event) -> Option<(Session, Change)> {
        match &event.kind {
            EventKind::Contact(c) if c.outcome == Outcome::Answered && (self.wanted)(admin_service(&c.flow)) => {
                let s = self.open(&c.flow, event.ts);
                Some((s.clone(), Change::Answered))
            }
            // What is done in a session tells others; here it would only be one more sign of life.
            EventKind::Message { message: Message::Rpc(_) | Message::SmbWork(_) | Message::Kerberos(_), .. } => None,
            EventKind::Message { flow, from_orig, message } if (self.wanted)(admin_service(flow)) => {
                let s = self.open(flow, event.ts);
                let change = read(s, *from_orig, message);
                Some((s.clone(), change))
            }
            EventKind::FlowGrown(r) | EventKind::FlowAlive(r) if (self.wanted)(admin_service(&r.info)) => {
                let s = self.open(&r.info, r.last_ts);
                let change = weigh(s, r);
                Some((s.clone(), change))
            }
            EventKind::Flow(r) if (self.wanted)(admin_service(&r.info)) && r.outcome >= Outcome::Answered => {
                let s = self.open(&r.info, r.last_ts);
                let first = weigh(s, r);
                s.ended = true;
                let out = s.clone();
                self.map.remove(&r.info.uid);
                Some((out, if first == Change::More { Change::Ended } else { first }))
            }
            _ => None,
        }
    }
    fn open(&mut self, flow: &FlowInfo, ts: Timestamp) -> &mut Session {
        let s = self.map.entry(flow.uid, || Session {
            flow: *flow,
            last_ts: ts,
            speaks: false,
            lives: false,
            logged_on: false,
            refused: false,
            smb1: false,
            ended: false,
            shares: Shares::default(),
            user: None,
            user_source: "",
        });
        s.flow = *flow;
        s.last_ts = s.last_ts.max(ts);
        s
    }
}

/// The service by content, else by port; WinRM is HTTP on its own ports.
pub(super) fn admin_service(flow: &FlowInfo) -> Service {
    if flow.service.is_remote_admin() {
        return flow.service;
    }
    match Service::of_port(flow.tuple.proto, flow.tuple.resp_port) {
        s @ (Service::Winrm | Service::Rdp | Service::Vnc) => s,
        _ => flow.service,
    }
}

/// What a flow's counts say of the session.
fn weigh(s: &mut Session, r: &FlowRecord) -> Change {
    let [up, down] = r.payload;
    let spoke = s.speaks;
    s.speaks |= up > 0 && down > 0;
    let used = up.min(down) >= USED_PAYLOAD && r.duration() >= USED_SPAN;
    let lives = up.max(down) >= GROWN_PAYLOAD || used;
    if lives && !s.lives {
        s.lives = true;
        return Change::Lives;
    }
    if s.speaks && !spoke { Change::Speaks } else { Change::More }
}

fn read(s: &mut Session, from_orig: bool, message: &Message) -> Change {
    let spoke = s.speaks;
    let said = |spoke| if spoke { Change::More } else { Change::Speaks };
    match message {
        Message::Smb(m) => match m.as_ref() {
            Smb::Session { status: 0, .. } => {
                (s.speaks, s.logged_on, s.refused) = (true, true, false);
                Change::Entered
            }
            Smb::Tree { path, status, .. } => tree(s, path, *status),
            Smb::Ntlm(_) => {
                s.speaks = true;
                said(spoke)
            }
            // Only who is logged on has a key to encrypt with ([MS-SMB2] 3.2.4.1.8).
            Smb::Encrypted => {
                let first = !s.shares.sealed;
                (s.speaks, s.logged_on, s.shares.sealed) = (true, true, true);
                if first { Change::Entered } else { Change::More }
            }
            Smb::Session { .. } => {
                (s.speaks, s.refused) = (true, true);
                Change::Refused
            }
            Smb::Negotiated { dialect, .. } => {
                s.speaks = true;
                s.smb1 |= *dialect == SMB1;
                said(spoke)
            }
        },
        Message::Rdp(m) if matches!(m.as_ref(), Rdp::Logon { .. }) => judged(s, matches!(m.as_ref(), Rdp::Logon { accepted: true })),
        Message::Vnc(Vnc::Logon { accepted, .. }) => judged(s, *accepted),
        Message::Rdp(m) => {
            if let Rdp::Request { cookie: Some(c), .. } = m.as_ref()
                && s.user.is_none()
            {
                (s.user, s.user_source) = (Some(c.clone()), "rdp-cookie");
            }
            s.speaks |= !from_orig && !matches!(m.as_ref(), Rdp::Failure { .. });
            said(spoke || !s.speaks)
        }
        _ => {
            s.speaks |= !from_orig;
            said(spoke || !s.speaks)
        }
    }
}

/// The responder's verdict on a logon.
fn judged(s: &mut Session, accepted: bool) -> Change {
    s.speaks = true;
    if accepted {
        (s.logged_on, s.refused) = (true, false);
        Change::Entered
    } else {
        s.refused = true;
        Change::Refused
    }
}

fn tree(s: &mut Session, path: &str, status: u32) -> Change {
    s.speaks = true;
    let share = Smb::share(path);
    let drive = share.len() == 2 && share.ends_with('$');
    let admin = share == "ADMIN$" || drive;
    if status != 0 && status != PENDING {
        s.shares.admin_denied |= admin;
        return if admin { Change::Entered } else { Change::More };
    }
    s.logged_on = true;
    match share.as_str() {
        "IPC$" => s.shares.ipc = true,
        _ if admin => s.shares.admin = true,
        _ => s.shares.disk = true,
    }
    Change::Entered
}

/// The account of the logon; a cookie claims one where there is none.
fn name(s: &mut Session, accounts: &Accounts) {
    match accounts.of(s.flow.uid) {
        Some(a) => (s.user, s.user_source) = (Some(a.user.clone()), a.source),
        None if s.user.is_none() => s.user_source = accounts.source(s.flow.uid),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::protocols::{kerberos::Kerberos, ntlmssp::Ntlm};

    /// What comes of the events, the last one's change included.
    fn played(s: &mut Sessions, events: Vec<Event>) -> (Session, Change) {
        let site = std::sync::Arc::new(crate::site::Site::default());
        let mut assets = crate::assets::Assets::new(site.clone());
        let told = events.iter().map(|e| {
            assets.update(e);
            s.update(e, &Scene { site: &site, assets: &assets, now: e.ts })
        });
        told.flatten().last().unwrap()
    }

    fn smb(m: Smb) -> Message {
        Message::Smb(Box::new(m))
    }

    #[test]
    fn a_half_open_contact_is_no_session_and_a_refused_logon_does_not_live() {
        let mut s = Sessions::new(8, Service::is_remote_admin);
        let f = flow(at(0.0), "10.0.0.5", "10.0.0.9", 3389);
        let (got, change) = played(&mut s, vec![contact(at(0.1), f, Outcome::Answered, crate::event::Shape::Syn)]);
        assert!(!got.speaks && change == Change::Answered);
        let (got, change) = played(&mut s, vec![ended(record(f, at(0.4), [2_100, 2_400]))]);
        assert!(got.speaks && !got.lives && got.ended && change == Change::Speaks);
        assert_eq!(s.held(), (0, 0));
    }

    #[test]
    fn an_smb_logon_with_an_account_and_an_administrative_share() {
        let mut s = Sessions::new(8, Service::is_remote_admin);
        let f = flow(at(0.0), "10.0.0.5", "10.0.0.9", 445);
        let ntlm = Ntlm { kind: 3, user: Some("admin".into()), domain: Some("HOSP".into()), ..Ntlm::default() };
        let tree = |p: &str| smb(Smb::Tree { path: p.into(), status: 0, kind: 1 });
        let logon = vec![message(at(0.1), f, true, smb(Smb::Ntlm(ntlm))), message(at(0.2), f, false, tree("\\\\X\\ADMIN$"))];
        let (got, _) = played(&mut s, logon);
        assert_eq!((got.user.as_deref(), got.user_source), (Some("HOSP\\admin"), "ntlm"));
        assert!(got.shares.admin && !got.shares.disk && got.logged_on);
        let (got, _) = played(&mut s, vec![message(at(0.3), f, false, tree("\\\\X\\karte"))]);
        assert!(got.shares.disk);
    }

    #[test]
    fn a_ticket_names_the_account_if_it_was_seen_given() {
        let ticket = |kind, client: Option<&str>| {
            let client = client.map(str::to_owned);
            Message::Kerberos(Box::new(Kerberos { kind, client, realm: "HOSP.EXAMPLE".into(), ticket: Some(9), ..Kerberos::default() }))
        };
        let kdc = flow(at(0.0), "10.0.0.5", "10.0.0.1", 88);
        let f = flow(at(1.0), "10.0.0.5", "10.0.0.9", 445);
        let logon = Smb::Session { status: 0, session: 1, guest: false, encrypted: false, kerberos: true };
        let given = message(at(0.1), kdc, false, ticket(13, Some("adm-kondo")));
        let shown = vec![message(at(1.1), f, true, ticket(14, None)), message(at(1.2), f, false, smb(logon))];
        let mut s = Sessions::new(8, Service::is_remote_admin);
        let (got, _) = played(&mut s, shown.clone());
        assert_eq!((got.user, got.user_source), (None, "none: the ticket was issued before the capture or elsewhere"));
        let (got, change) = played(&mut s, [vec![given], shown].concat());
        assert_eq!((got.user.as_deref(), got.user_source, change), (Some("adm-kondo@HOSP.EXAMPLE"), "kerberos", Change::Entered));
    }
}
