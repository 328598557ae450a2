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
//! program: load the tag from the kernel's metadata and jump to one of the two. One trap of libpcap stays: `vlan 10 or vlan 20` asks for
//! tag 20 *inside* the outer tag; write `vlan and (ether[…])` no more than needed, or use two runs.

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

#[derive(Debug)]
enum Compiled {
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

fn libpcap(text: &str, number: u32) -> Result<Program, String> {
    let dead = Capture::dead(Dlt(linktype::dlt(number))).map_err(|e| words(&e))?;
    // Optimised, a filter that can match nothing is an error to libpcap; here it is a filter that matches nothing.
    let compiled = dead.compile(text, true).or_else(|_| dead.compile(text, false)).map_err(|e| words(&e))?;
    Program::new(&compiled).ok_or_else(|| "the compiled program cannot be read".to_string())
}

fn words(e: &pcap::Error) -> String {
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
