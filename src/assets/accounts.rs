//! Who logged on on which flow: by NTLM as the authenticate message claims it and the answer confirms it, by Kerberos through equal ticket bytes: the
//! ticket that a reply of the key distribution centre gave to a client is shown again, as it is, to the service (RFC 4120, 3.2.2). Names alone are
//! kept; nothing that proves knowledge of a password is.

use crate::base::{Addr, Service, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo};
use crate::protocols::dcerpc::{Outcome, Rpc};
use crate::protocols::{Message, http::Auth, kerberos::Kerberos, ntlmssp::Ntlm, smb::Smb};

/// Most flows with a logon; the longest untouched leaves.
const FLOWS: usize = 16_384;
/// Most tickets remembered; a working day's of a hospital with a thousand users are some ten thousand.
const TICKETS: usize = 65_536;

/// Most places (account and host) where an account was let in; the longest unused leaves.
const PLACES: usize = 65_536;

/// Characters kept of a user, a domain and a computer.
const NAME: usize = 64;

/// Why a flow has no account.
const UNREADABLE: &str = "none: the logon was not readable";
/// The words for a logon without a name.
pub const ANONYMOUS: &str = "none: the logon was anonymous";
const FOREIGN_TICKET: &str = "none: the ticket was issued before the capture or elsewhere";

const AS_REP: u8 = 11;
const TGS_REP: u8 = 13;
const AP_REQ: u8 = 14;
/// RPC's "access denied", as faults and returned codes have it.
const ACCESS_DENIED: u32 = 5;

/// An account on a flow.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Account {
    /// As it is written: `DOMAIN\user`, `user@REALM`, or `user` alone.
    pub user: String,
    /// The name without domain or realm.
    pub name: String,
    /// Domain or realm, or empty.
    pub domain: String,
    /// The client's computer as it calls itself; empty if it does not.
    pub workstation: String,
    /// How it is known: `ntlm`, as claimed in the logon; `kerberos`, by equal ticket bytes.
    pub source: &'static str,
    /// An account of one computer, not of a domain: the domain named is the responder, `.`, or the client's own computer.
    pub local: bool,
    /// The responder let it in or refused it; not seen yet if none.
    pub confirmed: Option<bool>,
}

/// A ticket as it was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Issued {
    /// To whom.
    pub to: Addr,
    /// The client's principal.
    pub client: String,
    /// The service's principal.
    pub service: String,
    /// The realm of the client.
    pub realm: String,
    /// By the first exchange, for a password: with it the others are asked for.
    pub initial: bool,
    /// When.
    pub ts: Timestamp,
}

/// What one flow showed.
#[derive(Debug, Default)]
struct Entry {
    /// Names by which the responder calls itself, from its challenge: computer, DNS name, and the domain it serves.
    names: [Option<String>; 3],
    account: Option<Account>,
    why: Option<&'static str>,
}

/// All accounts and tickets, capped.
#[derive(Debug)]
pub struct Accounts {
    flows: BoundedMap<u64, Entry>,
    tickets: BoundedMap<u128, Issued>,
    /// Where an account was let in, and when last.
    places: BoundedMap<(String, Addr), Timestamp>,
}

impl Default for Accounts {
    fn default() -> Self {
        Accounts { flows: BoundedMap::new(FLOWS), tickets: BoundedMap::new(TICKETS), places: BoundedMap::new(PLACES) }
    }
}

impl Accounts {
    /// The account that logged on last on this flow; a nameless logon beside it changes nothing.
    pub fn of(&self, uid: u64) -> Option<&Account> {
        self.flows.get(&uid)?.account.as_ref()
    }
    /// Where the flow's account is known from, or why there is none: the words of `user_source`.
    pub fn source(&self, uid: u64) -> &'static str {
        let Some(e) = self.flows.get(&uid) else { return UNREADABLE };
        e.account.as_ref().map_or(e.why.unwrap_or(UNREADABLE), |a| a.source)
    }
    /// To whom a ticket was given, if that was seen.
    pub fn issued(&self, ticket: u128) -> Option<&Issued> {
        self.tickets.get(&ticket)
    }
    pub(super) fn update(&mut self, event: &Event) {
        let EventKind::Message { flow, message, .. } = &event.kind else { return };
        match message {
            Message::Smb(m) => match m.as_ref() {
                Smb::Ntlm(n) => self.ntlm(flow.uid, n),
                Smb::Session { status, guest, .. } => self.judged(flow, event.ts, *status == 0 && !guest),
                _ => {}
            },
            Message::Rpc(m) => match m.as_ref() {
                Rpc::Ntlm(n) => self.ntlm(flow.uid, n),
                // Over a pipe the logon was SMB's.
                Rpc::Call(c) if c.pipe.is_none() => match c.outcome {
                    Outcome::Returned(_) => self.judged(flow, event.ts, true),
                    Outcome::Fault(ACCESS_DENIED) => self.judged(flow, event.ts, false),
                    _ => {}
                },
                _ => {}
            },
            Message::HttpAuth(m) => match m.as_ref() {
                Auth::Ntlm(n) => self.ntlm(flow.uid, n),
                Auth::Answered { status } => self.judged(flow, event.ts, !matches!(status, 401 | 403 | 407)),
                Auth::Kerberos => {}
            },
            Message::Kerberos(k) => self.kerberos(flow, k, event.ts),
            _ => {}
        }
    }
    fn ntlm(&mut self, uid: u64, n: &Ntlm) {
        if !matches!(n.kind, 2 | 3) {
            return;
        }
        let e = self.flows.entry(uid, Entry::default);
        if n.kind == 2 {
            e.names = [n.server_name.clone(), n.server_dns.clone(), n.domain.clone()];
            return;
        }
        let text = |t: &Option<String>| cut(t.as_deref().unwrap_or_default());
        let (name, domain, workstation) = (text(&n.user), text(&n.domain), text(&n.workstation));
        if n.anonymous || name.is_empty() {
            e.why.get_or_insert(ANONYMOUS);
            return;
        }
        let local = e.is_own(&domain) || !workstation.is_empty() && domain.eq_ignore_ascii_case(&workstation);
        let user = if domain.is_empty() { name.clone() } else { format!("{domain}\\{name}") };
        e.account = Some(Account { user, name, domain, workstation, source: "ntlm", local, confirmed: None });
    }
    fn kerberos(&mut self, flow: &FlowInfo, k: &Kerberos, ts: Timestamp) {
        let Some(ticket) = k.ticket else { return };
        match (k.kind, &k.client) {
            (AS_REP | TGS_REP, Some(client)) => {
                let (service, realm) = (k.service.clone().unwrap_or_default(), k.home().to_owned());
                // A ticket that is seen again, on its way through a second port, was given once.
                let initial = k.kind == AS_REP;
                self.tickets.entry(ticket, || Issued {
                    to: flow.tuple.orig,
                    client: cut(client),
                    service: service.chars().take(2 * NAME).collect(),
                    realm: cut(&realm),
                    initial,
                    ts,
                });
            }
            (AP_REQ, _) if flow.service != Service::Kerberos => self.shown(flow.uid, ticket),
            _ => {}
        }
    }
    fn shown(&mut self, uid: u64, ticket: u128) {
        let account = self.tickets.touch(&ticket).map(|i| Account {
            user: if i.realm.is_empty() { i.client.clone() } else { format!("{}@{}", i.client, i.realm) },
            name: i.client.clone(),
            domain: i.realm.clone(),
            source: "kerberos",
            ..Account::default()
        });
        let e = self.flows.entry(uid, Entry::default);
        match account {
            Some(a) => e.account = Some(a),
            None => {
                e.why.get_or_insert(FOREIGN_TICKET);
            }
        }
    }
    /// The responder has answered a logon.
    fn judged(&mut self, flow: &FlowInfo, ts: Timestamp, good: bool) {
        if let Some(a) = self.flows.touch(&flow.uid).and_then(|e| e.account.as_mut())
            && a.confirmed.is_none()
        {
            a.confirmed = Some(good);
            if good {
                // A local account of the same name elsewhere is another account, if often with the same password.
                self.places.insert((a.user.to_lowercase(), flow.tuple.resp), ts);
            }
        }
    }
    /// Where accounts were let in: the account in lower case, the host, the last time. In no order that matters.
    pub fn places(&self) -> impl Iterator<Item = (&str, Addr, Timestamp)> {
        self.places.iter().map(|((user, host), ts)| (user.as_str(), *host, *ts))
    }
    /// Takes up where accounts were let in before a restart; the longest unused first.
    pub(super) fn restore(&mut self, mut places: Vec<(String, Addr, Timestamp)>) {
        places.sort_by(|a, b| (a.2, a.1, &a.0).cmp(&(b.2, b.1, &b.0)));
        for (user, host, ts) in places {
            self.places.insert((user, host), ts);
        }
    }
    pub(super) fn held(&self) -> [(&'static str, usize, u64); 3] {
        [
            ("accounts", self.flows.len(), self.flows.evicted()),
            ("tickets", self.tickets.len(), self.tickets.evicted()),
            ("account_places", self.places.len(), self.places.evicted()),
        ]
    }
}

/// Names are kept as long as Windows allows a computer's or a user's to be in practice; what is longer is nobody's, and fills tables.
fn cut(name: &str) -> String {
    name.chars().take(NAME).collect()
}

impl Entry {
    /// Is this how the responder calls itself, and not a domain? A domain controller serves accounts of its domain alone.
    fn is_own(&self, domain: &str) -> bool {
        let [computer, dns, target] = &self.names;
        let is = |n: &Option<String>| n.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(domain));
        // A computer in no domain gives itself as its domain, and takes an empty one for its own.
        let alone = computer.is_some() && computer == target;
        domain == "." || domain.is_empty() && alone || !domain.is_empty() && (is(computer) || is(dns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::FiveTuple;

    fn on(uid: u64, message: Message) -> Event {
        let tuple = FiveTuple { orig: Addr::v4(0x0a00_0005), resp: Addr::v4(0x0a00_0009), ..FiveTuple::default() };
        let flow = FlowInfo { uid, tuple, service: Service::Smb, ..FlowInfo::default() };
        Event { ts: Timestamp(uid), packet: 1, kind: EventKind::Message { flow, from_orig: true, message } }
    }
    fn smb(m: Smb) -> Message {
        Message::Smb(Box::new(m))
    }
    fn challenge(computer: &str, domain: &str) -> Ntlm {
        Ntlm { kind: 2, server_name: Some(computer.into()), domain: Some(domain.into()), challenge: Some([7; 8]), ..Ntlm::default() }
    }
    fn claim(domain: &str, user: &str) -> Ntlm {
        let text = |t: &str| (!t.is_empty()).then(|| t.to_owned());
        Ntlm { kind: 3, domain: text(domain), user: text(user), workstation: Some("PC1".into()), anonymous: user.is_empty(), ..Ntlm::default() }
    }
    fn session(status: u32) -> Message {
        smb(Smb::Session { status, session: 1, guest: false, encrypted: false, kerberos: false })
    }
    fn ticket(kind: u8, client: Option<&str>, hash: u128) -> Message {
        let client = client.map(str::to_owned);
        let k =
            Kerberos { kind, client, realm: "HOSP.EXAMPLE".into(), service: Some("cifs/files".into()), ticket: Some(hash), ..Kerberos::default() };
        Message::Kerberos(Box::new(k))
    }

    #[test]
    fn a_claim_is_confirmed_or_refused_by_the_answer() {
        let mut a = Accounts::default();
        a.update(&on(1, smb(Smb::Ntlm(challenge("FILES", "HOSP")))));
        a.update(&on(1, smb(Smb::Ntlm(claim("HOSP", "nurse3")))));
        assert_eq!(a.of(1).unwrap().confirmed, None);
        a.update(&on(1, session(0)));
        // A nameless logon beside it takes nothing away.
        a.update(&on(1, smb(Smb::Ntlm(claim("", "")))));
        a.update(&on(1, session(0xc000_0022)));
        let got = a.of(1).unwrap();
        assert_eq!((got.user.as_str(), got.source, got.local, got.confirmed), ("HOSP\\nurse3", "ntlm", false, Some(true)));
        a.update(&on(2, smb(Smb::Ntlm(claim("HOSP", "nurse3")))));
        a.update(&on(2, session(0xc000_006d)));
        assert_eq!(a.of(2).unwrap().confirmed, Some(false));
        assert_eq!((a.of(3), a.source(3)), (None, UNREADABLE));
    }

    #[test]
    fn a_domain_that_is_a_computer_is_a_local_account() {
        let local = |of: Option<Ntlm>, domain: &str| {
            let mut a = Accounts::default();
            of.into_iter().for_each(|n| a.update(&on(1, smb(Smb::Ntlm(n)))));
            a.update(&on(1, smb(Smb::Ntlm(claim(domain, "administrator")))));
            a.of(1).unwrap().local
        };
        let (member, alone) = (|| Some(challenge("WARD-PC3", "HOSP")), || Some(challenge("NAS", "NAS")));
        for (of, domain, is) in [
            (member(), "ward-pc3", true),
            (member(), ".", true),
            (member(), "PC1", true),
            (member(), "HOSP", false),
            (member(), "", false),
            (alone(), "", true),
            (alone(), "HOSP", false),
            (None, "HOSP", false),
            (None, ".", true),
        ] {
            assert_eq!(local(of.clone(), domain), is, "{domain:?} at {of:?}");
        }
    }

    #[test]
    fn the_ticket_that_was_given_tells_who_shows_it() {
        let mut a = Accounts::default();
        a.update(&on(1, ticket(TGS_REP, Some("nurse3"), 77)));
        a.update(&on(2, ticket(AP_REQ, None, 77)));
        a.update(&on(2, session(0)));
        let got = a.of(2).unwrap();
        assert_eq!((got.user.as_str(), got.source, got.confirmed), ("nurse3@HOSP.EXAMPLE", "kerberos", Some(true)));
        assert_eq!(a.issued(77).unwrap().to, Addr::v4(0x0a00_0005));
        // Of another realm than the service.
        let Message::Kerberos(mut foreign) = ticket(TGS_REP, Some("tanaka"), 79) else { panic!() };
        foreign.client_realm = "LAB.EXAMPLE".into();
        a.update(&on(4, Message::Kerberos(foreign)));
        a.update(&on(5, ticket(AP_REQ, None, 79)));
        assert_eq!((a.of(5).unwrap().user.as_str(), a.of(5).unwrap().domain.as_str()), ("tanaka@LAB.EXAMPLE", "LAB.EXAMPLE"));
        a.update(&on(3, ticket(AP_REQ, None, 78)));
        assert_eq!((a.of(3), a.source(3)), (None, FOREIGN_TICKET));
    }
}
