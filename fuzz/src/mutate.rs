//! Inputs by chance: those there are, changed a little. Blind to what an input reaches; libFuzzer is not.

use rocketlite_core::Rng;

/// Makes inputs out of seeds.
#[derive(Debug)]
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    max_len: usize,
    rng: Rng,
}

/// Bytes at the borders of what lengths, signs and texts can be.
const NOTABLE: [u8; 14] = [0, 1, 2, 4, 0x7f, 0x80, 0xfe, 0xff, b'"', b'\\', b'{', b'[', b',', b'0'];

/// Changes to one input, at most.
const MOST_CHANGES: usize = 8;

impl Mutator {
    /// Inputs of up to `max_len` bytes. The same `seed` makes the same inputs.
    pub const fn new(seeds: Vec<Vec<u8>>, max_len: usize, seed: u64) -> Self {
        Self { seeds, max_len, rng: Rng::new(seed) }
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = if self.seeds.is_empty() || self.below(8) == 0 {
            (0..self.below(self.max_len + 1)).map(|_| self.byte()).collect()
        } else {
            let seed = self.below(self.seeds.len());
            self.seeds[seed].clone()
        };
        for _ in 0..self.below(MOST_CHANGES + 1) {
            self.change(&mut input);
        }
        input.truncate(self.max_len);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = (at + 1 + self.below(16)).min(input.len());
        match self.below(7) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.notable(),
            2 => input.insert(at, self.notable()),
            3 => input.truncate(at),
            4 => drop(input.drain(at..end.max(at))),
            5 => {
                let copy = input[at..end.max(at)].to_vec();
                let to = self.below(input.len() + 1);
                input.splice(to..to, copy);
            }
            6 if !self.seeds.is_empty() => {
                let other = self.below(self.seeds.len());
                let from = self.below(self.seeds[other].len() + 1);
                input.truncate(at);
                input.extend_from_slice(&self.seeds[other][from..]);
            }
            _ => input.insert(at, self.byte()),
        }
    }

    fn notable(&mut self) -> u8 {
        let place = self.below(NOTABLE.len());
        NOTABLE[place]
    }

    fn byte(&mut self) -> u8 {
        self.rng.next_u64().to_le_bytes()[0]
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u32::try_from(bound).expect("inputs are short");
        usize::try_from(self.rng.below(bound)).expect("it is below")
    }
}
