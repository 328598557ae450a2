//! `spanward run`: the sensor. Captures from the mirror interfaces until it is stopped.
//!
//! What is opened when: the site, the directory, its files and store; then the process gives up what it no longer needs ([`lockdown`]); then
//! the control socket, the packet sockets and the threads. A failure before the first frame is an error with its exit status; after it nothing
//! ends the sensor but an order to stop.

mod lockdown;
mod outputs;
mod post;
mod pulse;
mod released;
mod signals;
pub mod socket;

use super::{Common, Exit, Loaded, Stop, key, say};
use crate::base::Lang;
use crate::capture::{Live, LiveOptions};
use crate::engine::control::hub;
use crate::engine::journal::Recorder;
use crate::engine::keeper::{Keeper, Told};
use crate::engine::log::{Log, Priority};
use crate::engine::metrics::{Board, BoardSink};
use crate::engine::{self, Options, Outcome, Start, orders, resetting};
use crate::output::{Report, pick};
use crate::site::Site;
use crate::store::{self, Keep, Store};
use post::Post;
use released::Released;
use signals::Reloading;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Where a sensor keeps what it finds unless told otherwise.
pub const DIR: &str = "/var/lib/spanward";

/// Options of `run`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  spanward run -i eth1 -c /etc/spanward/site.toml       the sensor on one mirror port; stop it with Ctrl-C or SIGTERM
  spanward run -i eth1 -i eth2 -o /srv/spanward         two halves of a tap; results in another directory
  kill -HUP $(pidof spanward)                           read site file, ledger and signatures again, if they are valid")]
pub struct Args {
    /// Mirror interface (repeatable) [default: the site file's]
    #[arg(short, long = "interface", value_name = "IF")]
    interfaces: Vec<String>,
    /// Directory of the store and the result files [default: the site file's, else /var/lib/spanward]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Write every admitted frame here too, uncut: a replay of the directory gives the same results
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Control socket for `spanward top` [default: /run/spanward/control.sock if that directory exists, else control.sock in the output directory]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// EVE lines into this file too
    #[arg(long, value_name = "FILE")]
    eve: Option<String>,
    /// Worker threads; the results are the same with any number [default: one per CPU but one, at most 7]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: Option<u16>,
    /// Only frames that match (libpcap's language), as in a replay
    #[arg(long, value_name = "BPF")]
    filter: Option<String>,
    /// User to become when root starts the sensor [default: spanward, if there is one]
    #[arg(long, value_name = "NAME", conflicts_with = "no_lockdown")]
    user: Option<String>,
    /// Keep all rights, for debugging: whoever takes over the sensor has them too
    #[arg(long)]
    no_lockdown: bool,
}

/// Runs the sensor until it is stopped.
pub fn run(args: &Args, common: &Common) -> Result<Exit, Stop> {
    let Loaded { site, signatures, geo } = common.load()?;
    let dir = args.output.clone().or_else(|| site.output.dir.clone()).unwrap_or_else(|| DIR.into());
    let unwritable = |e: &dyn std::fmt::Display| Stop::new(Exit::Output, format!("{}: {e}", dir.display()));
    let mut made = Vec::new();
    make(&dir, &mut made).map_err(|e| unwritable(&e))?;
    let lang = common.lang.unwrap_or(site.lang);
    let (site, signatures) = (Arc::new(site), Arc::new(signatures));
    let mut options = Options::new(site.clone(), signatures.clone());
    options.workers = args.workers.map_or_else(workers, usize::from);
    options.geo = geo;
    options.key = key::of(&dir).map_err(|e| unwritable(&e))?;

    if let Some(record) = &args.record {
        // A replay of the recording spreads flows in the same way.
        make(record, &mut made)
            .and_then(|()| key::write(record, options.key))
            .map_err(|e| Stop::new(Exit::Output, format!("{}: {e}", record.display())))?;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let opened = Store::open(&dir.join(store::FILE)).map_err(|e| Stop::new(Exit::Output, e))?;
    if let Some(moved) = &opened.moved {
        let (damaged, kept) = match lang {
            Lang::En => ("the store was damaged, a new one is begun; the old one is kept as", "what it held is not known to the sensor any more"),
            Lang::Ja => {
                ("保存データが破損していたため、新しく作り直しました。元のファイルの保存先:", "以前の機器・検知・判断の記録は引き継がれていません")
            }
        };
        say(&format!("{damaged} {} ({}): {kept}", moved.to.display(), moved.reason));
    }
    let store = opened.store;
    let before = store.load().map_err(|e| Stop::new(Exit::Output, e))?;

    let (mut outputs, told) = outputs::Outputs::open(&dir, args.eve.as_deref(), &signatures).map_err(|e| Stop::new(Exit::Output, e))?;
    let mut log = outputs::FindingsLog::open(&dir).map_err(|e| Stop::new(Exit::Output, e))?;
    let board = Arc::new(Board::default());
    let ledger = site.ledger_report.as_ref().map(|r| PathBuf::from(&r.file));
    lock(args, common, ledger, &dir, made, &board, lang)?;
    let socket = socket::open(args.socket.as_deref(), &dir)?;

    let capture = capture(args, &site, lang);
    let watched = capture.interfaces.clone();
    let live = Live::open(capture, stop.clone()).map_err(|e| Stop::new(Exit::Usage, e))?;
    let (reset, setups) = resetting();
    let reloading = Reloading { common: common.clone(), reset, lang };
    let waker = live.waker().map_err(|e| Stop::new(Exit::Output, e))?;
    signals::listen(stop, waker, reloading.clone()).map_err(|e| Stop::new(Exit::Output, e))?;

    let released = Released::of(&before);
    let release = released.clone();
    let tell = Box::new(move |t: Told| {
        log.put(&t, lang);
        release.told(&t);
        told.take(t);
    });
    let keeper = Keeper::start(store, Keep::default(), signatures.clone(), options.lang, tell);
    let reader = live.board();
    board.set_ports(reader.clone());
    board.set_store(keeper.counts());
    outputs.first(Box::new(keeper));
    outputs.add(Box::new(BoardSink(board.clone())));

    let (desk, orders) = orders::desk();
    let (hub, seat) = hub().map_err(|e| Stop::new(Exit::Output, e))?;
    let blocked = super::watch::recorded(&options)?;
    outputs.add(Box::new(Recorder::unwritten(signatures.clone()).with_blocked(blocked).gated(Box::new(released)).show_to(Box::new(hub))));
    let server = socket.serve(seat, Box::new(Post { orders: desk, reloading }), board, &site, lang)?;
    outputs.add(Box::new(pulse::start(reader).map_err(|e| Stop::new(Exit::Output, e))?));
    say(pick(lang, "ready", "監視を始めました"));
    pulse::ready(&format!("{}: {}", pick(lang, "watching", "監視中"), watched.join(", ")));

    let start = Start { before: Some(before), orders: Some(orders), setups };
    let outcome = engine::resume(Box::new(live), &options, vec![Box::new(outputs)], start, &mut |_| {}).map_err(|e| Stop::new(Exit::Usage, e))?;
    drop(server);
    close(&outcome, &dir, &signatures)
}

/// Makes a directory, and notes it if it was not there. What is in it is about people: a new one is for the sensor's user and group.
fn make(dir: &Path, made: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let new = !dir.exists();
    DirBuilder::new().recursive(true).mode(0o750).create(dir)?;
    if new {
        made.push(dir.to_owned());
    }
    Ok(())
}

/// Gives up what the sensor no longer needs, and tells what is left.
fn lock(args: &Args, common: &Common, ledger: Option<PathBuf>, dir: &Path, made: Vec<PathBuf>, board: &Board, lang: Lang) -> Result<(), Stop> {
    if args.no_lockdown {
        lockdown::tell_none(lang, board);
        return Ok(());
    }
    let files = common.site.iter().chain(&common.geoip).chain(&ledger);
    let reads = files.map(|f| lockdown::place(f)).chain(common.signatures.clone()).collect();
    let socket = lockdown::place(&socket::place(args.socket.as_deref(), dir));
    let writes = [dir.to_owned()].into_iter().chain(args.record.clone()).collect();
    let plan = lockdown::Plan { user: args.user.as_deref(), reads, writes, sockets: vec![socket], made };
    let locked = lockdown::lock(&plan).map_err(|e| Stop::new(Exit::Output, e))?;
    locked.tell(&Log::stderr(lang, Priority::Info), board);
    Ok(())
}

/// The reader and the kernel need a processor too.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().saturating_sub(1).clamp(1, 7))
}

fn capture(args: &Args, site: &Site, lang: Lang) -> LiveOptions {
    let named = if args.interfaces.is_empty() { &site.capture.interfaces } else { &args.interfaces };
    let mut options = LiveOptions::new(named.clone());
    if let Some(ring) = site.capture.ring {
        options.ring = u32::try_from(ring.0).unwrap_or(u32::MAX);
    }
    options.filter.clone_from(&args.filter);
    options.record.clone_from(&args.record);
    options.tell = Box::new(move |news| say(&news.text(lang)));
    options
}

/// The files that a replay writes, as they stand when the sensor stops.
fn close(outcome: &Outcome, dir: &Path, signatures: &crate::detect::Signatures) -> Result<Exit, Stop> {
    let blocked: Vec<_> = outcome.blocked.iter().map(|b| (b.detector, b.en, b.ja)).collect();
    let report = Report::new(&outcome.run(), signatures, &blocked);
    let late = report.write_dir(dir);
    let unwritten: Vec<String> = outcome.sink_errors.iter().chain(&late).map(ToString::to_string).collect();
    unwritten.iter().for_each(|e| say(e));
    if let Some(why) = &outcome.failure {
        let failed = pick(
            outcome.lang,
            "a part of the program failed, what it had found is kept; start the sensor again",
            "内部で異常が発生しました。それまでの結果は保存されています。センサーを再起動してください",
        );
        say(&format!("{failed}: {why}"));
    }
    Ok(if unwritten.is_empty() && outcome.failure.is_none() { Exit::Done } else { Exit::Output })
}
