//! Choices: one generator per concern, so that a new choice in one does not change the others.

use core::ops::Range;

use rocketlite_core::Rng;

/// What choices are about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Concern {
    Topology = 1,
    Workload,
    Faults,
    Network,
    Engines,
    Closing,
    Consumers,
}

/// The choices of one concern.
#[derive(Debug, Clone)]
pub struct Chance(Rng);

impl Chance {
    /// Those that a seed makes where there is only one concern.
    pub const fn of_seed(seed: u64) -> Self {
        Self(Rng::new(seed))
    }

    pub(super) fn new(seed: u64, concern: Concern) -> Self {
        // Two steps of the generator apart for any two seeds.
        let mut rng = Rng::new(seed);
        let salt = rng.next_u64().wrapping_add(concern as u64);
        Self(Rng::new(Rng::new(salt).next_u64()))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number of `range`, which is not empty.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.number() % (range.end - range.start)
    }

    /// The same, as a size.
    ///
    /// # Panics
    /// If the range is empty.
    pub fn size(&mut self, range: Range<usize>) -> usize {
        range.start + usize::try_from(self.number() % (range.end - range.start) as u64).expect("below a size")
    }

    /// Whether something with `percent` percent of probability happens.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.number() % 100 < percent
    }

    /// One of them; there is at least one.
    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.size(0..of.len())].clone()
    }
}
