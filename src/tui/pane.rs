//! The panes, where one is in each of them, and what can be pointed at.

use super::text::T;
use std::collections::BTreeSet;

/// A pane, in the order of its number key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Pane {
    /// Is it quiet?
    #[default]
    Overview,
    /// What happened, from where, what to do.
    Incident,
    /// The ledger and who is not in it.
    Devices,
    /// What leaves.
    Egress,
    /// Who administers whom.
    Lateral,
    /// The largest flows.
    Flows,
    /// What detectors said.
    Findings,
    /// How the sensor is.
    Sensor,
}

impl Pane {
    /// Every pane.
    pub const ALL: &'static [Pane] =
        &[Pane::Overview, Pane::Incident, Pane::Devices, Pane::Egress, Pane::Lateral, Pane::Flows, Pane::Findings, Pane::Sensor];

    /// Its place, from 0.
    pub fn number(self) -> usize {
        self as usize
    }
    /// Its name.
    pub const fn title(self) -> T {
        match self {
            Pane::Overview => T::PaneOverview,
            Pane::Incident => T::PaneIncident,
            Pane::Devices => T::PaneDevices,
            Pane::Egress => T::PaneEgress,
            Pane::Lateral => T::PaneLateral,
            Pane::Flows => T::PaneFlows,
            Pane::Findings => T::PaneFindings,
            Pane::Sensor => T::PaneSensor,
        }
    }
    /// Its name in commands and file names.
    pub const fn word(self) -> &'static str {
        match self {
            Pane::Overview => "overview",
            Pane::Incident => "incident",
            Pane::Devices => "devices",
            Pane::Egress => "egress",
            Pane::Lateral => "lateral",
            Pane::Flows => "flows",
            Pane::Findings => "findings",
            Pane::Sensor => "sensor",
        }
    }
    /// Does it hold a table of rows?
    pub const fn is_list(self) -> bool {
        matches!(self, Pane::Devices | Pane::Egress | Pane::Lateral | Pane::Flows | Pane::Findings)
    }
    /// The pane `by` places further, round and round.
    pub fn beside(self, by: isize) -> Pane {
        let n = Pane::ALL.len() as isize;
        let at = (self.number() as isize + by).rem_euclid(n);
        Pane::ALL.get(at as usize).copied().unwrap_or_default()
    }
}

/// Where one is in a pane.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// The chosen row.
    pub row: usize,
    /// Its id: the choice follows it when rows move.
    pub id: String,
    /// First row on the screen.
    pub top: usize,
    /// The filter.
    pub filter: String,
    /// Column that sorts; `None` = the pane's own order.
    pub sort: Option<usize>,
    /// The other way round.
    pub reversed: bool,
    /// Rows that are marked.
    pub marked: BTreeSet<String>,
    /// Alike rows are shown as one.
    pub grouped: bool,
}

/// Something that a line or a row is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Target {
    /// A device by id.
    Device(String),
    /// A host by address.
    Host(String),
    /// A finding.
    Finding(String),
    /// An incident.
    Incident(String),
    /// A row of the egress table.
    Egress(String),
    /// A row of remote administration.
    Edge(String),
    /// A flow.
    Flow(String),
}
