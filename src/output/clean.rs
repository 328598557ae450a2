//! The one gate between text from the wire and a terminal or spreadsheet: control, C1, bidi and invisible characters leave it escaped.

use std::borrow::Cow;

/// Characters that steer a terminal, reorder a line (Unicode UAX #9 explicit formatting) or hide in it.
pub const fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Text fit for a terminal: every unsafe character is written as `\u{…}`. Borrowed when there is nothing to do.
pub fn clean(s: &str) -> Cow<'_, str> {
    if !s.chars().any(is_unsafe) {
        return Cow::Borrowed(s);
    }
    let mut out = String::with_capacity(s.len() + 16);
    for c in s.chars() {
        if is_unsafe(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Text fit for a spreadsheet's cell: [`clean`], and `'` before whatever a spreadsheet would take for a formula (also in full width, as Japanese
/// spreadsheets do).
pub fn cell(s: &str) -> Cow<'_, str> {
    let formula = matches!(s.chars().next(), Some('=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠'));
    let body = clean(s);
    if formula { Cow::Owned(format!("'{body}")) } else { body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terminals_and_spreadsheets_get_nothing_that_acts() {
        assert_eq!(clean("PC-01 (薬局)"), "PC-01 (薬局)");
        assert!(matches!(clean("ok"), Cow::Borrowed(_)));
        assert_eq!(clean("a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(clean("exe.\u{202e}fdp"), "exe.\\u{202e}fdp");
        assert_eq!(clean("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("\tx"), "'\\u{9}x");
        assert_eq!(cell("＝A1"), "'＝A1");
        assert_eq!(cell("10.0.0.1"), "10.0.0.1");
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left(s in any::<String>()) {
            prop_assert!(!clean(&s).chars().any(is_unsafe));
            let c = cell(&s);
            prop_assert!(!c.chars().any(is_unsafe));
            prop_assert!(!matches!(c.chars().next(), Some('=' | '+' | '-' | '@')));
        }
    }
}
