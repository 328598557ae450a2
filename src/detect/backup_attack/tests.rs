//! Attack and benign twins of `backup-attack`.

use super::super::testing::*;
use super::*;
use crate::protocols::dcerpc::Interface;
use crate::protocols::smb::life::Content;

const VAULT: &str = "10.10.20.50";

fn stage() -> Stage {
    let site = hospital_with(&[(VAULT, Role::Backup)]);
    Stage::new(site, build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
}
fn work(from: &str, to: &str, share: &str, lives: Vec<Life>) -> Vec<Event> {
    let f = FlowInfo { recognised: true, ..flow(at(0.0), from, to, 445) };
    let share: std::sync::Arc<str> = format!("\\\\{to}\\{share}").into();
    let told = |l: Life| Message::SmbWork(Box::new(Work::Life(Life { share: share.clone(), named: true, closed: true, ..l })));
    lives.into_iter().enumerate().map(|(i, l)| message(at(1.0 + i as f64), f, true, told(l))).collect()
}
fn delete(path: String) -> Life {
    Life { path: path.into(), action: 1, deleted: true, ..Life::default() }
}
fn make(path: String) -> Life {
    Life { path: path.into(), action: 2, written: Content { bytes: 900_000, calls: 9, ..Content::default() }, ..Life::default() }
}
fn say(ev: Vec<Event>) -> Option<Severity> {
    stage().play(ev).worst()
}

#[test]
fn a_terminal_that_deletes_backups_is_high_and_who_makes_them_may_delete_the_oldest() {
    let gone = |n: usize| (0..n).map(|i| delete(format!("job{i}.vbk"))).collect::<Vec<_>>();
    assert_eq!(say(work("10.10.10.12", VAULT, "repo", gone(8))), Some(Severity::High));
    assert_eq!(say(work("10.10.20.20", VAULT, "repo", gone(4))), Some(Severity::Medium));
    assert_eq!(say(work("10.10.20.20", VAULT, "repo", gone(2))), None);
    assert_eq!(say(work("10.10.20.20", "10.10.20.10", "sql-backup", gone(4))), Some(Severity::Medium), "a share of backups elsewhere");
    assert_eq!(say(work("10.10.20.20", "10.10.20.10", "karte", gone(9))), None);
    assert_eq!(say(work(VAULT, "10.10.20.10", "backup", gone(9))), None, "the backup server's own retention");
    assert_eq!(say(work("10.10.10.12", VAULT, "homes", (0..9).map(|i| delete(format!("plan{i}.docx"))).collect())), None, "people's documents");
    assert_eq!(say(work("10.10.20.20", VAULT, "backup", (0..8).map(|i| delete(format!("list{i}"))).collect())), Some(Severity::Medium));
    let turn = (0..9).flat_map(|i| [make(format!("new{i}.bak")), delete(format!("old{i}.bak"))]).collect();
    assert_eq!(say(work("10.10.20.20", VAULT, "sql", turn)), None);
}

#[test]
fn renamed_and_overwritten_backups_count_and_partial_ones_do_not() {
    let to = |p: String, to: String| Life { path: p.into(), action: 1, renamed_to: Some(to.into()), ..Life::default() };
    let locked = (0..4).map(|i| to(format!("j{i}.vbk"), format!("j{i}.vbk.qx"))).collect();
    assert_eq!(say(work("10.10.20.20", VAULT, "repo", locked)), Some(Severity::Medium));
    let turn = (0..9).flat_map(|i| [make(format!("j{i}.tmp")), to(format!("j{i}.tmp"), format!("j{i}.bak")), delete(format!("old{i}.bak"))]);
    assert_eq!(say(work("10.10.20.20", VAULT, "sql", turn.collect())), None);
    let done = (0..9).map(|i| to(format!("j{i}.vbk.tmp"), format!("j{i}.vbk"))).collect();
    assert_eq!(say(work("10.10.20.20", VAULT, "repo", done)), None);
}

#[test]
fn what_counts_for_whoever_makes_backups() {
    let gone = |what: &str| (0..12).map(|i| delete(format!("{what}{i}.vbk"))).collect::<Vec<_>>();
    let after = |first: Vec<Life>, secs: u64, then: Vec<Life>| {
        let later = work("10.10.20.20", VAULT, "repo", then).into_iter().map(|e| Event { ts: e.ts + Span::secs(secs), ..e });
        say(work("10.10.20.20", VAULT, "repo", first).into_iter().chain(later).collect())
    };
    let made = |what: &str| (0..12).map(|i| make(format!("{what}{i}.vbk"))).collect::<Vec<_>>();
    assert_eq!(after(made("new"), 4 * 3_600, gone("old")), None, "retention");
    assert_eq!(after(made("new"), 25 * 3_600, gone("old")), None, "retention first, then the next day's backups");
    assert_eq!(after(made("new"), 30 * 3_600, gone("old")), Some(Severity::High), "made once");
    assert_eq!(after(made("new"), 4 * 3_600, gone("new")), Some(Severity::High), "those that it made");
    assert_eq!(after(made("new"), 60, gone("new")), None, "put down for a moment");
    let photos = (0..90).map(|i| make(format!("photo{i}.jpg"))).collect();
    assert_eq!(after(photos, 60, gone("old")), Some(Severity::High), "other files are no backups");
}

#[test]
fn documents_saved_on_the_backup_server_are_not_destroyed() {
    let to = |p: &str, to: &str| Life { path: p.into(), action: 1, renamed_to: Some(to.into()), ..Life::default() };
    let save = |i: usize| {
        let doc = format!("plan{i}.docx");
        [make(format!("~$plan{i}.docx")), make("A1B2.tmp".into()), to(&doc, "C3D4.tmp"), to("A1B2.tmp", &doc), delete("C3D4.tmp".into())]
    };
    let shut = |i: usize| [delete(format!("~$plan{i}.docx")), delete(format!("list{i}.csv")), make(format!("list{i}.csv"))];
    let all = (0..20).flat_map(|i| save(i).into_iter().chain(shut(i))).collect();
    assert_eq!(say(work("10.10.20.20", VAULT, "backup", all)), None);
}

#[test]
fn commands_that_delete_shadow_copies_are_told_by_their_outcome() {
    let call = |value: &str, outcome| {
        let f = flow(at(0.0), "10.10.20.20", "10.10.20.10", 445);
        let interface = Interface::named("svcctl").unwrap();
        let c = Call {
            pipe: None,
            interface,
            op: 12,
            auth: dcerpc::Auth::default(),
            sealed: false,
            outcome,
            sent: 300,
            received: 24,
            nth: 1,
            target: "x".into(),
            value: value.into(),
        };
        say(vec![message(at(1.0), f, true, Message::Rpc(Box::new(Rpc::Call(c))))])
    };
    let done = dcerpc::Outcome::Returned(Some(0));
    assert_eq!(call("%COMSPEC% /c VSSADMIN.exe Delete Shadows /all /quiet", done), Some(Severity::High));
    assert_eq!(call("cmd /c wmic shadowcopy delete", dcerpc::Outcome::Returned(Some(5))), Some(Severity::Medium));
    assert_eq!(call("bcdedit /set {default} recoveryenabled No", done), Some(Severity::High));
    assert_eq!(call("vssadmin list shadows", done), None);
    assert_eq!(call("C:\\Program Files\\Backup\\agent.exe --service", done), None);
}

#[test]
fn a_logon_that_succeeds_after_refusals_is_told_and_one_slip_is_not() {
    let tries = |n: u32| {
        let mut ev: Vec<Event> = (0..n).flat_map(|i| smb_refused(at(f64::from(i) * 2.0), "10.10.10.12", VAULT)).collect();
        ev.extend(smb_session_as(at(60.0), "10.10.10.12", VAULT, &["IPC$", "repo"], "admin"));
        ev
    };
    assert_eq!(say(tries(9)), Some(Severity::Medium));
    assert_eq!(say(tries(4)), Some(Severity::Info), "a password that was changed yesterday");
    let drives = (0..20).flat_map(|i| smb_refused(at(f64::from(i) * 0.1), "10.10.20.20", VAULT));
    assert_eq!(say(drives.chain(smb_session_as(at(60.0), "10.10.20.20", VAULT, &["repo"], "admin")).collect()), None, "one try for all drives");
    assert_eq!(say(tries(1)), Some(Severity::Info), "only that a terminal gets there");
    assert_eq!(say(smb_session(at(0.0), "10.10.20.20", VAULT, &["repo"])), None);
}
