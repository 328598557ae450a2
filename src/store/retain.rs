//! What is old leaves, a little at a time, so that no commit has to wait for it.

use super::open::ns;
use super::{Store, StoreError};
use crate::base::{Span, Timestamp};
use rusqlite::{Connection, params};

/// Rows that leave a table in one call.
const ROWS: i64 = 2_000;
/// Pages of 4 KiB given back to the disk in one call.
const PAGES: i64 = 1_024;
/// Rows of each table at most, whatever their age, and in which order they leave: an attacker who makes devices, names or findings by the million must
/// not fill the disk. Devices that were seen for less than a minute leave before all others, so that a flood of MACs pushes out itself.
const CAPS: &[(&str, &str, i64, &str)] = &[
    ("findings", "num", 200_000, "num"),
    ("incidents", "num", 100_000, "num"),
    ("bindings", "addr, mac, since", 524_288, "held <> 'past', last"),
    ("names", "device, name", 524_288, "since"),
    ("edges", "orig, resp, service", 131_072, "last_ts"),
    ("services", "addr, proto, port", 131_072, "since"),
    ("users", "addr, service", 131_072, "addr"),
    ("uses", "user, host, proto, port", 262_144, "last_ts"),
    ("places", "account, host", 131_072, "last_ts"),
    ("audit", "num", 1_000_000, "num"),
    ("segments", "path", 100_000, "last_ts"),
];
/// Devices at most; those about which a person decided stay.
const DEVICES: i64 = 131_072;

/// How long things are kept after they were last seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// Findings and incidents.
    pub told: Span,
    /// Devices, bindings and the baseline.
    pub learned: Span,
    /// The index of the flow logs.
    pub flows: Span,
}

impl Default for Keep {
    /// A year and a month for what was found, 100 days for what was learned and for flows: a device that comes back after three months is still known.
    fn default() -> Keep {
        let days = |n: u64| Span::hours(24 * n);
        Keep { told: days(400), learned: days(100), flows: days(100) }
    }
}

/// What left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pruned {
    /// Rows that were too old.
    pub aged: usize,
    /// Rows that were too many.
    pub evicted: usize,
    /// There is more to take out: the next call goes on.
    pub more: bool,
}

impl Pruned {
    fn cap(&mut self, tx: &Connection, table: &str, key: &str, chosen: &str, most: i64) -> rusqlite::Result<()> {
        let over = tx.prepare_cached(&format!("SELECT count(*) FROM {table}"))?.query_row([], |r| r.get::<_, i64>(0))? - most;
        if over > 0 {
            let sql = format!("DELETE FROM {table} WHERE ({key}) IN ({chosen})");
            self.evicted += tx.prepare_cached(&sql)?.execute([over.min(ROWS)])?;
            self.more |= over > ROWS;
        }
        Ok(())
    }
}

impl Store {
    /// Takes out what is older than it is to be kept, and what is more than there is room for. Devices about which a person decided stay.
    pub fn prune(&mut self, now: Timestamp, keep: &Keep) -> Result<Pruned, StoreError> {
        let before = |span: Span| ns(now - span);
        let (told, learned, flows) = (before(keep.told), before(keep.learned), before(keep.flows));
        let tx = self.conn.transaction()?;
        let mut pruned = Pruned::default();
        for (sql, age) in [
            ("DELETE FROM findings WHERE num IN (SELECT num FROM findings WHERE last_ts < ?1 LIMIT ?2)", told),
            ("DELETE FROM incidents WHERE num IN (SELECT num FROM incidents WHERE last_ts < ?1 LIMIT ?2)", told),
            (
                "DELETE FROM devices WHERE num IN (SELECT s.device FROM seen s JOIN devices d ON d.num = s.device \
                 WHERE s.last_seen < ?1 AND d.id NOT IN (SELECT device FROM decisions) LIMIT ?2)",
                learned,
            ),
            ("DELETE FROM bindings WHERE (addr, mac, since) IN (SELECT addr, mac, since FROM bindings WHERE last < ?1 LIMIT ?2)", learned),
            ("DELETE FROM edges WHERE (orig, resp, service) IN (SELECT orig, resp, service FROM edges WHERE last_ts < ?1 LIMIT ?2)", learned),
            ("DELETE FROM uses WHERE (user, host, proto, port) IN (SELECT user, host, proto, port FROM uses WHERE last_ts < ?1 LIMIT ?2)", learned),
            ("DELETE FROM places WHERE (account, host) IN (SELECT account, host FROM places WHERE last_ts < ?1 LIMIT ?2)", learned),
            ("DELETE FROM segments WHERE path IN (SELECT path FROM segments WHERE last_ts < ?1 LIMIT ?2)", flows),
        ] {
            let n = tx.prepare_cached(sql)?.execute(params![age, ROWS])?;
            pruned.aged += n;
            pruned.more |= n as i64 >= ROWS;
        }
        // Services of hosts that are gone.
        let gone = "addr NOT IN (SELECT addr FROM bindings) AND 'ip-' || addr NOT IN (SELECT id FROM devices)";
        for (table, key, since) in [("services", "addr, proto, port", "since < ?1 AND "), ("users", "addr, service", "?1 IS NOT NULL AND ")] {
            let sql = format!("DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {since}{gone} LIMIT ?2)");
            pruned.aged += tx.prepare_cached(&sql)?.execute(params![learned, ROWS])?;
        }
        for (table, key, most, order) in CAPS {
            let chosen = format!("SELECT {key} FROM {table} ORDER BY {order} LIMIT ?1");
            pruned.cap(&tx, table, key, &chosen, *most)?;
        }
        let chosen = "SELECT d.num FROM devices d JOIN seen s ON s.device = d.num WHERE d.id NOT IN (SELECT device FROM decisions) \
                      ORDER BY s.last_seen - d.first_seen > 60000000000, s.last_seen LIMIT ?1";
        pruned.cap(&tx, "devices", "num", chosen, DEVICES)?;
        tx.commit()?;
        self.conn.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        Ok(pruned)
    }
    /// Bytes of the file, the write-ahead log apart.
    pub fn bytes(&self) -> Result<u64, StoreError> {
        let pages = super::schema::pragma(&self.conn, "page_count")?;
        let size = super::schema::pragma(&self.conn, "page_size")?;
        Ok(u64::try_from(pages * size).unwrap_or(0))
    }
}
