//! DCE/RPC, Kerberos and work on SMB shares out of real captures, through the whole engine: operations must be those that tshark counts, and what
//! was done in the bed must be told as it was done. Needs the shared captures beside the repository (or under SPANWARD_SHARED) and, for some tests,
//! tshark; without them a test says so and does nothing.

use spanward::capture::{Replay, ReplayOptions};
use spanward::detect::Signatures;
use spanward::engine::{Options, replay};
use spanward::event::{Event, EventKind, FlowInfo};
use spanward::incident::Kept;
use spanward::output::{Run, Sink, SinkError};
use spanward::protocols::dcerpc::{Call, Outcome, Rpc};
use spanward::protocols::kerberos::Kerberos;
use spanward::protocols::smb::life::{Life, Magic, Sealed, Work};
use spanward::protocols::{Message, ntlmssp::Ntlm, rdp::Rdp};
use spanward::site::Site;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

fn shared() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");
    let dir = std::env::var_os("SPANWARD_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if !dir.is_dir() {
        println!("skipped: no shared folder (SPANWARD_SHARED, or {beside})");
        return None;
    }
    Some(dir)
}

/// Keeps the messages.
struct Messages(Arc<Mutex<Vec<(FlowInfo, Message)>>>);

impl Sink for Messages {
    fn event(&mut self, event: &Event, _: &Run<'_>) {
        if let EventKind::Message { flow, message, .. } = &event.kind {
            self.0.lock().unwrap().push((*flow, message.clone()));
        }
    }
    fn finding(&mut self, _: &Kept, _: &Run<'_>) {}
    fn finish(&mut self, _: &Run<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

struct Seen(Vec<(FlowInfo, Message)>);

fn read(path: &Path) -> Seen {
    let source = Replay::open(&[path.to_path_buf()], ReplayOptions::default()).unwrap();
    let mut options = Options::new(Arc::new(Site::default()), Arc::new(Signatures::embedded().unwrap()));
    options.workers = 1;
    let all = Arc::new(Mutex::new(Vec::new()));
    replay(source, &options, vec![Box::new(Messages(all.clone()))], &mut |_| {}).unwrap();
    let all = std::mem::take(&mut *all.lock().unwrap());
    Seen(all)
}

impl Seen {
    fn rpc(&self) -> impl Iterator<Item = (&FlowInfo, &Rpc)> {
        self.0.iter().filter_map(|(f, m)| if let Message::Rpc(r) = m { Some((f, r.as_ref())) } else { None })
    }
    fn calls(&self) -> impl Iterator<Item = (&FlowInfo, &Call)> {
        self.rpc().filter_map(|(f, r)| if let Rpc::Call(c) = r { Some((f, c)) } else { None })
    }
    fn logons(&self) -> impl Iterator<Item = &Ntlm> {
        self.rpc().filter_map(|(_, r)| if let Rpc::Ntlm(n) = r { Some(n) } else { None }).filter(|n| n.kind == 3)
    }
    fn kerberos(&self) -> impl Iterator<Item = &Kerberos> {
        self.0.iter().filter_map(|(_, m)| if let Message::Kerberos(k) = m { Some(k.as_ref()) } else { None })
    }
    fn work(&self) -> impl Iterator<Item = &Work> {
        self.0.iter().filter_map(|(_, m)| if let Message::SmbWork(w) = m { Some(w.as_ref()) } else { None })
    }
    fn lives(&self) -> impl Iterator<Item = &Life> {
        self.work().filter_map(|w| if let Work::Life(l) = w { Some(l) } else { None })
    }
    /// How often each operation was called: of equal calls only some are told, with their number.
    fn operations(&self) -> BTreeMap<u16, u32> {
        let (mut last, mut sum) = (BTreeMap::new(), BTreeMap::new());
        for (f, c) in self.calls() {
            let outcome = format!("{:?}", c.outcome);
            let before = last.insert((f.uid, c.pipe.clone(), c.interface.uuid, c.op, outcome), c.nth).unwrap_or(0);
            *sum.entry(c.op).or_default() += if c.nth > before { c.nth - before } else { c.nth };
        }
        sum
    }
}

/// What tshark writes of the packets that a filter takes, or None without tshark.
fn tshark(path: &Path, filter: &str, fields: &[&str]) -> Option<Vec<Vec<String>>> {
    let mut command = Command::new("tshark");
    command.args(["-r", path.to_str()?, "-Y", filter, "-T", "fields", "-E", "separator=/t"]);
    fields.iter().for_each(|f| {
        command.args(["-e", f]);
    });
    let out = command.output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    Some(text.lines().map(|l| l.split('\t').map(str::to_owned).collect()).collect())
}

fn captures(shared: &Path, classes: &[&str]) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        classes.iter().flat_map(|c| std::fs::read_dir(shared.join("pcaps").join(c)).unwrap()).map(|e| e.unwrap().path()).collect();
    all.sort();
    all
}

fn name(p: &Path) -> String {
    p.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Captures where tshark counts otherwise, and why.
const OTHERWISE: &[(&str, &str)] = &[
    ("dcerpc__zerologon", "one request came in a retransmission, which tshark does not read"),
    ("dcom_shellwindows", "the flow has no end in the capture, so the last count of equal calls is not told"),
    ("dcerpc_synthetic", "tshark leaves a third of the flows out; requests without an answer, on flows without an end, are not told"),
];

#[test]
fn operations_are_those_tshark_counts() {
    let Some(shared) = shared() else { return };
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for path in captures(&shared, &["C3-smb-spread", "C4-rdp", "C5-remote-exec"]) {
        let Some(rows) = tshark(&path, "dcerpc.pkt_type==0 && dcerpc.cn_flags.first_frag==1", &["dcerpc.opnum"]) else {
            println!("skipped: no tshark");
            return;
        };
        let mut want: BTreeMap<u16, u32> = BTreeMap::new();
        rows.iter().flatten().flat_map(|o| o.split(',')).filter_map(|o| o.parse().ok()).for_each(|o| *want.entry(o).or_default() += 1);
        let got = read(&path).operations();
        compared += want.values().sum::<u32>();
        if got != want && !OTHERWISE.iter().any(|o| name(&path).contains(o.0)) {
            wrong.push(format!("{}\n  tshark {want:?}\n  ours   {got:?}", name(&path)));
        }
    }
    println!("{compared} requests compared");
    assert!(compared > 1000, "{compared}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// File (a part of its name), interface, operation, least count, and what the calls are about (a part of one).
const DONE: &[(&str, &str, &str, usize, &str)] = &[
    ("sharpsc_create", "svcctl", "CreateServiceA", 1, ""),
    ("psexec_add_user", "svcctl", "CreateServiceWOW64W", 1, "PSEXESVC"),
    ("sharpsc_stop", "svcctl", "ControlService", 1, ""),
    ("empire_smbexec", "svcctl", "StartServiceW", 1, ""),
    ("find_localadmin", "svcctl", "OpenSCManagerW", 1, ""),
    ("covenant_dcsync", "drsuapi", "DRSGetNCChanges", 1, ""),
    ("NetSessEnum", "srvsvc", "NetrSessionEnum", 1, ""),
    ("samr_EnumDomainUsers", "samr", "SamrEnumerateUsersInDomain", 1, ""),
    ("wmi_IWbemServices_ExecMethod", "IWbemLevel1Login", "NTLMLogin", 1, ""),
    ("mimikatz_CVE-2020-1472", "netlogon", "NetrServerReqChallenge", 16, ""),
    ("CVE-2020-1472_test_win2019", "netlogon", "NetrServerAuthenticate3", 16, ""),
    ("PatchedDCAuthenticatedTryWithRpcEncryptFileSrv", "drsuapi", "DRSReplicaSync", 1, ""),
    ("dcom_shellwindows", "IRemUnknown2", "RemQueryInterface", 1, ""),
    ("schtask_create", "ITaskSchedulerService", "SchRpcRegisterTask", 1, ""),
    ("smb_at_schedule", "atsvc", "NetrJobAdd", 1, ""),
    ("smb_net_user", "samr", "SamrConnect5", 1, ""),
];

#[test]
fn what_attackers_did_has_its_name() {
    let Some(shared) = shared() else { return };
    let all = captures(&shared, &["C5-remote-exec"]);
    let mut missing = Vec::new();
    for (file, interface, operation, least, about) in DONE {
        let Some(path) = all.iter().find(|p| name(p).contains(file)) else { panic!("{file}") };
        let seen = read(path);
        let calls: Vec<&Call> = seen.calls().map(|c| c.1).filter(|c| c.interface.name == *interface && c.operation() == *operation).collect();
        if calls.len() < *least || !calls.iter().any(|c| c.target.contains(about)) {
            let there: Vec<_> = seen.calls().map(|(_, c)| (c.interface.name, c.op, c.operation(), &c.target, c.outcome)).collect();
            missing.push(format!("{file}: {interface} {operation}: {calls:?}\n  {there:?}"));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn logons_inside_rpc_have_names() {
    let Some(shared) = shared() else { return };
    let all = captures(&shared, &["C5-remote-exec"]);
    for (file, user, domain, workstation) in
        [("covenant_dcom_registerxll", "pgustavo", "THESHIRE", "WORKSTATION5"), ("dcerpc-ctxids", "Administrator", "PURP", "GURDIL-PC1")]
    {
        let path = all.iter().find(|p| name(p).contains(file)).unwrap();
        let seen = read(path);
        let found = seen
            .logons()
            .any(|n| (n.user.as_deref(), n.domain.as_deref(), n.workstation.as_deref()) == (Some(user), Some(domain), Some(workstation)));
        assert!(found, "{file}: {:?}", seen.logons().collect::<Vec<_>>());
    }
}

#[test]
fn kerberos_messages_are_those_tshark_counts() {
    let Some(shared) = shared() else { return };
    let all = captures(&shared, &["C5-remote-exec", "C8-benign-enterprise"]);
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for path in all.iter().filter(|p| ["krb", "kerb", "rubeus", "dcsync"].iter().any(|w| name(p).to_lowercase().contains(w))) {
        let carried = "kerberos.msg_type && !ldap && (udp.port == 88 || tcp.port == 88)";
        let Some(rows) = tshark(path, carried, &["kerberos.msg_type"]) else {
            println!("skipped: no tshark");
            return;
        };
        let mut want: BTreeMap<u8, u32> = BTreeMap::new();
        let kinds = rows.iter().flatten().flat_map(|o| o.split(',')).filter_map(|o| o.parse().ok());
        kinds.filter(|k| matches!(k, 10..=13 | 30)).for_each(|o| *want.entry(o).or_default() += 1);
        let mut got: BTreeMap<u8, u32> = BTreeMap::new();
        read(path).kerberos().filter(|k| k.kind != 14).for_each(|k| *got.entry(k.kind).or_default() += 1);
        compared += want.values().sum::<u32>();
        if got != want {
            wrong.push(format!("{}\n  tshark {want:?}\n  ours   {got:?}", name(path)));
        }
    }
    println!("{compared} Kerberos messages compared");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tickets_are_known_again_when_they_are_shown() {
    let Some(shared) = shared() else { return };
    let path = shared.join("pcaps/C8-benign-enterprise/zeek__testing__btest__Traces__krb__kerberos_tso.pcapng");
    let seen = read(&path);
    let given: Vec<_> = seen.kerberos().filter(|k| matches!(k.kind, 11 | 13)).map(|k| k.ticket.unwrap()).collect();
    let shown: Vec<_> = seen.kerberos().filter(|k| k.kind == 14).collect();
    assert!(!shown.is_empty());
    assert!(shown.iter().any(|k| k.ticket.is_some_and(|t| given.contains(&t))), "{shown:?}");
    let asked: Vec<_> = seen.kerberos().filter(|k| k.kind == 12).collect();
    // The third was given before the capture began.
    assert_eq!((asked.len(), asked.iter().filter(|k| k.ticket.is_some_and(|t| given.contains(&t))).count()), (3, 2), "{asked:?}");
    // The same service by both ways.
    for (file, service) in [("smb_gssapi.pcap", "cifs/"), ("dce-rpc__kerberos445_auth.pcapng", "cifs/"), ("dce-rpc__kerberos135_auth.pcapng", "")] {
        let path = captures(&shared, &["C8-benign-enterprise"]).into_iter().find(|p| name(p).contains(file)).unwrap();
        let seen = read(&path);
        let shown: Vec<_> = seen.kerberos().filter(|k| k.kind == 14).collect();
        assert!(shown.iter().any(|k| k.service.as_deref().is_some_and(|s| s.to_lowercase().starts_with(service))), "{file}: {shown:?}");
    }
}

#[test]
fn the_bed_s_shares_are_encrypted_as_they_were() {
    let Some(shared) = shared() else { return };
    // Files renamed, of them read and overwritten, notes and payloads written, handles: counted with tshark.
    for (file, renamed, handles) in [("smb_spread", 192, 600), ("incident", 96, 315)] {
        let seen = read(&shared.join(format!("bed/captures/{file}.pcap")));
        let lives: Vec<&Life> = seen.lives().collect();
        assert_eq!(lives.iter().filter(|l| l.closed).count(), handles, "{file}");
        assert!(lives.iter().all(|l| l.status == 0 && l.named && l.closed && l.part == 0), "{file}");
        let gone: Vec<_> = lives.iter().filter(|l| l.renamed_to.is_some()).collect();
        assert_eq!(gone.len(), renamed, "{file}");
        let written: Vec<_> = lives.iter().filter(|l| l.written.bytes > 0 && !l.pipe).collect();
        let random = written.iter().filter(|l| l.written.entropy > 7000 || l.written.sampled < 400).count();
        println!("{file}: {} written, {random} of them like chance", written.len());
        assert!(written.len() >= renamed && random >= renamed, "{file}");
        // No program is dropped in the other one.
        if file == "incident" {
            continue;
        }
        assert_eq!(lives.iter().filter(|l| &*l.path == "payload.exe" && l.written.bytes > 0).count(), 6);
        assert!(lives.iter().any(|l| l.pipe && &*l.path == "svcctl"));
        let calls: Vec<_> = seen.calls().map(|(_, c)| (c.operation(), c.outcome, &c.target, &c.value)).collect();
        // The bed's servers know no such operation, and say so.
        assert!(calls.iter().any(|c| c.0 == "CreateServiceW" && c.1 == Outcome::Fault(0x1c01_0002) && !c.2.is_empty()), "{file}: {calls:?}");
    }
    let seen = read(&shared.join("bed/captures/smb_spread_enc.pcap"));
    let mut all = Sealed::default();
    for s in seen.work().filter_map(|w| if let Work::Sealed(s) = w { Some(s) } else { None }) {
        (0..2).for_each(|i| all.messages[i] += s.messages[i]);
        (0..2).for_each(|i| all.bytes[i] += s.bytes[i]);
    }
    println!("encrypted: {all:?}");
    assert!(all.messages.iter().all(|m| *m > 1000) && all.bytes[0] > 100_000, "{all:?}");
}

#[test]
fn dropped_programs_are_seen() {
    let Some(shared) = shared() else { return };
    let copied = captures(&shared, &["C3-smb-spread"]).into_iter().find(|p| name(p).contains("mimikatz_copy_to_host")).unwrap();
    assert!(read(&copied).lives().any(|l| &*l.path == r"temp\mimikatz.exe" && l.read.magic == Magic::Pe && l.read.bytes > 100_000));
    for (class, file, path, share) in
        [("C5-remote-exec", "psexec_add_user", "PSEXESVC", "ADMIN$"), ("C5-remote-exec", "covenant_copy_smb", ".exe", "C$")]
    {
        let capture = captures(&shared, &[class]).into_iter().find(|p| name(p).contains(file)).unwrap();
        let seen = read(&capture);
        let is = |a: &str, b: &str| a.to_lowercase().contains(&b.to_lowercase());
        let found = seen.lives().any(|l| l.written.magic == Magic::Pe && is(&l.path, path) && is(&l.share, share));
        let there: Vec<_> = seen.lives().map(|l| (&l.share, &l.path, l.written.bytes, l.written.magic, l.status)).collect();
        assert!(found, "{file}: {there:?}");
    }
}

/// How each network-level logon of a capture ended, told from outside of TLS.
fn rdp_logons(path: &Path) -> Vec<(FlowInfo, bool)> {
    let seen = read(path);
    let all = seen.0.iter().filter_map(|(f, m)| if let Message::Rdp(r) = m { Some((f, r.as_ref())) } else { None });
    all.filter_map(|(f, r)| if let Rdp::Logon { accepted } = r { Some((*f, *accepted)) } else { None }).collect()
}

#[test]
fn logons_over_rdp_end_as_they_did() {
    let Some(shared) = shared() else { return };
    let bed = |name: &str| shared.join(format!("bed/captures/{name}.pcap"));
    let ends = |path: &Path| rdp_logons(path).iter().map(|l| l.1).collect::<Vec<_>>();
    // Twenty refusals, then the right password.
    assert_eq!(ends(&bed("rdp_brute")), [vec![false; 20], vec![true]].concat());
    let chain: Vec<_> = rdp_logons(&bed("rdp_chain")).iter().map(|(f, ok)| (f.tuple.orig.to_string(), f.tuple.resp.to_string(), *ok)).collect();
    let hop = |from: &str, to: &str| (from.to_owned(), to.to_owned(), true);
    assert_eq!(chain, [hop("10.10.40.10", "10.10.20.20"), hop("10.10.20.20", "10.10.20.10")], "the third hop has no network-level logon");
    assert_eq!(ends(&bed("benign_day")), [true]);
    let known: BTreeMap<&str, Vec<bool>> = [("rdp_over_tls.pcap", vec![false]), ("rdp-to-ssl.pcap", vec![true])].into();
    for path in captures(&shared, &["C4-rdp"]) {
        let want = known.iter().find(|k| name(&path).ends_with(k.0)).map(|k| k.1.clone()).unwrap_or_default();
        assert_eq!(ends(&path), want, "{}", name(&path));
    }
}
