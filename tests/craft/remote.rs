//! Remote desktops ([MS-RDPBCGR] with CredSSP inside TLS) and Secure Shell (RFC 4253).

use super::net::{Host, MS, Net, S};
use super::tcp::Tcp;
use super::tls;

fn tpkt(x224: &[u8]) -> Vec<u8> {
    [&[3, 0][..], &(4 + x224.len() as u16).to_be_bytes(), x224].concat()
}

/// X.224 connection request with the cookie of `user`, asking for TLS or CredSSP, its confirmation (CredSSP), and the legs of the logon inside TLS.
fn opened(net: &mut Net, t: u64, a: &Host, b: &Host, user: &str, legs: &[(usize, usize)]) -> Tcp {
    let negotiation = [1, 0, 8, 0, 3, 0, 0, 0];
    let tail = [format!("Cookie: mstshash={user}\r\n").as_bytes(), &negotiation].concat();
    let ask = tpkt(&[&[6 + tail.len() as u8, 0xe0, 0, 0, 0, 0, 0][..], &tail].concat());
    let confirm = tpkt(&[14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0x1f, 8, 0, 2, 0, 0, 0]);
    let mut c = Tcp::open(net, t, a, b, 3389);
    c.up(net, &ask).wait(3 * MS).down(net, &confirm).wait(2 * MS);
    let (hello, answer) = (tls::client_hello(&mut net.rng, None, &[]), tls::server_hello(&mut net.rng));
    c.up(net, &hello).wait(2 * MS).down(net, &answer).wait(2 * MS);
    for (up, down) in legs {
        tls::exchange(net, &mut c, *up, *down);
    }
    c
}

/// A session worked in for `secs` seconds: keys and mouse up, pictures down.
pub fn desktop(net: &mut Net, t: u64, a: &Host, b: &Host, user: &str, secs: u64) -> u64 {
    let mut c = opened(net, t, a, b, user, &[(140, 350), (720, 130), (200, 70)]);
    let start = c.t;
    tls::exchange(net, &mut c, 1_900, 5_000);
    for i in 0..secs {
        c.until(start + i * S + net.rng.range(0, 400) * MS);
        let (up, down) = (net.rng.range(60, 300) as usize, net.rng.range(200, 1_400) as usize);
        tls::exchange(net, &mut c, up, down);
    }
    c.wait(50 * MS).close(net)
}

/// A logon that is refused: a TSRequest with an error code alone ([MS-CSSP] 2.2.1) answers the second leg.
pub fn desktop_refused(net: &mut Net, t: u64, a: &Host, b: &Host, user: &str) -> u64 {
    let mut c = opened(net, t, a, b, user, &[(140, 350), (720, 41)]);
    c.wait(10 * MS).reset(net, 1)
}

/// A shell worked in for `secs` seconds.
pub fn shell(net: &mut Net, t: u64, a: &Host, b: &Host, secs: u64) -> u64 {
    let mut c = Tcp::open(net, t, a, b, 22);
    c.up(net, b"SSH-2.0-OpenSSH_for_Windows_9.5\r\n").down(net, b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n");
    // KEXINIT (7.1): ten lists of names behind a cookie.
    let lists = ["curve25519-sha256,ecdh-sha2-nistp256", "ssh-ed25519,rsa-sha2-512", "aes128-gcm@openssh.com", "aes128-gcm@openssh.com"];
    let lists = lists.iter().chain(&["hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""]);
    let lists: Vec<u8> = lists.flat_map(|l| [&(l.len() as u32).to_be_bytes()[..], l.as_bytes()].concat()).collect();
    let key_exchange = |net: &mut Net| {
        let body = [&[20][..], &net.rng.bytes(16), &lists, &[0; 5]].concat();
        let pad = 8 - (5 + body.len()) % 8 + 8;
        [&((1 + body.len() + pad) as u32).to_be_bytes()[..], &[pad as u8], &body, &vec![0; pad]].concat()
    };
    let (u, d) = (key_exchange(net), key_exchange(net));
    c.up(net, &u).down(net, &d);
    let start = c.t;
    for i in 0..secs * 2 {
        c.until(start + i * S / 2);
        let (u, d) = (net.rng.bytes(64), net.rng.range(80, 600) as usize);
        let d = net.rng.bytes(d);
        c.up(net, &u).wait(5 * MS).down(net, &d);
    }
    c.wait(20 * MS).close(net)
}
