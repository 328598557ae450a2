//! The program as a service: it gives up its rights, tells the service manager how it is, and still does its work on a port that comes and goes.

use crate::house::{Feed, cable, file, in_namespace, ip};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// No user of any box: the sensor needs an entry in `/etc/passwd`, and every box has this one.
const USER: &str = "nobody";

struct Sensor {
    child: Child,
    manager: UnixDatagram,
    said: Vec<String>,
}

impl Sensor {
    fn start(dir: &Path) -> Sensor {
        use std::os::unix::fs::PermissionsExt;
        let notify = dir.join("notify");
        let manager = UnixDatagram::bind(&notify).unwrap();
        std::fs::set_permissions(&notify, std::fs::Permissions::from_mode(0o777)).unwrap();
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
        manager.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_spanward"))
            .current_dir(dir)
            .args(["run", "-i", "span0", "-c", "etc/site.toml", "-o", "out", "--record", "rec", "--socket", "out/c.sock", "--user", USER])
            .env("NOTIFY_SOCKET", &notify)
            .env("WATCHDOG_USEC", "4000000")
            .stdout(Stdio::null())
            .stderr(Stdio::from(std::fs::File::create(dir.join("log")).unwrap()))
            .spawn()
            .unwrap();
        Sensor { child, manager, said: Vec::new() }
    }
    /// Waits until the service manager has heard this.
    fn heard(&mut self, what: &str) {
        let (began, mut bytes) = (Instant::now(), [0; 4096]);
        while began.elapsed() < Duration::from_secs(20) {
            let Ok(n) = self.manager.recv(&mut bytes) else { continue };
            self.said.push(String::from_utf8_lossy(&bytes[..n]).into_owned());
            if self.said.last().is_some_and(|s| s.contains(what)) {
                return;
            }
        }
        panic!("the service manager heard no {what}: {:?}", self.said);
    }
    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }
    /// Every thread is as it should be.
    fn is_locked_down(&self) {
        let mut threads = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap().map(|t| t.unwrap().path()) {
            let status = std::fs::read_to_string(task.join("status")).unwrap();
            let name = std::fs::read_to_string(task.join("comm")).unwrap();
            let field = |f: &str| status.lines().find_map(|l| l.strip_prefix(f)).unwrap().trim().to_owned();
            for set in ["CapEff:", "CapPrm:", "CapBnd:"] {
                assert_eq!(field(set), "0000000000002000", "{set} of {name}");
            }
            assert_eq!((field("CapInh:"), field("CapAmb:")), ("0".repeat(16), "0".repeat(16)), "{name}");
            assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), ("1".to_owned(), "2".to_owned()), "{name}");
            assert!(field("Uid:").split_whitespace().all(|u| u == "65534"), "{name}");
            threads += 1;
        }
        assert!(threads > 4, "{threads}");
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[test]
fn a_service_without_its_rights_does_all_its_work() {
    in_namespace("service::a_service_without_its_rights_does_all_its_work", || {
        cable("span0", "feed0");
        let dir = tempfile::tempdir().unwrap();
        let site = dir.path().join("etc/site.toml");
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        std::fs::write(&site, "[site]\nname = \"one\"\n").unwrap();
        let mut sensor = Sensor::start(dir.path());
        sensor.heard("READY=1");
        sensor.is_locked_down();
        sensor.heard("WATCHDOG=1");
        let capture = file("captures/scan/attack.pcap");
        Feed::new("feed0").play(&capture, 0.0, 300);
        std::thread::sleep(Duration::from_secs(1));
        ip("link del span0");
        std::thread::sleep(Duration::from_secs(2));
        cable("span0", "feed0");
        std::thread::sleep(Duration::from_secs(4));
        Feed::new("feed0").play(&capture, 0.0, 300);
        sensor.heard("WATCHDOG=1");
        std::fs::write(&site, "[site]\nname = \"two\"\n").unwrap();
        sensor.signal("HUP");
        sensor.heard("RELOADING=1");
        sensor.heard("READY=1");
        sensor.signal("TERM");
        sensor.heard("STOPPING=1");
        let status = sensor.child.wait().unwrap();
        let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
        assert!(status.success(), "{status}\n{log}");
        assert!(log.contains("were read again") && log.contains("locked down"), "{log}");
        let summary = std::fs::read_to_string(dir.path().join("out/summary.json")).unwrap();
        let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
        eprintln!("{log}\n{} packets", summary["packets"]);
        assert!(summary["packets"].as_u64().unwrap() >= 600, "{summary}");
        let recorded: u64 = std::fs::read_dir(dir.path().join("rec")).unwrap().map(|f| f.unwrap().metadata().unwrap().len()).sum();
        assert!(recorded > 600 * 60, "{recorded}");
        assert!(!dir.path().join("out/c.sock").exists(), "the socket is removed at the end");
    });
}
