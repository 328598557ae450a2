//! Tunnels over UDP: VXLAN (RFC 7348, with the group policy bits), Geneve (RFC 8926), Teredo (RFC 4380). Ports alone prove nothing: each is believed
//! only if its fixed bits are right, so that ordinary traffic on the same port stays what it is.

use super::Tunnel;
use super::read::{at, be16, byte};
use super::walk::{DONE, Next, Step, Walk};

impl Walk<'_> {
    /// Looks into a UDP payload on a tunnel's port; the UDP packet is already described.
    pub(super) fn udp_tunnel(&mut self, sport: u16, dport: u16, pos: usize) -> Step {
        let found = match dport {
            4789 | 8472 => self.vxlan(pos),
            6081 => self.geneve(pos),
            _ => None,
        };
        let found = found.or_else(|| if sport == 3544 || dport == 3544 { self.teredo(pos) } else { None });
        match found {
            Some((tunnel, next)) if self.unwrap_tunnel(tunnel, pos) => next,
            _ => DONE,
        }
    }
    fn vxlan(&self, pos: usize) -> Option<(Tunnel, Step)> {
        let h = at::<8>(self.d, pos)?;
        let is_plain = h[0] == 0x08 && h[1..4] == [0, 0, 0];
        // Group policy: G bit, and in the second byte only D and A.
        let is_group = h[0] == 0x88 && h[1] & !0x48 == 0;
        let is_ours = (is_plain || is_group) && h[7] == 0 && at::<14>(self.d, pos + 8).is_some();
        is_ours.then_some((Tunnel::Vxlan, (Next::Ethernet, pos + 8)))
    }
    fn geneve(&self, pos: usize) -> Option<(Tunnel, Step)> {
        let h = at::<8>(self.d, pos)?;
        // Version 0, reserved bits and the last byte zero.
        if h[0] >> 6 != 0 || h[1] & 0x3f != 0 || h[7] != 0 {
            return None;
        }
        let inner = pos + 8 + usize::from(h[0] & 0x3f) * 4;
        let next = match u16::from_be_bytes([h[2], h[3]]) {
            0x6558 => Next::Ethernet,
            t @ (0x0800 | 0x86dd) => Next::Type(t),
            _ => return None,
        };
        (inner < self.d.len()).then_some((Tunnel::Geneve, (next, inner)))
    }
    /// An IPv6 packet behind optional authentication and origin headers. It must fit, or this is no Teredo.
    fn teredo(&self, mut pos: usize) -> Option<(Tunnel, Step)> {
        if be16(self.d, pos) == Some(1) {
            let [id, auth] = *at::<2>(self.d, pos + 2)?;
            pos += 13 + usize::from(id) + usize::from(auth);
        }
        if be16(self.d, pos) == Some(0) {
            pos += 8;
        }
        let fits = byte(self.d, pos).is_some_and(|b| b >> 4 == 6) && self.is_plausible_ip(pos);
        fits.then_some((Tunnel::Teredo, (Next::Type(0x86dd), pos)))
    }
}
