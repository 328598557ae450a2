//! What the service manager hears: ready, reloading, stopping, and a sign of life for as long as the analyst's seconds pass.
//!
//! Without a service manager nothing is sent. What cannot be sent is not told: the manager then does what it does with a silent service.

use crate::base::Timestamp;
use crate::capture::StatusBoard;
use crate::event::Event;
use crate::incident::Kept;
use crate::output::{Run, Sink, SinkError};
use sd_notify::NotifyState;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts the analyst's seconds. Sending is another thread's work: a manager that does not read must not hold the analyst.
pub(super) struct Beat(Arc<AtomicU64>);

impl Sink for Beat {
    fn event(&mut self, _: &Event, _: &Run<'_>) {}
    fn finding(&mut self, _: &Kept, _: &Run<'_>) {}
    fn tick(&mut self, _: Timestamp, _: &Run<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn finish(&mut self, _: &Run<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Begins to send signs of life if the service manager wants them.
pub(super) fn start(reader: Arc<StatusBoard>) -> io::Result<Beat> {
    let beats = Arc::new(AtomicU64::new(0));
    if let Some(limit) = sd_notify::watchdog_enabled() {
        let heard = Arc::clone(&beats);
        std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || watch(&heard, &reader, limit))?;
    }
    Ok(Beat(beats))
}

/// Four signs within the time after which the manager loses patience, until the process ends.
///
/// Before the first frame the analyst has no seconds: then those of the reader count, which stands still when nobody takes its frames.
fn watch(beats: &AtomicU64, reader: &StatusBoard, limit: Duration) {
    let mut seen = 0;
    loop {
        std::thread::sleep(limit / 4);
        let now = match beats.load(Ordering::Relaxed) {
            0 => reader.read().now.0,
            beats => beats,
        };
        if moved(now, &mut seen) {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

/// Have seconds passed since it was asked last?
fn moved(now: u64, seen: &mut u64) -> bool {
    std::mem::replace(seen, now) != now
}

/// The sensor captures.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The sensor saves what it has and ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells that something is read again, does it, and tells that it is done.
pub(super) fn reloading<T>(does: impl FnOnce() -> T) -> T {
    // From version 253 on the manager wants to know when it began.
    let began = NotifyState::monotonic_usec_now();
    tell(&[Some(NotifyState::Reloading), began.ok()].into_iter().flatten().collect::<Vec<_>>());
    let done = does();
    tell(&[NotifyState::Ready]);
    done
}

fn tell(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_analyst_that_stands_still_gives_no_sign_of_life() {
        let mut seen = 0;
        assert!(!moved(0, &mut seen), "it never began");
        assert!(moved(3, &mut seen));
        assert!(!moved(3, &mut seen) && !moved(3, &mut seen));
        assert!(moved(4, &mut seen));
    }
}
