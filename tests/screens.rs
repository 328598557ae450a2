//! The screens as a person sees them: whole-screen snapshots, keys and what they lead to, key storms, the time from key to screen, and the pictures
//! and key table in docs (`UPDATE=1` writes them).
#![allow(clippy::disallowed_methods)]

mod screens {
    pub mod views;
}

use ratatui::buffer::Buffer;
use screens::views;
use spanward::base::{Lang, Timestamp};
use spanward::engine::journal::{Delta, View};
use spanward::tui::app::Link;
use spanward::tui::export::{svg, text};
use spanward::tui::keys::{self, KEYS};
use spanward::tui::pane::Pane;
use spanward::tui::theme::Theme;
use spanward::tui::view::help::SCOPES;
use spanward::tui::view::render;
use spanward::tui::{App, Effect, Look, Msg, News, Order};
use std::path::{Path, PathBuf};
use std::time::Instant;
use unicode_width::UnicodeWidthStr;

fn app(lang: Lang, size: (u16, u16), view: View, replay: bool) -> App {
    let mut app = App::new(Look::new(lang, Theme::Dark, false), replay, "sato");
    app.update(Msg::Size(size.0, size.1));
    app.update(Msg::News(News::View(Box::new(view))));
    app
}

/// Presses keys by their names, parted by spaces; `'text'` is typed.
fn press(app: &mut App, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for k in keys.split(' ').filter(|k| !k.is_empty()) {
        match k.strip_prefix('\'').and_then(|k| k.strip_suffix('\'')) {
            Some(typed) => {
                for c in typed.chars() {
                    let c = if c == '_' { ' ' } else { c };
                    effects.extend(app.update(Msg::Key(ratatui::crossterm::event::KeyEvent::from(ratatui::crossterm::event::KeyCode::Char(c)))));
                }
            }
            None => effects.extend(app.update(Msg::Key(keys::event(k)))),
        }
    }
    effects
}

fn screen(app: &App) -> String {
    text(&render(app))
}

/// Nothing is wider than the screen, nothing steers the terminal.
fn is_sound(app: &App) {
    let s = screen(app);
    assert_eq!(s.lines().count(), usize::from(app.size.1));
    for l in s.lines() {
        assert!(l.width() <= usize::from(app.size.0), "{} columns: {l}", l.width());
        assert!(!l.chars().any(spanward::output::clean::is_unsafe), "{l:?}");
    }
}

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

#[test]
fn six_nights_on_three_screens_in_two_languages() {
    let quiet = views::quiet();
    let incident = views::incident();
    let storm = views::storm(1000);
    let mut loss = views::quiet();
    loss.counters.coverage.loss_estimate = 0.0421;
    loss.counters.coverage.missed_bytes = 88_000_000;
    loss.counters.coverage.kernel_drops = 12_345;
    for (name, view) in
        [("quiet", quiet), ("incident", incident.clone()), ("storm", storm), ("loss", loss), ("frozen", incident.clone()), ("lost", incident)]
    {
        for size in SIZES {
            for lang in [Lang::En, Lang::Ja] {
                let mut a = app(lang, size, view.clone(), name != "lost");
                match name {
                    "frozen" => {
                        press(&mut a, "f");
                        a.update(Msg::News(News::View(Box::new(views::quiet()))));
                    }
                    "lost" => {
                        a.update(Msg::Clock(Timestamp::new(1_795_229_000, 0)));
                        a.update(Msg::News(News::Lost("/run/spanward/control.sock: connection refused".into())));
                    }
                    _ => {}
                }
                is_sound(&a);
                let at = format!("{name}-{}x{}-{}", size.0, size.1, lang.word());
                insta::assert_snapshot!(at.clone(), screen(&a));
                if name == "incident" {
                    for pane in Pane::ALL.iter().filter(|p| **p != Pane::Overview) {
                        press(&mut a, &(pane.number() + 1).to_string());
                        is_sound(&a);
                        insta::assert_snapshot!(format!("{at}-{}", pane.word()), screen(&a));
                    }
                }
            }
        }
    }
}

/// (keys, what must be on the screen, what must not).
#[test]
fn keys_lead_where_they_should() {
    let triples: &[(&str, &[&str], &[&str])] = &[
        ("", &["OPEN, worst critical: I0002", "[1 Overview]"], &["QUIET"]),
        ("2", &["[2 Incident]", "I0002", "rdp → 10.40.20.40", "files lost: 96", "[x]spread"], &["Traffic, last hour"]),
        ("Enter", &["[2 Incident]", "I0002"], &[]),
        ("2 n", &["I0001 (2/2)"], &["I0002 (1/2)"]),
        ("2 Esc", &["[1 Overview]"], &[]),
        ("3", &["[3 Devices]", "unlisted", "NOTE-K"], &[]),
        ("3 / 'status:unlisted' Enter", &["1 of 6", "/ status:unlisted"], &["listed     10.40.20.40"]),
        ("3 / 'hots:1'", &["no field `hots`"], &[]),
        ("3 / 'zzz' Enter", &["Nothing fits the filter"], &[]),
        ("3 / 'zzz' Esc", &["6 of 6"], &["Nothing fits"]),
        ("3 / 'st' Tab", &["> status:"], &[]),
        ("3 / 'sta' Tab 'unl' Tab Enter", &["/ status:unlisted"], &[]),
        ("3 Enter", &["Device", "NOTE-K", "IF IT IS CUT OFF", "Findings"], &["6 of 6"]),
        ("3 Enter Esc", &["6 of 6"], &[]),
        ("3 A Enter", &["A reason is needed"], &[]),
        ("3 A 'ward_3' Enter", &["authorised"], &["* unlisted"]),
        ("3 A 'ward_3' Enter u", &["* unlisted", "Taken back"], &["authorised"]),
        ("3 v", &["Count"], &[]),
        ("3 Space Space A", &["2 devices"], &[]),
        ("3 s s", &["Addressv"], &[]),
        ("4", &["ANSWERED", "files.bluecloud", "Where it goes"], &[]),
        ("5", &["+ new", "10.40.20.40", "targets"], &[]),
        ("7", &["why, and what next", "high"], &[]),
        ("7 m", &["would have hidden", "Ctrl-s"], &[]),
        ("7 m 'known_scanner' Enter", &["muted until", "1 muted"], &[]),
        ("7 m 'x' Enter u", &["Taken back"], &["1 muted"]),
        ("7 m Ctrl-s", &["by anyone"], &[]),
        ("7 a 'seen_by_me' Enter", &["1 acknowledged", "seen"], &[]),
        ("a 'called' Enter", &["I0001", "1 open of 2"], &["worst critical"]),
        ("a Enter a Enter", &["QUIET"], &["OPEN"]),
        ("7 Enter", &["EVIDENCE", "WHAT TO DO"], &[]),
        ("7 Enter G", &["packets read"], &["WHAT TO DO"]),
        ("7 p", &["its incident", "the device", "its flows"], &[]),
        ("7 p d", &["IF IT IS CUT OFF"], &["its incident"]),
        ("7 p e", &["[4 Egress]", "/ host:"], &[]),
        ("7 p i", &["[2 Incident]"], &[]),
        ("7 p l Esc", &["[7 Findings]"], &["[5 Lateral]"]),
        ("8", &["NOT SEEN, OR NOT READ", "DETECTORS THAT CANNOT RUN", "policy-violation"], &[]),
        ("?", &["Help", "Everywhere"], &[]),
        ("? x", &["[1 Overview]"], &["Everywhere"]),
        (": 'devices_status:unlisted' Enter", &["[3 Devices]", "1 of 6"], &[]),
        (": 'theme_none' Enter", &["[1 Overview]"], &["no command"]),
        (": 'nonsense' Enter", &["no command `nonsense`"], &[]),
        (": 'lang_ja' Enter", &["概要", "未対応"], &["Overview"]),
        ("L", &["概要"], &["Overview"]),
        ("z", &["UTC"], &["JST"]),
        ("f", &["FROZEN"], &[]),
        ("b", &["bookmark at"], &[]),
        ("Tab Tab S-Tab", &["[2 Incident]"], &[]),
        ("e", &["(csv)", "(svg)"], &[]),
    ];
    for (keys, want, not) in triples {
        let mut a = app(Lang::En, (80, 24), views::incident(), true);
        press(&mut a, keys);
        let s = screen(&a);
        is_sound(&a);
        for w in *want {
            assert!(s.contains(w), "`{keys}`: `{w}` is not on\n{s}");
        }
        for w in *not {
            assert!(!s.contains(w), "`{keys}`: `{w}` is on\n{s}");
        }
    }
}

#[test]
fn orders_and_acts_leave_the_app() {
    let mut a = app(Lang::En, (80, 24), views::incident(), true);
    let ts = |s: u64| Timestamp::new(1_795_224_600 + s, 0);
    a.update(Msg::News(News::Recorded(ts(0), ts(450), vec![(ts(120), spanward::base::Severity::High), (ts(900), spanward::base::Severity::High)])));
    let orders = |e: Vec<Effect>| e.into_iter().filter_map(|e| if let Effect::Order(o) = e { Some(o) } else { None }).collect::<Vec<_>>();
    assert_eq!(orders(press(&mut a, "P")), [Order::Play(1)]);
    assert_eq!(orders(press(&mut a, "+ +")), [Order::Play(2), Order::Play(5)]);
    assert_eq!(orders(press(&mut a, "P")), [Order::Play(0)]);
    assert_eq!(orders(press(&mut a, ".")), [Order::Play(0), Order::Step(1)]);
    assert_eq!(orders(press(&mut a, "]")), [Order::Play(0), Order::Seek(ts(900))]);
    assert_eq!(orders(press(&mut a, "[")), [Order::Play(0), Order::Seek(ts(120))]);
    assert_eq!(orders(press(&mut a, "J '10:35' Enter")), [Order::Seek(Timestamp::new(1_795_224_900, 0))]);
    assert!(orders(press(&mut a, "J 'soon' Enter")).is_empty() && screen(&a).contains("`soon` is no time"));
    press(&mut a, "Esc");
    assert!(matches!(&press(&mut a, "a 'ok' Enter")[..], [Effect::Act(_)]));
    assert!(matches!(&press(&mut a, "q")[..], [Effect::Quit]));
    // What a sensor refuses does not look done.
    press(&mut a, "7 m 'why' Enter");
    assert!(screen(&a).contains("1 muted"));
    a.update(Msg::Refused("you may only look".into()));
    assert!(screen(&a).contains("you may only look") && !screen(&a).contains("1 muted"), "{}", screen(&a));
    for (keys, name) in [("3 e c", "spanward-devices-"), ("e m", ".md"), ("e t", ".txt"), ("e s", ".svg"), (": 'export_desk' Enter", "desk")] {
        let Some(Effect::Export(x)) = press(&mut a, keys).pop() else { panic!("{keys} exports nothing") };
        assert!(x.name.contains(name) && !x.bytes.is_empty(), "{keys}: {}", x.name);
    }
}

#[test]
fn what_comes_from_the_wire_does_nothing_to_the_terminal_or_the_spreadsheet() {
    let mut view = views::incident();
    let evil = "=cmd\u{1b}[2J\u{202e}fdp|<b>\u{9b}31m";
    for d in view.devices.values_mut() {
        d.names = vec![evil.into()];
    }
    for f in view.findings.values_mut() {
        f.summary = evil.into();
        f.title = evil.into();
        f.user = Some(evil.into());
    }
    for e in view.egress.values_mut() {
        e.to_name = evil.into();
    }
    for i in view.incidents.values_mut() {
        i.summary = evil.into();
        i.next = vec![evil.into()];
    }
    for keys in ["1", "2", "3", "3 Enter", "4", "4 Enter", "5", "6", "7", "7 Enter", "8", "7 p", "7 m", "3 v"] {
        let mut a = app(Lang::En, (120, 40), view.clone(), true);
        press(&mut a, keys);
        is_sound(&a);
        for format in ["e t", "e m", "e c", "e s"] {
            let mut a = app(Lang::En, (120, 40), view.clone(), true);
            press(&mut a, keys.split(' ').next().unwrap());
            let Some(Effect::Export(x)) = press(&mut a, format).pop() else { panic!("{format}") };
            let s = String::from_utf8(x.bytes).unwrap();
            let s = s.strip_prefix('\u{feff}').unwrap_or(&s);
            assert!(!s.chars().any(|c| c != '\n' && c != '\r' && spanward::output::clean::is_unsafe(c)), "{format}");
            assert!(!s.contains("<b>") || format == "e t" || format == "e c", "{format}");
            assert!(!s.contains(",=cmd") && !s.contains("\n=cmd"), "{format}");
        }
    }
}

#[test]
fn ascii_is_ascii_and_no_colour_is_no_colour() {
    for pane in Pane::ALL {
        let mut a = App::new(Look::new(Lang::En, Theme::None, true), true, "");
        a.update(Msg::Size(80, 24));
        a.update(Msg::News(News::View(Box::new(views::incident()))));
        press(&mut a, &(pane.number() + 1).to_string());
        let b = render(&a);
        for c in b.content() {
            assert!(c.symbol().is_ascii(), "{pane:?}: {}", c.symbol());
            let plain = ratatui::style::Color::Reset;
            assert_eq!((c.fg, c.bg), (plain, plain), "{pane:?}");
        }
    }
}

#[test]
fn a_small_terminal_is_told_and_any_size_is_survived() {
    for w in [0, 1, 5, 20, 79, 80, 81, 119, 121, 150, 400] {
        for h in [0, 1, 3, 10, 23, 24, 25, 100] {
            let mut a = app(Lang::Ja, (w, h), views::incident(), true);
            for keys in ["2", "3 Enter", "Esc 4", "5", "6", "7 p", "Esc ?", "Esc 7 m", "Esc 8"] {
                press(&mut a, keys);
                render(&a);
            }
        }
    }
    assert!(screen(&app(Lang::En, (79, 24), views::quiet(), true)).contains("80x24 are needed"));
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// A million keys: `SPANWARD_KEYS=1000000 cargo test --release --test screens storm`.
#[test]
fn a_storm_of_keys_never_panics_or_hangs() {
    let count: usize = std::env::var("SPANWARD_KEYS").ok().and_then(|n| n.parse().ok()).unwrap_or(6_000);
    let chords: Vec<&str> = KEYS
        .iter()
        .flat_map(|k| k.chords)
        .copied()
        .chain(["Enter", "Esc", "x", "日", "\u{1b}", "Left", "Ctrl-s", "Ctrl-u", "0", "~", "\""])
        .collect();
    let views = [views::incident(), views::quiet(), views::storm(60)];
    let mut dice = Dice(42);
    let mut a = app(Lang::En, (80, 24), views[0].clone(), true);
    let begun = Instant::now();
    for n in 0..count {
        let c = chords[dice.roll(chords.len())];
        if n % 97 == 0 {
            a.update(Msg::News(News::View(Box::new(views[dice.roll(3)].clone()))));
        }
        if n % 211 == 0 {
            a.update(Msg::Size([80, 100, 40, 200, 1][dice.roll(5)], [24, 50, 10, 3, 60][dice.roll(5)]));
        }
        a.update(Msg::Key(keys::event(c)));
        if n % 7 == 0 {
            render(&a);
        }
    }
    println!("{count} keys in {:.1} s", begun.elapsed().as_secs_f64());
}

#[test]
fn a_frozen_screen_stands_still_and_goes_on_with_the_newest() {
    let mut a = app(Lang::En, (80, 24), views::incident(), false);
    press(&mut a, "f");
    let d = Delta { ts: "2026-11-21T03:00:00.000000000Z".into(), ..Delta::default() };
    a.update(Msg::News(News::Delta(Box::new(d))));
    assert!(screen(&a).contains("FROZEN") && screen(&a).contains("10:37:29"));
    press(&mut a, "f");
    assert!(screen(&a).contains("12:00:00"), "{}", screen(&a));
    a.update(Msg::News(News::Lost("gone".into())));
    assert!(matches!(a.link, Link::Lost(..)) && screen(&a).contains("SENSOR LOST"));
    a.update(Msg::News(News::Back));
    assert!(!screen(&a).contains("SENSOR LOST"));
}

/// From a key to its screen with 5,000 devices and 10,000 findings; printed, and far from hanging.
#[test]
fn a_key_is_on_the_screen_at_once() {
    let mut a = app(Lang::En, (200, 60), views::large(5000, 10_000), false);
    let mut times = Vec::new();
    let keys = [
        "3", "j", "j", "PgDn", "G", "g", "7", "j", "G", "s", "S", "1", "2", "j", "4", "5", "/", "a", "Esc", "3", "/", "1", "0", "Esc", "p", "Esc",
        "?", "x",
    ];
    for k in keys.iter().cycle().take(if cfg!(debug_assertions) { 56 } else { 2800 }) {
        let begun = Instant::now();
        a.update(Msg::Key(keys::event(k)));
        std::hint::black_box(render(&a));
        times.push(begun.elapsed().as_micros());
    }
    let begun = Instant::now();
    a.update(Msg::News(News::Delta(Box::new(Delta { ts: "2026-11-21T03:00:00.000000000Z".into(), ..Delta::default() }))));
    let delta = begun.elapsed().as_micros();
    times.sort_unstable();
    let q = |q: usize| times[(times.len() - 1) * q / 100];
    println!("key to screen, 5,000 devices, 10,000 findings, 200x60: p50 {} µs, p99 {} µs, most {} µs; a delta {delta} µs", q(50), q(99), q(100));
    assert!(q(50) < 2_000_000, "{} µs", q(50));
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// Compares a file of docs with what it should be; `UPDATE=1` writes it.
fn in_docs(name: &str, want: &str) {
    let path = docs().join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, want).unwrap();
        return;
    }
    let is = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(is == want, "docs/{name} is not what the program draws: UPDATE=1 cargo test --test screens, and look at the difference");
}

/// The view at the end of the demo, in a language.
fn demo(lang: Lang) -> View {
    use spanward::capture::{Replay, ReplayOptions};
    use spanward::engine::journal::{Journal, Recorder};
    use std::sync::Arc;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/demo");
    let site = Arc::new(spanward::site::Site::open(Some(&root.join("site.toml")), &[]).unwrap());
    let words = Arc::new(spanward::detect::Signatures::embedded().unwrap());
    let mut options = spanward::engine::Options::new(site, words.clone());
    options.lang = lang;
    let source = Replay::open(&[root.join("incident.pcap")], ReplayOptions::default()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let recorder = Box::new(Recorder::create(dir.path(), 1 << 26, words));
    spanward::engine::replay(source, &options, vec![recorder], &mut |_| {}).unwrap();
    let j = Journal::open(dir.path()).unwrap();
    j.state_at(j.span().1).unwrap()
}

#[test]
fn the_pictures_in_docs_are_what_the_program_draws() {
    for lang in [Lang::En, Lang::Ja] {
        let view = demo(lang);
        for size in [(80, 24), (160, 48)] {
            for (name, keys) in [("overview", "1"), ("incident", "2"), ("devices", "3"), ("egress", "4"), ("help", "?")] {
                let mut a = app(lang, size, view.clone(), true);
                press(&mut a, keys);
                is_sound(&a);
                let picture: Buffer = render(&a);
                in_docs(&format!("screens/{name}-{}x{}-{}.svg", size.0, size.1, lang.word()), &svg(&picture));
            }
        }
    }
}

#[test]
fn the_keys_in_docs_are_the_registry() {
    let mut table = String::new();
    for (scope, head) in SCOPES {
        table += &format!("\n**{}** ({})\n\n| key | does | 動作 |\n|---|---|---|\n", head.get(Lang::En), head.get(Lang::Ja));
        for k in KEYS.iter().filter(|k| k.scope == *scope) {
            let chords: Vec<String> = k.chords.iter().map(|c| format!("`{c}`")).collect();
            table += &format!("| {} | {} | {} |\n", chords.join(" "), k.text.get(Lang::En), k.text.get(Lang::Ja));
        }
    }
    let page = std::fs::read_to_string(docs().join("TUI.md")).unwrap();
    let (begin, end) = ("<!-- keys -->\n", "<!-- /keys -->");
    let (before, rest) = page.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    in_docs("TUI.md", &format!("{before}{begin}{table}\n{end}{after}"));
}
