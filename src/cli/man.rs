//! `completions` and `man`: made from the command line's own definition, so that they cannot differ from it.

use super::{Cli, Exit, Stop, emit};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::path::PathBuf;

/// `completions`.
#[derive(Args, Debug)]
pub struct CompletionArgs {
    /// Shell
    shell: Shell,
}

/// `man`.
#[derive(Args, Debug)]
pub struct ManArgs {
    /// Directory for all pages; without it the main page goes to standard output
    dir: Option<PathBuf>,
}

/// Prints a completion script.
pub fn completions(args: &CompletionArgs) -> Result<Exit, Stop> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "spanward", &mut out);
    emit(&out).map(|()| Exit::Done)
}

/// Writes the manual pages.
pub fn pages(args: &ManArgs) -> Result<Exit, Stop> {
    let stop = |e: std::io::Error| Stop::new(Exit::Output, format!("cannot write the manual: {e}"));
    match &args.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).map_err(stop)?;
            clap_mangen::generate_to(Cli::command(), dir).map_err(stop)?;
        }
        None => {
            let mut out = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut out).map_err(stop)?;
            emit(&out)?;
        }
    }
    Ok(Exit::Done)
}
