//! A fast keyed hash for tables whose keys an attacker chooses.

/// Multiply-fold: the two halves of a 128-bit product, xor-ed. The building block of wyhash and foldhash. Not keyed: one of the numbers should be
/// one that no sender can choose, for zero times anything is zero.
#[inline]
pub const fn fold(a: u64, b: u64) -> u64 {
    let p = a as u128 * b as u128;
    p as u64 ^ (p >> 64) as u64
}

/// Spreads the bits of one number; not keyed, for tables of our own numbers.
#[inline]
pub const fn mix64(v: u64) -> u64 {
    // The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
    let v = v.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let v = (v ^ v >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let v = (v ^ v >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    v ^ v >> 31
}

/// Keyed hash of fixed-size numbers. The key is fixed offline (same input, same output) and per site live.
#[derive(Clone, Copy, Debug)]
pub struct KeyedHash {
    k: [u64; 4],
}

impl KeyedHash {
    /// From a 64-bit seed.
    pub const fn new(seed: u64) -> KeyedHash {
        let a = mix64(seed);
        let b = mix64(a ^ 0xa076_1d64_78bd_642f);
        let c = mix64(b ^ 0xe703_7ed1_a0b4_28db);
        KeyedHash { k: [a | 1, b | 1, c | 1, mix64(c) | 1] }
    }
    /// Of one 64-bit number.
    #[inline]
    pub const fn hash1(&self, v: u64) -> u64 {
        fold(fold(v ^ self.k[0], self.k[1]), self.k[2])
    }
    /// Of two 128-bit numbers and a 64-bit one; order matters.
    #[inline]
    pub const fn hash3(&self, a: u128, b: u128, c: u64) -> u64 {
        let x = fold(a as u64 ^ self.k[0], (a >> 64) as u64 ^ self.k[1]);
        let y = fold(b as u64 ^ self.k[2], (b >> 64) as u64 ^ self.k[3]);
        fold(x ^ c ^ self.k[3], y.rotate_left(29) ^ self.k[1])
    }
    /// `(hash3(a, b, c), hash3(a, b, 0))`, the work on the addresses done once. With `a <= b` the second is [`KeyedHash::pair`].
    #[inline(always)]
    pub const fn hash3_and_pair(&self, a: u128, b: u128, c: u64) -> (u64, u64) {
        let x = fold(a as u64 ^ self.k[0], (a >> 64) as u64 ^ self.k[1]) ^ self.k[3];
        let y = fold(b as u64 ^ self.k[2], (b >> 64) as u64 ^ self.k[3]).rotate_left(29) ^ self.k[1];
        (fold(x ^ c, y), fold(x, y))
    }
    /// Of an unordered pair of addresses: equal for both directions.
    #[inline]
    pub const fn pair(&self, a: u128, b: u128) -> u64 {
        let (lo, hi) = if a < b { (a, b) } else { (b, a) };
        self.hash3(lo, hi, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_and_depends_on_the_key() {
        let (h, g) = (KeyedHash::new(1), KeyedHash::new(2));
        let mut buckets = [0u32; 64];
        for i in 0..64_000u128 {
            buckets[(h.pair(0xffff_0a00_0000 + i, 0xffff_0a1e_0000) >> 58) as usize] += 1;
            assert_ne!(h.hash1(i as u64), g.hash1(i as u64));
        }
        assert!(buckets.iter().all(|n| (850..1150).contains(n)), "{buckets:?}");
        assert_eq!(h.pair(5, 9), h.pair(9, 5));
        assert_eq!(h.hash3_and_pair(5, 9, 77), (h.hash3(5, 9, 77), h.pair(9, 5)));
        assert_ne!(h.hash3(5, 9, 1), h.hash3(9, 5, 1));
    }
}
