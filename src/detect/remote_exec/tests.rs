//! What `remote-exec` says of each way to run a program from afar, and of those whose work it is.

use super::super::testing::*;
use super::*;
use crate::protocols::dcerpc::{self, Call, Interface};
use crate::protocols::smb::life::{Content, Magic};
use crate::site::Role;

fn stage(site: crate::site::Site) -> Stage {
    Stage::new(site, build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
}

fn call(secs: f64, orig: &str, resp: &str, name: &str, op: u16, code: Option<u32>, texts: [&str; 2]) -> Event {
    let c = Call {
        pipe: None,
        interface: Interface::named(name).unwrap(),
        op,
        auth: dcerpc::Auth::default(),
        sealed: code.is_none(),
        outcome: dcerpc::Outcome::Returned(code),
        sent: 100,
        received: 24,
        nth: 1,
        target: texts[0].into(),
        value: texts[1].into(),
    };
    let f = FlowInfo { service: Service::Rpc, recognised: true, ..flow(at(secs), orig, resp, 49_670) };
    message(at(secs), f, false, Message::Rpc(Box::new(Rpc::Call(c))))
}

fn file(secs: f64, orig: &str, resp: &str, share: &str, path: &str, magic: Magic) -> Event {
    let written = Content { bytes: 90_000, calls: 3, magic, ..Content::default() };
    let life = Life { share: share.into(), path: path.into(), named: true, action: 2, written, closed: true, ..Life::default() };
    message(at(secs), flow(at(secs), orig, resp, 445), false, Message::SmbWork(Box::new(Work::Life(life))))
}

const PC: &str = "10.10.10.12";
const OTHER: &str = "10.10.10.13";
const SERVER: &str = "10.10.20.20";

#[test]
fn psexec_by_a_terminal_is_high_with_file_service_and_techniques() {
    let mut s = stage(hospital());
    s.play(vec![
        file(0.0, PC, OTHER, "\\\\pc13\\ADMIN$", "PSEXESVC.exe", Magic::Pe),
        call(1.0, PC, OTHER, "svcctl", 15, Some(0), ["", ""]),
        call(1.1, PC, OTHER, "svcctl", 45, Some(0), ["PSEXESVC", "%SystemRoot%\\PSEXESVC.exe"]),
        call(1.2, PC, OTHER, "svcctl", 19, Some(0), ["", ""]),
    ]);
    let f = s.findings();
    assert_eq!((f.len(), f[0].severity, f[0].outcome), (1, Severity::High, Outcome::Succeeded));
    assert_eq!((f[0].orig.addr, f[0].resp.clone()), (Some(a(PC)), vec![a(OTHER)]));
    assert_eq!(f[0].evidence["techniques"], serde_json::json!(["T1569.002"]));
    assert_eq!(f[0].evidence["targets"], serde_json::json!(["PSEXESVC"]));
    assert!(f[0].evidence["file_left"].as_str().unwrap().ends_with("ADMIN$\\PSEXESVC.exe"));
    assert_eq!(f[0].evidence["hops"].as_array().unwrap().len(), 1);
}

#[test]
fn without_a_ledger_each_way_is_medium_at_least_even_if_sealed() {
    for (name, op, want) in [
        ("svcctl", 12, Severity::Medium),
        ("atsvc", 0, Severity::Medium),
        ("ITaskSchedulerService", 1, Severity::Medium),
        ("IWbemServices", 24, Severity::Medium),
        ("IWbemServices", 14, Severity::Medium),
        ("IDispatch", 6, Severity::Medium),
        ("winreg", 20, Severity::High),
        ("eventlog", 0, Severity::High),
        ("svcctl", 19, Severity::Low),
        ("winreg", 22, Severity::Low),
    ] {
        let mut s = stage(crate::site::Site::default());
        s.play(vec![call(0.0, "10.0.0.5", "10.0.0.9", name, op, None, ["", ""])]);
        assert_eq!((s.worst(), s.findings()[0].outcome), (Some(want), Outcome::Answered), "{name} {op}");
    }
}

#[test]
fn a_command_line_behind_a_service_makes_it_high() {
    let mut s = stage(crate::site::Site::default());
    let line = "%COMSPEC% /Q /c echo whoami ^> C:\\__out";
    s.play(vec![
        call(0.0, "10.0.0.5", "10.0.0.9", "svcctl", 12, Some(0), ["BTOBTO", line]),
        call(0.1, "10.0.0.5", "10.0.0.9", "svcctl", 19, Some(1053), ["", ""]),
    ]);
    assert_eq!(s.worst(), Some(Severity::High));
    assert_eq!(s.findings()[0].evidence["commands"], serde_json::json!([line]));
}

#[test]
fn what_was_refused_is_low_and_says_so() {
    let mut s = stage(hospital());
    s.play(vec![call(0.0, PC, SERVER, "svcctl", 12, Some(5), ["x", "cmd.exe /c y"]), call(0.1, PC, SERVER, "atsvc", 0, Some(50), ["", ""])]);
    let f = s.findings();
    assert_eq!((f[0].severity, f[0].outcome), (Severity::Low, Outcome::Failed));
}

#[test]
fn asking_is_silent() {
    let mut s = stage(hospital());
    let asks = [
        ("svcctl", 15),
        ("svcctl", 14),
        ("svcctl", 6),
        ("winreg", 2),
        ("winreg", 15),
        ("winreg", 17),
        ("IWbemServices", 20),
        ("IRemoteSCMActivator", 4),
    ];
    s.play(asks.iter().map(|(n, op)| call(0.0, PC, SERVER, n, *op, Some(0), ["", ""])).collect());
    assert!(s.said.is_empty());
}

#[test]
fn administrators_are_noted_once_with_their_hosts_but_hives_are_nobodys_work() {
    let mut s = stage(hospital());
    let admin = "10.10.20.5";
    let ev = (11..16).map(|n| call(f64::from(n), admin, &format!("10.10.10.{n}"), "svcctl", 12, Some(0), ["agent", "C:\\agent.exe"]));
    s.play(ev.collect());
    let f = s.findings();
    assert_eq!((f.len(), f[0].severity, f[0].count), (1, Severity::Info, 5));
    s.play(vec![call(60.0, admin, PC, "winreg", 20, Some(0), ["C:\\Windows\\Temp\\x.tmp", ""])]);
    assert_eq!(s.worst(), Some(Severity::Medium));
}

#[test]
fn control_is_low_and_wmi_medium_unless_it_is_between_terminals_or_with_a_program() {
    let of = |from: &str, name: &str, op: u16| {
        let mut s = stage(hospital());
        s.play(vec![call(0.0, from, PC, name, op, Some(0), ["", ""])]);
        s.worst()
    };
    let server = "10.10.20.10";
    for (name, op) in [("initshutdown", 0), ("winreg", 22), ("svcctl", 19)] {
        assert_eq!(of(server, name, op), Some(Severity::Low), "{name} by a server");
        assert!(of(OTHER, name, op) >= Some(Severity::Medium), "{name} by a colleague's computer");
    }
    assert_eq!((of(server, "IWbemServices", 24), of(OTHER, "IWbemServices", 24)), (Some(Severity::Medium), Some(Severity::High)));
    let mut s = stage(hospital());
    s.play(vec![file(0.0, server, PC, "\\\\pc12\\ADMIN$", "a.exe", Magic::Pe), call(1.0, server, PC, "IWbemServices", 24, Some(0), ["", ""])]);
    assert_eq!(s.worst(), Some(Severity::High), "a program was left before");
}

#[test]
fn what_comes_every_hour_is_said_once_and_another_act_again() {
    let mut s = stage(crate::site::Site::default());
    let hourly = |n: u32, name: &str, op: u16| call(f64::from(n) * 4000.0, "10.0.0.5", "10.0.0.9", name, op, Some(0), ["", ""]);
    s.play((0..12).map(|n| hourly(n, "IWbemServices", 24)).collect());
    assert_eq!(s.said.len(), 1);
    s.play(vec![hourly(12, "winreg", 20)]);
    assert_eq!((s.said.len(), s.worst()), (2, Some(Severity::High)), "a hive");
    s.play(vec![hourly(60, "IWbemServices", 24)]);
    assert_eq!(s.said.len(), 3, "after days it is news");
}

#[test]
fn one_direction_alone_is_medium_at_most() {
    let mut s = stage(hospital());
    let mut e = call(0.0, PC, OTHER, "svcctl", 45, Some(0), ["x", "cmd.exe"]);
    if let EventKind::Message { message: Message::Rpc(r), .. } = &mut e.kind
        && let Rpc::Call(c) = r.as_mut()
    {
        c.outcome = dcerpc::Outcome::Unanswered;
    }
    s.play(vec![e]);
    assert_eq!((s.worst(), s.findings()[0].outcome), (Some(Severity::Medium), Outcome::Attempted));
}

#[test]
fn a_supplier_on_its_own_system_is_low_and_elsewhere_high() {
    let mut site = hospital_with(&[("10.10.20.40", Role::Server)]);
    site.vendors = vec![crate::site::Vendor {
        name: "acme".into(),
        sources: vec!["10.10.40.0/24".parse().unwrap()],
        hosts: vec!["10.10.20.40/32".parse().unwrap()],
        windows: vec![],
    }];
    let mut s = stage(site);
    let make = |n: f64, to: &str| call(n, "10.10.40.10", to, "svcctl", 12, Some(0), ["acmeupd", "C:\\acme\\upd.exe"]);
    s.play(vec![make(0.0, "10.10.20.40"), make(1.0, SERVER)]);
    let by = |to: &str| s.findings().iter().find(|f| f.resp == [a(to)]).unwrap().severity;
    assert_eq!((by("10.10.20.40"), by(SERVER)), (Severity::Low, Severity::High));
}
