//! SMB 1 over TCP 445 ([MS-CIFS] 2.2.3, 2.2.4) as exploits of it go about: negotiation, an anonymous session, `IPC$`, transactions.

use super::net::{Host, MS, Net, US};
use super::tcp::Tcp;

/// A connection under way.
pub struct Smb1 {
    pub tcp: Tcp,
}

/// A message: command, status and multiplex id, words, bytes.
fn message(command: u8, answer: Option<u32>, mid: u16, words: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut m = vec![0xff, b'S', b'M', b'B', command];
    m.extend(answer.unwrap_or(0).to_le_bytes());
    m.push(if answer.is_some() { 0x98 } else { 0x18 });
    m.extend(0xc007u16.to_le_bytes());
    m.extend([0; 12]);
    [0x0800u16, 0xfeff, 0x0800, mid].iter().for_each(|v| m.extend(v.to_le_bytes()));
    m.push((words.len() / 2) as u8);
    m.extend(words);
    m.extend((bytes.len() as u16).to_le_bytes());
    m.extend(bytes);
    [&(m.len() as u32).to_be_bytes()[..], &m].concat()
}

impl Smb1 {
    /// Negotiation, an anonymous session, `IPC$`.
    pub fn connect(net: &mut Net, t: u64, a: &Host, b: &Host) -> Smb1 {
        let mut s = Smb1 { tcp: Tcp::open(net, t, a, b, 445) };
        let nt =
            [&[0, 0, 3, 50, 0, 1, 0][..], &[4, 0x11, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0xfd, 0xe3, 0, 0], &[0x80, 0x3e, 0x5c, 0x1e, 0xd5, 0xf5, 0xdc, 1]];
        s.round(
            net,
            message(0x72, None, 64, &[], b"\x02NT LM 0.12\0"),
            message(0x72, Some(0), 64, &[&nt.concat()[..], &[0, 0, 0]].concat(), &[0; 8]),
        );
        let setup = [&[0xff, 0, 0, 0, 4, 0x11, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &[0; 4], &0xd4u32.to_le_bytes()].concat();
        s.round(net, message(0x73, None, 64, &setup, &[0; 10]), message(0x73, Some(0), 64, &[0xff, 0, 0, 0, 0, 0], &[0; 6]));
        let path = format!("\\\\{}\\IPC$\0", b.ip);
        let path = [&[0, 0][..], &path.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(), b"?????\0"].concat();
        s.round(net, message(0x75, None, 64, &[0xff, 0, 0, 0, 0, 0, 1, 0], &path), message(0x75, Some(0), 64, &[0xff, 0, 0, 0, 1, 0], b"IPC\0\0\0"));
        s
    }
    fn round(&mut self, net: &mut Net, ask: Vec<u8>, answer: Vec<u8>) {
        self.tcp.up(net, &ask).wait(200 * US).down(net, &answer).wait(300 * US);
    }
    /// NT_TRANSACT with more data than a transaction of its successor's kind can hold, gone on with TRANSACTION2_SECONDARY.
    pub fn mixed(&mut self, net: &mut Net, parts: usize) -> &mut Smb1 {
        let mut words = [&[1, 0, 0][..], &30u32.to_le_bytes(), &66_512u32.to_le_bytes(), &30u32.to_le_bytes(), &0u32.to_le_bytes()].concat();
        words.extend([&30u32.to_le_bytes()[..], &75u32.to_le_bytes(), &976u32.to_le_bytes(), &104u32.to_le_bytes(), &[1, 0, 0, 0, 0]].concat());
        let data = net.rng.bytes(1_007);
        self.round(net, message(0xa0, None, 65, &words, &data), message(0xa0, Some(0), 65, &[], &[]));
        for _ in 0..parts {
            let data = net.rng.bytes(2_048);
            let words = [&[0; 10][..], &2_048u16.to_le_bytes(), &[0; 6]].concat();
            let part = message(0x33, None, 65, &words, &data);
            self.tcp.up(net, &part).wait(100 * US);
        }
        self
    }
    /// TRANS2_SESSION_SETUP, answered under this multiplex id: 65 by honest servers, 81 by the back door.
    pub fn ping(&mut self, net: &mut Net, answered: u16) -> &mut Smb1 {
        let words = [&[0; 26][..], &[1, 0, 0x0e, 0]].concat();
        self.round(net, message(0x32, None, 65, &words, &[0; 13]), message(0x32, Some(0xc000_0002), answered, &[], &[]));
        self
    }
    pub fn close(&mut self, net: &mut Net) -> u64 {
        self.tcp.wait(5 * MS).close(net)
    }
}
