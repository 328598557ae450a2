//! Devices, bindings and the baseline in the tables.

use super::open::{ns, ts};
use crate::assets::{Binding, Device, DeviceId, Edge, Hold, How, Joint, Memory, Status, Use};
use crate::base::{Addr, Mac, Service, Timestamp};
use crate::bounded::DistinctCounter;
use rusqlite::{Connection, Row, params};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::str::FromStr;

/// Rows read back at most, of each table: as many as the tables in memory hold. The newest count.
const DEVICES: usize = 131_072;
const BINDINGS: usize = 262_144;
const ROWS: usize = 131_072;

pub(super) fn write(c: &Connection, m: &Memory, seen: &[(DeviceId, Timestamp)], now: Timestamp) -> rusqlite::Result<()> {
    m.devices.iter().try_for_each(|d| device(c, d, now))?;
    for (id, last) in seen {
        c.prepare_cached("UPDATE seen SET last_seen = max(last_seen, ?2) WHERE device = (SELECT num FROM devices WHERE id = ?1)")?
            .execute(params![id.to_string(), ns(*last)])?;
    }
    m.bindings.iter().try_for_each(|(a, b)| binding(c, *a, b))?;
    for (orig, resp, service, e) in &m.edges {
        c.prepare_cached(
            "INSERT OR REPLACE INTO edges (orig, resp, service, first_ts, last_ts, flows, held_back) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![orig.to_string(), resp.to_string(), service.word(), ns(e.first_ts), ns(e.last_ts), e.flows as i64, e.held_back])?;
    }
    for ((a, proto, port), since) in &m.offers {
        c.prepare_cached("INSERT OR REPLACE INTO services (addr, proto, port, since) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            a.to_string(),
            proto,
            port,
            ns(*since)
        ])?;
    }
    for ((a, service), n) in &m.users {
        c.prepare_cached("INSERT OR REPLACE INTO users (addr, service, counter) VALUES (?1, ?2, ?3)")?.execute(params![
            a.to_string(),
            service.word(),
            n.to_bytes()
        ])?;
    }
    for j in &m.uses {
        let (user, host, of) = (j.user.to_string(), j.host.to_string(), &j.of);
        c.prepare_cached(
            "INSERT OR REPLACE INTO uses (user, host, proto, port, service, first_ts, last_ts, flows) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![user, host, j.proto, j.port, of.service.word(), ns(of.first_ts), ns(of.last_ts), of.flows as i64])?;
    }
    for (account, host, last) in &m.places {
        c.prepare_cached("INSERT OR REPLACE INTO places (account, host, last_ts) VALUES (?1, ?2, ?3)")?.execute(params![
            account,
            host.to_string(),
            ns(*last)
        ])?;
    }
    if let Some(since) = m.since {
        c.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('learning_since', ?1)", [ns(since).to_string()])?;
    }
    Ok(())
}

fn device(c: &Connection, d: &Device, now: Timestamp) -> rusqlite::Result<()> {
    let text = |list: Vec<String>| serde_json::to_string(&list).unwrap_or_else(|_| "[]".to_owned());
    let num: i64 = c
        .prepare_cached(
            "INSERT INTO devices (id, mac, ips, names, role, zone, vlan, status, gateway, first_seen, first_packet) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT (id) DO UPDATE SET ips = ?3, names = ?4, role = ?5, zone = ?6, vlan = ?7, status = ?8, gateway = ?9, \
             first_seen = min(first_seen, ?10) RETURNING num",
        )?
        .query_row(
            params![
                d.id.to_string(),
                d.mac.map(|m| m.to_string()),
                text(d.addrs.iter().map(|a| a.to_string()).collect()),
                text(d.names.clone()),
                d.role.word(),
                d.zone,
                d.vlan,
                d.status.word(),
                d.gateway,
                ns(d.first_seen),
                d.first_packet as i64
            ],
            |r| r.get(0),
        )?;
    c.prepare_cached("INSERT INTO seen (device, last_seen) VALUES (?1, ?2) ON CONFLICT (device) DO UPDATE SET last_seen = max(last_seen, ?2)")?
        .execute(params![num, ns(d.last_seen)])?;
    for name in &d.names {
        c.prepare_cached("INSERT OR IGNORE INTO names (device, name, since) VALUES (?1, ?2, ?3)")?.execute(params![num, name, ns(now)])?;
    }
    Ok(())
}

fn binding(c: &Connection, a: Addr, b: &Binding) -> rusqlite::Result<()> {
    let addr = a.to_string();
    c.prepare_cached("UPDATE bindings SET held = 'past' WHERE addr = ?1 AND held <> 'past'")?.execute([&addr])?;
    for (h, held) in [(Some(b.holder), "holder"), (b.rival, "rival")] {
        let Some(h) = h else { continue };
        let how = match h.how {
            How::Frame => "frame",
            How::Claim => "claim",
            How::Lease => "lease",
        };
        c.prepare_cached("INSERT OR REPLACE INTO bindings (addr, mac, since, last, how, vlan, ttl, held) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![addr, h.mac.to_string(), ns(h.since), ns(h.last), how, h.vlan, h.ttl, held])?;
    }
    Ok(())
}

/// A column as a value of ours; a row with one that is none is left out.
fn of<T: FromStr>(r: &Row<'_>, n: usize) -> rusqlite::Result<Option<T>> {
    Ok(r.get_ref(n)?.as_str().ok().and_then(|s| s.parse().ok()))
}

fn word<T: DeserializeOwned>(s: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(s.to_owned())).ok()
}

fn time(r: &Row<'_>, n: usize) -> rusqlite::Result<Timestamp> {
    Ok(ts(r.get(n)?))
}

/// Rows of a query, those left out that cannot be ours; returns how many were.
fn rows<T>(c: &Connection, sql: &str, skipped: &mut u64, mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<Option<T>>) -> rusqlite::Result<Vec<T>> {
    let mut s = c.prepare(sql)?;
    let mut found = s.query([])?;
    let mut out = Vec::new();
    while let Some(r) = found.next()? {
        match read(r) {
            Ok(Some(row)) => out.push(row),
            Ok(None) | Err(rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::IntegralValueOutOfRange(..)) => *skipped += 1,
            Err(e) => return Err(e),
        }
    }
    Ok(out)
}

/// Everything learned, and how many rows could not be used.
pub(super) fn read(c: &Connection) -> rusqlite::Result<(Memory, u64)> {
    let mut skipped = 0;
    let no = &mut skipped;
    let memory = Memory {
        devices: rows(
            c,
            &format!(
                "SELECT d.id, d.ips, d.names, d.role, d.zone, d.vlan, d.status, d.gateway, d.first_seen, s.last_seen, d.first_packet FROM devices d JOIN seen s ON s.device = d.num ORDER BY s.last_seen - d.first_seen > 60000000000 DESC, s.last_seen DESC LIMIT {DEVICES}"
            ),
            no,
            read_device,
        )?,
        bindings: bindings(c, no)?,
        edges: rows(
            c,
            &format!("SELECT orig, resp, service, first_ts, last_ts, flows, held_back FROM edges ORDER BY last_ts DESC LIMIT {ROWS}"),
            no,
            |r| {
                let edge = Edge { first_ts: time(r, 3)?, last_ts: time(r, 4)?, flows: r.get::<_, i64>(5)?.unsigned_abs(), held_back: r.get(6)? };
                Ok(of(r, 0)?.zip(of(r, 1)?).zip(of::<Service>(r, 2)?).map(|((orig, resp), service)| (orig, resp, service, edge)))
            },
        )?,
        offers: rows(c, &format!("SELECT addr, proto, port, since FROM services ORDER BY since DESC LIMIT {ROWS}"), no, |r| {
            let (proto, port, since) = (r.get(1)?, r.get(2)?, time(r, 3)?);
            Ok(of(r, 0)?.map(|a| ((a, proto, port), since)))
        })?,
        users: rows(c, &format!("SELECT addr, service, counter FROM users LIMIT {ROWS}"), no, |r| {
            let counter = r.get_ref(2)?.as_blob().ok().and_then(DistinctCounter::from_bytes);
            Ok(of(r, 0)?.zip(of(r, 1)?).zip(counter))
        })?,
        uses: rows(
            c,
            &format!("SELECT user, host, proto, port, service, first_ts, last_ts, flows FROM uses ORDER BY last_ts DESC LIMIT {ROWS}"),
            no,
            |r| {
                let service = word(r.get_ref(4)?.as_str().unwrap_or_default()).unwrap_or(Service::Unknown);
                let of_it = Use { service, first_ts: time(r, 5)?, last_ts: time(r, 6)?, flows: r.get::<_, i64>(7)?.unsigned_abs() };
                let (proto, port) = (r.get(2)?, r.get(3)?);
                Ok(of(r, 0)?.zip(of(r, 1)?).map(|(user, host)| Joint { user, host, proto, port, of: of_it }))
            },
        )?,
        places: rows(c, &format!("SELECT account, host, last_ts FROM places ORDER BY last_ts DESC LIMIT {ROWS}"), no, |r| {
            let (account, last) = (r.get::<_, String>(0)?, time(r, 2)?);
            Ok(of(r, 1)?.map(|host| (account, host, last)))
        })?,
        since: rows(c, "SELECT value FROM meta WHERE key = 'learning_since'", no, |r| of::<u64>(r, 0))?.first().copied().map(Timestamp),
    };
    Ok((memory, skipped))
}

fn read_device(r: &Row<'_>) -> rusqlite::Result<Option<Device>> {
    let list = |n| -> rusqlite::Result<Vec<String>> { Ok(serde_json::from_str(r.get_ref(n)?.as_str().unwrap_or_default()).unwrap_or_default()) };
    let Some(id) = of::<DeviceId>(r, 0)? else { return Ok(None) };
    let mut d = Device::restored(id, time(r, 8)?, time(r, 9)?, r.get::<_, i64>(10)?.unsigned_abs());
    let addrs = list(1)?.iter().filter_map(|a| a.parse().ok()).take(Device::MAX_ADDRS).collect();
    let names = list(2)?.into_iter().filter(|n| n.len() <= Device::MAX_NAME).take(Device::MAX_NAMES).collect();
    d.role = word(r.get_ref(3)?.as_str().unwrap_or_default()).unwrap_or_default();
    d.status = word(r.get_ref(6)?.as_str().unwrap_or_default()).unwrap_or(Status::New);
    (d.addrs, d.names, d.zone, d.vlan, d.gateway) = (addrs, names, r.get(4)?, r.get(5)?, r.get(7)?);
    Ok(Some(d))
}

fn bindings(c: &Connection, no: &mut u64) -> rusqlite::Result<Vec<(Addr, Binding)>> {
    let sql = format!("SELECT addr, mac, since, last, how, vlan, ttl, held FROM bindings WHERE held <> 'past' ORDER BY last DESC LIMIT {BINDINGS}");
    let holds = rows(c, &sql, no, |r| {
        let how = match r.get_ref(4)?.as_str().unwrap_or_default() {
            "lease" => How::Lease,
            "claim" => How::Claim,
            _ => How::Frame,
        };
        let (since, last, vlan, ttl, rival) = (time(r, 2)?, time(r, 3)?, r.get(5)?, r.get(6)?, r.get_ref(7)?.as_str() == Ok("rival"));
        Ok(of::<Addr>(r, 0)?.zip(of::<Mac>(r, 1)?).map(|(a, mac)| (a, Hold { mac, how, since, last, vlan, ttl }, rival)))
    })?;
    let mut all: BTreeMap<Addr, (Option<Hold>, Option<Hold>)> = BTreeMap::new();
    for (a, hold, is_rival) in holds {
        let b = all.entry(a).or_default();
        *(if is_rival { &mut b.1 } else { &mut b.0 }) = Some(hold);
    }
    Ok(all.into_iter().filter_map(|(a, (holder, rival))| Some((a, Binding { holder: holder?, rival }))).collect())
}
