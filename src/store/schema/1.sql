-- Version 1. Times are nanoseconds since 1970-01-01T00:00:00Z, of packet time. Addresses, MACs and words stand as in the JSON files (docs/JSON.md).

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Devices -------------------------------------------------------------------------------------------------------------------------------

CREATE TABLE devices (
  num          INTEGER PRIMARY KEY,
  id           TEXT NOT NULL UNIQUE,
  mac          TEXT,
  ips          TEXT NOT NULL CHECK (json_valid(ips)),
  names        TEXT NOT NULL CHECK (json_valid(names)),
  role         TEXT NOT NULL,
  zone         TEXT NOT NULL,
  vlan         INTEGER,
  status       TEXT NOT NULL,
  gateway      INTEGER NOT NULL,
  first_seen   INTEGER NOT NULL,
  first_packet INTEGER NOT NULL
) STRICT;

-- Apart from `devices`, because it is written every minute.
CREATE TABLE seen (
  device    INTEGER PRIMARY KEY REFERENCES devices (num) ON DELETE CASCADE,
  last_seen INTEGER NOT NULL
) STRICT;
CREATE INDEX seen_last ON seen (last_seen);

-- Names over time: when each was first noted.
CREATE TABLE names (
  device INTEGER NOT NULL REFERENCES devices (num) ON DELETE CASCADE,
  name   TEXT NOT NULL,
  since  INTEGER NOT NULL,
  PRIMARY KEY (device, name)
) STRICT, WITHOUT ROWID;

-- Who held which address, over time. `held`: holder, rival (claims it too), past.
CREATE TABLE bindings (
  addr  TEXT NOT NULL,
  mac   TEXT NOT NULL,
  since INTEGER NOT NULL,
  last  INTEGER NOT NULL,
  how   TEXT NOT NULL CHECK (how IN ('frame', 'claim', 'lease')),
  vlan  INTEGER,
  ttl   INTEGER NOT NULL,
  held  TEXT NOT NULL CHECK (held IN ('holder', 'rival', 'past')),
  PRIMARY KEY (addr, mac, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX bindings_mac ON bindings (mac);

-- The baseline --------------------------------------------------------------------------------------------------------------------------

-- Remote administration. `held_back`: first seen in an incident or a pause, so no habit.
CREATE TABLE edges (
  orig      TEXT NOT NULL,
  resp      TEXT NOT NULL,
  service   TEXT NOT NULL,
  first_ts  INTEGER NOT NULL,
  last_ts   INTEGER NOT NULL,
  flows     INTEGER NOT NULL,
  held_back INTEGER NOT NULL,
  PRIMARY KEY (orig, resp, service)
) STRICT, WITHOUT ROWID;

CREATE TABLE services (
  addr  TEXT NOT NULL,
  proto INTEGER NOT NULL,
  port  INTEGER NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (addr, proto, port)
) STRICT, WITHOUT ROWID;

-- How many hosts use a service: a bit field of 32 bytes (linear counting).
CREATE TABLE users (
  addr    TEXT NOT NULL,
  service TEXT NOT NULL,
  counter BLOB NOT NULL,
  PRIMARY KEY (addr, service)
) STRICT, WITHOUT ROWID;

CREATE TABLE uses (
  user     TEXT NOT NULL,
  host     TEXT NOT NULL,
  proto    INTEGER NOT NULL,
  port     INTEGER NOT NULL,
  service  TEXT NOT NULL,
  first_ts INTEGER NOT NULL,
  last_ts  INTEGER NOT NULL,
  flows    INTEGER NOT NULL,
  PRIMARY KEY (user, host, proto, port)
) STRICT, WITHOUT ROWID;

-- Accounts (in lower case) and the hosts that let them in.
CREATE TABLE places (
  account TEXT NOT NULL,
  host    TEXT NOT NULL,
  last_ts INTEGER NOT NULL,
  PRIMARY KEY (account, host)
) STRICT, WITHOUT ROWID;

-- What was found ------------------------------------------------------------------------------------------------------------------------

-- `record` is the finding as in findings.json, `state` what the sensor needs to go on with it after a restart.
CREATE TABLE findings (
  num      INTEGER PRIMARY KEY,
  id       TEXT NOT NULL UNIQUE,
  rev      INTEGER NOT NULL,
  ts       INTEGER NOT NULL,
  first_ts INTEGER NOT NULL,
  last_ts  INTEGER NOT NULL,
  detector TEXT NOT NULL,
  severity TEXT NOT NULL,
  outcome  TEXT NOT NULL,
  orig     TEXT NOT NULL,
  zone     TEXT NOT NULL,
  incident TEXT NOT NULL,
  muted    INTEGER NOT NULL,
  record   TEXT NOT NULL CHECK (json_valid(record)),
  state    TEXT NOT NULL CHECK (json_valid(state))
) STRICT;
CREATE INDEX findings_last ON findings (last_ts);
CREATE INDEX findings_orig ON findings (orig);
CREATE INDEX findings_incident ON findings (incident);

-- `merged_into`: it turned out to be part of that one. `closed`: when a person closed it.
CREATE TABLE incidents (
  num          INTEGER PRIMARY KEY,
  id           TEXT NOT NULL UNIQUE,
  rev          INTEGER NOT NULL,
  opened       INTEGER NOT NULL,
  last_ts      INTEGER NOT NULL,
  severity     TEXT NOT NULL,
  stage        TEXT NOT NULL,
  patient_zero TEXT NOT NULL,
  merged_into  TEXT,
  closed       INTEGER,
  record       TEXT NOT NULL CHECK (json_valid(record)),
  state        TEXT NOT NULL CHECK (json_valid(state))
) STRICT;
CREATE INDEX incidents_last ON incidents (last_ts);

-- What people said and did --------------------------------------------------------------------------------------------------------------

CREATE TABLE acknowledgements (
  target TEXT PRIMARY KEY,
  rev    INTEGER NOT NULL,
  ts     INTEGER NOT NULL,
  who    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE notes (
  num    INTEGER PRIMARY KEY AUTOINCREMENT,
  target TEXT NOT NULL,
  ts     INTEGER NOT NULL,
  who    TEXT NOT NULL,
  text   TEXT NOT NULL
) STRICT;
CREATE INDEX notes_target ON notes (target);

-- The newest row of a device counts. `state` NULL takes the decision back.
CREATE TABLE decisions (
  num    INTEGER PRIMARY KEY AUTOINCREMENT,
  device TEXT NOT NULL,
  state  TEXT CHECK (state IN ('authorised', 'refused', 'investigating')),
  until  INTEGER,
  ts     INTEGER NOT NULL,
  who    TEXT NOT NULL,
  why    TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_device ON decisions (device, num);

CREATE TABLE mutes (
  num    INTEGER PRIMARY KEY,
  fits   TEXT NOT NULL CHECK (json_valid(fits)),
  until  INTEGER NOT NULL,
  ended  INTEGER,
  ts     INTEGER NOT NULL,
  who    TEXT NOT NULL,
  why    TEXT NOT NULL
) STRICT;

-- Times in which nothing was learned (`paused`, open while `until` is NULL) and times that were forgotten (`forgotten`).
CREATE TABLE learning (
  num   INTEGER PRIMARY KEY AUTOINCREMENT,
  kind  TEXT NOT NULL CHECK (kind IN ('paused', 'forgotten')),
  since INTEGER NOT NULL,
  until INTEGER,
  who   TEXT NOT NULL,
  why   TEXT NOT NULL
) STRICT;

-- Who did what, when, and as which user of the box (`uid`: the peer of the control socket; NULL: the sensor itself).
CREATE TABLE audit (
  num    INTEGER PRIMARY KEY AUTOINCREMENT,
  ts     INTEGER NOT NULL,
  who    TEXT NOT NULL,
  uid    INTEGER,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_stays_as_written BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is not changed'); END;

-- Where the flow logs are -----------------------------------------------------------------------------------------------------------------

CREATE TABLE segments (
  path     TEXT PRIMARY KEY,
  kind     TEXT NOT NULL,
  first_ts INTEGER NOT NULL,
  last_ts  INTEGER NOT NULL,
  records  INTEGER NOT NULL,
  bytes    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX segments_first ON segments (first_ts);

-- For people: the same with readable times ----------------------------------------------------------------------------------------------------

CREATE VIEW device_list AS
  SELECT d.id, d.mac, d.ips, d.names, d.role, d.zone, d.status,
         datetime(d.first_seen / 1000000000, 'unixepoch') AS first_seen, datetime(s.last_seen / 1000000000, 'unixepoch') AS last_seen
  FROM devices d JOIN seen s ON s.device = d.num;
CREATE VIEW finding_list AS
  SELECT id, rev, datetime(ts / 1000000000, 'unixepoch') AS ts, severity, detector, orig, zone, outcome, incident, muted,
         record ->> '$.summary' AS summary
  FROM findings;
CREATE VIEW incident_list AS
  SELECT id, rev, datetime(opened / 1000000000, 'unixepoch') AS opened, datetime(last_ts / 1000000000, 'unixepoch') AS last_ts, severity, stage,
         patient_zero, merged_into, datetime(closed / 1000000000, 'unixepoch') AS closed, record ->> '$.summary' AS summary
  FROM incidents;
CREATE VIEW decision_list AS
  SELECT device, state, datetime(until / 1000000000, 'unixepoch') AS until, datetime(ts / 1000000000, 'unixepoch') AS ts, who, why
  FROM decisions d WHERE num = (SELECT max(num) FROM decisions e WHERE e.device = d.device);
CREATE VIEW audit_list AS
  SELECT num, datetime(ts / 1000000000, 'unixepoch') AS ts, who, uid, action, target, detail FROM audit;
