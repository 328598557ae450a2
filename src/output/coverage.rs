//! The coverage records of our files: what was seen and what was not.

use crate::event::Coverage;
use serde::{Deserialize, Serialize};

/// Six decimals are more than the estimate is worth, and stay short in files.
fn rounded(v: f64) -> f64 {
    (v * 1e6).round() / 1e6
}

/// What was seen and what was not, over the whole run.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CoverageRecord {
    /// Dropped by the kernel.
    pub kernel_drops: u64,
    /// Dropped by the card or its driver.
    pub card_drops: u64,
    /// Not parsed because of overload.
    pub shed: u64,
    /// Share of TCP payload that was on the wire but not captured, 0 to 1, six decimals.
    pub loss_estimate: f64,
    /// Copies removed.
    pub duplicates: u64,
    /// Flows seen in one direction only.
    pub one_way_flows: u64,
    /// Frames cut by the snap length.
    pub snapped: u64,
    /// Frames of which nothing could be decoded.
    pub undecoded: u64,
    /// Frames left out by `--filter`, `--from`, `--to`.
    pub filtered: u64,
    /// Payload bytes on the wire but not captured.
    pub missed_bytes: u64,
    /// Payload bytes captured in TCP flows.
    pub tcp_bytes: u64,
    /// Exact copies counted but not removed.
    pub doubles_kept: u64,
    /// Flows evicted by a full table.
    pub evicted_flows: u64,
    /// Flows counted in summaries only.
    pub unlisted_flows: u64,
    /// Link-layer messages counted only.
    pub unlisted_link: u64,
    /// Flows whose payload reading was given up at a cap.
    pub unparsed_flows: u64,
    /// Of `shed`: full segments of file transfers whose content was not judged.
    #[serde(skip_serializing_if = "is_zero")]
    pub shed_content: u64,
    /// Of `shed`: full segments of bulk transfers whose payload was not read.
    #[serde(skip_serializing_if = "is_zero")]
    pub shed_payload: u64,
    /// Of `shed`: frames of which only the head was kept.
    #[serde(skip_serializing_if = "is_zero")]
    pub shed_cut: u64,
    /// Payload bytes of the first two.
    #[serde(skip_serializing_if = "is_zero")]
    pub shed_bytes: u64,
}

/// A cause that there was not is not listed.
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl From<&Coverage> for CoverageRecord {
    fn from(c: &Coverage) -> Self {
        CoverageRecord {
            kernel_drops: c.kernel_drops,
            card_drops: c.card_drops,
            shed: c.shed,
            loss_estimate: rounded(c.loss_estimate()),
            duplicates: c.duplicates,
            one_way_flows: c.one_way_flows,
            snapped: c.snapped,
            undecoded: c.undecoded,
            filtered: c.filtered,
            missed_bytes: c.missed_bytes,
            tcp_bytes: c.tcp_bytes,
            doubles_kept: c.doubles_kept,
            evicted_flows: c.evicted_flows,
            unlisted_flows: c.unlisted_flows,
            unlisted_link: c.unlisted_link,
            unparsed_flows: c.unparsed_flows,
            shed_content: c.shed_content,
            shed_payload: c.shed_payload,
            shed_cut: c.shed_cut,
            shed_bytes: c.shed_bytes,
        }
    }
}

/// The coverage under which a finding was made: what could have hidden part of it.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenRecord {
    /// Frames read up to then.
    pub packets: u64,
    /// Dropped by the kernel or the interface.
    pub kernel_drops: u64,
    /// Not parsed because of overload.
    pub shed: u64,
    /// Share of TCP payload not captured.
    pub loss_estimate: f64,
    /// Flows seen in one direction only.
    pub one_way_flows: u64,
    /// Frames cut by the snap length.
    pub snapped: u64,
}

impl From<&Coverage> for SeenRecord {
    fn from(c: &Coverage) -> Self {
        SeenRecord {
            packets: c.packets,
            kernel_drops: c.kernel_drops,
            shed: c.shed,
            loss_estimate: rounded(c.loss_estimate()),
            one_way_flows: c.one_way_flows,
            snapped: c.snapped,
        }
    }
}
