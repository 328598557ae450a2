//! Views made by hand for the screens: a quiet night, one bad night, a storm, a large hospital.

use spanward::engine::journal::{EdgeRecord, EgressRecord, Facts, Rate, ServesRecord, TopFlow, View, ZoneTraffic};
use spanward::output::record::{
    AccountRecord, BlockedRecord, CutRecord, DeviceRecord, FindingRecord, HopRecord, IncidentRecord, NextRecord, ServedRecord, StageRecord,
    TableRecord,
};

fn ts(s: u64) -> String {
    spanward::base::Timestamp::new(1_795_224_600 + s, 0).to_string()
}

fn device(n: u8, name: &str, status: &str, role: &str) -> DeviceRecord {
    DeviceRecord {
        id: format!("mac-02:00:00:00:00:{n:02x}"),
        mac: format!("02:00:00:00:00:{n:02x}"),
        ips: vec![format!("10.40.20.{n}"), format!("fe80::{n:x}")],
        vendor: "Example Works".into(),
        names: if name.is_empty() { vec![] } else { vec![name.into()] },
        role: role.into(),
        zone: "clinical".into(),
        first_seen: ts(0),
        last_seen: ts(400),
        status: status.into(),
        first_packet: u64::from(n),
        ..DeviceRecord::default()
    }
}

/// Nothing is wrong.
pub fn quiet() -> View {
    let mut v = View { ts: ts(449), ..View::default() };
    v.facts = Facts {
        name: "Hospital of the Hill".into(),
        timezone: "Asia/Tokyo".into(),
        declared: true,
        zones: vec![("clinical".into(), "clinical".into()), ("server".into(), "server".into())],
        blocked: vec![BlockedRecord { detector: "policy-violation".into(), reason: "no policy with action = \"alert\" is declared".into() }],
    };
    v.counters.packets = 13_973;
    v.counters.bytes = 5_309_773;
    v.counters.flows = 888;
    v.counters.first_ts = ts(0);
    v.counters.last_ts = ts(449);
    v.counters.coverage.duplicates = 6268;
    for (n, name, role) in
        [(10, "emr-01", "server"), (20, "pacs", "pacs"), (30, "files", "server"), (40, "remote-gw", "server"), (21, "ward-pc01", "terminal")]
    {
        let d = device(n, name, "listed", role);
        v.devices.insert(d.id.clone(), d);
    }
    for (pair, contacts, alerts) in [("clinical>server", 812, 0), ("office>server", 63, 0), ("clinical>internet", 2, 2), ("server>clinical", 40, 0)] {
        v.zones.insert(pair.into(), ZoneTraffic { contacts, answered: contacts, alerts, ..ZoneTraffic::default() });
    }
    for s in 0..45u64 {
        let zones = [("clinical".to_owned(), 10 + s * 7 % 13), ("server".to_owned(), s % 5)].into();
        v.rates.insert(format!("{:011}", 1_795_224_600 + s * 10), Rate { packets: 100 + s, bytes: 100_000 + (s * 7919) % 50_000, zones });
    }
    let served = ServedRecord { service: "dicom".into(), port: 104, users: 12, clinical: 10, last_ts: ts(440) };
    v.serves
        .insert("10.40.20.20".into(), ServesRecord { users: 12, clinical: 10, some: vec!["10.40.20.21".into()], services: vec![served], more: 0 });
    v.health.tables.push(TableRecord { name: "devices".into(), held: 5, evicted: 0 });
    let flow = TopFlow {
        ts: ts(10),
        last_ts: ts(400),
        orig: "10.40.20.21".into(),
        orig_port: 50_000,
        resp: "10.40.20.20".into(),
        resp_port: 104,
        proto: "tcp".into(),
        service: "dicom".into(),
        conn_state: "SF".into(),
        packets: 900,
        orig_bytes: 1_200_000,
        resp_bytes: 48_000,
        live: false,
    };
    v.flows.insert("0000000000000001".into(), flow);
    v
}

fn finding(id: u32, severity: &str, detector: &str, title: &str, orig: &str, resp: &str, s: u64) -> FindingRecord {
    FindingRecord {
        id: format!("F{id:06}"),
        rev: 1,
        ts: ts(s),
        first_ts: ts(s),
        last_ts: ts(s),
        detector: detector.into(),
        severity: severity.into(),
        outcome: "succeeded".into(),
        orig: orig.into(),
        orig_all: vec![orig.into()],
        resp: vec![resp.into()],
        service: "smb".into(),
        user: Some("HILL\\adm-kondo".into()),
        zone: "server".into(),
        count: 3,
        attack: vec!["T1021.002".into()],
        summary: format!("{orig} worked on {resp} over smb for the first time. Users never do that."),
        flows: vec!["1:abc=".into()],
        packets: vec![812, 813],
        evidence: [("files".to_owned(), serde_json::json!([format!("\\\\{resp}\\ADMIN$\\Temp\\svchost32.exe")]))].into(),
        title: title.into(),
        next: vec![format!("Ask the user of {orig} whether he is working on {resp} right now."), "If nobody knows: unplug it.".into()],
        incident: "I0002".into(),
        ..FindingRecord::default()
    }
}

fn hop(from: &str, to: &str, via: &str, user: &str, s: u64, after: Option<usize>) -> HopRecord {
    HopRecord {
        ts: ts(s),
        from: from.into(),
        to: to.into(),
        via: via.into(),
        user: Some(user.into()),
        outcome: "succeeded".into(),
        after,
        switched: after.is_some(),
    }
}

/// A bad night: a supplier's line, a jump server, three terminals; and a notebook nobody knows.
pub fn incident() -> View {
    let mut v = quiet();
    let mut d = device(177, "NOTE-K", "unlisted", "unknown");
    d.vendor = "BUFFALO.INC".into();
    v.devices.insert(d.id.clone(), d);
    let path = vec![
        hop("10.40.40.10", "10.40.20.40", "rdp", "acme-maint", 270, None),
        hop("10.40.20.40", "10.40.20.21", "smb", "HILL\\adm-kondo", 314, Some(0)),
        hop("10.40.20.40", "10.40.20.30", "smb", "HILL\\adm-kondo", 316, Some(0)),
        hop("10.40.20.30", "10.40.20.10", "winrm", "HILL\\adm-kondo", 330, Some(2)),
    ];
    for (n, h) in path.iter().enumerate() {
        let mut f = finding(
            n as u32 + 2,
            if n == 3 { "critical" } else { "high" },
            "new-admin-edge",
            "New administration",
            &h.from,
            &h.to,
            270 + n as u64 * 15,
        );
        f.service = h.via.clone();
        v.findings.insert(f.id.clone(), f);
        let e = EdgeRecord {
            first_ts: h.ts.clone(),
            last_ts: ts(400),
            orig: h.from.clone(),
            resp: h.to.clone(),
            service: h.via.clone(),
            zone: "server".into(),
            to_zone: "clinical".into(),
            contacts: 4,
            answered: 4,
            orig_bytes: 90_000,
            resp_bytes: 12_000,
            users: h.user.iter().cloned().collect(),
            ..EdgeRecord::default()
        };
        v.edges.insert(format!("{}>{}/{}", h.from, h.to, h.via), e);
    }
    let mut unknown = finding(1, "high", "unknown-device", "A device that is not in the ledger", "10.40.20.177", "10.40.20.1", 120);
    (unknown.incident, unknown.user) = ("I0001".into(), None);
    v.findings.insert(unknown.id.clone(), unknown);
    v.incidents.insert("I0001".into(), first());
    v.incidents.insert("I0002".into(), second(path));
    let e = EgressRecord {
        first_ts: ts(200),
        last_ts: ts(222),
        host: "10.40.20.21".into(),
        name: "ward-pc01".into(),
        zone: "clinical".into(),
        clinical: true,
        to: "203.0.113.80".into(),
        port: 443,
        proto: "tcp".into(),
        service: "tls".into(),
        to_name: "files.bluecloud-storage.example".into(),
        country: "NL".into(),
        network: "AS64500 Blue Cloud".into(),
        contacts: 1,
        answered: 1,
        unwanted: true,
        orig_bytes: 320_459,
        resp_bytes: 3938,
    };
    v.egress.insert("10.40.20.21>203.0.113.80:443/tcp".into(), e);
    v
}

fn first() -> IncidentRecord {
    IncidentRecord {
        id: "I0001".into(),
        rev: 1,
        opened: ts(120),
        last_ts: ts(130),
        severity: "high".into(),
        stage: "entry".into(),
        patient_zero: "10.40.20.177".into(),
        origin: "unlisted-device".into(),
        hosts: vec!["10.40.20.177".into()],
        findings: vec!["F000001".into()],
        summary: "Something is on the network that should not. It began at 10.40.20.177; 1 host(s) involved.".into(),
        next: vec!["Find the device 10.40.20.177 (switch port by its MAC address) and unplug it; it is not in the ledger.".into()],
        stages: vec![StageRecord { stage: "entry".into(), ts: ts(120) }],
        origin_why: vec!["it is in no line of the ledger".into()],
        ..IncidentRecord::default()
    }
}

fn second(path: Vec<HopRecord>) -> IncidentRecord {
    let stage = |s: &str, t: u64| StageRecord { stage: s.into(), ts: ts(t) };
    let cut = |host: &str, users: usize, text: &str| CutRecord { host: host.into(), users, text: text.into(), ..CutRecord::default() };
    IncidentRecord {
        id: "I0002".into(),
        rev: 4,
        opened: ts(270),
        last_ts: ts(330),
        severity: "critical".into(),
        stage: "impact".into(),
        patient_zero: "10.40.40.10".into(),
        origin: "supplier".into(),
        hosts: ["10.40.40.10", "10.40.20.40", "10.40.20.21", "10.40.20.30", "10.40.20.10"].map(str::to_owned).to_vec(),
        path,
        findings: (2..6).map(|n| format!("F{n:06}")).collect(),
        files_lost: 96,
        summary: "Files are being destroyed or encrypted. It began at 10.40.40.10 (a supplier's line); 5 host(s) involved.".into(),
        next: vec![
            "Pull the network cable of the backup server first: it is the last copy that is left.".into(),
            "Close the supplier's line or VPN account through which 10.40.40.10 comes in, then call the supplier.".into(),
            "電源は切らないでください（メモリに暗号鍵が残っている可能性があります）。".into(),
        ],
        stages: vec![stage("spread", 270), stage("recon", 310), stage("impact", 330)],
        accounts: vec![AccountRecord { user: "acme-maint".into(), ts: ts(270) }, AccountRecord { user: "HILL\\adm-kondo".into(), ts: ts(314) }],
        origin_why: vec!["its address is one from which the supplier acme comes in".into(), "nobody else came in over the network before".into()],
        next_hosts: vec![NextRecord {
            host: "10.40.20.20".into(),
            name: "pacs".into(),
            role: "pacs".into(),
            why: vec!["reached by smb from 10.40.20.40".into()],
        }],
        if_cut: vec![
            cut("10.40.20.30", 14, "10.40.20.30 (files): 14 host(s) use it, 9 of them clinical: smb (port 445) for 14; last at 01:37:10 UTC."),
            cut("10.40.20.21", 0, "10.40.20.21: nobody outside this story was seen to use it; cutting it off stops the work done at it."),
        ],
    }
}

/// A storm of findings, in one incident per ten.
pub fn storm(n: u32) -> View {
    let mut v = incident();
    let severities = ["critical", "high", "medium", "low", "info"];
    for i in 0..n {
        let severity = severities[i as usize % severities.len()];
        let (orig, resp) = (format!("10.40.{}.{}", i / 200, i % 200 + 1), format!("10.40.20.{}", i % 60 + 1));
        let mut f = finding(100 + i, severity, ["scan", "smb-fanout", "beacon"][i as usize % 3], "ポートの探索", &orig, &resp, u64::from(i % 400));
        f.incident = format!("I{:04}", 10 + i / 10);
        let mut incident = v.incidents.get(&f.incident).cloned().unwrap_or_else(first);
        incident.id.clone_from(&f.incident);
        incident.findings.push(f.id.clone());
        v.incidents.insert(f.incident.clone(), incident);
        v.findings.insert(f.id.clone(), f);
    }
    v
}

/// A large hospital on a very bad night.
pub fn large(devices: u32, findings: u32) -> View {
    let mut v = storm(findings);
    for n in 0..devices {
        let mut d = device((n % 250) as u8, "pc", ["listed", "unlisted", "new"][n as usize % 3], "terminal");
        d.id = format!("mac-02:00:01:00:{:02x}:{:02x}", n / 256, n % 256);
        d.ips = vec![format!("10.{}.{}.{}", 50 + n / 62_500, n / 250 % 250, n % 250)];
        d.names = vec![format!("ward-pc{n:05}")];
        v.devices.insert(d.id.clone(), d);
    }
    v
}
