//! How much of a living flow is counted already, so that every table counts each byte once.

use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowRecord};

/// Living flows whose counted part is remembered. One that is forgotten counts twice: more long flows than this live in no hospital.
const LIVING: usize = 65_536;

/// What a flow added to what was counted of it before. Index 0 is the originator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Grown {
    /// Packets of both directions.
    pub packets: u64,
    /// IP bytes.
    pub bytes: [u64; 2],
}

/// The counted part of every living flow.
#[derive(Debug)]
pub(super) struct Living {
    counted: BoundedMap<u64, Grown>,
}

impl Living {
    pub(super) fn new() -> Living {
        Living { counted: BoundedMap::new(LIVING) }
    }
    /// What this event adds; nothing if it is no record of a flow.
    pub(super) fn grown(&mut self, event: &Event) -> Grown {
        match &event.kind {
            EventKind::FlowAlive(r) | EventKind::FlowGrown(r) => self.record(r, true),
            EventKind::Flow(r) => self.record(r, false),
            _ => Grown::default(),
        }
    }
    fn record(&mut self, r: &FlowRecord, lives: bool) -> Grown {
        let before = self.counted.remove(&r.info.uid).unwrap_or_default();
        let now = Grown { packets: r.packets[0] + r.packets[1], bytes: r.bytes };
        if lives {
            self.counted.insert(r.info.uid, now);
        }
        Grown {
            packets: now.packets.saturating_sub(before.packets),
            bytes: [now.bytes[0].saturating_sub(before.bytes[0]), now.bytes[1].saturating_sub(before.bytes[1])],
        }
    }
}
