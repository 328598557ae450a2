//! Who would lose what if a host were cut off: for every host that others use, brought up to date once a minute.

use super::view::Changes;
use crate::base::Addr;
use crate::output::Run;
use crate::output::record::ServedRecord;
use crate::site::ZoneKind;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Hosts listed, the most used first.
const HOSTS: usize = 512;
/// Services of one host listed.
const SERVICES: usize = 8;

/// What others use of one host.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServesRecord {
    /// Hosts that use anything of it.
    pub users: usize,
    /// Those in a clinical zone.
    pub clinical: usize,
    /// Some of the users, at most eight.
    pub some: Vec<String>,
    /// Its services, the most used first, at most eight.
    pub services: Vec<ServedRecord>,
    /// Services beyond those.
    pub more: usize,
}

#[derive(Default)]
struct Host {
    users: BTreeSet<Addr>,
    services: BTreeMap<(u8, u16), ServedRecord>,
}

/// Makes the list anew; what is different is noted.
pub(super) fn update(run: &Run<'_>, all: &mut BTreeMap<String, ServesRecord>, changed: &mut Changes<ServesRecord>) {
    let clinical = |a: Addr| run.site.kind(a) == Some(ZoneKind::Clinical);
    let mut hosts: BTreeMap<Addr, Host> = BTreeMap::new();
    for j in run.assets.uses.iter() {
        let h = hosts.entry(j.host).or_default();
        h.users.insert(j.user);
        let s = h.services.entry((j.proto, j.port)).or_insert_with(|| ServedRecord {
            service: j.of.service.word().to_owned(),
            port: j.port,
            ..ServedRecord::default()
        });
        s.users += 1;
        s.clinical += usize::from(clinical(j.user));
        let last = j.of.last_ts.to_string();
        if last > s.last_ts {
            s.last_ts = last;
        }
    }
    let mut order: Vec<(Addr, Host)> = hosts.into_iter().collect();
    order.sort_by_key(|(a, h)| (std::cmp::Reverse(h.users.len()), *a));
    order.truncate(HOSTS);
    let now: BTreeMap<String, ServesRecord> = order.into_iter().map(|(a, h)| (a.to_string(), record(h, &clinical))).collect();
    let gone: Vec<String> = all.keys().filter(|k| !now.contains_key(*k)).cloned().collect();
    gone.iter().for_each(|k| changed.leave(k, all));
    for (k, v) in now {
        if all.get(&k) != Some(&v) {
            changed.gone.retain(|g| *g != k);
            changed.set.insert(k.clone(), v.clone());
            all.insert(k, v);
        }
    }
}

fn record(h: Host, clinical: &dyn Fn(Addr) -> bool) -> ServesRecord {
    let mut services: Vec<ServedRecord> = h.services.into_values().collect();
    services.sort_by_key(|s| (std::cmp::Reverse(s.users), s.port));
    let more = services.len().saturating_sub(SERVICES);
    services.truncate(SERVICES);
    ServesRecord {
        users: h.users.len(),
        clinical: h.users.iter().filter(|a| clinical(**a)).count(),
        some: h.users.iter().take(SERVICES).map(|a| a.to_string()).collect(),
        services,
        more,
    }
}
