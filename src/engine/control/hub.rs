//! Where the analyst leaves views for the server: it hands over and goes on, whether anybody reads or not.

use crate::engine::journal::{Audience, Delta, View};
use crossbeam::channel::{Receiver, Sender, bounded};
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Differences under way between the analyst and the server: eight seconds' worth.
const DEPTH: usize = 32;

/// A view or the difference to the one before.
pub(super) enum Turn {
    Whole(Box<View>),
    Change(Box<Delta>),
}

/// Wakes a thread that waits in `poll`.
#[derive(Clone, Debug)]
pub(super) struct Bell(Arc<OwnedFd>);

impl Bell {
    pub(super) fn new() -> io::Result<Bell> {
        Ok(Bell(Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?)))
    }
    /// Never waits: a bell that rings already goes on ringing.
    pub(super) fn ring(&self) {
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
    pub(super) fn quiet(&self) {
        let _ = rustix::io::read(&*self.0, &mut [0u8; 8]);
    }
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The analyst's end.
pub struct Hub {
    to: Sender<Turn>,
    bell: Bell,
    /// The server did not take what came before: the next one must be whole.
    behind: bool,
    /// Differences that were not handed over.
    left_out: u64,
}

/// The server's end.
pub struct Seat {
    pub(super) from: Receiver<Turn>,
    pub(super) bell: Bell,
}

/// A way for views from the analyst to the server.
pub fn hub() -> io::Result<(Hub, Seat)> {
    let (to, from) = bounded(DEPTH);
    let bell = Bell::new()?;
    Ok((Hub { to, bell: bell.clone(), behind: false, left_out: 0 }, Seat { from, bell }))
}

impl Hub {
    /// Differences that were not handed over because the server was busy; a whole view followed.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl Audience for Hub {
    fn show(&mut self, view: &View, delta: Delta) {
        if self.to.is_full() {
            self.behind = true;
            self.left_out += 1;
            return;
        }
        let turn = if self.behind { Turn::Whole(Box::new(view.clone())) } else { Turn::Change(Box::new(delta)) };
        // Only this end sends, so there is room; a server that is gone wants nothing.
        self.behind = self.to.try_send(turn).is_err();
        self.bell.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_take_gets_a_whole_view_later() {
        let (mut hub, seat) = hub().unwrap();
        let mut view = View::default();
        for n in 0..DEPTH as u64 + 10 {
            view.counters.packets = n;
            hub.show(&view, Delta { ts: n.to_string(), ..Delta::default() });
        }
        assert_eq!(hub.left_out(), 10);
        assert_eq!(seat.from.try_iter().filter(|t| matches!(t, Turn::Change(_))).count(), DEPTH);
        hub.show(&view, Delta::default());
        assert!(matches!(seat.from.try_recv(), Ok(Turn::Whole(v)) if v.counters.packets == DEPTH as u64 + 9));
        hub.show(&view, Delta::default());
        assert!(matches!(seat.from.try_recv(), Ok(Turn::Change(_))));
    }

    #[test]
    fn a_server_that_is_gone_costs_nothing() {
        let (mut hub, seat) = hub().unwrap();
        drop(seat);
        for _ in 0..100 {
            hub.show(&View::default(), Delta::default());
        }
    }
}
