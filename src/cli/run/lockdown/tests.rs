//! What a locked-down process can no longer do, tried in a process of its own.

use super::*;
use rustix::net::{AddressFamily, SocketType, socket};
use std::io::ErrorKind;
use std::process::Command;

/// Set in the process that locks itself down.
const INSIDE: &str = "SPANWARD_TEST_LOCKDOWN";

/// Runs this test again in a process of its own and says what came of it.
fn apart(test: &str) {
    let me = std::env::current_exe().unwrap();
    let name = format!("cli::run::lockdown::tests::{test}");
    let out = Command::new(me).args(["--exact", &name, "--nocapture", "--test-threads", "1"]).env(INSIDE, "1").output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && text.contains("1 passed"), "{text}");
    eprintln!("{text}");
}

fn refused<T>(what: &str, tried: std::io::Result<T>) {
    match tried {
        Ok(_) => panic!("{what} is still possible"),
        Err(e) => assert_eq!(e.kind(), ErrorKind::PermissionDenied, "{what}: {e}"),
    }
}

#[test]
fn what_was_given_up_is_gone_and_what_is_needed_stays() {
    if std::env::var_os(INSIDE).is_none() {
        return apart("what_was_given_up_is_gone_and_what_is_needed_stays");
    }
    let root = rustix::process::geteuid().is_root();
    let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(other.path().join("secret"), "x").unwrap();
    let packet = |root: bool| root.then(|| socket(AddressFamily::PACKET, SocketType::RAW, None));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    std::net::TcpStream::connect(here).unwrap();
    let plan = Plan { user: root.then_some("root"), reads: Vec::new(), writes: vec![own.path().into()], sockets: Vec::new(), made: Vec::new() };
    let locked = lock(&plan).unwrap();
    eprintln!("{locked:?}");

    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let field = |name: &str| status.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), ("1".to_owned(), "2".to_owned()));
    let want = if root { 1u64 << 13 } else { 0 };
    for set in ["CapEff:", "CapPrm:"] {
        let held = u64::from_str_radix(&field(set), 16).unwrap();
        assert_eq!(held & !(1 << 13), 0, "{set}");
        assert!(held == want || !root, "{set} {held:x}");
    }
    assert_eq!((u64::from_str_radix(&field("CapInh:"), 16), u64::from_str_radix(&field("CapAmb:"), 16)), (Ok(0), Ok(0)));
    if root {
        assert_eq!(u64::from_str_radix(&field("CapBnd:"), 16), Ok(1 << 13));
    }

    refused("a program", Command::new("/bin/true").status());
    refused("a connection", std::net::TcpStream::connect(here));
    refused("a datagram", std::net::UdpSocket::bind("127.0.0.1:0"));
    refused("IPv6", std::net::TcpListener::bind("[::1]:0"));
    refused("another root", std::os::unix::fs::chroot("/"));
    if locked.landlock != files::State::None {
        refused("another file", std::fs::read(other.path().join("secret")));
        refused("a new file elsewhere", std::fs::write(other.path().join("new"), "x"));
        refused("a secret of the box", std::fs::read("/etc/shadow"));
    } else {
        eprintln!("*** SKIPPED access to files: this kernel has no Landlock ***");
    }

    std::fs::write(own.path().join("file"), "x").unwrap();
    std::fs::rename(own.path().join("file"), own.path().join("renamed")).unwrap();
    assert!(std::fs::read_to_string("/proc/net/dev").is_ok());
    std::os::unix::net::UnixDatagram::unbound().unwrap();
    std::thread::spawn(|| refused("a program from a thread", Command::new("/bin/true").status())).join().unwrap();
    if let Some(opened) = packet(root) {
        opened.unwrap();
    }
}

#[test]
fn a_directory_of_somebody_else_is_told_before_anything_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(writable(&[dir.path().into()], false), Ok(()));
    let gone = dir.path().join("gone");
    assert!(writable(std::slice::from_ref(&gone), false).unwrap_err().contains("--user"));
    assert!(writable(&[gone], true).unwrap_err().contains("chown it to root"));
}

#[test]
fn the_place_of_a_file_is_its_directory() {
    assert_eq!(place(Path::new("site.toml")), Path::new("."));
    assert_eq!(place(Path::new("/etc/spanward/site.toml")), Path::new("/etc/spanward"));
}
