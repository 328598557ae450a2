//! What stands in one cell: MACs and addresses in the spellings of spreadsheets.

use super::words::plain;
use crate::base::{Addr, Mac};

/// Addresses taken from one cell; a device with more has them by DHCP or is a router.
const PER_CELL: usize = 32;

/// Words looked at in one cell: a cell of nothing but words is no list of addresses.
const WORDS: usize = 256;

/// Words that say that there is no (fixed) address.
const NONE: &[&str] =
    &["dhcp", "自動", "自動取得", "動的", "なし", "無", "無し", "未設定", "未定", "不明", "n/a", "na", "none", "nil", "-", "--", "ー", "―", "?", "?"];

fn is_none(word: &str) -> bool {
    NONE.contains(&word.to_lowercase().as_str())
}

/// The MACs of a cell, and the words in it that are none.
pub fn macs(cell: &str) -> (Vec<Mac>, Vec<String>) {
    let cell = plain(cell).replace(['−', '‐', '–', '—'], "-");
    // Blanks may stand between the pairs of one MAC as well as between two MACs.
    if let Ok(m) = cell.parse() {
        return (vec![m], Vec::new());
    }
    words(&cell, |w| w.parse().ok())
}

/// The addresses of a cell, and the words in it that are none.
pub fn addrs(cell: &str) -> (Vec<Addr>, Vec<String>) {
    words(&plain(cell), |w| {
        let host = match w.split_once('/') {
            // An address with its prefix length.
            Some((a, n)) if n.parse::<u8>().is_ok_and(|n| n <= 128) => a,
            _ => w,
        };
        host.parse().ok().or_else(|| padded(host))
    })
}

/// `010.010.001.005`: spreadsheets pad with zeros; those numbers are decimal.
fn padded(word: &str) -> Option<Addr> {
    let mut bits = 0u32;
    let mut parts = 0;
    for part in word.split('.') {
        let n = part.parse::<u8>().ok().filter(|_| part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit()))?;
        bits = bits << 8 | u32::from(n);
        parts += 1;
    }
    (parts == 4).then(|| Addr::v4(bits))
}

fn words<T: PartialEq>(cell: &str, read: impl Fn(&str) -> Option<T>) -> (Vec<T>, Vec<String>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let split = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '、' | '，' | '|' | '・' | '(' | ')');
    for word in cell.split(split).filter(|w| !w.is_empty() && !is_none(w)).take(WORDS) {
        // A slash separates addresses, or an address from its prefix length.
        let parts: Vec<&str> = if read(word).is_some() { vec![word] } else { word.split('/').filter(|p| !p.is_empty()).collect() };
        for part in parts {
            match read(part) {
                Some(v) if good.len() < PER_CELL && !good.contains(&v) => good.push(v),
                Some(_) => {}
                None if is_none(part) => {}
                None => bad.push(part.chars().take(64).collect()),
            }
        }
    }
    (good, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_in_every_spelling() {
        let want: Mac = "00:11:22:aa:bb:cc".parse().unwrap();
        for s in
            ["00:11:22:aa:bb:cc", "００－１１－２２－ＡＡ－ＢＢ－ＣＣ", "0011.22aa.bbcc", "001122AABBCC", "00 11 22 aa bb cc", "00−11−22−AA−BB−CC"]
        {
            assert_eq!(macs(s), (vec![want], vec![]), "{s}");
        }
        let (two, bad) = macs("00:11:22:aa:bb:cc / 00-11-22-aa-bb-cd 予備");
        assert_eq!((two.len(), bad), (2, vec!["予備".to_owned()]));
        assert_eq!(macs("なし"), (vec![], vec![]));
        assert_eq!(macs("00:11:22:aa:bb").1.len(), 1);
    }

    #[test]
    fn addresses_in_every_spelling() {
        let a = |s: &str| s.parse::<Addr>().unwrap();
        assert_eq!(addrs("１０．１．０．５"), (vec![a("10.1.0.5")], vec![]));
        assert_eq!(addrs("010.001.000.005"), (vec![a("10.1.0.5")], vec![]));
        assert_eq!(addrs("10.1.0.5/24"), (vec![a("10.1.0.5")], vec![]));
        assert_eq!(addrs("10.1.0.5/10.1.0.6"), (vec![a("10.1.0.5"), a("10.1.0.6")], vec![]));
        assert_eq!(addrs("10.1.0.5、10.1.0.5\n2001:db8::1"), (vec![a("10.1.0.5"), a("2001:db8::1")], vec![]));
        assert_eq!(addrs("DHCP(自動)"), (vec![], vec![]));
        assert_eq!(addrs(""), (vec![], vec![]));
        assert_eq!(addrs("10.1.0.256").1, ["10.1.0.256"]);
        assert_eq!(addrs("10.1.0").1, ["10.1.0"]);
    }
}
