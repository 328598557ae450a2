//! WS-Management over HTTP 5985 ([MS-WSMV] 2.2.9.1): a logon by NTLM in three legs, then requests whose bodies are encrypted.

use super::net::{Host, MS, Net, S};
use super::smb::{Logon, ntlm_authenticate, ntlm_challenge, ntlm_negotiate};
use super::tcp::Tcp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Where a shell is.
pub const SHELL: &str = "/wsman?PSVersion=5.1.19041.1";
/// Where a collector of events is asked for its subscriptions.
pub const EVENTS: &str = "/wsman/SubscriptionManager/WEC";

/// A session with so many requests; when it was over.
pub fn session(net: &mut Net, t: u64, a: &Host, b: &Host, who: &Logon, target: &str, requests: usize) -> u64 {
    let mut c = Tcp::open(net, t, a, b, 5985);
    let ask = |token: Option<Vec<u8>>, body: usize| {
        let auth = token.map(|t| format!("Authorization: Negotiate {}\r\n", STANDARD.encode(t))).unwrap_or_default();
        let kind = "multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\"";
        format!(
            "POST {target} HTTP/1.1\r\nConnection: Keep-Alive\r\nContent-Type: {kind}\r\n{auth}User-Agent: Microsoft WinRM Client\r\n\
             Content-Length: {body}\r\nHost: {}:5985\r\n\r\n",
            b.ip
        )
    };
    let none = "HTTP/1.1 401 \r\nServer: Microsoft-HTTPAPI/2.0\r\nContent-Length: 0\r\n";
    let challenge = STANDARD.encode(ntlm_challenge(net, who.domain, b.name));
    c.up(net, ask(Some(ntlm_negotiate()), 0).as_bytes()).down(net, format!("{none}WWW-Authenticate: Negotiate {challenge}\r\n\r\n").as_bytes());
    let last = ntlm_authenticate(net, who, b.name);
    for i in 0..requests {
        let body = net.rng.bytes(900 + 40 * i);
        let head = ask((i == 0).then(|| last.clone()), body.len());
        c.up(net, &[head.as_bytes(), &body].concat()).wait(20 * MS);
        let back = net.rng.bytes(700);
        let head = format!("HTTP/1.1 200 \r\nServer: Microsoft-HTTPAPI/2.0\r\nContent-Length: {}\r\n\r\n", back.len());
        c.down(net, &[head.as_bytes(), &back].concat()).wait(300 * MS);
    }
    c.wait(S).close(net)
}
