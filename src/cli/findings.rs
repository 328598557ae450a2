//! `spanward findings`: what the detectors said.

use super::view::{View, at, joined};
use super::{Common, Exit, Stop};
use crate::base::Severity;
use crate::output::record::FindingRecord;
use crate::output::text::rank;

/// Options of `findings`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  spanward findings out --severity high\n  spanward findings out --detector smb-fanout --format json | jq '.findings[].resp'"
)]
pub struct Args {
    #[command(flatten)]
    view: View,
    /// Only findings of this severity or worse: info, low, medium, high, critical
    #[arg(long)]
    severity: Option<Severity>,
    /// Only findings of this detector (repeatable)
    #[arg(long, value_name = "ID")]
    detector: Vec<String>,
    /// Only findings about originators in this zone
    #[arg(long)]
    zone: Option<String>,
    /// Only findings of this incident
    #[arg(long, value_name = "ID")]
    incident: Option<String>,
}

/// Lists findings.
pub fn run(args: &Args, _common: &Common) -> Result<Exit, Stop> {
    let v = &args.view;
    let keep = |f: &FindingRecord| {
        args.severity.is_none_or(|s| rank(&f.severity) >= rank(s.word()))
            && (args.detector.is_empty() || args.detector.contains(&f.detector))
            && args.zone.as_ref().is_none_or(|z| *z == f.zone)
            && args.incident.as_ref().is_none_or(|i| *i == f.incident)
            && v.covers(&f.first_ts, &f.last_ts)
            && v.involves(std::iter::once(&f.orig).chain(&f.orig_all).chain(&f.resp).map(String::as_str))
    };
    let head = ["id", "ts", "severity", "detector", "orig", "zone", "count", "service", "outcome", "user", "incident", "summary"];
    v.list(keep, &head, |f: &FindingRecord| {
        vec![
            f.id.clone(),
            at(&f.ts, v.format),
            f.severity.clone(),
            f.detector.clone(),
            if f.orig.is_empty() { joined(&f.orig_all) } else { f.orig.clone() },
            f.zone.clone(),
            f.count.to_string(),
            f.service.clone(),
            f.outcome.clone(),
            f.user.clone().unwrap_or_default(),
            f.incident.clone(),
            f.summary.clone(),
        ]
    })
}
