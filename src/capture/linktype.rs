//! Link-layer types of capture files (the LINKTYPE_ registry of the pcap format) and the data link types libpcap wants instead.

use crate::wire::Linktype;

/// How frames of this LINKTYPE_ number are decoded.
pub(super) const fn decoded_as(number: u32) -> Linktype {
    match number {
        1 => Linktype::Ethernet,
        113 => Linktype::Sll,
        276 => Linktype::Sll2,
        101 | 228 | 229 | 12 | 14 => Linktype::Raw,
        0 => Linktype::Null,
        108 => Linktype::Loop,
        _ => Linktype::Unknown,
    }
}

/// The LINKTYPE_ number under which frames decoded this way are written again. What is not decoded keeps its bytes under a number that nobody
/// else gives a meaning (LINKTYPE_USER0).
pub(super) const fn number(decoded: Linktype) -> u16 {
    match decoded {
        Linktype::Ethernet => 1,
        Linktype::Sll => 113,
        Linktype::Sll2 => 276,
        Linktype::Raw => 101,
        Linktype::Null => 0,
        Linktype::Loop => 108,
        Linktype::Unknown => 147,
    }
}

/// The DLT_ number by which libpcap on Linux knows it, for compiling a filter.
pub(super) fn dlt(number: u32) -> i32 {
    match number {
        101 | 14 => 12,
        n => i32::try_from(n).unwrap_or(i32::MAX),
    }
}

/// The LINKTYPE_ number of a DLT_ number that libpcap gives on Linux.
pub(super) fn of_dlt(number: i32) -> u32 {
    match number {
        12 | 14 => 101,
        n => u32::try_from(n).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_types_are_decoded_and_others_are_unknown() {
        assert_eq!([1, 113, 276, 0, 108].map(decoded_as), [Linktype::Ethernet, Linktype::Sll, Linktype::Sll2, Linktype::Null, Linktype::Loop]);
        assert!([101, 228, 229, 12, 14].iter().all(|n| decoded_as(*n) == Linktype::Raw));
        for n in [1, 113, 276, 101, 0, 108, 147] {
            assert_eq!(number(decoded_as(n)), n as u16);
        }
        assert!([127, 105, 9, u32::MAX].iter().all(|n| decoded_as(*n) == Linktype::Unknown));
    }
}
