//! `spanward top`: the terminal UI over what was recorded, and attached to a running sensor.

use super::watch::Screen;
use super::{Common, Exit, Stop};
use crate::base::Lang;
use crate::engine::journal::Journal;
use crate::tui::{JournalFeed, SessionActs};
use std::path::PathBuf;

/// Options of `top`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  spanward replay -o out --journal x.pcap && spanward top --journal out/journal
  spanward top --journal out/journal --lang ja --theme safe")]
pub struct Args {
    /// A journal that `replay --journal` wrote: play it, step through it, jump in it
    #[arg(long, value_name = "DIR")]
    journal: PathBuf,
    #[command(flatten)]
    screen: Screen,
}

/// Shows a journal.
pub fn run(args: &Args, common: &Common) -> Result<Exit, Stop> {
    // What cannot be read is said before the screen is taken.
    Journal::open(&args.journal).map_err(|e| Stop::new(Exit::Input, e))?;
    let feed = JournalFeed::new(&args.journal, false);
    args.screen.show(common.lang.unwrap_or(Lang::En), common, Box::new(feed), Box::new(SessionActs))?;
    Ok(Exit::Done)
}
