//! A map with a cap. The oldest entry (by last touch through [`BoundedMap::touch`] or insertion) leaves first.
//!
//! In a large map an entry that was touched a moment ago stays where it is in the line: moving it would touch three more places in memory to no
//! end. A moment is a sixteenth of the cap, counted in touches; what leaves first is the oldest to within that.

use crate::base::KeyedHash;
use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hash};

/// Iteration order is insertion-slot order: the same input gives the same order.
#[derive(Debug)]
pub struct BoundedMap<K, V> {
    index: hashbrown::HashTable<u32>,
    hasher: FixedState,
    slots: Vec<Slot<K, V>>,
    free: Vec<u32>,
    head: u32,
    tail: u32,
    cap: usize,
    evicted: u64,
    /// Touches and insertions so far.
    touches: u64,
    /// Touches that a moment has.
    moment: u64,
}

#[derive(Debug)]
struct Slot<K, V> {
    entry: Option<(K, V)>,
    prev: u32,
    next: u32,
    /// The moment of the last move to the end of the line.
    moved: u64,
}

const NIL: u32 = u32::MAX;

impl<K: Hash + Eq + Clone, V> BoundedMap<K, V> {
    /// A map of at most `cap` entries (at least one). Nothing is allocated before the first insertion.
    pub fn new(cap: usize) -> Self {
        let seed = KeyedHash::new(0x7370_616e).hash1(cap as u64);
        BoundedMap {
            index: hashbrown::HashTable::new(),
            hasher: FixedState::with_seed(seed),
            slots: Vec::new(),
            free: Vec::new(),
            head: NIL,
            tail: NIL,
            cap: cap.clamp(1, NIL as usize - 1),
            evicted: 0,
            touches: 0,
            moment: (cap as u64 / 16).max(1),
        }
    }
    /// Entries held.
    pub fn len(&self) -> usize {
        self.index.len()
    }
    /// No entry?
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
    /// The most entries it will hold.
    pub fn cap(&self) -> usize {
        self.cap
    }
    /// Entries that had to leave because the map was full.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }
    fn find(&self, k: &K) -> Option<u32> {
        if self.index.is_empty() {
            return None;
        }
        self.find_hashed(self.hasher.hash_one(k), k)
    }
    fn find_hashed(&self, h: u64, k: &K) -> Option<u32> {
        self.index.find(h, |i| Self::key(&self.slots, *i) == Some(k)).copied()
    }
    /// The entry becomes the youngest, unless it was a moment ago.
    fn renew(&mut self, i: u32) {
        self.touches += 1;
        let recent = self.slots.get(i as usize).is_some_and(|s| self.touches - s.moved < self.moment);
        if !recent && self.tail != i {
            self.unlink(i);
            self.push_back(i);
        }
    }
    fn key(slots: &[Slot<K, V>], i: u32) -> Option<&K> {
        slots.get(i as usize)?.entry.as_ref().map(|e| &e.0)
    }
    /// The value, without changing the order of eviction.
    pub fn get(&self, k: &K) -> Option<&V> {
        let i = self.find(k)?;
        self.slots.get(i as usize)?.entry.as_ref().map(|e| &e.1)
    }
    /// The value for changing, without changing the order of eviction.
    pub fn get_mut(&mut self, k: &K) -> Option<&mut V> {
        let i = self.find(k)?;
        self.slots.get_mut(i as usize)?.entry.as_mut().map(|e| &mut e.1)
    }
    /// Is the key there?
    pub fn contains(&self, k: &K) -> bool {
        self.find(k).is_some()
    }
    /// The value for changing; the entry becomes the youngest, to within a moment.
    pub fn touch(&mut self, k: &K) -> Option<&mut V> {
        let i = self.find(k)?;
        self.renew(i);
        self.slots.get_mut(i as usize)?.entry.as_mut().map(|e| &mut e.1)
    }
    /// The value, made by `make` if it was not there; the entry becomes the youngest. The oldest leaves if the map is full; it is returned
    /// through `evicted` when the caller wants it.
    pub fn entry(&mut self, k: K, make: impl FnOnce() -> V) -> &mut V {
        let h = self.hasher.hash_one(&k);
        let i = match self.find_hashed(h, &k) {
            Some(i) => {
                self.renew(i);
                i
            }
            None => {
                self.add(h, k, make());
                // What was added is the youngest.
                self.tail
            }
        };
        match self.slots.get_mut(i as usize).and_then(|s| s.entry.as_mut()) {
            Some(e) => &mut e.1,
            None => unreachable!("the entry was found or just added"),
        }
    }
    /// Sets the value; the entry becomes the youngest. Returns the entry that had to leave, if any.
    pub fn insert(&mut self, k: K, v: V) -> Option<(K, V)> {
        let h = self.hasher.hash_one(&k);
        if let Some(i) = self.find_hashed(h, &k) {
            self.renew(i);
            if let Some(s) = self.slots.get_mut(i as usize) {
                s.entry = Some((k, v));
            }
            return None;
        }
        self.add(h, k, v)
    }
    /// Adds an entry that is not there yet.
    fn add(&mut self, h: u64, k: K, v: V) -> Option<(K, V)> {
        self.touches += 1;
        let mut left = None;
        if self.index.len() >= self.cap {
            left = self.pop_oldest();
            self.evicted += u64::from(left.is_some());
        }
        let i = match self.free.pop() {
            Some(i) => i,
            None => {
                self.slots.push(Slot { entry: None, prev: NIL, next: NIL, moved: 0 });
                (self.slots.len() - 1) as u32
            }
        };
        if let Some(s) = self.slots.get_mut(i as usize) {
            s.entry = Some((k, v));
        }
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(h, i, |j| Self::key(slots, *j).map_or(0, |k| hasher.hash_one(k)));
        self.push_back(i);
        left
    }
    /// Takes an entry out.
    pub fn remove(&mut self, k: &K) -> Option<V> {
        let i = self.find(k)?;
        self.take(i).map(|e| e.1)
    }
    /// Takes the oldest entry out (not counted as evicted).
    pub fn pop_oldest(&mut self) -> Option<(K, V)> {
        if self.head == NIL { None } else { self.take(self.head) }
    }
    /// The oldest entry.
    pub fn oldest(&self) -> Option<(&K, &V)> {
        self.slots.get(self.head as usize)?.entry.as_ref().map(|e| (&e.0, &e.1))
    }
    fn take(&mut self, i: u32) -> Option<(K, V)> {
        self.unlink(i);
        let entry = self.slots.get_mut(i as usize)?.entry.take()?;
        let h = self.hasher.hash_one(&entry.0);
        if let Ok(o) = self.index.find_entry(h, |j| *j == i) {
            o.remove();
        }
        self.free.push(i);
        Some(entry)
    }
    /// Keeps only the entries for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        let mut i = self.head;
        while i != NIL {
            let Some(s) = self.slots.get_mut(i as usize) else { break };
            let next = s.next;
            let stay = s.entry.as_mut().is_none_or(|e| keep(&e.0, &mut e.1));
            if !stay {
                self.take(i);
            }
            i = next;
        }
    }
    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let mut i = self.head;
        std::iter::from_fn(move || {
            let s = self.slots.get(i as usize)?;
            i = s.next;
            s.entry.as_ref().map(|e| (&e.0, &e.1))
        })
    }
    /// Values, oldest first.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|e| e.1)
    }
    fn unlink(&mut self, i: u32) {
        let Some((p, n)) = self.slots.get(i as usize).map(|s| (s.prev, s.next)) else { return };
        match self.slots.get_mut(p as usize) {
            Some(s) => s.next = n,
            None => self.head = n,
        }
        match self.slots.get_mut(n as usize) {
            Some(s) => s.prev = p,
            None => self.tail = p,
        }
    }
    fn push_back(&mut self, i: u32) {
        let (tail, moved) = (self.tail, self.touches);
        if let Some(s) = self.slots.get_mut(i as usize) {
            (s.prev, s.next, s.moved) = (tail, NIL, moved);
        }
        match self.slots.get_mut(tail as usize) {
            Some(s) => s.next = i,
            None => self.head = i,
        }
        self.tail = i;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_oldest_leaves_and_is_counted() {
        let mut m = BoundedMap::new(3);
        for k in 0..3 {
            assert_eq!(m.insert(k, k * 10), None);
        }
        m.touch(&0);
        assert_eq!(m.insert(3, 30), Some((1, 10)));
        assert_eq!((m.len(), m.evicted()), (3, 1));
        assert_eq!(m.iter().map(|e| *e.0).collect::<Vec<_>>(), [2, 0, 3]);
        *m.entry(2, || 0) += 1;
        assert_eq!(m.get(&2), Some(&21));
        assert_eq!(m.remove(&0), Some(0));
        assert_eq!(m.iter().map(|e| *e.0).collect::<Vec<_>>(), [3, 2]);
        m.retain(|k, _| *k == 2);
        assert_eq!(m.len(), 1);
    }

    #[test]
    fn in_a_large_map_the_oldest_to_within_a_moment_leaves() {
        const CAP: u64 = 64;
        let mut m = BoundedMap::new(CAP as usize);
        let mut touched: std::collections::HashMap<u64, u64> = std::collections::HashMap::new();
        let mut moved = false;
        for n in 1..20_000u64 {
            let k = KeyedHash::new(9).hash1(n) % (CAP + 24);
            let before: Vec<u64> = m.iter().map(|e| *e.0).collect();
            *m.entry(k, || 0) += 1;
            touched.insert(k, n);
            let after: Vec<u64> = m.iter().map(|e| *e.0).collect();
            moved |= before.len() == after.len() && before != after;
            if let Some(gone) = before.iter().find(|b| !after.contains(b)) {
                let younger = after.iter().filter(|a| touched[*a] > touched[gone]).count() as u64;
                assert!(younger >= CAP - CAP / 16 - 1, "{younger} of {} are younger than what left", after.len());
            }
        }
        assert!(moved && m.evicted() > 1000);
    }

    proptest! {
        #[test]
        fn behaves_as_a_list_of_recent_keys(ops in prop::collection::vec((0u8..4, 0u8..12), 0..300)) {
            let mut m = BoundedMap::new(5);
            let mut model: Vec<(u8, u8)> = Vec::new();
            for (op, k) in ops {
                match op {
                    0 => { m.insert(k, k); model.retain(|e| e.0 != k); if model.len() == 5 { model.remove(0); } model.push((k, k)); }
                    1 => { let got = m.touch(&k).copied(); let at = model.iter().position(|e| e.0 == k);
                           prop_assert_eq!(got.is_some(), at.is_some()); if let Some(i) = at { let e = model.remove(i); model.push(e); } }
                    2 => { prop_assert_eq!(m.remove(&k).is_some(), model.iter().any(|e| e.0 == k)); model.retain(|e| e.0 != k); }
                    _ => { *m.entry(k, || 0) = 7; let had = model.iter().position(|e| e.0 == k); match had { Some(i) => { model.remove(i); } None if model.len() == 5 => { model.remove(0); } None => {} } model.push((k, 7)); }
                }
                prop_assert_eq!(m.iter().map(|e| (*e.0, *e.1)).collect::<Vec<_>>(), model.clone());
            }
        }
    }
}
