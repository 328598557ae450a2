//! What the kernel offers and neither libpcap nor a safe crate reaches: the card's settings, filters and options of a packet socket. The one
//! module with `unsafe` code, a few calls, each with the reason why it is sound. And the box's clocks: the one place below the engine that
//! looks at them, because live frames carry the kernel's time and somebody has to say how late it is.
#![allow(unsafe_code)]

use super::bpf::Instruction;
use crate::base::Timestamp;
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::time::{ClockId, clock_gettime};
use std::io;

/// Longest program that the kernel takes (`BPF_MAXINSNS`).
pub(super) const MAX_PROGRAM: usize = 4096;

const SIOCETHTOOL: libc::c_ulong = 0x8946;
const GET_DRIVER: u32 = 0x03;
const GET_RING: u32 = 0x10;
const GET_GRO: u32 = 0x2b;
const GET_FLAGS: u32 = 0x25;
/// Frames that the box itself sends are not wanted (`PACKET_IGNORE_OUTGOING`, Linux 4.20).
const IGNORE_OUTGOING: libc::c_int = 23;

/// The box's clocks at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Wall clock: what the kernel stamps frames with. Somebody may set it.
    pub real: Timestamp,
    /// Nanoseconds of a clock that nobody sets.
    pub mono: u64,
}

/// A pair of readings further apart than this was interrupted between the two, and is taken again.
const APART: u64 = 1_000_000;

/// Reads the clocks.
pub fn now() -> Now {
    let read = |id| {
        let t = clock_gettime(id);
        u64::try_from(t.tv_sec).unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(u64::try_from(t.tv_nsec).unwrap_or(0))
    };
    let mut best = (u64::MAX, Now::default());
    for _ in 0..4 {
        let before = read(ClockId::Monotonic);
        let real = Timestamp(read(ClockId::Realtime));
        let after = read(ClockId::Monotonic);
        let apart = after.saturating_sub(before);
        if apart < best.0 {
            best = (apart, Now { real, mono: before + apart / 2 });
        }
        if apart < APART {
            break;
        }
    }
    best.1
}

/// Puts a classic BPF program before a packet socket: what it refuses never reaches the ring, and of what it accepts as many bytes are kept as it says.
pub(super) fn attach_filter(socket: impl AsFd, program: &[Instruction]) -> io::Result<()> {
    if program.is_empty() || program.len() > MAX_PROGRAM {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the filter is too long for the kernel"));
    }
    let mut code: Vec<libc::sock_filter> = program.iter().map(|i| libc::sock_filter { code: i.code, jt: i.jt, jf: i.jf, k: i.k }).collect();
    let header = libc::sock_fprog { len: u16::try_from(code.len()).unwrap_or(0), filter: code.as_mut_ptr() };
    // SAFETY: the descriptor is open while it is borrowed; `header` is a `sock_fprog` of the size given and points to `len` instructions that
    // live until the call returns; the kernel copies and checks them, and writes nothing.
    let done = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            std::ptr::from_ref(&header).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Asks a packet socket to leave out the frames that the box sends itself.
pub(super) fn ignore_outgoing(socket: impl AsFd) -> io::Result<()> {
    let yes: libc::c_int = 1;
    // SAFETY: the descriptor is open while it is borrowed; the option is an int, and the size given is an int's; the kernel only reads it.
    let done = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_PACKET,
            IGNORE_OUTGOING,
            std::ptr::from_ref(&yes).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A card that is asked about its settings.
#[derive(Debug)]
pub(super) struct Card {
    socket: OwnedFd,
    name: [libc::c_char; libc::IFNAMSIZ],
}

/// Receive ring of a card, in frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ring {
    /// As it is.
    pub now: u32,
    /// As it can be.
    pub most: u32,
}

#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// `struct ethtool_ringparam`.
#[repr(C)]
#[derive(Default)]
struct RingParam {
    command: u32,
    rx_most: u32,
    rx_mini_most: u32,
    rx_jumbo_most: u32,
    tx_most: u32,
    rx: u32,
    rx_mini: u32,
    rx_jumbo: u32,
    tx: u32,
}

/// `struct ethtool_drvinfo`.
#[repr(C)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    version: [u8; 32],
    firmware: [u8; 32],
    bus: [u8; 32],
    rom: [u8; 32],
    reserved: [u8; 12],
    numbers: [u32; 5],
}

/// An ethtool structure: plain numbers and bytes whose first field is the command, in the layout of the kernel's `linux/ethtool.h`.
///
/// # Safety
/// The structure must be at least as long as what the kernel writes for its command, and valid with any bytes in it.
unsafe trait Question {}

// SAFETY: `struct ethtool_value` is two u32.
unsafe impl Question for Value {}
// SAFETY: `struct ethtool_ringparam` is nine u32.
unsafe impl Question for RingParam {}
// SAFETY: `struct ethtool_drvinfo` is one u32, 5 × 32 and 12 bytes, five u32: 196 bytes, as a test holds.
unsafe impl Question for DriverInfo {}

impl Card {
    /// A card by name.
    pub fn new(name: &str) -> io::Result<Card> {
        let bytes = name.as_bytes();
        if bytes.is_empty() || bytes.len() >= libc::IFNAMSIZ || bytes.contains(&0) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no name of an interface"));
        }
        let mut c = [0; libc::IFNAMSIZ];
        for (to, from) in c.iter_mut().zip(bytes) {
            *to = from.cast_signed() as libc::c_char;
        }
        let socket = rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::DGRAM, None)?;
        Ok(Card { socket, name: c })
    }
    fn ask<Q: Question>(&self, question: &mut Q) -> io::Result<()> {
        // SAFETY: an all-zero `ifreq` is valid: it is a byte array and a union of plain values.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        request.ifr_name = self.name;
        request.ifr_ifru.ifru_data = std::ptr::from_mut(question).cast();
        // SAFETY: the socket is open as long as `self`; `request` is an `ifreq` whose pointer leads to a structure that is long enough for
        // its command (the contract of `Question`) and lives, exclusively borrowed, until the call returns.
        let done = unsafe { libc::ioctl(self.socket.as_raw_fd(), SIOCETHTOOL as _, std::ptr::from_mut(&mut request)) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
    fn value(&self, command: u32) -> Option<u32> {
        let mut v = Value { command, data: 0 };
        self.ask(&mut v).ok().map(|()| v.data)
    }
    /// Does the card or its driver put frames together (generic receive offload)?
    pub fn gro(&self) -> Option<bool> {
        self.value(GET_GRO).map(|v| v != 0)
    }
    /// Does the card put frames together (large receive offload)?
    pub fn lro(&self) -> Option<bool> {
        self.value(GET_FLAGS).map(|v| v & 1 << 15 != 0)
    }
    /// Does the card take VLAN tags off?
    pub fn takes_tags(&self) -> Option<bool> {
        self.value(GET_FLAGS).map(|v| v & 1 << 8 != 0)
    }
    /// Size of the receive ring.
    pub fn ring(&self) -> Option<Ring> {
        let mut r = RingParam { command: GET_RING, ..RingParam::default() };
        self.ask(&mut r).ok().filter(|()| r.rx_most > 0).map(|()| Ring { now: r.rx, most: r.rx_most })
    }
    /// Name of the driver.
    pub fn driver(&self) -> Option<String> {
        let mut d = DriverInfo {
            command: GET_DRIVER,
            driver: [0; 32],
            version: [0; 32],
            firmware: [0; 32],
            bus: [0; 32],
            rom: [0; 32],
            reserved: [0; 12],
            numbers: [0; 5],
        };
        self.ask(&mut d).ok()?;
        let name: Vec<u8> = d.driver.iter().copied().take_while(|b| *b != 0).collect();
        String::from_utf8(name).ok().filter(|n| !n.is_empty())
    }
}

/// Groups of one process at most (NGROUPS_MAX).
const MAX_GROUPS: usize = 65_536;

/// Supplementary groups of the process at the other end of a Unix socket, as they were when it connected (`SO_PEERGROUPS`).
pub fn peer_groups(socket: impl AsFd) -> io::Result<Vec<u32>> {
    let fd = socket.as_fd().as_raw_fd();
    let mut groups = vec![0u32; 64];
    loop {
        let mut bytes = libc::socklen_t::try_from(size_of_val(groups.as_slice())).map_err(io::Error::other)?;
        // SAFETY: the kernel writes at most `bytes` bytes at the pointer, which is the length of the vector; any bytes are valid `u32`s; the
        // descriptor is borrowed for the call.
        let rc = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERGROUPS, groups.as_mut_ptr().cast(), &raw mut bytes) };
        let n = bytes as usize / size_of::<u32>();
        if rc == 0 {
            groups.truncate(n);
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        // Too small: the kernel has said how much it needs.
        if error.raw_os_error() != Some(libc::ERANGE) || n <= groups.len() || n > MAX_GROUPS {
            return Err(error);
        }
        groups.resize(n, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn the_structures_are_as_long_as_the_kernel_has_them() {
        assert_eq!((size_of::<Value>(), size_of::<RingParam>(), size_of::<DriverInfo>()), (8, 36, 196));
    }

    #[test]
    fn the_clocks_run() {
        let (a, b) = (now(), now());
        assert!(b.mono >= a.mono && b.mono - a.mono < 60_000_000_000);
        assert!(a.real.secs() > 1_700_000_000, "{a:?}");
    }

    #[test]
    fn a_card_that_is_not_there_answers_nothing_and_a_bad_name_is_refused() {
        let card = Card::new("no-such-card").unwrap();
        assert_eq!((card.gro(), card.lro(), card.ring(), card.driver()), (None, None, None, None));
        for bad in ["", "sixteen-letters!", "a\0b"] {
            assert!(Card::new(bad).is_err(), "{bad:?}");
        }
        // Every box has it, and it can be asked without any right.
        assert!(Card::new("lo").unwrap().gro().is_some());
    }

    #[test]
    fn a_filter_is_taken_by_a_socket_and_a_bad_one_is_refused() {
        let socket = rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::DGRAM, None).unwrap();
        let ret = |k| Instruction { code: 6, jt: 0, jf: 0, k };
        attach_filter(&socket, &[ret(96)]).unwrap();
        let jump_beyond = Instruction { code: 5, jt: 0, jf: 0, k: 9 };
        assert!(attach_filter(&socket, &[jump_beyond, ret(0)]).is_err());
        assert!(attach_filter(&socket, &[]).is_err());
        assert!(attach_filter(&socket, &vec![ret(0); MAX_PROGRAM + 1]).is_err());
    }

    #[test]
    fn groups_of_the_other_end_are_ours_when_it_is_us() {
        let (a, _b) = UnixStream::pair().unwrap();
        let mut ours: Vec<u32> = rustix::process::getgroups().unwrap().iter().map(|g| g.as_raw()).collect();
        let mut theirs = peer_groups(&a).unwrap();
        ours.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(theirs, ours);
        assert!(peer_groups(std::fs::File::open("/dev/null").unwrap()).is_err());
    }
}
