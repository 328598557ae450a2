//! One host as the key distribution centre sees it: what it offers, which tickets it was given, and what was said of it.

use super::names::Names;
use crate::base::{Severity, Span, Timestamp};
use crate::event::FlowInfo;

/// Most tickets kept of one kind.
const KEPT: usize = 64;

/// RC4-HMAC, whose key is the password's plain hash; and AES.
pub(super) const RC4: i32 = 23;
pub(super) fn is_aes(etype: i32) -> bool {
    matches!(etype, 17 | 18)
}

/// What was asked on a flow; the answer does not repeat it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub kind: u8,
    pub client: Option<String>,
    /// With its realm, in small letters.
    pub user: String,
    pub offered: Vec<i32>,
    pub proof: bool,
    /// The proof was sent without having been asked for.
    pub at_once: bool,
}

impl Asked {
    pub fn offers_aes(&self) -> bool {
        self.offered.iter().any(|e| is_aes(*e))
    }
    /// The weak key first although others are offered, or alone.
    pub fn prefers_rc4(&self) -> bool {
        self.offered.first() == Some(&RC4)
    }
}

/// A ticket that was given.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub at: Timestamp,
    /// Of which service, or to which account.
    pub name: String,
    pub rc4_first: bool,
    pub etype: i32,
    pub flow: FlowInfo,
}

/// One host.
#[derive(Debug, Default)]
pub(super) struct Client {
    /// It offered AES, or used it.
    pub aes: bool,
    /// Accounts by which it was asked for a proof, with the time.
    pub prompted: Vec<(String, Timestamp)>,
    /// Tickets to accounts of services, encrypted with the weak key.
    pub services: Vec<Given>,
    /// Answers without a proof: to guess the password from at leisure.
    pub unproven: Vec<Given>,
    /// Accounts that it asks about.
    pub names: Names,
    /// Logons with the weak key alone.
    pub weak: u32,
    pub said: Vec<(&'static str, Severity, u64, Timestamp)>,
}

impl Client {
    /// Takes a ticket in: one of each name, the newest.
    pub fn keep(list: &mut Vec<Given>, new: Given) {
        list.retain(|g| g.name != new.name);
        if list.len() >= KEPT {
            list.remove(0);
        }
        list.push(new);
    }
    pub fn prompt(&mut self, account: &str, at: Timestamp) {
        self.prompted.retain(|p| p.0 != account);
        if self.prompted.len() >= KEPT {
            self.prompted.remove(0);
        }
        self.prompted.push((account.to_owned(), at));
    }
    /// Is there more to say than last time? What was said a day ago is said again.
    pub fn is_news(&mut self, kind: &'static str, severity: Severity, count: u64, now: Timestamp) -> bool {
        self.said.retain(|s| now.since(s.3) <= DAY);
        match self.said.iter_mut().find(|s| s.0 == kind) {
            Some(s) if severity <= s.1 && count <= s.2 => false,
            Some(s) => {
                *s = (kind, s.1.max(severity), count, now);
                true
            }
            None => {
                self.said.push((kind, severity, count, now));
                true
            }
        }
    }
}

/// After this long the same is said again.
const DAY: Span = Span::hours(24);

/// Is this ticket for an account that a person made for a service, so that its password can be guessed from it? Those of computers cannot: their
/// passwords are long and random.
pub(super) fn is_service_account(service: &str, client: &str) -> bool {
    const COMPUTERS: [&str; 24] = [
        "cifs",
        "host",
        "ldap",
        "rpcss",
        "termsrv",
        "wsman",
        "dns",
        "gc",
        "restrictedkrbhost",
        "krbtgt",
        "kadmin",
        "nfs",
        "imap",
        "pop",
        "smtp",
        "smtpsvc",
        "exchangemdb",
        "exchangeab",
        "exchangerfr",
        "msserverclustermgmtapi",
        "ntfrs-88f5d2bd-b646-11d2-a6d3-00c04fc9b232",
        "dfsr-12f9a27c-bf97-4787-9364-d31b6c55eb04",
        "e3514235-4b06-11d1-ab04-00c04fc2dcd2",
        "tapinego",
    ];
    let service = service.to_lowercase();
    let class = service.split('/').next().unwrap_or_default();
    !service.is_empty() && !service.contains('$') && !service.eq_ignore_ascii_case(client) && !COMPUTERS.contains(&class)
}

/// Class and host, without port and instance.
pub(super) fn plain(service: &str) -> String {
    service.split(':').next().unwrap_or(service).to_lowercase()
}
