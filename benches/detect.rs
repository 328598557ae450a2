//! What one event costs each detector, and the learning before them: `cargo bench --bench detect`. The events are a busy second of a hospital:
//! browsing, file shares, DNS, and one terminal that sweeps port 445.

use divan::Bencher;
use divan::counter::ItemsCount;
use spanward::assets::Assets;
use spanward::base::{Addr, Confidence, FiveTuple, Mac, Outcome, Service, Timestamp};
use spanward::detect::{DETECTORS, Scene, Signatures};
use spanward::event::{Contact, Event, EventKind, FlowInfo, Shape, Sighting};
use spanward::site::Site;
use spanward::wire::Vlans;
use std::sync::Arc;

/// Events of one pass.
const EVENTS: u64 = 2048;

fn events(round: u64) -> Vec<Event> {
    (0..EVENTS).map(|n| event(round * EVENTS + n)).collect()
}

fn event(n: u64) -> Event {
    let ts = Timestamp(1_795_255_200_000_000_000 + n * 500_000);
    let host = Addr::v4(u32::from_be_bytes([10, 20, (n / 250 % 8) as u8, (n % 250) as u8 + 1]));
    let mac = Mac([2, 0, 0, 0, (n / 250 % 8) as u8, (n % 250) as u8]);
    if n.is_multiple_of(8) {
        let s = Sighting { mac, to: Mac::BROADCAST, vlan: Vlans([20, 0]), addr: Some(host), ttl: 64, forwarded: false, iface: 0 };
        return Event { ts, packet: n, kind: EventKind::Sighting(s) };
    }
    let (orig, resp, port, outcome) = match n % 4 {
        0 => (Addr::v4(u32::from_be_bytes([10, 20, 0, 66])), host, 445, Outcome::Attempted),
        1 => (host, Addr::v4(u32::from_be_bytes([10, 30, 0, 5])), 445, Outcome::Answered),
        2 => (host, Addr::v4(u32::from_be_bytes([10, 30, 0, 2])), 53, Outcome::Answered),
        _ => (host, Addr::v4(u32::from_be_bytes([93, (n / 4 % 40) as u8, 216, 34])), 443, Outcome::Answered),
    };
    let proto = if port == 53 { 17 } else { 6 };
    let tuple = FiveTuple { orig, resp, orig_port: 40_000 + (n % 20_000) as u16, resp_port: port, proto };
    let flow = FlowInfo {
        uid: n,
        tuple,
        confidence: Confidence::Syn,
        service: Service::of_port(proto, port),
        mac: [mac, Mac([2, 0, 0, 0, 9, 9])],
        ttl: 64,
        first_ts: ts,
        first_packet: n,
        ..FlowInfo::default()
    };
    let shape = if proto == 6 { Shape::Syn } else { Shape::Udp };
    Event { ts, packet: n, kind: EventKind::Contact(Contact { flow, outcome, shape, icmp: None, tries: 1 }) }
}

#[divan::bench]
fn learn(bencher: Bencher<'_, '_>) {
    let (mut assets, mut round) = (Assets::new(Arc::new(Site::default())), 0);
    bencher.counter(ItemsCount::new(EVENTS)).with_inputs(|| (round += 1, events(round)).1).bench_local_values(|all| {
        for e in &all {
            assets.update(e);
        }
    });
}

#[divan::bench(args = DETECTORS.iter().map(|d| d.0))]
fn event_and_tick(bencher: Bencher<'_, '_>, id: &str) {
    let (site, signatures) = (Arc::new(Site::default()), Signatures::embedded().expect("the signatures in the program are sound"));
    let make = DETECTORS.iter().find(|d| d.0 == id).expect("an id of the registry").1;
    let mut detector = make(signatures.require(id).expect("every detector has a signature")).expect("its signature is whole");
    let (mut assets, mut out, mut round) = (Assets::new(site.clone()), Vec::new(), 0);
    for e in &events(0) {
        assets.update(e);
    }
    bencher.counter(ItemsCount::new(EVENTS)).with_inputs(|| (round += 1, events(round)).1).bench_local_values(|all| {
        for e in &all {
            detector.event(e, &Scene { site: &site, assets: &assets, now: e.ts }, &mut out);
        }
        let now = all.last().map(|e| e.ts).unwrap_or_default();
        detector.tick(&Scene { site: &site, assets: &assets, now }, &mut out);
        out.drain(..).count()
    });
}

fn main() {
    divan::main();
}
