//! Threads, channels, clocks, counters: puts the layers together. The same code serves one thread and many; both give the same bytes.
//!
//! The way of a packet: the reader fills a `Batch` (a block of frames, decoded into packets, with marks where ticks fall); workers take the
//! packets of their shards through the flow state; at each tick they hand over events, and the analyst merges them in the order (time, shard,
//! count in shard), learns, detects and writes.

mod analyst;
mod batch;
mod channels;
pub mod control;
pub mod journal;
pub mod keeper;
mod listing;
pub mod log;
pub mod metrics;
pub mod orders;
mod payload;
mod setup;
mod shard;
mod shed;
mod threads;
mod ticks;
mod told;
mod worker;

use crate::assets::Assets;
use crate::base::{KeyedHash, Lang, Span, Timestamp};
use crate::capture::{Fault, Replay, Source};
use crate::detect::Signatures;
use crate::event::Coverage;
use crate::incident::Book;
use crate::output::{Run, Sink, SinkError};
use crate::site::{Geo, Site};
use crate::store::Loaded;
use crate::wire::Weird;
use hdrhistogram::Histogram;
use std::sync::Arc;

pub use analyst::{Blocked, blocked};
pub use orders::Orders;
pub use setup::{Resetting, Setup, Setups, resetting};

/// Virtual shards, whatever the number of workers.
pub const SHARDS: usize = 64;
/// A tick of packet time.
pub const TICK: Span = Span::millis(100);
/// Key of the flow hash offline: fixed, so that the same input gives the same output.
const OFFLINE_KEY: u64 = 0x7370_616e_7761_7264;

/// How a run is set up.
#[derive(Clone)]
pub struct Options {
    /// Worker threads; 1 = everything in the calling thread.
    pub workers: usize,
    /// What the hospital declared.
    pub site: Arc<Site>,
    /// Thresholds and texts of the detectors.
    pub signatures: Arc<Signatures>,
    /// Countries and networks of public addresses.
    pub geo: Arc<Geo>,
    /// Language of texts in files.
    pub lang: Lang,
    /// Most live flows.
    pub max_flows: usize,
    /// Key of the hash that spreads flows over shards and tables. A sensor has its own, so that no sender can choose where its flows fall; a replay
    /// has a fixed one, so that the same input gives the same output, or that of the recording.
    pub key: u64,
    /// Shows every event to every detector, wanted or not: for the test that what they say they want is all they need.
    #[doc(hidden)]
    pub every_event: bool,
}

impl Options {
    /// Most live flows unless told otherwise: 4 Mi, about 850 MB when all are live.
    pub const MAX_FLOWS: usize = 1 << 22;

    /// One worker, default caps.
    pub fn new(site: Arc<Site>, signatures: Arc<Signatures>) -> Options {
        let lang = site.lang;
        Options {
            workers: 1,
            site,
            signatures,
            geo: Arc::new(Geo::embedded()),
            lang,
            max_flows: Self::MAX_FLOWS,
            key: OFFLINE_KEY,
            every_event: false,
        }
    }
    fn hash(&self) -> KeyedHash {
        KeyedHash::new(self.key)
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Frames read.
    pub packets: u64,
    /// Bytes of the inputs read.
    pub read: u64,
    /// Bytes of the inputs in all, if known.
    pub total: Option<u64>,
    /// Packet time.
    pub now: Option<Timestamp>,
}

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A detector's signature lacks what the detector needs.
    #[error(transparent)]
    Signature(#[from] crate::detect::SignatureError),
}

/// How long things took, in microseconds. For the screen, never for files.
#[derive(Debug, Clone)]
pub struct Latency {
    /// From a block being read to a finding made from it.
    pub finding: Histogram<u64>,
    /// From a block being read to its packets being through the state.
    pub block: Histogram<u64>,
}

impl Latency {
    /// 1 µs to 60 s with two digits.
    fn new() -> Latency {
        let h = || Histogram::new_with_bounds(1, 60_000_000, 2).unwrap_or_else(|_| unreachable!("the bounds are constants that fit"));
        Latency { finding: h(), block: h() }
    }
}

/// Everything a finished run leaves.
pub struct Outcome {
    /// What was declared.
    pub site: Arc<Site>,
    /// What was learned.
    pub assets: Assets,
    /// Findings and incidents.
    pub book: Book,
    /// Thresholds and texts.
    pub signatures: Arc<Signatures>,
    /// What was seen and what not.
    pub coverage: Coverage,
    /// Flows seen.
    pub flows: u64,
    /// First packet's time.
    pub first_ts: Option<Timestamp>,
    /// Last packet's time.
    pub last_ts: Option<Timestamp>,
    /// Odd input.
    pub weirds: Vec<(Weird, u64)>,
    /// Damaged inputs.
    pub faults: Vec<Fault>,
    /// Detectors that could not run on this site.
    pub blocked: Vec<Blocked>,
    /// Outputs that could not be written.
    pub sink_errors: Vec<SinkError>,
    /// A worker that failed: what it said. The report is what was found until then.
    pub failure: Option<String>,
    /// How long things took.
    pub latency: Latency,
    /// Tables and what they hold: name, entries, evicted.
    pub held: Vec<(String, usize, u64)>,
    /// Language of texts in files.
    pub lang: Lang,
}

impl Outcome {
    /// The view that reports are made of.
    pub fn run(&self) -> Run<'_> {
        Run {
            site: &self.site,
            assets: &self.assets,
            book: &self.book,
            coverage: &self.coverage,
            flows: self.flows,
            first_ts: self.first_ts,
            last_ts: self.last_ts,
            weirds: &self.weirds,
            lang: self.lang,
        }
    }
}

/// Reads the inputs to their end. What was found is in the outcome even when an input is damaged or a worker fails.
pub fn replay(source: Replay, options: &Options, sinks: Vec<Box<dyn Sink>>, progress: &mut dyn FnMut(Progress)) -> Result<Outcome, EngineError> {
    resume(Box::new(source), options, sinks, Start::default(), progress)
}

/// What a sensor begins with.
#[derive(Default)]
pub struct Start {
    /// What was known before a restart.
    pub before: Option<Loaded>,
    /// Where people's orders come in.
    pub orders: Option<Orders>,
    /// Where new setups come in.
    pub setups: Setups,
}

/// Reads a source until it says that it has ended, goes on with what was known before, and takes orders and new setups on the way: the sensor's run.
pub fn resume(
    source: Box<dyn Source>,
    options: &Options,
    sinks: Vec<Box<dyn Sink>>,
    start: Start,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, EngineError> {
    let mut analyst = analyst::Analyst::new(options, sinks)?;
    let setups = analyst.begin(start);
    Ok(threads::run(source, options, setups, analyst, progress))
}
