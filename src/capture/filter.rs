//! `--filter`: libpcap's filter language, applied to the frame as the live kernel shows it.
//!
//! A Linux packet socket takes the outer 802.1Q or 802.1ad tag off and hands it over beside the frame, so live `icmp` finds the ICMP packet
//! of a tagged frame while the same filter on the written file does not. Widening the text (`x or (vlan and x)`) is wrong under negation.
//! Here every word of the filter sees the frame **without its outer tag**, and the first `vlan` or `vlan N` of the text asks for the tag that
//! was taken off. Further `vlan` words ask, as always in libpcap, for the next tag inside.
//!
//! How: the text is compiled twice, with the first `vlan [N]` replaced by a word that is always true and by one that is always false (both of the
//! same grammatical kind); the frame's tag decides which program answers. So `vlan 10`, `not vlan 10`, `vlan and icmp`, `icmp or vlan 20` and
//! `vlan 100 and vlan 200` (802.1ad) all mean what they say, on tagged and untagged frames alike. A live socket can do the same in one
//! program: load the tag from the kernel's metadata and jump to one of the two. One trap of libpcap stays, live as here: the second word of
//! `vlan 10 or vlan 20` asks for tag 20 *inside* the outer tag, not instead of it.

use super::bpf::{Program, View};
use super::fault::OpenError;
use super::linktype;
use pcap::{Capture, Linktype as Dlt};

const ETHERNET: u32 = 1;

/// A filter, compiled once per link type.
#[derive(Debug)]
pub struct Filter {
    text: String,
    programs: Vec<(u32, Option<Compiled>)>,
}

/// A text, compiled for one link type.
#[derive(Debug)]
pub(super) enum Compiled {
    Plain(Program),
    Tag { vid: Option<u16>, with: Program, without: Program },
}

impl Filter {
    /// Checks the text against Ethernet, the link type of every mirror port.
    pub fn new(text: &str) -> Result<Filter, OpenError> {
        let bad = |message: String| OpenError::Filter { text: text.to_string(), message };
        let program = compile(text, ETHERNET).map_err(bad)?;
        Ok(Filter { text: text.to_string(), programs: vec![(ETHERNET, Some(program))] })
    }
    /// The place of the program for a LINKTYPE_ number. A filter that has no meaning there (libpcap refuses it) admits nothing.
    pub fn program(&mut self, number: u32) -> usize {
        if let Some(i) = self.programs.iter().position(|p| p.0 == number) {
            return i;
        }
        self.programs.push((number, compile(&self.text, number).ok()));
        self.programs.len() - 1
    }
    /// Does the program at this place have a meaning for its link type?
    pub fn is_usable(&self, program: usize) -> bool {
        self.programs.get(program).is_some_and(|p| p.1.is_some())
    }
    /// The programs for a LINKTYPE_ number that was asked for before.
    pub(super) fn compiled(&self, number: u32) -> Option<&Compiled> {
        self.programs.iter().find(|p| p.0 == number)?.1.as_ref()
    }
    /// Does the filter let the frame through? A frame without any byte is never let through.
    pub fn admits(&self, program: usize, bytes: &[u8], orig_len: u32) -> bool {
        let Some((number, Some(compiled))) = self.programs.get(program) else { return false };
        let tag = if *number == ETHERNET { outer_tag(bytes) } else { None };
        let view = View { bytes, orig_len, cut: if tag.is_some() { 4 } else { 0 } };
        let program = match compiled {
            Compiled::Plain(p) => p,
            Compiled::Tag { vid, with, without } => match (tag, vid) {
                (Some(tag), Some(vid)) if tag == *vid => with,
                (Some(_), None) => with,
                _ => without,
            },
        };
        !bytes.is_empty() && program.accepts(view)
    }
}

/// The VLAN identifier of the tag that the kernel would take off: 802.1Q or 802.1ad directly behind the addresses.
fn outer_tag(bytes: &[u8]) -> Option<u16> {
    let [high, low, tci_high, tci_low, _, _] = *bytes.get(12..)?.first_chunk()?;
    matches!((high, low), (0x81, 0x00) | (0x88, 0xa8)).then(|| u16::from_be_bytes([tci_high, tci_low]) & 0x0fff)
}

fn compile(text: &str, number: u32) -> Result<Compiled, String> {
    let plain = libpcap(text, number)?;
    match (number, first_vlan(text)) {
        (ETHERNET, Some((vid, head, tail))) => {
            // `greater` and `less` stand where `vlan` may stand in libpcap's grammar; no frame has 0 bytes.
            let with = libpcap(&format!("{head}greater 0{tail}"), number)?;
            let without = libpcap(&format!("{head}less 0{tail}"), number)?;
            Ok(Compiled::Tag { vid, with, without })
        }
        _ => Ok(Compiled::Plain(plain)),
    }
}

/// One program of libpcap's, for a LINKTYPE_ number.
pub(super) fn libpcap(text: &str, number: u32) -> Result<Program, String> {
    let dead = Capture::dead(Dlt(linktype::dlt(number))).map_err(|e| words(&e))?;
    // Optimised, a filter that can match nothing is an error to libpcap; here it is a filter that matches nothing.
    let compiled = dead.compile(text, true).or_else(|_| dead.compile(text, false)).map_err(|e| words(&e))?;
    Program::new(&compiled).ok_or_else(|| "the compiled program cannot be read".to_string())
}

/// libpcap's own words.
pub(super) fn words(e: &pcap::Error) -> String {
    match e {
        pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The first `vlan [N]` of the text: N, the text before, the text after.
fn first_vlan(text: &str) -> Option<(Option<u16>, &str, &str)> {
    let mut words = Words { text, at: 0 };
    while let Some((start, word)) = words.next() {
        if word != "vlan" {
            continue;
        }
        let (head, after) = (text.get(..start)?, words.at);
        let mut open = 0;
        while let Some((_, word)) = words.next() {
            match (word, number(word)) {
                ("(", _) => open += 1,
                (_, Some(vid)) => {
                    for _ in 0..open {
                        words.next();
                    }
                    return Some((Some(vid), head, text.get(words.at..)?));
                }
                _ => break,
            }
        }
        return Some((None, head, text.get(after..)?));
    }
    None
}

fn number(word: &str) -> Option<u16> {
    match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(hex) => u16::from_str_radix(hex, 16).ok(),
        None if word.len() > 1 && word.starts_with('0') => u16::from_str_radix(word, 8).ok(),
        None => word.parse().ok(),
    }
}

/// The words of a filter: names and numbers as libpcap's scanner cuts them, everything else character by character.
struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<(usize, &'a str)> {
        let rest = self.text.get(self.at..)?;
        let start = self.at + (rest.len() - rest.trim_start().len());
        let rest = self.text.get(start..)?;
        let first = rest.chars().next()?;
        // A backslash makes a name of a keyword.
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '\\');
        let len = if named(first) { rest.find(|c| !named(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        self.at = start + len;
        Some((start, rest.get(..len)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ethernet with these tags (type, identifier) around an IPv4 packet of this protocol, padded to 60 bytes.
    fn frame(tags: &[(u16, u16)], protocol: u8) -> Vec<u8> {
        let mut f = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        for (tpid, vid) in tags {
            f.extend(tpid.to_be_bytes());
            f.extend((vid | 0x6000).to_be_bytes());
        }
        f.extend([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        f.extend([0x30, 0x39, 0, 80, 0, 8, 0, 0]);
        f.resize(60 + 4 * tags.len(), 0);
        f
    }

    fn admits(text: &str, bytes: &[u8]) -> bool {
        Filter::new(text).unwrap().admits(0, bytes, bytes.len() as u32)
    }

    /// (filter, untagged ICMP, ICMP in VLAN 10, ICMP in VLAN 20, UDP in VLAN 10, ICMP in 802.1ad 100 and VLAN 200)
    const CASES: [(&str, [bool; 5]); 19] = [
        ("icmp", [true, true, true, false, false]),
        ("not icmp", [false, false, false, true, true]),
        ("ip", [true, true, true, true, false]),
        ("host 192.0.2.1 and not port 80", [true, true, true, false, false]),
        ("udp port 80", [false, false, false, true, false]),
        ("vlan", [false, true, true, true, true]),
        ("not vlan", [true, false, false, false, false]),
        ("vlan 10", [false, true, false, true, false]),
        ("vlan 0xa", [false, true, false, true, false]),
        ("not vlan 10", [true, false, true, false, true]),
        ("vlan and icmp", [false, true, true, false, false]),
        ("vlan 10 and icmp", [false, true, false, false, false]),
        ("vlan 10 and not icmp", [false, false, false, true, false]),
        ("not (vlan 10 and icmp)", [true, false, true, true, true]),
        ("icmp or vlan 10", [true, true, true, true, false]),
        ("udp or (vlan 20 and icmp)", [false, false, true, true, false]),
        ("vlan 100 and vlan 200 and icmp", [false, false, false, false, true]),
        ("vlan 100 and vlan 201", [false, false, false, false, false]),
        ("ether proto 0x8100", [false, false, false, false, true]),
    ];

    #[test]
    fn every_word_sees_the_frame_without_its_outer_tag() {
        let frames = [
            frame(&[], 1),
            frame(&[(0x8100, 10)], 1),
            frame(&[(0x8100, 20)], 1),
            frame(&[(0x8100, 10)], 17),
            frame(&[(0x88a8, 100), (0x8100, 200)], 1),
        ];
        for (text, want) in CASES {
            let got: Vec<bool> = frames.iter().map(|f| admits(text, f)).collect();
            assert_eq!(got, want, "{text}");
        }
    }

    #[test]
    fn lengths_are_those_of_the_wire_without_the_tag() {
        let f = frame(&[(0x8100, 10)], 1);
        let filter = Filter::new("greater 1000").unwrap();
        assert!(filter.admits(0, &f, 1004) && !filter.admits(0, &f, 1003) && !filter.admits(0, &[], 2000));
    }

    #[test]
    fn the_words_of_a_filter_are_found_as_libpcap_cuts_them() {
        assert_eq!(first_vlan("host my-vlan or host vlan.example"), None);
        assert_eq!(first_vlan("ip and vlan&&tcp"), Some((None, "ip and ", "&&tcp")));
        assert_eq!(first_vlan("(vlan (20)) or x"), Some((Some(20), "(", ") or x")));
        assert_eq!(first_vlan("vlan 012"), Some((Some(10), "", "")));
        assert_eq!(first_vlan("vlan\u{e9}"), Some((None, "", "\u{e9}")));
        assert!(admits("(vlan (10)) and icmp", &frame(&[(0x8100, 10)], 1)));
    }

    #[test]
    fn a_bad_filter_says_why_and_an_empty_one_admits_all() {
        for (text, why) in
            [("icpm", "syntax error"), ("vlan 5000", "VLAN tag 5000 greater than"), ("vlan 10 and and", "syntax error"), ("port", "syntax error")]
        {
            let e = Filter::new(text).unwrap_err().to_string();
            assert!(e.starts_with(&format!("--filter '{text}': ")) && e.contains(why), "{e}");
        }
        assert!(Filter::new("icmp\0").is_err());
        assert!(admits("", &frame(&[], 1)));
    }

    #[test]
    fn other_link_types_have_programs_of_their_own() {
        let mut filter = Filter::new("icmp").unwrap();
        let (raw, sll) = (filter.program(101), filter.program(113));
        let packet = &frame(&[], 1)[14..];
        assert!(filter.admits(raw, packet, 46) && filter.is_usable(sll) && !filter.admits(sll, packet, 46));
        assert_eq!((filter.program(101), filter.program(1)), (raw, 0));
        let mut vlan = Filter::new("vlan 10").unwrap();
        let raw = vlan.program(101);
        assert!(!vlan.is_usable(raw) && !vlan.admits(raw, packet, 46));
    }

    /// On frames without a tag our interpreter and libpcap's agree, whatever the bytes.
    #[test]
    fn programs_answer_as_libpcap_does() {
        let texts = [
            "icmp",
            "tcp port 80 or udp port 53",
            "ip6 and tcp",
            "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn",
            "ip[0] & 0xf != 5",
            "arp or rarp",
            "net 192.0.2.0/24",
            "ether[14:4] % 7 = 3 or ether[20] * 3 - 5 > 100",
            "(ip[2:2] - ((ip[0]&0xf)<<2)) >> 1 > 9",
            "len > 61",
            "ip6 protochain 17",
            "ip proto 1 and ether host 2:0:0:0:0:1",
            "vlan 10 and icmp",
        ];
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        for text in texts {
            let dead = Capture::dead(Dlt(1)).unwrap();
            let theirs = dead.compile(text, true).unwrap();
            let ours = Program::new(&theirs).unwrap();
            for i in 0..3000u32 {
                let mut f = frame(if i % 5 == 0 { &[(0x8100, 10)] } else { &[] }, [1, 6, 17, 58][i as usize % 4]);
                for _ in 0..i % 7 {
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    let at = seed as usize % f.len();
                    f[at] = (seed >> 32) as u8;
                }
                f.truncate(f.len() - seed as usize % 40);
                let view = View { bytes: &f, orig_len: f.len() as u32, cut: 0 };
                assert_eq!(ours.accepts(view), theirs.filter(&f), "{text}: {f:02x?}");
            }
        }
    }
}
