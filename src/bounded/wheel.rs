//! A lazy timer wheel: each item stands in one slot; when its slot fires, the owner says whether it is due or when to look again.

/// Slots of one unit each (the engine uses one second). Items further away than the wheel is long stand in the last slot and are asked again.
#[derive(Debug)]
pub struct TimerWheel {
    slots: Vec<Vec<u32>>,
    now: u64,
    armed: usize,
    spare: Vec<u32>,
}

impl TimerWheel {
    /// A wheel of `len` slots.
    pub fn new(len: usize) -> TimerWheel {
        TimerWheel { slots: vec![Vec::new(); len.max(2)], now: 0, armed: 0, spare: Vec::new() }
    }
    /// Items armed.
    pub fn armed(&self) -> usize {
        self.armed
    }
    /// Puts an item into the slot of time `at` (in units); the past fires at the next turn.
    pub fn arm(&mut self, item: u32, at: u64) {
        let len = self.slots.len() as u64;
        let at = at.clamp(self.now + 1, self.now + len - 1);
        if let Some(s) = self.slots.get_mut((at % len) as usize) {
            s.push(item);
            self.armed += 1;
        }
    }
    /// Turns to `now`; `due` says for each item that fires `Some(when)` to ask again then, or `None` if it is done with.
    /// Slots fire in time order and items in the order they were armed.
    pub fn turn(&mut self, now: u64, mut due: impl FnMut(u32) -> Option<u64>) {
        let len = self.slots.len() as u64;
        if self.armed == 0 {
            self.now = self.now.max(now);
            return;
        }
        // The past at once: after a long jump every slot has fired once at most.
        let steps = now.saturating_sub(self.now).min(len);
        let first = now.saturating_sub(steps) + 1;
        for t in first..=now {
            if now - t < len {
                self.now = t;
            }
            let Some(slot) = self.slots.get_mut((t % len) as usize) else { continue };
            let mut items = std::mem::replace(slot, std::mem::take(&mut self.spare));
            self.armed -= items.len();
            for item in items.drain(..) {
                if let Some(at) = due(item) {
                    self.arm(item, at);
                }
            }
            self.spare = items;
        }
        self.now = self.now.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_item_fires_at_its_time_and_once() {
        let mut w = TimerWheel::new(16);
        let mut due: BTreeMap<u32, u64> = BTreeMap::new();
        for i in 0..200u32 {
            let at = 1 + u64::from(i) * 7 % 61;
            due.insert(i, at);
            w.arm(i, at);
        }
        let mut fired = Vec::new();
        for now in 1..=70u64 {
            w.turn(now, |i| {
                if due[&i] <= now {
                    fired.push((now, i));
                    None
                } else {
                    Some(due[&i])
                }
            });
        }
        assert_eq!(fired.len(), 200);
        assert!(fired.iter().all(|(t, i)| due[i] == *t), "{fired:?}");
        assert_eq!(w.armed(), 0);
    }

    #[test]
    fn a_long_jump_fires_everything_once() {
        let mut w = TimerWheel::new(8);
        for i in 0..5 {
            w.arm(i, u64::from(i) + 1);
        }
        let mut n = 0;
        w.turn(1_000_000_000, |_| {
            n += 1;
            None
        });
        assert_eq!((n, w.armed()), (5, 0));
    }
}
