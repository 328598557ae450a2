//! A domain name as text (RFC 1035, 5.1; RFC 6762, 16: multicast DNS names are UTF-8).

use domain::base::ParsedName;
use std::fmt::Write;

/// Lower case (ASCII only), labels joined by dots, without the final dot. What is no printable text stands as `\\ddd`, so the result is at
/// most four times the wire name's 255 bytes.
pub(super) fn text<O: AsRef<[u8]>>(name: &ParsedName<O>) -> String {
    plain(name).unwrap_or_else(|| escaped(name))
}

/// A wire name is at most 255 bytes long (RFC 1035, 3.1); a plain text is shorter.
const WIRE_MAX: usize = 255;

/// The text of a name whose labels are printable ASCII without dots and backslashes: nearly every name.
fn plain<O: AsRef<[u8]>>(name: &ParsedName<O>) -> Option<String> {
    let (mut text, mut len) = ([0u8; WIRE_MAX], 0);
    for label in name.iter().filter(|l| !l.is_root()) {
        let label = label.as_slice();
        let [dot, to @ ..] = text.get_mut(len..len + 1 + label.len())? else { return None };
        *dot = b'.';
        let mut odd = false;
        for (to, b) in to.iter_mut().zip(label) {
            odd |= !b.is_ascii_graphic() && *b != b' ' || matches!(b, b'.' | b'\\');
            *to = b.to_ascii_lowercase();
        }
        if odd {
            return None;
        }
        len += 1 + label.len();
    }
    // Without the dot before the first label.
    std::str::from_utf8(text.get(1..len.max(1))?).ok().map(str::to_owned)
}

fn escaped<O: AsRef<[u8]>>(name: &ParsedName<O>) -> String {
    let mut out = String::new();
    for label in name.iter().filter(|l| !l.is_root()) {
        if !out.is_empty() {
            out.push('.');
        }
        push_label(label.as_slice(), &mut out);
    }
    out
}

fn push_label(label: &[u8], out: &mut String) {
    match std::str::from_utf8(label) {
        Ok(s) => s.chars().for_each(|c| push_char(c, out)),
        Err(_) => label.iter().for_each(|b| if b.is_ascii() { push_char(char::from(*b), out) } else { push_escaped(*b, out) }),
    }
}

fn push_char(c: char, out: &mut String) {
    match c {
        '.' | '\\' => out.extend(['\\', c]),
        c if c.is_control() => c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| push_escaped(b, out)),
        c => out.push(c.to_ascii_lowercase()),
    }
}

fn push_escaped(b: u8, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\{b:03}");
}
