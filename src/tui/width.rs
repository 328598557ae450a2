//! How wide text is on a terminal, and how it is cut, padded and wrapped by that. Japanese characters take two columns.

use crate::output::clean::clean;
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that a text takes.
pub fn width(s: &str) -> usize {
    s.width()
}

/// At most `max` columns; what is cut off leaves `mark` behind. Never half a wide character.
pub fn cut<'a>(s: &'a str, max: usize, mark: &str) -> Cow<'a, str> {
    if s.width() <= max {
        return Cow::Borrowed(s);
    }
    let room = max.saturating_sub(mark.width());
    let mut out = head(s, room).to_owned();
    if mark.width() <= max {
        out.push_str(mark);
    }
    Cow::Owned(out)
}

/// The longest beginning of at most `max` columns.
fn head(s: &str, max: usize) -> &str {
    let mut used = 0;
    for (i, c) in s.char_indices() {
        let w = c.width().unwrap_or(0);
        if used + w > max {
            return s.get(..i).unwrap_or_default();
        }
        used += w;
    }
    s
}

/// Exactly `w` columns: cut or filled with spaces.
pub fn fit(s: &str, w: usize, right: bool, mark: &str) -> String {
    let s = cut(s, w, mark);
    let gap = " ".repeat(w.saturating_sub(s.width()));
    if right { format!("{gap}{s}") } else { format!("{s}{gap}") }
}

/// Lines of at most `w` columns: broken at spaces, and in text without them (Japanese, long names) between any two characters.
/// Punctuation that must not begin a line stays on the one before, if there is room for it.
pub fn wrap(s: &str, w: usize) -> Vec<String> {
    let w = w.max(2);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for piece in pieces(s) {
        let mut piece = piece;
        if used + piece.trim_end().width() > w && used > 0 {
            lines.push(line.trim_end().to_owned());
            line.clear();
            used = 0;
        }
        while piece.trim_end().width() > w {
            let part = head(piece, w);
            if part.is_empty() {
                break;
            }
            lines.push(part.to_owned());
            piece = piece.get(part.len()..).unwrap_or_default();
        }
        line.push_str(piece);
        used += piece.width();
    }
    if !line.trim_end().is_empty() || lines.is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// Text in pieces that may be parted: words with the spaces behind them; wide characters one by one, closing punctuation with the one before.
fn pieces(s: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut from = 0;
    let mut before: Option<char> = None;
    for (i, c) in s.char_indices() {
        let breaks = match before {
            None => false,
            Some(_) if stays(c) => false,
            Some(b) => wide(c) || c != ' ' && (b == ' ' || wide(b)),
        };
        if breaks {
            out.extend(s.get(from..i));
            from = i;
        }
        before = Some(c);
    }
    out.extend(s.get(from..).filter(|p| !p.is_empty()));
    out
}

fn wide(c: char) -> bool {
    c.width() == Some(2)
}

/// Must not begin a line.
fn stays(c: char) -> bool {
    matches!(
        c,
        '、' | '。'
            | '）'
            | '」'
            | '』'
            | '，'
            | '．'
            | '：'
            | '；'
            | '？'
            | '！'
            | 'ー'
            | 'ッ'
            | 'っ'
            | 'ゃ'
            | 'ゅ'
            | 'ょ'
            | 'ャ'
            | 'ュ'
            | 'ョ'
    )
}

/// Text from the wire, fit for the screen.
pub fn safe(s: &str) -> Cow<'_, str> {
    clean(s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn japanese_is_cut_between_characters() {
        assert_eq!(cut("診療系の端末", 12, "…"), "診療系の端末");
        assert_eq!(cut("診療系の端末", 11, "…"), "診療系の端…");
        assert_eq!(cut("診療系の端末", 10, "…"), "診療系の…");
        assert_eq!(fit("診療", 6, true, "…"), "  診療");
        assert_eq!(fit("診療", 3, false, "…"), "診…");
    }

    #[test]
    fn lines_break_where_people_break_them() {
        assert_eq!(wrap("Pull the network cable now.", 12), ["Pull the", "network", "cable now."]);
        assert_eq!(wrap("電源は切らないでください。LAN を抜く", 10), ["電源は切ら", "ないでくだ", "さい。LAN", "を抜く"]);
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked(s in "\\PC{0,60}", w in 2usize..40) {
            prop_assert!(cut(&s, w, "…").width() <= w);
            for l in wrap(&s, w) {
                prop_assert!(l.width() <= w + 2, "{l:?}");
            }
        }
        #[test]
        fn wrapping_loses_no_character(s in "[a-z あ-ん。]{0,60}", w in 4usize..30) {
            let all: String = wrap(&s, w).concat().chars().filter(|c| *c != ' ').collect();
            prop_assert_eq!(all, s.chars().filter(|c| *c != ' ').collect::<String>());
        }
    }
}
