//! One thread or many.

use super::analyst::Analyst;
use super::batch::{Batch, Feeder};
use super::setup::Setups;
use super::worker::{Handover, Worker, merge};
use super::{Options, Outcome, Progress, SHARDS};
use crate::capture::Source;
use crate::event::Event;
use crossbeam::channel::{Receiver, Sender, bounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Batches under way between the reader and one worker.
const DEPTH: usize = 8;
/// Handovers under way between one worker and the analyst.
const HANDOVERS: usize = 64;
/// Empty lists of events that wait for a worker: two ticks' worth.
const EMPTY: usize = 2 * SHARDS;

pub(super) fn run(source: Box<dyn Source>, options: &Options, setups: Setups, analyst: Analyst, progress: &mut dyn FnMut(Progress)) -> Outcome {
    let mut feeder = Feeder::new(source, options.hash(), setups);
    let workers = options.workers.clamp(1, SHARDS);
    let (analyst, failure) =
        if workers == 1 { alone(&mut feeder, options, analyst, progress) } else { many(&mut feeder, workers, options, analyst, progress) };
    close(feeder, analyst, failure)
}

fn report(feeder: &mut Feeder, progress: &mut dyn FnMut(Progress)) {
    let (packets, now) = (feeder.seen().frames, feeder.last_ts);
    let (read, total) = feeder.source().progress();
    progress(Progress { packets, read, total, now });
}

fn said(panic: Box<dyn std::any::Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no reason given".to_owned())
}

fn alone(feeder: &mut Feeder, options: &Options, mut analyst: Analyst, progress: &mut dyn FnMut(Progress)) -> (Analyst, Option<String>) {
    let (empty, emptied) = bounded(EMPTY);
    let mut worker = Worker::new(0, 1, options, emptied);
    let mut batch = Batch::new();
    loop {
        let step = catch_unwind(AssertUnwindSafe(|| {
            feeder.fill(&mut batch);
            worker.run(&batch, |h| analyst.tick(vec![h], &empty));
            analyst.block_done(batch.read_at);
        }));
        if let Err(panic) = step {
            return (analyst, Some(said(panic)));
        }
        report(feeder, progress);
        if batch.last {
            return (analyst, None);
        }
    }
}

/// What a worker sends to the analyst.
enum Said {
    Tick(Box<Handover>),
    Failed(String),
}

fn many(feeder: &mut Feeder, workers: usize, options: &Options, analyst: Analyst, progress: &mut dyn FnMut(Progress)) -> (Analyst, Option<String>) {
    let (recycle, recycled) = bounded::<Batch>(DEPTH * 2 + workers);
    let (empty, emptied) = bounded(EMPTY);
    std::thread::scope(|scope| {
        let mut to_workers: Vec<Sender<Arc<Batch>>> = Vec::new();
        let mut from_workers: Vec<Receiver<Said>> = Vec::new();
        for me in 0..workers {
            let (to, batches) = bounded::<Arc<Batch>>(DEPTH);
            let (handover, from) = bounded::<Said>(HANDOVERS);
            to_workers.push(to);
            from_workers.push(from);
            let recycle = recycle.clone();
            let emptied = emptied.clone();
            scope.spawn(move || work(Worker::new(me, workers, options, emptied), &batches, &handover, &recycle));
        }
        let thinking = scope.spawn(move || think(analyst, &from_workers, &empty));
        let mut failure = None;
        loop {
            let mut batch = recycled.try_recv().unwrap_or_else(|_| Batch::new());
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| feeder.fill(&mut batch))) {
                failure = Some(said(panic));
                break;
            }
            let last = batch.last;
            let batch = Arc::new(batch);
            // A worker that is gone has told the analyst why.
            let gone = to_workers.iter().any(|w| w.send(Arc::clone(&batch)).is_err());
            report(feeder, progress);
            if last || gone {
                break;
            }
        }
        drop(to_workers);
        match thinking.join() {
            Ok((analyst, told)) => (analyst, failure.or(told)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn work(mut worker: Worker, batches: &Receiver<Arc<Batch>>, handover: &Sender<Said>, recycle: &Sender<Batch>) {
    for batch in batches {
        let mut deaf = false;
        let step = catch_unwind(AssertUnwindSafe(|| worker.run(&batch, |h| deaf |= handover.send(Said::Tick(Box::new(h))).is_err())));
        if let Err(panic) = step {
            let _ = handover.send(Said::Failed(said(panic)));
            return;
        }
        if let Some(batch) = Arc::into_inner(batch) {
            let _ = recycle.try_send(batch);
        }
        if deaf {
            return;
        }
    }
}

fn think(mut analyst: Analyst, workers: &[Receiver<Said>], empty: &Sender<Vec<Event>>) -> (Analyst, Option<String>) {
    loop {
        let mut handovers = Vec::with_capacity(workers.len());
        for w in workers {
            match w.recv() {
                Ok(Said::Tick(h)) => handovers.push(*h),
                Ok(Said::Failed(why)) => return (analyst, Some(why)),
                Err(_) => return (analyst, None),
            }
        }
        let (read_at, last) = match handovers.first() {
            Some(h) => (h.read_at, h.last.is_some()),
            None => return (analyst, None),
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| analyst.tick(handovers, empty))) {
            return (analyst, Some(said(panic)));
        }
        analyst.block_done(read_at);
        if last {
            return (analyst, None);
        }
    }
}

fn close(mut feeder: Feeder, mut analyst: Analyst, failure: Option<String>) -> Outcome {
    let counters = feeder.decoder.counters();
    analyst.coverage.snapped = counters.snapped;
    analyst.coverage.undecoded = counters.undecoded;
    let mut weirds = std::mem::take(&mut analyst.weirds);
    for (key, c) in feeder.decoder.weird_counts() {
        merge(&mut weirds, *key, c.first, c.count);
    }
    for w in feeder.source().weirds() {
        merge(&mut weirds, (w.layer, w.name), w, 1);
    }
    let weirds: Vec<_> = weirds.into_values().collect();
    let sink_errors = analyst.finish(&weirds, feeder.first_ts, feeder.last_ts);
    let mut held = analyst.held();
    held.push(("flow table bytes".to_owned(), analyst.load.1, analyst.coverage.evicted_flows));
    held.push(("payload reader bytes".to_owned(), analyst.load.3, analyst.coverage.unparsed_flows));
    Outcome {
        site: Arc::clone(&analyst.options.site),
        signatures: Arc::clone(&analyst.options.signatures),
        lang: analyst.options.lang,
        assets: analyst.assets,
        book: analyst.book,
        coverage: analyst.coverage,
        flows: analyst.flows,
        first_ts: feeder.first_ts,
        last_ts: feeder.last_ts,
        weirds,
        faults: feeder.source().faults().to_vec(),
        blocked: analyst.blocked,
        sink_errors,
        failure,
        latency: analyst.latency,
        held,
    }
}
