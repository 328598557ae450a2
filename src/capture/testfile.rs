//! Small capture files, built byte by byte for the tests.

/// A classic capture in little-endian microseconds; each packet is (seconds, bytes).
pub(super) fn pcap(linktype: u32, packets: &[(u32, &[u8])]) -> Vec<u8> {
    Pcap { linktype, ..Pcap::default() }.build(packets)
}

pub(super) struct Pcap {
    pub magic: u32,
    pub big: bool,
    pub linktype: u32,
    pub snaplen: u32,
    pub minor: u16,
    pub micros: u32,
}

impl Default for Pcap {
    fn default() -> Pcap {
        Pcap { magic: 0xa1b2c3d4, big: false, linktype: 1, snaplen: 65535, minor: 4, micros: 0 }
    }
}

impl Pcap {
    fn u16(&self, v: u16) -> [u8; 2] {
        if self.big { v.to_be_bytes() } else { v.to_le_bytes() }
    }
    fn u32(&self, v: u32) -> [u8; 4] {
        if self.big { v.to_be_bytes() } else { v.to_le_bytes() }
    }
    pub fn build(&self, packets: &[(u32, &[u8])]) -> Vec<u8> {
        let mut out = self.u32(self.magic).to_vec();
        out.extend(self.u16(2));
        out.extend(self.u16(self.minor));
        for w in [0, 0, self.snaplen, self.linktype] {
            out.extend(self.u32(w));
        }
        for (secs, bytes) in packets {
            for w in [*secs, self.micros, bytes.len() as u32, bytes.len() as u32 + 4] {
                out.extend(self.u32(w));
            }
            if self.magic == 0xa1b2cd34 {
                out.extend([0; 8]);
            }
            out.extend(*bytes);
        }
        out
    }
}

/// A pcapng capture, block by block.
#[derive(Default)]
pub(super) struct Ng {
    pub big: bool,
    pub out: Vec<u8>,
}

impl Ng {
    pub fn new(big: bool) -> Ng {
        Ng { big, out: Vec::new() }.section()
    }
    pub fn u16(&self, v: u16) -> [u8; 2] {
        if self.big { v.to_be_bytes() } else { v.to_le_bytes() }
    }
    pub fn u32(&self, v: u32) -> [u8; 4] {
        if self.big { v.to_be_bytes() } else { v.to_le_bytes() }
    }
    pub fn block(mut self, kind: u32, body: &[u8]) -> Ng {
        let padded = body.len().div_ceil(4) * 4;
        let len = self.u32(padded as u32 + 12);
        self.out.extend(self.u32(kind));
        self.out.extend(len);
        self.out.extend(body);
        self.out.resize(self.out.len() + padded - body.len(), 0);
        self.out.extend(len);
        self
    }
    pub fn section(self) -> Ng {
        let body = [&self.u32(0x1a2b3c4d)[..], &self.u16(1), &self.u16(0), &[0xff; 8]].concat();
        self.block(0x0a0d0d0a, &body)
    }
    pub fn interface(self, linktype: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Ng {
        let mut body = [&self.u16(linktype)[..], &[0; 2], &self.u32(snaplen)].concat();
        for (code, value) in options {
            body.extend(self.u16(*code));
            body.extend(self.u16(value.len() as u16));
            body.extend(*value);
            body.resize(body.len().div_ceil(4) * 4, 0);
        }
        self.block(1, &body)
    }
    pub fn enhanced(self, iface: u32, ticks: u64, bytes: &[u8]) -> Ng {
        let mut body = Vec::new();
        for w in [iface, (ticks >> 32) as u32, ticks as u32, bytes.len() as u32, bytes.len() as u32 + 4] {
            body.extend(self.u32(w));
        }
        body.extend(bytes);
        self.block(6, &body)
    }
    pub fn obsolete(self, iface: u16, ticks: u64, bytes: &[u8]) -> Ng {
        let mut body = [self.u16(iface), self.u16(0)].concat();
        for w in [(ticks >> 32) as u32, ticks as u32, bytes.len() as u32, bytes.len() as u32] {
            body.extend(self.u32(w));
        }
        body.extend(bytes);
        self.block(2, &body)
    }
    pub fn simple(self, orig: u32, bytes: &[u8]) -> Ng {
        let body = [&self.u32(orig)[..], bytes].concat();
        self.block(3, &body)
    }
}
