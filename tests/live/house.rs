//! A network namespace of the test's own with pairs of virtual cables: one end is the mirror port, frames are sent into the other.

use pcap::{Active, Capture};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Set in the process that runs inside the namespace.
const INSIDE: &str = "SPANWARD_TEST_NAMESPACE";

/// Runs the test of this name in a network namespace, which goes away with it. Where that is refused, says so and does nothing; with
/// `SPANWARD_LIVE_TESTS` set that is a failure.
pub fn in_namespace(test: &str, body: fn()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let probe =
        Command::new("unshare").args(["-n", "-m", "sh", "-c", "mount -t sysfs sysfs /sys && ip link add span9 type veth peer name feed9"]).output();
    if !probe.as_ref().is_ok_and(|o| o.status.success()) {
        assert!(std::env::var_os("SPANWARD_LIVE_TESTS").is_none(), "{test}: no network namespace: {probe:?}");
        // Not by a macro, whose words a passing test swallows.
        let _ = std::io::stderr().write_all(format!("*** SKIPPED {test}: network namespaces need root, unshare and ip ***\n").as_bytes());
        return;
    }
    let me = std::env::current_exe().unwrap();
    let run = "mount -t sysfs sysfs /sys && exec \"$0\" --exact \"$1\" --nocapture --test-threads 1";
    let out = Command::new("unshare").args(["-n", "-m", "-u", "sh", "-c", run]).arg(me).arg(test).env(INSIDE, "1").output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    eprintln!("{text}");
    assert!(out.status.success() && text.contains("1 passed"), "{test} failed inside its namespace");
}

/// `ip` with these words.
pub fn ip(words: &str) {
    let out = Command::new("ip").args(words.split(' ')).output().unwrap();
    assert!(out.status.success(), "ip {words}: {}", String::from_utf8_lossy(&out.stderr));
}

/// Makes a silent mirror port and the end of the cable that feeds it.
pub fn cable(port: &str, feed: &str) {
    ip(&format!("link add {port} type veth peer name {feed}"));
    for name in [port, feed] {
        let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"), "1");
        ip(&format!("link set {name} arp off mtu 9000"));
        ip(&format!("link set {name} up"));
    }
}

/// Sends frames into a cable.
pub struct Feed(Capture<Active>);

impl Feed {
    pub fn new(name: &str) -> Feed {
        Feed(Capture::from_device(name).unwrap().snaplen(64).open().unwrap())
    }
    pub fn send(&mut self, frame: &[u8]) {
        self.0.sendpacket(frame).unwrap();
    }
    /// Sends a capture file at so many times its speed (0: as fast as it goes), at most so many frames. How many were sent.
    pub fn play(&mut self, file: &Path, speed: f64, most: usize) -> usize {
        let mut capture = Capture::from_file(file).unwrap();
        let (began, mut first, mut n) = (Instant::now(), None, 0);
        while let Ok(p) = capture.next_packet() {
            let ts = p.header.ts.tv_sec as f64 + p.header.ts.tv_usec as f64 / 1e6;
            let due = (ts - *first.get_or_insert(ts)) / speed.max(1e-9);
            if speed > 0.0 {
                while began.elapsed().as_secs_f64() < due {
                    std::thread::sleep(Duration::from_micros(50));
                }
            }
            self.send(p.data);
            n += 1;
            if n >= most {
                break;
            }
        }
        n
    }
}

/// A file of the repository.
pub fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// An Ethernet frame with an IPv4 UDP packet whose last bytes are this number.
pub fn numbered(number: u32, len: usize, tag: Option<u16>) -> Vec<u8> {
    let mut f = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    if let Some(vid) = tag {
        f.extend([0x81, 0x00]);
        f.extend(vid.to_be_bytes());
    }
    let total = (len.max(60) - f.len() - 2) as u16;
    f.extend([8, 0, 0x45, 0]);
    f.extend(total.to_be_bytes());
    f.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x30, 0x39, 0x1f, 0x90]);
    f.extend((total - 20).to_be_bytes());
    f.extend([0, 0]);
    f.resize(len.max(60) - 4, 0);
    f.extend(number.to_be_bytes());
    f
}
