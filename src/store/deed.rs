//! What people did: one change and its line in the audit trail, written together.

use super::open::{ns, opt_ns};
use super::rows::{Audit, Forgotten, Muted, Note, Verdict};
use crate::base::Timestamp;
use rusqlite::{Connection, params};

/// What a person changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// A decision about a device, or the end of one.
    Decided(Verdict),
    /// A finding or an incident was taken note of, as it stood in this revision.
    Acknowledged {
        /// Its id.
        target: String,
        /// Its revision.
        rev: u32,
    },
    /// A note.
    Noted(Note),
    /// A mute began.
    Muted(Muted),
    /// A mute ended before its time, or by itself.
    Unmuted(u64),
    /// An incident was closed at this time, or opened again.
    Closed {
        /// Its id.
        incident: String,
        /// When; `None` opens it again.
        at: Option<Timestamp>,
    },
    /// Learning stops.
    Paused {
        /// Why.
        why: String,
    },
    /// Learning goes on.
    Resumed,
    /// What was learned in a time is thrown away.
    Forgot(Forgotten),
    /// Nothing in the tables but the line in the audit trail.
    Only,
}

/// What becomes of an order: it was carried out, and is it on the disk?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Carried {
    /// It will survive a power cut.
    pub saved: bool,
}

/// Where the answer to an order goes.
pub type Reply = crossbeam::channel::Sender<Carried>;

/// A change with who made it and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deed {
    /// The line in the audit trail.
    pub audit: Audit,
    /// What it changed.
    pub change: Change,
}

impl Deed {
    pub(super) fn write(&self, c: &Connection) -> rusqlite::Result<()> {
        let a = &self.audit;
        c.prepare_cached("INSERT INTO audit (ts, who, uid, action, target, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
            ns(a.ts),
            a.who,
            a.uid,
            a.action,
            a.target,
            a.detail
        ])?;
        match &self.change {
            Change::Decided(v) => {
                let state = v.state.map(crate::assets::Status::word);
                c.prepare_cached("INSERT INTO decisions (device, state, until, ts, who, why) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
                    v.device.to_string(),
                    state,
                    opt_ns(v.until),
                    ns(v.ts),
                    v.who,
                    v.why
                ])?;
            }
            Change::Acknowledged { target, rev } => {
                c.prepare_cached("INSERT OR REPLACE INTO acknowledgements (target, rev, ts, who) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                    target,
                    rev,
                    ns(a.ts),
                    a.who
                ])?;
            }
            Change::Noted(n) => {
                c.prepare_cached("INSERT INTO notes (target, ts, who, text) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                    n.target,
                    ns(n.ts),
                    n.who,
                    n.text
                ])?;
            }
            Change::Muted(m) => {
                let fits = serde_json::to_string(&m.fits).unwrap_or_default();
                c.prepare_cached("INSERT OR REPLACE INTO mutes (num, fits, until, ended, ts, who, why) VALUES (?1, ?2, ?3, NULL, ?4, ?5, ?6)")?
                    .execute(params![m.number as i64, fits, ns(m.until), ns(m.ts), m.who, m.why])?;
            }
            Change::Unmuted(number) => {
                c.execute("UPDATE mutes SET ended = ?2 WHERE num = ?1 AND ended IS NULL", params![*number as i64, ns(a.ts)])?;
            }
            Change::Closed { incident, at } => {
                c.execute("UPDATE incidents SET closed = ?2 WHERE id = ?1", params![incident, opt_ns(*at)])?;
            }
            Change::Paused { why } => {
                c.execute("INSERT INTO learning (kind, since, until, who, why) VALUES ('paused', ?1, NULL, ?2, ?3)", params![ns(a.ts), a.who, why])?;
            }
            Change::Resumed => {
                c.execute("UPDATE learning SET until = ?1 WHERE kind = 'paused' AND until IS NULL", params![ns(a.ts)])?;
            }
            Change::Forgot(f) => {
                let span = params![ns(f.from), ns(f.to)];
                c.execute("DELETE FROM edges WHERE first_ts BETWEEN ?1 AND ?2", span)?;
                c.execute("DELETE FROM services WHERE since BETWEEN ?1 AND ?2", span)?;
                c.execute("DELETE FROM uses WHERE first_ts BETWEEN ?1 AND ?2", span)?;
                let row = params![ns(f.from), ns(f.to), a.who, a.detail];
                c.execute("INSERT INTO learning (kind, since, until, who, why) VALUES ('forgotten', ?1, ?2, ?3, ?4)", row)?;
            }
            Change::Only => {}
        }
        Ok(())
    }
}
