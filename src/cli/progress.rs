//! How far a replay has come: a bar with rate and time left when standard error is a terminal, else one line at the end.

use crate::engine::Progress;
use crate::output::text::grouped;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};

/// The bar, or nothing that is shown. It also knows how long the run took: the wall clock stays inside it.
pub struct Bar {
    bar: ProgressBar,
    quiet: bool,
    packets: u64,
    read: u64,
}

impl Bar {
    /// Begins to count.
    pub fn new(quiet: bool) -> Bar {
        let shown = !quiet && io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        Bar { bar: ProgressBar::with_draw_target(None, target), quiet, packets: 0, read: 0 }
    }
    /// The run has come this far.
    pub fn update(&mut self, p: Progress) {
        (self.packets, self.read) = (p.packets, p.read);
        if self.bar.length().is_none() || self.bar.length() != p.total {
            let template = match p.total {
                Some(_) => "{bar:30} {percent}%  {bytes} of {total_bytes}  {bytes_per_sec}  {msg}  ETA {eta}",
                None => "{spinner}  {bytes}  {bytes_per_sec}  {msg}  {elapsed}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            if let Some(total) = p.total {
                self.bar.set_length(total);
            }
        }
        if !self.bar.is_hidden() {
            self.bar.set_message(format!("{} packets", grouped(p.packets)));
        }
        self.bar.set_position(p.read);
    }
    /// Takes the bar away; says in one line what was done unless told to be quiet.
    pub fn finish(self) {
        let seconds = self.bar.elapsed().as_secs_f64();
        self.bar.finish_and_clear();
        if !self.quiet && self.packets > 0 {
            let rate = |n: u64| n as f64 / seconds.max(1e-9);
            super::say(&format!(
                "{} packets in {seconds:.2} s ({:.2} M packets/s, {:.0} MB/s read)",
                grouped(self.packets),
                rate(self.packets) / 1e6,
                rate(self.read) / 1e6
            ));
        }
    }
}
