//! How things look: tones by meaning, in five themes, and the characters that lines and bars are drawn with. A tone never stands alone: what it
//! says is also said by a word or a mark.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

/// What a piece of text means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tone {
    /// Plain.
    #[default]
    Text,
    /// Of less weight.
    Dim,
    /// Of more weight.
    Strong,
    /// Lines and frames.
    Frame,
    /// Heads of panes and columns.
    Title,
    /// Keys to press.
    Key,
    /// As it should be.
    Good,
    /// Look at it.
    Warn,
    /// Look at it now.
    Bad,
    /// Act now.
    Critical,
    /// The row that is chosen.
    Chosen,
    /// Bars and graphs.
    Bar,
}

/// A set of colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Theme {
    /// For dark terminals.
    #[default]
    Dark,
    /// For light terminals.
    Light,
    /// Black and white and a few strong colours.
    Contrast,
    /// Blue and orange: told apart with any colour sense.
    Safe,
    /// No colour at all: bold, underlined, reversed.
    None,
}

impl Theme {
    /// Every theme, in the order of the key that changes it.
    pub const ALL: &'static [Theme] = &[Theme::Dark, Theme::Light, Theme::Contrast, Theme::Safe, Theme::None];

    /// The word of the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Theme::Dark => "dark",
            Theme::Light => "light",
            Theme::Contrast => "contrast",
            Theme::Safe => "safe",
            Theme::None => "none",
        }
    }
    /// The theme with a word.
    pub fn named(word: &str) -> Option<Theme> {
        Theme::ALL.iter().copied().find(|t| t.word() == word)
    }
    /// The one after this.
    pub fn next(self) -> Theme {
        let at = Theme::ALL.iter().position(|t| *t == self).unwrap_or(0);
        Theme::ALL.get((at + 1) % Theme::ALL.len()).copied().unwrap_or_default()
    }
    /// How a tone looks.
    pub fn style(self, tone: Tone) -> Style {
        let s = Style::new();
        if self == Theme::None {
            return match tone {
                Tone::Strong | Tone::Title | Tone::Warn => s.add_modifier(Modifier::BOLD),
                Tone::Key => s.add_modifier(Modifier::UNDERLINED),
                Tone::Bad => s.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
                Tone::Critical => s.add_modifier(Modifier::BOLD | Modifier::REVERSED),
                Tone::Chosen => s.add_modifier(Modifier::REVERSED),
                _ => s,
            };
        }
        let s = match self.colour(tone) {
            Some(c) => s.fg(c),
            None => s,
        };
        match tone {
            Tone::Strong | Tone::Title | Tone::Bad => s.add_modifier(Modifier::BOLD),
            Tone::Critical => s.add_modifier(Modifier::BOLD | Modifier::REVERSED),
            Tone::Chosen => s.add_modifier(Modifier::REVERSED),
            _ => s,
        }
    }
    fn colour(self, tone: Tone) -> Option<Color> {
        let of = |dark: Color, light: Color, contrast: Color, safe: Color| {
            Some(match self {
                Theme::Light => light,
                Theme::Contrast => contrast,
                Theme::Safe => safe,
                _ => dark,
            })
        };
        match tone {
            Tone::Text | Tone::Strong | Tone::Chosen => None,
            Tone::Dim | Tone::Frame => of(Color::DarkGray, Color::DarkGray, Color::White, Color::Gray),
            Tone::Title => of(Color::Cyan, Color::Blue, Color::White, Color::LightBlue),
            Tone::Key => of(Color::Cyan, Color::Blue, Color::LightYellow, Color::LightBlue),
            Tone::Good => of(Color::Green, Color::Green, Color::LightGreen, Color::LightBlue),
            Tone::Warn => of(Color::Yellow, Color::Rgb(150, 90, 0), Color::LightYellow, Color::Rgb(230, 159, 0)),
            Tone::Bad => of(Color::LightRed, Color::Red, Color::LightRed, Color::Rgb(213, 94, 0)),
            Tone::Critical => of(Color::LightRed, Color::Red, Color::LightRed, Color::Rgb(213, 94, 0)),
            Tone::Bar => of(Color::Blue, Color::Blue, Color::White, Color::LightBlue),
        }
    }
}

/// The characters that are drawn with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Glyphs {
    /// A step of a tree that has others below it.
    pub tee: &'static str,
    /// The last step.
    pub elbow: &'static str,
    /// Beside the steps of a branch.
    pub pipe: &'static str,
    /// To.
    pub arrow: &'static str,
    /// Something was cut off.
    pub more: &'static str,
    /// Line across.
    pub rule: &'static str,
    /// Between things in a line.
    pub sep: &'static str,
    /// Full part of a meter.
    pub full: &'static str,
    /// Empty part.
    pub empty: &'static str,
    /// Where one is on a scale.
    pub here: &'static str,
    /// As it should be.
    pub ok: &'static str,
    /// A marked row.
    pub marked: &'static str,
    /// The chosen row.
    pub chosen: &'static str,
    /// Little graph, lowest first.
    pub levels: [&'static str; 8],
    /// Frames.
    pub border: border::Set<'static>,
    /// Only ASCII.
    pub ascii: bool,
}

/// For terminals with a full font.
pub const UNICODE: Glyphs = Glyphs {
    tee: "├─",
    elbow: "└─",
    pipe: "│ ",
    arrow: "→",
    more: "…",
    rule: "─",
    sep: "│",
    full: "█",
    empty: "░",
    here: "●",
    ok: "✓",
    marked: "◆",
    chosen: "▶",
    levels: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    border: border::PLAIN,
    ascii: false,
};

/// For serial lines, and for terminals that draw ambiguous characters two columns wide.
pub const ASCII: Glyphs = Glyphs {
    tee: "|-",
    elbow: "`-",
    pipe: "| ",
    arrow: ">",
    more: "~",
    rule: "-",
    sep: "|",
    full: "#",
    empty: ".",
    here: "@",
    ok: "ok",
    marked: "*",
    chosen: ">",
    levels: [".", ".", ":", ":", "=", "=", "#", "#"],
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
    ascii: true,
};

/// Mark and tone of a severity: the mark says it without colour.
pub fn severity(word: &str) -> (&'static str, Tone) {
    match word {
        "critical" => ("!! ", Tone::Critical),
        "high" => ("!  ", Tone::Bad),
        "medium" => ("*  ", Tone::Warn),
        "low" => ("-  ", Tone::Text),
        _ => ("   ", Tone::Dim),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_is_ascii_and_nothing_is_said_by_colour_alone() {
        let g = ASCII;
        for s in [g.tee, g.elbow, g.pipe, g.arrow, g.more, g.rule, g.sep, g.full, g.empty, g.here, g.ok, g.marked, g.chosen].iter().chain(&g.levels) {
            assert!(s.is_ascii(), "{s}");
        }
        let marks: std::collections::BTreeSet<_> = ["critical", "high", "medium", "low", "info"].map(|w| severity(w).0).into();
        assert_eq!(marks.len(), 5);
        for tone in [Tone::Text, Tone::Bad, Tone::Critical, Tone::Chosen, Tone::Good] {
            let s = Theme::None.style(tone);
            assert_eq!((s.fg, s.bg), (None, None), "{tone:?}");
        }
        assert_eq!(Theme::ALL.iter().fold(Theme::Dark, |t, _| t.next()), Theme::Dark);
        assert!(Theme::ALL.iter().all(|t| Theme::named(t.word()) == Some(*t)));
    }
}
