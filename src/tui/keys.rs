//! The keys: one registry. Help, footer and the page in docs derive from it; a key that is not here does nothing.

use super::pane::Pane;
use super::text::T;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs, reason = "every one has its text in the registry below")]
pub enum Do {
    Help,
    Quit,
    Show(Pane),
    NextPane,
    PrevPane,
    Down,
    Up,
    PageDown,
    PageUp,
    First,
    Last,
    Open,
    Back,
    Filter,
    Palette,
    Pivot,
    Mark,
    Sort,
    Reverse,
    Acknowledge,
    Mute,
    Undo,
    Export,
    Freeze,
    NextIncident,
    PrevIncident,
    Accept,
    Refuse,
    Investigate,
    Group,
    Play,
    Forward,
    Backward,
    Faster,
    Slower,
    Jump,
    NextFinding,
    PrevFinding,
    Bookmark,
    NextBookmark,
    Theme,
    Language,
    Clock,
}

/// Where a key works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Everywhere.
    All,
    /// In tables of rows.
    Lists,
    /// With incidents and findings.
    Stories,
    /// With devices.
    Devices,
    /// Where rows can be taken together.
    Groups,
    /// While something recorded is played.
    Replay,
}

/// A key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// What it does.
    pub what: Do,
    /// The keys, the usual one first.
    pub chords: &'static [&'static str],
    /// What it does, in words.
    pub text: T,
    /// Where it works.
    pub scope: Scope,
    /// Place in the footer, smallest first; 0 = not there.
    pub footer: u8,
}

const fn key(what: Do, chords: &'static [&'static str], text: T, scope: Scope, footer: u8) -> Key {
    Key { what, chords, text, scope, footer }
}

/// Every key.
pub const KEYS: &[Key] = &[
    key(Do::Help, &["?", "F1"], T::KeyHelp, Scope::All, 1),
    key(Do::Open, &["Enter"], T::KeyOpen, Scope::All, 2),
    key(Do::Back, &["Esc", "Backspace"], T::KeyBack, Scope::All, 3),
    key(Do::Quit, &["q", "Ctrl-c"], T::KeyQuit, Scope::All, 9),
    key(Do::Show(Pane::Overview), &["1"], T::PaneOverview, Scope::All, 0),
    key(Do::Show(Pane::Incident), &["2"], T::PaneIncident, Scope::All, 0),
    key(Do::Show(Pane::Devices), &["3"], T::PaneDevices, Scope::All, 0),
    key(Do::Show(Pane::Egress), &["4"], T::PaneEgress, Scope::All, 0),
    key(Do::Show(Pane::Lateral), &["5"], T::PaneLateral, Scope::All, 0),
    key(Do::Show(Pane::Flows), &["6"], T::PaneFlows, Scope::All, 0),
    key(Do::Show(Pane::Findings), &["7"], T::PaneFindings, Scope::All, 0),
    key(Do::Show(Pane::Sensor), &["8"], T::PaneSensor, Scope::All, 0),
    key(Do::NextPane, &["Tab"], T::KeyNextPane, Scope::All, 0),
    key(Do::PrevPane, &["S-Tab"], T::KeyPrevPane, Scope::All, 0),
    key(Do::Down, &["j", "Down"], T::KeyDown, Scope::All, 0),
    key(Do::Up, &["k", "Up"], T::KeyUp, Scope::All, 0),
    key(Do::PageDown, &["PgDn", "Ctrl-f"], T::KeyPageDown, Scope::All, 0),
    key(Do::PageUp, &["PgUp", "Ctrl-b"], T::KeyPageUp, Scope::All, 0),
    key(Do::First, &["g", "Home"], T::KeyFirst, Scope::All, 0),
    key(Do::Last, &["G", "End"], T::KeyLast, Scope::All, 0),
    key(Do::Filter, &["/"], T::KeyFilter, Scope::Lists, 4),
    key(Do::Pivot, &["p"], T::KeyPivot, Scope::All, 5),
    key(Do::Palette, &[":"], T::KeyPalette, Scope::All, 0),
    key(Do::Mark, &["Space"], T::KeyMark, Scope::Lists, 0),
    key(Do::Sort, &["s"], T::KeySort, Scope::Lists, 0),
    key(Do::Reverse, &["S"], T::KeyReverse, Scope::Lists, 0),
    key(Do::Acknowledge, &["a"], T::KeyAcknowledge, Scope::Stories, 6),
    key(Do::Mute, &["m"], T::KeyMute, Scope::Stories, 7),
    key(Do::NextIncident, &["n"], T::KeyNextIncident, Scope::Stories, 4),
    key(Do::PrevIncident, &["N"], T::KeyPrevIncident, Scope::Stories, 0),
    key(Do::Accept, &["A"], T::KeyAccept, Scope::Devices, 6),
    key(Do::Refuse, &["R"], T::KeyRefuse, Scope::Devices, 7),
    key(Do::Investigate, &["I"], T::KeyInvestigate, Scope::Devices, 0),
    key(Do::Group, &["v"], T::KeyGroup, Scope::Groups, 8),
    key(Do::Undo, &["u"], T::KeyUndo, Scope::All, 0),
    key(Do::Export, &["e"], T::KeyExport, Scope::All, 8),
    key(Do::Freeze, &["f"], T::KeyFreeze, Scope::All, 0),
    key(Do::Play, &["P"], T::KeyPlay, Scope::Replay, 0),
    key(Do::Forward, &[".", "Right"], T::KeyForward, Scope::Replay, 0),
    key(Do::Backward, &[",", "Left"], T::KeyBackward, Scope::Replay, 0),
    key(Do::Faster, &["+"], T::KeyFaster, Scope::Replay, 0),
    key(Do::Slower, &["-"], T::KeySlower, Scope::Replay, 0),
    key(Do::Jump, &["J"], T::KeyJump, Scope::Replay, 0),
    key(Do::NextFinding, &["]"], T::KeyNextFinding, Scope::Replay, 0),
    key(Do::PrevFinding, &["["], T::KeyPrevFinding, Scope::Replay, 0),
    key(Do::Bookmark, &["b"], T::KeyBookmark, Scope::Replay, 0),
    key(Do::NextBookmark, &["B"], T::KeyNextBookmark, Scope::Replay, 0),
    key(Do::Theme, &["T"], T::KeyTheme, Scope::All, 0),
    key(Do::Language, &["L"], T::KeyLanguage, Scope::All, 0),
    key(Do::Clock, &["z"], T::KeyClock, Scope::All, 0),
];

/// The name of a key as the registry has it.
pub fn chord(e: KeyEvent) -> String {
    let name = match e.code {
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::F(n) => format!("F{n}"),
        KeyCode::BackTab => "S-Tab".to_owned(),
        KeyCode::PageDown => "PgDn".to_owned(),
        KeyCode::PageUp => "PgUp".to_owned(),
        KeyCode::Esc => "Esc".to_owned(),
        other => format!("{other:?}"),
    };
    if e.modifiers.contains(KeyModifiers::CONTROL) { format!("Ctrl-{name}") } else { name }
}

/// The key event behind a name: for commands, tests, the mouse.
pub fn event(chord: &str) -> KeyEvent {
    let (name, modifiers) = match chord.strip_prefix("Ctrl-") {
        Some(rest) => (rest, KeyModifiers::CONTROL),
        None => (chord, KeyModifiers::NONE),
    };
    let code = match name {
        "Space" => KeyCode::Char(' '),
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Backspace" => KeyCode::Backspace,
        "Tab" => KeyCode::Tab,
        "S-Tab" => KeyCode::BackTab,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        "PgUp" => KeyCode::PageUp,
        "PgDn" => KeyCode::PageDown,
        "F1" => KeyCode::F(1),
        other => KeyCode::Char(other.chars().next().unwrap_or(' ')),
    };
    KeyEvent::new(code, modifiers)
}

/// Does a scope reach here?
pub fn reaches(scope: Scope, pane: Pane, replay: bool) -> bool {
    match scope {
        Scope::All => true,
        Scope::Lists => pane.is_list(),
        Scope::Stories => matches!(pane, Pane::Overview | Pane::Incident | Pane::Findings),
        Scope::Groups => matches!(pane, Pane::Devices | Pane::Lateral),
        Scope::Devices => pane == Pane::Devices,
        Scope::Replay => replay,
    }
}

/// What a key does here.
pub fn find(chord: &str, pane: Pane, replay: bool) -> Option<Do> {
    KEYS.iter().find(|k| k.chords.contains(&chord) && reaches(k.scope, pane, replay)).map(|k| k.what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_key_does_one_thing_in_one_place() {
        for pane in Pane::ALL {
            let mut seen: BTreeMap<&str, Do> = BTreeMap::new();
            for k in KEYS.iter().filter(|k| reaches(k.scope, *pane, true)) {
                for c in k.chords {
                    assert_eq!(seen.insert(c, k.what), None, "{c} in {pane:?}");
                }
            }
        }
    }

    #[test]
    fn names_of_keys_go_both_ways() {
        for c in KEYS.iter().flat_map(|k| k.chords) {
            assert_eq!(chord(event(c)), *c);
        }
        assert_eq!(find("/", Pane::Overview, false), None);
        assert_eq!(find("/", Pane::Devices, false), Some(Do::Filter));
        assert_eq!((find(".", Pane::Devices, false), find(".", Pane::Devices, true)), (None, Some(Do::Forward)));
    }
}
