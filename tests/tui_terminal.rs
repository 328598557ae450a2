//! The UI on a real terminal: `tmux` runs the program on the demo, keys are pressed, the screen is read. Says so and skips without `tmux`.
#![allow(clippy::disallowed_methods)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A terminal of its own server, gone with the test.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn open(name: &str, size: (u16, u16), command: &str) -> Terminal {
        let t = Terminal { socket: format!("spanward-test-{}-{name}", std::process::id()) };
        let (w, h) = (size.0.to_string(), size.1.to_string());
        t.tmux(&["-f", "/dev/null", "new-session", "-d", "-s", "t", "-x", &w, "-y", &h, command]);
        t
    }
    fn tmux(&self, args: &[&str]) -> String {
        let out = Command::new("tmux").env("LANG", "C.UTF-8").args(["-u", "-L", &self.socket]).args(args).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
    fn press(&self, keys: &[&str]) {
        for k in keys {
            self.tmux(&["send-keys", "-t", "t", k]);
        }
    }
    /// Waits until the screen holds a text.
    fn shows(&self, want: &str) -> String {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let screen = self.tmux(&["capture-pane", "-t", "t", "-p"]);
            if screen.contains(want) {
                return screen;
            }
            assert!(Instant::now() < until, "`{want}` did not come up on\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

fn has_tmux() -> bool {
    let found = Command::new("tmux").arg("-V").output().is_ok_and(|o| o.status.success());
    if !found {
        println!("skipped: tmux is not here");
    }
    found
}

fn demo(more: &str) -> String {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/demo");
    let demo = demo.display();
    format!("{} replay --tui {more} -c {demo}/site.toml {demo}/incident.pcap; echo ended with $?; sleep 60", env!("CARGO_BIN_EXE_spanward"))
}

#[test]
fn a_bad_night_from_alarm_to_exit() {
    if !has_tmux() {
        return;
    }
    let t = Terminal::open("night", (80, 24), &demo("--lang en"));
    t.shows("OPEN, worst");
    t.shows("10:37:30");
    t.press(&["2"]);
    let s = t.shows("[2 Incident]");
    assert!(s.contains("NOW"), "{s}");
    t.press(&["7", "/"]);
    t.shows("Tab completes");
    t.press(&["detector:unknown-device", "Enter"]);
    t.shows("1 of 1");
    t.press(&["p", "d"]);
    t.shows("IF IT IS CUT OFF");
    t.press(&["Escape"]);
    // Esc and `[` in one breath are the beginning of a function key.
    t.shows("1 of 1");
    t.press(&["["]);
    t.shows("10:35:");
    t.press(&["J", "10:32:30", "Enter"]);
    t.shows("10:32:30");
    t.press(&["q"]);
    // The terminal is given back: the shell's own line is all there is, and the cursor is shown.
    let s = t.shows("ended with 0");
    assert!(!s.contains("[7 Findings]"), "{s}");
    assert_eq!(t.tmux(&["display-message", "-p", "-t", "t", "#{cursor_flag}#{alternate_on}"]).trim(), "10");
}

#[test]
fn a_paced_replay_is_followed_and_ends_when_one_leaves() {
    if !has_tmux() {
        return;
    }
    let t = Terminal::open("pace", (120, 40), &demo("--lang ja --speed 20"));
    t.shows("異常なし");
    t.shows("未対応 1 件");
    let begun = Instant::now();
    t.press(&["q"]);
    t.shows("ended with 0");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn without_a_terminal_it_says_what_to_do_and_plain_needs_none() {
    use std::io::Write;
    use std::process::Stdio;
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/demo");
    let run = |more: &[&str], input: &str| {
        let mut c = Command::new(env!("CARGO_BIN_EXE_spanward"))
            .args(["replay", "--tui", "--lang", "en", "-c"])
            .args([demo.join("site.toml"), demo.join("incident.pcap")])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = c.stdin.take().unwrap();
        for line in input.lines() {
            // As a person does: one after the other, after what was there has been read.
            std::thread::sleep(Duration::from_millis(1500));
            writeln!(stdin, "{line}").unwrap();
        }
        drop(stdin);
        let out = c.wait_with_output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let (code, out, err) = run(&[], "");
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("--plain"), "{err}");
    let (code, out, err) = run(&["--plain"], "devices status:unlisted\nincident I0003\nquit");
    assert_eq!(code, Some(0), "{err}");
    for want in ["OPEN, worst high", "Status: * unlisted", "NOTE-K", "I0003", "rdp"] {
        assert!(out.contains(want), "{want} in\n{out}");
    }
    assert!(!out.contains('\u{1b}'), "an escape in\n{out}");
}
