//! What a security blob of a session setup or of HTTP holds: NTLMSSP or Kerberos, in SPNEGO (RFC 4178, 4.2) or bare. A bounded search for the two signatures
//! replaces a walk through ASN.1: it finds the same and cannot be led astray by nested lengths.

use super::super::ntlmssp::Ntlm;

/// A security blob.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::protocols) enum Token {
    /// An NTLMSSP message.
    Ntlm(Ntlm),
    /// A Kerberos ticket is shown (AP-REQ).
    Kerberos,
    /// Nothing of the two: a list of mechanisms, or the end of a negotiation.
    Other,
}

/// Kerberos's object id 1.2.840.113554.1.2.2 and the token id of AP-REQ (RFC 4121, 4.1).
const KERBEROS_AP_REQ: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x01, 0x00];
/// The token begins behind a few object ids; beyond this there are only tickets.
const SEARCHED: usize = 1024;

/// Reads a blob.
pub(in crate::protocols) fn read(blob: &[u8]) -> Token {
    if let Some(ntlm) = Ntlm::find(blob) {
        return Token::Ntlm(ntlm);
    }
    let head = blob.get(..SEARCHED).unwrap_or(blob);
    if head.windows(KERBEROS_AP_REQ.len()).any(|w| w == KERBEROS_AP_REQ) || bare_ap_req(head) { Token::Kerberos } else { Token::Other }
}

/// An AP-REQ without wrapping: application tag 14, protocol version 5, message type 14 (RFC 4120, 5.5.1).
fn bare_ap_req(b: &[u8]) -> bool {
    b.first() == Some(&0x6e) && b.get(..24).unwrap_or(b).windows(10).any(|w| w == [0xa0, 0x03, 0x02, 0x01, 0x05, 0xa1, 0x03, 0x02, 0x01, 0x0e])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::ntlmssp::tests::authenticate_message;

    #[test]
    fn tells_ntlm_from_kerberos() {
        let mechs = [0x60, 0x40, 0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];
        let ticket = [mechs.as_slice(), KERBEROS_AP_REQ, b"\x6e\x82"].concat();
        assert_eq!(read(&ticket), Token::Kerberos);
        assert_eq!(read(b"\x6e\x82\x05\x00\x30\x82\x04\xfc\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x0e"), Token::Kerberos);
        // Kerberos offered in the list of mechanisms, but the token is NTLMSSP's.
        let offered = [mechs.as_slice(), &KERBEROS_AP_REQ[..11], &authenticate_message("D", "u", "W")].concat();
        assert!(matches!(read(&offered), Token::Ntlm(_)));
        assert_eq!(read(&[mechs.as_slice(), &KERBEROS_AP_REQ[..11], b"\xa2\x00"].concat()), Token::Other);
        assert_eq!(read(b""), Token::Other);
    }
}
