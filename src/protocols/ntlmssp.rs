//! NTLMSSP messages inside SMB, HTTP, RPC and CredSSP ([MS-NLMP] 2.2.1).
#![forbid(unsafe_code)]

use super::field::{array_at, cut_at, oem, u16_at, u32_at, utf16};

/// One NTLMSSP message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ntlm {
    /// 1 negotiate, 2 challenge, 3 authenticate.
    pub kind: u8,
    /// Authenticate: user name as the client claims it.
    pub user: Option<String>,
    /// Authenticate: domain; challenge: target name.
    pub domain: Option<String>,
    /// Authenticate: the client's workstation name.
    pub workstation: Option<String>,
    /// Challenge: the eight-byte server challenge.
    pub challenge: Option<[u8; 8]>,
    /// Challenge target info: NetBIOS computer name of the server.
    pub server_name: Option<String>,
    /// Challenge target info: DNS name of the server.
    pub server_dns: Option<String>,
    /// Authenticate without a user and without responses: an anonymous logon.
    pub anonymous: bool,
}

/// What every message begins with.
pub const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";
/// Characters kept of a name; Windows allows 256 for a domain and 104 for a user.
pub const NAME_CHARS: usize = 256;
/// Pairs read of a target info; servers send about six.
const PAIRS: usize = 32;

const UNICODE: u32 = 0x0000_0001;
const ANONYMOUS: u32 = 0x0000_0800;
const DOMAIN_SUPPLIED: u32 = 0x0000_1000;
const WORKSTATION_SUPPLIED: u32 = 0x0000_2000;
const MSV_NB_COMPUTER: u16 = 1;
const MSV_DNS_COMPUTER: u16 = 3;

impl Ntlm {
    /// The first message anywhere inside a security blob, whatever wraps it there (SPNEGO, nothing).
    pub fn find(blob: &[u8]) -> Option<Ntlm> {
        let at = blob.windows(SIGNATURE.len()).position(|w| w == SIGNATURE)?;
        Ntlm::parse(blob.get(at..)?)
    }
    /// The message at the beginning of `m`. Names that point outside of `m` are read as far as they are there.
    pub fn parse(m: &[u8]) -> Option<Ntlm> {
        if !m.starts_with(SIGNATURE) {
            return None;
        }
        match u32_at(m, 8)? {
            1 => Some(negotiate(m)),
            2 => challenge(m),
            3 => authenticate(m),
            _ => None,
        }
    }
}

/// NEGOTIATE_MESSAGE (2.2.1.1): its names are OEM and usually absent.
fn negotiate(m: &[u8]) -> Ntlm {
    let flags = u32_at(m, 12).unwrap_or(0);
    let name = |bit, at| if flags & bit != 0 { some(oem(buffer(m, at), NAME_CHARS)) } else { None };
    Ntlm { kind: 1, domain: name(DOMAIN_SUPPLIED, 16), workstation: name(WORKSTATION_SUPPLIED, 24), ..Ntlm::default() }
}

/// CHALLENGE_MESSAGE (2.2.1.2).
fn challenge(m: &[u8]) -> Option<Ntlm> {
    let flags = u32_at(m, 20)?;
    let mut out = Ntlm { kind: 2, challenge: Some(array_at(m, 24)?), ..Ntlm::default() };
    out.domain = some(text(buffer(m, 12), flags));
    // A server old enough to know no target info ends its header at offset 32 and puts the name there.
    if u32_at(m, 16).is_none_or(|name| name >= 48 || buffer(m, 12).is_empty()) {
        target_info(buffer(m, 40), &mut out);
    }
    Some(out)
}

/// AV_PAIRs (2.2.2.1).
fn target_info(mut pairs: &[u8], out: &mut Ntlm) {
    for _ in 0..PAIRS {
        let (Some(id), Some(len)) = (u16_at(pairs, 0), u16_at(pairs, 2)) else { return };
        let value = cut_at(pairs, 4, usize::from(len));
        match id {
            0 => return,
            MSV_NB_COMPUTER => out.server_name = some(utf16(value, NAME_CHARS)),
            MSV_DNS_COMPUTER => out.server_dns = some(utf16(value, NAME_CHARS)),
            _ => {}
        }
        pairs = pairs.get(4 + usize::from(len)..).unwrap_or_default();
    }
}

/// AUTHENTICATE_MESSAGE (2.2.1.3).
fn authenticate(m: &[u8]) -> Option<Ntlm> {
    // Everything before the flags is there, or this is no authenticate message.
    let flags = match u32_at(m, 60) {
        Some(f) => f,
        None => m.get(51).map(|_| UNICODE)?,
    };
    let name = |at| some(text(buffer(m, at), flags));
    let (lm, nt) = (buffer(m, 12), buffer(m, 20));
    let user = name(36);
    let anonymous = (user.is_none() && nt.is_empty() && lm.len() <= 1) || flags & ANONYMOUS != 0;
    Some(Ntlm { kind: 3, user, domain: name(28), workstation: name(44), anonymous, ..Ntlm::default() })
}

/// The payload a security buffer (length, maximum, offset) points at, as far as it lies behind the smallest header and inside the message.
fn buffer(m: &[u8], at: usize) -> &[u8] {
    let (Some(len), Some(from)) = (u16_at(m, at), u32_at(m, at + 4)) else { return &[] };
    match usize::try_from(from) {
        Ok(from) if from >= 12 => cut_at(m, from, usize::from(len)),
        _ => &[],
    }
}

fn text(b: &[u8], flags: u32) -> String {
    if flags & UNICODE != 0 { utf16(b, NAME_CHARS) } else { oem(b, NAME_CHARS) }
}

fn some(s: String) -> Option<String> {
    if s.is_empty() { None } else { Some(s) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn wide(s: &str) -> Vec<u8> {
        s.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    /// A message with a fixed part of `head` bytes after the type, security buffers at the given offsets and their payload behind.
    fn build(kind: u32, head: usize, flags: (usize, u32), buffers: &[(usize, &[u8])]) -> Vec<u8> {
        let mut m = SIGNATURE.to_vec();
        m.extend(kind.to_le_bytes());
        m.resize(head, 0);
        m[flags.0..flags.0 + 4].copy_from_slice(&flags.1.to_le_bytes());
        for (at, payload) in buffers {
            let (len, off) = (payload.len() as u16, m.len() as u32);
            m[*at..at + 2].copy_from_slice(&len.to_le_bytes());
            m[at + 2..at + 4].copy_from_slice(&len.to_le_bytes());
            m[at + 4..at + 8].copy_from_slice(&off.to_le_bytes());
            m.extend_from_slice(payload);
        }
        m
    }

    pub(crate) fn authenticate_message(domain: &str, user: &str, workstation: &str) -> Vec<u8> {
        let nt = if user.is_empty() { vec![] } else { vec![7; 24] };
        build(3, 64, (60, UNICODE), &[(28, &wide(domain)), (36, &wide(user)), (44, &wide(workstation)), (20, &nt)])
    }

    pub(crate) fn challenge_message(target: &str, computer: &str, dns: &str) -> Vec<u8> {
        let mut pairs = Vec::new();
        for (id, s) in [(2u16, target), (1, computer), (3, dns), (0, "")] {
            pairs.extend(id.to_le_bytes());
            pairs.extend((wide(s).len() as u16).to_le_bytes());
            pairs.extend(wide(s));
        }
        let mut m = build(2, 56, (20, UNICODE), &[(12, &wide(target)), (40, &pairs)]);
        m[24..32].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
        m
    }

    pub(crate) fn negotiate_message() -> Vec<u8> {
        build(1, 32, (12, UNICODE), &[])
    }

    #[test]
    fn authenticate_names() {
        let n = Ntlm::find(&[b"\x60\x03\x06\x01".to_vec(), authenticate_message("CLINIC", "doctor", "TERM2")].concat()).unwrap();
        assert_eq!((n.kind, n.user.as_deref(), n.domain.as_deref(), n.workstation.as_deref()), (3, Some("doctor"), Some("CLINIC"), Some("TERM2")));
        assert!(!n.anonymous);
        assert!(Ntlm::parse(&authenticate_message("", "", "TERM2")).unwrap().anonymous);
        let oem = build(3, 64, (60, 0), &[(36, b"\x8e\xf3\x95\x74"), (28, b"WG")]);
        assert_eq!(Ntlm::parse(&oem).unwrap().user.as_deref(), Some("受付"));
    }

    #[test]
    fn challenge_names_and_bytes() {
        let n = Ntlm::parse(&challenge_message("HOSP", "EMR01", "emr01.hosp.local")).unwrap();
        assert_eq!((n.kind, n.domain.as_deref(), n.challenge), (2, Some("HOSP"), Some([1, 2, 3, 4, 5, 6, 7, 8])));
        assert_eq!((n.server_name.as_deref(), n.server_dns.as_deref()), (Some("EMR01"), Some("emr01.hosp.local")));
        let mut old = build(2, 32, (20, 0), &[]);
        old[12..20].copy_from_slice(&[4, 0, 4, 0, 32, 0, 0, 0]);
        old.extend(b"HOSP\x01\x00\xff\xff");
        let n = Ntlm::parse(&old).unwrap();
        assert_eq!((n.domain.as_deref(), n.server_name), (Some("HOSP"), None));
    }

    #[test]
    fn negotiate_names_only_when_supplied() {
        assert_eq!(Ntlm::parse(&negotiate_message()).unwrap(), Ntlm { kind: 1, ..Ntlm::default() });
        let m = build(1, 32, (12, DOMAIN_SUPPLIED | WORKSTATION_SUPPLIED), &[(16, b"WORKGROUP"), (24, b"PC7")]);
        let n = Ntlm::parse(&m).unwrap();
        assert_eq!((n.domain.as_deref(), n.workstation.as_deref()), (Some("WORKGROUP"), Some("PC7")));
    }

    #[test]
    fn what_is_no_message_is_none() {
        assert_eq!(Ntlm::find(b"NTLMSSP"), None);
        assert_eq!(Ntlm::find(b"NTLMSSP\0\x04\0\0\0"), None);
        assert_eq!(Ntlm::find(b"NTLMSSX\0\x03\0\0\0"), None);
        assert_eq!(Ntlm::find(&authenticate_message("D", "u", "W")[..51]), None);
    }

    #[test]
    fn names_are_cut_and_buffers_stay_inside() {
        let n = Ntlm::parse(&authenticate_message("D", &"x".repeat(1000), "W")).unwrap();
        assert_eq!(n.user.unwrap().len(), NAME_CHARS);
        let mut m = authenticate_message("D", "user", "W");
        m[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Ntlm::parse(&m).unwrap().user, None);
        m[40..44].copy_from_slice(&0u32.to_le_bytes());
        assert_eq!(Ntlm::parse(&m).unwrap().user, None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(mut m in prop::collection::vec(any::<u8>(), 0..300), kind in 0u8..5) {
            let _ = Ntlm::find(&m);
            for (i, b) in SIGNATURE.iter().chain(&[kind, 0, 0, 0]).enumerate() {
                if let Some(x) = m.get_mut(i) { *x = *b; }
            }
            if let Some(n) = Ntlm::find(&m) {
                prop_assert!(n.user.unwrap_or_default().chars().count() <= NAME_CHARS);
            }
        }
    }
}
