//! `spanward flows`: who spoke to whom. Read line by line: the file may be larger than memory.

use super::view::{View, at};
use super::{Common, Exit, ListFormat, Stop, emit, say};
use crate::output::clean::clean;
use crate::output::saved::{self, Saved};
use crate::output::table::Table;
use serde_json::Value;

/// Options of `flows`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  spanward flows out --host 10.20.1.33 --service smb\n  spanward flows out --state S0 --format json | jq -r .resp | sort | uniq -c"
)]
pub struct Args {
    #[command(flatten)]
    view: View,
    /// Only flows of this service
    #[arg(long)]
    service: Option<String>,
    /// Only flows with this Zeek connection state (S0, SF, REJ …)
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only flows with this outcome
    #[arg(long, value_parser = super::view::one_of(&["attempted", "refused", "answered", "failed", "succeeded"]))]
    outcome: Option<String>,
    /// Most rows of a table; 0 = all
    #[arg(long, default_value_t = 1000)]
    limit: usize,
}

const HEAD: [&str; 13] = [
    "ts",
    "proto",
    "orig",
    "orig_port",
    "resp",
    "resp_port",
    "service",
    "conn_state",
    "outcome",
    "orig_bytes",
    "resp_bytes",
    "tunnel",
    "community_id",
];

fn word<'a>(v: &'a Value, key: &str) -> &'a str {
    v.get(key).and_then(Value::as_str).unwrap_or("")
}

/// A field as a cell.
fn field(v: &Value, key: &str) -> String {
    match v.get(key) {
        Some(Value::String(s)) => s.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

impl Args {
    fn keeps(&self, v: &Value) -> bool {
        let is = |want: &Option<String>, key: &str| want.as_ref().is_none_or(|w| w == word(v, key));
        let last = if word(v, "last_ts").is_empty() { word(v, "ts") } else { word(v, "last_ts") };
        is(&self.service, "service")
            && is(&self.state, "conn_state")
            && is(&self.outcome, "outcome")
            && self.view.covers(word(v, "ts"), last)
            && self.view.involves(["orig", "resp", "orig_mac", "resp_mac", "source", "mac"].map(|k| word(v, k)))
    }
}

/// Lists flows. Summaries of unlisted contacts are in the JSON form only.
pub fn run(args: &Args, common: &Common) -> Result<Exit, Stop> {
    let v = &args.view;
    let mut table = Table::new(&HEAD);
    let (mut out, mut more, mut damage) = (Vec::new(), 0usize, None);
    if v.format == ListFormat::Csv {
        out = table.csv();
    }
    for line in saved::lines(&v.dir, "flows.jsonl")? {
        let Saved { line, value: flow } = match line {
            Ok(saved) => saved,
            Err(e) => {
                damage = Some(e);
                break;
            }
        };
        if !args.keeps(&flow) || (v.format != ListFormat::Json && word(&flow, "type") != "flow") {
            continue;
        }
        match v.format {
            ListFormat::Json => {
                // Ours are escaped already; whoever else wrote to the file is not trusted.
                out.extend_from_slice(clean(&line).as_bytes());
                out.push(b'\n');
            }
            ListFormat::Table if args.limit != 0 && table.len() >= args.limit => more += 1,
            format => table.row(HEAD.iter().map(|k| if *k == "ts" { at(word(&flow, k), format) } else { field(&flow, k) }).collect()),
        }
        if v.format == ListFormat::Csv && table.len() >= 1000 {
            out.extend_from_slice(&table.take_csv_rows());
        }
        if out.len() > 1 << 16 && !pass_on(&mut out)? {
            return Ok(Exit::Done);
        }
    }
    match v.format {
        ListFormat::Table => {
            v.show(&table)?;
        }
        _ => {
            out.extend_from_slice(&table.take_csv_rows());
            emit(&out)?;
        }
    }
    if more > 0 && !common.quiet {
        say(&format!("{more} more flows are not shown (--limit {}, --format csv or json shows all)", args.limit));
    }
    damage.map_or(Ok(Exit::Done), |e| Err(e.into()))
}

/// Writes what has gathered; false when nobody reads any more.
fn pass_on(out: &mut Vec<u8>) -> Result<bool, Stop> {
    use std::io::Write;
    let mut to = std::io::stdout().lock();
    let result = to.write_all(out);
    out.clear();
    match result {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Stop::new(Exit::Output, format!("cannot write standard output: {e}"))),
    }
}
