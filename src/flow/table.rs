//! The flow table of one shard: an open-addressing index (linear probing, backward-shift deletion) over a slab of flow records.
//!
//! An index word holds 32 bits of the keyed hash and the record's number, so a probe touches one index line and, on a hit, the record. The slab
//! grows a chunk at a time: no record is ever moved, and no memory is taken twice while it grows.

use super::Flow;
use crate::base::FlowKey;

/// All flows of one shard, at most `cap`.
#[derive(Debug)]
pub struct FlowTable {
    index: Vec<u64>,
    /// Records by number: [`CHUNK`] in each.
    flows: Vec<Vec<Flow>>,
    hashes: Vec<u32>,
    free: Vec<u32>,
    len: usize,
    cap: usize,
    /// Bytes reserved when the table was cleared.
    reserved: usize,
}

/// Records of a chunk.
const CHUNK: usize = 256;

/// Index words that are looked at ahead of time.
const NEAR: usize = 3;

/// An index word: tag in the upper half, record number plus one in the lower; 0 = empty.
const fn word(tag: u32, at: u32) -> u64 {
    (tag as u64) << 32 | (at as u64 + 1)
}

const fn record(word: u64) -> Option<u32> {
    (word as u32).checked_sub(1)
}

impl FlowTable {
    /// A table of at most `cap` flows. Memory grows by doubling as flows come.
    pub fn new(cap: usize) -> FlowTable {
        FlowTable { index: vec![0; 64], flows: Vec::new(), hashes: Vec::new(), free: Vec::new(), len: 0, cap: cap.clamp(16, 1 << 30), reserved: 0 }
    }
    /// Flows held.
    pub fn len(&self) -> usize {
        self.len
    }
    /// No flow?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Is there no room for one more?
    pub fn is_full(&self) -> bool {
        self.len >= self.cap
    }
    /// A record by its number.
    #[inline]
    pub fn get(&self, at: u32) -> Option<&Flow> {
        self.flows.get(at as usize / CHUNK)?.get(at as usize % CHUNK)
    }
    /// A record for changing.
    #[inline]
    pub fn get_mut(&mut self, at: u32) -> Option<&mut Flow> {
        self.flows.get_mut(at as usize / CHUNK)?.get_mut(at as usize % CHUNK)
    }
    /// Touches the index where [`FlowTable::find`] will begin. A record's number, if it is one that the hash may mean.
    #[inline]
    pub fn warm_index(&self, hash: u64) -> Option<u32> {
        // Most stand where they belong or next to it, in the same cache line.
        let mask = self.index.len() - 1;
        let home = hash as usize & mask;
        let near = (0..NEAR).find_map(|n| self.index.get((home + n) & mask).filter(|w| (**w >> 32) as u32 == (hash >> 32) as u32));
        near.and_then(|w| record(*w))
    }
    /// Touches what every packet needs of a record. The first number means nothing; the second is the place of its payload reader.
    #[inline]
    pub fn warm_record(&self, at: u32) -> (u64, u32) {
        self.get(at).map_or((0, 0), |f| (f.bytes[0], f.reader))
    }
    /// The number of the record with this key.
    #[inline]
    pub fn find(&self, hash: u64, key: &FlowKey) -> Option<u32> {
        let mask = self.index.len() - 1;
        let tag = (hash >> 32) as u32;
        let mut i = hash as usize & mask;
        loop {
            let w = *self.index.get(i)?;
            if w == 0 {
                return None;
            }
            if (w >> 32) as u32 == tag
                && let Some(at) = record(w)
                && self.get(at).is_some_and(|f| f.is(key))
            {
                return Some(at);
            }
            i = (i + 1) & mask;
        }
    }
    /// Adds a flow that is not there yet; `None` if the table is full.
    pub fn insert(&mut self, hash: u64, flow: Flow) -> Option<u32> {
        if self.is_full() {
            return None;
        }
        if (self.len + 1) * 4 > self.index.len() * 3 {
            self.grow();
        }
        let at = match self.free.pop() {
            Some(at) => {
                *self.get_mut(at)? = flow;
                *self.hashes.get_mut(at as usize)? = hash as u32;
                at
            }
            None => {
                if self.hashes.len().is_multiple_of(CHUNK) {
                    self.flows.push(Vec::with_capacity(CHUNK));
                }
                self.flows.last_mut()?.push(flow);
                self.hashes.push(hash as u32);
                (self.hashes.len() - 1) as u32
            }
        };
        self.place(hash as u32, word((hash >> 32) as u32, at));
        self.len += 1;
        Some(at)
    }
    fn place(&mut self, low: u32, w: u64) {
        let mask = self.index.len() - 1;
        let mut i = low as usize & mask;
        while let Some(slot) = self.index.get_mut(i) {
            if *slot == 0 {
                *slot = w;
                return;
            }
            i = (i + 1) & mask;
        }
    }
    fn grow(&mut self) {
        let bigger = vec![0; self.index.len() * 2];
        let old = std::mem::replace(&mut self.index, bigger);
        for w in old {
            if let Some(low) = record(w).and_then(|at| self.hashes.get(at as usize).copied()) {
                self.place(low, w);
            }
        }
    }
    /// Takes a flow out; its record stays readable until the next one is added.
    pub fn remove(&mut self, at: u32) -> Option<()> {
        let low = *self.hashes.get(at as usize)?;
        let mask = self.index.len() - 1;
        let mut i = low as usize & mask;
        loop {
            let w = *self.index.get(i)?;
            if w == 0 {
                return None;
            }
            if record(w) == Some(at) {
                break;
            }
            i = (i + 1) & mask;
        }
        self.close_hole(i, mask);
        self.free.push(at);
        self.len -= 1;
        Some(())
    }
    /// Backward-shift deletion: moves later words of the run into the hole while that brings them nearer to their home.
    fn close_hole(&mut self, mut hole: usize, mask: usize) {
        let mut i = hole;
        loop {
            i = (i + 1) & mask;
            let w = self.index.get(i).copied().unwrap_or(0);
            let Some(low) = record(w).and_then(|at| self.hashes.get(at as usize).copied()) else { break };
            let home = low as usize & mask;
            if i.wrapping_sub(home) & mask >= i.wrapping_sub(hole) & mask {
                if let Some(slot) = self.index.get_mut(hole) {
                    *slot = w;
                }
                hole = i;
            }
        }
        if let Some(slot) = self.index.get_mut(hole) {
            *slot = 0;
        }
    }
    /// Record numbers of all flows, in slab order.
    pub fn numbers(&self) -> Vec<u32> {
        let mut live = vec![true; self.hashes.len()];
        for at in &self.free {
            if let Some(l) = live.get_mut(*at as usize) {
                *l = false;
            }
        }
        live.iter().zip(0u32..).filter(|(live, _)| **live).map(|(_, at)| at).collect()
    }
    /// Forgets all flows and gives their memory back; [`FlowTable::memory`] still tells what it was.
    pub fn clear(&mut self) {
        *self = FlowTable { reserved: self.memory(), ..FlowTable::new(self.cap) };
    }
    /// Looks at up to `tries` records from a moving place on and returns the one that may best be given up: lowest `rank`, then oldest.
    pub fn victim(&self, cursor: &mut u32, tries: usize, rank: impl Fn(&Flow) -> u32) -> Option<u32> {
        let n = self.hashes.len() as u32;
        (0..tries.min(n as usize))
            .map(|_| {
                *cursor = (*cursor + 1) % n;
                *cursor
            })
            .filter_map(|at| self.get(at).map(|f| (rank(f), f.last_ts, at)))
            .min()
            .map(|best| best.2)
    }
    /// Bytes of memory reserved.
    pub fn memory(&self) -> usize {
        let flows = self.flows.len() * CHUNK * size_of::<Flow>();
        (self.index.capacity() * 8 + flows + self.hashes.capacity() * 4 + self.free.capacity() * 4).max(self.reserved)
    }
    /// The hash tables use, for tests.
    #[cfg(test)]
    fn hash(key: &FlowKey) -> u64 {
        key.hash(&crate::base::KeyedHash::new(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Addr, KeyedHash};
    use std::collections::HashMap;

    fn key(n: u32) -> FlowKey {
        FlowKey { a: Addr::v4(n % 97), b: Addr::v4(1000 + n), a_port: n as u16, b_port: 80, proto: 6 }
    }

    #[test]
    fn agrees_with_a_map_under_churn() {
        let mut t = FlowTable::new(3000);
        let mut model: HashMap<u32, u32> = HashMap::new();
        let mut x = 7u64;
        for _ in 0..60_000 {
            x = KeyedHash::new(3).hash1(x);
            let n = (x % 4000) as u32;
            let k = key(n);
            match t.find(FlowTable::hash(&k), &k) {
                Some(at) => {
                    assert_eq!(model.get(&n), Some(&at));
                    if x >> 20 & 1 == 0 {
                        t.remove(at).unwrap();
                        assert!(t.get(at).unwrap().is(&k) && t.find(FlowTable::hash(&k), &k).is_none());
                        model.remove(&n);
                    }
                }
                None => {
                    assert!(!model.contains_key(&n));
                    match t.insert(FlowTable::hash(&k), Flow::of(k)) {
                        Some(at) => drop(model.insert(n, at)),
                        None => assert_eq!(model.len(), 3000),
                    }
                }
            }
            assert_eq!(t.len(), model.len());
        }
        for (n, at) in &model {
            assert_eq!(t.find(FlowTable::hash(&key(*n)), &key(*n)), Some(*at));
        }
        let mut want: Vec<u32> = model.values().copied().collect();
        want.sort_unstable();
        assert_eq!(t.numbers(), want);
        let before = t.memory();
        t.clear();
        assert!(t.is_empty() && t.numbers().is_empty() && t.find(FlowTable::hash(&key(1)), &key(1)).is_none() && t.memory() == before);
    }

    #[test]
    fn a_plain_flow_takes_192_bytes_and_an_index_word() {
        assert_eq!(size_of::<Flow>(), 192);
        let mut t = FlowTable::new(100_000);
        for n in 0..65_536 {
            t.insert(FlowTable::hash(&key(n)), Flow::of(key(n))).unwrap();
        }
        assert!(t.memory() / t.len() < 192 + 32, "{}", t.memory() / t.len());
    }
}
