//! `spanward devices`: who was on the network.

use super::view::{View, at, joined, one_of};
use super::{Common, Exit, ListFormat, Stop, emit, ledger};
use crate::output::record::DeviceRecord;
use crate::output::stored::store_in;
use crate::site::Site;

const STATUS: &[&str] = &["listed", "unlisted", "new", "investigating", "authorised", "refused", "expired"];

/// Options of `devices`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  spanward devices out --status unlisted\n  spanward devices out --zone ward --format csv > devices.csv\n  \
                        spanward devices -c site.toml --format csv /var/lib/spanward > ledger-new.csv\n\n\
                        With a site file that has a ledger, `--format csv` of a sensor's store writes the ledger back: every row as it is, in its own columns, \
                        encoding and separator, with the decisions made since.")]
pub struct Args {
    #[command(flatten)]
    view: View,
    /// Only devices of this ledger status
    #[arg(long, value_parser = one_of(STATUS))]
    status: Option<String>,
    /// Only devices of this zone
    #[arg(long)]
    zone: Option<String>,
    /// Only devices of this role
    #[arg(long)]
    role: Option<String>,
}

/// Lists devices.
pub fn run(args: &Args, common: &Common) -> Result<Exit, Stop> {
    let v = &args.view;
    let keep = |d: &DeviceRecord| {
        args.status.as_ref().is_none_or(|s| *s == d.status)
            && args.zone.as_ref().is_none_or(|z| *z == d.zone)
            && args.role.as_ref().is_none_or(|r| *r == d.role)
            && v.covers(&d.first_seen, &d.last_seen)
            && v.involves([d.id.as_str(), d.mac.as_str()].into_iter().chain(d.ips.iter().chain(&d.names).map(String::as_str)))
    };
    if v.format == ListFormat::Csv
        && common.site.is_some()
        && let Some(reader) = store_in(&v.dir)?
    {
        let site = Site::open(common.site.as_deref(), &common.clinical)?;
        if let Some(report) = &site.ledger_report {
            let out = ledger::written(&site, report, &reader, &|d| keep(&DeviceRecord::from(d.clone())), common.quiet)?;
            return emit(&out).map(|()| Exit::Done);
        }
    }
    let head = ["id", "mac", "ips", "names", "vendor", "role", "zone", "status", "first_seen", "last_seen"];
    v.list(keep, &head, |d: &DeviceRecord| {
        vec![
            d.id.clone(),
            d.mac.clone(),
            joined(&d.ips),
            joined(&d.names),
            d.vendor.clone(),
            d.role.clone(),
            d.zone.clone(),
            d.status.clone(),
            at(&d.first_seen, v.format),
            at(&d.last_seen, v.format),
        ]
    })
}
