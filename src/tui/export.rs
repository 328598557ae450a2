//! Exports: the screen as text or picture, the rows of the pane as a table for a report or a spreadsheet.

use super::app::App;
use super::pane::Pane;
use super::text::T;
use super::view::{self, list, page};
use crate::output::clean::{cell, clean};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// A file to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// Its name, without a directory.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// What is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// The screen as text.
    Text,
    /// All rows as a Markdown table.
    Markdown,
    /// All rows for a spreadsheet.
    Csv,
    /// The screen as a picture.
    Svg,
}

impl Format {
    /// Every format.
    pub const ALL: &'static [Format] = &[Format::Text, Format::Markdown, Format::Csv, Format::Svg];

    /// Its key in the menu.
    pub const fn key(self) -> char {
        match self {
            Format::Text => 't',
            Format::Markdown => 'm',
            Format::Csv => 'c',
            Format::Svg => 's',
        }
    }
    /// The format behind a key.
    pub fn of_key(c: char) -> Option<Format> {
        Format::ALL.iter().copied().find(|f| f.key() == c)
    }
    /// Its file name's ending.
    pub const fn ending(self) -> &'static str {
        match self {
            Format::Text => "txt",
            Format::Markdown => "md",
            Format::Csv => "csv",
            Format::Svg => "svg",
        }
    }
    /// The format with an ending.
    pub fn named(ending: &str) -> Option<Format> {
        Format::ALL.iter().copied().find(|f| f.ending() == ending)
    }
    /// What it is, in words.
    pub const fn text(self) -> T {
        match self {
            Format::Text => T::ExportText,
            Format::Markdown => T::ExportMarkdown,
            Format::Csv => T::ExportCsv,
            Format::Svg => T::ExportSvg,
        }
    }
}

/// The export of what is shown.
pub fn of(app: &App, format: Format) -> Export {
    let bytes = match format {
        Format::Text => text(&view::render(app)),
        Format::Svg => svg(&view::render(app)),
        Format::Markdown => markdown(app),
        Format::Csv => csv(app),
    };
    Export { name: name(app, app.pane.word(), format.ending()), bytes: bytes.into_bytes() }
}

/// `spanward-devices-20261121T013730Z.csv`: named after the time that is shown.
pub fn name(app: &App, what: &str, ending: &str) -> String {
    let ts: String = app.view.ts.chars().take(19).filter(|c| c.is_ascii_digit() || *c == 'T').collect();
    let ts = if ts.is_empty() { String::new() } else { format!("-{ts}Z") };
    format!("spanward-{what}{ts}.{ending}")
}

/// The cells of a line of a buffer; the second half of a wide character is left out.
fn line(buf: &Buffer, y: u16) -> Vec<(u16, &Cell)> {
    let mut out = Vec::new();
    let mut x = buf.area.x;
    while x < buf.area.right() {
        let Some(c) = buf.cell((x, y)) else { break };
        out.push((x, c));
        x += (c.symbol().width() as u16).max(1);
    }
    out
}

/// A buffer as text.
pub fn text(buf: &Buffer) -> String {
    let mut out = String::new();
    for y in buf.area.top()..buf.area.bottom() {
        let s: String = line(buf, y).into_iter().map(|(_, c)| c.symbol()).collect();
        out.push_str(s.trim_end());
        out.push('\n');
    }
    out
}

/// Heads and cells of all rows of the pane; a page gives its lines, the overview its incidents.
fn table(app: &App) -> (Vec<String>, Vec<Vec<String>>) {
    let l = &app.look;
    match app.pane {
        pane if pane.is_list() && app.cards.is_empty() => {
            let heads = list::shown_columns(app).iter().map(|c| l.t(c.head).to_owned()).collect();
            let rows = app.rows.iter().map(|id| list::cells(app, id).into_iter().map(|c| c.1.trim().to_owned()).collect());
            (heads, rows.collect())
        }
        Pane::Overview if app.cards.is_empty() => {
            let heads = [T::ColSeverity, T::ColIncident, T::ColTime, T::BeganAt, T::ColTitle].map(|t| l.t(t).to_owned());
            let rows = app.rows.iter().filter_map(|id| app.view.incidents.get(id));
            let cells = rows.map(|i| {
                vec![l.word(&i.severity).to_owned(), i.id.clone(), l.whole(&i.opened), app.names.titled(&i.patient_zero), i.summary.clone()]
            });
            (heads.into(), cells.collect())
        }
        _ => {
            let lines = match app.cards.last() {
                Some(card) => page::card(app, &card.target),
                None => page::lines(app),
            };
            let texts = lines.into_iter().map(|l| vec![l.parts.into_iter().map(|p| p.1).collect::<String>().trim_end().to_owned()]);
            (vec![l.t(app.pane.title()).to_owned()], texts.collect())
        }
    }
}

fn markdown(app: &App) -> String {
    let (heads, rows) = table(app);
    let escaped = |s: &str| clean(s).replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;");
    let mut out = format!("# {} {}\n\n", escaped(&app.view.facts.name), app.look.whole(&app.view.ts));
    if app.pane == Pane::Incident
        && let Some(i) = app.shown_incident()
    {
        let _ = writeln!(out, "**{} {}** {}\n", i.id, app.look.word(&i.severity), escaped(&i.summary));
    }
    let join = |cells: &[String]| format!("| {} |\n", cells.iter().map(|c| escaped(c)).collect::<Vec<_>>().join(" | "));
    out += &join(&heads);
    out += &format!("|{}\n", "---|".repeat(heads.len()));
    rows.iter().for_each(|r| out += &join(r));
    out
}

fn csv(app: &App) -> String {
    let (heads, rows) = table(app);
    let mut w = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(&heads).chain(&rows) {
        // Writing into memory does not fail.
        let _ = w.write_record(row.iter().map(|c| cell(c).into_owned()));
    }
    let bytes = w.into_inner().unwrap_or_default();
    // Japanese spreadsheets read UTF-8 only behind a byte order mark.
    format!("\u{feff}{}", String::from_utf8_lossy(&bytes))
}

/// Size of a cell in the picture.
const CELL: (u32, u32) = (9, 19);
const BACK: &str = "#101418";
const FORE: &str = "#d8dee6";

/// A buffer as a picture: text stays text.
pub fn svg(buf: &Buffer) -> String {
    let (w, h) = (u32::from(buf.area.width) * CELL.0, u32::from(buf.area.height) * CELL.1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
         font-family=\"'DejaVu Sans Mono','Noto Sans Mono CJK JP','IPAGothic',monospace\" font-size=\"15\">\n\
         <rect width=\"{w}\" height=\"{h}\" fill=\"{BACK}\"/>\n"
    );
    for y in buf.area.top()..buf.area.bottom() {
        let cells = line(buf, y);
        let mut from = 0;
        while let Some((x, first)) = cells.get(from) {
            let alike = |c: &Cell| c.fg == first.fg && c.bg == first.bg && c.modifier == first.modifier;
            let run = cells.get(from..).unwrap_or(&[]).iter().take_while(|(_, c)| alike(c)).count().max(1);
            let text: String = cells.get(from..from + run).unwrap_or(&[]).iter().map(|(_, c)| c.symbol()).collect();
            piece(&mut out, u32::from(*x), u32::from(y), first, &text);
            from += run;
        }
    }
    out.push_str("</svg>\n");
    out
}

fn piece(out: &mut String, x: u32, y: u32, c: &Cell, text: &str) {
    let reversed = c.modifier.contains(Modifier::REVERSED);
    let (fg, bg) = (colour(c.fg, FORE), colour(c.bg, BACK));
    let (fg, bg) = if reversed { (bg, fg) } else { (fg, bg) };
    let (px, py, w) = (x * CELL.0, y * CELL.1, text.width() as u32 * CELL.0);
    if bg != BACK {
        let _ = writeln!(out, "<rect x=\"{px}\" y=\"{py}\" width=\"{w}\" height=\"{}\" fill=\"{bg}\"/>", CELL.1);
    }
    if text.trim().is_empty() {
        return;
    }
    let bold = if c.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let line = if c.modifier.contains(Modifier::UNDERLINED) { " text-decoration=\"underline\"" } else { "" };
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{px}\" y=\"{}\" fill=\"{fg}\"{bold}{line} textLength=\"{w}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\">{text}</text>",
        py + 15
    );
}

fn colour(c: Color, default: &str) -> String {
    match c {
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        Color::Black => "#000000".to_owned(),
        Color::White => "#ffffff".to_owned(),
        Color::Gray => "#b0b8c0".to_owned(),
        Color::DarkGray => "#8a939c".to_owned(),
        Color::Red => "#c62828".to_owned(),
        Color::LightRed => "#ff6b60".to_owned(),
        Color::Green => "#56c271".to_owned(),
        Color::LightGreen => "#7ee787".to_owned(),
        Color::Yellow => "#e3b341".to_owned(),
        Color::LightYellow => "#ffe066".to_owned(),
        Color::Blue => "#4f8fea".to_owned(),
        Color::LightBlue => "#79c0ff".to_owned(),
        Color::Cyan => "#4cc9d8".to_owned(),
        _ => default.to_owned(),
    }
}
