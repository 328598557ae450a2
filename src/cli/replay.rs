//! `spanward replay`: capture files in, findings out.

use super::progress::Bar;
use super::watch::{Screen, Watched, recorded};
use super::{Common, Exit, Format, Loaded, Stop, emit, key, on_terminal, say, view};
use crate::base::{Severity, Timestamp};
use crate::capture::{Replay, ReplayOptions};
use crate::engine::journal::{Journal, Recorder, SPOOL};
use crate::engine::{self, Latency, Options, Outcome};
use crate::output::text::{self, Place, Troubles, rank};
use crate::output::{Eve, Flows, OutFile, Report, Sink, SinkError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Options of `replay`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  spanward replay incident.pcap
  spanward replay -c site.toml -o out --eve eve.jsonl captures/ late.pcapng.zst
  spanward replay --clinical 10.20.0.0/16 --filter 'not port 104' --from 2026-11-21T10:00:00Z x.pcap
  zcat big.pcap.gz | spanward replay --format json -")]
pub struct Args {
    /// Captures: pcap or pcapng, plain, .gz or .zst; directories; '-' = standard input. Merged in time order
    #[arg(required = true, value_name = "CAPTURE")]
    captures: Vec<PathBuf>,
    /// Directory for summary.json findings.json incidents.json devices.json weird.json flows.jsonl eve.jsonl
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// EVE lines into this file; '-' = standard output (the summary then goes to standard error)
    #[arg(long, value_name = "FILE")]
    eve: Option<String>,
    /// Also write the journal of what a viewer would have shown, second by second, into the directory's journal/
    #[arg(long, requires = "output")]
    journal: bool,
    /// What standard output gets: a text to read, or one JSON object
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Worker threads; the results are the same with any number [default: one per CPU, at most 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: Option<u16>,
    /// Only frames that match (libpcap's language); applied with the outer VLAN tag taken off, as the live kernel shows them
    #[arg(long, value_name = "BPF")]
    filter: Option<String>,
    /// Only frames at or after this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = view::time)]
    from: Option<Timestamp>,
    /// Only frames before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = view::time)]
    to: Option<Timestamp>,
    /// Exit status 1 if anything of this severity or worse was found: info, low, medium, high, critical
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
    /// Show it in the terminal UI, which can go back and forth in it
    #[arg(long, conflicts_with_all = ["eve", "format"])]
    tui: bool,
    /// With --tui: so many times as fast as it happened [default: as fast as it can be read]
    #[arg(long, value_name = "FACTOR", requires = "tui", value_parser = speed)]
    speed: Option<f64>,
    #[command(flatten)]
    screen: Screen,
}

fn speed(s: &str) -> Result<f64, String> {
    let factor = s.trim_start_matches('x').parse::<f64>().ok().filter(|f| (0.01..=100_000.0).contains(f));
    factor.ok_or_else(|| format!("`{s}` is no speed (expected a number from 0.01 to 100000, such as 10)"))
}

/// Replays captures.
pub fn run(args: &Args, common: &Common) -> Result<Exit, Stop> {
    let eve_on_stdout = args.eve.as_deref() == Some("-");
    if eve_on_stdout && args.format == Format::Json {
        return Err(Stop::new(Exit::Usage, "--eve - and --format json both want standard output: give one of them a file"));
    }
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from >= to
    {
        return Err(Stop::new(Exit::Usage, format!("--from {from} is not before --to {to}: nothing would be read")));
    }
    let Loaded { site, signatures, geo } = common.load()?;
    let narrow = ReplayOptions { filter: args.filter.clone(), from: args.from, to: args.to };
    let source = Replay::open(&args.captures, narrow).map_err(|e| Stop::new(Exit::Usage, e))?;
    let (site, signatures) = (Arc::new(site), Arc::new(signatures));
    let mut options = Options::new(site, signatures.clone());
    options.workers = args.workers.map_or_else(default_workers, usize::from);
    options.geo = geo;
    // The directory of a recording holds the key that the sensor had.
    for dir in args.captures.iter().filter(|c| c.is_dir()) {
        if let Some(key) = key::read(dir).map_err(|e| Stop::new(Exit::Usage, e))? {
            options.key = key;
        }
    }

    let dir = args.output.as_deref();
    let mut sinks = sinks(dir, args.eve.as_deref(), &signatures).map_err(|e| Stop::new(Exit::Output, e))?;
    let journal = dir.filter(|_| args.journal).map(|d| d.join("journal"));
    let outcome = if args.tui {
        options.lang = common.lang.unwrap_or(options.lang);
        let watched = Watched { source: Box::new(source), options, sinks, journal: journal.clone(), speed: args.speed, screen: &args.screen };
        watched.run(common)?
    } else {
        if let Some(dir) = &journal {
            sinks.push(Box::new(Recorder::create(dir, SPOOL, signatures.clone()).with_blocked(recorded(&options)?)));
        }
        let mut bar = Bar::new(common.quiet);
        let outcome = engine::replay(source, &options, sinks, &mut |p| bar.update(p)).map_err(|e| Stop::new(Exit::Usage, e))?;
        bar.finish();
        outcome
    };

    let blocked: Vec<_> = outcome.blocked.iter().map(|b| (b.detector, b.en, b.ja)).collect();
    let report = Report::new(&outcome.run(), &*signatures, &blocked);
    let late = dir.map(|d| report.write_dir(d)).unwrap_or_default();
    let unwritten = outcome.sink_errors.iter().chain(&late);
    let troubles = Troubles {
        damaged: outcome.faults.iter().map(ToString::to_string).collect(),
        unwritten: unwritten.map(ToString::to_string).collect(),
        worker: outcome.failure.clone(),
    };
    if let Some(dir) = journal.filter(|_| !common.quiet) {
        tell_journal(&dir);
    }
    if common.verbose {
        tell_more(&outcome);
    }
    if !args.tui {
        show(args, common, &outcome, &report, &troubles, eve_on_stdout)?;
    }
    Ok(exit(args, &report, &troubles))
}

/// One worker per CPU; more than eight find nothing to do beside one analyst.
fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(8))
}

/// Opens the outputs. What cannot be opened is said before hours of captures are read, not after.
fn sinks(dir: Option<&Path>, eve: Option<&str>, words: &Arc<crate::detect::signature::Signatures>) -> Result<Vec<Box<dyn Sink>>, SinkError> {
    let mut all: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(dir) = dir {
        if dir.exists() && !dir.is_dir() {
            return Err(SinkError { path: dir.display().to_string(), reason: "--output takes a directory, this is a file".to_owned() });
        }
        std::fs::create_dir_all(dir).map_err(|e| SinkError { path: dir.display().to_string(), reason: e.to_string() })?;
        all.push(Box::new(Flows::new(OutFile::in_dir(dir, "flows.jsonl").opened()?)));
        all.push(Box::new(Eve::new(OutFile::in_dir(dir, "eve.jsonl").opened()?, words.clone())));
    }
    if let Some(path) = eve {
        all.push(Box::new(Eve::new(OutFile::in_place(path).opened()?, words.clone())));
    }
    Ok(all)
}

/// The text or the object; what went wrong is said on standard error when standard output has no place for it.
fn show(args: &Args, common: &Common, outcome: &Outcome, report: &Report, troubles: &Troubles, eve_on_stdout: bool) -> Result<(), Stop> {
    let tell = || {
        let worker = troubles.worker.iter().map(|w| format!("a worker failed, what it had found is reported: {w}"));
        troubles.damaged.iter().chain(&troubles.unwritten).cloned().chain(worker).for_each(|t| say(&t));
    };
    if args.format == Format::Json {
        tell();
        return emit(&report.object());
    }
    let site = &outcome.site;
    let span = outcome.last_ts.zip(outcome.first_ts).map(|(l, f)| l.since(f)).unwrap_or_default();
    let place = Place { name: site.name.clone(), zones: site.zones.iter().map(|(_, z)| z.name.clone()).collect(), span };
    let style = common.style(site.lang, !eve_on_stdout && on_terminal());
    // The screen may speak another language than the files.
    let translated = (style.lang != outcome.lang).then(|| {
        let mut run = outcome.run();
        run.lang = style.lang;
        let blocked: Vec<_> = outcome.blocked.iter().map(|b| (b.detector, b.en, b.ja)).collect();
        Report::new(&run, &*outcome.signatures, &blocked)
    });
    let page = text::summary(translated.as_ref().unwrap_or(report), &place, troubles, style);
    if eve_on_stdout {
        use std::io::Write;
        if common.quiet {
            tell();
        } else {
            let _ = std::io::stderr().lock().write_all(page.as_bytes());
        }
        return Ok(());
    }
    emit(page.as_bytes())?;
    if !on_terminal() {
        tell();
    }
    Ok(())
}

/// The exit status: unwritten output, then unread input, then `--fail-on`.
fn exit(args: &Args, report: &Report, troubles: &Troubles) -> Exit {
    let worst = report.findings.iter().map(|f| &f.severity).chain(report.incidents.iter().map(|i| &i.severity)).map(|s| rank(s)).max();
    if troubles.worker.is_some() || !troubles.unwritten.is_empty() {
        Exit::Output
    } else if !troubles.damaged.is_empty() {
        Exit::Input
    } else if args.fail_on.is_some_and(|s| worst >= Some(rank(s.word()))) {
        Exit::FailOn
    } else {
        Exit::Done
    }
}

/// What the journal holds; a spool that was too small is told.
fn tell_journal(dir: &Path) {
    match Journal::open(dir) {
        Ok(j) => {
            let ((first, last), dropped) = (j.span(), j.dropped());
            say(&format!("journal: {} views from {first} to {last}, {dropped} segments dropped at its cap", j.times().count()));
        }
        Err(e) => say(&e.to_string()),
    }
}

/// Times and tables for `-v`: for the screen, never for files.
fn tell_more(outcome: &Outcome) {
    let Latency { finding, block } = &outcome.latency;
    for (name, h) in [("block read to packets through the state", block), ("block read to finding made", finding)] {
        if !h.is_empty() {
            let q = |q: f64| h.value_at_quantile(q);
            say(&format!("{name}: {} times, p50 {} µs, p99 {} µs, p99.9 {} µs, most {} µs", h.len(), q(0.5), q(0.99), q(0.999), h.max()));
        }
    }
    for (table, entries, evicted) in &outcome.held {
        say(&format!("table {table}: {entries} entries, {evicted} evicted"));
    }
}
