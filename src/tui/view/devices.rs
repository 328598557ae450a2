//! Devices: who is on the network, and what the ledger and the person on duty say of it.

use super::list::{Column, Row, Sort, column, number};
use super::pen::Part;
use crate::output::record::DeviceRecord;
use crate::tui::app::App;
use crate::tui::filter::Field;
use crate::tui::text::T;
use crate::tui::theme::Tone;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The status as it is now: what was decided counts more than the ledger.
pub fn status<'a>(app: &'a App, d: &'a DeviceRecord) -> &'a str {
    match app.stories.desk.decisions.get(&d.id) {
        Some(decision) => decision.status_at(&app.view.ts),
        None => &d.status,
    }
}

/// Tone and mark of a status.
pub fn tone(status: &str) -> (Tone, &'static str) {
    match status {
        "refused" => (Tone::Bad, "! "),
        "unlisted" | "expired" => (Tone::Warn, "* "),
        "new" | "investigating" => (Tone::Strong, "? "),
        _ => (Tone::Text, "  "),
    }
}

/// The address people know it by: its newest of IPv4, else its newest, else its MAC.
pub fn address(d: &DeviceRecord) -> &str {
    let v4 = d.ips.iter().rev().find(|a| a.contains('.'));
    v4.or(d.ips.last()).unwrap_or(&d.mac)
}

/// What people call it: by its own name, else by the one others know.
pub fn name<'a>(app: &'a App, d: &'a DeviceRecord) -> &'a str {
    d.names.last().map_or_else(|| app.names.name(address(d)), String::as_str)
}

fn rank(status: &str) -> u64 {
    let order = ["refused", "expired", "unlisted", "investigating", "new", "authorised", "listed"];
    order.iter().position(|s| *s == status).unwrap_or(order.len()) as u64
}

impl Row for DeviceRecord {
    const COLUMNS: &'static [Column] = &[
        column(T::ColStatus, 12, 0, 0),
        column(T::ColAddress, 15, 0, 0),
        column(T::ColName, 10, 2, 0),
        column(T::ColZone, 8, 1, 0),
        column(T::ColRole, 8, 0, 60),
        column(T::ColVendor, 8, 3, 70),
        column(T::ColMac, 17, 0, 110),
        column(T::ColFirst, 14, 0, 130),
        column(T::ColLast, 8, 0, 90),
        number(T::ColVlan, 5, 140),
    ];
    fn cells(&self, app: &App) -> Vec<Part> {
        let status = status(app, self);
        let (tone, mark) = tone(status);
        let l = &app.look;
        let vendor = if self.randomised { l.t(T::Randomised) } else { &self.vendor };
        vec![
            (tone, format!("{mark}{}", l.word(status))),
            (Tone::Text, address(self).to_owned()),
            (Tone::Strong, name(app, self).to_owned()),
            (Tone::Text, self.zone.clone()),
            (Tone::Text, if self.role == "unknown" { String::new() } else { l.word(&self.role).to_owned() }),
            (Tone::Dim, vendor.to_owned()),
            (Tone::Dim, self.mac.clone()),
            (Tone::Dim, l.day_clock(&self.first_seen)),
            (Tone::Dim, l.clock(&self.last_seen)),
            (Tone::Dim, self.vlan.map(|v| v.to_string()).unwrap_or_default()),
        ]
    }
    fn sort(&self, app: &App, column: usize) -> Sort {
        match column {
            0 => Sort::n(u64::MAX - rank(status(app, self))),
            1 => Sort::Text(padded(address(self))),
            2 => Sort::t(name(app, self)),
            3 => Sort::t(&self.zone),
            4 => Sort::t(&self.role),
            5 => Sort::t(&self.vendor),
            6 => Sort::t(&self.mac),
            7 => Sort::t(&self.first_seen),
            8 => Sort::n(crate::tui::app::stamp(&self.last_seen).0),
            _ => Sort::n(u64::from(self.vlan.unwrap_or(0))),
        }
    }
    fn order(&self, app: &App) -> (u64, String) {
        (rank(status(app, self)), padded(address(self)))
    }
    fn see<'a>(&'a self, app: &'a App, see: &mut dyn FnMut(Field, Cow<'a, str>)) {
        let hosts = self.ips.iter().chain(&self.names).chain(Some(&self.mac));
        hosts.for_each(|t| see(Field::Host, t.as_str().into()));
        see(Field::Zone, self.zone.as_str().into());
        let status = status(app, self);
        see(Field::Status, status.into());
        see(Field::Other, app.look.word(status).into());
        for t in [&self.vendor, &self.role, &self.id] {
            see(Field::Other, t.as_str().into());
        }
    }
    fn last(&self) -> &str {
        &self.last_seen
    }
}

/// An address that sorts as text: IPv4 with three digits each.
pub fn padded(a: &str) -> String {
    match a.parse::<std::net::Ipv4Addr>() {
        Ok(v4) => v4.octets().map(|o| format!("{o:03}")).join("."),
        Err(_) => a.to_owned(),
    }
}

/// Columns of the grouped review.
pub const GROUP_COLUMNS: &[Column] = &[
    number(T::ColCount, 5, 0),
    column(T::ColStatus, 12, 0, 0),
    column(T::ColZone, 9, 1, 0),
    column(T::ColVendor, 14, 3, 0),
    column(T::ColRole, 10, 0, 0),
    column(T::ColName, 14, 3, 70),
];

/// What makes devices alike.
fn alike(app: &App, d: &DeviceRecord) -> String {
    let vendor = if d.randomised { "" } else { d.vendor.as_str() };
    [status(app, d), &d.zone, vendor, &d.role].join("\u{1f}")
}

/// Groups of the devices with these ids, those first that nobody decided about, then the largest.
pub fn groups(app: &App, ids: &[String]) -> Vec<String> {
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for d in ids.iter().filter_map(|id| app.view.devices.get(id)) {
        *all.entry(alike(app, d)).or_default() += 1;
    }
    let mut all: Vec<(String, u64)> = all.into_iter().collect();
    all.sort_by_key(|(key, n)| (rank(key.split('\u{1f}').next().unwrap_or_default()), std::cmp::Reverse(*n)));
    all.into_iter().map(|g| g.0).collect()
}

/// Ids of a group's devices.
pub fn members(app: &App, group: &str) -> Vec<String> {
    app.view.devices.values().filter(|d| alike(app, d) == group).map(|d| d.id.clone()).collect()
}

/// Cells of a group.
pub fn group_cells(app: &App, group: &str) -> Vec<Part> {
    let ids = members(app, group);
    let mut parts = group.split('\u{1f}');
    let mut next = || parts.next().unwrap_or_default();
    let (state, zone, vendor, role) = (next(), next(), next(), next());
    let (tone, mark) = tone(state);
    let names = ids.iter().filter_map(|id| app.view.devices.get(id)).filter_map(|d| d.names.last().or(d.ips.last())).take(4);
    let names: Vec<&str> = names.map(String::as_str).collect();
    vec![
        (Tone::Strong, ids.len().to_string()),
        (tone, format!("{mark}{}", app.look.word(state))),
        (Tone::Text, zone.to_owned()),
        (Tone::Text, if vendor.is_empty() { app.look.t(T::Randomised).to_owned() } else { vendor.to_owned() }),
        (Tone::Text, app.look.word(role).to_owned()),
        (Tone::Dim, names.join(" ")),
    ]
}
