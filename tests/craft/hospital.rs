//! The Hospital of the Hill: who stands in which network, what the ledger says, and the site file. Every address is 10.40.N.x in VLAN 100 + N;
//! MAC prefixes are of real manufacturers, names and numbers are made up.

use super::dhcp::Server;
use super::frame::Mac;
use super::net::{Host, Net, TRANSIT, router_mac};
use std::net::Ipv4Addr;

const fn host(name: &'static str, mac: Mac, net: u8, last: u8, ttl: u8) -> Host {
    Host { name, mac, ip: Ipv4Addr::new(10, 40, net, last), vlan: 100 + net as u16, ttl }
}

const fn fujitsu(name: &'static str, last: u8) -> Host {
    host(name, [0x00, 0x00, 0x0e, 0x31, 0x10, last], 10, last, 128)
}

const fn dell(name: &'static str, last: u8) -> Host {
    host(name, [0x00, 0x14, 0x22, 0x5a, 0x30, last], 30, last, 128)
}

/// A station on the internet, as it is seen inside.
pub const fn outside(name: &'static str, ip: [u8; 4], ttl: u8) -> Host {
    Host { name, mac: FIREWALL.mac, ip: Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3]), vlan: TRANSIT, ttl }
}

/// Ward terminals.
pub const WARD: [Host; 10] = [
    fujitsu("WARD-PC01", 21),
    fujitsu("WARD-PC02", 22),
    fujitsu("WARD-PC03", 23),
    fujitsu("WARD-PC04", 24),
    fujitsu("WARD-PC05", 25),
    fujitsu("WARD-PC06", 26),
    fujitsu("WARD-PC07", 27),
    fujitsu("WARD-PC08", 28),
    fujitsu("WARD-PC09", 29),
    fujitsu("WARD-PC10", 30),
];
/// Computed tomograph and ultrasound.
pub const CT: Host = host("CT01", [0x00, 0x00, 0x39, 0x7c, 0x10, 0x65], 10, 101, 128);
pub const US: Host = host("US01", [0x00, 0x00, 0x87, 0x21, 0x10, 0x66], 10, 102, 64);
/// Printers.
pub const WARD_PRINTER: Host = host("PRN-WARD3", [0x00, 0x01, 0xe6, 0x44, 0x10, 0xc9], 10, 201, 64);
pub const PRINTERS: [Host; 4] = [
    host("PRN-WARD4", [0x00, 0x01, 0xe6, 0x44, 0x10, 0xcb], 10, 203, 64),
    host("PRN-WARD5", [0x00, 0x01, 0xe6, 0x44, 0x10, 0xcc], 10, 204, 64),
    host("PRN-LAB", [0x00, 0x01, 0xe6, 0x44, 0x10, 0xcd], 10, 205, 64),
    host("PRN-OPD", [0x00, 0x01, 0xe6, 0x44, 0x10, 0xce], 10, 206, 64),
];
pub const COPIER: Host = host("MFP-OFFICE", [0x00, 0x26, 0x73, 0x18, 0x30, 0xc9], 30, 201, 64);
/// Servers.
pub const INFRA: Host = host("dc1", [0x00, 0x50, 0x56, 0x9a, 0x20, 0x05], 20, 5, 128);
pub const INFRA2: Host = host("dc2", [0x00, 0x50, 0x56, 0x9a, 0x20, 0x06], 20, 6, 128);
pub const EMR: Host = host("emr", [0x00, 0x50, 0x56, 0x9a, 0x20, 0x0a], 20, 10, 128);
pub const ENGINE: Host = host("hl7", [0x00, 0x50, 0x56, 0x9a, 0x20, 0x0f], 20, 15, 64);
pub const PACS: Host = host("pacs", [0x00, 0x14, 0x22, 0x77, 0x20, 0x14], 20, 20, 128);
pub const FILES: Host = host("files", [0x00, 0x50, 0x56, 0x9a, 0x20, 0x1e], 20, 30, 128);
pub const LAB: Host = host("lab", [0x00, 0x14, 0x22, 0x77, 0x20, 0x28], 20, 40, 128);
pub const BACKUP: Host = host("backup", [0x00, 0x08, 0x9b, 0xd0, 0x20, 0x32], 20, 50, 64);
pub const ADMIN: Host = host("itam", [0x00, 0x50, 0x56, 0x9a, 0x20, 0x3c], 20, 60, 128);
/// In the ledger, but switched off.
pub const OLD: Host = host("old-emr", [0x00, 0x14, 0x22, 0x11, 0x20, 0x46], 20, 70, 128);
/// The second node of the file server: same address when it takes over, another card.
pub const FILES_B: Host = Host { name: "files-b", mac: [0x00, 0x50, 0x56, 0x9a, 0x20, 0x1f], ip: FILES.ip, vlan: 120, ttl: 128 };
/// The record server's second card: both answer for the one address (adaptive load balancing).
pub const EMR_CARD_2: Host = Host { name: "emr-nic2", mac: [0x00, 0x50, 0x56, 0x9a, 0x20, 0x0b], ip: EMR.ip, vlan: 120, ttl: 128 };
/// The two routers behind the office's virtual one.
pub const ROUTER_A: Host = host("office-a", [0x00, 0x00, 0x0c, 0x41, 0x30, 0x02], 30, 2, 255);
pub const ROUTER_B: Host = host("office-b", [0x00, 0x00, 0x0c, 0x41, 0x30, 0x03], 30, 3, 255);
/// A Wi-Fi bridge that speaks for the carts behind it.
pub const BRIDGE: Host = host("WLAN-BRIDGE", [0x00, 0x07, 0x40, 0x80, 0x00, 0x11], 10, 219, 64);
pub const CARTS: [Host; 4] = [fujitsu("CART-1", 220), fujitsu("CART-2", 221), fujitsu("CART-3", 222), fujitsu("CART-4", 223)];
/// Office.
pub const OFFICE: [Host; 6] =
    [dell("OFFICE-01", 21), dell("OFFICE-02", 22), dell("OFFICE-03", 23), dell("OFFICE-04", 24), dell("OFFICE-05", 25), dell("OFFICE-06", 26)];
/// Where the laboratory supplier's maintenance line ends.
pub const SUPPLIER: Host = host("acme-remote", [0x00, 0x00, 0x4c, 0x90, 0x40, 0x0a], 40, 10, 128);
/// The firewall's inner leg.
pub const FIREWALL: Host =
    Host { name: "firewall", mac: [0x00, 0x09, 0x0f, 0x63, 0x99, 0x02], ip: Ipv4Addr::new(10, 40, 99, 2), vlan: TRANSIT, ttl: 255 };
/// In no ledger.
pub const LAPTOP: Host = host("NOTE-K", [0x00, 0x07, 0x40, 0x6b, 0x5e, 0x4d], 10, 177, 128);

/// The provider's resolver, the time service, a storage in the cloud, and places people visit.
pub const FORWARDER: Host = outside("resolver", [198, 51, 100, 53], 57);
pub const CLOCK: Host = outside("ntp", [198, 51, 100, 123], 56);
pub const STORAGE: Host = outside("storage", [203, 0, 113, 80], 54);
pub const SITES: [(&str, Host); 6] = [
    ("www.news.example", outside("news", [203, 0, 113, 10], 55)),
    ("mail.provider.example", outside("mail", [203, 0, 113, 11], 52)),
    ("cdn.pictures.example", outside("cdn", [203, 0, 113, 12], 58)),
    ("www.health-ministry.example", outside("ministry", [203, 0, 113, 13], 50)),
    ("search.example", outside("search", [203, 0, 113, 14], 53)),
    ("weather.example", outside("weather", [203, 0, 113, 15], 51)),
];

/// Who hands out addresses in the wards.
pub const DHCP: Server = Server { host: INFRA, id: INFRA.ip, router: Ipv4Addr::new(10, 40, 10, 1), dns: INFRA.ip, lease: 28_800 };

/// A station, its zone, its kind and its owner as the ledger has them.
type Line = (Host, &'static str, &'static str, &'static str, &'static str);

fn router(name: &'static str, net: u8) -> Host {
    Host { name, mac: router_mac(100 + u16::from(net)), ip: Ipv4Addr::new(10, 40, net, 1), vlan: 100 + u16::from(net), ttl: 255 }
}

fn lines() -> Vec<Line> {
    let mut all: Vec<Line> = WARD.iter().map(|h| (*h, "clinical", "端末", "看護部", "3階病棟")).collect();
    all.extend([
        (CT, "clinical", "モダリティ", "放射線科", "CT室"),
        (US, "clinical", "モダリティ", "検査科", "超音波"),
        (WARD_PRINTER, "clinical", "プリンタ", "医療情報部", "3階病棟"),
        (INFRA, "server", "基盤", "医療情報部", "DNS、DHCP、認証"),
        (INFRA2, "server", "基盤", "医療情報部", "DNS、DHCP、認証（副）"),
        (EMR, "server", "サーバ", "医療情報部", "電子カルテ"),
        (ENGINE, "server", "サーバ", "医療情報部", "HL7連携"),
        (PACS, "server", "画像サーバ", "放射線科", "PACS"),
        (FILES, "server", "サーバ", "医療情報部", "ファイル共有"),
        (LAB, "server", "サーバ", "検査科", "検体検査システム（アクメ社保守）"),
        (BACKUP, "server", "バックアップ", "医療情報部", ""),
        (ADMIN, "server", "資産管理", "医療情報部", "全端末にSMBでログオンする"),
        (OLD, "server", "サーバ", "医療情報部", "旧電子カルテ、停止中"),
    ]);
    all.extend(PRINTERS.iter().map(|h| (*h, "clinical", "プリンタ", "医療情報部", "")));
    all.extend(CARTS.iter().map(|h| (*h, "clinical", "端末", "看護部", "カート、無線ブリッジの先")));
    all.extend(OFFICE.iter().map(|h| (*h, "office", "端末", "事務部", "")));
    all.extend([
        (ROUTER_A, "office", "L3スイッチ", "医療情報部", "VRRP"),
        (ROUTER_B, "office", "L3スイッチ", "医療情報部", "VRRP"),
        (FILES_B, "server", "サーバ", "医療情報部", "ファイル共有（副）"),
        (EMR_CARD_2, "server", "サーバ", "医療情報部", "電子カルテ（2枚目のLANカード）"),
        (BRIDGE, "clinical", "その他", "医療情報部", "無線ブリッジ"),
        (COPIER, "office", "複合機", "事務部", ""),
        (SUPPLIER, "vendor", "業者", "アクメ社", "リモート保守の終端"),
        (router("core-v110", 10), "clinical", "L3スイッチ", "医療情報部", ""),
        (router("core-v120", 20), "server", "L3スイッチ", "医療情報部", ""),
        (router("core-v130", 30), "office", "L3スイッチ", "医療情報部", ""),
        (router("core-v140", 40), "vendor", "L3スイッチ", "医療情報部", ""),
        (router("core-v199", 99), "transit", "L3スイッチ", "医療情報部", ""),
        (FIREWALL, "transit", "ファイアウォール", "医療情報部", ""),
    ]);
    all
}

/// Everything that the ledger lists and that is switched on.
pub fn network(seed: u64) -> Net {
    let away = [OLD, FILES_B, EMR_CARD_2, ROUTER_A, ROUTER_B, BRIDGE];
    let hosts: Vec<Host> = lines().into_iter().map(|l| l.0).filter(|h| !away.contains(h) && !CARTS.contains(h)).collect();
    Net::new(seed, &hosts)
}

/// The ledger as a hospital writes it.
pub fn ledger() -> String {
    let mut out = String::from("機器名,IPアドレス,MACアドレス,種別,ゾーン,管理部署,備考\n");
    for (h, zone, kind, owner, note) in lines() {
        let mac: Vec<String> = h.mac.iter().map(|b| format!("{b:02X}")).collect();
        // A second node or card has no address of its own.
        let ip = if h == FILES_B || h == EMR_CARD_2 { "なし".to_owned() } else { h.ip.to_string() };
        out += &format!("{},{ip},{},{kind},{zone},{owner},{note}\n", h.name, mac.join("-"));
    }
    out
}

/// A rule that one capture needs.
pub const SERVERS_ARE_ADMINISTERED_FROM_ONE: &str = r#"
[[policy]]
from = "office"
to = "server"
services = ["rdp", "ssh"]
action = "alert"
owner = "IT"
reason = "servers are administered from the management server only"
"#;

/// The site file; `ledger` is its path from the site file's directory, `more` stands at its end.
pub fn site(ledger: &str, more: &str) -> String {
    format!(
        r#"# The Hospital of the Hill, as its administrator declares it. Written by `UPDATE=1 cargo test --test captures`.
[site]
name = "Hospital of the Hill"
language = "en"
timezone = "Asia/Tokyo"

[zones.clinical]
kind = "clinical"
networks = ["10.40.10.0/24"]
vlans = [110]

[zones.server]
kind = "server"
networks = ["10.40.20.0/24"]
vlans = [120]

[zones.office]
kind = "office"
networks = ["10.40.30.0/24"]
vlans = [130]

[zones.vendor]
kind = "vendor"
networks = ["10.40.40.0/24"]
vlans = [140]

[zones.transit]
kind = "dmz"
networks = ["10.40.99.0/29"]
vlans = [199]

[[policy]]
from = "office"
to = "internet"
action = "allow"
owner = "IT"
reason = "office staff use the web"

[[policy]]
from = "server"
to = "internet"
services = ["dns", "ntp"]
action = "allow"
owner = "IT"
reason = "name and time service ask the outside"

[[policy]]
from = "vendor"
to = "clinical"
action = "alert"
owner = "IT"
reason = "suppliers reach their own servers, never the wards"

[vendors.acme]
sources = ["10.40.40.10"]
hosts = ["10.40.20.40", "10.40.20.5"]

[ledger]
file = "{ledger}"
{more}"#
    )
}
