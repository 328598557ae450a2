//! What the kernel says of a capture interface: settings, counters, and what is wrong with them for a mirror port. `run` and `doctor` show it.

use super::sys::{Card, Ring};
use crate::base::Lang;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernel lists its interfaces.
const NET: &str = "/sys/class/net";
const FLAG_UP: u32 = 1;
const FLAG_NOARP: u32 = 0x80;

/// Counters of an interface since it exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PortCounters {
    /// Frames received.
    pub rx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Frames sent. On a mirror port they stay as they are.
    pub tx_packets: u64,
    /// Frames that the card or its driver lost for want of room: the largest of `rx_missed_errors`, `rx_fifo_errors` and `rx_over_errors`, which
    /// many drivers count twice.
    pub missed: u64,
    /// `rx_dropped`. Not all of it is loss: many kernels also count here each frame for which nobody but a packet socket has a use, such as every
    /// frame with a VLAN tag.
    pub rx_dropped: u64,
}

impl PortCounters {
    /// Reads them; `None` if the interface is not there.
    pub fn read(name: &str) -> Option<PortCounters> {
        let dir = place(name)?.join("statistics");
        let read = |counter: &str| number(&dir.join(counter));
        let missed = ["rx_missed_errors", "rx_fifo_errors", "rx_over_errors"].into_iter().filter_map(read).max();
        Some(PortCounters {
            rx_packets: read("rx_packets")?,
            rx_bytes: read("rx_bytes").unwrap_or(0),
            tx_packets: read("tx_packets")?,
            missed: missed.unwrap_or(0),
            rx_dropped: read("rx_dropped").unwrap_or(0),
        })
    }
}

/// Everything known of a capture interface. `None` = the kernel or the driver does not say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortFacts {
    /// Name.
    pub name: String,
    /// The kernel's number of it; another one means another interface of the same name.
    pub index: u32,
    /// Largest frame without its Ethernet header.
    pub mtu: Option<u32>,
    /// Switched on.
    pub up: bool,
    /// Has a link.
    pub carrier: Option<bool>,
    /// Does not answer ARP.
    pub noarp: bool,
    /// Has no IPv6 of its own.
    pub ipv6_off: bool,
    /// The kernel or driver puts frames together before anyone sees them.
    pub gro: Option<bool>,
    /// The card puts frames together.
    pub lro: Option<bool>,
    /// The card takes VLAN tags off (they are put back from its notes).
    pub takes_tags: Option<bool>,
    /// Receive ring of the card.
    pub ring: Option<Ring>,
    /// Mbit/s.
    pub speed: Option<u32>,
    /// `full`, `half`.
    pub duplex: Option<String>,
    /// Driver.
    pub driver: Option<String>,
    /// Counters.
    pub counters: PortCounters,
}

impl PortFacts {
    /// Asks the kernel; `None` if there is no such interface.
    pub fn read(name: &str) -> Option<PortFacts> {
        let dir = place(name)?;
        let index = u32::try_from(number(&dir.join("ifindex"))?).ok()?;
        let flags = flags(name);
        let card = Card::new(name).ok();
        let ask = |f: fn(&Card) -> Option<bool>| card.as_ref().and_then(f);
        Some(PortFacts {
            name: name.to_owned(),
            index,
            mtu: number(&dir.join("mtu")).and_then(|m| u32::try_from(m).ok()),
            up: flags & FLAG_UP != 0,
            carrier: carrier(name),
            noarp: flags & FLAG_NOARP != 0,
            ipv6_off: ipv6_off(name),
            gro: ask(Card::gro),
            lro: ask(Card::lro),
            takes_tags: ask(Card::takes_tags),
            ring: card.as_ref().and_then(Card::ring),
            speed: word(&dir.join("speed")).and_then(|s| s.parse().ok()).filter(|s| *s > 0 && *s < 10_000_000),
            duplex: word(&dir.join("duplex")).filter(|d| d != "unknown"),
            driver: card.as_ref().and_then(Card::driver),
            counters: PortCounters::read(name)?,
        })
    }
    /// The settings that matter, each with how it stands; what is wrong comes with the way to put it right.
    pub fn remarks(&self) -> Vec<Remark> {
        let n = &self.name;
        let mut all = vec![
            Remark::new("link", self.up && self.carrier != Some(false), |ok, lang| match (ok, lang) {
                (true, Lang::En) => format!("{n} is up and has a link"),
                (true, Lang::Ja) => format!("{n} は有効で、リンクしています"),
                (false, Lang::En) => format!("{n} has no link; check the cable and the mirror session of the switch, then: ip link set {n} up"),
                (false, Lang::Ja) => {
                    format!("{n} がリンクしていません。ケーブルとスイッチのミラー設定を確認し、次を実行してください: ip link set {n} up")
                }
            }),
            Remark::new("arp", self.noarp, |ok, lang| match (ok, lang) {
                (true, Lang::En) => format!("{n} does not answer ARP"),
                (true, Lang::Ja) => format!("{n} は ARP に応答しません"),
                (false, Lang::En) => format!("{n} answers ARP; a mirror port must stay silent: ip link set {n} arp off"),
                (false, Lang::Ja) => format!("{n} が ARP に応答する設定です。ミラーポートでは何も送信しないようにします: ip link set {n} arp off"),
            }),
            Remark::new("ipv6", self.ipv6_off, |ok, lang| match (ok, lang) {
                (true, Lang::En) => format!("{n} has no IPv6 of its own"),
                (true, Lang::Ja) => format!("{n} の IPv6 は無効です"),
                (false, Lang::En) => {
                    format!("{n} speaks IPv6 by itself (router solicitations); turn it off: sysctl -w net.ipv6.conf.{n}.disable_ipv6=1")
                }
                (false, Lang::Ja) => format!(
                    "{n} の IPv6 が有効なため、この装置自身がルーター要請などを送信します。無効にしてください: sysctl -w net.ipv6.conf.{n}.disable_ipv6=1"
                ),
            }),
        ];
        all.extend(self.offloads());
        all.extend(self.ring_remark());
        all.extend(self.duplex_remark());
        all
    }
    fn offloads(&self) -> Option<Remark> {
        if self.gro.is_none() && self.lro.is_none() {
            return None;
        }
        let n = &self.name;
        let merged = self.gro == Some(true) || self.lro == Some(true);
        Some(Remark::new("offload", !merged, |ok, lang| match (ok, lang) {
            (true, Lang::En) => format!("{n} shows frames as they were on the wire (GRO and LRO are off)"),
            (true, Lang::Ja) => format!("{n} はフレームを回線上のまま渡します(GRO と LRO は無効)"),
            (false, Lang::En) => {
                format!("{n} puts frames together before they are seen (GRO or LRO), so sizes and counts are wrong: ethtool -K {n} gro off lro off")
            }
            (false, Lang::Ja) => format!(
                "{n} は受信したフレームをまとめてから渡します(GRO または LRO)。大きさと数が実際と異なるため、無効にしてください: ethtool -K {n} gro off lro off"
            ),
        }))
    }
    fn ring_remark(&self) -> Option<Remark> {
        let (n, ring) = (&self.name, self.ring?);
        let Ring { now, most } = ring;
        Some(Remark::new("ring", now >= most, |ok, lang| match (ok, lang) {
            (true, Lang::En) => format!("the card's receive ring of {n} is as large as it can be ({now})"),
            (true, Lang::Ja) => format!("{n} の受信リングは最大です({now})"),
            (false, Lang::En) => format!("the card's receive ring of {n} holds {now} frames and could hold {most}: ethtool -G {n} rx {most}"),
            (false, Lang::Ja) => format!("{n} の受信リングは {now} フレームですが、{most} まで増やせます: ethtool -G {n} rx {most}"),
        }))
    }
    fn duplex_remark(&self) -> Option<Remark> {
        let (n, duplex) = (&self.name, self.duplex.as_deref()?);
        let speed = self.speed.map_or_else(String::new, |s| format!(" {s} Mbit/s"));
        Some(Remark::new("duplex", duplex == "full", |ok, lang| match (ok, lang) {
            (true, Lang::En) => format!("{n} runs at full duplex{speed}"),
            (true, Lang::Ja) => format!("{n} は全二重です{speed}"),
            (false, Lang::En) => format!("{n} runs at half duplex{speed} and loses frames; set the switch port to autonegotiation"),
            (false, Lang::Ja) => format!("{n} が半二重{speed}のため、フレームが失われます。スイッチ側のポートをオートネゴシエーションにしてください"),
        }))
    }
}

/// One setting of a capture interface and how it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remark {
    /// Which: `link arp ipv6 offload ring duplex`.
    pub item: &'static str,
    /// As it should be.
    pub good: bool,
    /// In English.
    pub en: String,
    /// In Japanese.
    pub ja: String,
}

impl Remark {
    fn new(item: &'static str, good: bool, text: impl Fn(bool, Lang) -> String) -> Remark {
        Remark { item, good, en: text(good, Lang::En), ja: text(good, Lang::Ja) }
    }
}

/// What a mirror port sent while the sensor ran: nothing, or the proof fails.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PassivityProof {
    /// Interface.
    pub name: String,
    /// Its transmit counter when the sensor began to look.
    pub at_start: u64,
    /// Its transmit counter now.
    pub now: u64,
}

impl PassivityProof {
    /// Frames sent on the mirror port since then.
    pub fn sent(&self) -> u64 {
        self.now.saturating_sub(self.at_start)
    }
    /// Nothing was sent.
    pub fn holds(&self) -> bool {
        self.now == self.at_start
    }
}

/// The interfaces there are, in order, without the loopback.
pub(super) fn interfaces() -> Vec<String> {
    let names = fs::read_dir(NET).into_iter().flatten().filter_map(|e| e.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|n| n != "lo" && place(n).is_some()).collect();
    names.sort();
    names
}

/// The kernel's number of an interface, if it is there.
pub(super) fn index(name: &str) -> Option<u32> {
    number(&place(name)?.join("ifindex")).and_then(|n| u32::try_from(n).ok())
}

/// The name that the interface with this number has now.
pub(super) fn name_of(number: u32) -> Option<String> {
    interfaces().into_iter().find(|n| index(n) == Some(number))
}

/// Is the interface switched on, and does it not say that it has no link?
pub(super) fn is_up(name: &str) -> bool {
    flags(name) & FLAG_UP != 0 && carrier(name) != Some(false)
}

/// Is the interface switched on? Only then can it be opened.
pub(super) fn is_on(name: &str) -> bool {
    flags(name) & FLAG_UP != 0
}

/// The directory of an interface. Names come from the command line: nothing but a plain name is looked up.
fn place(name: &str) -> Option<PathBuf> {
    let plain = !name.is_empty() && name.len() < 16 && !name.starts_with('.') && !name.contains(['/', '\0']);
    Some(Path::new(NET).join(name)).filter(|p| plain && p.join("ifindex").is_file())
}

fn flags(name: &str) -> u32 {
    let text = place(name).and_then(|p| word(&p.join("flags")));
    text.and_then(|t| u32::from_str_radix(t.trim_start_matches("0x"), 16).ok()).unwrap_or(0)
}

/// The kernel refuses to say while the interface is switched off.
fn carrier(name: &str) -> Option<bool> {
    number(&place(name)?.join("carrier")).map(|n| n == 1)
}

/// Without IPv6 in the kernel there is no such file.
fn ipv6_off(name: &str) -> bool {
    word(&Path::new("/proc/sys/net/ipv6/conf").join(name).join("disable_ipv6")).is_none_or(|w| w == "1")
}

fn word(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|t| t.trim().to_owned())
}

fn number(path: &Path) -> Option<u64> {
    word(path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_there_and_nothing_else_by_such_names() {
        let lo = PortFacts::read("lo").unwrap();
        assert!(lo.index > 0 && lo.mtu.is_some() && index("lo") == Some(lo.index));
        for bad in ["", ".", "..", "lo/../lo", "no-such-card", "sixteen-letters-and-more", "lo\0"] {
            assert_eq!(PortFacts::read(bad), None, "{bad:?}");
        }
        assert!(!interfaces().contains(&"lo".to_owned()));
        assert!(!is_on("no-such-card") && PortCounters::read("no-such-card").is_none());
    }

    #[test]
    fn what_is_wrong_comes_with_the_command_that_puts_it_right() {
        let good = PortFacts {
            name: "span0".into(),
            index: 3,
            mtu: Some(1500),
            up: true,
            carrier: Some(true),
            noarp: true,
            ipv6_off: true,
            gro: Some(false),
            lro: Some(false),
            takes_tags: Some(true),
            ring: Some(Ring { now: 4096, most: 4096 }),
            speed: Some(1000),
            duplex: Some("full".into()),
            driver: Some("e1000e".into()),
            counters: PortCounters::default(),
        };
        assert!(good.remarks().iter().all(|r| r.good) && good.remarks().len() == 6);
        let bad = PortFacts {
            carrier: Some(false),
            noarp: false,
            ipv6_off: false,
            gro: Some(true),
            ring: Some(Ring { now: 256, most: 4096 }),
            duplex: Some("half".into()),
            ..good.clone()
        };
        for (r, command) in bad.remarks().iter().zip(["up", "arp off", "disable_ipv6=1", "gro off lro off", "rx 4096", ""]) {
            assert!(!r.good && r.en.ends_with(command) && r.ja.contains("span0"), "{r:?}");
        }
        // What the driver does not say is not judged.
        let silent = PortFacts { gro: None, lro: None, ring: None, duplex: None, ..good };
        assert_eq!(silent.remarks().len(), 3);
    }

    #[test]
    fn a_mirror_port_that_sent_a_frame_is_no_proof() {
        let proof = |at_start, now| PassivityProof { name: "span0".into(), at_start, now };
        assert!(proof(7, 7).holds() && !proof(7, 8).holds() && proof(7, 8).sent() == 1);
        // The interface was made anew: its counter began again.
        assert_eq!(proof(7, 0).sent(), 0);
    }
}
