//! The stream of views that all viewers share: each difference is made into a frame once, whole views only when somebody needs one.

use super::frame::pack;
use super::hub::Turn;
use super::protocol::Said;
use crate::engine::journal::View;
use std::collections::VecDeque;
use std::sync::Arc;

/// Differences kept for viewers that are behind: 16 seconds' worth. Who is further behind gets a whole view.
const KEPT: usize = 64;
/// A whole view that was made this many differences ago is given out with these behind it.
const REUSED: u64 = 16;

/// A frame, plain and packed.
#[derive(Clone, Debug)]
pub(super) struct Both {
    plain: Arc<[u8]>,
    packed: Arc<[u8]>,
}

impl Both {
    /// Makes a message into frames; `None` if it is larger than any frame may be.
    pub(super) fn of(said: &Said) -> Option<Both> {
        let plain: Arc<[u8]> = pack(said, false).ok()?.into();
        let packed = if plain.len() > 4096 { pack(said, true).ok()?.into() } else { Arc::clone(&plain) };
        Some(Both { plain, packed })
    }
    pub(super) fn pick(&self, zstd: bool) -> Arc<[u8]> {
        Arc::clone(if zstd { &self.packed } else { &self.plain })
    }
}

/// The stream.
#[derive(Default)]
pub(super) struct Stream {
    view: View,
    /// Number of the newest view; 0 = there is none yet.
    newest: u64,
    /// Frames of the newest differences; the last leads to `newest`.
    deltas: VecDeque<Option<Both>>,
    key: Option<(u64, Both)>,
}

impl Stream {
    /// Number of the newest view.
    pub(super) const fn newest(&self) -> u64 {
        self.newest
    }
    /// A view came.
    pub(super) fn take(&mut self, turn: Turn) {
        self.newest += 1;
        match turn {
            Turn::Whole(view) => {
                self.view = *view;
                // No difference leads here.
                self.deltas.clear();
                self.key = None;
            }
            Turn::Change(delta) => {
                let said = Said::Delta { n: self.newest, delta };
                self.deltas.push_back(Both::of(&said));
                if let Said::Delta { delta, .. } = said {
                    self.view.apply(*delta);
                }
                if self.deltas.len() > KEPT {
                    self.deltas.pop_front();
                }
            }
        }
    }
    /// The frame that brings a viewer from `at` (0 = it has nothing) nearer to the newest view, and the number that it then has.
    pub(super) fn after(&mut self, at: u64, zstd: bool) -> Option<(u64, Arc<[u8]>)> {
        if at >= self.newest {
            return None;
        }
        let oldest = self.newest - self.deltas.len() as u64;
        if at > 0 && at >= oldest {
            let frame = usize::try_from(at - oldest).ok().and_then(|n| self.deltas.get(n))?.as_ref();
            if let Some(frame) = frame {
                return Some((at + 1, frame.pick(zstd)));
            }
        }
        self.whole(at, oldest).map(|(n, b)| (*n, b.pick(zstd)))
    }
    fn whole(&mut self, at: u64, oldest: u64) -> Option<&(u64, Both)> {
        let usable = self.key.as_ref().is_some_and(|(n, _)| *n >= oldest && *n > at && self.newest - n < REUSED);
        if !usable {
            let view = Box::new(std::mem::take(&mut self.view));
            let said = Said::View { n: self.newest, view };
            self.key = Both::of(&said).map(|b| (self.newest, b));
            if let Said::View { view, .. } = said {
                self.view = *view;
            }
        }
        self.key.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::unpack;
    use super::*;
    use crate::engine::journal::Delta;

    fn change(n: u64) -> Turn {
        let mut d = Delta { ts: n.to_string(), ..Delta::default() };
        d.devices.set.insert(format!("d{n}"), crate::output::record::DeviceRecord::default());
        Turn::Change(Box::new(d))
    }

    /// Follows the stream from `at` with the view that it then has.
    fn follow(s: &mut Stream, mut at: u64, view: &mut View) -> (u64, usize) {
        let mut whole = 0;
        while let Some((n, frame)) = s.after(at, true) {
            match unpack(&frame[4..]).unwrap() {
                Said::View { n: m, view: v } => {
                    assert_eq!(m, n);
                    *view = *v;
                    whole += 1;
                }
                Said::Delta { n: m, delta } => {
                    assert_eq!((m, n), (at + 1, at + 1));
                    view.apply(*delta);
                }
                other => panic!("{other:?}"),
            }
            at = n;
        }
        (at, whole)
    }

    #[test]
    fn whoever_comes_when_has_the_same_view() {
        let mut s = Stream::default();
        let mut viewers: Vec<(u64, View)> = Vec::new();
        for n in 1..=200 {
            s.take(change(n));
            if n % 13 == 0 {
                viewers.push((0, View::default()));
            }
            for (k, (at, view)) in viewers.iter_mut().enumerate() {
                if n % (k as u64 * 11 + 1) == 0 {
                    *at = follow(&mut s, *at, view).0;
                    assert_eq!(*view, s.view);
                }
            }
        }
    }

    #[test]
    fn one_whole_view_serves_many() {
        let mut s = Stream::default();
        assert!(s.after(0, false).is_none());
        for n in 1..10 {
            s.take(change(n));
        }
        let first = s.after(0, false).unwrap().1;
        s.take(change(10));
        let second = s.after(0, false).unwrap().1;
        assert!(Arc::ptr_eq(&first, &second));
        let mut view = View::default();
        assert_eq!(follow(&mut s, 0, &mut view), (10, 1));
        // Further behind than is kept, or after a gap: whole again.
        for n in 11..100 {
            s.take(change(n));
        }
        assert_eq!(follow(&mut s, 10, &mut view), (99, 1));
        s.take(Turn::Whole(Box::new(View { ts: "now".into(), ..View::default() })));
        assert_eq!(follow(&mut s, 99, &mut view), (100, 1));
        assert_eq!(view.ts, "now");
    }
}
