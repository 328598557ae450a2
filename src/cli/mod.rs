//! The command line: one file per subcommand, and here what they share: options, exit codes, the way to the screen.
#![forbid(unsafe_code)]

pub mod check;
mod devices;
mod findings;
mod flows;
mod incidents;
mod key;
mod ledger;
mod man;
mod progress;
mod replay;
mod run;
mod store;
mod top;
mod version;
mod view;
mod watch;

use crate::base::{Cidr, Lang};
use crate::detect::signature::Signatures;
use crate::output::clean::clean;
use crate::output::text::Style;
use crate::site::{ConfigError, Geo, Site};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// How a command ends. The numbers are a contract; the higher one wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Exit {
    /// Done, whatever was found.
    Done = 0,
    /// `--fail-on` was met.
    FailOn = 1,
    /// The command line, a config file or a signature is wrong.
    Usage = 2,
    /// An input could not be read to its end, or is not what it should be.
    Input = 3,
    /// Output could not be written, or a worker failed.
    Output = 4,
}

/// `spanward`.
#[derive(Parser, Debug)]
#[command(
    name = "spanward",
    version = version::SHORT,
    long_version = version::LONG,
    about = "Reads a hospital's mirror port or captures of it, and names unauthorized devices, clinical-to-internet traffic and SMB/RDP spread",
    after_help = "Exit status: 0 done, 1 --fail-on met, 2 usage or configuration wrong, 3 an input could not be read to its end, 4 output not written.",
    after_long_help = EXAMPLES,
    disable_help_subcommand = true,
    max_term_width = 120
)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  spanward replay incident.pcap                          what happened in a capture, for a person to read
  spanward replay -c site.toml -o out captures/          with the hospital's zones and ledger; results into out/
  spanward replay --format json - < mirror.pcapng | jq   the same as one JSON object
  spanward replay --eve eve.jsonl --fail-on high x.pcap  EVE lines for a dashboard; exit status 1 if it is serious
  spanward check -c site.toml                            what was understood of the site file, and what will run
  spanward findings out --severity high                  read the results again

Exit status: 0 done, 1 --fail-on met, 2 usage or configuration wrong, 3 an input could not be read to its end, 4 output not written.";

/// Options of every command.
#[derive(Args, Clone, Debug, Default)]
pub struct Common {
    /// What the hospital declares: zones, policy, ledger (TOML)
    #[arg(short = 'c', long, value_name = "FILE", global = true, help_heading = "Common options")]
    pub site: Option<PathBuf>,
    /// A clinical network, when there is no site file (repeatable)
    #[arg(long, value_name = "CIDR", global = true, help_heading = "Common options")]
    pub clinical: Vec<Cidr>,
    /// Signature files that replace the built-in ones
    #[arg(long, value_name = "DIR", global = true, help_heading = "Common options")]
    pub signatures: Option<PathBuf>,
    /// MaxMind DB with countries or networks (repeatable)
    #[arg(long, value_name = "FILE", global = true, help_heading = "Common options")]
    pub geoip: Vec<PathBuf>,
    /// Language of the screen: en or ja [default: the site file's, else en]
    #[arg(long, value_name = "LANG", global = true, help_heading = "Common options")]
    pub lang: Option<Lang>,
    /// Say nothing on standard error but errors
    #[arg(short, long, global = true, help_heading = "Common options")]
    pub quiet: bool,
    /// Say more on standard error: tables, times, what was loaded
    #[arg(short, long, global = true, help_heading = "Common options", conflicts_with = "quiet")]
    pub verbose: bool,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Analyse capture files
    Replay(replay::Args),
    /// The sensor: capture from mirror interfaces until stopped
    Run(run::Args),
    /// The terminal UI: attached to a running sensor, or over what was recorded
    Top(top::Args),
    /// Are site file, ledger, signatures and MaxMind DBs valid, what was understood, and what will run?
    Check(check::Args),
    /// List devices: of a directory that a replay wrote, or of the sensor's store
    Devices(devices::Args),
    /// List flows of a directory that a replay wrote
    Flows(flows::Args),
    /// List findings: of a directory that a replay wrote, or of the sensor's store
    Findings(findings::Args),
    /// List incidents: of a directory that a replay wrote, or of the sensor's store
    Incidents(incidents::Args),
    /// Back up, restore and check the sensor's store
    Store(store::Args),
    /// Print a completion script for a shell
    #[command(hide = true)]
    Completions(man::CompletionArgs),
    /// Write the manual pages
    #[command(hide = true)]
    Man(man::ManArgs),
}

/// What standard output gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
enum Format {
    /// A text to read.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// How a list is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum ListFormat {
    /// Aligned columns.
    #[default]
    Table,
    /// As in the files (flows: one object per line).
    Json,
    /// For a spreadsheet.
    Csv,
}

/// Runs a command line and returns the exit status.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let exit = match Cli::try_parse_from(args) {
        Ok(cli) => dispatch(&cli).unwrap_or_else(|stop| stop.tell()),
        Err(e) => {
            // A closed standard output is the reader's choice.
            let _ = e.print();
            if e.use_stderr() { Exit::Usage } else { Exit::Done }
        }
    };
    ExitCode::from(exit as u8)
}

fn dispatch(cli: &Cli) -> Result<Exit, Stop> {
    match &cli.command {
        Command::Replay(a) => replay::run(a, &cli.common),
        Command::Run(a) => run::run(a, &cli.common),
        Command::Top(a) => top::run(a, &cli.common),
        Command::Check(a) => check::command(a, &cli.common),
        Command::Devices(a) => devices::run(a, &cli.common),
        Command::Flows(a) => flows::run(a, &cli.common),
        Command::Findings(a) => findings::run(a, &cli.common),
        Command::Incidents(a) => incidents::run(a, &cli.common),
        Command::Store(a) => store::run(a, &cli.common),
        Command::Completions(a) => man::completions(a),
        Command::Man(a) => man::pages(a),
    }
}

/// Why a command stopped early.
#[derive(Debug)]
pub struct Stop {
    exit: Exit,
    message: String,
}

impl Stop {
    fn new(exit: Exit, message: impl ToString) -> Stop {
        Stop { exit, message: message.to_string() }
    }
    fn message(&self) -> &str {
        &self.message
    }
    fn tell(self) -> Exit {
        say(&self.message);
        self.exit
    }
}

impl From<ConfigError> for Stop {
    fn from(e: ConfigError) -> Stop {
        Stop::new(Exit::Usage, e)
    }
}

/// One line on standard error, made harmless; nobody listening is no error.
pub fn say(message: &str) {
    let message: Vec<_> = message.lines().map(clean).collect();
    let _ = writeln!(io::stderr().lock(), "spanward: {}", message.join("\n  "));
}

/// Bytes to standard output. A reader that went away (`| head`) has what it wanted.
pub fn emit(bytes: &[u8]) -> Result<(), Stop> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Stop::new(Exit::Output, format!("cannot write standard output: {e}"))),
        _ => Ok(()),
    }
}

/// What the common options load.
struct Loaded {
    site: Site,
    signatures: Signatures,
    geo: Arc<Geo>,
}

impl Common {
    fn load(&self) -> Result<Loaded, Stop> {
        let site = Site::open(self.site.as_deref(), &self.clinical)?;
        let signatures = match &self.signatures {
            Some(dir) => Signatures::load_dir(dir)?,
            None => Signatures::embedded()?,
        };
        let mut geo = Geo::embedded();
        for file in &self.geoip {
            let report = geo.add(file)?;
            if !self.quiet {
                say(&report.to_string());
            }
        }
        if !self.quiet {
            site.warnings.iter().for_each(|w| say(w));
        }
        Ok(Loaded { site, signatures, geo: Arc::new(geo) })
    }
    /// The screen's language and colours: colour only on a terminal, and never against NO_COLOR.
    fn style(&self, site: Lang, terminal: bool) -> Style {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) || std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        Style { lang: self.lang.unwrap_or(site), colour: terminal && !refused }
    }
}

/// Is standard output a terminal?
fn on_terminal() -> bool {
    io::stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_does_not_exist_is_not_offered() {
        let help = Cli::command().render_long_help().to_string();
        for word in ["doctor", "ship", "evidence", "learn", "completions"] {
            assert!(!help.contains(word), "{word} in\n{help}");
        }
        for word in ["replay", "check", "devices", "flows", "findings", "incidents", "Examples:", "Exit status"] {
            assert!(help.contains(word), "{word} not in\n{help}");
        }
    }
}
