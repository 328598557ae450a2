//! Who made a network card: the IEEE registries MA-L, MA-M and MA-S, built into the program.

use crate::base::Mac;

/// The organisation that the IEEE gave this address's prefix to. `None` for locally administered (randomised, virtual) and group addresses.
pub fn vendor(mac: Mac) -> Option<&'static str> {
    if mac.is_local() || !mac.is_device() {
        return None;
    }
    // Upper-case digits without separators are looked up as they are: a perfect hash, longest prefix first.
    let mut digits = [0u8; 12];
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(mac.0) {
        *pair = [hex(byte >> 4), hex(byte & 15)];
    }
    let name = oui_data::lookup(std::str::from_utf8(&digits).ok()?)?.organization();
    // Some records go on with an address on further lines.
    Some(name.lines().next().unwrap_or(name).trim()).filter(|n| !n.is_empty() && *n != "Private")
}

const fn hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(mac: &str) -> Option<&'static str> {
        vendor(mac.parse().unwrap())
    }

    #[test]
    fn longest_prefix_first() {
        assert_eq!(of("00:00:0e:10:10:11"), Some("FUJITSU LIMITED"));
        assert_eq!(of("b8:4c:87:40:00:00"), Some("Blum Novotest GmbH"));
        assert_eq!(of("8c:1f:64:af:a0:00"), Some("DATA ELECTRONIC DEVICES, INC"));
    }

    #[test]
    fn made_up_addresses_have_no_maker() {
        assert_eq!(of("ea:27:01:00:00:00"), None, "a company id in an address that is locally administered names nobody");
        assert_eq!(of("02:00:0e:10:10:11"), None);
        assert_eq!(of("01:00:5e:00:00:01"), None);
        assert_eq!(of("00:00:00:00:00:00"), None);
        assert_eq!(of("ff:ff:ff:ff:ff:ff"), None);
    }

    #[test]
    fn names_are_one_line() {
        for top in 0..=0xffffu64 {
            if let Some(name) = vendor(Mac::from_u64(top << 32 | (top & 0xff) << 24)) {
                assert!(!name.contains(char::is_control) && name.trim() == name, "{name:?}");
            }
        }
    }
}
