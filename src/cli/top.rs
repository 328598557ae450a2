//! `spanward top`: the terminal UI, attached to a running sensor, or over what was recorded.

use super::run::{DIR, socket};
use super::watch::Screen;
use super::{Common, Exit, Stop};
use crate::base::Lang;
use crate::engine::journal::Journal;
use crate::tui::sensor::attach;
use crate::tui::{JournalFeed, SessionActs};
use std::path::{Path, PathBuf};

/// Options of `top`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  spanward top                                           attach to the sensor of this box
  spanward top --socket /srv/spanward/control.sock       attach to another one
  spanward replay -o out --journal x.pcap && spanward top --journal out/journal")]
pub struct Args {
    /// Control socket of the sensor [default: /run/spanward/control.sock, else /var/lib/spanward/control.sock]
    #[arg(long, value_name = "PATH", conflicts_with = "journal")]
    socket: Option<PathBuf>,
    /// A journal that `replay --journal` wrote: play it, step through it, jump in it
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    #[command(flatten)]
    screen: Screen,
}

/// Attaches to a sensor, or shows a journal.
pub fn run(args: &Args, common: &Common) -> Result<Exit, Stop> {
    let lang = common.lang;
    if let Some(journal) = &args.journal {
        // What cannot be read is said before the screen is taken.
        Journal::open(journal).map_err(|e| Stop::new(Exit::Input, e))?;
        let feed = JournalFeed::new(journal, false);
        args.screen.show(lang.unwrap_or(Lang::En), common, Box::new(feed), Box::new(SessionActs))?;
        return Ok(Exit::Done);
    }
    let path = socket::place(args.socket.as_deref(), Path::new(DIR));
    let (feed, acts) = attach(&path, lang.unwrap_or(Lang::En)).map_err(|e| Stop::new(Exit::Input, e))?;
    // The sensor's language unless another is asked for.
    let lang = lang.unwrap_or(feed.lang());
    args.screen.show(lang, common, Box::new(feed), Box::new(acts))?;
    Ok(Exit::Done)
}
