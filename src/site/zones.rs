//! Zones: named networks with a kind.

use crate::base::{Addr, Cidr};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a zone is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZoneKind {
    /// Terminals, modalities, everything near the patient: must not reach the internet.
    Clinical,
    /// Servers.
    Server,
    /// Office PCs.
    Office,
    /// Patients' and visitors' network.
    Guest,
    /// Where suppliers come in.
    Vendor,
    /// Management network.
    Management,
    /// Backup network.
    Backup,
    /// Between inside and internet.
    Dmz,
}

/// Index of a zone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ZoneId(pub u16);

/// One zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    /// Its name in the site file.
    pub name: String,
    /// Its kind.
    pub kind: ZoneKind,
    /// Its prefixes.
    pub networks: Vec<Cidr>,
    /// Its VLANs.
    pub vlans: Vec<u16>,
}

/// All zones, with sorted disjoint ranges for a binary search: the longest prefix wins.
#[derive(Debug, Default)]
pub struct Zones {
    zones: Vec<Zone>,
    /// (first address, last address, zone), sorted, disjoint.
    ranges: Vec<(Addr, Addr, ZoneId)>,
    /// The same of IPv4: most lookups are of these, and many of addresses of the internet.
    v4: Vec<(u32, u32, ZoneId)>,
    /// First bytes of IPv4 addresses of which some are in a zone.
    v4_first: [u64; 4],
    by_vlan: BTreeMap<u16, ZoneId>,
}

impl Zones {
    /// Builds the search table.
    pub fn new(zones: Vec<Zone>) -> Zones {
        let mut nets: Vec<(Cidr, ZoneId)> = Vec::new();
        let mut by_vlan = BTreeMap::new();
        for (i, z) in zones.iter().enumerate() {
            let id = ZoneId(i as u16);
            nets.extend(z.networks.iter().map(|n| (*n, id)));
            by_vlan.extend(z.vlans.iter().map(|v| (*v, id)));
        }
        // Wider prefixes first: narrower ones are cut out of them.
        nets.sort_by_key(|(n, _)| std::cmp::Reverse(n.last().0 - n.first().0));
        let mut ranges: Vec<(Addr, Addr, ZoneId)> = Vec::new();
        for (n, id) in nets {
            let (lo, hi) = (n.first(), n.last());
            let mut next = Vec::with_capacity(ranges.len() + 2);
            for (a, b, z) in ranges {
                if b < lo || a > hi {
                    next.push((a, b, z));
                    continue;
                }
                if a < lo {
                    next.push((a, Addr(lo.0 - 1), z));
                }
                if b > hi {
                    next.push((Addr(hi.0 + 1), b, z));
                }
            }
            next.push((lo, hi, id));
            ranges = next;
        }
        ranges.sort();
        let v4: Vec<(u32, u32, ZoneId)> = ranges.iter().filter_map(|r| v4_part(r.0, r.1).map(|(a, b)| (a, b, r.2))).collect();
        let mut v4_first = [0u64; 4];
        for first in v4.iter().flat_map(|(a, b, _)| a >> 24..=b >> 24) {
            if let Some(word) = v4_first.get_mut(first as usize / 64) {
                *word |= 1 << (first % 64);
            }
        }
        Zones { zones, ranges, v4, v4_first, by_vlan }
    }
    /// The zone of an address.
    #[inline]
    pub fn of(&self, a: Addr) -> Option<ZoneId> {
        let Some(v4) = a.as_v4() else { return self.of_any(a) };
        let first = v4 >> 24;
        if self.v4_first.get(first as usize / 64).is_none_or(|word| word >> (first % 64) & 1 == 0) {
            return None;
        }
        let i = self.v4.partition_point(|r| r.0 <= v4);
        let (_, last, z) = *self.v4.get(i.checked_sub(1)?)?;
        (v4 <= last).then_some(z)
    }
    fn of_any(&self, a: Addr) -> Option<ZoneId> {
        let i = self.ranges.partition_point(|r| r.0 <= a);
        let (_, last, z) = *self.ranges.get(i.checked_sub(1)?)?;
        (a <= last).then_some(z)
    }
    /// The zone that declares a VLAN.
    pub fn of_vlan(&self, v: u16) -> Option<ZoneId> {
        self.by_vlan.get(&v).copied()
    }
    /// The zone itself.
    pub fn get(&self, id: ZoneId) -> Option<&Zone> {
        self.zones.get(id.0 as usize)
    }
    /// All zones with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (ZoneId, &Zone)> {
        self.zones.iter().enumerate().map(|(i, z)| (ZoneId(i as u16), z))
    }
    /// Is any zone of this kind declared?
    pub fn has(&self, kind: ZoneKind) -> bool {
        self.zones.iter().any(|z| z.kind == kind)
    }
}

/// What of a range is IPv4.
fn v4_part(first: Addr, last: Addr) -> Option<(u32, u32)> {
    let (lo, hi) = (first.max(Addr::v4(0)), last.min(Addr::v4(u32::MAX)));
    (lo <= hi).then_some((lo.0 as u32, hi.0 as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins_and_nothing_beyond_matches() {
        let z = |name: &str, kind, nets: &[&str]| Zone {
            name: name.into(),
            kind,
            networks: nets.iter().map(|n| n.parse().unwrap()).collect(),
            vlans: vec![],
        };
        let zones = Zones::new(vec![
            z("all", ZoneKind::Office, &["10.0.0.0/8"]),
            z("icu", ZoneKind::Clinical, &["10.1.0.0/16", "10.1.2.0/24"]),
            z("srv", ZoneKind::Server, &["10.1.2.128/25", "fd00::/8"]),
        ]);
        let of = |a: &str| zones.of(a.parse().unwrap()).and_then(|z| zones.get(z)).map(|z| z.name.as_str());
        assert_eq!(of("10.0.0.0"), Some("all"));
        assert_eq!(of("10.255.255.255"), Some("all"));
        assert_eq!(of("11.0.0.0"), None);
        assert_eq!(of("9.255.255.255"), None);
        assert_eq!(of("10.1.2.127"), Some("icu"));
        assert_eq!(of("10.1.2.128"), Some("srv"));
        assert_eq!(of("10.1.3.0"), Some("icu"));
        assert_eq!(of("10.2.0.0"), Some("all"));
        assert_eq!(of("fd00::1"), Some("srv"));
        assert_eq!(of("fe80::1"), None);
    }
}
