//! What may come next, and what it would cost to stop it: the hosts that an intruder can reach with what he was seen to have, and for each host of the
//! story who uses it, so that nobody cuts off a ward by pulling a cable.

use super::{Book, Incident};
use crate::assets::{Assets, Edge, Joint};
use crate::base::{Addr, Outcome, Service, Severity, Timestamp};
use crate::site::{Role, Site, ZoneKind};
use std::collections::{BTreeMap, BTreeSet};

/// Most hosts named as next.
const MAX_NEXT: usize = 16;
/// Most incidents with an outlook: a card walks all users of a host.
const MAX_OUTLOOKS: usize = 128;
/// Most hosts of the story that get a card.
const MAX_CARDS: usize = 32;
/// Most services and most hosts named on a card.
const MAX_LINES: usize = 8;

/// Why a host may be next.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Why {
    /// Hosts of the story were answered there on a service of remote administration.
    Reached {
        /// By what.
        via: Service,
        /// Which, in order.
        from: Vec<Addr>,
        /// Last time.
        ts: Timestamp,
    },
    /// An account of the story was accepted there.
    Account(String),
}

/// A host that may be next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Next {
    /// Its address.
    pub host: Addr,
    /// What people call it; empty if nobody knows.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Why.
    pub why: Vec<Why>,
}

/// A service that a host offers, and who uses it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Served {
    /// Service.
    pub service: Service,
    /// Port.
    pub port: u16,
    /// Hosts that use it.
    pub users: usize,
    /// Those of them in a clinical zone.
    pub clinical: usize,
    /// Last use.
    pub last_ts: Timestamp,
}

/// What stops if a host is cut off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Card {
    /// Its address.
    pub host: Addr,
    /// What people call it; empty if nobody knows.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Hosts that use anything of it, and those of them in a clinical zone; hosts of the story do not count.
    pub users: (usize, usize),
    /// Its services, the most used first.
    pub serves: Vec<Served>,
    /// Services that are not listed here.
    pub more: usize,
    /// Hosts whose services it uses itself.
    pub uses: Vec<Addr>,
    /// Since when the network is watched: what is used less often was not seen.
    pub since: Option<Timestamp>,
}

/// What may come next, and what it would cost to stop it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outlook {
    /// Hosts that may be next, the likeliest first.
    pub next: Vec<Next>,
    /// What stops if a host of the story is cut off, in the order of the story.
    pub cards: Vec<Card>,
}

/// Who has to do with whom, in an order in which one host's part is found at once: made once for the incidents of one moment.
#[derive(Debug, Default)]
pub struct Around {
    by_host: Vec<Joint>,
    by_user: Vec<Joint>,
    out: Vec<(Addr, Addr, Service, Edge)>,
    /// Accounts in lower case and the hosts that let them in.
    places: BTreeMap<String, Vec<Addr>>,
    /// The incidents that get an outlook: the worst ones, of equals the oldest. With more than these nobody reads cards.
    worst: BTreeSet<String>,
}

impl Around {
    /// Of what was learned so far.
    pub fn of(assets: &Assets, book: &Book) -> Around {
        Around::with(assets, book, &|_| true)
    }
    /// The same for these incidents alone: of all uses only those of their hosts are looked at closely.
    pub fn about<'a>(assets: &Assets, book: &Book, incidents: impl IntoIterator<Item = &'a Incident>) -> Around {
        let hosts: BTreeSet<Addr> = incidents.into_iter().flat_map(story).collect();
        Around::with(assets, book, &|a| hosts.contains(a))
    }
    fn with(assets: &Assets, book: &Book, wanted: &dyn Fn(&Addr) -> bool) -> Around {
        let mut by_host: Vec<Joint> = assets.uses.iter().filter(|j| wanted(&j.host) || wanted(&j.user)).collect();
        let mut by_user = by_host.clone();
        by_host.sort_unstable_by_key(|j| (j.host, j.proto, j.port, j.user));
        by_user.sort_unstable_by_key(|j| (j.user, j.host, j.proto, j.port));
        let mut out: Vec<_> = assets.edges.iter().filter(|e| wanted(&e.0)).collect();
        out.sort_unstable_by_key(|(orig, resp, service, _)| (*orig, *resp, *service));
        let mut places: BTreeMap<String, Vec<Addr>> = BTreeMap::new();
        for (user, host, _) in assets.accounts.places() {
            places.entry(user.to_owned()).or_default().push(host);
        }
        places.values_mut().for_each(|hosts| hosts.sort_unstable());
        let mut order: Vec<(std::cmp::Reverse<Severity>, usize, &str)> =
            book.incidents().iter().enumerate().map(|(n, i)| (std::cmp::Reverse(i.severity), n, i.id.as_str())).collect();
        order.sort_unstable();
        let worst = order.into_iter().take(MAX_OUTLOOKS).map(|o| o.2.to_owned()).collect();
        Around { by_host, by_user, out, places, worst }
    }
}

/// The part of an ordered list whose key is `of`.
fn part<T>(list: &[T], key: impl Fn(&T) -> Addr, of: Addr) -> &[T] {
    let from = list.partition_point(|x| key(x) < of);
    let to = list.partition_point(|x| key(x) <= of);
    list.get(from..to).unwrap_or_default()
}

impl Outlook {
    /// Of an incident, if it is among the worst.
    pub fn of(incident: &Incident, site: &Site, assets: &Assets, around: &Around) -> Outlook {
        if !around.worst.contains(&incident.id) {
            return Outlook::default();
        }
        let story: BTreeSet<Addr> = incident.hosts.iter().filter_map(|h| h.parse().ok()).collect();
        Outlook { next: next(incident, &story, site, assets, around), cards: cards(incident, &story, site, assets, around) }
    }
}

/// Every address that an outlook of the incident looks from.
fn story(incident: &Incident) -> BTreeSet<Addr> {
    let steps = incident.path.iter().flat_map(|h| [h.from, h.to]);
    incident.hosts.iter().chain([&incident.patient_zero]).filter_map(|h| h.parse().ok()).chain(steps).collect()
}

/// A host is the intruder's if he got in, or if it acted.
fn taken(incident: &Incident, story: &BTreeSet<Addr>) -> BTreeSet<Addr> {
    let entered = incident.path.iter().filter(|h| h.outcome == Outcome::Succeeded).map(|h| h.to);
    let acted = incident.path.iter().map(|h| h.from).chain(incident.patient_zero.parse());
    entered.chain(acted).filter(|a| story.contains(a)).collect()
}

fn next(incident: &Incident, story: &BTreeSet<Addr>, site: &Site, assets: &Assets, around: &Around) -> Vec<Next> {
    let taken = taken(incident, story);
    let mut found: BTreeMap<Addr, BTreeMap<Service, (Vec<Addr>, Timestamp)>> = BTreeMap::new();
    let out = taken.iter().flat_map(|a| part(&around.out, |e| e.0, *a));
    for (from, to, via, edge) in out.filter(|e| !story.contains(&e.1) && site.is_inside(e.1)) {
        let (by, last) = found.entry(*to).or_default().entry(*via).or_default();
        by.push(*from);
        *last = edge.last_ts.max(*last);
    }
    let mut why: BTreeMap<Addr, Vec<Why>> = BTreeMap::new();
    for (host, ways) in found {
        why.insert(host, ways.into_iter().map(|(via, (from, ts))| Why::Reached { via, from, ts }).collect());
    }
    for (user, _) in &incident.accounts {
        let hosts = around.places.get(&user.to_lowercase()).into_iter().flatten();
        for host in hosts.filter(|h| !story.contains(h) && site.is_inside(**h)) {
            why.entry(*host).or_default().push(Why::Account(user.clone()));
        }
    }
    let mut all: Vec<Next> = why
        .into_iter()
        .map(|(host, mut why)| {
            why.truncate(MAX_LINES);
            Next { host, name: name(assets, host), role: assets.role(host), why }
        })
        .collect();
    // Who holds many others' work first, then who was reached in more ways.
    let weight = |n: &Next| matches!(n.role, Role::Backup | Role::Server | Role::Infrastructure | Role::Management | Role::Pacs);
    all.sort_by_key(|n| (std::cmp::Reverse(weight(n)), std::cmp::Reverse(n.why.len()), n.host));
    all.truncate(MAX_NEXT);
    all
}

fn cards(incident: &Incident, story: &BTreeSet<Addr>, site: &Site, assets: &Assets, around: &Around) -> Vec<Card> {
    let order = incident.hosts.iter().filter_map(|h| h.parse::<Addr>().ok()).filter(|a| site.is_inside(*a)).take(MAX_CARDS);
    order.map(|host| card(host, around, story, site, assets)).collect()
}

fn card(host: Addr, around: &Around, story: &BTreeSet<Addr>, site: &Site, assets: &Assets) -> Card {
    let clinical = |a: &Addr| site.kind(*a) == Some(ZoneKind::Clinical);
    let mine: Vec<&Joint> = part(&around.by_host, |j| j.host, host).iter().filter(|j| !story.contains(&j.user)).collect();
    let users: BTreeSet<Addr> = mine.iter().map(|j| j.user).collect();
    let mut by_port: BTreeMap<(u8, u16), Served> = BTreeMap::new();
    for j in &mine {
        let fresh = Served { service: j.of.service, port: j.port, users: 0, clinical: 0, last_ts: j.of.last_ts };
        let s = by_port.entry((j.proto, j.port)).or_insert(fresh);
        s.users += 1;
        s.clinical += usize::from(clinical(&j.user));
        s.last_ts = s.last_ts.max(j.of.last_ts);
    }
    let mut serves: Vec<Served> = by_port.into_values().collect();
    serves.sort_by_key(|s| (std::cmp::Reverse(s.users), s.port));
    let more = serves.len().saturating_sub(MAX_LINES);
    serves.truncate(MAX_LINES);
    let others: BTreeSet<Addr> = part(&around.by_user, |j| j.user, host).iter().filter(|j| !story.contains(&j.host)).map(|j| j.host).collect();
    Card {
        host,
        name: name(assets, host),
        role: assets.role(host),
        users: (users.len(), users.iter().filter(|a| clinical(a)).count()),
        serves,
        more,
        uses: others.into_iter().take(MAX_LINES).collect(),
        since: assets.since(),
    }
}

fn name(assets: &Assets, a: Addr) -> String {
    assets.name_of(a).unwrap_or_default().to_owned()
}
