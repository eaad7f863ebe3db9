//! A seeded generator: same seed, same decisions.

/// `SplitMix64` (Steele, Lea, Flood 2014): one word of state, good enough to spread queue choices, useless for secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rng(u64);

impl Rng {
    /// The generator that `seed` starts.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next 32 bits, as a Java `int`.
    pub const fn next_i32(&mut self) -> i32 {
        let [a, b, c, d, ..] = self.next_u64().to_le_bytes();
        i32::from_le_bytes([a, b, c, d])
    }

    /// A number below `bound`, which may be 0 (then 0).
    pub fn below(&mut self, bound: u32) -> u32 {
        let bits = u64::from(u32::from_le_bytes(self.next_i32().to_le_bytes()));
        // The product's upper half is below `bound` (Lemire 2019); the bias of 2^-32 does not matter here.
        u32::try_from(bits.wrapping_mul(u64::from(bound)) >> 32).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_published_algorithm() {
        let mut rng = Rng::new(1_234_567);
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn below_stays_below_and_reaches_every_number() {
        let mut rng = Rng::new(7);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[rng.below(5) as usize] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(rng.below(0), 0);
    }
}
