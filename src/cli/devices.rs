//! `spanward devices`: who was on the network.

use super::view::{View, at, joined, one_of};
use super::{Common, Exit, Stop};
use crate::output::record::DeviceRecord;

const STATUS: &[&str] = &["listed", "unlisted", "new", "investigating", "authorised", "refused", "expired"];

/// Options of `devices`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  spanward devices out --status unlisted\n  spanward devices out --zone ward --format csv > devices.csv")]
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
pub fn run(args: &Args, _common: &Common) -> Result<Exit, Stop> {
    let v = &args.view;
    let keep = |d: &DeviceRecord| {
        args.status.as_ref().is_none_or(|s| *s == d.status)
            && args.zone.as_ref().is_none_or(|z| *z == d.zone)
            && args.role.as_ref().is_none_or(|r| *r == d.role)
            && v.covers(&d.first_seen, &d.last_seen)
            && v.involves([d.id.as_str(), d.mac.as_str()].into_iter().chain(d.ips.iter().chain(&d.names).map(String::as_str)))
    };
    let head = ["id", "mac", "ips", "names", "vendor", "role", "zone", "status", "first_seen", "last_seen"];
    v.list("devices", keep, &head, |d: &DeviceRecord| {
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
