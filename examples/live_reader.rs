//! What reading a mirror port costs: reads an interface for some seconds and says what came, what was lost and what it took.
//!
//! `live_reader read|decode|engine INTERFACE SECONDS [RING_MIB [WORKERS]]`: the source alone; with decoding; the whole engine with all detectors. `benches/live.sh` uses it.

// It measures against the wall clock: that is what it is for.
#![allow(clippy::disallowed_methods)]

use spanward::base::{KeyedHash, Timestamp};
use spanward::capture::{Block, Fill, Live, LiveOptions, Source};
use spanward::detect::Signatures;
use spanward::engine::{self, Options, Outcome, Start};
use spanward::site::Site;
use spanward::wire::Decoder;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Processor seconds of this process.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name: the state, then numbers; utime and stime are the 12th and 13th word.
    let ticks = stat.rsplit(')').next().unwrap_or("").split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok());
    ticks.sum::<u64>() as f64 / 100.0
}

fn wall() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::new(now.as_secs(), now.subsec_nanos())
}

/// Counts beside the source: frames, bytes, blocks, time spent in `fill`, lags.
struct Counted {
    live: Live,
    decoder: Option<Decoder>,
    counts: Arc<std::sync::Mutex<Counts>>,
}

#[derive(Default, Clone)]
struct Counts {
    frames: u64,
    bytes: u64,
    blocks: u64,
    quiet: u64,
    first: Option<Instant>,
    level: u8,
    lags: Vec<u32>,
}

impl Source for Counted {
    fn fill(&mut self, block: &mut Block) -> Fill {
        let fill = self.live.fill(block);
        let mut c = self.counts.lock().unwrap();
        match fill {
            Fill::Frames => {
                c.first.get_or_insert_with(Instant::now);
                c.frames += block.frames.len() as u64;
                c.bytes += block.frames.iter().map(|f| u64::from(f.cap_len)).sum::<u64>();
                c.blocks += 1;
                c.level = c.level.max(self.live.level());
                if let (Some(f), true) = (block.frames.last(), c.lags.len() < 1 << 22) {
                    let lag = wall().since(f.ts);
                    c.lags.push(u32::try_from(lag.0 / 1000).unwrap_or(u32::MAX));
                }
            }
            _ => c.quiet += 1,
        }
        drop(c);
        if let Some(d) = &mut self.decoder {
            let mut packets = Vec::new();
            let Block { buf, frames, .. } = block;
            for f in frames.iter() {
                d.decode(buf, f, &mut packets);
            }
            std::hint::black_box(packets.len());
        }
        fill
    }
    fn faults(&self) -> &[spanward::capture::Fault] {
        self.live.faults()
    }
    fn weirds(&mut self) -> Vec<spanward::wire::Weird> {
        self.live.weirds()
    }
    fn interface(&self, number: u16) -> Option<&str> {
        self.live.interface(number)
    }
    fn level(&self) -> u8 {
        self.live.level()
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let word = |n: usize| args.get(n).map_or("", String::as_str);
    let number = |n: usize, or: u32| word(n).parse().unwrap_or(or);
    let (mode, interface, seconds) = (word(1), word(2).to_owned(), number(3, 10));
    let began = Instant::now();
    let stop = Arc::new(AtomicBool::new(false));
    let mut options = LiveOptions::new(vec![interface]);
    options.ring = number(4, 64) << 20;
    options.tell = Box::new(|n| eprintln!("{}", n.text(spanward::base::Lang::En)));
    let live = match Live::open(options, Arc::clone(&stop)) {
        Ok(live) => live,
        Err(e) => return eprintln!("{e}"),
    };
    let (board, counts) = (live.board(), Arc::new(std::sync::Mutex::new(Counts::default())));
    let decoder = (mode == "decode").then(|| Decoder::new(KeyedHash::new(7)));
    let mut source = Counted { live, decoder, counts: Arc::clone(&counts) };
    let (told, stopper) = (cpu(), Arc::clone(&stop));
    println!("ready after {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    let timer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(u64::from(seconds)));
        stopper.store(true, Ordering::Relaxed);
    });
    let mut outcome: Option<Outcome> = None;
    if mode == "engine" {
        let signatures = Signatures::embedded().expect("the built-in signatures are whole");
        let mut options = Options::new(Arc::new(Site::default()), Arc::new(signatures));
        options.workers = number(5, 2) as usize;
        outcome = engine::resume(Box::new(source), &options, Vec::new(), Start::default(), &mut |_| {}).ok();
    } else {
        let mut block = Block::default();
        while source.fill(&mut block) != Fill::End {}
    }
    let _ = timer.join();
    report(&counts.lock().unwrap(), &board.read(), cpu() - told, outcome.as_ref(), began);
}

fn report(c: &Counts, status: &spanward::capture::Status, cpu: f64, outcome: Option<&Outcome>, began: Instant) {
    let drops: u64 = status.ports.iter().map(|p| p.kernel_drops).sum();
    let offered = c.frames + drops;
    let mut lags = c.lags.clone();
    lags.sort_unstable();
    let lag = |q: f64| lags.get((lags.len() as f64 * q) as usize).copied().unwrap_or(0);
    let ns = if c.frames > 0 { cpu * 1e9 / c.frames as f64 } else { 0.0 };
    print!(
        "frames {} bytes {} drops {drops} loss {:.4}% blocks {} quiet {} level {}",
        c.frames,
        c.bytes,
        100.0 * drops as f64 / offered.max(1) as f64,
        c.blocks,
        c.quiet,
        c.level
    );
    print!(
        " cpu {cpu:.2} s = {ns:.0} ns/frame; lag us p50 {} p99 {} p99.9 {} max {}",
        lag(0.5),
        lag(0.99),
        lag(0.999),
        lags.last().copied().unwrap_or(0)
    );
    if let Some(first) = c.first {
        print!("; first frame {:.0} ms after the start", first.duration_since(began).as_secs_f64() * 1e3);
    }
    println!();
    if let Some(o) = outcome {
        let h = &o.latency.finding;
        if !h.is_empty() {
            println!(
                "block to finding us: n {} p50 {} p99 {} p99.9 {} max {}",
                h.len(),
                h.value_at_quantile(0.5),
                h.value_at_quantile(0.99),
                h.value_at_quantile(0.999),
                h.max()
            );
        }
        let h = &o.latency.block;
        println!(
            "block to done us: n {} p50 {} p99 {} p99.9 {} max {}; findings {}; shed {}",
            h.len(),
            h.value_at_quantile(0.5),
            h.value_at_quantile(0.99),
            h.value_at_quantile(0.999),
            h.max(),
            o.book.findings().len(),
            o.coverage.shed
        );
    }
}
