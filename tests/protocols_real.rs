//! The stream readers against real captures: shares, users and cookies must be those that tshark found (`truth` in the shared manifest), and no
//! capture may make a reader hold more than its cap. Reassembly here is naive on purpose: the flow layer has tests of its own.

mod frames;

use frames::{each_frame, shared};
use spanward::base::{FlowKey, KeyedHash, Service, Timestamp, proto};
use spanward::protocols::{Message, PROTOCOLS, Probe, Reader, Side, StreamParser, Verdict, http::Auth, rdp::Rdp, smb::Smb};
use spanward::wire::{Decoder, Frame, Kind, Packet, tcp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// One direction: delivers by sequence number; a hole is given up when much waits behind it.
#[derive(Default)]
struct Half {
    next: Option<u32>,
    waiting: BTreeMap<u32, Vec<u8>>,
}

/// What a direction yields: bytes, or so many lost.
enum Piece {
    Bytes(Vec<u8>),
    Lost(u64),
}

impl Half {
    fn segment(&mut self, p: &Packet, payload: &[u8]) -> Vec<Piece> {
        if p.tcp_flags & tcp::SYN != 0 {
            *self = Half { next: Some(p.seq.wrapping_add(1)), waiting: BTreeMap::new() };
            return vec![];
        }
        if payload.is_empty() {
            return vec![];
        }
        let next = *self.next.get_or_insert(p.seq);
        let ahead = p.seq.wrapping_sub(next);
        if ahead < 1 << 30 {
            self.waiting.insert(p.seq, payload.to_vec());
        } else if let Some(new) = payload.get(next.wrapping_sub(p.seq) as usize..) {
            self.waiting.insert(next, new.to_vec());
        }
        let mut out = self.ready();
        while self.waiting.len() > 40 {
            out.extend(self.jump());
        }
        out
    }
    fn ready(&mut self) -> Vec<Piece> {
        let mut out = Vec::new();
        while let Some(next) = self.next {
            let Some((seq, _)) = self.waiting.iter().find(|(s, b)| next.wrapping_sub(**s) as usize <= b.len()) else { break };
            let seq = *seq;
            let bytes = self.waiting.remove(&seq).unwrap();
            let new = bytes[next.wrapping_sub(seq) as usize..].to_vec();
            self.next = Some(next.wrapping_add(new.len() as u32));
            if !new.is_empty() {
                out.push(Piece::Bytes(new));
            }
        }
        out
    }
    fn jump(&mut self) -> Vec<Piece> {
        let Some(next) = self.next else { return vec![] };
        let Some(to) = self.waiting.keys().copied().min_by_key(|s| s.wrapping_sub(next)) else { return vec![] };
        self.next = Some(to);
        let mut out = vec![Piece::Lost(u64::from(to.wrapping_sub(next)))];
        out.extend(self.ready());
        out
    }
}

/// One flow: the recogniser, then the parser.
#[derive(Default)]
struct Flow {
    halves: [Half; 2],
    asked: [u8; 2],
    unsure: Vec<(Side, Vec<u8>)>,
    service: Option<Service>,
    parser: Option<Box<dyn StreamParser>>,
}

/// What a capture yields.
#[derive(Default)]
struct Seen {
    messages: Vec<(Service, Message)>,
    most_held: usize,
}

impl Flow {
    fn piece(&mut self, from: Side, ports: (u16, u16), piece: Piece, seen: &mut Seen) {
        let bytes = match piece {
            Piece::Lost(n) => return self.parser.iter_mut().for_each(|p| p.gap(from, n)),
            Piece::Bytes(b) => b,
        };
        if self.service.is_none() {
            self.recognise(from, ports, &bytes);
        }
        let (Some(service), Some(parser)) = (self.service, self.parser.as_mut()) else {
            self.unsure.push((from, bytes));
            return;
        };
        let mut out = Vec::new();
        for (side, earlier) in self.unsure.drain(..) {
            parser.data(side, Timestamp(0), &earlier, &mut out);
        }
        if !parser.done() {
            parser.data(from, Timestamp(0), &bytes, &mut out);
        }
        seen.most_held = seen.most_held.max(parser.held());
        seen.messages.extend(out.into_iter().map(|m| (service, m)));
    }
    fn recognise(&mut self, from: Side, (orig_port, resp_port): (u16, u16), payload: &[u8]) {
        if self.asked[from.index()] >= 4 {
            return;
        }
        self.asked[from.index()] += 1;
        let probe = Probe { payload, from, orig_port, resp_port, ts: Timestamp(0) };
        for p in PROTOCOLS {
            let Reader::Stream(make) = p.reader else { continue };
            if (p.probe)(&probe) == Verdict::Certain {
                self.service = Some(p.service);
                self.parser = Some(make());
                return;
            }
        }
    }
}

/// Runs a capture through the stream parsers.
fn read(path: &Path) -> Seen {
    let mut decoder = Decoder::new(KeyedHash::new(1));
    let mut flows: HashMap<FlowKey, (Flow, Packet)> = HashMap::new();
    let mut seen = Seen::default();
    each_frame(path, |f| {
        let mut buf = f.bytes.to_vec();
        let len = buf.len() as u32;
        let frame = Frame { cap_len: len, orig_len: len, linktype: f.linktype, admitted: true, ..Frame::default() };
        let mut packets = Vec::new();
        decoder.decode(&mut buf, &frame, &mut packets);
        for p in packets.iter().filter(|p| p.kind == Kind::Tcp && p.proto == proto::TCP) {
            let (key, _) = p.key();
            let syn = p.tcp_flags & (tcp::SYN | tcp::ACK);
            let (flow, first) = flows.entry(key).or_insert_with(|| (Flow::default(), *p));
            if syn == tcp::SYN {
                (*flow, *first) = (Flow::default(), *p);
            }
            let same = (p.src, p.sport) == (first.src, first.sport);
            // The first speaker is taken for the originator unless its port is the lower one.
            let from = if same == (first.sport >= first.dport) { Side::Orig } else { Side::Resp };
            let ports = if first.sport >= first.dport { (first.sport, first.dport) } else { (first.dport, first.sport) };
            let payload = buf.get(p.payload_range()).unwrap_or_default();
            for piece in flow.halves[from.index()].segment(p, payload) {
                flow.piece(from, ports, piece, &mut seen);
            }
        }
    });
    for (mut flow, first) in flows.into_values() {
        for from in [Side::Orig, Side::Resp] {
            loop {
                let pieces = flow.halves[from.index()].jump();
                if pieces.is_empty() {
                    break;
                }
                for piece in pieces {
                    flow.piece(from, (first.sport.max(first.dport), first.sport.min(first.dport)), piece, &mut seen);
                }
            }
        }
    }
    seen
}

impl Seen {
    fn smb(&self) -> impl Iterator<Item = &Smb> {
        self.messages.iter().filter_map(|(_, m)| if let Message::Smb(s) = m { Some(s.as_ref()) } else { None })
    }
    fn trees(&self) -> BTreeSet<String> {
        self.smb().filter_map(|s| if let Smb::Tree { path, .. } = s { Some(path.clone()) } else { None }).collect()
    }
    /// As the manifest writes them: domain\user@host, NULL for what is empty.
    fn users(&self) -> BTreeSet<String> {
        let or_null = |s: &Option<String>| s.clone().unwrap_or_else(|| "NULL".into());
        let over_http = |(_, m): &(Service, Message)| {
            let Message::HttpAuth(a) = m else { return None };
            if let Auth::Ntlm(n) = a.as_ref() { Some(n.clone()) } else { None }
        };
        self.smb()
            .filter_map(|s| if let Smb::Ntlm(n) = s { Some(n.clone()) } else { None })
            .chain(self.messages.iter().filter_map(over_http))
            .filter(|n| n.kind == 3)
            .map(|n| format!("{}\\{}@{}", or_null(&n.domain), or_null(&n.user), or_null(&n.workstation)))
            .collect()
    }
    fn cookies(&self) -> BTreeSet<String> {
        let cookie = |m: &Message| if let Message::Rdp(r) = m { Some(r.as_ref().clone()) } else { None };
        self.messages.iter().filter_map(|(_, m)| if let Some(Rdp::Request { cookie, .. }) = cookie(m) { cookie } else { None }).collect()
    }
}

/// `word=` up to the next `word=` or a space.
fn fact(truth: &str, word: &str) -> BTreeSet<String> {
    let Some((_, rest)) = truth.split_once(&format!(" {word}=")) else { return BTreeSet::new() };
    let mut end = rest.len();
    for (i, _) in rest.match_indices(' ') {
        let next = rest[i + 1..].split([' ', '=']).next().unwrap_or("");
        let is_word = rest[i + 1 + next.len()..].starts_with('=') || rest[i + 1..].starts_with("OPS[");
        if is_word {
            end = i;
            break;
        }
    }
    rest[..end].split(',').map(str::to_owned).collect()
}

/// Files whose NTLM logons (also) travel outside of SMB and HTTP: DCE/RPC over TCP, LDAP.
const OUTSIDE: [&str; 10] = [
    "bug-5162",
    "dcerpc-ctxids",
    "9e2ae9",
    "9ec343",
    "krb5-frag",
    "dce_rpc_ntlm",
    "mapi.pcap",
    "aduser1-ntlm",
    "ldap_invalid_credentials",
    "sasl-ntlm",
];

/// The names after each `mstshash=`.
fn cookies(truth: &str) -> BTreeSet<String> {
    truth.split("Cookie: mstshash=").skip(1).filter_map(|c| c.split([' ', ',', ';']).next()).map(str::to_owned).collect()
}

#[test]
fn shares_users_and_cookies_are_those_tshark_found() {
    let Some(shared) = shared() else { return };
    let manifest = std::fs::read_to_string(shared.join("pcaps/manifest.tsv")).unwrap();
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for row in manifest.lines().skip(1) {
        let cells: Vec<_> = row.split('\t').collect();
        let (class, truth, local) = (cells[0], cells[13], cells[14]);
        let seen = read(&shared.join("pcaps").join(local));
        // Two directions, twice 64 KiB of buffers and tables of requests.
        assert!(seen.most_held < 200_000, "{local} held {}", seen.most_held);
        if class == "C9-malformed" {
            continue;
        }
        checked += usize::from(truth.contains("trees=") || truth.contains("cookie=") || truth.contains("users="));
        let mut differ = |what: &str, want: String, got: String| {
            if want != got {
                wrong.push(format!("{local} {what}\n  want {want}\n  got  {got}"));
            }
        };
        differ("trees", format!("{:?}", fact(truth, "trees")), format!("{:?}", seen.trees()));
        let ours: BTreeSet<_> = seen.cookies().iter().map(|c| c.trim_end().to_owned()).collect();
        differ("cookies", format!("{:?}", cookies(truth)), format!("{ours:?}"));
        let (want, got) = (fact(truth, "users"), seen.users());
        if !OUTSIDE.iter().any(|f| local.contains(f)) {
            differ("missing users", "[]".into(), format!("{:?}", want.difference(&got).collect::<Vec<_>>()));
        }
        // SMB 1's plain session setup names no workstation, and is not NTLMSSP: the manifest does not list it.
        let extra: Vec<_> = got.difference(&want).filter(|u| !u.ends_with("@NULL")).collect();
        differ("users too many", "[]".into(), format!("{extra:?}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 50, "only {checked} captures had facts to check");
}

#[test]
fn client_names_under_standard_rdp_security() {
    let Some(shared) = shared() else { return };
    for (file, name, build) in [
        ("OISF__tests__rdp-protocol__RDP-003.pcap", "ISD2-KM84178", 2600),
        ("ntop__tests__cfgs__default__pcap__rdp3.pcap", "SEPTU", 2600),
        ("zeek__testing__btest__Traces__rdp__rdp-proprietary-encryption.pcap", "FROG-POND", 6000),
        ("zeek__testing__btest__Traces__rdp__rdp-x509.pcap", "JOHN-PC-LAPTOP", 9600),
    ] {
        let seen = read(&shared.join("pcaps/C4-rdp").join(file));
        let want = Message::Rdp(Box::new(Rdp::Client { name: name.into(), build }));
        assert!(seen.messages.iter().any(|(_, m)| *m == want), "{file}: {:?}", seen.messages);
    }
}

#[test]
fn the_bed_s_logons() {
    let Some(shared) = shared() else { return };
    // Session setups by outcome (granted, refused), users, trees, and whether encryption began: counted with tshark.
    for (file, granted, refused, users, trees, encrypted) in [
        ("smb_brute", 1, 60, 3, 2, false),
        ("smb_spread", 18, 0, 2, 18, false),
        ("smb_spread_enc", 18, 0, 2, 6, true),
        ("rogue_laptop", 0, 1, 1, 0, false),
        ("benign_day", 16, 0, 4, 8, false),
        ("incident", 15, 0, 4, 7, false),
    ] {
        let seen = read(&shared.join(format!("bed/captures/{file}.pcap")));
        let outcomes: Vec<u32> = seen.smb().filter_map(|s| if let Smb::Session { status, .. } = s { Some(*status) } else { None }).collect();
        let (yes, no): (Vec<u32>, Vec<u32>) = outcomes.iter().partition(|s| **s == 0);
        assert_eq!((yes.len(), no.len()), (granted, refused), "{file}");
        assert!(no.iter().all(|s| *s == 0xc000_006d), "{file}: {no:x?}");
        assert_eq!((seen.users().len(), seen.trees().len()), (users, trees), "{file}: {:?} {:?}", seen.users(), seen.trees());
        assert_eq!(seen.smb().any(|s| *s == Smb::Encrypted), encrypted, "{file}");
    }
    let cookies = |file: &str| read(&shared.join(format!("bed/captures/{file}.pcap"))).cookies().into_iter().collect::<Vec<_>>();
    assert_eq!(cookies("rdp_chain"), ["admin", "vendorsvc"]);
    assert_eq!(cookies("rdp_brute"), ["admin"]);
}
