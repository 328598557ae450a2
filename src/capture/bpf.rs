//! Runs classic BPF programs (McCanne and Jacobson 1993) over a frame in place, with its outer VLAN tag taken off by an offset, not by a copy.
//!
//! libpcap compiles; it is not asked to run the program, because its `pcap_offline_filter` wants the frame in one piece and the wrapper's
//! call knows only the captured length: `greater 1000` on a cut frame would answer otherwise than the kernel.

use pcap::BpfProgram;

/// Steps after which a program counts as endless (`ip6 protochain` loops).
const MAX_STEPS: usize = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub code: u16,
    pub jt: u8,
    pub jf: u8,
    pub k: u32,
}

/// A compiled filter.
#[derive(Clone, Debug)]
pub(super) struct Program(Vec<Instruction>);

/// A frame as the kernel shows it: `cut` bytes from offset 12 on do not exist.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub bytes: &'a [u8],
    /// Bytes on the wire, before the cut.
    pub orig_len: u32,
    /// 0, or 4 when an outer tag is taken off.
    pub cut: usize,
}

impl View<'_> {
    fn len(&self) -> u32 {
        self.orig_len.saturating_sub(self.cut as u32)
    }
    #[inline]
    fn byte(&self, at: usize) -> Option<u32> {
        let at = if at >= 12 { at.checked_add(self.cut)? } else { at };
        self.bytes.get(at).map(|b| u32::from(*b))
    }
    #[inline]
    fn load(&self, at: usize, size: usize) -> Option<u32> {
        let last = at.checked_add(size)?;
        let mut value = 0;
        for i in at..last {
            value = value << 8 | self.byte(i)?;
        }
        Some(value)
    }
}

struct State<'a> {
    a: u32,
    x: u32,
    mem: [u32; 16],
    view: View<'a>,
}

enum Next {
    Go,
    Jump(i64),
    Return(bool),
}

impl Program {
    /// Takes over libpcap's instructions. `None` if they cannot be read.
    pub fn new(compiled: &BpfProgram) -> Option<Program> {
        let read = |text: String| {
            let mut part = text.split_ascii_whitespace();
            let code = part.next()?.parse().ok()?;
            let (jt, jf) = (part.next()?.parse().ok()?, part.next()?.parse().ok()?);
            Some(Instruction { code, jt, jf, k: part.next()?.parse().ok()? })
        };
        compiled.get_instructions().iter().map(|i| read(i.to_string())).collect::<Option<Vec<_>>>().map(Program)
    }
    /// The instructions, for the kernel.
    pub fn instructions(&self) -> &[Instruction] {
        &self.0
    }
    /// Does the program accept the frame? A load beyond the captured bytes refuses it, as in the kernel.
    pub fn accepts(&self, view: View<'_>) -> bool {
        let mut s = State { a: 0, x: 0, mem: [0; 16], view };
        let mut pc = 0i64;
        for _ in 0..MAX_STEPS {
            let Some(i) = usize::try_from(pc).ok().and_then(|pc| self.0.get(pc)) else { return false };
            match s.step(*i) {
                None => return false,
                Some(Next::Go) => pc += 1,
                Some(Next::Jump(by)) => pc += 1 + by,
                Some(Next::Return(yes)) => return yes,
            }
        }
        false
    }
}

impl State<'_> {
    #[inline]
    fn step(&mut self, i: Instruction) -> Option<Next> {
        match i.code & 7 {
            0 => self.a = self.value(i)?,
            1 if i.code & 0xe0 == 0xa0 => self.x = (self.view.byte(i.k as usize)? & 0x0f) << 2,
            1 => self.x = self.value(i)?,
            2 => *self.mem.get_mut(i.k as usize)? = self.a,
            3 => *self.mem.get_mut(i.k as usize)? = self.x,
            4 => self.a = self.arithmetic(i)?,
            5 => return Some(Next::Jump(self.jump(i)?)),
            6 => return Some(Next::Return(if i.code & 0x18 == 0x10 { self.a } else { i.k } != 0)),
            _ if i.code & 0xf8 == 0x80 => self.a = self.x,
            _ => self.x = self.a,
        }
        Some(Next::Go)
    }
    fn value(&self, i: Instruction) -> Option<u32> {
        let size = match i.code & 0x18 {
            0x08 => 2,
            0x10 => 1,
            _ => 4,
        };
        match i.code & 0xe0 {
            0x00 => Some(i.k),
            0x20 => self.view.load(i.k as usize, size),
            0x40 => self.view.load((self.x as usize).checked_add(i.k as usize)?, size),
            0x60 => self.mem.get(i.k as usize).copied(),
            0x80 => Some(self.view.len()),
            _ => None,
        }
    }
    fn arithmetic(&self, i: Instruction) -> Option<u32> {
        let (a, v) = (self.a, if i.code & 0x08 != 0 { self.x } else { i.k });
        Some(match i.code & 0xf0 {
            0x00 => a.wrapping_add(v),
            0x10 => a.wrapping_sub(v),
            0x20 => a.wrapping_mul(v),
            0x30 => a.checked_div(v)?,
            0x40 => a | v,
            0x50 => a & v,
            0x60 => a.checked_shl(v).unwrap_or(0),
            0x70 => a.checked_shr(v).unwrap_or(0),
            0x80 => a.wrapping_neg(),
            0x90 => a.checked_rem(v)?,
            0xa0 => a ^ v,
            _ => return None,
        })
    }
    fn jump(&self, i: Instruction) -> Option<i64> {
        let v = if i.code & 0x08 != 0 { self.x } else { i.k };
        let yes = match i.code & 0xf0 {
            0x00 => return Some(i64::from(i.k as i32)),
            0x10 => self.a == v,
            0x20 => self.a > v,
            0x30 => self.a >= v,
            0x40 => self.a & v != 0,
            _ => return None,
        };
        Some(i64::from(if yes { i.jt } else { i.jf }))
    }
}
