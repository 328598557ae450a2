//! The application protocols that detectors and policies speak of.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! services {
    ($($(#[$m:meta])* $v:ident = $s:literal: $($tr:ident $port:literal),* ;)+) => {
        /// What a flow speaks. Decided by content where a parser knows it, else by the responder's port.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        #[repr(u8)]
        pub enum Service {
            /// Not recognised.
            #[default]
            Unknown,
            $($(#[$m])* $v),+
        }
        impl Service {
            /// Every known service.
            pub const ALL: &'static [Service] = &[$(Service::$v),+];
            /// The word used in files.
            pub const fn word(self) -> &'static str {
                match self { Service::Unknown => "unknown", $(Service::$v => $s),+ }
            }
            /// The service that is expected behind a responder's port (IANA, and vendors' habits).
            pub const fn of_port(proto: u8, port: u16) -> Service {
                #[allow(non_upper_case_globals, dead_code)]
                mod tr { pub const tcp: u8 = 6; pub const udp: u8 = 17; pub const sctp: u8 = 132; }
                match (proto, port) {
                    $($((tr::$tr, $port) => Service::$v,)*)+
                    _ => Service::Unknown,
                }
            }
        }
    };
}

services! {
    /// Server Message Block, over TCP 445 or NetBIOS 139.
    Smb = "smb": tcp 445, tcp 139;
    /// Remote Desktop Protocol.
    Rdp = "rdp": tcp 3389, udp 3389;
    /// DCE/RPC over TCP; the endpoint mapper is port 135.
    Rpc = "rpc": tcp 135, tcp 593;
    /// Windows Remote Management.
    Winrm = "winrm": tcp 5985, tcp 5986;
    /// Secure Shell.
    Ssh = "ssh": tcp 22;
    /// Remote frame buffer (VNC).
    Vnc = "vnc": tcp 5900, tcp 5901, tcp 5902, tcp 5903;
    /// Telnet.
    Telnet = "telnet": tcp 23, tcp 2323;
    /// Domain name service.
    Dns = "dns": udp 53, tcp 53;
    /// Multicast DNS.
    Mdns = "mdns": udp 5353;
    /// Link-local multicast name resolution.
    Llmnr = "llmnr": udp 5355, tcp 5355;
    /// NetBIOS name service.
    Nbns = "nbns": udp 137;
    /// NetBIOS datagrams.
    Nbdgm = "nbdgm": udp 138;
    /// DHCP for IPv4.
    Dhcp = "dhcp": udp 67, udp 68;
    /// DHCP for IPv6.
    Dhcpv6 = "dhcpv6": udp 546, udp 547;
    /// Network time.
    Ntp = "ntp": udp 123;
    /// HTTP/1.
    Http = "http": tcp 80, tcp 8080, tcp 8000, tcp 3128, tcp 8888;
    /// TLS.
    Tls = "tls": tcp 443, tcp 8443, tcp 465, tcp 993, tcp 995, tcp 853;
    /// QUIC.
    Quic = "quic": udp 443;
    /// Kerberos.
    Kerberos = "kerberos": tcp 88, udp 88, tcp 464, udp 464;
    /// LDAP and its global catalogue.
    Ldap = "ldap": tcp 389, udp 389, tcp 636, tcp 3268, tcp 3269;
    /// SNMP.
    Snmp = "snmp": udp 161, udp 162;
    /// Syslog.
    Syslog = "syslog": udp 514, tcp 514, tcp 6514;
    /// SSDP / UPnP discovery.
    Ssdp = "ssdp": udp 1900;
    /// Web services discovery.
    Wsd = "wsd": udp 3702;
    /// FTP control.
    Ftp = "ftp": tcp 21, tcp 20, tcp 990;
    /// Trivial FTP.
    Tftp = "tftp": udp 69;
    /// Mail transfer.
    Smtp = "smtp": tcp 25, tcp 587;
    /// Mail fetching.
    Imap = "imap": tcp 143, tcp 110;
    /// DICOM upper layer.
    Dicom = "dicom": tcp 104, tcp 11112, tcp 2762, tcp 4242;
    /// HL7 version 2 over MLLP.
    Hl7 = "hl7": tcp 2575, tcp 6661;
    /// Database logins and queries (TDS, Oracle, PostgreSQL, MySQL, IRIS).
    Sql = "sql": tcp 1433, udp 1434, tcp 1521, tcp 5432, tcp 3306, tcp 1972;
    /// Printing (JetDirect, IPP, LPD).
    Print = "print": tcp 9100, tcp 631, tcp 515;
    /// SIP and RTP.
    Sip = "sip": tcp 5060, udp 5060, tcp 5061;
    /// NFS and iSCSI and hypervisor storage.
    Storage = "storage": tcp 2049, udp 2049, tcp 3260, tcp 902;
    /// VPN and tunnels (IKE, OpenVPN, WireGuard, L2TP, PPTP).
    Vpn = "vpn": udp 500, udp 4500, udp 1194, tcp 1194, udp 51820, udp 1701, tcp 1723;
    /// RADIUS.
    Radius = "radius": udp 1812, udp 1813, udp 1645, udp 1646;
}

impl Service {
    /// Ways of logging on to another host and working there: the edges along which an attacker spreads.
    pub const fn is_remote_admin(self) -> bool {
        matches!(self, Service::Smb | Service::Rdp | Service::Rpc | Service::Winrm | Service::Ssh | Service::Vnc | Service::Telnet)
    }
    /// Interactive sessions: a person (or a tool in a person's place) sits at the other end.
    pub const fn is_interactive(self) -> bool {
        matches!(self, Service::Rdp | Service::Winrm | Service::Ssh | Service::Vnc | Service::Telnet)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Service {
    type Err = String;
    fn from_str(s: &str) -> Result<Service, String> {
        Service::ALL.iter().copied().find(|v| v.word() == s).ok_or_else(|| {
            let all: Vec<_> = Service::ALL.iter().map(|v| v.word()).collect();
            format!("`{s}` is no service spanward knows (one of {})", all.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_words() {
        assert_eq!(Service::of_port(6, 445), Service::Smb);
        assert_eq!(Service::of_port(17, 445), Service::Unknown);
        assert_eq!(Service::of_port(17, 443), Service::Quic);
        for s in Service::ALL {
            assert_eq!(s.word().parse::<Service>().unwrap(), *s);
        }
    }
}
