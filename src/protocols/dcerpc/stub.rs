//! Arguments of the calls that tell what was done ([MS-RPCE] 2.2.4 and 2.2.5: NDR and NDR64): names of services, tasks, keys, files and accounts.
//! Whatever does not fit the layout ends the reading; nothing is guessed.

use super::super::field::{array_at, before_nul, before_wide_nul, cut_at, oem, utf16};
use super::names::Interface;
use std::fmt::Write;

/// Characters kept of a name.
const NAME: usize = 256;
/// Characters kept of a command line or of the beginning of a task's XML.
const VALUE: usize = 2048;

/// SERVICE_DISABLED ([MS-SCMR] 2.2.15).
const DISABLED: u32 = 4;

/// How the arguments of a call are laid out, as far as they are read.
type Layout = fn(&mut Stub<'_>) -> Option<()>;

/// The reader of a call's arguments, if it has one.
pub(super) fn layout(interface: Interface, op: u16) -> Option<Layout> {
    Some(match (interface.name, op) {
        ("svcctl", 12 | 45 | 60) => create_service,
        ("svcctl", 24 | 44) => create_service_a,
        ("svcctl", 16) => |s| s.handle()?.name(),
        ("svcctl", 28) => |s| s.handle()?.name_a(),
        ("svcctl", 11) => change_service,
        ("svcctl", 1) => control_service,
        ("atsvc", 0) => job_add,
        ("ITaskSchedulerService", 1) => register_task,
        ("ITaskSchedulerService", 12 | 13) => |s| s.name(),
        ("winreg", 6 | 7 | 8 | 13 | 15 | 20 | 22 | 31) => |s| s.handle()?.counted(),
        ("efsrpc", 0 | 4..=9 | 12 | 13 | 15 | 16 | 18 | 19 | 21 | 22) => |s| s.name(),
        ("netlogon", 4) => challenge,
        ("netlogon", 5 | 15 | 26) => authenticate,
        ("netlogon", 30) => |s| s.optional()?.name(),
        ("spoolss", 62 | 65) => notify,
        ("spoolss", 9 | 89) | ("IRemoteWinspool", 39) => add_driver,
        ("srvsvc", 30..=32) => |s| s.optional()?.name(),
        ("dfsnm", 12 | 13) | ("fssagentrpc", 8 | 9) => |s| s.name(),
        ("epmapper", 3) => map,
        _ => return None,
    })
}

/// What was read: see [`super::Call`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Read {
    pub(super) target: String,
    pub(super) value: String,
}

impl Read {
    /// Bytes of text.
    pub(super) fn weight(&self) -> usize {
        self.target.len() + self.value.len()
    }
}

/// Reads the arguments as far as they are there.
pub(super) fn read(layout: Layout, bytes: &[u8], little: bool, wide: bool) -> Read {
    let mut s = Stub { bytes, at: 0, little, wide, read: Read::default() };
    let _ = layout(&mut s);
    s.read
}

/// Arguments under way.
pub(super) struct Stub<'a> {
    bytes: &'a [u8],
    at: usize,
    little: bool,
    /// NDR64: counts and pointers take eight bytes.
    wide: bool,
    read: Read,
}

impl<'a> Stub<'a> {
    fn align(&mut self, to: usize) {
        // Behind the end of all numbers there is nothing to read.
        self.at = self.at.checked_next_multiple_of(to).unwrap_or(usize::MAX);
    }
    fn skip(&mut self, n: usize) -> Option<&mut Self> {
        self.at = self.at.checked_add(n)?;
        Some(self)
    }
    fn u32(&mut self) -> Option<u32> {
        self.align(4);
        let raw = array_at(self.bytes, self.at)?;
        self.at += 4;
        Some(if self.little { u32::from_le_bytes(raw) } else { u32::from_be_bytes(raw) })
    }
    fn u16(&mut self) -> Option<u16> {
        self.align(2);
        let raw = array_at(self.bytes, self.at)?;
        self.at += 2;
        Some(if self.little { u16::from_le_bytes(raw) } else { u16::from_be_bytes(raw) })
    }
    /// A count or a pointer's referent.
    fn long(&mut self) -> Option<u64> {
        if !self.wide {
            return self.u32().map(u64::from);
        }
        self.align(8);
        let raw = array_at(self.bytes, self.at)?;
        self.at += 8;
        Some(if self.little { u64::from_le_bytes(raw) } else { u64::from_be_bytes(raw) })
    }
    /// A context handle: attributes and a UUID.
    fn handle(&mut self) -> Option<&mut Self> {
        self.align(4);
        self.skip(20)
    }
    /// The characters of a conformant varying array, whose size stands before it (C706, 14.3.4.2), of `unit` bytes each.
    fn array(&mut self, unit: usize) -> Option<&'a [u8]> {
        let (max, offset, count) = (self.long()?, self.long()?, self.long()?);
        if count > max || offset != 0 {
            return None;
        }
        let len = usize::try_from(count).ok()?.checked_mul(unit)?;
        let chars = cut_at(self.bytes, self.at, len);
        self.at = self.at.checked_add(len)?;
        Some(chars)
    }
    fn text(&mut self, max: usize) -> Option<String> {
        let raw = self.array(2)?;
        if self.little {
            return Some(utf16(before_wide_nul(raw), max));
        }
        let turned: Vec<u8> = raw.chunks_exact(2).take(max * 2).flat_map(|c| c.iter().rev().copied()).collect();
        Some(utf16(before_wide_nul(&turned), max))
    }
    fn text_a(&mut self, max: usize) -> Option<String> {
        self.array(1).map(|raw| oem(before_nul(raw), max))
    }
    /// A `[string]`: it is the call's target.
    fn name(&mut self) -> Option<()> {
        self.read.target = self.text(NAME)?;
        Some(())
    }
    fn name_a(&mut self) -> Option<()> {
        self.read.target = self.text_a(NAME)?;
        Some(())
    }
    /// A `[string, unique]`: a pointer, and the text if there is one.
    fn optional(&mut self) -> Option<&mut Self> {
        if self.long()? != 0 {
            self.text(0)?;
        }
        Some(self)
    }
    /// An RPC_UNICODE_STRING ([MS-DTYP] 2.3.10): lengths in bytes, pointer, text.
    fn counted(&mut self) -> Option<()> {
        if self.wide {
            self.align(8);
        } else {
            self.align(4);
        }
        let (_, _) = (self.u16()?, self.u16()?);
        if self.long()? != 0 {
            self.name()?;
        }
        Some(())
    }
}

/// RCreateServiceW ([MS-SCMR] 3.1.4.12).
fn create_service(s: &mut Stub<'_>) -> Option<()> {
    s.handle()?.name()?;
    s.optional()?;
    s.align(4);
    s.skip(16)?;
    s.read.value = s.text(VALUE)?;
    Some(())
}

/// RCreateServiceA (3.1.4.24).
fn create_service_a(s: &mut Stub<'_>) -> Option<()> {
    s.handle()?.name_a()?;
    if s.long()? != 0 {
        s.text_a(0)?;
    }
    s.align(4);
    s.skip(16)?;
    s.read.value = s.text_a(VALUE)?;
    Some(())
}

/// RChangeServiceConfigW (3.1.4.11): the program may stay as it is.
fn change_service(s: &mut Stub<'_>) -> Option<()> {
    let (_, start, _) = (s.handle()?.u32()?, s.u32()?, s.u32()?);
    if s.long()? != 0 {
        s.read.value = s.text(VALUE)?;
    } else if start == DISABLED {
        s.read.value = "disabled".to_owned();
    }
    Some(())
}

/// RControlService ([MS-SCMR] 3.1.4.2): what the service is told to do.
fn control_service(s: &mut Stub<'_>) -> Option<()> {
    s.read.value = match s.handle()?.u32()? {
        1 => "stop".to_owned(),
        2 => "pause".to_owned(),
        3 => "continue".to_owned(),
        4 => "interrogate".to_owned(),
        other => other.to_string(),
    };
    Some(())
}

/// RpcRemoteFindFirstPrinterChangeNotification and its successor ([MS-RPRN] 3.1.4.10.3 and 3.1.4.10.4): the computer to be told of changes.
fn notify(s: &mut Stub<'_>) -> Option<()> {
    s.handle()?.skip(8)?;
    if s.long()? != 0 {
        s.name()?;
    }
    Some(())
}

/// RpcAddPrinterDriver and its successors (3.1.4.4.1 and 3.1.4.4.8) with DRIVER_INFO_2 and the levels that begin like it (2.2.1.5): the driver's
/// name, and the files it is made of.
fn add_driver(s: &mut Stub<'_>) -> Option<()> {
    s.optional()?;
    let (level, _, _) = (s.u32()?, s.u32()?, s.long()?);
    if !matches!(level, 2 | 3 | 4 | 6 | 8) {
        return None;
    }
    s.u32()?;
    let pointers = (s.long()?, s.long()?, s.long()?, s.long()?, s.long()?);
    // Level 3 and up: help file, dependent files as a counted array, monitor, data type and more, of which nothing is read but their room.
    let rest = match level {
        2 => 0,
        3 => 5,
        _ => return None,
    };
    for _ in 0..rest {
        s.long()?;
    }
    let (name, environment, path, data, config) = pointers;
    if name != 0 {
        s.name()?;
    }
    if environment != 0 {
        s.text(0)?;
    }
    let mut files = Vec::new();
    for _ in [path, data, config].iter().filter(|p| **p != 0) {
        files.push(s.text(NAME)?);
    }
    s.read.value = files.join("|");
    Some(())
}

/// NetrJobAdd ([MS-TSCH] 3.2.5.2.1): server name, AT_INFO with its command.
fn job_add(s: &mut Stub<'_>) -> Option<()> {
    s.optional()?;
    s.align(if s.wide { 8 } else { 4 });
    s.skip(10)?;
    if s.long()? != 0 {
        s.read.value = s.text(VALUE)?;
    }
    Some(())
}

/// SchRpcRegisterTask (3.2.5.4.2): path, XML.
fn register_task(s: &mut Stub<'_>) -> Option<()> {
    if s.long()? != 0 {
        s.name()?;
    }
    s.read.value = s.text(VALUE)?;
    Some(())
}

fn hex(b: &[u8]) -> String {
    b.iter().fold(String::new(), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// NetrServerReqChallenge ([MS-NRPC] 3.5.4.4.1): server, computer, the client's challenge.
fn challenge(s: &mut Stub<'_>) -> Option<()> {
    s.optional()?.name()?;
    s.read.value = hex(&array_at::<8>(s.bytes, s.at)?);
    Some(())
}

/// NetrServerAuthenticate and its successors (3.5.4.4.2): server, account, kind of channel, computer, the client's credential.
fn authenticate(s: &mut Stub<'_>) -> Option<()> {
    s.optional()?.name()?;
    if s.wide {
        s.u32().map(|_| ())?
    } else {
        s.u16().map(|_| ())?
    };
    s.text(0)?;
    s.read.value = hex(&array_at::<8>(s.bytes, s.at)?);
    Some(())
}

/// ept_map (C706, O and L): the first floor of the tower is the interface asked for.
fn map(s: &mut Stub<'_>) -> Option<()> {
    // The floor's left side: 19 bytes long, protocol 0x0d, UUID (little-endian always), version.
    let at = s.bytes.windows(3).take(128).position(|w| w == [19, 0, 0x0d])? + 3;
    let (low, mid, high) =
        (u32::from_le_bytes(array_at(s.bytes, at)?), u16::from_le_bytes(array_at(s.bytes, at + 4)?), array_at::<2>(s.bytes, at + 6)?);
    let rest = u64::from_be_bytes(array_at(s.bytes, at + 8)?);
    let uuid = u128::from(low) << 96 | u128::from(mid) << 80 | u128::from(u16::from_le_bytes(high)) << 64 | u128::from(rest);
    let interface = Interface::of(uuid);
    s.read.target = if interface.name.is_empty() { text_of(uuid) } else { interface.name.to_owned() };
    Some(())
}

/// A UUID as it is written.
fn text_of(u: u128) -> String {
    format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", u >> 96, u >> 80 & 0xffff, u >> 64 & 0xffff, u >> 48 & 0xffff, u & 0xffff_ffff_ffff)
}
