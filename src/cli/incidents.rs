//! `spanward incidents`: the stories that findings tell together.

use super::view::{View, at};
use super::{Common, Exit, Stop};
use crate::base::Severity;
use crate::output::record::IncidentRecord;
use crate::output::text::rank;

/// Options of `incidents`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  spanward incidents out\n  spanward incidents out --severity critical --format json | jq '.incidents[].path'")]
pub struct Args {
    #[command(flatten)]
    view: View,
    /// Only incidents of this severity or worse: info, low, medium, high, critical
    #[arg(long)]
    severity: Option<Severity>,
    /// Only incidents that came to this stage
    #[arg(long, value_parser = super::view::one_of(&["entry", "recon", "privilege", "spread", "staging", "impact"]))]
    stage: Option<String>,
}

/// Lists incidents.
pub fn run(args: &Args, _common: &Common) -> Result<Exit, Stop> {
    let v = &args.view;
    let keep = |i: &IncidentRecord| {
        args.severity.is_none_or(|s| rank(&i.severity) >= rank(s.word()))
            && args.stage.as_ref().is_none_or(|s| *s == i.stage)
            && v.covers(&i.opened, &i.last_ts)
            && v.involves(std::iter::once(&i.patient_zero).chain(&i.hosts).map(String::as_str))
    };
    let head = ["id", "opened", "last_ts", "severity", "stage", "patient_zero", "origin", "hosts", "steps", "findings", "summary"];
    v.list(keep, &head, |i: &IncidentRecord| {
        vec![
            i.id.clone(),
            at(&i.opened, v.format),
            at(&i.last_ts, v.format),
            i.severity.clone(),
            i.stage.clone(),
            i.patient_zero.clone(),
            i.origin.clone(),
            i.hosts.len().to_string(),
            i.path.len().to_string(),
            i.findings.len().to_string(),
            i.summary.clone(),
        ]
    })
}
