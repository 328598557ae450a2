//! NTLM and Kerberos in HTTP authentication (RFC 9110, 11; RFC 4559, 4 and 5; [MS-NTHT] 2.2): a token in base64 behind `NTLM`, `Negotiate` or
//! `Kerberos`, as browsers, proxies and WinRM ([MS-WSMV] 2.2.9.1) send them.

use super::super::Message;
use super::super::kerberos::find_ap_req;
use super::super::ntlmssp::Ntlm;
use super::super::smb::token::{self, Token};
use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// What HTTP shows of a logon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Auth {
    /// An NTLMSSP message: the account is in the authenticate message, as the client claims it.
    Ntlm(Ntlm),
    /// A Kerberos ticket is shown (AP-REQ).
    Kerberos,
    /// The answer to an authenticate message or ticket: 401 and 407 refuse it, everything else lets it pass.
    Answered {
        /// HTTP status.
        status: u16,
    },
}

impl Auth {
    /// A client's claim that the answer judges?
    pub(super) fn is_claim(&self) -> bool {
        match self {
            Auth::Ntlm(n) => n.kind == 3,
            Auth::Kerberos => true,
            Auth::Answered { .. } => false,
        }
    }
}

/// Letters decoded of one token: an NTLM message with every name at its longest has fewer.
const TOKEN: usize = 8192;
/// Lines looked at of one head.
const LINES: usize = 256;

/// Tokens are cut where the head is, so neither padding nor the last letter's spare bits can be asked for.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true),
);

/// What a request's head shows.
pub(super) fn of_request(head: &[u8]) -> Option<Auth> {
    tokens(head, &[b"authorization", b"proxy-authorization"]).next()
}

/// The ticket that a request's head shows, if it is there as a whole.
pub(super) fn ticket_of_request(head: &[u8]) -> Option<Message> {
    blobs(head, &[b"authorization", b"proxy-authorization"]).find_map(|blob| find_ap_req(&blob))
}

/// What an answer's head shows: a challenge.
pub(super) fn of_answer(head: &[u8]) -> Option<Auth> {
    tokens(head, &[b"www-authenticate", b"proxy-authenticate"]).find(|a| matches!(a, Auth::Ntlm(n) if n.kind == 2))
}

/// The tokens of the lines with these names. The head is walked by itself: a parser drops the line that is cut, and a ticket may well be longer
/// than what is held of a head.
fn tokens<'a>(head: &'a [u8], names: &'a [&[u8]]) -> impl Iterator<Item = Auth> + 'a {
    blobs(head, names).filter_map(|blob| match token::read(&blob) {
        Token::Ntlm(n) => Some(Auth::Ntlm(n)),
        Token::Kerberos => Some(Auth::Kerberos),
        Token::Other => None,
    })
}

/// The same, decoded and nothing more.
fn blobs<'a>(head: &'a [u8], names: &'a [&[u8]]) -> impl Iterator<Item = Vec<u8>> + 'a {
    let lines = head.split(|b| *b == b'\n').skip(1).take(LINES);
    let values = lines.filter_map(move |line| {
        let colon = line.iter().take(32).position(|b| *b == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        names.iter().any(|n| n.eq_ignore_ascii_case(name)).then(|| value.get(1..).unwrap_or_default())
    });
    values.filter_map(blob)
}

/// The token behind a scheme that carries such.
fn blob(value: &[u8]) -> Option<Vec<u8>> {
    let value = value.trim_ascii();
    let (scheme, letters) = value.split_at_checked(value.iter().position(|b| *b == b' ')?)?;
    let carries = [b"NTLM".as_slice(), b"Negotiate", b"Kerberos"].iter().any(|s| s.eq_ignore_ascii_case(scheme));
    if carries { decode(letters.trim_ascii_start()) } else { None }
}

/// The bytes of a token68 (RFC 9110, 11.2) up to its padding, its end, or the cap.
fn decode(letters: &[u8]) -> Option<Vec<u8>> {
    let is_letter = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let n = letters.iter().take(TOKEN).take_while(|b| is_letter(b)).count();
    // One letter alone is no byte.
    let n = if n % 4 == 1 { n - 1 } else { n };
    BASE64.decode(letters.get(..n)?).ok()
}
