//! Findings and incidents in the tables.

use super::open::{ns, opt_ns};
use super::{Batch, FindingRow, IncidentRow};
use crate::incident::number;
use rusqlite::{Connection, OptionalExtension, params};

pub(super) fn write(c: &Connection, b: &Batch) -> rusqlite::Result<()> {
    b.findings.iter().try_for_each(|f| finding(c, f))?;
    b.incidents.iter().try_for_each(|i| incident(c, i))?;
    for (id, into) in &b.merged {
        c.prepare_cached("UPDATE incidents SET merged_into = ?2 WHERE id = ?1")?.execute(params![id, into])?;
    }
    keep_numbers(c, b.numbers)?;
    let last = Some(("last_ts", ns(b.now).to_string())).filter(|_| b.now.0 > 0);
    let coverage = b.coverage.and_then(|seen| Some(("coverage", serde_json::to_string(&seen).ok()?)));
    for (key, value) in last.into_iter().chain(coverage) {
        c.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?.execute(params![key, value])?;
    }
    Ok(())
}

fn finding(c: &Connection, row: &FindingRow) -> rusqlite::Result<()> {
    let (k, f) = (&row.kept, &row.kept.finding);
    let state = serde_json::to_string(k).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    // An older revision that comes late must not undo a newer one.
    c.prepare_cached(
        "INSERT INTO findings (num, id, rev, ts, first_ts, last_ts, detector, severity, outcome, orig, zone, incident, muted, record, state) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) \
         ON CONFLICT (num) DO UPDATE SET rev = ?3, ts = ?4, first_ts = ?5, last_ts = ?6, detector = ?7, severity = ?8, outcome = ?9, orig = ?10, \
         zone = ?11, incident = ?12, muted = ?13, record = ?14, state = ?15 WHERE rev <= ?3",
    )?
    .execute(params![
        number(&k.id).map(|n| n as i64),
        k.id,
        k.rev,
        ns(f.ts),
        ns(f.first_ts),
        ns(f.last_ts),
        f.detector,
        f.severity.word(),
        f.outcome.word(),
        f.orig.word(),
        f.zone,
        k.incident,
        k.muted as i64,
        row.record,
        state
    ])?;
    Ok(())
}

fn incident(c: &Connection, row: &IncidentRow) -> rusqlite::Result<()> {
    let (s, i) = (&row.story, &row.story.incident);
    let state = serde_json::to_string(s).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    c.prepare_cached(
        "INSERT INTO incidents (num, id, rev, opened, last_ts, severity, stage, patient_zero, closed, record, state) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
         ON CONFLICT (num) DO UPDATE SET rev = ?3, opened = ?4, last_ts = ?5, severity = ?6, stage = ?7, patient_zero = ?8, closed = ?9, \
         record = ?10, state = ?11, merged_into = NULL WHERE rev <= ?3",
    )?
    .execute(params![
        number(&i.id).map(|n| n as i64),
        i.id,
        i.rev,
        ns(i.opened),
        ns(i.last_ts),
        i.severity.word(),
        i.stage.word(),
        i.patient_zero,
        opt_ns(s.closed),
        row.record,
        state
    ])?;
    Ok(())
}

/// The highest numbers ever given outlive their findings and incidents.
pub(super) fn keep_numbers(c: &Connection, given: (u64, u64)) -> rusqlite::Result<()> {
    for (key, n) in [("findings", given.0), ("incidents", given.1)].into_iter().filter(|(_, n)| *n > 0) {
        c.prepare_cached(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2 WHERE CAST(value AS INTEGER) < CAST(?2 AS INTEGER)",
        )?
        .execute(params![key, n.to_string()])?;
    }
    Ok(())
}

/// The highest numbers ever given to findings and incidents.
pub(super) fn numbers(c: &Connection) -> rusqlite::Result<(u64, u64)> {
    let of = |key: &str, table: &str| -> rusqlite::Result<u64> {
        let kept: Option<String> = c.query_row("SELECT value FROM meta WHERE key = ?1", [key], |r| r.get(0)).optional()?;
        let most: Option<i64> = c.query_row(&format!("SELECT max(num) FROM {table}"), [], |r| r.get(0))?;
        let most = most.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        Ok(kept.and_then(|v| v.parse().ok()).unwrap_or(0).max(most))
    };
    Ok((of("findings", "findings")?, of("incidents", "incidents")?))
}
