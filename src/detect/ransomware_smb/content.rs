//! What content says of a file: is it chance, was it something before, does it keep what its name promises?

use crate::protocols::smb::life::{Content, Magic};
use std::sync::LazyLock;

/// Bytes of a sample below which nothing can be said, and below which there was no content at all to look at.
const ENOUGH: u16 = 128;
const SOME: u16 = 64;
/// So far below the entropy of chance, in thousandths of a bit, content is still taken for encrypted …
const CLOSE: u16 = 200;
/// … and so far below, it surely was not. Compressed content lies between; its magic tells.
const FAR: u16 = 900;

/// Endings of names whose files begin with a known magic, or are text. What does not is not what its name says.
const PROMISES: &[&str] = &[
    "doc", "docx", "docm", "xls", "xlsx", "xlsm", "ppt", "pptx", "pdf", "jpg", "jpeg", "png", "gif", "zip", "7z", "rar", "gz", "msi", "exe", "dll",
    "txt", "csv", "tsv", "log", "xml", "htm", "html", "json", "ini", "cfg", "conf", "rtf", "sql", "hl7", "md", "ps1", "bat", "vbs",
];

/// The entropy that a sample of chance has, in thousandths of a bit: with `n` bytes over 256 values the counts are Poisson's.
fn of_chance(n: u16) -> u16 {
    static TABLE: LazyLock<[u16; 65]> = LazyLock::new(|| std::array::from_fn(|i| expected(64.0 * i as f64)));
    // The table has a place for every 64 bytes; between them it is nearly straight.
    let at = usize::from(n / 64);
    let (low, high) = (TABLE.get(at).copied().unwrap_or(7955), TABLE.get(at + 1).copied().unwrap_or(7955));
    low + (u32::from(high.saturating_sub(low)) * u32::from(n % 64) / 64) as u16
}

fn expected(n: f64) -> u16 {
    if n < 1.0 {
        return 0;
    }
    let rate = n / 256.0;
    let (mut p, mut sum) = ((-rate).exp(), 0.0);
    for k in 1..80 {
        let k = f64::from(k);
        p *= rate / k;
        sum += p * k * k.log2();
    }
    ((n.log2() - 256.0 * sum / n).max(0.0) * 1000.0).round() as u16
}

/// What is remembered of a file's content in one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Look {
    pub bytes: u64,
    sampled: u16,
    entropy: u16,
    magic: Magic,
    start: bool,
}

impl Look {
    /// Of what went through a handle.
    pub fn of(c: &Content) -> Look {
        Look { bytes: c.bytes, sampled: c.sampled, entropy: c.entropy, magic: c.magic, start: c.head != 0 }
    }
    /// Nothing went through.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }
    /// Its bytes were not captured.
    pub fn is_blind(&self) -> bool {
        self.bytes > 0 && self.sampled < SOME
    }
    /// As chance, and no known kind of file: encrypted. Compressed files have a magic.
    pub fn is_cipher(&self) -> bool {
        self.sampled >= ENOUGH && self.magic == Magic::Unknown && self.entropy.saturating_add(CLOSE) >= of_chance(self.sampled)
    }
    /// Surely not encrypted: a known kind of file, or far from chance.
    pub fn is_plain(&self) -> bool {
        self.magic != Magic::Unknown || self.sampled >= SOME && self.entropy.saturating_add(FAR) <= of_chance(self.sampled)
    }
    /// Far from chance, whatever its kind.
    pub fn is_orderly(&self) -> bool {
        self.sampled >= SOME && self.entropy.saturating_add(FAR) <= of_chance(self.sampled)
    }
    /// Text that a person reads.
    pub fn is_text(&self) -> bool {
        self.magic == Magic::Unknown && self.sampled > 0 && self.entropy <= 6_400
    }
    /// A known kind of file.
    pub fn has_magic(&self) -> bool {
        self.magic != Magic::Unknown
    }
    /// Its first bytes were seen.
    pub fn has_start(&self) -> bool {
        self.start
    }
    /// As long as another, or longer by an encryptor's keys and marks.
    pub fn is_as_long_as(&self, other: &Look) -> bool {
        other.bytes > 0 && (other.bytes - other.bytes / 50..=other.bytes.saturating_add(4096)).contains(&self.bytes)
    }
}

/// The last ending of a name, in lower case; empty if it has none.
pub(super) fn ending(path: &str) -> String {
    let name = path.rsplit('\\').next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() && !end.is_empty() && end.chars().count() <= 40 => end.to_lowercase(),
        _ => String::new(),
    }
}

/// Does the name say what its content must look like?
pub(super) fn promises(path: &str) -> bool {
    PROMISES.contains(&ending(path).as_str())
}

/// The name without its last ending.
pub(super) fn stem(path: &str) -> &str {
    match (path.rfind('.'), path.rfind('\\')) {
        (Some(dot), slash) if slash.is_none_or(|s| dot > s + 1) && dot > 0 => path.get(..dot).unwrap_or(path),
        _ => path,
    }
}

/// `report.docx` is now `report.docx.locked`, or `report.locked`: the new ending.
pub(super) fn new_ending(old: &str, new: &str) -> Option<String> {
    let (old, new) = (old.to_lowercase(), new.to_lowercase());
    let end = ending(&new);
    let added = stem(&new) == old || stem(&new) == stem(&old) && end != ending(&old);
    (added && !end.is_empty()).then_some(end)
}

/// A name by which a person is told what happened: text that opens at a click.
pub(super) fn is_note_name(path: &str) -> bool {
    let name = path.rsplit('\\').next().unwrap_or(path).to_lowercase();
    matches!(ending(&name).as_str(), "txt" | "html" | "htm" | "hta" | "rtf" | "url" | "md") && name != "desktop.ini"
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(in super::super) fn look(sampled: u16, entropy: u16, magic: Magic) -> Look {
        Look { bytes: u64::from(sampled), sampled, entropy, magic, start: true }
    }

    #[test]
    fn chance_has_the_entropy_that_samples_of_chance_have() {
        // Measured over a good generator: 256 bytes about 7.17, 512 about 7.6, 4096 about 7.955.
        for (n, want) in [(256u16, 7_170), (512, 7_600), (4096, 7_955)] {
            assert!(of_chance(n).abs_diff(want) < 40, "{n}: {}", of_chance(n));
        }
        assert!(of_chance(200) < of_chance(256) && of_chance(0) == 0);
    }

    #[test]
    fn encrypted_is_neither_text_nor_a_known_kind() {
        assert!(look(512, 7_590, Magic::Unknown).is_cipher() && !look(512, 7_590, Magic::Unknown).is_plain());
        assert!(!look(512, 7_590, Magic::Zip).is_cipher() && look(512, 7_590, Magic::Zip).is_plain());
        assert!(!look(512, 4_300, Magic::Unknown).is_cipher() && look(512, 4_300, Magic::Unknown).is_plain());
        assert!(!look(100, 6_500, Magic::Unknown).is_cipher(), "too little to say");
        assert!(!look(4096, 6_000, Magic::Unknown).is_cipher(), "base64");
    }

    #[test]
    fn endings() {
        assert_eq!(ending("a\\b.tar\\Report.DOCX"), "docx");
        assert_eq!((ending("a.b\\noend"), ending(".profile")), (String::new(), String::new()));
        assert_eq!(new_ending("x\\a.docx", "x\\a.docx.locked").as_deref(), Some("locked"));
        assert_eq!(new_ending("x\\a.docx", "x\\a.locked").as_deref(), Some("locked"));
        assert_eq!((new_ending("x\\a.tmp", "x\\b.docx"), new_ending("a.docx", "old\\a.docx")), (None, None));
        assert_eq!((stem("x.y\\name"), stem("x\\a.b.c")), ("x.y\\name", "x\\a.b"));
        assert!(promises("k\\a.PDF") && !promises("k\\a.locked") && is_note_name("k\\HOW_TO.txt") && !is_note_name("k\\Thumbs.db"));
    }
}
